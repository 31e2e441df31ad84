"""Chapter 6: rotary encoding and ALiBi. Right answers and wrong ones, as readers write them."""

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F

import attnlib
from tests.checks.answers.filed import RIGHT, WRONG, right, wrong

INF = float("inf")

# --- right ---


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


@wrong("rotary", "uses_sines")
def even_and_odd(x):
    angle, out = _angles(x), torch.empty_like(x)
    a, b = x[..., ::2], x[..., 1::2]
    out[..., ::2] = a * angle.cos() - b * angle.sin()
    out[..., 1::2] = b * angle.cos() + a * angle.sin()
    return out


@wrong("rotary", "uses_sines")
def gpt_j(x):
    cos, sin = (f(_angles(x)).repeat_interleave(2, -1) for f in (torch.cos, torch.sin))
    swapped = torch.stack((-x[..., 1::2], x[..., 0::2]), dim=-1).flatten(-2)
    return (x * cos) + (swapped * sin)


@wrong("rotary", "uses_sines")
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


@right("rotary")
def powers_of_a_unit(x):
    z = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(z * torch.exp(1j * _angles(x))).flatten(-2)


@right("rotary")
def real_and_imaginary(x):
    angle = _angles(x)
    z = torch.complex(x[..., ::2], x[..., 1::2]) * torch.polar(torch.ones_like(angle), angle)
    return torch.stack([z.real, z.imag], dim=-1).flatten(-2)


@right("rotary")
def turned_step_by_step(x):
    z = torch.view_as_complex(x.double().reshape(*x.shape[:-1], -1, 2).contiguous())
    step = torch.exp(1j * 10_000.0 ** (-torch.arange(0, x.shape[-1], 2).double() / x.shape[-1]))
    return torch.view_as_real(z * step ** torch.arange(x.shape[-2])[:, None]).flatten(-2)


# --- wrong ---


def _cos_sin(x, first=0, step=2):
    angle = (torch.arange(x.shape[-2]) + first)[:, None] / 10000 ** (
        torch.arange(0, x.shape[-1], 2) / 2 * step / x.shape[-1]
    )
    return angle.cos(), angle.sin()


def _half(x, **options):
    cos, sin = _cos_sin(x, **options)
    a, b = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def _pairs(x, **options):
    cos, sin = _cos_sin(x, **options)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


@wrong("rotary", "half_split")
def llama_layout(x):
    return _half(x)


@wrong("rotary", "columns_rearranged")
def cos_interleaved_rotate_half(x):
    cos, sin = _cos_sin(x)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


@wrong("rotary", "position_from_one")
def rotary_from_one(x):
    return _pairs(x, first=1)


@wrong("rotary", "exponent_halved")
def rotary_slow(x):
    return _pairs(x, step=1)


@wrong("rotary", "turned_backwards")
def rotary_backwards(x):
    cos, sin = _cos_sin(x)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos + b * sin, b * cos - a * sin], -1).flatten(-2)


@wrong("rotary", "no_rotation")
def rotary_plus_plus(x):
    cos, sin = _cos_sin(x)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos + b * sin, a * sin + b * cos], -1).flatten(-2)


@wrong("rotary", "heads_turned")
def length_on_axis_1(x):
    angle = torch.arange(x.shape[1])[:, None] * 10000.0 ** (
        -torch.arange(0, x.shape[-1], 2) / x.shape[-1]
    )
    while angle.ndim < x.ndim - 1:
        angle = angle.unsqueeze(1)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack(
        [a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1
    ).flatten(-2)


@wrong("rotary", "input_mutated")
def rotary_in_place(x):
    cos, sin = _cos_sin(x)
    a, b = x[..., 0::2].clone(), x[..., 1::2].clone()
    x[..., 0::2] = a * cos - b * sin
    x[..., 1::2] = a * sin + b * cos
    return x


@wrong("rotary", "overwritten_early")
def overwrites_a_too_early(x):
    cos, sin = _cos_sin(x)
    a, b = x[..., 0::2], x[..., 1::2]
    x[..., 0::2] = a * cos - b * sin
    x[..., 1::2] = a * sin + b * cos
    return x


@wrong("rotary", "nothing_turned")
def not_yet(x):
    return x * 1.0


@wrong("rotary_halves", "interleaved")
def paper_layout(x):
    return _pairs(x)


@wrong("rotary_halves", "columns_rearranged")
def halves_put_down_as_pairs(x):
    cos, sin = _cos_sin(x)
    a, b = x.chunk(2, -1)
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


@wrong("rotary_halves", "position_from_one")
def halves_from_one(x):
    return _half(x, first=1)


@wrong("rotary_halves", "turned_backwards")
def rotate_half_sign(x):
    cos, sin = (t.repeat(1, 2) for t in _cos_sin(x))
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([b, -a], -1) * sin


@wrong("alibi_bias", "sign_reversed")
def rewards_distance(num_heads, q_len, k_len):
    return -attnlib.alibi_bias(num_heads, q_len, k_len)


@wrong("alibi_bias", "distance_signed")
def without_abs(num_heads, q_len, k_len):
    gap = torch.arange(k_len) - torch.arange(k_len - q_len, k_len)[:, None]
    return attnlib.alibi_slopes(num_heads)[:, None, None] * gap


@wrong("alibi_bias", "upper_left")
def starts_together(num_heads, q_len, k_len):
    gap = torch.arange(k_len) - torch.arange(q_len)[:, None]
    return attnlib.alibi_slopes(num_heads)[:, None, None] * -gap.abs()


@wrong("alibi_bias", "slopes_from_one")
def slopes_start_at_one(num_heads, q_len, k_len):
    slopes = torch.tensor([2.0 ** (-8 * h / num_heads) for h in range(num_heads)])
    gap = torch.arange(k_len) - torch.arange(k_len - q_len, k_len)[:, None]
    return slopes[:, None, None] * -gap.abs()


@wrong("alibi_bias", "slopes_for_eight_heads")
def halving(num_heads, q_len, k_len):
    gap = torch.arange(k_len) - torch.arange(k_len - q_len, k_len)[:, None]
    return torch.stack([-gap.abs() * 0.5 ** (h + 1) for h in range(num_heads)])


@wrong("alibi_bias", "grows_with_key")
def bloom(num_heads, q_len, k_len):
    return attnlib.alibi_slopes(num_heads)[:, None, None] * torch.arange(k_len).repeat(q_len, 1)


@wrong("alibi_bias", "mask_in_bias")
def with_causal_mask(num_heads, q_len, k_len):
    bias = attnlib.alibi_bias(num_heads, q_len, k_len)
    return bias.masked_fill(~attnlib.causal_mask(q_len, k_len), -INF)


@wrong("alibi_bias", "future_not_penalised")
def future_zero(num_heads, q_len, k_len):
    return attnlib.alibi_bias(num_heads, q_len, k_len) * attnlib.causal_mask(q_len, k_len)


@wrong("alibi_bias", "batch_axis_added")
def four_axes(num_heads, q_len, k_len):
    return attnlib.alibi_bias(num_heads, q_len, k_len).unsqueeze(0)


@wrong("alibi_bias", "sign_reversed")
def two_at_a_time(num_heads, q_len, k_len):
    gap = torch.arange(k_len) - torch.arange(k_len - q_len, k_len)[:, None]
    return gap.abs().repeat(num_heads, 1, 1).float()


@wrong("catches_turned_values", "never_moved")
def output_shape(attention):
    q, k, v = torch.randn(3, 1, 6, 16)
    assert attention(q, k, v, attnlib.RotaryPositionalEncoding(16)).shape == v.shape


@wrong("catches_turned_values", "never_moved")
def runs_twice(attention):
    q, k, v = torch.randn(3, 1, 6, 16)
    rotary = attnlib.RotaryPositionalEncoding(16)
    assert attention(q, k, v, rotary).equal(attention(q, k, v, rotary))


@wrong("catches_turned_values", "not_turned_at_all")
def same_without_positions(attention):
    q, k, v = torch.randn(3, 1, 6, 16)
    moved = attention(q, k, v, attnlib.RotaryPositionalEncoding(16))
    torch.testing.assert_close(moved, attention(q, k, v, lambda x: x))


@wrong("rotary_attention", "values_turned")
def turns_all_three(query, key, value):
    return F.scaled_dot_product_attention(_pairs(query), _pairs(key), _pairs(value))


@wrong("rotary_attention", "nothing_turned")
def forgot_rotary(query, key, value):
    return F.scaled_dot_product_attention(query, key, value)


@wrong("rotary_attention", "only_query_turned")
def query_only(query, key, value):
    return F.scaled_dot_product_attention(_pairs(query), key, value)


@wrong("rotary_attention", "layouts_mixed")
def mixed(query, key, value):
    return F.scaled_dot_product_attention(_pairs(query), _half(key), value)


@wrong("rotary_attention", "scale_missing")
def rotary_unscaled(query, key, value):
    return (_pairs(query) @ _pairs(key).mT).softmax(-1) @ value


@wrong("rotary_attention", "mask_not_asked")
def rotary_causal(query, key, value):
    return F.scaled_dot_product_attention(_pairs(query), _pairs(key), value, is_causal=True)


@wrong("rotary_attention", "encoding_added")
def added_instead(query, key, value):
    P = attnlib.sinusoidal_encoding(query.shape[1], query.shape[2])
    return F.scaled_dot_product_attention(query + P, key + P, value)


def _rotate_half(x, cos, sin):
    a, b = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-b, a], dim=-1) * sin


def _rotate_pairs(x, cos, sin):
    return x * cos + torch.stack([-x[..., 1::2], x[..., 0::2]], dim=-1).flatten(-2) * sin


@wrong("rotary", "angles_of_other_layout")
@wrong("rotary_halves", "angles_of_other_layout")
def rotate_half_with_angles_of_pairs(x):
    return _rotate_half(x, *(t.repeat_interleave(2, -1) for t in _cos_sin(x)))


@wrong("rotary", "angles_of_other_layout")
@wrong("rotary_halves", "angles_of_other_layout")
def rotate_pairs_with_angles_of_halves(x):
    return _rotate_pairs(x, *(torch.cat([t, t], -1) for t in _cos_sin(x)))


@wrong("rotary", "half_split")
def rotate_half_of_llama(x):
    return _rotate_half(x, *(torch.cat([t, t], -1) for t in _cos_sin(x)))


@wrong("rotary", "encoding_added")
def sinusoids_added(x):
    return x + attnlib.sinusoidal_encoding(*x.shape[-2:])


@wrong("rotary_attention", "values_turned")
def turned_in_a_loop(query, key, value):
    turned = [attnlib.RotaryPositionalEncoding(t.shape[-1])(t) for t in (query, key, value)]
    return F.scaled_dot_product_attention(*turned)


@wrong("rotary_attention", "position_from_one")
def keys_from_one(query, key, value):
    return F.scaled_dot_product_attention(_pairs(query), _pairs(key, first=1), value)


@wrong("rotary_attention", "exponent_halved")
def both_slow(query, key, value):
    return F.scaled_dot_product_attention(_pairs(query, step=1), _pairs(key, step=1), value)


def _gap(q_len, k_len):
    return torch.arange(k_len - q_len, k_len)[:, None] - torch.arange(k_len)


@wrong("alibi_bias", "slopes_grow")
def minus_forgotten(num_heads, q_len, k_len):
    slopes = torch.tensor([2.0 ** (8 * (h + 1) / num_heads) for h in range(num_heads)])
    return -slopes[:, None, None] * _gap(q_len, k_len).abs()


@wrong("alibi_bias", "slopes_shared")
def one_half_for_all(num_heads, q_len, k_len):
    return -0.5 * _gap(q_len, k_len).abs().expand(num_heads, -1, -1)


@wrong("alibi_bias", "mask_in_bias")
def with_finite_mask(num_heads, q_len, k_len):
    return attnlib.alibi_bias(num_heads, q_len, k_len) - 1e9 * ~attnlib.causal_mask(q_len, k_len)


@wrong("alibi_bias", "grows_with_key")
def up_to_zero(num_heads, q_len, k_len):
    place = torch.arange(1 - k_len, 1).expand(q_len, -1)
    return attnlib.alibi_slopes(num_heads)[:, None, None] * place


# --- more of both, tried later: what is plausible, not what is known ---


def _overwritten(x):
    cos, sin = _cos_sin(x)
    a, b = x[..., 0::2], x[..., 1::2]
    a = a * cos - b * sin
    b = a * sin + b * cos
    return torch.stack([a, b], -1).flatten(-2)


def _overwritten_halves(x):
    cos, sin = _cos_sin(x)
    a, b = x.chunk(2, -1)
    a = a * cos - b * sin
    b = a * sin + b * cos
    return torch.cat([a, b], -1)


def _unit(x, sign=1, first=0, step=2):
    cos, sin = _cos_sin(x, first=first, step=step)
    return torch.complex(cos.float(), sign * sin.float())


def _complex(x):
    return torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())


for said, answer in (
    ("overwritten_early", _overwritten),
    ("complex_left", lambda x: _complex(x) * _unit(x)),
    ("turned_backwards", lambda x: torch.view_as_real(_complex(x) * _unit(x, -1)).flatten(-2)),
    ("position_from_one", lambda x: torch.view_as_real(_complex(x) * _unit(x, first=1)).flatten(-2)),
    ("exponent_halved", lambda x: torch.view_as_real(_complex(x) * _unit(x, step=1)).flatten(-2)),
    ("only_cosines", lambda x: x * _cos_sin(x)[0].repeat_interleave(2, -1)),
    ("half_a_turn_more", lambda x: -_pairs(x)),
    ("wrong_shape", lambda x: torch.view_as_real(_complex(x) * _unit(x))),
    ("same_speed", lambda x: _pairs(x, step=0)),
    ("half_split", lambda x: attnlib.RotaryPositionalEncoding(x.shape[-1], interleaved=False)(x)),
):  # fmt: skip
    wrong("rotary", said)(answer)
for answer in (
    lambda x: torch.view_as_real(_complex(x) * _unit(x)).flatten(-2),
    lambda x: torch.view_as_real(_unit(x) * _complex(x)).reshape(x.shape),
):
    right("rotary")(answer)

for said, answer in (
    ("overwritten_early", _overwritten_halves),
    ("only_cosines", lambda x: x * _cos_sin(x)[0].repeat(1, 2)),
    ("half_a_turn_more", lambda x: -_half(x)),
    ("nothing_turned", lambda x: torch.cat(x.chunk(2, -1), -1)),
    ("encoding_added", lambda x: x + attnlib.sinusoidal_encoding(*x.shape[-2:])),
    ("exponent_halved", lambda x: _half(x, step=1)),
    ("exponent_doubled", lambda x: _half(x, step=4)),
    ("same_speed", lambda x: _half(x, step=0)),
    ("wrong_shape", lambda x: torch.stack(_half(x).chunk(2, -1), -1)),
    ("returned_pair", lambda x: _half(x).chunk(2, -1)),
):
    wrong("rotary_halves", said)(answer)
for answer in (
    lambda x: _half(x),
    lambda x: torch.cat(torch.view_as_real(torch.complex(*x.chunk(2, -1)) * _unit(x)).unbind(-1), -1),
):  # fmt: skip
    right("rotary_halves")(answer)


def _with_slopes(slopes):
    return lambda n, q, k: -slopes(n)[:, None, None] * _gap(q, k).abs()


for said, answer in (
    ("slopes_linear", _with_slopes(lambda n: torch.linspace(0.5, 2**-8, n))),
    ("slopes_linear", _with_slopes(lambda n: torch.linspace(1, 0, n))),
    ("slopes_linear", _with_slopes(lambda n: torch.linspace(2 ** (-8 / n), 2**-8, n))),
    ("exponent_eight_over_heads", _with_slopes(lambda n: 2.0 ** (-8 / torch.arange(1, n + 1)))),
    ("slopes_base_e", _with_slopes(lambda n: torch.exp(-8 * torch.arange(1, n + 1) / n))),
    ("slopes_missing", _with_slopes(torch.ones)),
    ("slopes_reversed", _with_slopes(lambda n: attnlib.alibi_slopes(n).flip(0))),
    ("distance_squared", lambda n, q, k: -attnlib.alibi_slopes(n)[:, None, None] * _gap(q, k) ** 2),
    ("distance_from_one", lambda n, q, k: -attnlib.alibi_slopes(n)[:, None, None] * (_gap(q, k).abs() + 1)),
    ("distance_rooted", lambda n, q, k: -attnlib.alibi_slopes(n)[:, None, None] * _gap(q, k).abs().sqrt()),
    ("slopes_alone", lambda n, q, k: -attnlib.alibi_slopes(n)[:, None, None].expand(n, q, k)),
    ("head_axis_missing", lambda n, q, k: -attnlib.alibi_slopes(n)[0] * _gap(q, k).abs()),
    ("heads_last", lambda n, q, k: attnlib.alibi_bias(n, q, k).movedim(0, -1)),
):  # fmt: skip
    wrong("alibi_bias", said)(answer)
for answer in (
    _with_slopes(lambda n: torch.tensor([2 ** (-8 / n * (h + 1)) for h in range(n)])),
    _with_slopes(lambda n: (2 ** (-8 / n)) ** torch.arange(1.0, n + 1)),
    _with_slopes(lambda n: torch.logspace(-8 / n, -8, n, base=2)),
):
    right("alibi_bias")(answer)


def _texts():
    return attnlib.RotaryPositionalEncoding(16), *torch.randn(3, 1, 6, 16)


@wrong("catches_turned_values", "never_moved")
def future_does_not_leak(attention):
    rotary, q, k, v = _texts()
    other = v.clone()
    other[:, -1] = 0
    assert torch.allclose(attention(q, k, v, rotary)[:, 0], attention(q, k, other, rotary)[:, 0])


@wrong("catches_turned_values", "uses_reference")
def compared_with_the_library(attention):
    rotary, q, k, v = _texts()
    right_one = attnlib.scaled_dot_product_attention(rotary(q), rotary(k), v, is_causal=True)[0]
    torch.testing.assert_close(attention(q, k, v, rotary), right_one)


@wrong("catches_turned_values", "test_raises")
def offset_given_to_attention(attention):
    rotary, q, k, v = _texts()
    assert torch.allclose(attention(q, k, v, rotary, offset=10), attention(q, k, v, rotary))


@wrong("catches_turned_values", "test_reversed")
def must_differ_when_moved(attention):
    rotary, q, k, v = _texts()
    there = attention(q, k, v, lambda x: rotary(x, offset=10))
    assert not torch.allclose(attention(q, k, v, rotary), there, atol=1e-4)


@right("catches_turned_values")
def moved_far_with_default_tolerance(attention):
    rotary, q, k, v = _texts()
    for offset in (1, 100):
        there = attention(q, k, v, lambda x, n=offset: rotary(x, offset=n))
        assert torch.allclose(attention(q, k, v, rotary), there, atol=1e-4)


@right("catches_turned_values")
def first_output_is_its_value(attention):
    rotary, q, k, v = _texts()
    there = attention(q, k, v, lambda x: rotary(x, offset=3))
    assert torch.allclose(there[:, 0], v[:, 0])


def _rotary_by(normalise):
    def answer(q, k, v):
        scores = _pairs(q) @ _pairs(k).mT / q.shape[-1] ** 0.5
        return normalise(scores) @ v

    return answer


for said, normalise in (
    ("exponential_overflows", lambda s: s.exp() / s.exp().sum(-1, keepdim=True)),
    ("division_missing", lambda s: s.exp()),
    ("scores_negated", lambda s: (-s).softmax(-1)),
    ("softmax_twice", lambda s: s.softmax(-1).softmax(-1)),
    ("softmax_over_queries", lambda s: s.softmax(-2)),
    ("softmax_missing", lambda s: s),
):
    wrong("rotary_attention", said)(_rotary_by(normalise))
for said, answer in (
    ("only_key_turned", lambda q, k, v: F.scaled_dot_product_attention(q, _pairs(k), v)),
    ("only_values_turned", lambda q, k, v: F.scaled_dot_product_attention(q, k, _pairs(v))),
    ("output_turned", lambda q, k, v: _pairs(F.scaled_dot_product_attention(_pairs(q), _pairs(k), v))),
    ("half_split", lambda q, k, v: F.scaled_dot_product_attention(_half(q), _half(k), v)),
    ("scale_by_width", lambda q, k, v: F.scaled_dot_product_attention(_pairs(q), _pairs(k), v, scale=1 / q.shape[-1])),
):  # fmt: skip
    wrong("rotary_attention", said)(answer)
right("rotary_attention")(_rotary_by(lambda s: s.softmax(-1)))
right("rotary_attention")(lambda q, k, v: F.scaled_dot_product_attention(_pairs(q), _pairs(k), v))


# --- catches_turned_values, more ---


@right("catches_turned_values")
def seven_places(attention):
    r = attnlib.RotaryPositionalEncoding(16)
    q, k, v = torch.randn(3, 2, 5, 16)
    a = attention(q, k, v, r)
    b = attention(q, k, v, lambda x: r(x, offset=7))
    assert (a - b).abs().max() < 1e-3


@right("catches_turned_values")
def padded_in_front_shift(attention):
    class Later:
        def __init__(self, r, n):
            self.r, self.n = r, n

        def __call__(self, x):
            return self.r(x, self.n)

    r = attnlib.RotaryPositionalEncoding(8)
    q, k, v = torch.randn(3, 1, 4, 8)
    np.testing.assert_allclose(attention(q, k, v, r), attention(q, k, v, Later(r, 10)), atol=1e-4)


@right("catches_turned_values")
def one_token(attention):
    r = attnlib.RotaryPositionalEncoding(8)
    q, k, v = torch.randn(3, 1, 1, 8)
    torch.testing.assert_close(attention(q, k, v, lambda x: r(x, offset=5)), v)


@right("catches_turned_values")
def output_in_hull(attention):
    r = attnlib.RotaryPositionalEncoding(8)
    q, k = torch.randn(2, 1, 30, 8)
    v = torch.ones(1, 30, 8)
    return bool(torch.allclose(attention(q, k, v, r), torch.ones(1, 30, 8), atol=1e-4))


@right("catches_turned_values")
def counts_calls(attention):
    calls = []

    def spy(x):
        calls.append(x)
        return attnlib.RotaryPositionalEncoding(8)(x)

    q, k, v = torch.randn(3, 1, 4, 8)
    attention(q, k, v, spy)
    assert all(not torch.equal(c, v) for c in calls)


@wrong("catches_turned_values", "not_turned_at_all")
def rotary_has_no_effect(attention):
    q, k, v = torch.randn(3, 1, 6, 16)
    assert torch.allclose(
        attention(q, k, v, attnlib.RotaryPositionalEncoding(16)),
        attention(q, k, v, lambda x: x),
        atol=1e-4,
    )


@wrong("catches_turned_values", "never_moved")
def finite6(attention):
    q, k, v = torch.randn(3, 1, 6, 16)
    assert attention(q, k, v, attnlib.RotaryPositionalEncoding(16)).isfinite().all()


@wrong("catches_turned_values", "never_moved")
def norm_small(attention):
    q, k, v = torch.randn(3, 1, 6, 16)
    assert attention(q, k, v, attnlib.RotaryPositionalEncoding(16)).norm() <= v.norm() * 3


@wrong("catches_turned_values", "test_reversed")
def expects_turn(attention):
    r = attnlib.RotaryPositionalEncoding(16)
    q, k, v = torch.randn(3, 1, 6, 16)
    return not torch.allclose(
        attention(q, k, v, r), attention(q, k, v, lambda x: r(x, offset=10)), atol=1e-3
    )


@wrong("catches_turned_values", "test_raises")
def offset_missing(attention):
    q, k, v = torch.randn(3, 1, 6, 16)
    assert torch.allclose(
        attention(q, k, v, attnlib.RotaryPositionalEncoding(8)),
        attention(q, k, v, attnlib.RotaryPositionalEncoding(8)),
    )


@wrong("catches_turned_values", "test_rejects_right")
def zero_out(attention):
    r = attnlib.RotaryPositionalEncoding(16)
    q, k, v = torch.randn(3, 1, 6, 16)
    assert (
        torch.allclose(
            attention(q, k, v, r), attention(q, k, v, lambda x: r(x, offset=10)), atol=0, rtol=0
        )
        and False
    )


@wrong("catches_turned_values", "others_in_front")
def rolled_text(attention):
    r = attnlib.RotaryPositionalEncoding(16)
    q, k, v = torch.randn(3, 1, 6, 16)
    a = attention(q, k, v, r)
    b = attention(q.roll(1, 1), k.roll(1, 1), v.roll(1, 1), r)
    assert torch.allclose(a.roll(1, 1), b, atol=1e-4)


@wrong("catches_turned_values", "test_misses_bug")
def turned_whole_output(attention):
    r = attnlib.RotaryPositionalEncoding(16)
    q, k, v = torch.randn(3, 1, 6, 16)
    there = attention(q, k, v, lambda x: r(x, offset=10))
    assert there.shape == v.shape and torch.allclose(
        there.norm(), attention(q, k, v, r).norm(), rtol=1e-3
    )
