import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F  # noqa: N812

from attnlib import causal_mask, masked_softmax, padding_mask, sliding_window_mask

# What is promised: see test_docstrings.py.
SIGNATURES = """
causal_mask(q_len, k_len=None, *, device=None)
padding_mask(valid_lens, k_len)
sliding_window_mask(q_len, k_len=None, *, window, device=None)
"""

T, X = True, False  # may attend, may not

lengths = st.integers(0, 13)


@pytest.mark.parametrize(
    ("q_len", "k_len", "expected"),
    [
        (3, None, [[T, X, X], [T, T, X], [T, T, T]]),
        (2, 5, [[T, T, T, T, X], [T, T, T, T, T]]),  # beside a cache of three
        (5, 2, [[X, X], [X, X], [X, X], [T, X], [T, T]]),  # three queries before any key
        (1, 1, [[T]]),
    ],
)
def test_causal_mask_by_hand(q_len: int, k_len: int | None, expected: list[list[bool]]) -> None:
    assert causal_mask(q_len, k_len).tolist() == expected


@given(q_len=lengths, k_len=lengths)
def test_causal_mask_is_aligned_at_the_last_query_and_key(q_len: int, k_len: int) -> None:
    mask = causal_mask(q_len, k_len)
    assert mask.shape == (q_len, k_len)
    assert mask.dtype == torch.bool
    for i in range(q_len):
        for j in range(k_len):
            assert mask[i, j] == (q_len - 1 - i <= k_len - 1 - j)


@given(q_len=lengths, k_len=lengths, window=st.integers(1, 17))
def test_sliding_window_is_about_distance_both_ways(q_len: int, k_len: int, window: int) -> None:
    mask = sliding_window_mask(q_len, k_len, window=window)
    assert mask.shape == (q_len, k_len)
    assert mask.dtype == torch.bool
    for i in range(q_len):
        for j in range(k_len):
            from_the_end = (q_len - 1 - i) - (k_len - 1 - j)
            assert mask[i, j] == (-window < from_the_end < window)


def test_sliding_window_takes_as_many_keys_as_queries_unless_told() -> None:
    assert sliding_window_mask(3, window=1).tolist() == [[T, X, X], [X, T, X], [X, X, T]]


def test_sliding_window_with_the_causal_mask_sees_window_keys() -> None:
    mask = sliding_window_mask(7, window=3) & causal_mask(7)
    assert mask.sum(dim=-1).tolist() == [1, 2, 3, 3, 3, 3, 3]


def test_padding_mask_by_hand() -> None:
    mask = padding_mask(torch.tensor([3, 0, 5]), 5)
    assert mask.tolist() == [[[T, T, T, X, X]], [[X] * 5], [[T] * 5]]
    mask = padding_mask(torch.tensor([[1, 3], [0, 2]]), 3)
    assert mask.tolist() == [[[T, X, X], [T, T, T]], [[X, X, X], [T, T, X]]]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_padding_mask_takes_any_integers(dtype: torch.dtype) -> None:
    assert padding_mask(torch.tensor([2, 0], dtype=dtype), 3).tolist() == [[[T, T, X]], [[X] * 3]]


@pytest.mark.parametrize(
    ("dtype", "k_len"),
    [
        (torch.uint8, 256),
        (torch.int8, 128),
        (torch.int16, 32_768),
        (torch.uint16, 65_536),
        (torch.uint32, 7),
        (torch.uint64, 7),
    ],
)
def test_keys_may_be_more_than_the_type_of_the_lengths_can_count(
    dtype: torch.dtype, k_len: int
) -> None:
    mask = padding_mask(torch.tensor([3, 5]).to(dtype), k_len)
    assert mask.sum(dim=-1).tolist() == [[3], [5]]
    assert mask[1, 0, :6].tolist() == [T, T, T, T, T, X]


def test_padding_mask_of_nothing() -> None:
    assert padding_mask(torch.tensor([], dtype=torch.int64), 3).shape == (0, 1, 3)
    assert padding_mask(torch.tensor([0, 0]), 0).shape == (2, 1, 0)
    assert padding_mask(torch.zeros(2, 0, dtype=torch.int64), 3).shape == (2, 0, 3)


def test_masks_follow_the_device() -> None:
    assert causal_mask(2, 3, device="meta").is_meta
    assert sliding_window_mask(2, 3, window=1, device="meta").is_meta
    mask = padding_mask(torch.tensor([1, 2], device="meta"), 5)
    assert mask.is_meta
    assert mask.shape == (2, 1, 5)


def test_one_mask_in_the_three_conventions_of_torch() -> None:
    x = torch.randn(2, 5, 7)
    mask = causal_mask(5)  # True = may attend
    weights = masked_softmax(x @ x.mT / 7**0.5, mask)
    expected = weights @ x

    torch.testing.assert_close(F.scaled_dot_product_attention(x, x, x, attn_mask=mask), expected)

    additive = torch.zeros(5, 5).masked_fill(~mask, -torch.inf)
    torch.testing.assert_close(
        F.scaled_dot_product_attention(x, x, x, attn_mask=additive), expected
    )

    theirs = nn.MultiheadAttention(7, 1, bias=False, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.eye(7).repeat(3, 1))
        theirs.out_proj.weight.copy_(torch.eye(7))
        _, their_weights = theirs(x, x, x, attn_mask=~mask)  # True = must NOT attend
    torch.testing.assert_close(their_weights, weights)


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("valid_lens", "named"),
    [
        ([3, 2], r"integer tensor, got \[3, 2\]"),
        (3, r"integer tensor, got 3"),
        (torch.tensor([3.0, 2.5]), r"integer tensor, got tensor\(\[3\.0000, 2\.5000\]\)"),
        (torch.tensor([3j]), r"integer tensor, got tensor\(\[0\.\+3\.j\]\)"),
        (torch.tensor([True, False]), r"integer tensor, got tensor\(\[ True, False\]\)"),
        (torch.tensor(3), r"shape \(batch,\) or \(batch, q_len\), got shape \(\)"),
        (torch.ones(2, 3, 5, dtype=torch.int64), r"got shape \(2, 3, 5\)"),
        (torch.tensor([3, -1, -2]), r"between 0 and k_len = 4, got \[-1, -2\]"),
        (torch.tensor([5, 4, 0]), r"between 0 and k_len = 4, got \[5\]"),
        (torch.tensor([[5, 4], [-7, 2]]), r"between 0 and k_len = 4, got \[5, -7\]"),
    ],
)
def test_padding_mask_names_what_it_refuses(valid_lens: object, named: str) -> None:
    with pytest.raises(ValueError, match=rf"^valid_lens must .*{named}$"):
        padding_mask(valid_lens, 4)


@pytest.mark.usefixtures("as_users_call")
def test_lengths_below_zero_and_windows_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^k_len must not be negative, got -1$"):
        padding_mask(torch.tensor([], dtype=torch.int64), -1)
    for make in (causal_mask, lambda *n: sliding_window_mask(*n, window=2)):
        with pytest.raises(ValueError, match=r"^q_len and k_len must .*, got -1 and 3$"):
            make(-1, 3)
        with pytest.raises(ValueError, match=r"^q_len and k_len must .*, got 3 and -1$"):
            make(3, -1)
        with pytest.raises(ValueError, match=r"^q_len and k_len must .*, got -2 and -2$"):
            make(-2)
    with pytest.raises(ValueError, match=r"^window must be at least 1, got 0$"):
        sliding_window_mask(3, window=0)
