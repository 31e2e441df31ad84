"""Several attentions side by side, each in its own slice of the features."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from attnlib._shapes import check_bias, check_vectors, mask_for_heads
from attnlib._typing import Bool, Float, Shaped
from attnlib.cache import KeyValueCache
from attnlib.functional import _attend
from attnlib.positional import RotaryPositionalEncoding


def split_heads(
    x: Shaped[Tensor, "batch length embed_dim"], num_heads: int
) -> Shaped[Tensor, "batch {num_heads} length head_dim"]:
    """Give each head its slice of the features, and a batch axis of its own.

        heads[b, h, i, :] = x[b, i, h · head_dim : (h + 1) · head_dim]

    Args:
        x: Input of shape (batch, length, embed_dim).
        num_heads: Number of heads; divides `embed_dim`.

    Returns:
        View of shape (batch, num_heads, length, head_dim), with head_dim = embed_dim / num_heads.

    Raises:
        ValueError: If `x` has not three axes or `num_heads` does not divide `embed_dim`.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.2.

    >>> x = torch.tensor([[[1, 2, 3, 4], [5, 6, 7, 8]]])
    >>> split_heads(x, 2).tolist()
    [[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]]
    """
    if x.ndim != 3:
        raise ValueError(f"x must have shape (batch, length, embed_dim), got {tuple(x.shape)}")
    batch, length, embed_dim = x.shape
    _check_heads(embed_dim, num_heads)
    # `view` straight to (batch, num_heads, length, head_dim) would mix tokens with features.
    return x.reshape(batch, length, num_heads, embed_dim // num_heads).transpose(1, 2)


def merge_heads(
    x: Shaped[Tensor, "batch num_heads length head_dim"],
) -> Shaped[Tensor, "batch length {x.shape[1]*x.shape[3]}"]:
    """Put the heads' features side by side again: the inverse of `split_heads`.

        merged[b, i, h · head_dim : (h + 1) · head_dim] = x[b, h, i, :]

    Args:
        x: Input of shape (batch, num_heads, length, head_dim).

    Returns:
        Tensor of shape (batch, length, num_heads · head_dim).

    Raises:
        ValueError: If `x` has not four axes.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.2 (Concat).

    >>> x = torch.randn(2, 3, 10)
    >>> torch.equal(merge_heads(split_heads(x, 5)), x)
    True
    """
    if x.ndim != 4:
        raise ValueError(
            f"x must have shape (batch, num_heads, length, head_dim), got {tuple(x.shape)}"
        )
    return x.transpose(1, 2).flatten(2)


class MultiHeadAttention(nn.Module):
    """Attend with several heads and mix what they found.

        head[h] = softmax(query W_q[h] (key W_k[h])ᵀ / sqrt(head_dim)) · value W_v[h]
        output  = concat(head[0], …, head[num_heads - 1]) W_o

    `in_proj` holds W_q, W_k and W_v side by side, and within each the heads side by side: one
    large product instead of 3 · num_heads small ones. Both projections are called as modules, so
    what is put on them or in their place (a hook, an adapter, quantised weights) acts in
    self-attention and in cross-attention alike.

    With fewer heads of keys and values (grouped queries), neighbouring heads of queries share one:
    head h reads keys and values of number h // (num_heads / num_kv_heads).

    Args:
        embed_dim: Width of queries, keys, values and output.
        num_heads: Number of heads; divides `embed_dim`.
        num_kv_heads: Number of heads of keys and values; divides `num_heads`, and is as many
            unless given.
        bias: Whether the projections add a bias.
        dropout: Probability of dropping a weight while training.
        rotary: Turns queries and keys of each head by their position.

    Raises:
        ValueError: If `num_heads` does not divide `embed_dim` or `num_kv_heads` does not divide
            `num_heads`, `dropout` is no probability, or `rotary` has not the width of a head.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.2; grouped queries:
    Ainslie et al. 2023, "GQA", section 2.2.

    >>> attention = MultiHeadAttention(embed_dim=100, num_heads=5)
    >>> output, weights = attention(torch.randn(2, 4, 100), is_causal=True, need_weights=True)
    >>> output.shape, weights.shape
    (torch.Size([2, 4, 100]), torch.Size([2, 5, 4, 4]))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        *,
        num_kv_heads: int | None = None,
        bias: bool = False,
        dropout: float = 0.0,
        rotary: RotaryPositionalEncoding | None = None,
    ) -> None:
        super().__init__()
        _check_heads(embed_dim, num_heads)
        num_kv_heads = num_heads if num_kv_heads is None else num_kv_heads
        if num_kv_heads < 1 or num_heads % num_kv_heads != 0:
            raise ValueError(
                f"num_kv_heads must divide num_heads, got num_kv_heads = {num_kv_heads} "
                f"and num_heads = {num_heads}"
            )
        if not 0.0 <= dropout <= 1.0:
            raise ValueError(f"dropout must lie between 0 and 1, got {dropout}")
        if rotary is not None and rotary.head_dim != embed_dim // num_heads:
            raise ValueError(
                f"rotary must have head_dim = embed_dim / num_heads = {embed_dim // num_heads}, "
                f"got {rotary.head_dim}"
            )
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.num_kv_heads = num_kv_heads
        self.dropout = dropout
        self.rotary = rotary
        head_dim = embed_dim // num_heads
        self.in_proj = nn.Linear(embed_dim, embed_dim + 2 * num_kv_heads * head_dim, bias=bias)
        self.out_proj = nn.Linear(embed_dim, embed_dim, bias=bias)

    def forward(
        self,
        query: Float[Tensor, "batch q_len embed_dim"],
        key: Float[Tensor, "batch k_len embed_dim"] | None = None,
        value: Float[Tensor, "batch k_len embed_dim"] | None = None,
        mask: Bool[Tensor, "#q_len #k_len"]
        | Bool[Tensor, "#batch #q_len #k_len"]
        | Bool[Tensor, "#batch #{self.num_heads} #q_len #k_len"]
        | None = None,
        *,
        attn_bias: Float[Tensor, "*#batch_heads #q_len #k_len"] | None = None,
        is_causal: bool = False,
        need_weights: bool = False,
        cache: KeyValueCache | None = None,
    ) -> tuple[
        Float[Tensor, "batch q_len embed_dim"],
        Float[Tensor, "batch {self.num_heads} q_len k_len"] | None,
    ]:
        """Attend from `query` to `key` and `value`; to itself if there is no `key`.

        Args:
            query: Queries of shape (batch, q_len, embed_dim).
            key: Keys of shape (batch, k_len, embed_dim); the queries unless given.
            value: Values of shape (batch, k_len, embed_dim); the keys unless given.
            mask: Boolean, True = may attend: (q_len, k_len); (batch, q_len, k_len), the same for
                all heads; or (batch, num_heads, q_len, k_len). Axes of length 1 broadcast.
            attn_bias: Added to the scores: (q_len, k_len); (num_heads, q_len, k_len), the same for
                the whole batch; or (batch, num_heads, q_len, k_len). Axes of length 1 broadcast.
            is_causal: Hide the future, too, by `causal_mask(q_len, k_len)`.
            need_weights: Return the weights as well.
            cache: Keys and values of the tokens before these, of this layer, in self-attention. It
                takes in those of `query`, and all that it then holds are attended to: k_len is
                `cache.length` + q_len. Positions go on from there.

        Returns:
            Output of shape (batch, q_len, embed_dim), and the weights of shape (batch, num_heads,
            q_len, k_len) before dropout, or None.

        Raises:
            ValueError: If shapes or dtypes do not fit, the cache has no room, or there is a `key`
                beside a cache; the message names the argument and both. The cache is unchanged.

        Of three axes the first is the batch in a mask and the heads in a bias, whatever the lengths
        are. A mask of (batch, k_len) is read as (q_len, k_len) wherever batch = q_len: padding has
        the shape (batch, 1, k_len).
        """
        if cache is not None and (key is not None or value is not None):
            raise ValueError(
                "a cache goes with self-attention: give it no key and no value, got key "
                f"{_shape_of(key)} and value {_shape_of(value)}"
            )
        key = query if key is None and value is None else key
        if key is None:
            raise ValueError("value was given without key")
        value = key if value is None else value
        self._check(query, key, value)
        past = 0 if cache is None else cache.length
        if mask is not None or attn_bias is not None:
            scores_shape = (query.shape[0], self.num_heads, query.shape[1], past + key.shape[1])
        if mask is not None:
            mask = mask_for_heads(mask, scores_shape)

        q, k, v = self._project(query, key, value, past)
        if attn_bias is not None:
            check_bias(attn_bias, q, scores_shape)
        if cache is not None:  # last of all that may fail
            k, v = cache.append(k, v)
        # q: (batch, num_heads, q_len, head_dim); k, v: (batch, num_kv_heads, k_len, head_dim)
        dropout_p = self.dropout if self.training else 0.0
        shared = self.num_kv_heads != self.num_heads
        heads, weights = _attend(
            q, k, v, mask, attn_bias, is_causal, None, dropout_p, need_weights, shared
        )
        return self.out_proj(merge_heads(heads)), weights

    def _project(self, query: Tensor, key: Tensor, value: Tensor, past: int) -> tuple[Tensor, ...]:
        """Project to queries, keys and values, each (batch, heads of its own, length, head_dim).

        Queries and keys are turned by their position, which keys count from `past`.
        """
        numbers = [self.num_heads, self.num_kv_heads, self.num_kv_heads]
        if query is key is value:
            heads = split_heads(self.in_proj(query), sum(numbers))
            if self.rotary is not None:  # queries and keys stand at the same positions
                turned = self.rotary(heads[:, : -self.num_kv_heads], offset=past)
                q, k = turned.split_with_sizes(numbers[:2], dim=1)
                return q, k, heads[:, -self.num_kv_heads :]
            return heads.split_with_sizes(numbers, dim=1)
        inputs = (query, key, value)
        widths = [number * (self.embed_dim // self.num_heads) for number in numbers]
        if _is_bare_linear(self.in_proj):  # then the parts that nobody needs can be left out
            weight, bias = self.in_proj.weight, self.in_proj.bias
            weights = torch.split(weight, widths)
            biases = (None,) * 3 if bias is None else torch.split(bias, widths)
            parts = list(map(F.linear, inputs, weights, biases))
        else:
            parts = [torch.split(self.in_proj(x), widths, dim=-1)[i] for i, x in enumerate(inputs)]
        q, k, v = map(split_heads, parts, numbers)
        if self.rotary is not None:
            q = self.rotary(q, offset=k.shape[2] - q.shape[2])  # both end at one position
            k = self.rotary(k)
        return q, k, v

    def _check(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        check_vectors("query", query, self.embed_dim)
        if query is key is value:
            return  # self-attention fits itself
        check_vectors("key", key, self.embed_dim)
        check_vectors("value", value, self.embed_dim)
        if query.shape[0] != key.shape[0] or key.shape[:2] != value.shape[:2]:
            raise ValueError(
                "query, key and value must agree in batch, key and value in length too; got "
                f"{tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}"
            )


def _is_bare_linear(module: nn.Module) -> bool:
    """Whether a call of the module is `F.linear` with its weight and bias, and nothing besides."""
    return (
        type(module) is nn.Linear  # no wrapper, no parametrisation, no quantised one
        and type(module.weight) is nn.Parameter
        and "forward" not in vars(module)
        and not any(hooks for name, hooks in vars(module).items() if name.endswith("_hooks"))
        # Nor a hook on modules of all kinds, as profilers put it.
        and not nn.modules.module._has_any_global_hook()  # type: ignore[no-untyped-call]
    )


def _shape_of(x: Tensor | None) -> tuple[int, ...] | None:
    return None if x is None else tuple(x.shape)


def _check_heads(embed_dim: int, num_heads: int) -> None:
    if num_heads < 1 or embed_dim < 1 or embed_dim % num_heads != 0:
        raise ValueError(
            f"num_heads must divide embed_dim, got num_heads = {num_heads} "
            f"and embed_dim = {embed_dim}"
        )
