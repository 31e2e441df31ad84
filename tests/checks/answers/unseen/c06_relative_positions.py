"""Chapter 6: rotary encoding and ALiBi. Answers by writers who had not seen the checks."""

import cmath
import math

import torch
from torch.nn import functional as F

from tests.checks.answers.filed import right, wrong


def _angles(x, base=10_000.0, offset=0):
    length, width = x.shape[-2:]
    speed = base ** (-torch.arange(0, width, 2) / width)
    return torch.arange(offset, offset + length)[:, None] * speed


def _turn(x, offset=0, sign=1):
    "Interleaved rotary encoding."
    angle = sign * _angles(x, offset=offset)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack(
        [
            a * angle.cos() - b * angle.sin(),
            a * angle.sin() + b * angle.cos(),
        ],
        dim=-1,
    ).flatten(-2)


def _turn_halves(x):
    angle = _angles(x)
    a, b = x.chunk(2, dim=-1)
    return torch.cat(
        [
            a * angle.cos() - b * angle.sin(),
            a * angle.sin() + b * angle.cos(),
        ],
        dim=-1,
    )


# --- 6.2 rotary_halves ---


def _rotate_half(x):
    half = x.shape[-1] // 2
    return torch.cat([-x[..., half:], x[..., :half]], dim=-1)


@right("rotary_halves")
def halves_hugging_face(x):
    seq_len, dim = x.shape[-2], x.shape[-1]
    inv_freq = 1.0 / (10_000.0 ** (torch.arange(0, dim, 2).float() / dim))
    freqs = torch.outer(torch.arange(seq_len).float(), inv_freq)
    emb = torch.cat([freqs, freqs], dim=-1)
    return x * emb.cos() + _rotate_half(x) * emb.sin()


@right("rotary_halves")
def halves_complex(x):
    half = x.shape[-1] // 2
    arrows = torch.complex(x[..., :half], x[..., half:])
    turned = arrows * torch.exp(1j * _angles(x))
    return torch.cat([turned.real, turned.imag], dim=-1).to(x.dtype)


@right("rotary_halves")
def halves_loops(x):
    *_, length, width = x.shape
    result = torch.empty_like(x)
    for n in range(length):
        for i in range(width // 2):
            theta = n * 10_000 ** (-2 * i / width)
            c, s = math.cos(theta), math.sin(theta)
            first, second = x[..., n, i], x[..., n, i + width // 2]
            result[..., n, i] = c * first - s * second
            result[..., n, i + width // 2] = s * first + c * second
    return result


# interleaved: neighbours form an arrow instead of i and i + d/2
@wrong("rotary_halves", "interleaved")
def halves_interleaved(x):
    return _turn(x)


# splits in halves, but puts the turned halves together interleaved
@wrong("rotary_halves", "columns_rearranged")
def halves_put_together_interleaved(x):
    angle = _angles(x)
    a, b = x.chunk(2, dim=-1)
    turned = [
        a * angle.cos() - b * angle.sin(),
        a * angle.sin() + b * angle.cos(),
    ]
    return torch.stack(turned, dim=-1).flatten(-2)


# turns clockwise (the sines' signs exchanged)
@wrong("rotary_halves", "turned_backwards")
def halves_clockwise(x):
    angle = _angles(x)
    a, b = x.chunk(2, dim=-1)
    return torch.cat(
        [
            a * angle.cos() + b * angle.sin(),
            b * angle.cos() - a * angle.sin(),
        ],
        dim=-1,
    )


# speeds with exponent i/d instead of 2i/d
@wrong("rotary_halves", "exponent_halved")
def halves_half_exponent(x):
    length, width = x.shape[-2:]
    speed = 10_000.0 ** (-torch.arange(width // 2) / width)
    angle = torch.arange(length)[:, None] * speed
    a, b = x.chunk(2, dim=-1)
    return torch.cat(
        [
            a * angle.cos() - b * angle.sin(),
            a * angle.sin() + b * angle.cos(),
        ],
        dim=-1,
    )


# mixes the layouts: rotates i and i + d/2, but repeats each angle for neighbours
@wrong("rotary_halves", "angles_of_other_layout")
def halves_with_interleaved_angles(x):
    angle = _angles(x).repeat_interleave(2, dim=-1)
    return x * angle.cos() + _rotate_half(x) * angle.sin()


# works in place: the second half is computed from the first half, turned already
@wrong("rotary_halves", "overwritten_early")
def halves_in_place(x):
    angle = _angles(x)
    cos, sin = angle.cos(), angle.sin()
    half = x.shape[-1] // 2
    result = x.clone()
    a, b = result[..., :half], result[..., half:]  # views
    a[:] = a * cos - b * sin
    b[:] = a * sin + b * cos
    return result


# forgets the minus: a cos + b sin and a sin + b cos, which is no rotation and changes lengths
@wrong("rotary_halves", "no_rotation")
def halves_no_minus(x):
    angle = torch.cat([_angles(x)] * 2, dim=-1)
    swapped = x.roll(x.shape[-1] // 2, dims=-1)
    return x * angle.cos() + swapped * angle.sin()


# --- 6.3 alibi_bias ---


def _slopes(num_heads):
    return 2.0 ** (-8 * torch.arange(1, num_heads + 1) / num_heads)


@right("alibi_bias")
def alibi_loops(num_heads, q_len, k_len):
    return torch.tensor(
        [
            [
                [-abs(k_len - q_len + n - m) / 2 ** (8 * head / num_heads) for m in range(k_len)]
                for n in range(q_len)
            ]
            for head in range(1, num_heads + 1)
        ]
    )


@right("alibi_bias")
def alibi_cdist(num_heads, q_len, k_len):
    places = torch.arange(k_len, dtype=torch.float32)[:, None]
    distance = torch.cdist(places[k_len - q_len :], places, p=1)
    first = 2 ** (-8 / num_heads)
    slopes = torch.tensor([first ** (h + 1) for h in range(num_heads)])
    return -slopes.view(-1, 1, 1) * distance


@right("alibi_bias")
def alibi_whole_table_cut(num_heads, q_len, k_len):
    # the square table, of which the last rows are the queries
    at = torch.arange(k_len, dtype=torch.float64)
    behind = (at[:, None] - at).clamp(min=0)
    distance = behind + behind.T
    slopes = torch.logspace(-8 / num_heads, -8, num_heads, base=2.0, dtype=torch.float64)
    square = torch.einsum("h,nm->hnm", slopes, distance)
    return (0 - square)[:, k_len - q_len :, :]


# sign reversed: a bonus for distance
@wrong("alibi_bias", "sign_reversed")
def alibi_plus(num_heads, q_len, k_len):
    n = torch.arange(k_len - q_len, k_len)[:, None]
    distance = (n - torch.arange(k_len)).abs()
    return _slopes(num_heads)[:, None, None] * distance


# the first query stands at the first key (wrong as soon as k_len is greater than q_len)
@wrong("alibi_bias", "upper_left")
def alibi_from_first(num_heads, q_len, k_len):
    distance = (torch.arange(q_len)[:, None] - torch.arange(k_len)).abs()
    return -_slopes(num_heads)[:, None, None] * distance


# slopes 2^(-8h/H) with h from 0: the first head has slope 1
@wrong("alibi_bias", "slopes_from_one")
def alibi_slopes_from_zero(num_heads, q_len, k_len):
    slopes = 2.0 ** (-8 * torch.arange(num_heads) / num_heads)
    n = torch.arange(k_len - q_len, k_len)[:, None]
    return -slopes[:, None, None] * (n - torch.arange(k_len)).abs()


# no absolute value: a key ahead gets a bonus
@wrong("alibi_bias", "distance_signed")
def alibi_no_abs(num_heads, q_len, k_len):
    n = torch.arange(k_len - q_len, k_len)[:, None]
    return -_slopes(num_heads)[:, None, None] * (n - torch.arange(k_len))


# the other form, a bonus + s m that grows with the key's position
@wrong("alibi_bias", "grows_with_key")
def alibi_growing(num_heads, q_len, k_len):
    growing = _slopes(num_heads)[:, None, None] * torch.arange(k_len)
    return growing.expand(num_heads, q_len, k_len)


# slopes 1/2, 1/4, 1/8, … whatever the number of heads (right for 8 only)
@wrong("alibi_bias", "slopes_for_eight_heads")
def alibi_slopes_of_eight(num_heads, q_len, k_len):
    slopes = 0.5 ** torch.arange(1, num_heads + 1)
    n = torch.arange(k_len - q_len, k_len)[:, None]
    return -slopes[:, None, None] * (n - torch.arange(k_len)).abs()


# keys ahead cost nothing (distance cut off at 0)
@wrong("alibi_bias", "future_not_penalised")
def alibi_ahead_is_free(num_heads, q_len, k_len):
    n = torch.arange(k_len - q_len, k_len)[:, None]
    distance = (n - torch.arange(k_len)).clamp(min=0)
    return -_slopes(num_heads)[:, None, None] * distance


# --- 6.4 catches_turned_values ---


@right("catches_turned_values")
def test_same_value_everywhere(attention_with_rotary):
    # an average of equal values is that value, whatever the weights
    torch.manual_seed(0)
    query, key = torch.randn(2, 1, 8, 16)
    value = torch.randn(16).repeat(1, 8, 1)
    output = attention_with_rotary(query, key, value, _turn)
    assert torch.allclose(output, value, atol=1e-5)


@right("catches_turned_values")
def test_half_a_turn_for_all(attention_with_rotary):
    # turning all by 180 degrees leaves every score as it is
    torch.manual_seed(1)
    q, k, v = (torch.randn(2, 5, 8) for _ in range(3))
    still = attention_with_rotary(q, k, v, lambda t: t)
    turned = attention_with_rotary(q, k, v, lambda t: -t)
    torch.testing.assert_close(turned, still)


@right("catches_turned_values")
def test_moved_in_double(attention_with_rotary):
    class Rotary:
        def __init__(self, start):
            self.start = start

        def __call__(self, x):
            length, width = x.shape[-2:]
            at = torch.arange(length, dtype=x.dtype) + self.start
            speed = 10_000 ** (-torch.arange(0, width, 2).to(x.dtype) / width)
            angle = torch.outer(at, speed)
            pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
            factor = torch.polar(torch.ones_like(angle), angle)
            return torch.view_as_real(pairs * factor).flatten(-2)

    generator = torch.Generator().manual_seed(5)
    q, k, v = torch.randn(3, 2, 7, 12, generator=generator, dtype=torch.float64)
    outputs = [attention_with_rotary(q, k, v, Rotary(start)) for start in (0, 3, 10)]
    for moved in outputs[1:]:
        assert (moved - outputs[0]).abs().max() < 1e-8


# rejects right functions: ten other tokens in front, which the attention sees, too
@wrong("catches_turned_values", "others_in_front")
def test_filler_in_front(attention_with_rotary):
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 1, 6, 16)
    filler_q, filler_k, filler_v = torch.randn(3, 1, 10, 16)
    here = attention_with_rotary(q, k, v, _turn)
    there = attention_with_rotary(
        torch.cat([filler_q, q], dim=1),
        torch.cat([filler_k, k], dim=1),
        torch.cat([filler_v, v], dim=1),
        _turn,
    )
    assert torch.allclose(here, there[:, 10:], atol=1e-4)


# rejects right functions: compares with no turning, as if rotary encoding must change nothing
@wrong("catches_turned_values", "not_turned_at_all")
def test_no_change_at_all(attention_with_rotary):
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 1, 6, 16)
    turned = attention_with_rotary(q, k, v, _turn)
    plain = attention_with_rotary(q, k, v, lambda t: t)
    assert torch.allclose(turned, plain, atol=1e-4)


# misses the bug: compares only the lengths of the outputs here and ten positions later
@wrong("catches_turned_values", "test_misses_bug")
def test_lengths_only(attention_with_rotary):
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 1, 6, 16)
    here = attention_with_rotary(q, k, v, _turn)
    there = attention_with_rotary(q, k, v, lambda t: _turn(t, offset=10))
    assert torch.allclose(here.norm(dim=-1), there.norm(dim=-1), atol=1e-4)


# misses the bug: looks at the first token alone; at position 0 nothing is turned
@wrong("catches_turned_values", "never_moved")
def test_first_token(attention_with_rotary):
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 1, 6, 16)
    output = attention_with_rotary(q, k, v, _turn)
    assert torch.allclose(output[:, 0], v[:, 0], atol=1e-5)


# misses the bug: looks at scores of its own, never at the function's output
@wrong("catches_turned_values", "never_moved")
def test_scores_only(attention_with_rotary):
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 1, 6, 16)
    attention_with_rotary(q, k, v, _turn)
    here = _turn(q) @ _turn(k).mT
    there = _turn(q, offset=10) @ _turn(k, offset=10).mT
    assert torch.allclose(here, there, atol=1e-4)


# rejects right functions: asks for equality to the last bit, which rounding spoils
@wrong("catches_turned_values", "test_rejects_right")
def test_exactly_equal(attention_with_rotary):
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 1, 6, 16)
    here = attention_with_rotary(q, k, v, _turn)
    there = attention_with_rotary(q, k, v, lambda t: _turn(t, offset=10))
    assert torch.equal(here, there)


# the wrong way round: thinks that a moved text must get *other* outputs
@wrong("catches_turned_values", "test_reversed")
def test_must_change(attention_with_rotary):
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 1, 6, 16)
    here = attention_with_rotary(q, k, v, _turn)
    there = attention_with_rotary(q, k, v, lambda t: _turn(t, offset=10))
    assert not torch.allclose(here, there, atol=1e-4)


# --- 6.7 rotary ---


@right("rotary")
def rotary_table_of_factors(x):
    length, width = x.shape[-2:]
    factors = torch.tensor(
        [
            [cmath.rect(1.0, n / 10_000 ** (2 * i / width)) for i in range(width // 2)]
            for n in range(length)
        ],
        dtype=torch.complex128,
    )
    turned = torch.complex(x[..., 0::2], x[..., 1::2]) * factors
    result = torch.empty_like(x)
    result[..., 0::2] = turned.real.to(x.dtype)
    result[..., 1::2] = turned.imag.to(x.dtype)
    return result


@right("rotary")
def rotary_step_by_step(x):
    # position n + 1 is position n, turned once more
    length, width = x.shape[-2:]
    speed = 10_000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    step = torch.exp(1j * speed)
    start = torch.ones(1, width // 2, dtype=torch.complex128)
    factors = torch.cat([start, step.expand(length - 1, -1)]).cumprod(dim=0)
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], width // 2, 2).contiguous())
    return torch.view_as_real(pairs * factors).flatten(-2).to(x.dtype)


@right("rotary")
def rotary_exp(x):
    a, b = x.unflatten(-1, (-1, 2)).unbind(dim=-1)
    z = (a + 1j * b) * torch.exp(1j * _angles(x))
    return torch.stack([z.real, z.imag], dim=-1).flatten(start_dim=-2)


# pairs of the half-split layout: entries i and i + d/2
@wrong("rotary", "half_split")
def rotary_of_halves(x):
    a, b = x.chunk(2, dim=-1)
    z = torch.complex(a, b) * torch.exp(1j * _angles(x))
    return torch.cat([z.real, z.imag], dim=-1)


# turns clockwise: multiplies by e^(-i angle)
@wrong("rotary", "turned_backwards")
def rotary_clockwise(x):
    angle = _angles(x)
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    factor = torch.polar(torch.ones_like(angle), -angle)
    return torch.view_as_real(pairs * factor).flatten(-2)


# speeds with exponent i/d instead of 2i/d
@wrong("rotary", "exponent_halved")
def rotary_half_exponent(x):
    length, width = x.shape[-2:]
    angle = torch.arange(length)[:, None] * 10_000.0 ** (-torch.arange(width // 2) / width)
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    factor = torch.polar(torch.ones_like(angle), angle)
    return torch.view_as_real(pairs * factor).flatten(-2)


# the arguments of polar exchanged: length = angle, angle = 1: stretched instead of turned
@wrong("rotary", "pairs_stretched")
def rotary_polar_exchanged(x):
    angle = _angles(x)
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    factor = torch.polar(angle, torch.ones_like(angle))
    return torch.view_as_real(pairs * factor).flatten(-2)


# does not lead back to real numbers: returns the complex pairs, half as wide
@wrong("rotary", "complex_left")
def rotary_stays_complex(x):
    angle = _angles(x)
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return pairs * torch.polar(torch.ones_like(angle), angle)


# takes axis 1 for the length: right without an axis of heads only; with it, it counts the heads
@wrong("rotary", "heads_turned")
def rotary_axis_one(x):
    length, width = x.shape[1], x.shape[-1]
    speed = 10_000.0 ** (-torch.arange(0, width, 2) / width)
    angle = torch.arange(length)[:, None] * speed
    if x.ndim == 4:  # (batch, heads, length, width)
        angle = angle[:, None]
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    factor = torch.polar(torch.ones_like(angle), angle)
    return torch.view_as_real(pairs * factor).flatten(-2)


# takes neighbours as pairs, but puts all real parts first and then all imaginary ones
@wrong("rotary", "columns_rearranged")
def rotary_back_in_halves(x):
    angle = _angles(x)
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    turned = pairs * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([turned.real, turned.imag], dim=-1)


# --- 6.8 rotary_attention ---


@right("rotary_attention")
def rotary_attention_einsum(query, key, value):
    q, k = _turn(query), _turn(key)
    scores = torch.einsum("...nd,...md->...nm", q, k) * q.shape[-1] ** -0.5
    scores = scores - scores.amax(dim=-1, keepdim=True)
    weights = scores.exp() / scores.exp().sum(dim=-1, keepdim=True)
    return torch.einsum("...nm,...md->...nd", weights, value)


@right("rotary_attention")
def rotary_attention_torch(query, key, value):
    def as_arrows(x):
        pairs = x.unflatten(-1, (-1, 2)).contiguous()
        turned = torch.view_as_complex(pairs) * torch.exp(1j * _angles(x))
        return torch.view_as_real(turned).flatten(-2).to(x.dtype)

    return F.scaled_dot_product_attention(as_arrows(query), as_arrows(key), value)


@right("rotary_attention")
def rotary_attention_by_offsets(query, key, value):
    # nobody is turned: the angle between two depends on the offset alone
    length, width = query.shape[-2:]
    at = torch.arange(length)
    offset = at[:, None] - at
    speed = 10_000.0 ** (-torch.arange(0, width, 2) / width)
    phase = torch.exp(1j * (offset[..., None] * speed))  # (n, m, pair)
    q = torch.complex(query[..., 0::2], query[..., 1::2])
    k = torch.complex(key[..., 0::2], key[..., 1::2])
    products = q[..., :, None, :] * k[..., None, :, :].conj() * phase
    scores = products.real.sum(dim=-1) / math.sqrt(width)
    return scores.softmax(dim=-1).to(value.dtype) @ value


def _attend(query, key, value, scale=None):
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    return (query @ key.mT * scale).softmax(dim=-1) @ value


# turns the values, too
@wrong("rotary_attention", "values_turned")
def rotary_attention_values(query, key, value):
    return _attend(_turn(query), _turn(key), _turn(value))


# turns the queries only
@wrong("rotary_attention", "only_query_turned")
def rotary_attention_query_only(query, key, value):
    return _attend(_turn(query), key, value)


# half-split layout for queries and keys
@wrong("rotary_attention", "half_split")
def rotary_attention_halves(query, key, value):
    return _attend(_turn_halves(query), _turn_halves(key), value)


# forgets the root of the width below the scores
@wrong("rotary_attention", "scale_missing")
def rotary_attention_no_scale(query, key, value):
    return _attend(_turn(query), _turn(key), value, scale=1.0)


# turns the keys the other way round: the score depends on n + m, not on n - m
@wrong("rotary_attention", "turned_against_each_other")
def rotary_attention_opposite(query, key, value):
    return _attend(_turn(query), _turn(key, sign=-1), value)


# adds a causal mask, as in exercise 6.4, though it is to be without
@wrong("rotary_attention", "mask_not_asked")
def rotary_attention_causal(query, key, value):
    length = query.shape[-2]
    future = torch.ones(length, length, dtype=torch.bool).triu(diagonal=1)
    scores = _turn(query) @ _turn(key).mT / math.sqrt(query.shape[-1])
    return scores.masked_fill(future, -math.inf).softmax(dim=-1) @ value


# mixes the layouts: queries interleaved, keys half-split
@wrong("rotary_attention", "layouts_mixed")
def rotary_attention_mixed(query, key, value):
    return _attend(_turn(query), _turn_halves(key), value)
