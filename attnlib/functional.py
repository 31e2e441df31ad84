"""Attention as functions: scores, weights, output.

Axes are (..., length, features), with any number of leading axes: none, (batch,), or
(batch, num_heads). Query, key and value agree in the leading axes; a mask or a bias broadcasts.
"""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from attnlib._shapes import check_attention, check_mask
from attnlib._typing import Bool, Float
from attnlib.masks import causal_mask


def masked_softmax(
    scores: Float[Tensor, "*queries k_len"],
    mask: Bool[Tensor, "*#queries #k_len"] | None = None,
) -> Float[Tensor, "*queries k_len"]:
    """Turn each row of scores into weights; a forbidden key gets exactly 0.

        weights[i, j] = exp(scores[i, j]) / Σ exp(scores[i, j'])    over the allowed j'

    A row with nothing to attend to is all zeros, and so are its gradients.

    Args:
        scores: Scores of shape (..., q_len, k_len), or (k_len,) for a single query. A score of -inf
            forbids the key, like the mask.
        mask: Boolean, True = may attend; broadcasts to the shape of `scores`.

    Returns:
        Weights in the shape of `scores`; every row sums to 1, or to 0.

    Raises:
        ValueError: If `mask` is not boolean or does not broadcast to the shape of `scores`.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.3 (mask before softmax).

    >>> scores = torch.tensor([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0]])
    >>> mask = torch.tensor([[True, True, False], [False, False, False]])
    >>> masked_softmax(scores, mask)
    tensor([[0.7311, 0.2689, 0.0000],
            [0.0000, 0.0000, 0.0000]])
    """
    allowed = scores != -torch.inf
    if mask is not None:
        check_mask(mask, scores.shape)
        allowed = allowed & mask
    return _softmax_of_allowed(scores, allowed)


def attention_weights(
    query: Float[Tensor, "*batch q_len head_dim"],
    key: Float[Tensor, "*batch k_len head_dim"],
    mask: Bool[Tensor, "*#batch #q_len #k_len"] | None = None,
    *,
    attn_bias: Float[Tensor, "*#batch #q_len #k_len"] | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Float[Tensor, "*batch q_len k_len"]:
    """Say how much each query attends to each key.

        weights = softmax(scale · query @ keyᵀ + attn_bias)    over the allowed keys

    Args:
        query: Queries of shape (..., q_len, head_dim).
        key: Keys of shape (..., k_len, head_dim).
        mask: Boolean, True = may attend; broadcasts to (..., q_len, k_len).
        attn_bias: Added to the scores after scaling; broadcasts like `mask`. A bias of -inf
            forbids the key.
        is_causal: Hide the future, too, by `causal_mask(q_len, k_len)`.
        scale: Factor of the scores; 1 / sqrt(head_dim) unless given.

    Returns:
        Weights of shape (..., q_len, k_len); a row with nothing to attend to is all zeros.

    Raises:
        ValueError: If shapes or dtypes do not fit; the message names the argument and both.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.1, equation 1.

    >>> query = torch.tensor([[1.0, 1.0]])  # 上 asks 早, 上 and 好
    >>> key = torch.tensor([[1.0, 1.0], [2.0, -1.0], [1.0, -1.0]])
    >>> attention_weights(query, key, scale=1.0)
    tensor([[0.6652, 0.2447, 0.0900]])
    """
    check_attention(query, key, mask=mask, attn_bias=attn_bias)
    return _weights(query, key, mask, attn_bias, is_causal, scale)


def scaled_dot_product_attention(
    query: Float[Tensor, "*batch q_len head_dim"],
    key: Float[Tensor, "*kv_batch k_len head_dim"],
    value: Float[Tensor, "*kv_batch k_len value_dim"],
    mask: Bool[Tensor, "*#batch #q_len #k_len"] | None = None,
    *,
    attn_bias: Float[Tensor, "*#batch #q_len #k_len"] | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    dropout_p: float = 0.0,
    need_weights: bool = False,
    enable_gqa: bool = False,
) -> tuple[Float[Tensor, "*batch q_len value_dim"], Float[Tensor, "*batch q_len k_len"] | None]:
    """Mix the values, each weighted by how well its key answers the query.

        output = softmax(scale · query @ keyᵀ + attn_bias) @ value

    Without weights to return, torch's fused kernel computes the same and never holds all scores
    in memory. In two things it falls behind the formula. On a CPU it can be differentiated once,
    backwards: a second derivative, or one in forward mode, needs `need_weights=True`. And a NaN in
    a key that is hidden spoils its output, but not the one with `need_weights=True`. (A NaN in a
    hidden value spoils both: 0 · NaN is NaN.)

    A mask goes by its shape, and some shapes can be read in two ways. Axes are counted from the
    last: a padding mask of (batch, k_len) is taken for (q_len, k_len) wherever batch = q_len, and
    one of (batch, q_len, k_len) given beside heads for (num_heads, q_len, k_len) wherever
    batch = num_heads. Give (batch, 1, k_len), or (batch, 1, q_len, k_len) beside heads.

    Args:
        query: Queries of shape (..., q_len, head_dim).
        key: Keys of shape (..., k_len, head_dim).
        value: Values of shape (..., k_len, value_dim).
        mask: Boolean, True = may attend; broadcasts to (..., q_len, k_len).
        attn_bias: Added to the scores after scaling; broadcasts like `mask`. A bias of -inf
            forbids the key.
        is_causal: Hide the future, too, by `causal_mask(q_len, k_len)`.
        scale: Factor of the scores; 1 / sqrt(head_dim) unless given.
        dropout_p: Probability of dropping a weight, always active: pass 0 when evaluating.
        need_weights: Return the weights as well.
        enable_gqa: Let neighbouring heads of queries share one of keys and values: `key` and
            `value` are (..., num_kv_heads, k_len, width) beside a query of (..., num_heads, q_len,
            head_dim), and num_kv_heads divides num_heads.

    Returns:
        Output of shape (..., q_len, value_dim), and the weights of shape (..., q_len, k_len)
        before dropout, or None. A query with nothing to attend to gets zeros.

    Raises:
        ValueError: If shapes or dtypes do not fit; the message names the argument and both.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.1, equation 1.

    >>> query = torch.tensor([[1.0, 1.0]])  # 上 asks 早, 上 and 好
    >>> key = torch.tensor([[1.0, 1.0], [2.0, -1.0], [1.0, -1.0]])
    >>> value = torch.tensor([[1.0, 3.0], [-1.0, 3.0], [-1.0, 1.0]])
    >>> scaled_dot_product_attention(query, key, value, scale=1.0, need_weights=True)
    (tensor([[0.3305, 2.8199]]), tensor([[0.6652, 0.2447, 0.0900]]))
    """
    check_attention(query, key, value, mask=mask, attn_bias=attn_bias, shared_heads=enable_gqa)
    if not 0.0 <= dropout_p <= 1.0:
        raise ValueError(f"dropout_p must lie between 0 and 1, got {dropout_p}")
    return _attend(
        query, key, value, mask, attn_bias, is_causal, scale, dropout_p, need_weights, enable_gqa
    )


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    attn_bias: Tensor | None,
    is_causal: bool,
    scale: float | None,
    dropout_p: float,
    need_weights: bool,
    enable_gqa: bool,
) -> tuple[Tensor, Tensor | None]:
    """Compute `scaled_dot_product_attention` of what is known to fit: a layer has seen to it."""
    if need_weights:
        if enable_gqa:
            groups = query.shape[-3] // key.shape[-3]
            key, value = (x.repeat_interleave(groups, dim=-3) for x in (key, value))
        weights = _weights(query, key, mask, attn_bias, is_causal, scale)
        kept = F.dropout(weights, dropout_p) if dropout_p > 0.0 else weights
        return kept @ value, weights

    if is_causal and query.shape[-2] == 1:
        is_causal = False  # all keys are past: the one query is the last
    # torch's own flag skips the future for free, but aligns upper-left and takes no mask beside it.
    masked = mask is not None or attn_bias is not None
    if is_causal and (masked or query.shape[-2] != key.shape[-2]):
        mask, is_causal = _and_causal(mask, query, key), False
    attn_mask = mask if attn_bias is None else attn_bias
    if mask is not None and attn_bias is not None:
        attn_mask = attn_bias.masked_fill(~mask, -torch.inf)
    axes = query.ndim
    if axes < 4:
        query, key, value = map(_four_axes, (query, key, value))
    output = F.scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=None if attn_mask is None else _four_axes(attn_mask),
        dropout_p=dropout_p,
        is_causal=is_causal,
        scale=scale,
        enable_gqa=enable_gqa,  # copies nothing on a CPU
    )
    return output if axes >= 4 else output[(0,) * (4 - axes)], None


def _weights(
    query: Tensor,
    key: Tensor,
    mask: Tensor | None,
    attn_bias: Tensor | None,
    is_causal: bool,
    scale: float | None,
    hidden: Tensor | None = None,
) -> Tensor:
    """Make the weights. Where nothing else hides keys, `hidden` is added: 0 or -inf, no row empty.

    In half the time of a fill; and the way back needs nothing of it.
    """
    # Scaling the queries is the same as scaling the scores, but cheaper, and it cannot overflow
    # half precision on the way.
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    scores = (query * scale) @ key.contiguous().mT  # torch would copy it transposed, at more cost
    if attn_bias is not None:
        scores = scores + attn_bias.to(scores.dtype)  # not in place: vmap may have mapped the bias
        allowed = attn_bias != -torch.inf
        mask = allowed if mask is None else mask & allowed
    q_len, k_len = scores.shape[-2:]
    if is_causal and mask is None and q_len <= k_len:  # the usual case: each sees itself at least
        all_of_it = torch.full((q_len, k_len), -torch.inf, device=scores.device, dtype=scores.dtype)
        hidden = all_of_it.triu_(k_len - q_len + 1)
    if hidden is not None:
        scores += hidden
        return scores.softmax(dim=-1)
    if is_causal:
        mask = _and_causal(mask, query, key)
    return scores.softmax(dim=-1) if mask is None else _softmax_of_allowed(scores, mask)


def _softmax_of_allowed(scores: Tensor, allowed: Tensor) -> Tensor:
    """Turn scores into weights; what is not allowed counts for nothing, be it infinite or NaN."""
    # The softmax of an empty row is 0/0. It is computed as if all its scores were 0, and set to
    # zero afterwards: so NaN arises nowhere, neither here nor on the way back.
    sees_any = allowed.any(dim=-1, keepdim=True)
    forbidden = torch.where(sees_any, -torch.inf, 0.0).to(scores.dtype)
    return torch.where(allowed, scores, forbidden).softmax(dim=-1) * sees_any.to(scores.dtype)


def _and_causal(mask: Tensor | None, query: Tensor, key: Tensor) -> Tensor:
    causal = causal_mask(query.shape[-2], key.shape[-2], device=query.device)
    return causal if mask is None else mask & causal


def _four_axes(x: Tensor) -> Tensor:
    """Put axes of length 1 in front: torch's fused kernel takes four axes and no fewer."""
    return x if x.ndim >= 4 else x[(None,) * (4 - x.ndim)]
