"""The layers that are compared, a class each: self-attention, batch first, without bias but one."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

import attnlib


class Attnlib(attnlib.MultiHeadAttention):
    """`attnlib.MultiHeadAttention`."""

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        is_causal: bool = False,
        need_weights: bool = False,
    ) -> Tensor:
        return super().forward(x, mask=mask, is_causal=is_causal, need_weights=need_weights)[0]


class RawTorch(nn.Module):
    """The floor: torch's fused attention between two Linears, and nothing else."""

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.in_proj = nn.Linear(embed_dim, 3 * embed_dim, bias=False)
        self.out_proj = nn.Linear(embed_dim, embed_dim, bias=False)

    def forward(self, x: Tensor, mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        batch, length, embed_dim = x.shape
        mask = None if mask is None else mask.unsqueeze(1)
        heads = self.in_proj(x).view(batch, length, 3 * self.num_heads, -1).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(
            *heads.chunk(3, dim=1), attn_mask=mask, is_causal=is_causal
        )
        return self.out_proj(mixed.transpose(1, 2).reshape(batch, length, embed_dim))


class RawTorchThreeLinears(RawTorch):
    """The floor again, with queries, keys and values from a Linear each."""

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__(embed_dim, num_heads)
        del self.in_proj
        self.projections = nn.ModuleList(
            nn.Linear(embed_dim, embed_dim, bias=False) for _ in range(3)
        )

    def forward(self, x: Tensor, is_causal: bool = False) -> Tensor:
        batch, length, embed_dim = x.shape
        heads = (
            projection(x).view(batch, length, self.num_heads, -1).transpose(1, 2)
            for projection in self.projections
        )
        mixed = F.scaled_dot_product_attention(*heads, is_causal=is_causal)
        return self.out_proj(mixed.transpose(1, 2).reshape(batch, length, embed_dim))


class TorchLayer(nn.MultiheadAttention):
    """`nn.MultiheadAttention`, called as its documentation advises for each case."""

    def __init__(self, embed_dim: int, num_heads: int, *, bias: bool = False) -> None:
        super().__init__(embed_dim, num_heads, bias=bias, batch_first=True)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        is_causal: bool = False,
        need_weights: bool = False,
    ) -> Tensor:
        causal = None
        if is_causal:
            causal = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        padding = None if mask is None else ~mask[:, 0]  # True = must not attend
        return super().forward(
            x,
            x,
            x,
            key_padding_mask=padding,
            attn_mask=causal,
            is_causal=is_causal,
            need_weights=need_weights,
            average_attn_weights=False,
        )[0]


class TorchLayerWithBias(TorchLayer):
    """The same with biases: for these alone torch has a native layer, if no gradient is needed."""

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__(embed_dim, num_heads, bias=True)


class Textbook(nn.Module):
    """The form of d2l's chapter 11, which Post B uses.

    Four Linears; heads are moved into the batch by transposing copies; scores by `bmm`; a row is
    told how many keys are valid, and the others are overwritten with -1e6 before the softmax.
    A causal mask is the case that query i has i + 1 valid keys.
    """

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.w_q, self.w_k, self.w_v, self.w_o = (
            nn.Linear(embed_dim, embed_dim, bias=False) for _ in range(4)
        )
        self.dropout = nn.Dropout(0.0)

    def forward(
        self, x: Tensor, valid_lens: Tensor | None = None, is_causal: bool = False
    ) -> Tensor:
        batch, length, _ = x.shape
        if is_causal:
            valid_lens = torch.arange(1, length + 1).repeat(batch, 1)
        if valid_lens is not None:
            valid_lens = valid_lens.repeat_interleave(self.num_heads, dim=0)
        query, key, value = (self.into_batch(w(x)) for w in (self.w_q, self.w_k, self.w_v))
        scores = torch.bmm(query, key.transpose(1, 2)) / math.sqrt(query.shape[-1])
        weights = self.dropout(self.masked_softmax(scores, valid_lens))
        return self.w_o(self.out_of_batch(torch.bmm(weights, value)))

    def into_batch(self, x: Tensor) -> Tensor:
        x = x.reshape(x.shape[0], x.shape[1], self.num_heads, -1).permute(0, 2, 1, 3)
        return x.reshape(-1, x.shape[2], x.shape[3])

    def out_of_batch(self, x: Tensor) -> Tensor:
        x = x.reshape(-1, self.num_heads, x.shape[1], x.shape[2]).permute(0, 2, 1, 3)
        return x.reshape(x.shape[0], x.shape[1], -1)

    def masked_softmax(self, scores: Tensor, valid_lens: Tensor | None) -> Tensor:
        if valid_lens is None:
            return scores.softmax(dim=-1)
        shape = scores.shape
        if valid_lens.dim() == 1:
            valid_lens = valid_lens.repeat_interleave(shape[1])
        rows = scores.reshape(-1, shape[-1])
        valid = torch.arange(shape[-1], dtype=torch.float32)[None] < valid_lens.reshape(-1)[:, None]
        rows[~valid] = -1e6
        return rows.reshape(shape).softmax(dim=-1)


class AttnlibBlock(attnlib.TransformerBlock):
    """`attnlib.TransformerBlock`, norms first, four times as wide inside; it returns a pair."""

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__(embed_dim, num_heads, 4 * embed_dim)


class RawTorchBlock(nn.Module):
    """The floor of blocks: the same in plain torch, parameters in the same order, no more."""

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.in_proj = nn.Linear(embed_dim, 3 * embed_dim)
        self.out_proj = nn.Linear(embed_dim, embed_dim)
        self.norm1 = nn.LayerNorm(embed_dim)
        self.linear1 = nn.Linear(embed_dim, 4 * embed_dim)
        self.linear2 = nn.Linear(4 * embed_dim, embed_dim)
        self.norm2 = nn.LayerNorm(embed_dim)

    def forward(self, x: Tensor, is_causal: bool = False) -> Tensor:
        batch, length, embed_dim = x.shape
        qkv = self.in_proj(self.norm1(x)).view(batch, length, 3 * self.num_heads, -1)
        mixed = F.scaled_dot_product_attention(
            *qkv.transpose(1, 2).chunk(3, dim=1), is_causal=is_causal
        )
        x = x + self.out_proj(mixed.transpose(1, 2).reshape(batch, length, embed_dim))
        return x + self.linear2(F.gelu(self.linear1(self.norm2(x))))


class RawTorchStep(RawTorchBlock):
    """The same for one new token, beside keys and values that were made room for once."""

    def __init__(self, embed_dim: int, num_heads: int, max_len: int, *, rotary: bool) -> None:
        super().__init__(embed_dim, num_heads)
        self.kept = torch.zeros(2, 1, num_heads, max_len, embed_dim // num_heads)
        table = attnlib.sinusoidal_encoding(max_len, embed_dim // num_heads)
        self.sin, self.cos = table[:, 0::2].contiguous(), table[:, 1::2].contiguous()
        self.rotary = rotary

    def forward(self, x: Tensor, past: int) -> Tensor:
        batch, length, embed_dim = x.shape
        qkv = self.in_proj(self.norm1(x)).view(batch, length, 3 * self.num_heads, -1)
        query, key, value = qkv.transpose(1, 2).chunk(3, dim=1)
        if self.rotary:
            query, key = self.turned(query, past), self.turned(key, past)
        self.kept[0, :, :, past : past + length] = key
        self.kept[1, :, :, past : past + length] = value
        mixed = F.scaled_dot_product_attention(query, *self.kept[:, :, :, : past + length])
        x = x + self.out_proj(mixed.transpose(1, 2).reshape(batch, length, embed_dim))
        return x + self.linear2(F.gelu(self.linear1(self.norm2(x))))

    def turned(self, x: Tensor, past: int) -> Tensor:
        sin, cos = (part[past : past + x.shape[-2]] for part in (self.sin, self.cos))
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1).flatten(-2)


class TorchBlock(nn.TransformerEncoderLayer):
    """`nn.TransformerEncoderLayer`, for which torch has a native path if no gradient is needed."""

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        options = {"activation": "gelu", "batch_first": True, "norm_first": True}
        super().__init__(embed_dim, num_heads, 4 * embed_dim, dropout=0.0, **options)

    def forward(self, x: Tensor, is_causal: bool = False) -> Tensor:
        mask = None
        if is_causal:
            mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        return super().forward(x, src_mask=mask, is_causal=is_causal)


class TablePositionalEncoding(nn.Module):
    """Sinusoids for 10 000 positions, all made at construction, as most tutorials do."""

    def __init__(self, embed_dim: int, max_len: int = 10_000) -> None:
        super().__init__()
        angle = torch.arange(max_len, dtype=torch.float32).reshape(-1, 1) / torch.pow(
            10_000, torch.arange(0, embed_dim, 2, dtype=torch.float32) / embed_dim
        )
        self.table = torch.zeros(1, max_len, embed_dim)
        self.table[:, :, 0::2] = torch.sin(angle)
        self.table[:, :, 1::2] = torch.cos(angle)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table[:, : x.shape[1]]
