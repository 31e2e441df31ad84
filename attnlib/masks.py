"""Who may attend to whom: boolean masks, True = MAY attend.

The last two axes of a mask are (query, key). Masks combine with `&`, and go as `mask` to every
function of this library. Queries and keys end together: of `q_len` queries and `k_len` keys,
query `i` stands at key position `i + k_len - q_len`, as the newest tokens do beside a cache.
"""

import torch
from torch import Tensor

from attnlib._shapes import aligned_positions, numbers_outside
from attnlib._typing import Bool, Integer

SIGNED = (torch.int8, torch.int16, torch.int32, torch.int64)
UNSIGNED = (torch.uint8, torch.uint16, torch.uint32, torch.uint64)


def causal_mask(
    q_len: int, k_len: int | None = None, *, device: torch.device | str | None = None
) -> Bool[Tensor, "{q_len} keys"]:
    """Hide the future: a query sees the keys up to its own position.

        mask[i, j] = j <= i + k_len - q_len

    With fewer queries than keys the last query still sees every key (lower-right alignment); with
    more queries than keys the first `q_len - k_len` queries see none.

    Args:
        q_len: Number of queries.
        k_len: Number of keys; as many as queries unless given.
        device: Where the mask is made.

    Returns:
        Mask of shape (q_len, k_len).

    Raises:
        ValueError: If a length is negative.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.3.

    >>> causal_mask(3).int()
    tensor([[1, 0, 0],
            [1, 1, 0],
            [1, 1, 1]], dtype=torch.int32)
    >>> causal_mask(1, 4)  # one new query beside a cache sees all of it
    tensor([[True, True, True, True]])
    """
    q_position, k_position = aligned_positions(q_len, k_len, device)
    return k_position <= q_position


def sliding_window_mask(
    q_len: int,
    k_len: int | None = None,
    *,
    window: int,
    device: torch.device | str | None = None,
) -> Bool[Tensor, "{q_len} keys"]:
    """Keep to the neighbourhood: a query sees the keys less than `window` positions away.

        mask[i, j] = |i + k_len - q_len - j| < window

    It looks both ways. Together with `causal_mask`, or `is_causal=True`, a query sees itself and
    the `window - 1` keys before it.

    Args:
        q_len: Number of queries.
        k_len: Number of keys; as many as queries unless given.
        window: How many keys a query sees to either side, itself included; at least 1.
        device: Where the mask is made.

    Returns:
        Mask of shape (q_len, k_len).

    Raises:
        ValueError: If a length is negative or `window` is smaller than 1.

    Source: Beltagy et al. 2020, "Longformer", section 3.1; with `causal_mask`: Jiang et al. 2023,
    "Mistral 7B", section 2.

    >>> sliding_window_mask(4, window=2).int()
    tensor([[1, 1, 0, 0],
            [1, 1, 1, 0],
            [0, 1, 1, 1],
            [0, 0, 1, 1]], dtype=torch.int32)
    """
    if window < 1:
        raise ValueError(f"window must be at least 1, got {window}")
    q_position, k_position = aligned_positions(q_len, k_len, device)
    return (q_position - k_position).abs() < window


def padding_mask(
    valid_lens: Integer[Tensor, "batch"] | Integer[Tensor, "batch q_len"], k_len: int
) -> Bool[Tensor, "batch queries {k_len}"]:
    """Hide the padding: only the first `valid_lens` keys are real.

        mask[b, i, j] = j < valid_lens[b]        or        j < valid_lens[b, i]

    Keys are hidden, queries are not: what a padded query returns is meaningless, but finite.

    Lengths are checked where there are numbers to look at: not on the device "meta", and not while
    torch traces or maps a function (`torch.compile`, `torch.export`, `torch.func.vmap`). There a
    length below 0 hides all keys, one above `k_len` none.

    Args:
        valid_lens: How many keys are real, integers of shape (batch,); or (batch, q_len), one
            number for each query.
        k_len: Number of keys.

    Returns:
        Mask of shape (batch, 1, k_len), or (batch, q_len, k_len).

    Raises:
        ValueError: If `valid_lens` is no integer tensor of one or two axes, or a length is
            negative or larger than `k_len`.

    Source: Zhang et al. 2023, "Dive into Deep Learning", section 11.3 (`valid_lens`).

    >>> padding_mask(torch.tensor([3, 2]), k_len=4).int()
    tensor([[[1, 1, 1, 0]],
    <BLANKLINE>
            [[1, 1, 0, 0]]], dtype=torch.int32)
    """
    if not isinstance(valid_lens, Tensor) or valid_lens.dtype not in SIGNED + UNSIGNED:
        raise ValueError(f"valid_lens must be an integer tensor, got {valid_lens!r}")
    if valid_lens.ndim not in (1, 2):
        raise ValueError(
            "valid_lens must have shape (batch,) or (batch, q_len), "
            f"got shape {tuple(valid_lens.shape)}"
        )
    if k_len < 0:
        raise ValueError(f"k_len must not be negative, got {k_len}")
    valid_lens = valid_lens.long()  # a narrower type need not have room for k_len
    impossible = numbers_outside(0, k_len, valid_lens)
    if impossible:
        raise ValueError(f"valid_lens must lie between 0 and k_len = {k_len}, got {impossible}")
    mask = torch.arange(k_len, device=valid_lens.device) < valid_lens.unsqueeze(-1)
    return mask.unsqueeze(1) if valid_lens.ndim == 1 else mask
