import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import attnlib.chunked
from attnlib import (
    chunked_attention,
    padding_mask,
    scaled_dot_product_attention,
    sliding_window_mask,
)
from tests.maths.reference import bytes_of, reference_attention, seeded

# What is promised: see test_docstrings.py.
SIGNATURES = """
chunked_attention(query, key, value, mask=None, *, is_causal=False, scale=None, \
window=None, chunk_size=128)
"""


def inputs(*batch: int, q_len: int = 7, k_len: int = 11) -> list[Tensor]:
    shapes = [(*batch, q_len, 3), (*batch, k_len, 3), (*batch, k_len, 5)]
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def and_near(mask: Tensor | None, q_len: int, k_len: int, window: int | None) -> Tensor | None:
    """Hide in a mask what lies outside of the window."""
    if window is None:
        return mask
    near = sliding_window_mask(q_len, k_len, window=window)
    return near if mask is None else mask & near


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("window", [None, 1, 3])
@pytest.mark.parametrize("mask_shape", [None, (7, 11), (1, 11), (7, 1), (2, 1, 11), (2, 7, 11)])
def test_equals_the_formula_with_gradients(
    mask_shape: tuple[int, ...] | None, window: int | None, is_causal: bool, chunk_size: int
) -> None:
    query, key, value = inputs(2)
    mask = None if mask_shape is None else torch.rand(mask_shape) < 0.6
    options = {"is_causal": is_causal, "scale": 0.3}
    output = chunked_attention(
        query, key, value, mask, window=window, chunk_size=chunk_size, **options
    )
    expected, _ = reference_attention(query, key, value, and_near(mask, 7, 11, window), **options)
    torch.testing.assert_close(output, expected)
    mixture = torch.randn_like(output)
    for mine, theirs in zip(
        torch.autograd.grad((output * mixture).sum(), (query, key, value)),
        torch.autograd.grad((expected * mixture).sum(), (query, key, value)),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs)


@given(
    seed=st.integers(0, 2**32 - 1),
    batch=st.lists(st.integers(0, 3), max_size=2),
    q_len=st.integers(0, 13),
    k_len=st.integers(0, 13),
    chunk_size=st.integers(1, 17),
    is_causal=st.booleans(),
    window=st.none() | st.integers(1, 15),
    masked=st.booleans(),
    dtype=st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]),
)
def test_equals_attention_in_one_piece(
    seed: int,
    batch: list[int],
    q_len: int,
    k_len: int,
    chunk_size: int,
    is_causal: bool,
    window: int | None,
    masked: bool,
    dtype: torch.dtype,
) -> None:
    generator = seeded(seed)
    query, key, value = (
        torch.randn(shape, generator=generator).to(dtype)
        for shape in [(*batch, q_len, 3), (*batch, k_len, 3), (*batch, k_len, 2)]
    )
    given_mask = torch.rand(q_len, k_len, generator=generator) < 0.7
    mask = given_mask if masked else None
    before = bytes_of(query, key, value, given_mask)
    output = chunked_attention(
        query, key, value, mask, is_causal=is_causal, window=window, chunk_size=chunk_size
    )
    near = and_near(mask, q_len, k_len, window)
    expected, _ = scaled_dot_product_attention(query, key, value, near, is_causal=is_causal)
    assert bytes_of(query, key, value, given_mask) == before
    assert output.dtype == dtype
    tolerance = 16 * torch.finfo(dtype).eps
    torch.testing.assert_close(output, expected, atol=tolerance, rtol=tolerance)


def test_a_mask_of_two_is_cut_like_any_other() -> None:
    query, key, value = inputs(q_len=2, k_len=2)
    mask = torch.tensor([[True, False], [False, True]])
    for is_causal in (False, True):
        output = chunked_attention(query, key, value, mask, is_causal=is_causal, chunk_size=1)
        torch.testing.assert_close(output, value)


def test_blocks_are_small_and_leave_out_the_future(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks: list[tuple[int, ...]] = []
    make_weights = attnlib.chunked._weights

    def spy(*args: object) -> Tensor:
        weights: Tensor = make_weights(*args)
        blocks.append(tuple(weights.shape))
        return weights

    monkeypatch.setattr(attnlib.chunked, "_weights", spy)
    query, key, value = inputs()
    chunked_attention(query, key, value, chunk_size=3)
    assert blocks == [(3, 11), (3, 11), (1, 11)]
    blocks.clear()
    chunked_attention(query, key, value, is_causal=True, chunk_size=3)
    assert blocks == [(3, 7), (3, 10), (1, 11)]
    blocks.clear()
    chunked_attention(torch.rand(257, 2), torch.rand(5, 2), torch.rand(5, 2))
    assert blocks == [(128, 5), (128, 5), (1, 5)]
    blocks.clear()
    # Query i stands beside key i + 4: the first three look from key 3 to key 7.
    chunked_attention(query, key, value, window=2, chunk_size=3)
    assert blocks == [(3, 5), (3, 5), (1, 2)]
    blocks.clear()
    chunked_attention(query, key, value, is_causal=True, window=2, chunk_size=3)
    assert blocks == [(3, 4), (3, 4), (1, 2)]
    blocks.clear()
    chunked_attention(query, key, value, window=99, chunk_size=7)
    assert blocks == [(7, 11)]


@pytest.mark.parametrize(("q_len", "k_len"), [(3, 13), (13, 3)])
def test_a_window_may_be_wider_than_one_side_alone(q_len: int, k_len: int) -> None:
    query, key, value = inputs(2, q_len=q_len, k_len=k_len)
    for window in (2, 5, 12, 13):
        near = sliding_window_mask(q_len, k_len, window=window)
        expected, _ = scaled_dot_product_attention(query, key, value, near)
        for chunk_size in (4, 128):
            output = chunked_attention(query, key, value, window=window, chunk_size=chunk_size)
            torch.testing.assert_close(output, expected)


class Counting(TorchDispatchMode):
    """Count the numbers that are written, and the largest tensor among them."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0
        self.largest = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        output = function(*args, **kwargs or {})
        for each in output if isinstance(output, (tuple, list)) else [output]:
            if isinstance(each, Tensor) and not function.is_view:
                self.numbers += each.numel()
                self.largest = max(self.largest, each.numel())
        return output


@pytest.mark.parametrize("is_causal", [False, True])
def test_with_a_window_twice_the_length_is_twice_the_work(is_causal: bool) -> None:
    """In both directions; without one it is four times as much."""

    def work(length: int, window: int | None) -> Counting:
        leaves = inputs(q_len=length, k_len=length)
        with Counting() as counting:
            output = chunked_attention(*leaves, is_causal=is_causal, window=window, chunk_size=16)
            output.sum().backward()
        return counting

    near, longer = work(512, 16), work(1024, 16)
    assert longer.numbers < 2.05 * near.numbers
    assert longer.largest <= 1024 * 5  # no more than the values
    assert work(1024, None).numbers > 3 * work(512, None).numbers


@pytest.mark.parametrize(
    "learned",
    [(True, True, True), (True, False, False), (False, True, False), (False, False, True)],
)
def test_no_weights_are_kept_for_the_backward_pass(learned: tuple[bool, ...]) -> None:
    kept: list[int] = []
    query, key, value = (
        x.detach().requires_grad_(needs)
        for x, needs in zip(inputs(q_len=211, k_len=307), learned, strict=True)
    )

    def keep(t: Tensor) -> Tensor:
        kept.append(t.untyped_storage().nbytes())
        return t

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        chunked_attention(query, key, value, is_causal=True, chunk_size=101).sum()
    assert max(kept) <= value.untyped_storage().nbytes()


def test_gradcheck() -> None:
    query, key, value = inputs(2, q_len=3, k_len=5)
    mask = padding_mask(torch.tensor([4, 0]), 5)
    for window in (None, 2):
        assert torch.autograd.gradcheck(
            lambda *qkv, w=window: chunked_attention(
                *qkv, mask, is_causal=True, window=w, chunk_size=2
            ),
            (query, key, value),
        )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("window", [None, 2])
def test_nothing_to_attend_to_gives_zeros_and_finite_gradients(
    dtype: torch.dtype, window: int | None
) -> None:
    query, key, value = (t.detach().to(dtype).requires_grad_() for t in inputs(2, k_len=3))
    # Causal, with more queries than keys: the first four queries stand before any key.
    output = chunked_attention(query, key, value, is_causal=True, window=window, chunk_size=3)
    output.sum().backward()
    assert (output[:, :4] == 0).all()
    assert (output[:, 4:] != 0).any(dim=-1).all()
    for leaf in (query, key, value):
        assert leaf.grad.isfinite().all()
    assert (query.grad[:, :4] == 0).all()


def test_scale_is_one_over_the_root_of_head_dim_unless_given() -> None:
    query, key, value = inputs()
    torch.testing.assert_close(
        chunked_attention(query, key, value),
        chunked_attention(query, key, value, scale=3**-0.5),
    )


def test_runs_where_there_are_shapes_but_no_values() -> None:
    output = chunked_attention(*(t.to("meta") for t in inputs(2)), is_causal=True, chunk_size=3)
    assert output.is_meta
    assert output.shape == (2, 7, 5)


@pytest.mark.usefixtures("as_users_call")
def test_what_does_not_fit_is_named_before_it_is_cut() -> None:
    query, key, value = (t.detach() for t in inputs(2))
    with pytest.raises(ValueError, match=r"^chunk_size must be at least 1, got 0$"):
        chunked_attention(query, key, value, chunk_size=0)
    with pytest.raises(ValueError, match=r"^window must be at least 1, got -3$"):
        chunked_attention(query, key, value, window=-3)
    for rows, columns in ((8, 11), (7, 12)):  # one too many: blocks cut out of it would still fit
        mask = torch.ones(rows, columns, dtype=torch.bool)
        with pytest.raises(ValueError, match=rf"mask of shape \({rows}, {columns}\) .*2, 7, 11\)"):
            chunked_attention(query, key, value, mask)
    with pytest.raises(ValueError, match=r"additive scores go to `attn_bias`"):
        chunked_attention(query, key, value, torch.zeros(7, 11))
    with pytest.raises(ValueError, match=r"value \(2, 10, 5\) and key \(2, 11, 3\)"):
        chunked_attention(query, key, value[:, 1:])
    with pytest.raises(ValueError, match=r"query \(2, 7, 2\) and key \(2, 11, 3\)"):
        chunked_attention(query[..., 1:], key, value)
