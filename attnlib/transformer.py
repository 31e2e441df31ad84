"""A Transformer's block: attention moves between positions, a small network works at each of them.

Both read from the same stream of vectors, and add what they found to it.
"""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from attnlib._shapes import check_vectors, mask_for_heads
from attnlib._typing import Bool, Float
from attnlib.cache import KeyValueCache
from attnlib.multihead import MultiHeadAttention
from attnlib.positional import RotaryPositionalEncoding

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"gelu": F.gelu, "relu": F.relu}


class FeedForward(nn.Module):
    """Transform each position on its own, by a network with one hidden layer.

        output[..., i, :] = activation(x[..., i, :] W_1 + b_1) W_2 + b_2

    Args:
        embed_dim: Width of input and output.
        dim_feedforward: Width of the hidden layer; four times `embed_dim` in most models.
        activation: "gelu" or "relu".
        dropout: Probability of dropping a hidden entry while training.

    Raises:
        ValueError: If a width is smaller than 1, `activation` is none of the two, or `dropout` is
            no probability; when called, if the input has another width.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.3, equation 2.

    >>> feed_forward = FeedForward(embed_dim=4, dim_feedforward=16)
    >>> x = torch.randn(2, 3, 4)
    >>> torch.allclose(feed_forward(x)[:, 1], feed_forward(x[:, 1]))  # nobody looks at neighbours
    True
    """

    def __init__(
        self,
        embed_dim: int,
        dim_feedforward: int,
        *,
        activation: str = "gelu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if embed_dim < 1 or dim_feedforward < 1:
            raise ValueError(
                "embed_dim and dim_feedforward must be at least 1, "
                f"got {embed_dim} and {dim_feedforward}"
            )
        if activation not in ACTIVATIONS:
            names = " or ".join(f'"{name}"' for name in ACTIVATIONS)
            raise ValueError(f"activation must be {names}, got {activation!r}")
        if not 0.0 <= dropout <= 1.0:
            raise ValueError(f"dropout must lie between 0 and 1, got {dropout}")
        self.embed_dim = embed_dim
        self.activation = activation
        self.dropout = dropout
        self.linear1 = nn.Linear(embed_dim, dim_feedforward)
        self.linear2 = nn.Linear(dim_feedforward, embed_dim)

    def forward(
        self, x: Float[Tensor, "*positions embed_dim"]
    ) -> Float[Tensor, "*positions embed_dim"]:
        """Transform each vector of x, of shape (..., embed_dim)."""
        if x.ndim < 1 or x.shape[-1] != self.embed_dim:
            raise ValueError(
                f"x must have shape (..., embed_dim = {self.embed_dim}), got {tuple(x.shape)}"
            )
        hidden = ACTIVATIONS[self.activation](self.linear1(x))
        if self.training and self.dropout > 0.0:
            hidden = F.dropout(hidden, self.dropout)
        output: Tensor = self.linear2(hidden)
        return output


class BlockWeights(NamedTuple):
    """The weights of a block's attentions.

        self_attention[b, h, i, j]     how much position i attends to position j of x
        cross_attention[b, h, i, j]    how much position i attends to position j of memory

    Args:
        self_attention: Weights of shape (batch, num_heads, length, k_len): k_len is the length of
            x, and what a cache holds.
        cross_attention: Weights of shape (batch, num_heads, length, memory_len), or None in a
            block without cross-attention.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.3.

    >>> block = TransformerBlock(embed_dim=4, num_heads=2, dim_feedforward=16)
    >>> _, weights = block(torch.randn(1, 3, 4), need_weights=True)
    >>> weights.self_attention.shape, weights.cross_attention
    (torch.Size([1, 2, 3, 3]), None)
    """

    self_attention: Tensor
    cross_attention: Tensor | None


class TransformerBlock(nn.Module):
    """Look around, perhaps look into another text, then think: each part adds what it found.

        x = x + self_attention(norm(x))             norm_first: what the parts read is normalised
        x = x + cross_attention(norm(x), memory)    only with cross_attention
        x = x + feed_forward(norm(x))

        x = norm(x + self_attention(x))             else: the sum is, after each part
        x = norm(x + cross_attention(x, memory))
        x = norm(x + feed_forward(x))

    Each part has a norm of its own. Without cross-attention it is the block of an encoder, and with
    `is_causal=True` that of a language model; with it, the block of a decoder. After the last block
    with `norm_first`, a model needs one norm more.

    Args:
        embed_dim: Width of the stream.
        num_heads: Number of heads of each attention; divides `embed_dim`.
        dim_feedforward: Width of the hidden layer.
        num_kv_heads: Number of heads of keys and values; see `MultiHeadAttention`.
        norm_first: Whether each part reads a normalised stream, or the stream is normalised after
            each part.
        cross_attention: Whether there is a second attention, in which x asks and memory answers.
        dropout: Probability of dropping, while training, a weight, a hidden entry of the
            feed-forward network, or an entry of what a part adds.
        rotary: Turns queries and keys in self-attention by their position. Positions of x and of
            memory are not compared.

    Raises:
        ValueError: If `num_heads` does not divide `embed_dim` or `num_kv_heads` does not divide
            `num_heads`, `dim_feedforward` is smaller than 1, `dropout` is no probability, or
            `rotary` has not the width of a head.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.1; `norm_first`: Xiong et
    al. 2020, "On Layer Normalization in the Transformer Architecture", figure 1.

    >>> block = TransformerBlock(embed_dim=100, num_heads=5, dim_feedforward=400)
    >>> x, _ = block(torch.randn(2, 4, 100), is_causal=True)
    >>> x.shape
    torch.Size([2, 4, 100])
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dim_feedforward: int,
        *,
        num_kv_heads: int | None = None,
        norm_first: bool = True,
        cross_attention: bool = False,
        dropout: float = 0.0,
        rotary: RotaryPositionalEncoding | None = None,
    ) -> None:
        super().__init__()

        def attention(rotary: RotaryPositionalEncoding | None) -> MultiHeadAttention:
            return MultiHeadAttention(
                embed_dim,
                num_heads,
                num_kv_heads=num_kv_heads,
                bias=True,
                dropout=dropout,
                rotary=rotary,
            )

        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.norm_first = norm_first
        self.self_attention = attention(rotary)
        self.self_attention_norm = nn.LayerNorm(embed_dim)
        self.cross_attention = attention(None) if cross_attention else None
        if cross_attention:
            self.cross_attention_norm = nn.LayerNorm(embed_dim)
        self.feed_forward = FeedForward(embed_dim, dim_feedforward, dropout=dropout)
        self.feed_forward_norm = nn.LayerNorm(embed_dim)
        self.dropout = dropout

    def forward(
        self,
        x: Float[Tensor, "batch length embed_dim"],
        memory: Float[Tensor, "batch memory_len embed_dim"] | None = None,
        mask: Bool[Tensor, "#length #k_len"]
        | Bool[Tensor, "#batch #length #k_len"]
        | Bool[Tensor, "#batch #{self.num_heads} #length #k_len"]
        | None = None,
        memory_mask: Bool[Tensor, "#length #memory_len"]
        | Bool[Tensor, "#batch #length #memory_len"]
        | Bool[Tensor, "#batch #{self.num_heads} #length #memory_len"]
        | None = None,
        *,
        is_causal: bool = False,
        need_weights: bool = False,
        cache: KeyValueCache | None = None,
    ) -> tuple[Float[Tensor, "batch length embed_dim"], BlockWeights | None]:
        """Pass the stream through the block.

        Args:
            x: The stream, of shape (batch, length, embed_dim).
            memory: What cross-attention reads, of shape (batch, memory_len, embed_dim): mostly the
                output of an encoder. Given to a block with `cross_attention`, and to no other.
            mask: Who may attend to whom within x; boolean, True = may attend: (length, k_len);
                (batch, length, k_len), the same for all heads; or (batch, num_heads, length,
                k_len). Axes of length 1 broadcast. k_len is the length, and what a cache holds.
            memory_mask: Who of x may attend to what of memory, likewise: (length, memory_len), ….
                The padding of memory belongs here.
            is_causal: Hide the future of x, too. All of memory may be seen: it is past.
            need_weights: Return the weights as well.
            cache: Keys and values of the tokens before x in self-attention; see
                `MultiHeadAttention`. Those of memory are not kept: each call projects it again.

        Returns:
            The stream, of shape (batch, length, embed_dim), and `BlockWeights`, or None.

        Raises:
            ValueError: If shapes or dtypes do not fit, memory is missing, nobody would read it, or
                the cache has no room; the message names the argument and both.
        """
        self._check(x, memory, memory_mask)
        if memory is not None and memory_mask is not None:
            scores_shape = (x.shape[0], self.num_heads, x.shape[1], memory.shape[1])
            memory_mask = mask_for_heads(memory_mask, scores_shape, name="memory_mask")

        norm = self.self_attention_norm
        found, own = self.self_attention(
            norm(x) if self.norm_first else x,
            mask=mask,
            is_causal=is_causal,
            need_weights=need_weights,
            cache=cache,
        )
        x = self._add(x, found, norm)

        crossed = None
        if self.cross_attention is not None:
            norm = self.cross_attention_norm
            found, crossed = self.cross_attention(
                norm(x) if self.norm_first else x,
                memory,
                mask=memory_mask,
                need_weights=need_weights,
            )
            x = self._add(x, found, norm)

        norm = self.feed_forward_norm
        found = self.feed_forward(norm(x) if self.norm_first else x)
        x = self._add(x, found, norm)
        return x, BlockWeights(own, crossed) if need_weights else None

    def _add(self, x: Tensor, found: Tensor, norm: nn.Module) -> Tensor:
        if self.training and self.dropout > 0.0:
            found = F.dropout(found, self.dropout)
        total: Tensor = x + found
        return total if self.norm_first else norm(total)

    def _check(self, x: Tensor, memory: Tensor | None, memory_mask: Tensor | None) -> None:
        check_vectors("x", x, self.embed_dim)
        if self.cross_attention is None:
            for name, given in (("memory", memory), ("memory_mask", memory_mask)):
                if given is not None:
                    raise ValueError(
                        f"{name} was given, of shape {tuple(given.shape)}, "
                        "to a block with cross_attention = False"
                    )
            return
        if memory is None:
            raise ValueError("memory is missing: this block has cross_attention = True")
        check_vectors("memory", memory, self.embed_dim)
        if memory.shape[0] != x.shape[0]:
            raise ValueError(
                f"x and memory must agree in batch, got {tuple(x.shape)} and {tuple(memory.shape)}"
            )
