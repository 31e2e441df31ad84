"""Checks of chapter 6: rotary encoding and ALiBi."""

import math
from collections.abc import Callable
from itertools import permutations, product
from typing import Any

import torch
from torch import Tensor

from attnlib import positional
from attnlib.checks.chapters.c02_scaled_dot_product import (
    DIVISORS,
    FAR_SCORES,
    NORMALISERS,
    OTHER_NORMALISERS,
    attend,
    far_tensors,
    tensors,
)
from attnlib.checks.chapters.c05_positional_encoding import BASES, LAYOUTS, sinusoids
from attnlib.checks.engine.check import check
from attnlib.checks.engine.inputs import Arguments, Draw, grid
from attnlib.checks.engine.mistakes import WrongAnswers
from attnlib.checks.engine.reader_tests import Calls, in_double, pairs_of_calls, reader_test
from attnlib.functional import scaled_dot_product_attention
from attnlib.masks import causal_mask
from attnlib.positional import RotaryPositionalEncoding

# --- 6.2 and 6.7: rotary encoding, in two layouts ---------------------------------------------

Turn = Callable[[Tensor], Tensor]


def _speeds(width: int, exponent: Callable[[Tensor, int], Tensor], base: float) -> Tensor:
    return base ** -exponent(torch.arange(width // 2, dtype=torch.float64), width)


def turn(
    x: Tensor,
    *,
    pair: Callable[[Tensor], tuple[Tensor, Tensor]] = lambda x: (x[..., 0::2], x[..., 1::2]),
    join: Callable[[Tensor, Tensor], Tensor] = lambda a, b: torch.stack((a, b), -1).flatten(-2),
    exponent: Callable[[Tensor, int], Tensor] = lambda i, d: 2 * i / d,
    first: int = 0,
    sign: tuple[int, int] = (-1, 1),
    base: float = 10_000.0,
    circle: Callable[[Tensor], tuple[Tensor, Tensor]] = lambda angle: (angle.cos(), angle.sin()),
    axis: int = -2,
    early: bool = False,
    still: bool = False,
) -> Tensor:
    """Rotary encoding, with another step in the place of a right one."""
    axis = max(axis, 1 - x.ndim)
    position = torch.arange(first, first + x.shape[axis], dtype=torch.float64)
    angle = position[:, None] * _speeds(x.shape[-1], exponent, base)
    if axis != -2:
        angle = angle[:, None]  # one angle for each entry of another axis
    if still:
        angle = angle[:1]  # the same angle at every position
    (a, b), (cos, sin) = pair(x), circle(angle)
    if early:  # the second line takes what the first one has just changed
        a = a * cos - b * sin
        return join(a, a * sin + b * cos).to(x.dtype)
    return join(a * cos + sign[0] * b * sin, sign[1] * a * sin + b * cos).to(x.dtype)


def turned_by_wrong_angles(x: Tensor, *, interleaved: bool) -> Tensor:
    """Rotate-half with the angles of the other layout, and the other way round."""
    position = torch.arange(x.shape[-2], dtype=torch.float64)[:, None]
    angle = position * _speeds(x.shape[-1], lambda i, d: 2 * i / d, 10_000.0)
    if interleaved:
        partner = torch.stack((-x[..., 1::2], x[..., 0::2]), dim=-1).flatten(-2)
        angle = angle.repeat(1, 2)
    else:
        a, b = x.chunk(2, dim=-1)
        partner = torch.cat((-b, a), dim=-1)
        angle = angle.repeat_interleave(2, dim=-1)
    return (x * angle.cos() + partner * angle.sin()).to(x.dtype)


WRONG_ANGLES: tuple[Turn, ...] = tuple(
    lambda x, interleaved=interleaved: turned_by_wrong_angles(x, interleaved=interleaved)
    for interleaved in (True, False)
)


def halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """Pair columns half the width apart."""
    a, b = x.chunk(2, dim=-1)
    return a, b


def concatenate(a: Tensor, b: Tensor) -> Tensor:
    """Put pairs down half the width apart."""
    return torch.cat((a, b), dim=-1)


# What does not depend on the layout; exponents as in chapter 5.
CHANGES: dict[str, tuple[dict[str, Any], ...]] = {
    "position_from_one": ({"first": 1},),
    "turned_backwards": ({"sign": (1, -1)},),
    "no_rotation": ({"sign": (1, 1)}, {"sign": (-1, -1)}),
    "exponent_halved": ({"exponent": lambda i, d: i / d},),
    "exponent_doubled": ({"exponent": lambda i, d: 4 * i / d},),
    "same_speed": ({"exponent": lambda i, d: 0 * i},),
    "other_base": tuple({"base": base} for base in BASES),
    "angles_in_turns": tuple(
        {"circle": lambda angle, times=times: ((times * angle).cos(), (times * angle).sin())}
        for times in (2 * math.pi, 1 / (2 * math.pi))
    ),
    # By what the pairs are multiplied: a real and an imaginary part, whose length is not 1.
    "pairs_stretched": (
        {"circle": lambda angle: (angle * math.cos(1), angle * math.sin(1))},
        {"circle": lambda angle: (angle * angle.cos(), angle * angle.sin())},
        {"circle": lambda angle: (angle.exp(), 0 * angle)},
        {"circle": lambda angle: (0 * angle, angle)},
        {"circle": lambda angle: (0 * angle + 1, angle)},
    ),
    "sines_exchanged": ({"circle": lambda angle: (angle.sin(), angle.cos())},),
    "half_a_turn_more": ({"circle": lambda angle: (-angle.cos(), -angle.sin())},),
    "heads_turned": ({"axis": -3},),
}
# Those that leave distances as they are where queries and keys are turned alike, or mirror them.
DISTANCES_LEFT = {"position_from_one", "sines_exchanged", "half_a_turn_more", "heads_turned"}


def wrong_turns(layout: dict[str, Any], other: str) -> WrongAnswers:
    """Known wrong answers for one layout; `other` is the id of the other one."""
    layouts: dict[str, dict[str, Any]] = {
        "half_split": {"pair": halves, "join": concatenate},
        "interleaved": {},
    }

    def answer(change: dict[str, Any]) -> Turn:
        return lambda x: turn(x, **change)

    wrong: WrongAnswers = {
        other: answer(layouts[other]),
        "columns_rearranged": (answer({"pair": halves}), answer({"join": concatenate})),
        "angles_of_other_layout": WRONG_ANGLES,
        "nothing_turned": lambda x: x,
        "overwritten_early": answer(layout | {"early": True}),
        "only_cosines": lambda x: turn(x, **layout, sign=(0, 0)),
        "turned_by_length": lambda x: turn(x, **layout, first=x.shape[-2], still=True),
        "encoding_added": (
            lambda x: x + sinusoids(*x.shape[-2:]),
            lambda x: x + sinusoids(*x.shape[-2:], layout=LAYOUTS["cosine_first"]),
        ),
    }
    for id_, changes in CHANGES.items():
        wrong[id_] = tuple(answer(layout | change) for change in changes)
        if id_ != "heads_turned":  # that shows only where the layout is right
            wrong[other, id_] = tuple(answer(layouts[other] | change) for change in changes)
    return wrong


def _three_axes(draw: Draw, batch: int, length: int, pairs: int) -> Arguments:
    return (draw.integers(batch, length, 2 * pairs),)


def _turn_cases() -> list[Arguments]:
    draw = Draw(0)
    return [
        *grid(_three_axes, batch=(1, 2), length=(1, 2, 3), pairs=(1, 2, 3)),
        (draw.normal(2, 11, 16),),
    ]


def _four_axes() -> list[Arguments]:
    draw = Draw(1)
    return [(draw.integers(1, 2, 2, 2),), (draw.integers(1, 3, 2, 4),), (draw.normal(2, 3, 5, 8),)]


@check(
    "6.2",
    wrong=wrong_turns({"pair": halves, "join": concatenate}, other="interleaved"),
    inputs=[_turn_cases, _four_axes],
)
def rotary_halves(x: Tensor) -> Tensor:
    """Check exercise 6.2: rotary encoding, half-split.

    Args:
        answer: Called as answer(x), with a tensor of shape (batch, length, head_dim) or (batch,
            num_heads, length, head_dim), the width even; returns x with entries i and
            i + head_dim / 2 turned as a pair, positions from 0, base 10 000.

    Returns:
        A result that shows itself.

    >>> rotary = attnlib.RotaryPositionalEncoding
    >>> check_rotary_halves(lambda x: rotary(x.shape[-1])(x)).misconception
    'interleaved'
    """
    turned: Tensor = RotaryPositionalEncoding(x.shape[-1], interleaved=False)(x)
    return turned


@check(
    "6.7",
    wrong=wrong_turns({}, other="half_split"),
    inputs=[_turn_cases, _four_axes],
    without=("uses_sines",),
)
def rotary(x: Tensor) -> Tensor:
    """Check exercise 6.7: rotary encoding, interleaved.

    Args:
        answer: Called as answer(x), with a tensor of shape (batch, length, head_dim) or (batch,
            num_heads, length, head_dim), the width even; returns x with neighbouring entries turned
            as a pair, positions from 0, base 10 000.

    Returns:
        A result that shows itself.

    >>> check_rotary(lambda x: x).misconception
    'nothing_turned'
    """
    turned: Tensor = RotaryPositionalEncoding(x.shape[-1])(x)
    return turned


# --- 6.3: ALiBi -------------------------------------------------------------------------------


def slopes_of(num_heads: int) -> Tensor:
    """Slopes for a number of heads that is a power of two."""
    return 2.0 ** (-8 * torch.arange(1, num_heads + 1) / num_heads)


def _bias(
    num_heads: int,
    q_len: int,
    k_len: int,
    *,
    slopes: Callable[[int], Tensor] = slopes_of,
    penalty: Callable[[Tensor], Tensor] = lambda behind: -behind.abs(),
    upper_left: bool = False,
) -> Tensor:
    """ALiBi's bias, with other slopes, another penalty or another alignment.

    `penalty` gets how far each key is behind each query.
    """
    query = torch.arange(q_len)[:, None] + (0 if upper_left else k_len - q_len)
    behind = query - torch.arange(k_len)
    return slopes(num_heads)[:, None, None] * penalty(behind)


PENALTIES: dict[str, tuple[Callable[[Tensor], Tensor], ...]] = {
    "sign_reversed": (lambda behind: behind.abs(),),
    "distance_signed": (lambda behind: -behind, lambda behind: behind),
    "future_not_penalised": (lambda behind: -behind.clamp(min=0),),
    "mask_in_bias": (
        lambda behind: torch.where(behind < 0, -math.inf, -behind.abs()),
        lambda behind: torch.where(behind < 0, -1e9, -behind.abs()),
    ),
    "distance_squared": (lambda behind: -(behind**2),),
    "distance_rooted": (lambda behind: -behind.abs().sqrt(),),
    "distance_from_one": (lambda behind: -(behind.abs() + 1),),
    "slopes_alone": (lambda behind: -torch.ones_like(behind), torch.ones_like),
}
# Between which a reader may draw a straight line.
_ENDS: tuple[Callable[[int], float], ...] = (
    lambda n: 1.0,
    lambda n: 0.5,
    lambda n: 2.0 ** (-8 / n),
    lambda n: 2.0**-8,
    lambda n: 1 / n,
    lambda n: 0.0,
)
SLOPES: dict[str, tuple[Callable[[int], Tensor], ...]] = {
    "slopes_from_one": (lambda n: 2.0 ** (-8 * torch.arange(n) / n),),
    "slopes_for_eight_heads": (lambda n: 2.0 ** -torch.arange(1.0, n + 1),),
    "slopes_grow": (lambda n: 1 / slopes_of(n),),
    "slopes_not_halved": (lambda n: 2.0 ** (-torch.arange(1.0, n + 1) / n),),
    "slopes_missing": (lambda n: torch.ones(n),),
    "slopes_shared": (lambda n: slopes_of(n)[:1].expand(n), lambda n: torch.full((n,), 0.5)),
    "slopes_reversed": (lambda n: slopes_of(n).flip(0),),
    "slopes_linear": (
        lambda n: 1 / torch.arange(1.0, n + 1),
        lambda n: torch.arange(1.0, n + 1) / n,
        lambda n: torch.arange(n, 0.0, -1) / n,
        *(
            lambda n, first=first, last=last: torch.linspace(first(n), last(n), n)
            for first, last in permutations(_ENDS, 2)
        ),
    ),
    "exponent_eight_over_heads": (lambda n: 2.0 ** (-8.0 / torch.arange(1.0, n + 1)),),
    "slopes_base_e": (lambda n: (-8 * torch.arange(1, n + 1) / n).exp(),),
}


def wrong_biases() -> WrongAnswers:
    """One mistake each; and the sign together with the slopes."""

    def answer(**change: Any) -> Callable[..., Tensor]:
        return lambda num_heads, q_len, k_len: _bias(num_heads, q_len, k_len, **change)

    wrong: WrongAnswers = {}
    wrong |= {id_: tuple(answer(penalty=p) for p in some) for id_, some in PENALTIES.items()}
    wrong |= {id_: tuple(answer(slopes=s) for s in some) for id_, some in SLOPES.items()}
    wrong["upper_left"] = answer(upper_left=True)
    wrong["mask_in_bias"] = (
        *(answer(penalty=penalty) for penalty in PENALTIES["mask_in_bias"]),
        lambda n, q_len, k_len: _bias(n, q_len, k_len).masked_fill(
            ~causal_mask(q_len, k_len), -1e9
        ),
    )
    wrong["grows_with_key"] = (
        lambda n, q_len, k_len: slopes_of(n)[:, None, None] * torch.arange(k_len).expand(q_len, -1),
        lambda n, q_len, k_len: (
            slopes_of(n)[:, None, None] * torch.arange(1 - k_len, 1).expand(q_len, -1)
        ),
    )
    wrong["head_axis_missing"] = lambda n, q_len, k_len: _bias(n, q_len, k_len)[0]
    wrong["batch_axis_added"] = lambda n, q_len, k_len: _bias(n, q_len, k_len)[None]
    wrong["heads_last"] = lambda n, q_len, k_len: _bias(n, q_len, k_len).permute(1, 2, 0)
    for id_, some in PENALTIES.items():
        if id_ == "slopes_alone":  # without a distance, nothing is aligned
            continue
        wrong[id_, "upper_left"] = tuple(answer(penalty=p, upper_left=True) for p in some)
    for id_, several in SLOPES.items():
        wrong["sign_reversed", id_] = tuple(
            answer(penalty=p, slopes=s) for p, s in product(PENALTIES["sign_reversed"], several)
        )
    return wrong


@check(
    "6.3",
    wrong=wrong_biases(),
    inputs=[
        lambda: [
            (num_heads, q_len, k_len)
            for k_len in (1, 2, 4)
            for q_len in range(1, min(k_len, 3) + 1)
            for num_heads in (1, 2, 8)
        ]
    ],
)
def alibi_bias(num_heads: int, q_len: int, k_len: int) -> Tensor:
    """Check exercise 6.3: the bias of ALiBi.

    Args:
        answer: Called as answer(num_heads, q_len, k_len), the first a power of two and q_len not
            larger than k_len; returns a tensor of shape (num_heads, q_len, k_len), to be added to
            the scores: minus the slope times the distance, ahead as behind. The last query stands
            at the last key.

    Returns:
        A result that shows itself.

    >>> check_alibi_bias(lambda heads, q_len, k_len: -attnlib.alibi_bias(heads, q_len, k_len))
    ✗ Exercise 6.3: not yet
    The sign is reversed: as a bonus, distance makes the farthest key the most attractive. The \
slope has to be subtracted once for each step.
      called with  num_heads = 1
                   q_len = 1
                   k_len = 2
      came out     [[[0.00391, 0]]]
      expected     [[[-0.00391, 0]]]
      see          chapter 6, “ALiBi: a penalty for distance”
    """
    return positional.alibi_bias(num_heads, q_len, k_len)


# --- 6.4: a test that finds values that were turned -------------------------------------------


def _turned_attention(query: Tensor, key: Tensor, value: Tensor, rotary: Turn) -> Tensor:
    return scaled_dot_product_attention(rotary(query), rotary(key), value, is_causal=True)[0]


def _turned_by_hand(query: Tensor, key: Tensor, value: Tensor, rotary: Turn) -> Tensor:
    scores = rotary(query) @ rotary(key).mT / math.sqrt(query.shape[-1])
    allowed = causal_mask(query.shape[-2], key.shape[-2])
    return scores.masked_fill(~allowed, -math.inf).softmax(dim=-1) @ value


def _values_turned_too(query: Tensor, key: Tensor, value: Tensor, rotary: Turn) -> Tensor:
    return _turned_attention(query, key, rotary(value), rotary)


def _in_double(attention: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def call(query: Tensor, key: Tensor, value: Tensor, rotary: Turn) -> Tensor:
        precisely = in_double(lambda q, k, v: attention(q, k, v, rotary))
        came_out: Tensor = precisely(query, key, value)
        return came_out

    return call


def _others_in_front(calls: Calls) -> bool:
    """Whether the text is moved by other tokens in front, which attention sees as well."""
    return any(
        _behind(one[0], other[0]) or _behind(other[0], one[0])
        for one, other in pairs_of_calls(calls)
    )


def _behind(text: Tensor, longer: Tensor) -> bool:
    """Whether at least half of a text stands further back in another one, not where it stood."""
    for place in range(1, longer.shape[-2]):
        there = longer[..., place:, :]
        shared = min(there.shape[-2], text.shape[-2])
        if 2 * shared >= text.shape[-2]:
            head = text[..., :shared, :]
            if torch.equal(there[..., :shared, :], head):
                return not torch.equal(longer[..., :shared, :], head)
    return False


def _same_place(calls: Calls) -> bool:
    """Whether `rotary` does the same in all calls, so that the text never moves."""
    return bool(calls) and all(
        torch.equal(one[3](one[0]), other[3](one[0])) for one, other in pairs_of_calls(calls)
    )


def _not_turned(calls: Calls) -> bool:
    """Whether one of two calls turns nothing, so that right attention differs as well."""
    untouched = [torch.equal(call[3](call[0]), call[0]) for call in calls]
    return calls.rejected and any(untouched) and not all(untouched)


@reader_test(
    "6.4",
    right={
        "rotary_attention": _in_double(_turned_attention),
        "rotary_by_hand": _in_double(_turned_by_hand),
    },
    wrong=_values_turned_too,
    without=("uses_reference",),
    signs={
        "not_turned_at_all": _not_turned,
        "others_in_front": _others_in_front,
        "never_moved": _same_place,
    },
)
def catches_turned_values(attention: Callable[..., Tensor]) -> bool:
    """Check exercise 6.4: a test that finds values that were turned.

    Args:
        answer: Called as answer(attention), where attention(query, key, value, rotary) returns the
            output, and turns by calling rotary(x) on tensors (batch, length, head_dim); raises
            AssertionError, or returns False, if the output depends on where the text stands.

    Returns:
        A result that shows itself.

    >>> check_catches_turned_values(lambda attention: True).misconception
    'test_misses_bug'
    """
    query, key, value = Draw(0).normal(3, 1, 6, 16)
    rotary = RotaryPositionalEncoding(16)
    here = attention(query, key, value, rotary)
    there = attention(query, key, value, lambda x: rotary(x, offset=10))
    return torch.allclose(here, there, atol=1e-4)


# --- 6.8: attention with rotary encoding ------------------------------------------------------


def _half_split(x: Tensor) -> Tensor:
    return turn(x, pair=halves, join=concatenate)


def _both_turned(change: dict[str, Any]) -> Callable[..., Tensor]:
    return lambda q, k, v: attend(turn(q, **change), turn(k, **change), v)


def _causal(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return scaled_dot_product_attention(query, key, value, is_causal=True)[0]


def wrong_rotary_attention() -> WrongAnswers:
    """What may be turned wrongly, and the mistakes of chapter 2."""
    wrong: WrongAnswers = {
        "values_turned": lambda q, k, v: attend(turn(q), turn(k), turn(v)),
        "nothing_turned": attend,
        "only_query_turned": lambda q, k, v: attend(turn(q), k, v),
        "only_key_turned": lambda q, k, v: attend(q, turn(k), v),
        "half_split": lambda q, k, v: attend(_half_split(q), _half_split(k), v),
        "layouts_mixed": (
            lambda q, k, v: attend(turn(q), _half_split(k), v),
            lambda q, k, v: attend(_half_split(q), turn(k), v),
        ),
        "angles_of_other_layout": tuple(
            lambda q, k, v, turned=turned: attend(turned(q), turned(k), v)
            for turned in WRONG_ANGLES
        ),
        "turned_against_each_other": (
            lambda q, k, v: attend(turn(q), turn(k, sign=(1, -1)), v),
            lambda q, k, v: attend(turn(q, sign=(1, -1)), turn(k), v),
        ),
        "only_values_turned": lambda q, k, v: attend(q, k, turn(v)),
        "output_turned": lambda q, k, v: turn(attend(turn(q), turn(k), v)),
        ("half_split", "values_turned"): lambda q, k, v: attend(*map(_half_split, (q, k, v))),
    }
    wrong |= {
        id_: (lambda q, k, v, divisor=divisor: attend(turn(q), turn(k), v, divisor=divisor))
        for id_, divisor in DIVISORS.items()
    }
    wrong |= {
        id_: (lambda q, k, v, softmax=softmax: attend(turn(q), turn(k), v, normalise=softmax))
        for id_, softmax in NORMALISERS.items()
    }
    wrong |= {
        id_: tuple(
            lambda q, k, v, softmax=softmax: attend(turn(q), turn(k), v, normalise=softmax)
            for softmax in several
        )
        for id_, several in OTHER_NORMALISERS.items()
    }
    wrong |= {
        ("values_turned", id_): (
            lambda q, k, v, divisor=divisor: attend(*map(turn, (q, k, v)), divisor=divisor)
        )
        for id_, divisor in DIVISORS.items()
    }
    for id_, changes in CHANGES.items():
        if id_ not in DISTANCES_LEFT:
            wrong[id_] = tuple(_both_turned(change) for change in changes)
    wrong["position_from_one"] = (
        lambda q, k, v: attend(turn(q, first=1), turn(k), v),
        lambda q, k, v: attend(turn(q), turn(k, first=1), v),
    )
    wrong["encoding_added"] = lambda q, k, v: attend(
        *(x + sinusoids(*x.shape[-2:]).to(x.dtype) for x in (q, k)), v
    )
    wrong["mask_not_asked"] = lambda q, k, v: _causal(turn(q), turn(k), v)
    return wrong


def _alike(draw: Draw, batch: int, length: int, pairs: int, v_pairs: int) -> Arguments:
    return tensors(draw, batch, length, length, 2 * pairs, 2 * v_pairs)


def _far_alike() -> list[Arguments]:
    cases = []
    for scores in FAR_SCORES:
        query, key, value = far_tensors(scores)
        query = query.expand_as(key).contiguous()
        cases.append((query, key, value.expand(-1, -1, 2).contiguous()))
    return cases


@check(
    "6.8",
    wrong=wrong_rotary_attention(),
    inputs=[
        lambda: [
            *grid(_alike, batch=(1, 2), length=(1, 2, 3, 5), pairs=(1, 2), v_pairs=(1, 2)),
            tuple(Draw(n).normal(2, 7, 8) for n in range(3)),
        ],
        _far_alike,
    ],
)
def rotary_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Check exercise 6.8: attention with rotary encoding, without a mask.

    Args:
        answer: Called as answer(query, key, value), with tensors of shape (batch, q_len, head_dim),
            (batch, k_len, head_dim) and (batch, k_len, value_dim), all widths even, and as many
            queries as keys; returns the output. Interleaved, positions from 0, base 10 000.

    Returns:
        A result that shows itself.

    >>> attention = torch.nn.functional.scaled_dot_product_attention
    >>> check_rotary_attention(lambda q, k, v: attention(q, k, v)).misconception
    'nothing_turned'
    """
    return attend(turn(query), turn(key), value)
