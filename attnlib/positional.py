"""Where a token stands: sinusoids, learned vectors, rotations, and a bias that grows with distance.

Attention by itself sees a set, not a sequence. The first two encodings are added to the input, the
rotation turns queries and keys, the bias is added to the scores. Positions count from 0.
"""

from functools import lru_cache

import torch
from torch import Tensor, nn

from attnlib._shapes import aligned_positions
from attnlib._typing import Float

# Sinusoids that were made once are kept, for all layers and rotations together: so many tables, of
# so many entries each at most. In float32 that is 64 MiB if all are as large as can be.
TABLES = 4
LARGEST_TABLE = 2**22


def sinusoidal_encoding(
    length: int,
    embed_dim: int,
    *,
    base: float = 10_000.0,
    offset: int = 0,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> Float[Tensor, "{length} {embed_dim}"]:
    """Write each position as the hands of many clocks, from fast to slow.

        encoding[p, 2i]     = sin(p / base^(2i / embed_dim))
        encoding[p, 2i + 1] = cos(p / base^(2i / embed_dim))

    Moving on by n positions turns each pair (sin, cos) by an angle that depends on n alone. With
    an odd `embed_dim` the last pair has no cosine.

    Args:
        length: Number of positions.
        embed_dim: Width of the encoding.
        base: Ratio of the slowest to the fastest wavelength, nearly.
        offset: Position of the first row.
        device: Where the encoding is needed.
        dtype: Its dtype, torch's default unless given; it is computed in float64 in any case.

    Returns:
        Encoding of shape (length, embed_dim).

    Raises:
        ValueError: If `length` is negative, `embed_dim` smaller than 1 or `base` not positive.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.5.

    >>> sinusoidal_encoding(3, 4)
    tensor([[ 0.0000,  1.0000,  0.0000,  1.0000],
            [ 0.8415,  0.5403,  0.0100,  0.9999],
            [ 0.9093, -0.4161,  0.0200,  0.9998]])
    """
    if length < 0:
        raise ValueError(f"length must not be negative, got {length}")
    _check_clocks(embed_dim, base)
    device = torch.get_default_device() if device is None else torch.device(device)
    angle = _angles(offset, length, embed_dim, base, device)  # (length, ⌈embed_dim / 2⌉)
    encoding = torch.empty(length, embed_dim, device=angle.device, dtype=dtype)
    encoding[:, 0::2] = angle.sin()
    encoding[:, 1::2] = angle[:, : embed_dim // 2].cos()
    return encoding.to(device)


class SinusoidalPositionalEncoding(nn.Module):
    """Add sinusoids to the input, for any length.

        output[..., i, :] = dropout(x[..., i, :] + encoding[offset + i])

    Nothing is learned, and the module has no state that could be saved, cast, averaged or traced
    wrongly: it is the same whatever it was called with before. On a CPU the rows come from the last
    four tables that any layer needed, which are kept outside of modules: 64 MiB in all at most (in
    float64 128). They are computed anew for each call on other devices, while torch traces or maps
    the module, and where a table would have more than 2²² entries.

    Args:
        embed_dim: Width of the input.
        dropout: Probability of dropping an entry of the sum while training.
        base: See `sinusoidal_encoding`.

    Raises:
        ValueError: If `embed_dim` is smaller than 1 or `base` not positive; when called, if the
            input has another width or `offset` is negative.

    Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.5.

    >>> SinusoidalPositionalEncoding(4)(torch.zeros(1, 2, 4), offset=1)
    tensor([[[ 0.8415,  0.5403,  0.0100,  0.9999],
             [ 0.9093, -0.4161,  0.0200,  0.9998]]])
    """

    def __init__(self, embed_dim: int, *, dropout: float = 0.0, base: float = 10_000.0) -> None:
        super().__init__()
        _check_clocks(embed_dim, base)
        self.embed_dim = embed_dim
        self.base = base
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "*batch length embed_dim"], offset: int = 0
    ) -> Float[Tensor, "*batch length embed_dim"]:
        """Add the rows from `offset` on to x, of shape (..., length, embed_dim)."""
        _check_input("embed_dim", x, self.embed_dim)
        _check_offset(offset)
        output: Tensor = self.dropout(x + _sinusoids_for(x, offset, self.base))
        return output


class LearnedPositionalEncoding(nn.Module):
    """Add a learned vector for each position, up to a longest one.

        output[..., i, :] = x[..., i, :] + weight[offset + i]

    Args:
        max_len: Number of positions that are learned.
        embed_dim: Width of the input.

    Raises:
        ValueError: If `max_len` or `embed_dim` is smaller than 1; when called, if the input has
            another width, ends beyond `max_len`, or `offset` is negative.

    Source: Gehring et al. 2017, "Convolutional Sequence to Sequence Learning", section 3.1.

    >>> LearnedPositionalEncoding(max_len=5, embed_dim=3)(torch.zeros(7, 2, 3)).shape
    torch.Size([7, 2, 3])
    """

    def __init__(self, max_len: int, embed_dim: int) -> None:
        super().__init__()
        if max_len < 1 or embed_dim < 1:
            raise ValueError(
                f"max_len and embed_dim must be at least 1, got {max_len} and {embed_dim}"
            )
        self.max_len = max_len
        self.embed_dim = embed_dim
        self.weight = nn.Parameter(torch.empty(max_len, embed_dim))
        nn.init.normal_(self.weight, std=0.02)  # as in GPT (Radford et al. 2018, section 4.1)

    def forward(
        self, x: Float[Tensor, "*batch length embed_dim"], offset: int = 0
    ) -> Float[Tensor, "*batch length embed_dim"]:
        """Add the rows from `offset` on to x, of shape (..., length, embed_dim)."""
        _check_input("embed_dim", x, self.embed_dim)
        _check_offset(offset)
        end = offset + x.shape[-2]
        if end > self.max_len:
            raise ValueError(
                f"x ends at length {end} (offset {offset} + {x.shape[-2]}), "
                f"but positions are learned up to max_len = {self.max_len}"
            )
        return x + self.weight[offset:end]


class RotaryPositionalEncoding(nn.Module):
    """Turn queries and keys by their position, so that scores see the distance only (RoPE).

        (a, b) → (a cos θ - b sin θ, a sin θ + b cos θ)    with θ = p / base^(2i / head_dim)

    for the i-th pair of columns (a, b) at position p. A query at n and a key at m have the dot
    product that they would have at n - m and 0. Values are not turned.

    Which columns make a pair is a convention, and weights trained with one are wrong under the
    other: neighbours (2i, 2i + 1) when interleaved, as in the paper; else (i, i + head_dim / 2), as
    in Hugging Face's Llama.

    Args:
        head_dim: Width of a head; even.
        base: See `sinusoidal_encoding`.
        interleaved: Whether neighbouring columns make a pair, or columns half the width apart.

    Raises:
        ValueError: If `head_dim` is odd or not positive, or `base` not positive; when called, if
            the input has another width.

    Source: Su et al. 2021, "RoFormer", section 3.2.2 and equation 34.

    >>> RotaryPositionalEncoding(2)(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    tensor([[1.0000, 0.0000],
            [0.5403, 0.8415]])
    """

    def __init__(self, head_dim: int, *, base: float = 10_000.0, interleaved: bool = True) -> None:
        super().__init__()
        if head_dim % 2:
            raise ValueError(f"head_dim must be even, got {head_dim}")
        _check_clocks(head_dim, base)
        self.head_dim = head_dim
        self.base = base
        self.interleaved = interleaved

    def forward(
        self, x: Float[Tensor, "*batch length head_dim"], offset: int = 0
    ) -> Float[Tensor, "*batch length head_dim"]:
        """Turn x, (..., length, head_dim), whose first row stands at position `offset`."""
        _check_input("head_dim", x, self.head_dim)
        half = self.head_dim // 2
        sinusoids = _sinusoids_for(x, offset, self.base)  # (length, 2 · half)
        sin, cos = sinusoids[:, 0::2], sinusoids[:, 1::2]
        pairs, axis = ((half, 2), -1) if self.interleaved else ((2, half), -2)
        a, b = x.reshape(*x.shape[:-1], *pairs).unbind(axis)  # each (..., length, half)
        return torch.stack((a * cos - b * sin, a * sin + b * cos), dim=axis).flatten(-2)


def alibi_slopes(num_heads: int) -> Float[Tensor, "{num_heads}"]:
    """Give each head its slope: how steeply a score falls with distance.

        slope[h] = 2^(-8 (h + 1) / num_heads)

    if `num_heads` is a power of two. Otherwise the slopes of the next lower power of two come
    first, then every other slope of twice that power, as in the code released with the paper.

    Args:
        num_heads: Number of heads.

    Returns:
        Slopes of shape (num_heads,), in the default dtype.

    Raises:
        ValueError: If `num_heads` is smaller than 1.

    Source: Press et al. 2022, "Train Short, Test Long", section 3 and the authors' repository
    ofirpress/attention_with_linear_biases.

    >>> alibi_slopes(4).tolist()
    [0.25, 0.0625, 0.015625, 0.00390625]
    >>> alibi_slopes(3).tolist()
    [0.0625, 0.00390625, 0.25]
    """
    return torch.tensor(_slopes(num_heads))


def alibi_bias(
    num_heads: int,
    q_len: int,
    k_len: int | None = None,
    *,
    device: torch.device | str | None = None,
) -> Float[Tensor, "{num_heads} q_len k_len"]:
    """Penalise distance: the further a key, the lower its score (ALiBi).

        bias[h, i, j] = -slope[h] · |i + k_len - q_len - j|

    Queries and keys end together, as in `attnlib.masks`. The paper is about causal attention, where
    no key is ahead; here keys ahead are penalised like keys behind.

    Args:
        num_heads: Number of heads.
        q_len: Number of queries.
        k_len: Number of keys; as many as queries unless given.
        device: Where the bias is made.

    Returns:
        Bias of shape (num_heads, q_len, k_len), in the default dtype; goes as `attn_bias`.

    Raises:
        ValueError: If `num_heads` is smaller than 1 or a length is negative.

    Source: Press et al. 2022, "Train Short, Test Long", section 3.

    >>> alibi_bias(1, 3)[0] / alibi_slopes(1)
    tensor([[ 0., -1., -2.],
            [-1.,  0., -1.],
            [-2., -1.,  0.]])
    """
    q_position, k_position = aligned_positions(q_len, k_len, device)
    distance = (q_position - k_position).abs()  # (q_len, k_len)
    return torch.tensor(_slopes(num_heads), device=device)[:, None, None] * -distance


def _slopes(num_heads: int) -> list[float]:
    if num_heads < 1:
        raise ValueError(f"num_heads must be at least 1, got {num_heads}")
    power = 1 << (num_heads.bit_length() - 1)  # the largest power of two that is not larger

    def of_power(count: int) -> list[float]:
        return [2.0 ** (-8.0 * (head + 1) / count) for head in range(count)]

    return of_power(power) + of_power(2 * power)[0 : 2 * (num_heads - power) : 2]


def _sinusoids_for(x: Tensor, offset: int, base: float) -> Tensor:
    """Take the rows for x, as wide as it is, out of a kept table, or compute them."""
    length, width = x.shape[-2:]
    if offset >= 0 and _is_plain(x):
        rows = 1 << int(offset + length - 1).bit_length()  # few tables, however lengths grow
        if rows * width <= LARGEST_TABLE:
            return _kept_sinusoids(rows, width, base, x.dtype)[offset : offset + length]
    return sinusoidal_encoding(
        length, width, base=base, offset=offset, device=x.device, dtype=x.dtype
    )


@lru_cache(TABLES)
def _kept_sinusoids(rows: int, width: int, base: float, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # else it would be of no use to a training afterwards
        return sinusoidal_encoding(rows, width, base=base, device="cpu", dtype=dtype)


def _is_plain(x: Tensor) -> bool:
    """Whether torch just computes, on a CPU: what is made in any other state must not be kept."""
    return (
        not torch.compiler.is_compiling()
        and x.device.type == "cpu"
        and type(x) in (Tensor, nn.Parameter)  # no fake tensor
        and torch._C._len_torch_dispatch_stack() == 0  # nor a mode that makes them, or records
        and not torch._C._are_functorch_transforms_active()  # vmap, grad
        and not torch._C._is_tracing()  # torch.jit
    )


def _angles(offset: int, length: int, width: int, base: float, device: torch.device) -> Tensor:
    """Say how far each pair of columns has turned at each position: (length, ⌈width / 2⌉).

    In float64, whatever the input is: float32 has no room for a large angle and its fraction.
    """
    if device.type == "mps":  # Apple's GPUs have no float64
        device = torch.device("cpu")
    position = torch.arange(offset, offset + length, device=device, dtype=torch.float64)
    even = torch.arange(0, width, 2, device=device, dtype=torch.float64)  # 2i
    return position.unsqueeze(-1) / base ** (even / width)


def _check_clocks(width: int, base: float) -> None:
    if width < 1 or not base > 0.0:
        raise ValueError(
            f"the width (embed_dim, head_dim) must be at least 1 and base positive, "
            f"got width {width} and base {base}"
        )


def _check_input(name: str, x: Tensor, width: int) -> None:
    if x.ndim < 2 or x.shape[-1] != width or not x.is_floating_point():
        raise ValueError(
            f"x must be floating-point of shape (..., length, {name} = {width}), "
            f"got {x.dtype} of shape {tuple(x.shape)}"
        )


def _check_offset(offset: int) -> None:
    if offset < 0:
        raise ValueError(f"offset must not be negative, got {offset}")
