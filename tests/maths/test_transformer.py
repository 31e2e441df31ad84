"""The block of a Transformer: equal to torch's layers, and what passes through it, and what not."""

import copy
import io
import itertools
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from attnlib import (
    BlockWeights,
    FeedForward,
    MultiHeadAttention,
    RotaryPositionalEncoding,
    TransformerBlock,
    causal_mask,
    padding_mask,
)
from tests.maths.reference import bytes_of, input_gradients, seeded

# What is promised: see test_docstrings.py.
SIGNATURES = """
FeedForward(embed_dim, dim_feedforward, *, activation='gelu', dropout=0.0)
FeedForward.forward(self, x)
BlockWeights(self_attention, cross_attention)
TransformerBlock(embed_dim, num_heads, dim_feedforward, *, num_kv_heads=None, norm_first=True, \
cross_attention=False, dropout=0.0, rotary=None)
TransformerBlock.forward(self, x, memory=None, mask=None, memory_mask=None, *, \
is_causal=False, need_weights=False, cache=None)
"""

BATCH, LENGTH, MEMORY_LEN, HEADS, HEAD_DIM, HIDDEN = 2, 5, 7, 3, 10, 13
EMBED_DIM = HEADS * HEAD_DIM
KINDS = ["encoder", "decoder"]


def tokens(length: int = LENGTH, *, batch: int = BATCH) -> Tensor:
    return torch.randn(batch, length, EMBED_DIM, dtype=torch.float64)


def memory_for(kind: str, length: int = MEMORY_LEN, *, batch: int = BATCH) -> list[Tensor]:
    """What the block reads beside the stream: in a decoder a memory, in an encoder nothing."""
    return [tokens(length, batch=batch)] if kind == "decoder" else []


def made(kind: str = "encoder", **options: object) -> TransformerBlock:
    """Make a block whose norms and biases are no more what they begin as."""
    block = TransformerBlock(
        EMBED_DIM, HEADS, HIDDEN, cross_attention=kind == "decoder", **options
    ).double()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return block


def torchs_names(kind: str) -> dict[str, str]:
    """Map our names of parameters to torch's."""
    parts = {"self_attention": "self_attn", "feed_forward.linear1": "linear1"}
    parts |= {"feed_forward.linear2": "linear2", "self_attention_norm": "norm1"}
    if kind == "decoder":
        parts |= {"cross_attention": "multihead_attn", "cross_attention_norm": "norm2"}
    parts |= {"feed_forward_norm": "norm3" if kind == "decoder" else "norm2"}
    names = {}
    for ours, theirs in parts.items():
        for what in ("weight", "bias"):
            if ours.endswith("attention"):
                names[f"{ours}.in_proj.{what}"] = f"{theirs}.in_proj_{what}"
                names[f"{ours}.out_proj.{what}"] = f"{theirs}.out_proj.{what}"
            else:
                names[f"{ours}.{what}"] = f"{theirs}.{what}"
    return names


def ours_and_torchs(kind: str, *, norm_first: bool) -> tuple[TransformerBlock, nn.Module]:
    """Make our block and torch's layer, with the same weights."""
    ours = made(kind, norm_first=norm_first)
    layer = nn.TransformerDecoderLayer if kind == "decoder" else nn.TransformerEncoderLayer
    theirs = layer(
        EMBED_DIM,
        HEADS,
        HIDDEN,
        dropout=0.0,
        activation="gelu",
        batch_first=True,
        norm_first=norm_first,
    ).double()
    names = torchs_names(kind)
    theirs.load_state_dict({names[name]: tensor for name, tensor in ours.state_dict().items()})
    return ours, theirs


# --- exactness ----------------------------------------------------------------------------------


def combinations() -> Iterator[tuple[str, bool, bool, bool]]:
    """Each kind of block with each combination of its masks."""
    for kind, padded, is_causal in itertools.product(KINDS, [False, True], [False, True]):
        for memory_padded in [False, True] if kind == "decoder" else [False]:
            yield kind, padded, is_causal, memory_padded


@pytest.mark.parametrize(("kind", "padded", "is_causal", "memory_padded"), list(combinations()))
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("need_weights", [False, True])
def test_equals_torchs_layer(
    kind: str,
    padded: bool,
    is_causal: bool,
    memory_padded: bool,
    norm_first: bool,
    need_weights: bool,
) -> None:
    """Outputs, and the gradients of inputs and parameters."""
    ours, theirs = ours_and_torchs(kind, norm_first=norm_first)
    inputs = [tokens(), *memory_for(kind)]
    for each in inputs:
        each.requires_grad_()
    mask = padding_mask(torch.tensor([LENGTH, 3]), LENGTH) if padded else None
    memory_mask = padding_mask(torch.tensor([4, 6]), MEMORY_LEN) if memory_padded else None

    output, weights = ours(
        *inputs,
        mask=mask,
        memory_mask=memory_mask,
        is_causal=is_causal,
        need_weights=need_weights,
    )
    assert (weights is not None) == need_weights

    side = "tgt" if kind == "decoder" else "src"
    options = {  # True = may NOT attend, here
        "tgt_mask" if kind == "decoder" else "src_mask": ~causal_mask(LENGTH)
        if is_causal
        else None,
        f"{side}_key_padding_mask": ~mask[:, 0] if padded else None,
    }
    if kind == "decoder":
        options["memory_key_padding_mask"] = ~memory_mask[:, 0] if memory_padded else None
    their_output = theirs(*inputs, **options)
    torch.testing.assert_close(output, their_output)

    mixture = torch.randn_like(output)
    gradients = input_gradients(output, mixture, inputs)
    their_inputs = input_gradients(their_output, mixture, inputs)
    for gradient, their in zip(gradients, their_inputs, strict=True):
        assert (gradient != 0).any()
        torch.testing.assert_close(gradient, their)
    their_gradients = {name: p.grad for name, p in theirs.named_parameters()}
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, their_gradients[torchs_names(kind)[name]])


@pytest.mark.parametrize("norm_first", [False, True])
def test_equals_torchs_native_layer(norm_first: bool) -> None:
    """In inference torch has another implementation of its encoder's layer."""
    ours, theirs = ours_and_torchs("encoder", norm_first=norm_first)
    ours, theirs = ours.float().eval(), theirs.float().eval()
    x, mask = tokens().float(), padding_mask(torch.tensor([LENGTH, 3]), LENGTH)
    with torch.no_grad():
        expected = theirs(x, src_key_padding_mask=~mask[:, 0])
        torch.testing.assert_close(ours(x, mask=mask)[0][0], expected[0])  # padding it zeroes
        torch.testing.assert_close(ours(x, mask=mask)[0][1, :3], expected[1, :3])


def test_feed_forward_by_hand() -> None:
    feed_forward = FeedForward(2, 3, activation="relu")
    with torch.no_grad():
        feed_forward.linear1.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
        feed_forward.linear1.bias.copy_(torch.tensor([0.0, 1.0, -2.0]))
        feed_forward.linear2.weight.copy_(torch.tensor([[1.0, 10.0, 100.0], [0.0, 0.0, 1.0]]))
        feed_forward.linear2.bias.copy_(torch.tensor([0.5, -0.5]))
    # Hidden entries: (−1, 3, −1), of which relu keeps 3; (2, 2, 1).
    output = feed_forward(torch.tensor([[-1.0, 2.0], [2.0, 1.0]]))
    assert output.tolist() == [[30.5, -0.5], [122.5, 0.5]]


@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_the_activation_stands_between_two_linear_maps(activation: str) -> None:
    feed_forward = FeedForward(EMBED_DIM, HIDDEN, activation=activation).double()
    x = tokens()
    hidden = getattr(F, activation)(feed_forward.linear1(x))
    torch.testing.assert_close(feed_forward(x), feed_forward.linear2(hidden))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("norm_first", [False, True])
def test_parts_that_find_nothing_leave_the_stream_as_it_is(kind: str, norm_first: bool) -> None:
    """Or as the norms leave it."""
    block = made(kind, norm_first=norm_first)
    ends = [block.self_attention.out_proj, block.feed_forward.linear2]
    norms = [block.self_attention_norm, block.feed_forward_norm]
    if kind == "decoder":
        ends.append(block.cross_attention.out_proj)
        norms.insert(1, block.cross_attention_norm)
    for linear in ends:
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
    x = tokens()
    expected = x
    for norm in [] if norm_first else norms:
        expected = F.layer_norm(expected, (EMBED_DIM,), norm.weight, norm.bias)
    torch.testing.assert_close(block(x, *memory_for(kind))[0], expected)


@pytest.mark.parametrize("norm_first", [False, True])
def test_rotary_and_grouped_queries_reach_the_attentions(norm_first: bool) -> None:
    rotary = RotaryPositionalEncoding(HEAD_DIM)
    block = made("decoder", norm_first=norm_first, rotary=rotary, num_kv_heads=1)
    for attention, turns in ((block.self_attention, rotary), (block.cross_attention, None)):
        expected = MultiHeadAttention(EMBED_DIM, HEADS, num_kv_heads=1, bias=True, rotary=turns)
        expected.double().load_state_dict(attention.state_dict())
        x, memory = tokens(), tokens(MEMORY_LEN)
        torch.testing.assert_close(attention(x, memory)[0], expected(x, memory)[0])
    x, memory = tokens(), tokens(MEMORY_LEN)
    order = torch.randperm(MEMORY_LEN)
    output, _ = block(x, memory)
    torch.testing.assert_close(block(x, memory[:, order])[0], output)  # memory is a set
    assert not torch.allclose(block(x.flip(1), memory)[0].flip(1), output)  # the stream is none


@pytest.mark.parametrize("norm_first", [False, True])
def test_gradcheck(norm_first: bool) -> None:
    block = TransformerBlock(4, 2, 3, norm_first=norm_first, cross_attention=True).double()
    x = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    memory = torch.randn(2, 5, 4, dtype=torch.float64, requires_grad=True)
    memory_mask = padding_mask(torch.tensor([4, 0]), 5)
    assert torch.autograd.gradcheck(
        lambda x, memory: block(x, memory, memory_mask=memory_mask, is_causal=True)[0], (x, memory)
    )


# --- what passes between positions, and what not ------------------------------------------------


@given(
    seed=st.integers(0, 2**32 - 1),
    activation=st.sampled_from(["gelu", "relu"]),
    lead=st.sampled_from([(), (3,), (2, 5), (2, 3, 5)]),
)
def test_feed_forward_moves_nothing_between_positions(
    seed: int, activation: str, lead: tuple[int, ...]
) -> None:
    generator = seeded(seed)
    feed_forward = FeedForward(6, 7, activation=activation).double()
    x = torch.randn(*lead, 6, generator=generator, dtype=torch.float64)
    output = feed_forward(x)
    alone = [feed_forward(vector) for vector in x.reshape(-1, 6)]
    torch.testing.assert_close(output.reshape(-1, 6), torch.stack(alone))

    # The leak test, once by change and once by gradient.
    flat = x.reshape(-1, 6)
    one = seed % len(flat)
    other = flat.clone()
    other[one] += 2.0
    moved = (feed_forward(other.reshape(x.shape)) != output).any(dim=-1).flatten()
    assert moved.nonzero().flatten().tolist() == [one]
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(feed_forward(x).reshape(-1, 6)[one].sum(), x)
    assert (gradient.reshape(-1, 6) != 0).any(dim=-1).nonzero().flatten().tolist() == [one]


@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    depth=st.integers(1, 5),
    length=st.integers(1, 7),
    norm_first=st.booleans(),
    kind=st.sampled_from(KINDS),
    need_weights=st.booleans(),
)
def test_causal_blocks_leak_nothing_however_many(
    seed: int, depth: int, length: int, norm_first: bool, kind: str, need_weights: bool
) -> None:
    generator = seeded(seed)
    rotary = RotaryPositionalEncoding(HEAD_DIM)
    blocks = [made(kind, norm_first=norm_first, rotary=rotary) for _ in range(depth)]
    memory = memory_for(kind)

    def pass_through(x: Tensor) -> Tensor:
        for block in blocks:
            x, _ = block(x, *memory, is_causal=True, need_weights=need_weights)
        return x

    x = torch.randn(BATCH, length, EMBED_DIM, generator=generator, dtype=torch.float64)
    before = bytes_of(x, *memory)
    one = seed % length
    other = x.clone()
    other[:, one] += 2.0
    moved = (pass_through(other) != pass_through(x)).any(dim=-1)
    assert not moved[:, :one].any()
    assert moved[:, one:].all()
    assert bytes_of(x, *memory) == before

    x.requires_grad_()
    (gradient,) = torch.autograd.grad(pass_through(x)[:, one].sum(), x)
    assert (gradient[:, one + 1 :] == 0).all()
    assert (gradient[:, : one + 1] != 0).any(dim=-1).all()


@pytest.mark.parametrize("norm_first", [False, True])
def test_padding_reaches_no_token_however_many_blocks(norm_first: bool) -> None:
    encoder = [made(norm_first=norm_first) for _ in range(4)]
    decoder = [made("decoder", norm_first=norm_first) for _ in range(4)]
    lens, memory_lens = torch.tensor([LENGTH, 3]), torch.tensor([4, 6])
    mask, memory_mask = padding_mask(lens, LENGTH), padding_mask(memory_lens, MEMORY_LEN)

    def pass_through(x: Tensor, memory: Tensor) -> Tensor:
        for block in encoder:
            memory, _ = block(memory, mask=memory_mask)
        for block in decoder:
            x, _ = block(x, memory, mask=mask, memory_mask=memory_mask)
        return x

    x, memory = tokens(), tokens(MEMORY_LEN)
    output = pass_through(x, memory)
    for b in range(BATCH):  # the same as each sentence by itself, without padding
        alone, said = x[b : b + 1, : lens[b]], memory[b : b + 1, : memory_lens[b]]
        for block in encoder:
            said, _ = block(said)
        for block in decoder:
            alone, _ = block(alone, said)
        torch.testing.assert_close(output[b, : lens[b]], alone[0])


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("norm_first", [False, True])
def test_all_of_memory_is_past(is_causal: bool, norm_first: bool) -> None:
    block = made("decoder", norm_first=norm_first)
    x, memory = tokens(), tokens(MEMORY_LEN).requires_grad_()
    _, weights = block(x, memory, is_causal=is_causal, need_weights=True)
    assert (weights.cross_attention > 0).all()
    (gradient,) = torch.autograd.grad(block(x, memory, is_causal=is_causal)[0][:, 0].sum(), memory)
    assert (gradient != 0).any(dim=-1).all()


# --- weights ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("norm_first", [False, True])
def test_weights_on_or_off(kind: str, masked: bool, is_causal: bool, norm_first: bool) -> None:
    block = made(kind, norm_first=norm_first)
    x, memory = tokens().requires_grad_(), memory_for(kind)
    options: dict[str, object] = {"is_causal": is_causal}
    seen, read = torch.ones(2, LENGTH, LENGTH) > 0, torch.ones(2, LENGTH, MEMORY_LEN) > 0
    if masked:
        options["mask"] = seen = torch.rand(BATCH, LENGTH, LENGTH) < 0.6
    if masked and kind == "decoder":
        options["memory_mask"] = read = torch.rand(BATCH, LENGTH, MEMORY_LEN) < 0.6
    output, nothing = block(x, *memory, **options)
    explicit, weights = block(x, *memory, **options, need_weights=True)
    assert nothing is None
    torch.testing.assert_close(output, explicit)
    mixture = torch.randn_like(output)
    gradients = [torch.autograd.grad((each * mixture).sum(), x)[0] for each in (output, explicit)]
    torch.testing.assert_close(*gradients)

    assert isinstance(weights, BlockWeights)
    seen = seen & causal_mask(LENGTH) if is_causal else seen
    assert torch.equal(weights.self_attention != 0, seen[:, None].expand(-1, HEADS, -1, -1))
    if kind == "decoder":
        assert torch.equal(weights.cross_attention != 0, read[:, None].expand(-1, HEADS, -1, -1))
    else:
        assert weights.cross_attention is None
    for each in [weights.self_attention, *([weights.cross_attention] if memory else [])]:
        torch.testing.assert_close(each.sum(dim=-1), (each != 0).any(dim=-1).double())


@pytest.mark.parametrize("shape", [(), (BATCH,), (1,), (BATCH, HEADS), (BATCH, 1), (1, HEADS)])
def test_masks_of_all_shapes_reach_their_attention(shape: tuple[int, ...]) -> None:
    block = made("decoder")
    mask = torch.rand(*shape, LENGTH, LENGTH) < 0.6
    memory_mask = torch.rand(*shape, LENGTH, MEMORY_LEN) < 0.6
    _, weights = block(
        tokens(), tokens(MEMORY_LEN), mask=mask, memory_mask=memory_mask, need_weights=True
    )
    for each, given_mask in zip(weights, (mask, memory_mask), strict=True):
        beside_heads = given_mask.unsqueeze(1) if given_mask.ndim == 3 else given_mask
        assert torch.equal(each != 0, beside_heads.expand(each.shape))


# --- robustness ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("need_weights", [False, True])
def test_half_precision_with_empty_rows(
    dtype: torch.dtype, norm_first: bool, need_weights: bool
) -> None:
    torch.manual_seed(1)
    exact = made("decoder", norm_first=norm_first)
    block = copy.deepcopy(exact).to(dtype)
    x, memory = tokens(), tokens(MEMORY_LEN)
    options = {
        "mask": padding_mask(torch.tensor([3, 0]), LENGTH),
        "memory_mask": padding_mask(torch.tensor([0, 4]), MEMORY_LEN),
        "is_causal": True,
        "need_weights": need_weights,
    }
    near = x.to(dtype).requires_grad_()
    output, weights = block(near, memory.to(dtype), **options)
    assert output.dtype == dtype
    # Eight bits of mantissa, or eleven, and entries of some ten.
    tolerance = 16 * torch.finfo(dtype).eps
    expected, _ = exact(x, memory, **options)
    torch.testing.assert_close(output.double(), expected, atol=4 * tolerance, rtol=tolerance)
    assert weights is None or {each.dtype for each in weights} == {dtype}
    output.float().sin().sum().backward()
    assert near.grad.isfinite().all()
    assert all(p.grad.isfinite().all() for p in block.parameters())


@pytest.mark.parametrize(
    ("batch", "length", "memory_len"), [(2, 0, 0), (2, 0, 3), (2, 3, 0), (0, 3, 2), (0, 0, 0)]
)
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("need_weights", [False, True])
def test_nothing_in(
    batch: int, length: int, memory_len: int, norm_first: bool, need_weights: bool
) -> None:
    block = made("decoder", norm_first=norm_first, rotary=RotaryPositionalEncoding(HEAD_DIM))
    x, memory = tokens(length, batch=batch), tokens(memory_len, batch=batch)
    output, weights = block(x, memory, is_causal=True, need_weights=need_weights)
    assert output.shape == x.shape
    assert output.isfinite().all()
    if need_weights:
        assert weights.self_attention.shape == (batch, HEADS, length, length)
        assert weights.cross_attention.shape == (batch, HEADS, length, memory_len)
    assert FeedForward(EMBED_DIM, HIDDEN).double()(x).shape == x.shape


def test_dropout_drops_in_training_only() -> None:
    block = made("decoder", dropout=0.5)
    x, memory = tokens(), tokens(MEMORY_LEN)
    once, weights = block(x, memory, need_weights=True)
    assert not torch.equal(once, block(x, memory)[0])
    for each in weights:  # those before dropout
        torch.testing.assert_close(each.sum(dim=-1), torch.ones_like(each[..., 0]))
    without = made("decoder")
    without.load_state_dict(block.state_dict())
    torch.testing.assert_close(block.eval()(x, memory)[0], without(x, memory)[0])
    torch.testing.assert_close(without.train()(x, memory)[0], without.eval()(x, memory)[0])


def test_dropout_stands_in_four_places() -> None:
    """With all dropped, nothing is added to the stream; with the last one off, only biases are."""
    block = made("decoder", dropout=1.0)
    x, memory = tokens(), tokens(MEMORY_LEN)
    assert torch.equal(block(x, memory)[0], x)
    block.dropout = 0.0  # what is left drops weights of both attentions, and hidden entries
    expected = x
    for end in (
        block.self_attention.out_proj,
        block.cross_attention.out_proj,
        block.feed_forward.linear2,
    ):
        expected = expected + end.bias
    values = block.self_attention.in_proj.bias[2 * EMBED_DIM :]
    assert (values != 0).any()  # and would show, were weights not dropped
    torch.testing.assert_close(block(x, memory)[0], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_and_saved_states_give_the_same_output(kind: str) -> None:
    block = made(kind, rotary=RotaryPositionalEncoding(HEAD_DIM))
    inputs = [tokens(), *memory_for(kind)]
    expected, _ = block(*inputs)
    torch.testing.assert_close(copy.deepcopy(block)(*inputs)[0], expected)

    file = io.BytesIO()
    torch.save(block.state_dict(), file)
    file.seek(0)
    state = torch.load(file)
    assert set(state) == set(torchs_names(kind))
    other = made(kind, rotary=RotaryPositionalEncoding(HEAD_DIM))
    assert not torch.allclose(other(*inputs)[0], expected)
    other.load_state_dict(state)
    assert torch.equal(other(*inputs)[0], expected)


def test_a_fresh_block_leaves_the_norms_neutral_and_has_as_many_parameters_as_torchs() -> None:
    for cross_attention in (False, True):
        block = TransformerBlock(EMBED_DIM, HEADS, HIDDEN, cross_attention=cross_attention)
        attention, norm = 4 * EMBED_DIM**2 + 4 * EMBED_DIM, 2 * EMBED_DIM
        feed_forward = 2 * EMBED_DIM * HIDDEN + HIDDEN + EMBED_DIM
        attentions = 2 if cross_attention else 1
        expected = attentions * (attention + norm) + feed_forward + norm
        assert sum(p.numel() for p in block.parameters()) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_moves_to_where_there_are_shapes_but_no_values(kind: str) -> None:
    block = made(kind, rotary=RotaryPositionalEncoding(HEAD_DIM)).to("meta")
    inputs = [each.to("meta") for each in (tokens(), *memory_for(kind))]
    output, weights = block(*inputs, is_causal=True, need_weights=True)
    assert output.is_meta
    assert output.shape == (BATCH, LENGTH, EMBED_DIM)
    assert weights.self_attention.is_meta


@pytest.mark.usefixtures("as_users_call")
def test_autocast_takes_all_of_a_block_along() -> None:
    block = made("decoder").float()
    x, memory = tokens().float(), tokens(MEMORY_LEN).float()
    expected, _ = block(x, memory)
    with torch.autocast(x.device.type, dtype=torch.bfloat16):
        for need_weights in (False, True):
            output, _ = block(x, memory, is_causal=False, need_weights=need_weights)
            torch.testing.assert_close(output.float(), expected, atol=0.3, rtol=0.05)


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(("kind", "need_weights"), [("encoder", False), ("decoder", True)])
def test_compiles_and_exports_without_a_break(kind: str, need_weights: bool) -> None:
    block = made(kind, rotary=RotaryPositionalEncoding(HEAD_DIM), num_kv_heads=1).eval()
    inputs = (tokens(), *memory_for(kind))
    options: dict[str, object] = {"is_causal": True, "need_weights": need_weights}
    options["mask"] = padding_mask(torch.tensor([3, 2]), LENGTH)
    if kind == "decoder":
        options["memory_mask"] = padding_mask(torch.tensor([4, 2]), MEMORY_LEN)
    expected = block(*inputs, **options)

    # The backend that only captures: what a graph is turned into is not our affair.
    compiled = torch.compile(block, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(*inputs, **options), expected)
    program = torch.export.export(block, inputs, options)
    torch.testing.assert_close(program.module()(*inputs, **options), expected)


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.usefixtures("as_users_call")
def test_inputs_that_do_not_fit_are_named() -> None:
    encoder = TransformerBlock(6, 3, 5)
    decoder = TransformerBlock(6, 3, 5, cross_attention=True)
    x, memory = torch.rand(2, 5, 6), torch.rand(2, 7, 6)
    message = r"^x must have shape \(batch, length, embed_dim = 6\), got \(5, 6\)$"
    with pytest.raises(ValueError, match=message):
        encoder(torch.rand(5, 6))
    with pytest.raises(ValueError, match=r"^x must have shape .*, got \(2, 5, 4\)$"):
        encoder(torch.rand(2, 5, 4))
    with pytest.raises(ValueError, match=r"^memory must have shape .* = 6\), got \(2, 7, 4\)$"):
        decoder(x, torch.rand(2, 7, 4))
    with pytest.raises(ValueError, match=r"^memory must have shape .*, got \(7, 6\)$"):
        decoder(x, torch.rand(7, 6))
    with pytest.raises(ValueError, match=r"agree in batch, got \(2, 5, 6\) and \(3, 7, 6\)$"):
        decoder(x, torch.rand(3, 7, 6))
    with pytest.raises(ValueError, match=r"^memory is missing: .* cross_attention = True$"):
        decoder(x)
    with pytest.raises(ValueError, match=r"^memory was given, of shape \(2, 7, 6\), .* = False$"):
        encoder(x, memory)
    given_mask = torch.ones(5, 7, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"^memory_mask was given, of shape \(5, 7\), .* = False"):
        encoder(x, memory_mask=given_mask)
    with pytest.raises(ValueError, match=r"^x must have shape \(\.\.\., embed_dim = 6\), got \(\)"):
        FeedForward(6, 5)(torch.tensor(1.0))
    with pytest.raises(ValueError, match=r"^x must have shape .* = 6\), got \(2, 5\)$"):
        FeedForward(6, 5)(torch.rand(2, 5))


@pytest.mark.usefixtures("as_users_call")
def test_masks_that_do_not_fit_are_named() -> None:
    block = TransformerBlock(6, 3, 5, cross_attention=True)
    x, memory = torch.rand(2, 5, 6), torch.rand(2, 7, 6)
    for name, right, wrong in (("mask", 5, 7), ("memory_mask", 7, 5)):
        block(x, memory, **{name: torch.ones(5, right, dtype=torch.bool)})
        for lead, scores in (((), (2, 3)), ((2,), (2,)), ((2, 3), (2, 3))):
            shape = ", ".join(map(str, (*lead, 5, wrong)))
            fits = ", ".join(map(str, (*scores, 5, right)))
            message = rf"^{name} of shape \({shape}\) does not broadcast .* = \({fits}\)$"
            with pytest.raises(ValueError, match=message):
                block(x, memory, **{name: torch.ones(*lead, 5, wrong, dtype=torch.bool)})
        with pytest.raises(ValueError, match=rf"^{name} must be a boolean .*, got torch.float32;"):
            block(x, memory, **{name: torch.zeros(5, right)})
        with pytest.raises(ValueError, match=rf"^{name} must be a boolean .*, got list;"):
            block(x, memory, **{name: [[True] * right] * 5})


@pytest.mark.usefixtures("as_users_call")
def test_blocks_that_cannot_be_are_refused() -> None:
    for widths in [(0, 5), (6, 0), (6, -5)]:
        message = rf"^embed_dim and dim_feedforward must .* got {widths[0]} and {widths[1]}$"
        with pytest.raises(ValueError, match=message):
            FeedForward(*widths)
    with pytest.raises(ValueError, match=r'^activation must be "gelu" or "relu", got \'tanh\'$'):
        FeedForward(6, 5, activation="tanh")
    for dropout in (-0.1, 1.5):
        message = rf"^dropout must lie between 0 and 1, got {dropout}$"
        with pytest.raises(ValueError, match=message):
            FeedForward(6, 5, dropout=dropout)
        with pytest.raises(ValueError, match=message):
            TransformerBlock(6, 3, 5, dropout=dropout)
    with pytest.raises(ValueError, match=r"got num_heads = 4 and embed_dim = 6$"):
        TransformerBlock(6, 4, 5)
    with pytest.raises(ValueError, match=r"got num_kv_heads = 2 and num_heads = 3$"):
        TransformerBlock(6, 3, 5, num_kv_heads=2)
    with pytest.raises(ValueError, match=r"must be at least 1, got 6 and 0$"):
        TransformerBlock(6, 3, 0)
    assert FeedForward(1, 1)(torch.ones(1, 1, 1)).shape == (1, 1, 1)
    with pytest.raises(ValueError, match=r"^rotary must have .* = 2, got 4$"):
        TransformerBlock(6, 3, 5, rotary=RotaryPositionalEncoding(4))
