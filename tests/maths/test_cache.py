"""The cache: what is written with it is what would be written without it."""

import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounter
from torch.nn import functional as F  # noqa: N812

from attnlib import (
    KeyValueCache,
    LearnedPositionalEncoding,
    MultiHeadAttention,
    RotaryPositionalEncoding,
    SinusoidalPositionalEncoding,
    TransformerBlock,
    alibi_bias,
    causal_mask,
    merge_heads,
    sliding_window_mask,
    split_heads,
)
from tests.maths.reference import bytes_of

# What is promised: see test_docstrings.py.
SIGNATURES = """
KeyValueCache(batch, num_kv_heads, max_len, head_dim, *, device=None, dtype=None)
KeyValueCache.append(self, key, value)
KeyValueCache.truncate(self, length)
"""

BATCH, LENGTH, MEMORY_LEN, HEADS, KV_HEADS, HEAD_DIM = 2, 11, 5, 6, 2, 4
EMBED_DIM = HEADS * HEAD_DIM
POSITIONS = ["rotary", "learned", "sinusoidal", "none"]
DOUBLE = {"dtype": torch.float64}

# A text is written by hand here, and a cache keeps no gradients.
pytestmark = pytest.mark.usefixtures("without_gradients")


@pytest.fixture
def without_gradients():
    with torch.no_grad():
        yield


class LanguageModel(nn.Module):
    """Two blocks and positions, as whoever generates would write them."""

    def __init__(self, positions: str = "rotary", num_kv_heads: int = KV_HEADS) -> None:
        super().__init__()
        rotary = RotaryPositionalEncoding(HEAD_DIM) if positions == "rotary" else None
        self.positions = {
            "learned": LearnedPositionalEncoding(LENGTH, EMBED_DIM),
            "sinusoidal": SinusoidalPositionalEncoding(EMBED_DIM),
        }.get(positions)
        options = {"num_kv_heads": num_kv_heads, "rotary": rotary}
        self.blocks = nn.ModuleList(
            TransformerBlock(EMBED_DIM, HEADS, 13, **options) for _ in range(2)
        )

    def caches(self, max_len: int = LENGTH, *, batch: int = BATCH) -> list[KeyValueCache]:
        heads = self.blocks[0].self_attention.num_kv_heads
        dtype = self.blocks[0].self_attention.in_proj.weight.dtype
        return [KeyValueCache(batch, heads, max_len, HEAD_DIM, dtype=dtype) for _ in self.blocks]

    def forward(
        self, x: Tensor, caches: list[KeyValueCache] | None = None, mask: Tensor | None = None
    ) -> Tensor:
        if self.positions is not None:
            x = self.positions(x, offset=caches[0].length if caches else 0)
        for i, block in enumerate(self.blocks):
            cache = caches[i] if caches else None
            x, _ = block(x, mask=mask, is_causal=True, cache=cache)
        return x


def model(positions: str = "rotary", num_kv_heads: int = KV_HEADS) -> LanguageModel:
    return LanguageModel(positions, num_kv_heads).double().eval()


def tokens(length: int = LENGTH, *, batch: int = BATCH) -> Tensor:
    return torch.randn(batch, length, EMBED_DIM, dtype=torch.float64)


def layer(**options: object) -> MultiHeadAttention:
    options = {"num_kv_heads": KV_HEADS, "rotary": RotaryPositionalEncoding(HEAD_DIM)} | options
    return MultiHeadAttention(EMBED_DIM, HEADS, bias=True, **options).double()


def fresh(max_len: int = LENGTH, *, batch: int = BATCH, heads: int = KV_HEADS) -> KeyValueCache:
    return KeyValueCache(batch, heads, max_len, HEAD_DIM, **DOUBLE)


def state(cache: KeyValueCache) -> tuple[int, list[bytes]]:
    return cache.length, bytes_of(cache.keys, cache.values)


# --- cached = uncached --------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [[1] * 11, [4, 1, 1, 5], [11], [0, 3, 0, 8]], ids=str)
@pytest.mark.parametrize(
    ("positions", "num_kv_heads"),
    [("rotary", 1), ("rotary", 2), ("rotary", 6), ("learned", 2), ("sinusoidal", 6), ("none", 2)],
)
def test_token_by_token_or_in_chunks_is_all_at_once(
    positions: str, num_kv_heads: int, pieces: list[int]
) -> None:
    language, x = model(positions, num_kv_heads), tokens()
    caches = language.caches()
    written = [language(piece, caches) for piece in x.split(pieces, dim=1)]
    torch.testing.assert_close(torch.cat(written, dim=1), language(x))
    assert {cache.length for cache in caches} == {LENGTH}


@pytest.mark.parametrize("positions", POSITIONS)
def test_in_float32_to_a_hundred_thousandth(positions: str) -> None:
    language, x = model(positions).float(), tokens().float()
    caches = language.caches()
    written = [language(token, caches) for token in x.split(1, dim=1)]
    torch.testing.assert_close(torch.cat(written, dim=1), language(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_half_precision_it_drifts_by_roundings(dtype: torch.dtype) -> None:
    """Other products round otherwise; what comes out is as near to the truth as without a cache."""
    language, x = model(), tokens()
    exact = language(x)
    half = copy.deepcopy(language).to(dtype)
    caches = half.caches()
    written = torch.cat([half(token, caches) for token in x.to(dtype).split(1, dim=1)], dim=1)
    assert written.dtype == caches[0].keys.dtype == dtype
    drift = (written - half(x.to(dtype))).abs().max()
    error = (half(x.to(dtype)) - exact).abs().max()
    assert drift <= 4 * torch.finfo(dtype).eps * exact.abs().max()
    assert (written - exact).abs().max() <= 2 * error


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("kind", ["none", "mask", "mask of a batch", "mask of heads", "bias"])
def test_a_mask_has_a_column_for_each_key_that_is_kept(
    kind: str, is_causal: bool, need_weights: bool
) -> None:
    attention, x, cache = layer(), tokens(), fresh()
    shape = {"mask of a batch": (BATCH,), "mask of heads": (BATCH, HEADS)}.get(kind, ())
    full: dict[str, Tensor] = {}
    if kind.startswith("mask"):
        full = {"mask": torch.rand(*shape, LENGTH, LENGTH) < 0.7}
    if kind == "bias":
        full = {"attn_bias": alibi_bias(HEADS, LENGTH).double()}
    for start, stop in [(0, 4), (4, 5), (5, 5), (5, 9), (9, 11)]:
        cut = {name: each[..., start:stop, :stop] for name, each in full.items()}
        if kind == "bias":
            torch.testing.assert_close(
                cut["attn_bias"], alibi_bias(HEADS, stop - start, stop).double()
            )
        options = {"is_causal": is_causal, "need_weights": need_weights}
        output, weights = attention(x[:, start:stop], cache=cache, **cut, **options)
        # Without a cache: the new ones ask, and all so far answer.
        expected, all_weights = attention(x[:, start:stop], x[:, :stop], **cut, **options)
        torch.testing.assert_close(output, expected)
        assert (weights is None) != need_weights
        if need_weights:
            torch.testing.assert_close(weights, all_weights)


def test_a_window_goes_with_a_cache() -> None:
    attention, x, cache = layer(), tokens(), fresh()
    whole, _ = attention(x, mask=sliding_window_mask(LENGTH, window=3), is_causal=True)
    for i in range(LENGTH):
        mask = sliding_window_mask(1, i + 1, window=3)
        output, _ = attention(x[:, i : i + 1], mask=mask, is_causal=True, cache=cache)
        torch.testing.assert_close(output, whole[:, i : i + 1])


@pytest.mark.parametrize("pieces", [[1] * 11, [5, 1, 3, 2]], ids=str)
@pytest.mark.parametrize("positions", ["rotary", "sinusoidal"])
def test_texts_padded_on_the_left_are_written_as_if_alone(
    positions: str, pieces: list[int]
) -> None:
    """Rotations see distances only; what is added to a token has to count from its text's start."""
    language, lens = model("rotary" if positions == "rotary" else "none"), [LENGTH, 7]
    texts = [tokens(length, batch=1) for length in lens]
    if positions == "sinusoidal":
        texts = [SinusoidalPositionalEncoding(EMBED_DIM)(text) for text in texts]
    x = torch.cat([F.pad(text, (0, 0, LENGTH - text.shape[1], 0)) for text in texts])
    start = LENGTH - torch.tensor(lens)
    real = torch.arange(LENGTH) >= start[:, None]
    caches, written = language.caches(), []
    for piece in x.split(pieces, dim=1):
        mask = real[:, None, : caches[0].length + piece.shape[1]]
        written.append(language(piece, caches, mask))
    output = torch.cat(written, dim=1)
    assert output.isfinite().all()
    for b, text in enumerate(texts):
        torch.testing.assert_close(output[b, start[b] :], language(text)[0])


def test_the_block_of_a_decoder_keeps_its_own_text_and_reads_memory_anew() -> None:
    block = TransformerBlock(
        EMBED_DIM, HEADS, 13, num_kv_heads=KV_HEADS, cross_attention=True
    ).double()
    x, memory, cache = tokens(), tokens(MEMORY_LEN), fresh()
    memory_mask = torch.rand(BATCH, 1, MEMORY_LEN) < 0.7
    options = {"memory_mask": memory_mask, "is_causal": True, "need_weights": True}
    whole, weights = block(x, memory, **options)
    for start, stop in [(0, 3), (3, 4), (4, 11)]:
        output, new = block(x[:, start:stop], memory, cache=cache, **options)
        torch.testing.assert_close(output, whole[:, start:stop])
        torch.testing.assert_close(
            new.self_attention, weights.self_attention[..., start:stop, :stop]
        )
        torch.testing.assert_close(new.cross_attention, weights.cross_attention[..., start:stop, :])


def test_a_step_is_what_torch_computes_from_kept_keys() -> None:
    """By torch's parts alone, keys and values side by side: an independent form."""
    attention, x = layer(), tokens()
    cache, keys, values = fresh(), [], []
    for i in range(LENGTH):
        heads = split_heads(attention.in_proj(x[:, i : i + 1]), HEADS + 2 * KV_HEADS)
        q, k, v = heads.split([HEADS, KV_HEADS, KV_HEADS], dim=1)
        keys.append(attention.rotary(k, offset=i))
        values.append(v)
        attended = F.scaled_dot_product_attention(
            attention.rotary(q, offset=i),
            torch.cat(keys, dim=2),
            torch.cat(values, dim=2),
            enable_gqa=True,
        )
        output, _ = attention(x[:, i : i + 1], is_causal=True, cache=cache)
        torch.testing.assert_close(output, attention.out_proj(merge_heads(attended)))
        torch.testing.assert_close(cache.keys[:, :, : i + 1], torch.cat(keys, dim=2))


# --- the state, and whose it is -----------------------------------------------------------------


@given(
    seed=st.integers(0, 2**32 - 1),
    pieces=st.lists(st.integers(0, 4), max_size=5),
    kept=st.integers(0, LENGTH),
    positions=st.sampled_from(POSITIONS),
)
def test_after_truncate_it_goes_on_as_if_nothing_else_had_been(
    seed: int, pieces: list[int], kept: int, positions: str
) -> None:
    torch.manual_seed(seed)
    language = model(positions)
    text, other = tokens(), tokens()
    caches = language.caches()
    language(text, caches)
    for cache in caches:
        cache.truncate(kept)
        assert cache.length == kept
    text = torch.cat([text[:, :kept], other[:, kept:]], dim=1)
    written, at = [], kept
    for piece in pieces:
        stop = min(at + piece, LENGTH)
        written.append(language(text[:, at:stop], caches))
        at = stop
    if written:
        torch.testing.assert_close(torch.cat(written, dim=1), language(text)[:, kept:at])


def test_room_that_is_not_filled_is_never_read() -> None:
    attention, x, cache = layer(), tokens(), fresh(3 * LENGTH)
    cache.keys.fill_(torch.nan)
    cache.values.fill_(torch.nan)
    for need_weights in (False, True):
        cache.truncate(0)
        for token in x.split(1, dim=1):
            output, _ = attention(token, is_causal=True, need_weights=need_weights, cache=cache)
            assert output.isfinite().all()


def test_a_step_copies_nothing_old() -> None:
    cache = fresh()
    new = torch.rand(BATCH, KV_HEADS, 3, HEAD_DIM, **DOUBLE)
    first, _ = cache.append(new, -new)
    keys, values = cache.append(2 * new, -2 * new)
    assert keys.data_ptr() == first.data_ptr() == cache.keys.data_ptr()
    assert values.data_ptr() == cache.values.data_ptr()
    assert torch.equal(first, new)  # what was handed out before stays as it was
    assert torch.equal(keys, torch.cat([new, 2 * new], dim=2))
    assert torch.equal(values, -keys)
    assert (cache.keys[:, :, 6:] == 0).all()


def test_the_layer_has_no_state() -> None:
    """Two texts by turns, each with a cache of its own; and a copy goes a way of its own."""
    attention, texts = layer(), [tokens(), tokens()]
    before = bytes_of(*texts)
    caches = [fresh(), fresh()]
    for i in range(LENGTH):
        for text, cache in zip(texts, caches, strict=True):
            expected, _ = attention(text[:, : i + 1], is_causal=True)
            output, _ = attention(text[:, i : i + 1], is_causal=True, cache=cache)
            torch.testing.assert_close(output[:, 0], expected[:, i])
    assert bytes_of(*texts) == before
    original, branch = caches[0], copy.deepcopy(caches[0])
    original.truncate(5)
    held = state(original)
    branch.truncate(7)
    attention(texts[1][:, :2], is_causal=True, cache=branch)
    assert state(original) == held
    assert branch.length == 9
    assert list(attention.state_dict()) == list(layer().state_dict())


def test_fewer_heads_of_keys_hold_fewer_bytes() -> None:
    held = {heads: fresh(heads=heads).keys.nbytes for heads in (6, 2, 1)}
    assert held[6] == 3 * held[2] == 6 * held[1] == BATCH * 6 * LENGTH * HEAD_DIM * 8


@pytest.mark.parametrize(("batch", "max_len", "new"), [(0, 3, 2), (2, 0, 0), (2, 3, 0)])
def test_nothing_in(batch: int, max_len: int, new: int) -> None:
    for need_weights in (False, True):
        cache = fresh(max_len, batch=batch)
        output, _ = layer()(
            tokens(new, batch=batch), is_causal=True, need_weights=need_weights, cache=cache
        )
        assert output.shape == (batch, new, EMBED_DIM)
        assert cache.length == new


# --- where torch does more than compute ---------------------------------------------------------


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(("padded", "prompt"), [(False, 0), (True, 5)])
def test_forty_compiled_steps_are_two_graphs_at_most(padded: bool, prompt: int) -> None:
    torch.compiler.reset()
    block = TransformerBlock(
        EMBED_DIM, HEADS, 13, num_kv_heads=KV_HEADS, rotary=RotaryPositionalEncoding(HEAD_DIM)
    ).double()
    length = prompt + 40
    # Room for one more: a mask that is cut nowhere lies otherwise in memory, and is another graph.
    x, real = tokens(length), torch.ones(BATCH, 1, length + 1, dtype=torch.bool)
    real[0, :, : 3 * padded] = False
    mask = real[..., :length] if padded else None
    whole, _ = block(x, mask=mask, is_causal=True)
    counter, cache = CompileCounter(), fresh(length)
    compiled = torch.compile(block, backend=counter, fullgraph=True)
    cut = (lambda stop: real[..., :stop]) if padded else (lambda stop: None)
    written = [block(x[:, :prompt], mask=cut(prompt), is_causal=True, cache=cache)[0]]
    for i in range(prompt, length):
        step, _ = compiled(x[:, i : i + 1], mask=cut(i + 1), is_causal=True, cache=cache)
        written.append(step)
    torch.testing.assert_close(torch.cat(written, dim=1), whole)
    assert counter.frame_count <= 2
    assert cache.length == length


def test_made_and_used_in_inference_mode_and_out_of_it() -> None:
    attention, x = layer(), tokens()
    whole, _ = attention(x, is_causal=True)
    with torch.inference_mode():
        cache = fresh()
        first, _ = attention(x[:, :5], is_causal=True, cache=cache)
    second, _ = attention(x[:, 5:8], is_causal=True, cache=cache)
    with torch.inference_mode():
        third, _ = attention(x[:, 8:], is_causal=True, cache=cache)
    torch.testing.assert_close(torch.cat([first, second, third], dim=1), whole)


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_under_autocast_the_cache_may_have_either_dtype(dtype: torch.dtype) -> None:
    attention, x = layer().float(), tokens().float()
    expected, _ = attention(x, is_causal=True)
    cache = KeyValueCache(BATCH, KV_HEADS, LENGTH, HEAD_DIM, dtype=dtype)
    with torch.autocast(x.device.type, dtype=torch.bfloat16):
        for need_weights in (False, True):
            cache.truncate(0)
            written = [
                attention(token, is_causal=True, need_weights=need_weights, cache=cache)[0]
                for token in x.split(1, dim=1)
            ]
            torch.testing.assert_close(
                torch.cat(written, dim=1).float(), expected, atol=0.05, rtol=0.05
            )


def test_where_there_are_shapes_but_no_values() -> None:
    cache = KeyValueCache(BATCH, KV_HEADS, LENGTH, HEAD_DIM, device="meta", **DOUBLE)
    output, weights = layer().to("meta")(
        tokens(3).to("meta"), is_causal=True, need_weights=True, cache=cache
    )
    assert output.is_meta
    assert weights.shape == (BATCH, HEADS, 3, 3)
    assert cache.length == 3


def test_parameters_that_learn_nothing_more_may_write_anywhere() -> None:
    attention = layer().requires_grad_(False)
    with torch.enable_grad():
        attention(tokens(), is_causal=True, cache=fresh())


# --- what is refused ----------------------------------------------------------------------------


def keys(batch: int = BATCH, heads: int = KV_HEADS, new: int = 1, width: int = HEAD_DIM) -> Tensor:
    return torch.rand(batch, heads, new, width, **DOUBLE)


REFUSED: dict[str, tuple[Callable[[KeyValueCache], object], str]] = {
    "too many": (
        lambda cache: cache.append(keys(new=5), keys(new=5)),
        r"^the cache has room for max_len = 11 tokens, not for 12 \(7 kept \+ 5 new\)$",
    ),
    "too many for the layer": (
        lambda cache: layer()(tokens(5), is_causal=True, cache=cache),
        r"max_len = 11 tokens, not for 12",
    ),
    "another batch": (
        lambda cache: cache.append(keys(batch=3), keys(batch=3)),
        r"^key must have shape \(batch = 2, num_kv_heads = 2, new, head_dim = 4\) for this cache, "
        r"got \(3, 2, 1, 4\)$",
    ),
    "other heads": (
        lambda cache: layer(num_kv_heads=3)(tokens(1), cache=cache),
        r"^key must have shape .*, got \(2, 3, 1, 4\)$",
    ),
    "another width": (
        lambda cache: cache.append(keys(), keys(width=5)),
        r"^value must have shape .*, got \(2, 2, 1, 5\)$",
    ),
    "no heads": (
        lambda cache: cache.append(keys()[0], keys()[0]),
        r"^key must have shape .*, got \(2, 1, 4\)$",
    ),
    "fewer values": (
        lambda cache: cache.append(keys(new=2), keys(new=1)),
        r"^key and value must have the same shape, got \(2, 2, 2, 4\) and \(2, 2, 1, 4\)$",
    ),
    "another dtype": (
        lambda cache: cache.append(keys(), keys().float()),
        r"^value must be of the cache's dtype .* torch.float64 on \w+.*; got torch.float32 on ",
    ),
    "another device": (
        lambda cache: cache.append(keys().to("meta"), keys()),
        r"^key must be of .*; got torch.float64 on meta$",
    ),
    "a mask for the new tokens alone": (
        lambda cache: layer()(tokens(2), mask=causal_mask(2), cache=cache),
        r"^mask of shape \(2, 2\) does not broadcast to the scores, .* \(2, 6, 2, 9\)$",
    ),
    "a bias for the new tokens alone": (
        lambda cache: layer()(tokens(2), attn_bias=torch.zeros(2, 2, **DOUBLE), cache=cache),
        r"^attn_bias of shape \(2, 2\) does not broadcast to the scores, .* \(2, 6, 2, 9\)$",
    ),
    "a bias of another dtype": (
        lambda cache: layer()(tokens(2), attn_bias=torch.zeros(2, 9), cache=cache),
        r"^attn_bias must have the dtype of the query, torch.float64, got torch.float32",
    ),
    "keys of another text": (
        lambda cache: layer()(tokens(1), tokens(5), cache=cache),
        r"^a cache goes with self-attention: .* got key \(2, 5, 24\) and value None$",
    ),
    "values of another text": (
        lambda cache: layer()(tokens(1), value=tokens(5), cache=cache),
        r"^a cache goes with self-attention: .* got key None and value \(2, 5, 24\)$",
    ),
    "a memory for nobody": (
        lambda cache: TransformerBlock(EMBED_DIM, HEADS, 13, num_kv_heads=KV_HEADS).double()(
            tokens(1), tokens(5), cache=cache
        ),
        r"^memory was given",
    ),
    "forgetting less than nothing": (
        lambda cache: cache.truncate(-1),
        r"^length must lie between 0 and the 7 tokens that are kept, got -1$",
    ),
    "forgetting what is not there": (
        lambda cache: cache.truncate(8),
        r"^length must lie between 0 and the 7 tokens that are kept, got 8$",
    ),
}


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_fit_is_named_and_nothing_is_written(what: str) -> None:
    call, message = REFUSED[what]
    cache = fresh()
    cache.append(keys(new=7), keys(new=7))
    before = state(cache)
    with pytest.raises(ValueError, match=message):
        call(cache)
    assert state(cache) == before


@pytest.mark.usefixtures("as_users_call")
def test_gradients_are_refused() -> None:
    cache = fresh()
    message = r"^{} wants a gradient, and a cache keeps none: generate under torch.no_grad\(\)$"
    with torch.enable_grad():
        with pytest.raises(ValueError, match=message.format("key")):
            layer()(tokens(1), is_causal=True, cache=cache)
        with pytest.raises(ValueError, match=message.format("value")):
            cache.append(keys(), keys().requires_grad_())
    assert cache.length == 0
    assert not cache.keys.requires_grad


@pytest.mark.parametrize("sizes", [(-1, 2, 3, 4), (2, 2, -3, 4)])
def test_a_cache_of_negative_size_is_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must not be negative, got \(-?\d, 2, -?3, 4\)$"):
        KeyValueCache(*sizes)
