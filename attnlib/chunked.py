"""Attention in O(length) memory: the same result, a block of queries at a time."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from attnlib._shapes import check_attention, computed_dtype
from attnlib._typing import Bool, Float
from attnlib.functional import _weights


def chunked_attention(
    query: Float[Tensor, "*batch q_len head_dim"],
    key: Float[Tensor, "*batch k_len head_dim"],
    value: Float[Tensor, "*batch k_len value_dim"],
    mask: Bool[Tensor, "*#batch #q_len #k_len"] | None = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
    window: int | None = None,
    chunk_size: int = 128,
) -> Float[Tensor, "*batch q_len value_dim"]:
    """Attend with `chunk_size` queries at a time.

        output[block] = softmax(scale · query[block] @ keyᵀ) @ value

    Each row of the weights depends on its own query only. So the (q_len, k_len) weights are never
    needed all at once: a block of their rows is made, used and forgotten, and made again in the
    backward pass. Memory grows with chunk_size · k_len instead of q_len · k_len.

    With a window, a block has scores for those keys only that one of its queries may see, at most
    2 · window + chunk_size of them. Time and memory grow with length · (window + chunk_size), in
    both directions, where a mask for the window would cost as much as none.

    torch's compiler unrolls the blocks: a program exported with it holds for one `q_len` only.

    Args:
        query: Queries of shape (..., q_len, head_dim).
        key: Keys of shape (..., k_len, head_dim).
        value: Values of shape (..., k_len, value_dim).
        mask: Boolean, True = may attend; broadcasts to (..., q_len, k_len).
        is_causal: Hide the future, too, by `causal_mask(q_len, k_len)`.
        scale: Factor of the scores; 1 / sqrt(head_dim) unless given.
        window: Keep to the neighbourhood, too, as `sliding_window_mask` does: with `is_causal`, to
            the `window` last keys, a query's own included.
        chunk_size: How many queries are attended with at a time.

    Returns:
        Output of shape (..., q_len, value_dim). A query with nothing to attend to gets zeros.

    Raises:
        ValueError: If shapes or dtypes do not fit, or `chunk_size` or `window` is smaller than 1.

    Source: Rabe & Staats 2021, "Self-attention Does Not Need O(n²) Memory"; here without their
    second split, over the keys. Windows in blocks: Beltagy et al. 2020, "Longformer", section 3.2.

    >>> x = torch.tensor([[2.0, 1.0], [1.0, 2.0], [0.0, 1.0]])
    >>> chunked_attention(x, x, x, scale=1.0, chunk_size=2)
    tensor([[1.7082, 1.2654],
            [1.2244, 1.7054],
            [1.0000, 1.5761]])
    """
    check_attention(query, key, value, mask=mask)
    for name, number in (("chunk_size", chunk_size), ("window", window)):
        if number is not None and number < 1:
            raise ValueError(f"{name} must be at least 1, got {number}")
    query, key, value = (x.to(computed_dtype(x)) for x in (query, key, value))
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    if window is not None and window >= max(query.shape[-2], key.shape[-2]):
        window = None  # it hides nothing
    # A compiler decides by itself what to keep for the way back.
    learned = torch.is_grad_enabled() and any(x.requires_grad for x in (query, key, value))
    attend = _Forgetting.apply if learned and not torch.compiler.is_compiling() else _attend
    output: Tensor = attend(query, key, value, mask, is_causal, scale, window, chunk_size)
    return output


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    is_causal: bool,
    scale: float,
    window: int | None,
    chunk_size: int,
) -> Tensor:
    output: Any = None
    for block in _blocks(query, key, is_causal, window, chunk_size):
        # The weights get no name: they would live on beside those of the next block.
        part = _weights_of(block, query, key, mask, is_causal, scale) @ value[..., block.seen, :]
        output = _put(part, output, block.rows, (*query.shape[:-1], value.shape[-1]))
    return output  # type: ignore[no-any-return]


class _Block(NamedTuple):
    """Some queries, the keys that any of them may see, and what the window hides of those.

    The last is added to the scores, 0 or -inf; it is None without a window.
    """

    rows: slice
    seen: slice
    hidden: Tensor | None


def _blocks(
    query: Tensor, key: Tensor, is_causal: bool, window: int | None, chunk_size: int
) -> list[_Block]:
    """Cut the queries into blocks."""
    q_len, k_len = query.shape[-2], key.shape[-2]
    behind = q_len + k_len if window is None else window - 1  # how far a query looks back
    ahead = 0 if is_causal else behind
    hidden = None
    if window is not None:  # query i of a block sees behind + 1 + ahead keys, from its i-th on
        size = min(chunk_size, q_len)
        shape = (size, behind + size + ahead)
        all_of_it = torch.full(shape, -torch.inf, device=query.device, dtype=query.dtype)
        hidden = all_of_it.tril(-1) + all_of_it.triu(behind + ahead + 1)
    blocks = []
    for start in range(0, max(1, q_len), chunk_size):  # once at least: the output has a gradient
        stop = min(start + chunk_size, q_len)
        # Query i stands beside key i + k_len - q_len. Keys that lie in the future of the whole
        # block need no scores at all. Cut off there, both end together: `is_causal` holds inside.
        first, last = start + k_len - q_len - behind, stop + k_len - q_len + ahead
        seen = slice(max(0, first), max(0, min(last, k_len)))
        cut = None
        if hidden is not None:
            cut = hidden[: stop - start, seen.start - first : seen.stop - first]
        blocks.append(_Block(slice(start, stop), seen, cut))
    return blocks


def _weights_of(
    block: _Block, query: Tensor, key: Tensor, mask: Tensor | None, is_causal: bool, scale: float
) -> Tensor:
    hidden, is_causal = block.hidden, is_causal and block.hidden is None
    if mask is not None:  # an axis of length 1 stays as it is and goes on broadcasting
        mask = mask[..., block.rows, :] if mask.shape[-2] > 1 else mask
        mask = mask[..., block.seen] if mask.shape[-1] > 1 else mask
    if hidden is not None and (mask is not None or query.shape[-2] > key.shape[-2]):
        near = hidden == 0.0  # rows may be empty: so nothing can be just added
        mask, hidden = near if mask is None else mask & near, None
    query, key = query[..., block.rows, :], key[..., block.seen, :]
    return _weights(query, key, mask, None, is_causal, scale, hidden)


class _Forgetting(torch.autograd.Function):
    """Attend without keeping the weights: the way back makes them anew, from queries and keys.

    `torch.utils.checkpoint` would do the same, but not inside `torch.func.grad` and `vmap`. All
    blocks at once: the gradient of each by itself would be as long as all keys, and mostly zero.
    """

    generate_vmap_rule = True
    forward = staticmethod(_attend)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004
        *tensors, ctx.is_causal, ctx.scale, ctx.window, ctx.chunk_size = inputs
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Differentiate output = weights @ value, and weights = softmax(scale · query @ keyᵀ)."""
        query, key, value, mask = ctx.saved_tensors
        by_query = by_key = by_value = None
        for block in _blocks(query, key, ctx.is_causal, ctx.window, ctx.chunk_size):
            rows, seen = block.rows, block.seen
            weights = _weights_of(block, query, key, mask, ctx.is_causal, ctx.scale)
            # Of a softmax: weights * (grad - Σ weights * grad), the sum over a row. All the same
            # size as the weights, so each intermediate costs: these are the fewest.
            by_weight = weights * (grad[..., rows, :] @ value[..., seen, :].mT)
            total = by_weight.sum(dim=-1, keepdim=True)
            scores = torch.addcmul(by_weight, weights, total, value=-1)
            by_query = _put(scores @ (key[..., seen, :] * ctx.scale), by_query, rows, query.shape)
            by_key = _put(scores.mT @ (query[..., rows, :] * ctx.scale), by_key, seen, key.shape)
            by_value = _put(weights.mT @ grad[..., rows, :], by_value, seen, value.shape)
            del weights, by_weight, scores  # else they live on beside those of the next block
        return by_query, by_key, by_value, *[None] * 5

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        """Differentiate forwards: `torch.func.hessian` does, on the way back."""
        query, key, value, mask = ctx.saved_tensors
        moved_query, moved_key, moved_value = (
            torch.zeros_like(x) if moves is None else moves
            for x, moves in zip((query, key, value), tangents[:3], strict=True)
        )
        tangent: Any = None
        for block in _blocks(query, key, ctx.is_causal, ctx.window, ctx.chunk_size):
            rows, seen = block.rows, block.seen
            weights = _weights_of(block, query, key, mask, ctx.is_causal, ctx.scale)
            by_query = (moved_query[..., rows, :] * ctx.scale) @ key[..., seen, :].mT
            by_key = (query[..., rows, :] * ctx.scale) @ moved_key[..., seen, :].mT
            by_weight = weights * (by_query + by_key)
            moved_weights = by_weight - weights * by_weight.sum(dim=-1, keepdim=True)
            part = moved_weights @ value[..., seen, :] + weights @ moved_value[..., seen, :]
            tangent = _put(part, tangent, rows, (*query.shape[:-1], value.shape[-1]))
        return tangent  # type: ignore[no-any-return]


def _put(block: Tensor, whole: Tensor | None, rows: slice, shape: Sequence[int]) -> Tensor:
    """Add a block to rows of the whole, which is made with the first one.

    At once: blocks kept one by one would lie between the weights and break up the free memory. And
    from a block, which vmap has mapped if it has mapped any input.
    """
    whole = block.new_zeros(shape) if whole is None else whole
    whole[..., rows, :] += block
    return whole
