"""Chapter 6: wrong answers."""

import math

import numpy as np
import torch
import torch.nn.functional as F

import attnlib
from tests.checks.answers.filing import WRONG, wrong

INF = float("inf")


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


@wrong("rotary", "layouts_mixed")
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


@wrong("rotary", "input_mutated")
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


@wrong("rotary_halves", "layouts_mixed")
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


@wrong("catches_turned_values", "test_misses_bug")
def output_shape(attention):
    q, k, v = torch.randn(3, 1, 6, 16)
    assert attention(q, k, v, attnlib.RotaryPositionalEncoding(16)).shape == v.shape


@wrong("catches_turned_values", "test_misses_bug")
def runs_twice(attention):
    q, k, v = torch.randn(3, 1, 6, 16)
    rotary = attnlib.RotaryPositionalEncoding(16)
    assert attention(q, k, v, rotary).equal(attention(q, k, v, rotary))


@wrong("catches_turned_values", "test_rejects_right")
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


@wrong("rotary", "layouts_mixed")
@wrong("rotary_halves", "layouts_mixed")
def rotate_half_with_angles_of_pairs(x):
    return _rotate_half(x, *(t.repeat_interleave(2, -1) for t in _cos_sin(x)))


@wrong("rotary", "layouts_mixed")
@wrong("rotary_halves", "layouts_mixed")
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
