"""What d2l and Hugging Face's Transformers do, in a few lines of our own, for the page of names.

Neither is installed for the book; `check_restated.py` beside this file compares with both.
d2l 1.0.3: `d2l/torch.py`. Transformers 5.24.0: `models/{llama,gpt2,marian,bloom}/modeling_*.py`,
`cache_utils.py`, `generation/logits_process.py`.
"""

import torch
from torch import Tensor, nn


class D2lDotProductAttention(nn.Module):
    """`d2l.DotProductAttention`: padding is a number per row, masked scores are -1e6."""

    def __init__(self, dropout):
        super().__init__()
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries, keys, values, valid_lens=None):
        scores = queries @ keys.mT / queries.shape[-1] ** 0.5
        if valid_lens is not None:
            lens = valid_lens[:, None, None] if valid_lens.ndim == 1 else valid_lens[:, :, None]
            scores = scores.masked_fill(torch.arange(keys.shape[1]) >= lens, -1e6)
        self.attention_weights = scores.softmax(dim=-1)
        return self.dropout(self.attention_weights) @ values


class D2lMultiHeadAttention(nn.Module):
    """`d2l.MultiHeadAttention`: heads join the batch axis."""

    def __init__(self, num_hiddens, num_heads, dropout, bias=False):
        super().__init__()
        self.num_heads = num_heads
        self.attention = D2lDotProductAttention(dropout)
        self.W_q, self.W_k, self.W_v, self.W_o = (
            nn.Linear(num_hiddens, num_hiddens, bias=bias) for _ in range(4)
        )

    def transpose_qkv(self, X):  # noqa: N803
        """(batch, length, num_hiddens) -> (batch · num_heads, length, num_hiddens / num_heads)."""
        return X.unflatten(-1, (self.num_heads, -1)).transpose(1, 2).flatten(0, 1)

    def forward(self, queries, keys, values, valid_lens):
        if valid_lens is not None:
            valid_lens = valid_lens.repeat_interleave(self.num_heads, dim=0)
        heads = self.attention(
            self.transpose_qkv(self.W_q(queries)),
            self.transpose_qkv(self.W_k(keys)),
            self.transpose_qkv(self.W_v(values)),
            valid_lens,
        )
        return self.W_o(heads.unflatten(0, (-1, self.num_heads)).transpose(1, 2).flatten(2))


def d2l_transformer_encoder_block(X, attention, ffn, ln1, ln2):  # noqa: N803
    """`d2l.TransformerEncoderBlock` without dropout, with its parts as functions."""
    Y = ln1(attention(X) + X)  # noqa: N806
    return ln2(ffn(Y) + Y)


def d2l_positional_encoding(num_hiddens: int, max_len: int = 1000) -> Tensor:
    """`d2l.PositionalEncoding(...).P`, of shape (1, max_len, num_hiddens)."""
    angle = torch.arange(max_len)[:, None] / 10000 ** (
        torch.arange(0, num_hiddens, 2) / num_hiddens
    )
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[None]


def hf_attention(query, key, value, attention_mask, scaling, dropout=0.0, training=False):
    """Llama's `eager_attention_forward` (without grouped keys): the mask is added."""
    scores = query @ key.mT * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = nn.functional.dropout(scores.softmax(dim=-1), dropout, training)
    return (weights @ value).transpose(1, 2), weights


def hf_sdpa_attention(query, key, value, attention_mask, scaling):
    """Llama's attention by default: PyTorch's function, which has no weights to return."""
    output = nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=attention_mask, scale=scaling
    )
    return output.transpose(1, 2), None


def hf_prepare_sdpa_mask(attention_mask: Tensor, q_len: int) -> Tensor:
    """What a Llama model makes of (batch, k_len) ones and zeros: True = may attend, causal."""
    k_len = attention_mask.shape[1]
    place = torch.arange(k_len - q_len, k_len)[:, None]  # queries come last
    return (torch.arange(k_len) <= place) & attention_mask[:, None, None, :].bool()


def hf_prepare_mask(attention_mask: Tensor, q_len: int) -> Tensor:
    """The same for `eager`: 0, or the lowest float."""
    allowed = hf_prepare_sdpa_mask(attention_mask, q_len)
    return torch.zeros(allowed.shape).masked_fill(~allowed, torch.finfo(torch.float32).min)


def hf_sliding_window(length: int, sliding_window: int) -> Tensor:
    """`masking_utils.sliding_window_overlay`, which a causal mask goes on top of."""
    place = torch.arange(length)
    return place > place[:, None] - sliding_window


def hf_longformer_window(length: int, attention_window: int) -> Tensor:
    """Whom a token of Longformer sees, its global tokens left aside."""
    place = torch.arange(length)
    return (place - place[:, None]).abs() <= attention_window // 2


def flash_window(length: int, window_size: tuple[int, int]) -> Tensor:
    """FlashAttention's window, and that of PyTorch's `varlen_attn`: -1 is no limit."""
    ahead = torch.arange(length) - torch.arange(length)[:, None]
    left, right = window_size
    return ((left < 0) | (ahead >= -left)) & ((right < 0) | (ahead <= right))


def hf_rotary(x: Tensor, position_ids: Tensor, rope_theta: float = 10000.0) -> Tensor:
    """Llama's rotary embedding of (batch, heads, length, head_dim): `rotate_half`."""
    inverse = rope_theta ** -(torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    angle = (position_ids[:, None, :, None] * inverse).repeat(1, 1, 1, 2)
    first, second = x.chunk(2, dim=-1)
    return x * angle.cos() + torch.cat([-second, first], dim=-1) * angle.sin()


def hf_alibi(attention_mask: Tensor, slopes: Tensor) -> Tensor:
    """BLOOM's `build_alibi_tensor`, before its reshape: (batch, heads, 1, k_len)."""
    place = (attention_mask.cumsum(dim=-1) - 1) * attention_mask
    return slopes[:, None, None] * place[:, None, None, :]


def hf_marian_positions(length: int, width: int) -> Tensor:
    """Marian's sinusoids: all sines, then all cosines."""
    angle = torch.arange(length)[:, None] / 10000 ** (torch.arange(0, width, 2) / width)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


class HfConv1D(nn.Module):
    """GPT-2's linear layer: its weight is stored as (in, out)."""

    def __init__(self, nf: int, nx: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(nx, nf))
        self.bias = nn.Parameter(torch.zeros(nf))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


def hf_gpt2_block(hidden_states, attn, mlp, ln_1, ln_2):
    """`GPT2Block`, with its attention and its feed-forward network as functions."""
    hidden_states = hidden_states + attn(ln_1(hidden_states))
    return hidden_states + mlp(ln_2(hidden_states))


def hf_marian_encoder_layer(hidden_states, self_attn, ffn, self_attn_layer_norm, final_layer_norm):
    """`MarianEncoderLayer`, with its attention and its feed-forward network as functions."""
    hidden_states = self_attn_layer_norm(hidden_states + self_attn(hidden_states))
    return final_layer_norm(hidden_states + ffn(hidden_states))


class HfDynamicCache:
    """`DynamicCache`: the keys and values of all layers, which grow by concatenation."""

    def __init__(self):
        self.layers = {}

    def update(self, key_states, value_states, layer_idx):
        old = self.layers.get(layer_idx, (key_states[..., :0, :], value_states[..., :0, :]))
        pairs = zip(old, (key_states, value_states), strict=True)
        self.layers[layer_idx] = tuple(torch.cat(pair, dim=-2) for pair in pairs)
        return self.layers[layer_idx]

    def get_seq_length(self, layer_idx=0):
        return self.layers[layer_idx][0].shape[-2] if layer_idx in self.layers else 0

    def crop(self, tokens_to_remove):
        if tokens_to_remove > 0:
            raise ValueError("a negative number says how many tokens go")
        for index, kept in self.layers.items():
            self.layers[index] = tuple(each[..., :tokens_to_remove, :] for each in kept)


def hf_temperature(scores: Tensor, temperature: float) -> Tensor:
    """`TemperatureLogitsWarper`."""
    if not temperature > 0:
        raise ValueError("temperature has to be above 0")
    return scores / temperature


def hf_top_k(scores: Tensor, top_k: int) -> Tensor:
    """`TopKLogitsWarper`."""
    return scores.masked_fill(scores < scores.topk(top_k).values[..., -1:], -torch.inf)


def hf_top_p(scores: Tensor, top_p: float) -> Tensor:
    """`TopPLogitsWarper`: the least probable go, as long as no more than 1 - p goes with them."""
    ordered, places = scores.sort()
    go = ordered.softmax(dim=-1).cumsum(dim=-1) <= 1 - top_p
    go[..., -1] = False
    return scores.masked_fill(torch.empty_like(go).scatter(-1, places, go), -torch.inf)
