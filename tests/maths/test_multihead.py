import copy
import io
import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from attnlib import (
    MultiHeadAttention,
    RotaryPositionalEncoding,
    alibi_bias,
    causal_mask,
    merge_heads,
    padding_mask,
    scaled_dot_product_attention,
    split_heads,
)
from tests.maths.reference import bytes_of, input_gradients, seeded

# What is promised: see test_docstrings.py.
SIGNATURES = """
split_heads(x, num_heads)
merge_heads(x)
MultiHeadAttention(embed_dim, num_heads, *, num_kv_heads=None, bias=False, dropout=0.0, rotary=None)
MultiHeadAttention.forward(self, query, key=None, value=None, mask=None, *, attn_bias=None, \
is_causal=False, need_weights=False, cache=None)
"""

BATCH, Q_LEN, K_LEN, HEADS, HEAD_DIM = 2, 5, 7, 3, 11
EMBED_DIM = HEADS * HEAD_DIM


def tokens(length: int = Q_LEN, *, batch: int = BATCH, embed_dim: int = EMBED_DIM) -> Tensor:
    return torch.randn(batch, length, embed_dim, dtype=torch.float64)


def ours_and_torchs(*, bias: bool) -> tuple[MultiHeadAttention, nn.MultiheadAttention]:
    """Make our layer and torch's, with the same weights."""
    ours = MultiHeadAttention(EMBED_DIM, HEADS, bias=bias).double()
    theirs = nn.MultiheadAttention(EMBED_DIM, HEADS, bias=bias, batch_first=True).double()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.in_proj.weight)
        theirs.out_proj.weight.copy_(ours.out_proj.weight)
        if bias:
            theirs.in_proj_bias.copy_(ours.in_proj.bias)
            theirs.out_proj.bias.copy_(ours.out_proj.bias)
    return ours, theirs


# --- heads --------------------------------------------------------------------------------------


def test_split_heads_keeps_tokens_apart() -> None:
    # Entry (b, i, c) is labelled 100 b + 10 i + c; head h holds features c = 2h and 2h + 1.
    b, i, c = torch.meshgrid(torch.arange(2), torch.arange(5), torch.arange(6), indexing="ij")
    x = 100 * b + 10 * i + c
    heads = split_heads(x, 3)
    assert heads.shape == (2, 3, 5, 2)
    for b, h, i, d in itertools.product(range(2), range(3), range(5), range(2)):
        assert heads[b, h, i, d] == 100 * b + 10 * i + 2 * h + d
    assert heads.data_ptr() == x.data_ptr()  # a view
    assert not torch.equal(heads, x.view(2, 3, 5, 2))  # the famous bug


@given(
    batch=st.integers(0, 3),
    length=st.integers(0, 7),
    num_heads=st.integers(1, 5),
    head_dim=st.integers(1, 5),
)
def test_merge_heads_undoes_split_heads(
    batch: int, length: int, num_heads: int, head_dim: int
) -> None:
    x = torch.randn(batch, length, num_heads * head_dim)
    assert torch.equal(merge_heads(split_heads(x, num_heads)), x)


@pytest.mark.usefixtures("as_users_call")
def test_heads_that_do_not_fit_are_named() -> None:
    for num_heads in (3, 0, -5):
        message = rf"^num_heads must divide embed_dim, got num_heads = {num_heads} .* = 100$"
        with pytest.raises(ValueError, match=message):
            split_heads(torch.rand(2, 4, 100), num_heads)
        with pytest.raises(ValueError, match=message):
            MultiHeadAttention(100, num_heads)
    with pytest.raises(ValueError, match=r"got num_heads = 1 and embed_dim = 0$"):
        MultiHeadAttention(0, 1)
    with pytest.raises(ValueError, match=r"^x must have shape .*, got \(4, 100\)$"):
        split_heads(torch.rand(4, 100), 5)
    with pytest.raises(ValueError, match=r"^x must have shape .*, got \(2, 4, 100\)$"):
        merge_heads(torch.rand(2, 4, 100))


# --- exactness ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    "attends_to",
    ["itself", "itself with other values", "another", "another with its own values"],
)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("need_weights", [False, True])
def test_equals_torchs_layer(
    bias: bool, attends_to: str, masked: bool, is_causal: bool, need_weights: bool
) -> None:
    """Outputs, weights, and the gradients of inputs and parameters."""
    ours, theirs = ours_and_torchs(bias=bias)
    x = tokens()
    inputs = {
        "itself": [x],
        "itself with other values": [x, x, tokens()],
        "another": [tokens(), tokens(K_LEN)],
        "another with its own values": [tokens(), tokens(K_LEN), tokens(K_LEN)],
    }[attends_to]
    for each in inputs:
        each.requires_grad_()
    k_len = inputs[-1].shape[1]
    mask = padding_mask(torch.tensor([k_len, 3]), k_len) if masked else None

    output, weights = ours(*inputs, mask=mask, is_causal=is_causal, need_weights=need_weights)

    key = inputs[min(1, len(inputs) - 1)]
    their_output, their_weights = theirs(
        inputs[0],
        key,
        inputs[-1],
        # True = may NOT attend, here; and torch's own is_causal would align upper-left.
        key_padding_mask=~mask[:, 0] if masked else None,
        attn_mask=~causal_mask(Q_LEN, k_len) if is_causal else None,
        average_attn_weights=False,
    )
    torch.testing.assert_close(output, their_output)
    if need_weights:
        torch.testing.assert_close(weights, their_weights)
    else:
        assert weights is None

    mixture = torch.randn_like(output)
    gradients = input_gradients(output, mixture, inputs)
    their_inputs = input_gradients(their_output, mixture, inputs)
    for gradient, their in zip(gradients, their_inputs, strict=True):
        torch.testing.assert_close(gradient, their)
    torch.testing.assert_close(ours.in_proj.weight.grad, theirs.in_proj_weight.grad)
    torch.testing.assert_close(ours.out_proj.weight.grad, theirs.out_proj.weight.grad)
    if bias:
        torch.testing.assert_close(ours.in_proj.bias.grad, theirs.in_proj_bias.grad)
        torch.testing.assert_close(ours.out_proj.bias.grad, theirs.out_proj.bias.grad)


def test_each_head_is_an_attention_of_its_own() -> None:
    """One projection, then split, is a projection for each head, as the paper writes it."""
    layer = MultiHeadAttention(EMBED_DIM, HEADS).double()
    x = tokens()
    w_q, w_k, w_v = layer.in_proj.weight.chunk(3)
    heads = []
    for h in range(HEADS):
        rows = slice(h * HEAD_DIM, (h + 1) * HEAD_DIM)
        q, k, v = x @ w_q[rows].T, x @ w_k[rows].T, x @ w_v[rows].T
        heads.append((q @ k.mT / HEAD_DIM**0.5).softmax(dim=-1) @ v)
    expected = torch.cat(heads, dim=-1) @ layer.out_proj.weight.T
    torch.testing.assert_close(layer(x)[0], expected)


@pytest.mark.parametrize("bias", [False, True])
def test_projecting_at_once_equals_projecting_one_by_one(bias: bool) -> None:
    layer = MultiHeadAttention(EMBED_DIM, HEADS, bias=bias).double()
    x = tokens()
    expected, _ = layer(x)
    for inputs in [(x, x), (x, x, x), (x, x.clone()), (x, x, x.clone()), (x.clone(), x, x)]:
        torch.testing.assert_close(layer(*inputs)[0], expected)
    torch.testing.assert_close(layer(x, value=None, key=x)[0], expected)


@pytest.mark.parametrize(
    "shape", [(Q_LEN, K_LEN), (1, K_LEN), (BATCH, 1, K_LEN), (1, Q_LEN, K_LEN)]
)
def test_a_mask_is_shared_by_the_heads(shape: tuple[int, ...]) -> None:
    layer = MultiHeadAttention(EMBED_DIM, HEADS).double()
    mask = torch.rand(shape) < 0.6
    query, key = tokens(), tokens(K_LEN)
    full = mask.expand(BATCH, Q_LEN, K_LEN)
    _, weights = layer(query, key, mask=mask, need_weights=True)
    for b, h in itertools.product(range(BATCH), range(HEADS)):
        assert (weights[b, h][~full[b]] == 0).all()
        assert (weights[b, h][full[b]] > 0).all()
    torch.testing.assert_close(layer(query, key, mask=mask)[0], layer(query, key, mask=full)[0])


@pytest.mark.parametrize("shape", [(), (HEADS,), (BATCH, 1), (BATCH, HEADS)])
@pytest.mark.parametrize("need_weights", [False, True])
def test_a_bias_belongs_to_heads(shape: tuple[int, ...], need_weights: bool) -> None:
    layer = MultiHeadAttention(EMBED_DIM, HEADS).double()
    x = tokens()
    bias = torch.randn(*shape, Q_LEN, Q_LEN, dtype=torch.float64)
    q, k, v = split_heads(layer.in_proj(x), 3 * HEADS).chunk(3, dim=1)
    heads, _ = scaled_dot_product_attention(q, k, v, attn_bias=bias.expand(BATCH, HEADS, -1, -1))
    expected = layer.out_proj(merge_heads(heads))
    output, _ = layer(x, attn_bias=bias, need_weights=need_weights)
    torch.testing.assert_close(output, expected)


@pytest.mark.usefixtures("as_users_call")
def test_a_bias_has_an_axis_for_queries_and_one_for_keys() -> None:
    layer = MultiHeadAttention(EMBED_DIM, HEADS)
    query, key = tokens(Q_LEN).float(), tokens(K_LEN).float()
    layer(query, key, attn_bias=torch.zeros(HEADS, Q_LEN, K_LEN))
    with pytest.raises(ValueError, match=r"attn_bias of shape .* does not broadcast"):
        layer(query, key, attn_bias=torch.zeros(HEADS, K_LEN, Q_LEN))


@pytest.mark.parametrize("need_weights", [False, True])
def test_a_bias_has_the_dtype_of_the_input_or_of_autocast(need_weights: bool) -> None:
    layer = MultiHeadAttention(EMBED_DIM, HEADS)
    x = tokens().float()
    bias = alibi_bias(HEADS, Q_LEN)
    with pytest.raises(ValueError, match=r"dtype of the query, torch.float32, got torch.float64"):
        layer(x, attn_bias=bias.double(), need_weights=need_weights)
    expected, _ = layer(x, attn_bias=bias)
    with torch.autocast(x.device.type, dtype=torch.bfloat16):
        for given_bias in (bias, bias.bfloat16()):
            output, weights = layer(x, attn_bias=given_bias, need_weights=need_weights)
            assert output.dtype == torch.bfloat16
            assert weights is None or weights.dtype == layer(x, need_weights=True)[1].dtype
            torch.testing.assert_close(output.float(), expected, atol=0.03, rtol=0.03)
        with pytest.raises(ValueError, match=r"got torch.float64"):
            layer(x, attn_bias=bias.double(), need_weights=need_weights)


@pytest.mark.parametrize("shape", [(BATCH, HEADS), (1, HEADS), (BATCH, 1), (1, 1)])
@pytest.mark.parametrize("need_weights", [False, True])
def test_a_mask_or_bias_of_its_own_for_each_head(
    shape: tuple[int, ...], need_weights: bool
) -> None:
    layer = MultiHeadAttention(EMBED_DIM, HEADS).double()
    query, key = tokens(), tokens(K_LEN)
    mask = torch.rand(*shape, Q_LEN, K_LEN) < 0.6
    bias = torch.randn(*shape, Q_LEN, K_LEN, dtype=torch.float64)
    q, k, v = (
        split_heads(layer.in_proj(x)[..., i * EMBED_DIM : (i + 1) * EMBED_DIM], HEADS)
        for i, x in enumerate((query, key, key))
    )
    for options in ({"mask": mask}, {"attn_bias": bias}, {"mask": mask, "attn_bias": bias}):
        heads, expected = scaled_dot_product_attention(q, k, v, **options, need_weights=True)
        output, weights = layer(query, key, **options, need_weights=need_weights)
        torch.testing.assert_close(output, layer.out_proj(merge_heads(heads)))
        if need_weights:
            torch.testing.assert_close(weights, expected)


def test_three_axes_mean_the_batch_in_a_mask_and_the_heads_in_a_bias() -> None:
    """Also where batch and heads are as many, and their shapes can't tell."""
    layer = MultiHeadAttention(EMBED_DIM, HEADS).double()
    x = tokens(batch=HEADS)
    mask = torch.rand(HEADS, Q_LEN, Q_LEN) < 0.6
    bias = torch.randn(HEADS, Q_LEN, Q_LEN, dtype=torch.float64)
    for mine, spelled_out in (
        ({"mask": mask}, {"mask": mask.unsqueeze(1)}),
        ({"attn_bias": bias}, {"attn_bias": bias.unsqueeze(0)}),
    ):
        torch.testing.assert_close(layer(x, **mine)[0], layer(x, **spelled_out)[0])


def test_alibi_fits_as_a_bias() -> None:
    layer = MultiHeadAttention(EMBED_DIM, HEADS)
    x = tokens().float()
    output, weights = layer(
        x, attn_bias=alibi_bias(HEADS, Q_LEN), is_causal=True, need_weights=True
    )
    torch.testing.assert_close(
        layer(x, attn_bias=alibi_bias(HEADS, Q_LEN), is_causal=True)[0], output
    )
    assert weights[0, 0, 0].tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("interleaved", [False, True])
def test_rotary_turns_queries_and_keys_but_no_values(interleaved: bool) -> None:
    rotary = RotaryPositionalEncoding(10, interleaved=interleaved)
    layer = MultiHeadAttention(30, 3, rotary=rotary).double()
    x = tokens(embed_dim=30)
    q, k, v = split_heads(layer.in_proj(x), 9).chunk(3, dim=1)
    heads, expected = scaled_dot_product_attention(rotary(q), rotary(k), v, need_weights=True)
    output, weights = layer(x, need_weights=True)
    torch.testing.assert_close(weights, expected)
    torch.testing.assert_close(output, layer.out_proj(merge_heads(heads)))
    assert list(layer.state_dict()) == ["in_proj.weight", "out_proj.weight"]


@pytest.mark.parametrize("rotary", [None, RotaryPositionalEncoding(10)])
def test_new_queries_beside_old_keys_equal_the_end_of_the_whole(
    rotary: RotaryPositionalEncoding | None,
) -> None:
    """Queries and keys end together: so generation, token by token, gives the same."""
    layer = MultiHeadAttention(30, 3, rotary=rotary).double()
    x = tokens(7, embed_dim=30)
    whole, _ = layer(x, is_causal=True)
    for new in (1, 2, 5):
        output, _ = layer(x[:, -new:], x, is_causal=True)
        torch.testing.assert_close(output, whole[:, -new:])


GROUPED_HEADS, GROUPED_DIM = 6, 4
GROUPED_WIDTH = GROUPED_HEADS * GROUPED_DIM


def grouped(num_kv_heads: int, **options: object) -> MultiHeadAttention:
    return MultiHeadAttention(
        GROUPED_WIDTH, GROUPED_HEADS, num_kv_heads=num_kv_heads, bias=True, **options
    ).double()


@pytest.mark.parametrize("num_kv_heads", [1, 2, 3, 6])
@pytest.mark.parametrize("attends_to", ["itself", "another"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("need_weights", [False, True])
def test_grouped_queries_equal_torchs(
    num_kv_heads: int, attends_to: str, masked: bool, need_weights: bool
) -> None:
    """Outputs, and the gradients of inputs and parameters."""
    layer = grouped(num_kv_heads, rotary=RotaryPositionalEncoding(GROUPED_DIM))
    query = tokens(embed_dim=GROUPED_WIDTH).requires_grad_()
    key = query if attends_to == "itself" else tokens(K_LEN, embed_dim=GROUPED_WIDTH)
    k_len = key.shape[1]
    mask = padding_mask(torch.tensor([k_len, 3]), k_len) if masked else None
    leaves = [query, *layer.parameters()]

    output, weights = layer(query, key, mask=mask, need_weights=need_weights)

    widths = [GROUPED_WIDTH, GROUPED_DIM * num_kv_heads, GROUPED_DIM * num_kv_heads]
    weight, bias = layer.in_proj.weight.split(widths), layer.in_proj.bias.split(widths)
    q, k, v = (
        split_heads(F.linear(x, w, b), w.shape[0] // GROUPED_DIM)
        for x, w, b in zip((query, key, key), weight, bias, strict=True)
    )
    attended = F.scaled_dot_product_attention(
        layer.rotary(q, offset=k_len - Q_LEN),
        layer.rotary(k),
        v,
        attn_mask=None if mask is None else mask.unsqueeze(1),
        enable_gqa=True,
    )
    expected = layer.out_proj(merge_heads(attended))
    torch.testing.assert_close(output, expected)
    assert (weights is None) != need_weights
    assert weights is None or weights.shape == (BATCH, GROUPED_HEADS, Q_LEN, k_len)
    mixture = torch.randn_like(output)
    torch.testing.assert_close(
        torch.autograd.grad((output * mixture).sum(), leaves),
        torch.autograd.grad((expected * mixture).sum(), leaves),
    )


@pytest.mark.parametrize("num_kv_heads", [1, 2, 3])
def test_grouped_queries_are_heads_that_share_weights(num_kv_heads: int) -> None:
    """Neighbours share: with two groups of three, heads 0, 1, 2 read the same keys."""
    layer, x = grouped(num_kv_heads), tokens(embed_dim=GROUPED_WIDTH)
    assert layer.in_proj.weight.shape == (
        GROUPED_WIDTH + 2 * GROUPED_DIM * num_kv_heads,
        GROUPED_WIDTH,
    )
    whole = grouped(GROUPED_HEADS)
    rows = list(range(GROUPED_WIDTH))  # of the queries
    for first in (GROUPED_WIDTH, GROUPED_WIDTH + GROUPED_DIM * num_kv_heads):
        for h in range(GROUPED_HEADS):
            start = first + GROUPED_DIM * (h // (GROUPED_HEADS // num_kv_heads))
            rows += range(start, start + GROUPED_DIM)
    state = layer.state_dict()
    for name in ("in_proj.weight", "in_proj.bias"):
        state[name] = state[name][rows]
    whole.load_state_dict(state)
    output, weights = layer(x, is_causal=True, need_weights=True)
    expected, all_weights = whole(x, is_causal=True, need_weights=True)
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close(weights, all_weights)


@pytest.mark.parametrize("hooked", [False, True])
def test_grouped_queries_projecting_at_once_equals_projecting_one_by_one(hooked: bool) -> None:
    layer, x = grouped(2), tokens(embed_dim=GROUPED_WIDTH)
    if hooked:  # then the whole projection is called for each
        layer.in_proj.register_forward_hook(lambda module, args, output: output + 1)
    expected, _ = layer(x)
    for key, value in [(x.clone(), None), (x, x.clone()), (x.clone(), x.clone())]:
        torch.testing.assert_close(layer(x, key, value)[0], expected)


def test_as_many_heads_of_keys_as_of_queries_is_the_layer_as_it_was() -> None:
    layer = MultiHeadAttention(EMBED_DIM, HEADS)
    assert layer.num_kv_heads == HEADS
    assert layer.in_proj.weight.shape == (3 * EMBED_DIM, EMBED_DIM)
    names = [name for name, _ in layer.named_parameters()]
    assert names == ["in_proj.weight", "out_proj.weight"]


def test_post_b() -> None:
    """Two sentences of four tokens, 3 and 2 of them real, with 100 features and five heads."""
    layer = MultiHeadAttention(100, 5, dropout=0.2).eval()
    mask = padding_mask(torch.tensor([3, 2]), 4)
    output, weights = layer(torch.ones(2, 4, 100), mask=mask, need_weights=True)
    assert output.shape == (2, 4, 100)
    expected = torch.tensor([[1 / 3, 1 / 3, 1 / 3, 0], [1 / 2, 1 / 2, 0, 0]])
    torch.testing.assert_close(weights, expected[:, None, None].expand(2, 5, 4, 4))


def test_gradcheck() -> None:
    layer = MultiHeadAttention(4, 2, bias=True, rotary=RotaryPositionalEncoding(2)).double()
    query, key = tokens(3, embed_dim=4).requires_grad_(), tokens(5, embed_dim=4).requires_grad_()
    mask = padding_mask(torch.tensor([4, 0]), 5)
    for need_weights in (False, True):
        assert torch.autograd.gradcheck(
            lambda q, k, n=need_weights: layer(q, k, mask=mask, is_causal=True, need_weights=n)[0],
            (query, key),
        )


# --- properties ---------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**32 - 1),
    length=st.integers(1, 7),
    is_causal=st.booleans(),
    dtype=st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]),
    data=st.data(),
)
def test_weights_on_or_off_untouched_inputs_and_no_leak(
    seed: int, length: int, is_causal: bool, dtype: torch.dtype, data: st.DataObject
) -> None:
    generator = seeded(seed)
    layer = MultiHeadAttention(6, 3, rotary=RotaryPositionalEncoding(2)).to(dtype)
    x = torch.randn(2, length, 6, generator=generator).to(dtype)
    mask = torch.rand(2, length, length, generator=generator) < 0.6
    before = bytes_of(x, mask)
    with torch.no_grad():
        output, _ = layer(x, mask=mask, is_causal=is_causal)
        explicit, weights = layer(x, mask=mask, is_causal=is_causal, need_weights=True)
    assert bytes_of(x, mask) == before
    assert output.dtype == weights.dtype == dtype
    tolerance = 16 * torch.finfo(dtype).eps
    torch.testing.assert_close(output, explicit, atol=tolerance, rtol=tolerance)

    # The leak test, once by change and once by gradient.
    j = data.draw(st.integers(0, length - 1))
    sees_j = (mask & causal_mask(length) if is_causal else mask)[..., j]
    other = x.clone()
    other[:, j] += 2.0
    with torch.no_grad():
        moved = (
            layer(x, other, mask=mask, is_causal=is_causal)[0]
            != layer(x, x.clone(), mask=mask, is_causal=is_causal)[0]
        )
    assert not moved.any(dim=-1)[~sees_j].any()
    if dtype == torch.float64:
        assert moved.any(dim=-1)[sees_j].all()


@given(seed=st.integers(0, 2**32 - 1))
def test_order_of_tokens_makes_no_difference_without_rotary(seed: int) -> None:
    generator = seeded(seed)
    layer = MultiHeadAttention(6, 3).double()
    x = torch.randn(2, 7, 6, generator=generator, dtype=torch.float64)
    order = torch.randperm(7, generator=generator)
    torch.testing.assert_close(layer(x[:, order])[0], layer(x)[0][:, order])


# --- robustness ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("need_weights", [False, True])
def test_half_precision_with_empty_rows(dtype: torch.dtype, need_weights: bool) -> None:
    layer = MultiHeadAttention(30, 3, rotary=RotaryPositionalEncoding(10))
    layer = layer.half() if dtype == torch.float16 else layer.to(dtype)
    x = tokens(embed_dim=30).to(dtype).requires_grad_()
    mask = padding_mask(torch.tensor([3, 0]), Q_LEN)
    output, weights = layer(x, mask=mask, is_causal=True, need_weights=need_weights)
    output.float().pow(2).sum().backward()
    assert output.dtype == dtype
    assert (output[0] != 0).any(dim=-1).all()
    assert (output[1] == 0).all()
    assert x.grad.isfinite().all()
    assert all(p.grad.isfinite().all() and (p.grad != 0).any() for p in layer.parameters())
    assert weights is None or weights.dtype == dtype


@pytest.mark.parametrize(
    ("batch", "q_len", "k_len"), [(2, 0, 0), (2, 0, 3), (2, 3, 0), (0, 3, 3), (0, 3, 2)]
)
@pytest.mark.parametrize("need_weights", [False, True])
def test_nothing_in(batch: int, q_len: int, k_len: int, need_weights: bool) -> None:
    layer = MultiHeadAttention(6, 3, rotary=RotaryPositionalEncoding(2)).double()
    query = tokens(q_len, batch=batch, embed_dim=6)
    key = tokens(k_len, batch=batch, embed_dim=6)
    output, weights = layer(query, key, is_causal=True, need_weights=need_weights)
    assert output.shape == (batch, q_len, 6)
    assert (output == 0).all()
    assert weights is None or weights.shape == (batch, 3, q_len, k_len)
    assert layer(query)[0].shape == (batch, q_len, 6)


@pytest.mark.parametrize("need_weights", [False, True])
def test_memory_layout_makes_no_difference(need_weights: bool) -> None:
    layer = MultiHeadAttention(EMBED_DIM, HEADS).double()
    x = tokens()
    strided = x.transpose(0, 1).contiguous().transpose(0, 1)
    assert not strided.is_contiguous()
    torch.testing.assert_close(
        layer(strided, need_weights=need_weights)[0], layer(x, need_weights=need_weights)[0]
    )


@pytest.mark.parametrize("need_weights", [False, True])
def test_dropout_drops_weights_in_training_only(need_weights: bool) -> None:
    layer = MultiHeadAttention(EMBED_DIM, HEADS, dropout=0.5).double()
    x = tokens()
    once, weights = layer(x, need_weights=need_weights)
    again, _ = layer(x, need_weights=need_weights)
    assert not torch.equal(once, again)
    if need_weights:  # those before dropout
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones_like(weights[..., 0]))
    layer.eval()
    torch.testing.assert_close(layer(x, need_weights=need_weights)[0], layer(x)[0])
    without = MultiHeadAttention(EMBED_DIM, HEADS).double()
    without.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(x)[0], without(x)[0])
    torch.testing.assert_close(without.train()(x)[0], without.eval()(x)[0])


def test_copies_and_saved_states_give_the_same_output() -> None:
    layer = MultiHeadAttention(30, 3, bias=True, rotary=RotaryPositionalEncoding(10)).double()
    x = tokens(embed_dim=30)
    expected, _ = layer(x)
    torch.testing.assert_close(copy.deepcopy(layer)(x)[0], expected)

    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    state = torch.load(file)
    names = {f"{side}_proj.{kind}" for side in ("in", "out") for kind in ("weight", "bias")}
    assert set(state) == names
    other = MultiHeadAttention(30, 3, bias=True, rotary=RotaryPositionalEncoding(10)).double()
    assert not torch.allclose(other(x)[0], expected)
    other.load_state_dict(state)
    assert torch.equal(other(x)[0], expected)


def test_moves_to_where_there_are_shapes_but_no_values() -> None:
    layer = MultiHeadAttention(30, 3, rotary=RotaryPositionalEncoding(10)).to("meta")
    x = torch.empty(2, 5, 30, device="meta")
    output, weights = layer(x, is_causal=True, need_weights=True)
    assert output.is_meta
    assert weights.shape == (2, 3, 5, 5)
    assert layer(x, torch.empty(2, 7, 30, device="meta"), is_causal=True)[0].is_meta


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize("need_weights", [False, True])
def test_compiles_and_exports_without_a_break(need_weights: bool) -> None:
    layer = MultiHeadAttention(30, 3, rotary=RotaryPositionalEncoding(10)).eval()
    x = torch.randn(2, 5, 30)
    options = {
        "mask": padding_mask(torch.tensor([3, 2]), 5),
        "is_causal": True,
        "need_weights": need_weights,
    }
    expected = [result for result in layer(x, **options) if result is not None]

    # The backend that only captures: what a graph is turned into is not our affair.
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    results = [result for result in compiled(x, **options) if result is not None]
    torch.testing.assert_close(results, expected)

    program = torch.export.export(layer, (x,), options)
    results = [result for result in program.module()(x, **options) if result is not None]
    torch.testing.assert_close(results, expected)


@pytest.mark.usefixtures("as_users_call")
def test_exports_for_any_length() -> None:
    layer = MultiHeadAttention(30, 3).eval()
    length = torch.export.Dim("length", min=2, max=4096)
    program = torch.export.export(
        layer,
        (torch.randn(2, 5, 30),),
        {"is_causal": True},
        dynamic_shapes={"query": {1: length}, "is_causal": None},
    )
    x = torch.randn(2, 11, 30)
    torch.testing.assert_close(program.module()(x, is_causal=True)[0], layer(x, is_causal=True)[0])


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (
            [(5, 6)],
            r"^query must have shape \(batch, length, embed_dim = 6\), got \(5, 6\)$",
        ),
        ([(2, 5, 4)], r"^query must have shape .*, got \(2, 5, 4\)$"),
        ([(2, 5, 6), (2, 7, 4)], r"^key must have shape .*, got \(2, 7, 4\)$"),
        ([(2, 5, 6), (2, 7, 6), (7, 6)], r"^value must have shape .*, got \(7, 6\)$"),
        ([(2, 5, 6), (1, 7, 6)], r"got \(2, 5, 6\), \(1, 7, 6\) and \(1, 7, 6\)$"),
        ([(2, 5, 6), (2, 7, 6), (2, 5, 6)], r"got \(2, 5, 6\), \(2, 7, 6\) and \(2, 5, 6\)$"),
        ([(2, 5, 6), (2, 7, 6), (1, 7, 6)], r"got \(2, 5, 6\), \(2, 7, 6\) and \(1, 7, 6\)$"),
    ],
)
def test_inputs_that_do_not_fit_are_named(shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MultiHeadAttention(6, 3)(*map(torch.rand, shapes))


@pytest.mark.usefixtures("as_users_call")
def test_masks_and_biases_that_do_not_fit_are_named() -> None:
    layer, x = MultiHeadAttention(6, 3), torch.rand(2, 5, 6)
    with pytest.raises(ValueError, match=r"^value was given without key$"):
        layer(x, value=x)
    with pytest.raises(ValueError, match=r"^value must have shape .*, got \(2, 5, 4\)$"):
        layer(x, x, torch.rand(2, 5, 4))
    with pytest.raises(ValueError, match=r"additive scores go to `attn_bias`"):
        layer(x, mask=torch.zeros(5, 5))
    with pytest.raises(ValueError, match=r"^mask must be a boolean tensor .* got list;"):
        layer(x, mask=[[True] * 5] * 5)
    for shape in [(5,), (4, 5), (3, 5, 5), (3, 3, 5, 5), (2, 2, 5, 5), (1, 1, 1, 5, 5)]:
        scores = r"\(2, 5, 5\)" if len(shape) == 3 else r"\(2, 3, 5, 5\)"
        message = rf"^mask of shape .* does not broadcast to the scores, .* = {scores}$"
        with pytest.raises(ValueError, match=message):
            layer(x, mask=torch.ones(shape, dtype=torch.bool))
    message = r"^attn_bias of shape \(2, 5, 5\) does not broadcast .* = \(2, 3, 5, 5\)$"
    with pytest.raises(ValueError, match=message):
        layer(x, attn_bias=torch.zeros(2, 5, 5))


@pytest.mark.usefixtures("as_users_call")
def test_layers_that_cannot_be_are_refused() -> None:
    assert MultiHeadAttention(6, 3, dropout=1.0).dropout == 1.0
    for dropout in (-0.1, 1.5):
        with pytest.raises(ValueError, match=rf"^dropout must .* 0 and 1, got {dropout}$"):
            MultiHeadAttention(6, 3, dropout=dropout)
    for number in (4, 0, -3, 12):
        message = rf"^num_kv_heads must divide num_heads, got num_kv_heads = {number} and .* = 6$"
        with pytest.raises(ValueError, match=message):
            MultiHeadAttention(12, 6, num_kv_heads=number)
    with pytest.raises(ValueError, match=r"^rotary must have .* = 2, got 4$"):
        MultiHeadAttention(6, 3, rotary=RotaryPositionalEncoding(4))
