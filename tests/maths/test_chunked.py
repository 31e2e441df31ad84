import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import attnlib.chunked
from attnlib import chunked_attention, padding_mask, scaled_dot_product_attention
from tests.maths.reference import bytes_of, reference_attention, seeded

# What is promised: see test_docstrings.py.
SIGNATURES = """
chunked_attention(query, key, value, mask=None, *, is_causal=False, scale=None, \
window=None, chunk_size=128)
"""


def inputs(*batch: int, q_len: int = 7, k_len: int = 11) -> list[Tensor]:
    shapes = [(*batch, q_len, 3), (*batch, k_len, 3), (*batch, k_len, 5)]
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("mask_shape", [None, (7, 11), (1, 11), (7, 1), (2, 1, 11), (2, 7, 11)])
def test_equals_the_formula_with_gradients(
    mask_shape: tuple[int, ...] | None, is_causal: bool, chunk_size: int
) -> None:
    query, key, value = inputs(2)
    mask = None if mask_shape is None else torch.rand(mask_shape) < 0.6
    output = chunked_attention(
        query, key, value, mask, is_causal=is_causal, scale=0.3, chunk_size=chunk_size
    )
    expected, _ = reference_attention(query, key, value, mask, is_causal=is_causal, scale=0.3)
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
    dtype=st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]),
)
def test_equals_attention_in_one_piece(
    seed: int,
    batch: list[int],
    q_len: int,
    k_len: int,
    chunk_size: int,
    is_causal: bool,
    dtype: torch.dtype,
) -> None:
    generator = seeded(seed)
    query, key, value = (
        torch.randn(shape, generator=generator).to(dtype)
        for shape in [(*batch, q_len, 3), (*batch, k_len, 3), (*batch, k_len, 2)]
    )
    mask = torch.rand(q_len, k_len, generator=generator) < 0.7
    before = bytes_of(query, key, value, mask)
    output = chunked_attention(query, key, value, mask, is_causal=is_causal, chunk_size=chunk_size)
    expected, _ = scaled_dot_product_attention(query, key, value, mask, is_causal=is_causal)
    assert bytes_of(query, key, value, mask) == before
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
    attention_weights = attnlib.chunked.attention_weights

    def spy(*args: Tensor | None, **options: object) -> Tensor:
        weights: Tensor = attention_weights(*args, **options)
        blocks.append(tuple(weights.shape))
        return weights

    monkeypatch.setattr(attnlib.chunked, "attention_weights", spy)
    query, key, value = inputs()
    chunked_attention(query, key, value, chunk_size=3)
    assert blocks == [(3, 11), (3, 11), (1, 11)]
    blocks.clear()
    chunked_attention(query, key, value, is_causal=True, chunk_size=3)
    assert blocks == [(3, 7), (3, 10), (1, 11)]
    blocks.clear()
    chunked_attention(torch.rand(257, 2), torch.rand(5, 2), torch.rand(5, 2))
    assert blocks == [(128, 5), (128, 5), (1, 5)]


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
    assert torch.autograd.gradcheck(
        lambda *qkv: chunked_attention(*qkv, mask, is_causal=True, chunk_size=2),
        (query, key, value),
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_nothing_to_attend_to_gives_zeros_and_finite_gradients(dtype: torch.dtype) -> None:
    query, key, value = (t.detach().to(dtype).requires_grad_() for t in inputs(2, k_len=3))
    # Causal, with more queries than keys: the first four queries stand before any key.
    output = chunked_attention(query, key, value, is_causal=True, chunk_size=2)
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
