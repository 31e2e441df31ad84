"""Attention in O(length) memory: the same result, a block of queries at a time."""

from typing import Any

import torch
from torch import Tensor

from attnlib._shapes import check_attention, computed_dtype
from attnlib._typing import Bool, Float
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

    torch's compiler unrolls the blocks: a program exported with it holds for one `q_len` only.

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
    query, key, value = (x.to(computed_dtype(x)) for x in (query, key, value))
    q_len, k_len = query.shape[-2], key.shape[-2]

    # A compiler decides by itself what to keep for the way back.
    learned = torch.is_grad_enabled() and any(x.requires_grad for x in (query, key, value))
    attend = _Forgetting.apply if learned and not torch.compiler.is_compiling() else _attend

    for start in range(0, max(1, q_len), chunk_size):  # once at least: the output has a gradient
        stop = min(start + chunk_size, q_len)
        # Keys that lie in the future of the whole block need no scores at all. Cut off there, the
        # block's queries and keys end together again: so `is_causal` means the same inside.
        visible = max(0, k_len - q_len + stop) if is_causal else k_len
        block = attend(
            query[..., start:stop, :],
            key[..., :visible, :],
            value[..., :visible, :],
            _cut(mask, start, stop, visible),
            is_causal,
            scale,
        )
        if start == 0:
            # All at once: blocks kept one by one would lie between the weights and break up the
            # free memory. Made from a block, which vmap has mapped if it has mapped any input.
            output = block.new_empty(*query.shape[:-1], value.shape[-1])
        output[..., start:stop, :] = block
    return output


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    is_causal: bool,
    scale: float | None,
) -> Tensor:
    return attention_weights(query, key, mask, is_causal=is_causal, scale=scale) @ value


class _Forgetting(torch.autograd.Function):
    """Attend without keeping the weights: the way back makes them anew, from queries and keys.

    `torch.utils.checkpoint` would do the same, but not inside `torch.func.grad` and `vmap`.
    """

    generate_vmap_rule = True
    forward = staticmethod(_attend)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004
        *tensors, ctx.is_causal, ctx.scale = inputs
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Differentiate output = weights @ value, and weights = softmax(scale · query @ keyᵀ)."""
        query, key, value, mask = ctx.saved_tensors
        weights = attention_weights(query, key, mask, is_causal=ctx.is_causal, scale=ctx.scale)
        # Of a softmax: weights * (grad - Σ weights * grad), the sum over a row. All the same size
        # as the weights, so each intermediate costs: these are the fewest.
        by_weight = weights * (grad @ value.mT)
        total = by_weight.sum(dim=-1, keepdim=True)
        scores = torch.addcmul(by_weight, weights, total, value=-1)
        scale = query.shape[-1] ** -0.5 if ctx.scale is None else ctx.scale
        return scores @ (key * scale), scores.mT @ (query * scale), weights.mT @ grad, *[None] * 3

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        """Differentiate forwards: `torch.func.hessian` does, on the way back."""
        query, key, value, mask = ctx.saved_tensors
        moved_query, moved_key, moved_value = (
            torch.zeros_like(x) if moves is None else moves
            for x, moves in zip((query, key, value), tangents[:3], strict=True)
        )
        weights = attention_weights(query, key, mask, is_causal=ctx.is_causal, scale=ctx.scale)
        scale = query.shape[-1] ** -0.5 if ctx.scale is None else ctx.scale
        moved_scores = (moved_query * scale) @ key.mT + (query * scale) @ moved_key.mT
        by_weight = weights * moved_scores
        moved_weights = by_weight - weights * by_weight.sum(dim=-1, keepdim=True)
        tangent: Tensor = moved_weights @ value + weights @ moved_value
        return tangent


def _cut(mask: Tensor | None, start: int, stop: int, visible: int) -> Tensor | None:
    """Take a block out of a mask; an axis of length 1 stays as it is and goes on broadcasting."""
    if mask is None:
        return None
    rows = mask[..., start:stop, :] if mask.shape[-2] > 1 else mask
    return rows[..., :visible]
