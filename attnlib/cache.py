"""Keys and values of the past: kept, not computed anew for each token that is written."""

import torch
from torch import Tensor

from attnlib._shapes import same_dtype
from attnlib._typing import Float


class KeyValueCache:
    """Keep the keys and values of the tokens so far, of one attention layer.

        keys[:, :, length : length + new] = key        values[…] = value        length += new

    Under a causal mask nothing that comes later changes them. They are the state of whoever
    generates, never of a layer: the caller makes one cache for each layer, gives it to each call,
    and drops it when the text ends. All the room is taken at once, so a step copies nothing old.

    What is kept is numbers, without a way back for gradients: use it under `torch.no_grad()`.

    Args:
        batch: Number of texts.
        num_kv_heads: Number of heads of keys and values.
        max_len: How many tokens there is room for.
        head_dim: Width of a head.
        device: Where keys and values lie.
        dtype: Their dtype; torch's default unless given.

    Attributes:
        length: How many tokens are kept: the position of the next one.
        keys: The room for keys, of shape (batch, num_kv_heads, max_len, head_dim), of which the
            first `length` rows are filled.
        values: The room for values, likewise.

    Raises:
        ValueError: If `max_len` or another size is negative.

    Source: Shazeer 2019, "Fast Transformer Decoding", section 2.4 (incremental inference).

    >>> cache = KeyValueCache(batch=1, num_kv_heads=1, max_len=3, head_dim=2)
    >>> prompt, new = torch.ones(1, 1, 2, 2), torch.full((1, 1, 1, 2), 5.0)
    >>> keys, _ = cache.append(prompt, prompt)
    >>> keys, _ = cache.append(new, new)
    >>> keys.tolist(), cache.length
    ([[[[1.0, 1.0], [1.0, 1.0], [5.0, 5.0]]]], 3)
    """

    def __init__(
        self,
        batch: int,
        num_kv_heads: int,
        max_len: int,
        head_dim: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        shape = (batch, num_kv_heads, max_len, head_dim)
        if min(shape) < 0:
            raise ValueError(
                f"(batch, num_kv_heads, max_len, head_dim) must not be negative, got {shape}"
            )
        with torch.inference_mode(False):  # else nobody could write to it outside of that mode
            self.keys = torch.zeros(shape, device=device, dtype=dtype)
            self.values = torch.zeros_like(self.keys)
        self.length = 0

    def append(
        self,
        key: Float[Tensor, "batch num_kv_heads new head_dim"],
        value: Float[Tensor, "batch num_kv_heads new head_dim"],
    ) -> tuple[
        Float[Tensor, "batch num_kv_heads length head_dim"],
        Float[Tensor, "batch num_kv_heads length head_dim"],
    ]:
        """Write keys and values behind what is kept; return all of it.

        Args:
            key: Keys of the new tokens, of shape (batch, num_kv_heads, new, head_dim).
            value: Values of the new tokens, likewise.

        Returns:
            All keys and all values, each of shape (batch, num_kv_heads, length, head_dim). They are
            views, which the next `append` leaves as they are, unless `truncate` came between.

        Raises:
            ValueError: If there is no room for so many tokens, if shapes or dtypes do not fit, or
                if `key` or `value` wants a gradient. Nothing is written then.
        """
        for name, x in (("key", key), ("value", value)):
            self._check(name, x)
        new, max_len = key.shape[2], self.keys.shape[2]
        if new != value.shape[2]:
            raise ValueError(
                "key and value must have the same shape, "
                f"got {tuple(key.shape)} and {tuple(value.shape)}"
            )
        start, end = self.length, self.length + new
        if end > max_len:
            raise ValueError(
                f"the cache has room for max_len = {max_len} tokens, not for {end} "
                f"({start} kept + {new} new)"
            )
        self.keys[:, :, start:end] = key
        self.values[:, :, start:end] = value
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def truncate(self, length: int) -> None:
        """Forget all tokens but the first `length`: what comes next is written in their place.

        Args:
            length: How many tokens stay.

        Raises:
            ValueError: If it is negative or more than are kept.
        """
        if not 0 <= length <= self.length:
            raise ValueError(
                f"length must lie between 0 and the {self.length} tokens that are kept, "
                f"got {length}"
            )
        self.length = length

    def _check(self, name: str, x: Tensor) -> None:
        shape, (batch, num_kv_heads, _, head_dim) = x.shape, self.keys.shape
        if len(shape) != 4 or shape != (batch, num_kv_heads, shape[2], head_dim):
            raise ValueError(
                f"{name} must have shape (batch = {batch}, num_kv_heads = {num_kv_heads}, new, "
                f"head_dim = {head_dim}) for this cache, got {tuple(shape)}"
            )
        if not same_dtype(x, self.keys) or x.device != self.keys.device:
            raise ValueError(
                f"{name} must be of the cache's dtype and on its device, {self.keys.dtype} on "
                f"{self.keys.device}; got {x.dtype} on {x.device}"
            )
        if x.requires_grad and torch.is_grad_enabled():
            raise ValueError(
                f"{name} wants a gradient, and a cache keeps none: generate under torch.no_grad()"
            )
