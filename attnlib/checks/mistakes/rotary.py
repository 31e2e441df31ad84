"""Mistakes of chapter 6: what is turned, how far, and in which layout."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from attnlib.checks.check import WrongAnswers
from attnlib.checks.mistakes.positional_encoding import BASES, LAYOUTS, sinusoids
from attnlib.checks.mistakes.scaled_dot_product import DIVISORS, NORMALISERS, attend
from attnlib.functional import scaled_dot_product_attention

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
    axis: int = -2,
) -> Tensor:
    """Rotary encoding, with another step in the place of a right one."""
    axis = max(axis, 1 - x.ndim)
    position = torch.arange(first, first + x.shape[axis], dtype=torch.float64)
    angle = position[:, None] * _speeds(x.shape[-1], exponent, base)
    if axis != -2:
        angle = angle[:, None]  # one angle for each entry of another axis
    (a, b), cos, sin = pair(x), angle.cos(), angle.sin()
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
    "heads_turned": ({"axis": -3},),
}


def wrong_turns(layout: dict[str, Any], other: str) -> WrongAnswers:
    """Known wrong answers for one layout; `other` is the id of the other one."""
    layouts: dict[str, dict[str, Any]] = {
        "half_split": {"pair": halves, "join": concatenate},
        "interleaved": {},
    }
    mixed: tuple[dict[str, Any], ...] = ({"pair": halves}, {"join": concatenate})
    mixed_by_angles = tuple(
        lambda x, interleaved=interleaved: turned_by_wrong_angles(x, interleaved=interleaved)
        for interleaved in (True, False)
    )

    def answer(change: dict[str, Any]) -> Turn:
        return lambda x: turn(x, **change)

    wrong: WrongAnswers = {
        other: answer(layouts[other]),
        "layouts_mixed": (*map(answer, mixed), *mixed_by_angles),
        "nothing_turned": lambda x: x,
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
        ("values_turned", id_): (
            lambda q, k, v, divisor=divisor: attend(*map(turn, (q, k, v)), divisor=divisor)
        )
        for id_, divisor in DIVISORS.items()
    }
    for id_, changes in CHANGES.items():
        if id_ not in ("position_from_one", "heads_turned"):  # those leave distances as they are
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
