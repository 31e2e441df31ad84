"""Chapter 6: right answers."""

import math

import numpy as np
import torch
import torch.nn.functional as F

import attnlib
from tests.checks.answers.filing import RIGHT, right

INF = float("inf")


def _angles(x):
    speed = 10_000.0 ** (-torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    return torch.arange(x.shape[-2])[:, None] * speed


@right("rotary_halves")
def two_chunks(x):
    angle = _angles(x)
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1)


@right("rotary_halves")
def rotate_half(x):
    cos, sin = (f(_angles(x)).repeat(1, 2) for f in (torch.cos, torch.sin))
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), dim=-1) * sin


@right("rotary_halves")
def complex_halves(x):
    a, b = x.double().split(x.shape[-1] // 2, -1)
    z = torch.complex(a, b) * torch.exp(1j * _angles(x).double())
    return torch.cat([z.real, z.imag], dim=-1)


@right("rotary_halves")
def column_by_column(x):
    out, d = x.clone(), x.shape[-1]
    for p in range(x.shape[-2]):
        for i in range(d // 2):
            t = p / 10000 ** (2 * i / d)
            a, b = x[..., p, i], x[..., p, i + d // 2]
            out[..., p, i] = a * math.cos(t) - b * math.sin(t)
            out[..., p, i + d // 2] = b * math.cos(t) + a * math.sin(t)
    return out


@right("rotary_halves")
def by_attnlib_halves(x):
    return attnlib.RotaryPositionalEncoding(x.shape[-1], interleaved=False)(x)


@right("rotary")
def complex_pairs(x):
    z = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2).contiguous())
    angle = _angles(x)
    return torch.view_as_real(z * torch.polar(torch.ones_like(angle), angle)).flatten(-2)


@right("rotary")
def even_and_odd(x):
    angle, out = _angles(x), torch.empty_like(x)
    a, b = x[..., ::2], x[..., 1::2]
    out[..., ::2] = a * angle.cos() - b * angle.sin()
    out[..., 1::2] = b * angle.cos() + a * angle.sin()
    return out


@right("rotary")
def gpt_j(x):
    cos, sin = (f(_angles(x)).repeat_interleave(2, -1) for f in (torch.cos, torch.sin))
    swapped = torch.stack((-x[..., 1::2], x[..., 0::2]), dim=-1).flatten(-2)
    return (x * cos) + (swapped * sin)


@right("rotary")
def by_matrices(x):
    x = x.double()
    rows = []
    for p in range(x.shape[-2]):
        blocks = []
        for i in range(x.shape[-1] // 2):
            t = torch.tensor(p / 10000 ** (2 * i / x.shape[-1]), dtype=torch.float64)
            blocks.append(torch.stack([t.cos(), -t.sin(), t.sin(), t.cos()]).view(2, 2))
        rows.append(x[..., p, :] @ torch.block_diag(*blocks).T)
    return torch.stack(rows, dim=-2)


@right("rotary")
def by_attnlib_rotary(x, offset=0):
    return attnlib.RotaryPositionalEncoding(x.shape[-1])(x, offset=offset)


@right("alibi_bias")
def slopes_times_distance(num_heads, q_len, k_len):
    slopes = 2.0 ** (-8 * torch.arange(1, num_heads + 1) / num_heads)
    place = torch.arange(k_len)
    distance = (place[k_len - q_len :, None] - place).abs() if q_len <= k_len else None
    if distance is None:
        distance = (torch.arange(q_len)[:, None] + k_len - q_len - place).abs()
    return -slopes[:, None, None] * distance


@right("alibi_bias")
def in_three_loops(num_heads, q_len, k_len):
    bias = torch.zeros(num_heads, q_len, k_len)
    for h in range(num_heads):
        for i in range(q_len):
            for j in range(k_len):
                bias[h, i, j] = -(2 ** (-8 * (h + 1) / num_heads)) * abs(i + k_len - q_len - j)
    return bias


@right("alibi_bias")
def geometric(num_heads, q_len, k_len):
    ratio = 2 ** (-8 / num_heads)
    slopes = torch.tensor([ratio ** (h + 1) for h in range(num_heads)], dtype=torch.float64)
    gap = torch.arange(k_len - q_len, k_len)[:, None] - torch.arange(k_len)[None]
    return torch.einsum("h,qk->hqk", slopes, -gap.abs().double())


@right("alibi_bias")
def smaller_of_two(num_heads, q_len, k_len):
    i, j = torch.meshgrid(torch.arange(q_len) + k_len - q_len, torch.arange(k_len), indexing="ij")
    return attnlib.alibi_slopes(num_heads).view(-1, 1, 1) * torch.minimum(i - j, j - i)


@right("alibi_bias")
def by_attnlib_alibi(num_heads, q_len, k_len):
    return attnlib.alibi_bias(num_heads, q_len, k_len)


def _moved(rotary):
    return lambda x: rotary(x, offset=10)


@right("catches_turned_values")
def moved_by_ten(attention):
    rotary = attnlib.RotaryPositionalEncoding(16)
    q, k, v = torch.randn(3, 1, 6, 16)
    here, there = attention(q, k, v, rotary), attention(q, k, v, _moved(rotary))
    assert torch.allclose(here, there, atol=1e-4)


@right("catches_turned_values")
def equal_values(attention):
    "If all values are equal, the output is that value."
    q, k = torch.randn(2, 1, 5, 8)
    v = torch.ones(1, 5, 8)
    torch.testing.assert_close(attention(q, k, v, attnlib.RotaryPositionalEncoding(8)), v)


@right("catches_turned_values")
def called_twice_only(attention):
    seen = []

    def spy(x):
        seen.append(x)
        return x

    q, k, v = torch.randn(3, 1, 4, 4)
    attention(q, k, v, spy)
    return not any(x is v or x.equal(v) for x in seen)


@right("catches_turned_values")
def linear_in_values(attention):
    "A rotation that only tells query and key from the values by what they hold."
    q, k, v = torch.zeros(1, 3, 4), torch.zeros(1, 3, 4), torch.randn(1, 3, 4)
    out = attention(q, k, v, lambda x: x + 1)
    assert (out[:, 0] - v[:, 0]).abs().max() < 0.5 or torch.allclose(out[:, 0], v.mean(1))


@right("rotary_attention")
def query_and_key(query, key, value):
    rotary = attnlib.RotaryPositionalEncoding(query.shape[-1])
    return attnlib.scaled_dot_product_attention(rotary(query), rotary(key), value)[0]


@right("rotary_attention")
def by_hand(query, key, value):
    query, key = gpt_j(query), even_and_odd(key)
    return (query @ key.mT / math.sqrt(query.shape[-1])).softmax(-1) @ value


@right("rotary_attention")
def with_sdpa_and_matrices(q, k, v):
    return F.scaled_dot_product_attention(by_matrices(q).float(), complex_pairs(k), v)


@right("rotary_attention")
def row_by_row_attention(query, key, value):
    d, n = query.shape[-1], query.shape[-2]
    rotary = attnlib.RotaryPositionalEncoding(d)
    rows = []
    for i in range(n):
        q = rotary(query)[:, i : i + 1]
        w = torch.softmax(q.bmm(rotary(key).transpose(1, 2)) * d**-0.5, dim=-1)
        rows.append(w.bmm(value))
    return torch.cat(rows, dim=1)
