from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torch.nn.attention import SDPBackend, sdpa_kernel

from attnlib import (
    attention_weights,
    causal_mask,
    masked_softmax,
    padding_mask,
    scaled_dot_product_attention,
)
from tests.maths.reference import bytes_of, reference_attention, seeded

# What is promised: see test_docstrings.py.
SIGNATURES = """
masked_softmax(scores, mask=None)
attention_weights(query, key, mask=None, *, attn_bias=None, is_causal=False, scale=None)
scaled_dot_product_attention(query, key, value, mask=None, *, attn_bias=None, is_causal=False, \
scale=None, dropout_p=0.0, need_weights=False, enable_gqa=False)
"""

HALVES = [torch.float16, torch.bfloat16]
FLOATS = [*HALVES, torch.float32, torch.float64]

# 早上好 as chapter 1 computes it by hand: three tokens, two features.
TOKENS = torch.tensor([[2.0, 1.0], [1.0, 2.0], [0.0, 1.0]])
QUERY = TOKENS @ torch.tensor([[1.0, -1.0], [0.0, 1.0]])
KEY = TOKENS @ torch.tensor([[0.0, 1.0], [1.0, -1.0]])
VALUE = TOKENS @ torch.tensor([[1.0, 1.0], [-1.0, 1.0]])


def inputs(
    *batch: int, q_len: int = 5, k_len: int = 7, head_dim: int = 11, value_dim: int = 13
) -> tuple[Tensor, Tensor, Tensor]:
    """Make query, key and value in float64, with gradients."""
    shapes = [(*batch, q_len, head_dim), (*batch, k_len, head_dim), (*batch, k_len, value_dim)]
    query, key, value = (torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes)
    return query, key, value


def gradients(output: Tensor, *leaves: Tensor) -> tuple[Tensor, ...]:
    """Differentiate one fixed mixture of all entries of the output."""
    mixture = torch.linspace(-1.0, 2.0, output.numel(), dtype=torch.float64).to(output)
    return torch.autograd.grad(
        (output * mixture.view(output.shape)).sum(), leaves, retain_graph=True
    )


# --- softmax ------------------------------------------------------------------------------------


def test_masked_softmax_by_hand() -> None:
    scores = torch.tensor([[0.0, 2.0, 1.0]]).log()  # e^score = 0, 2, 1
    mask = torch.tensor([[True, True, True], [False, True, False], [False, False, False]])
    expected = torch.tensor([[0, 2 / 3, 1 / 3], [0, 1, 0], [0, 0, 0]])
    torch.testing.assert_close(masked_softmax(scores.expand(3, 3), mask), expected)


def test_masked_softmax_without_a_mask_is_the_softmax_over_keys() -> None:
    scores = torch.randn(2, 3, 5)
    torch.testing.assert_close(
        masked_softmax(scores), scores.exp() / scores.exp().sum(2)[..., None]
    )


def test_masked_softmax_of_a_single_query() -> None:
    scores = torch.tensor([2.0, 1.0, 0.0])
    torch.testing.assert_close(masked_softmax(scores), F.softmax(scores, dim=0))
    weights = masked_softmax(scores, torch.tensor([False, False, True]))
    assert weights.tolist() == [0.0, 0.0, 1.0]


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    visible=st.sampled_from([0.0, 0.2, 0.7, 1.0]),
    dtype=st.sampled_from(FLOATS),
    data=st.data(),
)
def test_rows_sum_to_one_or_to_zero(
    seed: int, shape: list[int], visible: float, dtype: torch.dtype, data: st.DataObject
) -> None:
    generator = seeded(seed)
    scores = (10 * torch.randn(shape, generator=generator)).to(dtype)
    # An axis may be 1 in the mask, and leading axes may be missing.
    narrow = [data.draw(st.sampled_from([1, n])) for n in shape]
    missing = data.draw(st.integers(0, max(0, len(shape) - 2)))
    mask = torch.rand(narrow[missing:], generator=generator) < visible
    before = bytes_of(scores, mask)

    weights = masked_softmax(scores, mask)

    assert bytes_of(scores, mask) == before
    assert weights.dtype == dtype
    allowed = mask.expand(shape)
    assert (weights[~allowed] == 0).all()
    tolerance = 4 * torch.finfo(dtype).eps
    expected = allowed.any(dim=-1).double()
    torch.testing.assert_close(weights.double().sum(dim=-1), expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("masked", [False, True])
def test_a_score_of_minus_infinity_forbids(dtype: torch.dtype, masked: bool) -> None:
    scores = torch.tensor([[0.0, -torch.inf, 0.0], [-torch.inf] * 3, [1.0, 1.0, -torch.inf]])
    scores = scores.to(dtype).requires_grad_()
    mask = torch.ones(3, 3, dtype=torch.bool) if masked else None
    with torch.autograd.set_detect_anomaly(True):
        weights = masked_softmax(scores, mask)
        weights.pow(2).sum().backward()
    assert weights.tolist() == [[0.5, 0, 0.5], [0, 0, 0], [0.5, 0.5, 0]]
    assert scores.grad.isfinite().all()
    only_first = torch.tensor([[True, False, False]])
    assert masked_softmax(scores, only_first).tolist() == [[1, 0, 0], [0, 0, 0], [1, 0, 0]]


def test_what_a_mask_hides_may_be_anything() -> None:
    scores = torch.tensor([[0.0, torch.inf, 0.0], [torch.nan] * 3])
    mask = torch.tensor([[True, False, True], [False, False, False]])
    assert masked_softmax(scores, mask).tolist() == [[0.5, 0, 0.5], [0, 0, 0]]


# --- exactness ----------------------------------------------------------------------------------


@pytest.mark.parametrize("need_weights", [False, True])
def test_good_morning_by_hand(need_weights: bool) -> None:
    output, weights = scaled_dot_product_attention(
        QUERY, KEY, VALUE, scale=1.0, need_weights=need_weights
    )
    # 上 scores 早, 上 and 好 with 2, 1 and 0; e² + e + 1 = 11.107338
    expected = torch.tensor([7.389056, 2.718282, 1.0]) / 11.107338
    torch.testing.assert_close(output[1], expected @ torch.tensor([[1.0, 3], [-1, 3], [-1, 1]]))
    if need_weights:
        torch.testing.assert_close(weights[1], expected)
    else:
        assert weights is None


def a_mask(kind: str, *batch: int) -> Tensor | None:
    """Make a mask for 5 queries and 7 keys whose third query sees nothing, or only some do."""
    if kind == "none":
        return None
    if kind == "keys":
        return torch.tensor([[True, False, True, True, True, False, True]])
    shape = (5, 7) if kind == "shared" else (*batch, 5, 7)
    mask = torch.rand(shape) < 0.6
    mask[..., 2, :] = False
    return mask


def a_bias(kind: str, *batch: int) -> Tensor | None:
    if kind == "none":
        return None
    shape = (5, 7) if kind == "shared" else (*batch, 5, 7)
    bias = torch.randn(shape, dtype=torch.float64)
    bias[..., 1, 3] = -torch.inf
    bias[..., 4, :] = -torch.inf
    return bias.requires_grad_()


@pytest.mark.parametrize("batch", [(), (3,), (3, 2), (2, 1, 3)], ids=str)
@pytest.mark.parametrize("mask_kind", ["none", "keys", "shared", "own"])
@pytest.mark.parametrize("bias_kind", ["none", "shared", "own"])
@pytest.mark.parametrize("is_causal", [False, True], ids=["both ways", "causal"])
def test_equals_the_formula(
    batch: tuple[int, ...], mask_kind: str, bias_kind: str, is_causal: bool
) -> None:
    """Outputs, weights and gradients, for 5 queries and 7 keys."""
    query, key, value = inputs(*batch)
    mask, bias = a_mask(mask_kind, *batch), a_bias(bias_kind, *batch)
    leaves = [query, key, value] + ([] if bias is None else [bias])
    expected, expected_weights = reference_attention(
        query, key, value, mask, attn_bias=bias, is_causal=is_causal, scale=0.3
    )
    expected_gradients = gradients(expected, *leaves)
    for need_weights in (False, True):
        output, weights = scaled_dot_product_attention(
            query,
            key,
            value,
            mask,
            attn_bias=bias,
            is_causal=is_causal,
            scale=0.3,
            need_weights=need_weights,
        )
        torch.testing.assert_close(output, expected)
        for mine, theirs in zip(gradients(output, *leaves), expected_gradients, strict=True):
            torch.testing.assert_close(mine, theirs)
        if need_weights:
            torch.testing.assert_close(weights, expected_weights)
        else:
            assert weights is None


@pytest.mark.parametrize(("q_len", "k_len"), [(1, 5), (3, 7), (7, 3), (5, 5), (2, 1)])
@pytest.mark.parametrize("with_mask", [False, True])
def test_causal_is_lower_right_whatever_the_lengths(
    q_len: int, k_len: int, with_mask: bool
) -> None:
    query, key, value = inputs(2, 3, q_len=q_len, k_len=k_len, head_dim=2, value_dim=2)
    mask = torch.rand(2, 1, q_len, k_len) < 0.7 if with_mask else None
    expected, expected_weights = reference_attention(query, key, value, mask, is_causal=True)
    both = causal_mask(q_len, k_len) if mask is None else mask & causal_mask(q_len, k_len)
    for arguments in ({"mask": mask, "is_causal": True}, {"mask": both}):
        output, _ = scaled_dot_product_attention(query, key, value, **arguments)
        torch.testing.assert_close(output, expected)
        output, weights = scaled_dot_product_attention(
            query, key, value, **arguments, need_weights=True
        )
        torch.testing.assert_close(output, expected)
        torch.testing.assert_close(weights, expected_weights)
        torch.testing.assert_close(attention_weights(query, key, **arguments), expected_weights)
        for mine, theirs in zip(
            gradients(output, query, key, value),
            gradients(expected, query, key, value),
            strict=True,
        ):
            torch.testing.assert_close(mine, theirs)


def test_scale_is_one_over_the_root_of_head_dim_unless_given() -> None:
    query, key, value = inputs(2)
    for need_weights in (False, True):
        unscaled, _ = scaled_dot_product_attention(query, key, value, need_weights=need_weights)
        scaled, _ = scaled_dot_product_attention(
            query, key, value, scale=11**-0.5, need_weights=need_weights
        )
        torch.testing.assert_close(unscaled, scaled)


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_equals_torch_in_each_dtype(dtype: torch.dtype, need_weights: bool) -> None:
    query, key, value = (t.detach().to(dtype) for t in inputs(2, 3, value_dim=11))
    mask = a_mask("own", 2, 3)
    bias = torch.randn(5, 7).to(dtype)
    output, _ = scaled_dot_product_attention(
        query, key, value, mask, attn_bias=bias, need_weights=need_weights
    )
    both = bias.masked_fill(~mask, -torch.inf)
    exact = F.scaled_dot_product_attention(
        query.double(), key.double(), value.double(), attn_mask=both.double()
    )
    assert output.dtype == dtype
    tolerance = 16 * torch.finfo(dtype).eps
    torch.testing.assert_close(output.double(), exact, atol=tolerance, rtol=tolerance)


def test_gradcheck() -> None:
    query, key, value = inputs(2, q_len=3, k_len=5, head_dim=2, value_dim=2)
    bias = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    mask = padding_mask(torch.tensor([3, 0]), 5)

    def attend(*leaves: Tensor, need_weights: bool = True) -> tuple[Tensor, ...]:
        *qkv, attn_bias = leaves
        results = scaled_dot_product_attention(
            *qkv, mask, attn_bias=attn_bias, is_causal=True, need_weights=need_weights
        )
        return tuple(result for result in results if result is not None)

    assert torch.autograd.gradcheck(attend, (query, key, value, bias))
    assert torch.autograd.gradgradcheck(attend, (query, key, value, bias))
    assert torch.autograd.gradcheck(
        lambda *leaves: attend(*leaves, need_weights=False), (query, key, value, bias)
    )


# --- properties ---------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**32 - 1),
    batch=st.lists(st.integers(0, 3), max_size=2),
    q_len=st.integers(0, 7),
    k_len=st.integers(0, 7),
    dtype=st.sampled_from(FLOATS),
    is_causal=st.booleans(),
    masked=st.booleans(),
)
def test_with_and_without_weights_agree_and_touch_nothing(
    seed: int,
    batch: list[int],
    q_len: int,
    k_len: int,
    dtype: torch.dtype,
    is_causal: bool,
    masked: bool,
) -> None:
    generator = seeded(seed)
    query, key, value, bias = (
        torch.randn(shape, generator=generator).to(dtype)
        for shape in [(*batch, q_len, 3), (*batch, k_len, 3), (*batch, k_len, 3), (q_len, k_len)]
    )
    mask = torch.rand(*batch, q_len, k_len, generator=generator) < 0.5 if masked else None
    given_tensors = [query, key, value, bias] + ([mask] if masked else [])
    before = bytes_of(*given_tensors)

    plain, none = scaled_dot_product_attention(
        query, key, value, mask, attn_bias=bias, is_causal=is_causal
    )
    explicit, weights = scaled_dot_product_attention(
        query, key, value, mask, attn_bias=bias, is_causal=is_causal, need_weights=True
    )

    assert none is None
    assert bytes_of(*given_tensors) == before
    assert plain.dtype == explicit.dtype == weights.dtype == dtype
    assert plain.shape == explicit.shape == (*batch, q_len, 3)
    tolerance = 16 * torch.finfo(dtype).eps
    torch.testing.assert_close(plain, explicit, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(explicit, weights @ value, atol=tolerance, rtol=tolerance)
    sums = weights.double().sum(dim=-1)
    assert (((sums - 1).abs() < tolerance) | (sums == 0)).all()


@given(seed=st.integers(0, 2**32 - 1), need_weights=st.booleans())
def test_order_of_tokens_makes_no_difference_but_order(seed: int, need_weights: bool) -> None:
    generator = seeded(seed)
    x = torch.randn(2, 7, 3, generator=generator, dtype=torch.float64)
    order = torch.randperm(7, generator=generator)
    output, _ = scaled_dot_product_attention(x, x, x, need_weights=need_weights)
    shuffled = x[:, order]
    output_of_shuffled, _ = scaled_dot_product_attention(
        shuffled, shuffled, shuffled, need_weights=need_weights
    )
    torch.testing.assert_close(output_of_shuffled, output[:, order])


@given(
    seed=st.integers(0, 2**32 - 1),
    j=st.integers(0, 6),
    is_causal=st.booleans(),
    need_weights=st.booleans(),
)
def test_a_key_moves_no_output_that_may_not_see_it(
    seed: int, j: int, is_causal: bool, need_weights: bool
) -> None:
    generator = seeded(seed)
    query, key, value = (
        torch.randn(2, n, 3, generator=generator, dtype=torch.float64) for n in (5, 7, 7)
    )
    mask = torch.rand(2, 5, 7, generator=generator) < 0.7
    sees_j = (mask & causal_mask(5, 7) if is_causal else mask)[..., j]

    def attend() -> Tensor:
        return scaled_dot_product_attention(
            query, key, value, mask, is_causal=is_causal, need_weights=need_weights
        )[0]

    before = attend()
    key[:, j] += 1.0
    value[:, j] -= 2.0
    moved = (attend() != before).any(dim=-1)
    assert torch.equal(moved, sees_j)


@given(
    seed=st.integers(0, 2**32 - 1),
    batch=st.lists(st.integers(0, 2), min_size=1, max_size=2),
    q_len=st.integers(0, 4),
    k_len=st.integers(0, 4),
    dtype=st.sampled_from(FLOATS),
    is_causal=st.booleans(),
    data=st.data(),
)
def test_masks_and_biases_of_any_rank_equal_torchs_function(
    seed: int,
    batch: list[int],
    q_len: int,
    k_len: int,
    dtype: torch.dtype,
    is_causal: bool,
    data: st.DataObject,
) -> None:
    generator = seeded(seed)
    full = (*batch, q_len, k_len)
    query, key, value = (
        torch.randn(*batch, n, 3, generator=generator).to(dtype) for n in (q_len, k_len, k_len)
    )

    def narrow(name: str) -> tuple[int, ...] | None:
        """Draw a shape that broadcasts to the scores, with two axes or more; or none at all."""
        rank = data.draw(st.sampled_from([None, *range(2, len(full) + 1)]), label=f"axes, {name}")
        if rank is None:
            return None
        return tuple(data.draw(st.sampled_from([1, n]), label=name) for n in full[-rank:])

    mask_shape, bias_shape = narrow("mask"), narrow("bias")
    mask = None if mask_shape is None else torch.rand(mask_shape, generator=generator) < 0.6
    bias = None
    if bias_shape is not None:
        bias = torch.randn(bias_shape, generator=generator).to(dtype)
        bias = bias.masked_fill(torch.rand(bias_shape, generator=generator) < 0.2, -torch.inf)
    # To torch's own function all goes as one bias, in float64.
    total = torch.zeros(full, dtype=torch.float64)
    if bias is not None:
        total = total + bias
    if mask is not None:
        total = total.masked_fill(~mask, -torch.inf)
    if is_causal:
        total = total.masked_fill(~causal_mask(q_len, k_len), -torch.inf)
    exact = F.scaled_dot_product_attention(
        query.double(), key.double(), value.double(), attn_mask=total
    )
    if k_len == 0:
        exact = torch.zeros(*batch, q_len, 3, dtype=torch.float64)
    tolerance = 32 * torch.finfo(dtype).eps
    for need_weights in (False, True):
        output, weights = scaled_dot_product_attention(
            query,
            key,
            value,
            mask,
            attn_bias=bias,
            is_causal=is_causal,
            need_weights=need_weights,
        )
        assert output.dtype == dtype
        torch.testing.assert_close(output.double(), exact, atol=tolerance, rtol=tolerance)
        if weights is not None:
            assert weights.shape == full
            assert (weights[total == -torch.inf] == 0).all()


# --- robustness ---------------------------------------------------------------------------------


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("how", ["mask", "bias", "causal"])
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_nothing_to_attend_to_gives_zeros_and_finite_gradients(
    dtype: torch.dtype, how: str, need_weights: bool
) -> None:
    query, key, value = inputs(2, 3, q_len=7, k_len=5, value_dim=11)
    query, key, value = (t.detach().to(dtype).requires_grad_() for t in (query, key, value))
    mask = bias = None
    empty = [0, 1]  # what lower-right alignment leaves to the first two of seven queries
    if how == "mask":
        mask = torch.ones(7, 5, dtype=torch.bool)
        mask[empty] = False
    elif how == "bias":
        bias = torch.zeros(7, 5, dtype=dtype)
        bias[empty] = -torch.inf
    # Anomaly detection also finds a NaN that is produced on the way back and then overwritten.
    with torch.autograd.set_detect_anomaly(True):
        output, weights = scaled_dot_product_attention(
            query,
            key,
            value,
            mask,
            attn_bias=bias,
            is_causal=how == "causal",
            need_weights=need_weights,
        )
        output.sum().backward()
    assert (output[:, :, empty] == 0).all()
    assert output.isfinite().all()
    assert (output[:, :, 2:] != 0).any(dim=-1).all()
    if need_weights:
        assert (weights[:, :, empty] == 0).all()
    for leaf in (query, key, value):
        assert leaf.grad.isfinite().all()
    assert (query.grad[:, :, empty] == 0).all()


def test_masked_softmax_of_an_empty_row_has_gradient_zero() -> None:
    scores = torch.randn(2, 3, requires_grad=True)
    mask = torch.tensor([[True, False, True], [False, False, False]])
    with torch.autograd.set_detect_anomaly(True):
        masked_softmax(scores, mask).pow(2).sum().backward()
    assert scores.grad[0, 0] != 0
    assert scores.grad[0, 1] == 0
    assert scores.grad[1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("score", [1e4, -1e4])
def test_huge_scores_in_half_precision(score: float, need_weights: bool) -> None:
    query = torch.tensor([[100.0, 0.0]], dtype=torch.float16)
    key = torch.tensor([[score / 100, 3.0], [score / 100, 1.0], [0.0, 0.0]], dtype=torch.float16)
    value = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 5.0]], dtype=torch.float16)
    output, _ = scaled_dot_product_attention(
        query, key, value, scale=1.0, need_weights=need_weights
    )
    assert output.tolist() == ([[2.0, 0.0]] if score > 0 else [[0.0, 5.0]])


def test_scores_that_fit_only_after_scaling_do_not_overflow() -> None:
    query = torch.full((1, 64), 60.0, dtype=torch.float16)
    key = torch.stack((query[0], query[0] / 2))  # 64 · 60 · 60 > 65504 > 64 · 60 · 60 / 8
    assert attention_weights(query, key).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize(("batch", "q_len", "k_len"), [(2, 0, 3), (2, 3, 0), (0, 2, 3), (2, 0, 0)])
@pytest.mark.parametrize("value_dim", [11, 13, 0])
@pytest.mark.parametrize("is_causal", [False, True])
def test_nothing_in_gives_nothing_or_zeros_out(
    batch: int, q_len: int, k_len: int, value_dim: int, is_causal: bool, need_weights: bool
) -> None:
    query, key, value = inputs(batch, q_len=q_len, k_len=k_len, value_dim=value_dim)
    mask = torch.ones(batch, q_len, k_len, dtype=torch.bool)
    for given_mask in (None, mask):
        output, weights = scaled_dot_product_attention(
            query, key, value, given_mask, is_causal=is_causal, need_weights=need_weights
        )
        assert output.shape == (batch, q_len, value_dim)
        assert (output == 0).all()
        assert weights is None or weights.shape == (batch, q_len, k_len)
        for gradient in gradients(output, query, key, value):
            assert (gradient == 0).all()


@pytest.mark.parametrize("need_weights", [False, True])
def test_memory_layout_makes_no_difference(need_weights: bool) -> None:
    query, key, value = (t.detach() for t in inputs(2, 3, value_dim=11))
    expected, _ = scaled_dot_product_attention(query, key, value, need_weights=need_weights)
    column_major = [t.mT.contiguous().mT for t in (query, key, value)]
    every_other = [t.repeat_interleave(2, dim=-2)[..., ::2, :] for t in (query, key, value)]
    for strided in (column_major, every_other):
        assert not any(t.is_contiguous() for t in strided)
        output, _ = scaled_dot_product_attention(*strided, need_weights=need_weights)
        torch.testing.assert_close(output, expected)


@pytest.mark.parametrize("need_weights", [False, True])
def test_runs_where_there_are_shapes_but_no_values(need_weights: bool) -> None:
    query, key, value = (t.to("meta") for t in inputs(2))
    mask = padding_mask(torch.tensor([3, 2], device="meta"), 7)
    output, _ = scaled_dot_product_attention(
        query, key, value, mask, is_causal=True, need_weights=need_weights
    )
    assert output.is_meta
    assert output.shape == (2, 5, 13)


@pytest.mark.parametrize("batch", [(), (3,), (3, 2)], ids=str)
@pytest.mark.parametrize("mask_kind", ["none", "keys", "shared", "own"])
@pytest.mark.parametrize("bias_kind", ["none", "shared", "own"])
@pytest.mark.parametrize("is_causal", [False, True])
def test_fused_kernel_runs_whenever_weights_are_not_asked_for(
    batch: tuple[int, ...], mask_kind: str, bias_kind: str, is_causal: bool
) -> None:
    query, key, value = (t.detach() for t in inputs(*batch, value_dim=11))
    mask, bias = a_mask(mask_kind, *batch), a_bias(bias_kind, *batch)
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):  # raises where the fused kernel cannot run
        scaled_dot_product_attention(
            query,
            key,
            value,
            mask,
            attn_bias=None if bias is None else bias.detach(),
            is_causal=is_causal,
        )


def test_torch_skips_the_future_itself_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, object]] = []
    fused = F.scaled_dot_product_attention

    def spy(*args: Tensor, **options: object) -> Tensor:
        calls.append(options)
        return fused(*args, **options)

    monkeypatch.setattr(F, "scaled_dot_product_attention", spy)
    x = torch.randn(2, 5, 3)
    scaled_dot_product_attention(x, x, x, is_causal=True)
    assert calls[0]["is_causal"] is True
    assert calls[0]["attn_mask"] is None


def test_sizes_may_be_large() -> None:
    """Beyond 256, where equal numbers are no longer the same object."""
    query, key, value = inputs(257, q_len=2, k_len=263, head_dim=269, value_dim=271)
    mask = padding_mask(torch.arange(1, 258), 263)
    bias = torch.zeros(257, 2, 263, dtype=torch.float64)
    output, weights = scaled_dot_product_attention(
        query, key, value, mask, attn_bias=bias, need_weights=True
    )
    torch.testing.assert_close(output[256], (weights[256, :, :257] @ value[256, :257]))


# --- dropout ------------------------------------------------------------------------------------


@pytest.mark.parametrize("need_weights", [False, True])
def test_dropout_drops_weights_and_scales_the_rest(need_weights: bool) -> None:
    query, key = torch.zeros(1009, 3), torch.zeros(2, 3)
    value = torch.tensor([[1.0, 0.0], [0.0, 1.0]])  # so the output is the weights that were kept
    output, weights = scaled_dot_product_attention(
        query, key, value, dropout_p=0.25, need_weights=need_weights
    )
    kept = output != 0
    torch.testing.assert_close(output[kept], torch.full_like(output[kept], 0.5 / 0.75))
    assert 0.70 < kept.double().mean() < 0.80
    if need_weights:
        assert (weights == 0.5).all()  # those before dropout


@pytest.mark.parametrize("need_weights", [False, True])
def test_dropout_of_nothing_and_of_everything(need_weights: bool) -> None:
    query, key, value = inputs(2)
    expected, _ = scaled_dot_product_attention(query, key, value)
    state = torch.get_rng_state()
    output, _ = scaled_dot_product_attention(
        query, key, value, dropout_p=0.0, need_weights=need_weights
    )
    torch.testing.assert_close(output, expected)
    assert torch.equal(torch.get_rng_state(), state)
    output, _ = scaled_dot_product_attention(
        query, key, value, dropout_p=1.0, need_weights=need_weights
    )
    assert (output == 0).all()


# --- what is refused ----------------------------------------------------------------------------

R = torch.rand


def refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize(
    ("query", "key", "value", "message"),
    [
        (R(3), R(3), R(3), r"^query and key must be \(\.\.\., .*got query \(3,\) and key \(3,\)"),
        (
            R(5, 3),
            R(2, 7, 3),
            R(2, 7, 3),
            r"^query and key must .* as many axes .* query \(5, 3\) and key \(2, 7, 3\)",
        ),
        (R(2, 5, 3), R(7, 3), R(7, 3), r"as many axes .* query \(2, 5, 3\) and key \(7, 3\)"),
        (
            R(5, 3),
            R(7, 2),
            R(7, 2),
            r"^query and key must have the same head_dim.* query \(5, 3\) and key \(7, 2\)",
        ),
        (R(5, 0), R(7, 0), R(7, 2), r"at least 1.* query \(5, 0\) and key \(7, 0\)"),
        (
            R(2, 5, 3),
            R(1, 7, 3),
            R(1, 7, 3),
            r"^query and key must agree .*\(2, 5, 3\) and key \(1, 7, 3\)",
        ),
        (R(1, 5, 3), R(2, 7, 3), R(2, 7, 3), r"leading axes .*\(1, 5, 3\) and key \(2, 7, 3\)"),
        (
            R(5, 3),
            R(7, 3).half(),
            R(7, 3),
            r"^query and key .*dtype.* query torch.float32 and key torch.float16",
        ),
        (
            R(5, 3).int(),
            R(7, 3).int(),
            R(7, 3).int(),
            r"^query and key must .*floating.* torch.int32 and key",
        ),
        (R(5, 3), R(7, 3), R(5, 2), r"^value must hold one row.* value \(5, 2\) and key \(7, 3\)"),
        (R(5, 3), R(7, 3), R(11, 2), r"value must hold .* value \(11, 2\) and key \(7, 3\)"),
        (R(5, 3), R(7, 3), R(2, 7, 3), r"value must .* value \(2, 7, 3\) and key \(7, 3\)"),
        (R(5, 3), R(7, 3), R(7, 3).double(), r"value and key .*torch.float64 and torch.float32"),
        # Alike but for one thing: nothing else sends these to be looked at one by one.
        (R(5, 3), R(5, 3).double(), R(5, 3), r"query and key .*and key torch.float64"),
        (R(5, 3), R(5, 3), R(5, 3).double(), r"value and key .*torch.float64 and torch.float32"),
        (R(5, 3), R(5, 3), R(4, 3), r"value must hold .*value \(4, 3\) and key \(5, 3\)"),
        (R(5, 0), R(5, 0), R(5, 0), r"at least 1; got query \(5, 0\) and key \(5, 0\)"),
    ],
)
def test_inputs_that_do_not_fit_are_named(
    query: Tensor, key: Tensor, value: Tensor, message: str, need_weights: bool
) -> None:
    refused(
        lambda: scaled_dot_product_attention(query, key, value, need_weights=need_weights), message
    )
    if "value" not in message:
        refused(lambda: attention_weights(query, key), message)


BAD_MASKS = [
    (R(5, 7), r"mask must be a boolean .*got torch.float32; additive scores go to `attn_bias`"),
    (R(5, 7).int(), r"mask must be a boolean tensor .*got torch.int32;"),
    ([[True] * 7] * 5, r"mask must be a boolean tensor .*got list;"),
    (R(7, 5) < 2, r"mask of shape \(7, 5\) does not broadcast .* = \(2, 5, 7\)"),
    (R(3, 5, 7) < 2, r"mask of shape \(3, 5, 7\) does not broadcast .* = \(2, 5, 7\)"),
    (R(5, 2) < 2, r"mask of shape \(5, 2\) does not broadcast .* = \(2, 5, 7\)"),
    (R(2, 7) < 2, r"mask of shape \(2, 7\) does not broadcast .* = \(2, 5, 7\)"),
    (R(7) < 2, r"mask of shape \(7,\) does not broadcast .* = \(2, 5, 7\)"),
    (R(1, 1, 5, 7) < 2, r"mask of shape \(1, 1, 5, 7\) does not broadcast .* = \(2, 5, 7\)"),
    (padding_mask(torch.tensor([3, 2, 1]), 7), r"mask of shape \(3, 1, 7\) does not .*\(2, 5, 7\)"),
]


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize(("mask", "message"), BAD_MASKS)
def test_masks_that_do_not_fit_are_named(mask: Tensor, message: str, is_causal: bool) -> None:
    query, key = torch.rand(2, 5, 3), torch.rand(2, 7, 3)
    refused(lambda: attention_weights(query, key, mask, is_causal=is_causal), message)
    for need_weights in (False, True):
        refused(
            lambda n=need_weights: scaled_dot_product_attention(
                query, key, key, mask, is_causal=is_causal, need_weights=n
            ),
            message,
        )
    if not is_causal:
        refused(lambda: masked_softmax(query @ key.mT, mask), message)


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("bias", "message"),
    [
        (R(5, 7) < 2, r"attn_bias must have .*torch.float32, got torch.bool; a boolean mask goes"),
        (R(5, 7).double(), r"attn_bias must have the dtype of the query, torch.float32, got"),
        (R(7, 5), r"attn_bias of shape \(7, 5\) does not broadcast .* = \(2, 5, 7\)"),
        (R(7), r"attn_bias of shape \(7,\) does not broadcast .* = \(2, 5, 7\)"),
        (R(3, 5, 7), r"attn_bias of shape \(3, 5, 7\) does not broadcast .* = \(2, 5, 7\)"),
    ],
)
def test_biases_that_do_not_fit_are_named(bias: Tensor, message: str) -> None:
    query, key = torch.rand(2, 5, 3), torch.rand(2, 7, 3)
    refused(lambda: attention_weights(query, key, attn_bias=bias), message)
    refused(lambda: scaled_dot_product_attention(query, key, key, attn_bias=bias), message)


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize("dropout_p", [-0.1, 1.1, float("nan")])
@pytest.mark.parametrize("need_weights", [False, True])
def test_dropout_must_be_a_probability(dropout_p: float, need_weights: bool) -> None:
    x = torch.rand(5, 3)
    refused(
        lambda: scaled_dot_product_attention(
            x, x, x, dropout_p=dropout_p, need_weights=need_weights
        ),
        rf"dropout_p must lie between 0 and 1, got {dropout_p}",
    )
