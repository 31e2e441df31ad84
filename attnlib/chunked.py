"""Attention in O(length) memory: the same result, a block of queries at a time."""

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from attnlib._shapes import check_attention
from attnlib.functional import attention_weights


def chunked_attention(
    query: Float[Tensor, "*batch q_len head_dim"],
    key: Float[Tensor, "*batch k_len head_dim"],
    value: Float[Tensor, "*batch k_len value_dim"],
    mask: Bool[Tensor, "*#batch #q_len #k_len"] | None = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
    chunk_size: int = 128,
) -> Float[Tensor, "*batch q_len value_dim"]:
    """Attend with `chunk_size` queries at a time.

        output[block] = softmax(scale · query[block] @ keyᵀ) @ value

    Each row of the weights depends on its own query only. So the (q_len, k_len) weights are never
    needed all at once: a block of their rows is made, used and forgotten, and made again in the
    backward pass. Memory grows with chunk_size · k_len instead of q_len · k_len.

    Args:
        query: Queries of shape (..., q_len, head_dim).
        key: Keys of shape (..., k_len, head_dim).
        value: Values of shape (..., k_len, value_dim).
        mask: Boolean, True = may attend; broadcasts to (..., q_len, k_len).
        is_causal: Hide the future, too, by `causal_mask(q_len, k_len)`.
        scale: Factor of the scores; 1 / sqrt(head_dim) unless given.
        chunk_size: How many queries are attended with at a time.

    Returns:
        Output of shape (..., q_len, value_dim). A query with nothing to attend to gets zeros.

    Raises:
        ValueError: If shapes or dtypes do not fit, or `chunk_size` is smaller than 1.

    Source: Rabe & Staats 2021, "Self-attention Does Not Need O(n²) Memory"; here without their
    second split, over the keys.

    >>> x = torch.tensor([[2.0, 1.0], [1.0, 2.0], [0.0, 1.0]])
    >>> chunked_attention(x, x, x, scale=1.0, chunk_size=2)
    tensor([[1.7082, 1.2654],
            [1.2244, 1.7054],
            [1.0000, 1.5761]])
    """
    check_attention(query, key, value, mask=mask)
    if chunk_size < 1:
        raise ValueError(f"chunk_size must be at least 1, got {chunk_size}")
    q_len, k_len = query.shape[-2], key.shape[-2]

    def remembering(q: Tensor, k: Tensor, v: Tensor, m: Tensor | None) -> Tensor:
        return attention_weights(q, k, m, is_causal=is_causal, scale=scale) @ v

    attend: Callable[..., Tensor] = remembering
    if torch.is_grad_enabled() and any(x.requires_grad for x in (query, key, value)):
        # Forgets the weights, and makes them anew on the way back.
        attend = partial(checkpoint, remembering, use_reentrant=False, preserve_rng_state=False)

    # Made once: blocks kept one by one would lie between the weights and break up the free memory.
    output = query.new_empty(*query.shape[:-1], value.shape[-1])
    for start in range(0, q_len, chunk_size):
        stop = min(start + chunk_size, q_len)
        # Keys that lie in the future of the whole block need no scores at all. Cut off there, the
        # block's queries and keys end together again: so `is_causal` means the same inside.
        visible = max(0, k_len - q_len + stop) if is_causal else k_len
        output[..., start:stop, :] = attend(
            query[..., start:stop, :],
            key[..., :visible, :],
            value[..., :visible, :],
            _cut(mask, start, stop, visible),
        )
    return output


def _cut(mask: Tensor | None, start: int, stop: int, visible: int) -> Tensor | None:
    """Take a block out of a mask; an axis of length 1 stays as it is and goes on broadcasting."""
    if mask is None:
        return None
    rows = mask[..., start:stop, :] if mask.shape[-2] > 1 else mask
    return rows[..., :visible]
