"""What fits together: how queries meet keys, and the errors for what does not fit.

Each error names its argument and the shapes or values.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from attnlib._typing import Int


def aligned_positions(
    q_len: int, k_len: int | None, device: torch.device | str | None
) -> tuple[Int[Tensor, "{q_len} 1"], Int[Tensor, "k_len"]]:
    """Place queries (a column) and keys (a row) so that both end at the same position."""
    k_len = q_len if k_len is None else k_len
    if q_len < 0 or k_len < 0:
        raise ValueError(f"q_len and k_len must not be negative, got {q_len} and {k_len}")
    q_position = torch.arange(k_len - q_len, k_len, device=device)
    return q_position.unsqueeze(1), torch.arange(k_len, device=device)


def check_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor | None = None,
    *,
    mask: Tensor | None = None,
    attn_bias: Tensor | None = None,
    shared_heads: bool = False,
) -> None:
    """Refuse what cannot be attended with: wrong axes, widths, lengths or dtypes.

    With shared heads, those of keys and values may be fewer.
    """
    # Usually all are alike, which is seen at once; one by one costs more than a small product.
    shape, dtype = query.shape, query.dtype
    if (
        key.shape != shape
        or key.dtype != dtype
        or (value is not None and (value.shape != shape or value.dtype != dtype))
        or len(shape) < 2
        or shape[-1] == 0
        or not dtype.is_floating_point
    ):
        _check_inputs(query, key, value, shared_heads)
    if mask is not None:
        check_mask(mask, (*shape[:-1], key.shape[-2]))
    if attn_bias is not None:
        check_bias(attn_bias, query, (*shape[:-1], key.shape[-2]))


def _check_inputs(query: Tensor, key: Tensor, value: Tensor | None, shared_heads: bool) -> None:
    q_shape, k_shape = query.shape, key.shape
    if len(q_shape) < 2 or len(q_shape) != len(k_shape):
        raise ValueError(
            "query and key must be (..., length, head_dim), with as many axes as each other; "
            f"got query {tuple(q_shape)} and key {tuple(k_shape)}"
        )
    if q_shape[-1] != k_shape[-1] or q_shape[-1] == 0:
        raise ValueError(
            "query and key must have the same head_dim, their last axis, and at least 1; "
            f"got query {tuple(q_shape)} and key {tuple(k_shape)}"
        )
    if shared_heads:
        _check_shared_heads(q_shape, k_shape)
    elif q_shape[:-2] != k_shape[:-2]:
        raise ValueError(
            "query and key must agree in their leading axes (batch, heads); "
            f"got query {tuple(q_shape)} and key {tuple(k_shape)}"
        )
    if not query.is_floating_point() or not same_dtype(query, key):
        raise ValueError(
            "query and key must have the same floating-point dtype; "
            f"got query {query.dtype} and key {key.dtype}"
        )
    if value is not None:
        if value.shape[:-1] != k_shape[:-1]:
            raise ValueError(
                "value must hold one row for each key, (..., k_len, value_dim); "
                f"got value {tuple(value.shape)} and key {tuple(k_shape)}"
            )
        if not same_dtype(value, key):
            raise ValueError(
                f"value and key must have the same dtype; got {value.dtype} and {key.dtype}"
            )


def _check_shared_heads(q_shape: Sequence[int], k_shape: Sequence[int]) -> None:
    if len(q_shape) < 3 or q_shape[:-3] != k_shape[:-3]:
        raise ValueError(
            "enable_gqa wants query and key as (..., heads, length, head_dim), alike before the "
            f"heads; got query {tuple(q_shape)} and key {tuple(k_shape)}"
        )
    if k_shape[-3] == 0 or q_shape[-3] % k_shape[-3] != 0:
        raise ValueError(
            "the heads of key and value must divide those of the query, "
            f"got query {tuple(q_shape)} and key {tuple(k_shape)}"
        )


def check_vectors(name: str, x: Tensor, embed_dim: int) -> None:
    """Refuse what is no batch of texts, each a row of vectors of this width."""
    if x.ndim != 3 or x.shape[-1] != embed_dim:
        raise ValueError(
            f"{name} must have shape (batch, length, embed_dim = {embed_dim}), got {tuple(x.shape)}"
        )


def mask_for_heads(mask: Tensor, scores_shape: Sequence[int], *, name: str = "mask") -> Tensor:
    """Give a mask for all heads, (batch, q_len, k_len), an axis for them; refuse what fits not.

    The scores are (batch, num_heads, q_len, k_len).
    """
    if isinstance(mask, Tensor) and mask.ndim == 3:
        check_mask(mask, (scores_shape[0], *scores_shape[2:]), name=name)
        return mask.unsqueeze(1)
    check_mask(mask, scores_shape, name=name)
    return mask


def check_mask(mask: Tensor, scores_shape: Sequence[int], *, name: str = "mask") -> None:
    """Refuse a mask that is not boolean or does not broadcast to the scores."""
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        kind = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
        raise ValueError(
            f"{name} must be a boolean tensor (True = may attend), got {kind}; "
            "additive scores go to `attn_bias`"
        )
    check_broadcast(name, mask, scores_shape)


def check_bias(attn_bias: Tensor, query: Tensor, scores_shape: Sequence[int]) -> None:
    """Refuse a bias that has not the dtype of the query or does not broadcast to the scores."""
    if not same_dtype(attn_bias, query):
        raise ValueError(
            f"attn_bias must have the dtype of the query, {query.dtype}, "
            f"got {attn_bias.dtype}; a boolean mask goes to `mask`"
        )
    check_broadcast("attn_bias", attn_bias, scores_shape)


def check_broadcast(name: str, x: Tensor, scores_shape: Sequence[int]) -> None:
    """Refuse what does not broadcast to the scores, or has no axis for either side of them."""
    # One axis alone would leave open whether it counts queries, keys or the batch.
    fits = min(2, len(scores_shape)) <= x.ndim <= len(scores_shape)
    for length, full in zip(x.shape, scores_shape[-x.ndim :], strict=False):
        fits = fits and length in (1, full)
    if not fits:
        raise ValueError(
            f"{name} of shape {tuple(x.shape)} does not broadcast to the scores, "
            f"(..., q_len, k_len) = {tuple(scores_shape)}"
        )


def computed_dtype(x: Tensor) -> torch.dtype:
    """Say in which dtype products of a tensor are computed; autocast leaves float64 as it is."""
    kind = x.device.type
    if not torch.amp.is_autocast_available(kind) or not torch.is_autocast_enabled(kind):
        return x.dtype
    changes = x.is_floating_point() and x.dtype != torch.float64
    return torch.get_autocast_dtype(kind) if changes else x.dtype


def same_dtype(x: Tensor, y: Tensor) -> bool:
    """Whether two tensors meet in one dtype: as they are, or once autocast has changed them."""
    return x.dtype == y.dtype or computed_dtype(x) == computed_dtype(y)


def numbers_outside(least: int | float, most: int | float, x: Tensor) -> list[float]:
    """List the numbers in a tensor that lie outside, NaN too; none if it has none to look at."""
    if torch.compiler.is_compiling() or x.is_meta:
        return []
    try:
        return [number for number in x.flatten().tolist() if not least <= number <= most]
    except RuntimeError:  # mapped by vmap, or a fake tensor: the numbers are not known yet
        return []
