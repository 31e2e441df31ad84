"""Mistakes of chapter 5: exponents, layouts, shifts."""

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import torch
from torch import Tensor

from attnlib.checks.check import Ids, WrongAnswers, each_id
from attnlib.positional import sinusoidal_encoding

Exponents = Callable[[Tensor, int], Tensor]  # pairs i and width d -> exponents
Layout = Callable[[Tensor, Tensor], Tensor]  # sines and cosines -> columns


def interleave(sin: Tensor, cos: Tensor) -> Tensor:
    """Put each cosine beside its sine."""
    return torch.stack((sin, cos), dim=-1).flatten(-2)


EXPONENTS: dict[str, Exponents] = {
    "exponent_halved": lambda i, d: i / d,
    "exponent_quartered": lambda i, d: i / (2 * d),
    "exponent_doubled": lambda i, d: 4 * i / d,
    "exponent_undivided": lambda i, d: 2 * i,
    "exponent_to_the_last": lambda i, d: i / max(d / 2 - 1, 1),
    "exponent_sign": lambda i, d: -2 * i / d,
    "same_speed": lambda i, d: 0 * i,
}
LAYOUTS: dict[Ids, Layout] = {
    "halves_concatenated": lambda sin, cos: torch.cat((sin, cos), dim=-1),
    "cosine_first": lambda sin, cos: interleave(cos, sin),
    "sines_only": lambda sin, cos: interleave(sin, sin),
    ("cosine_first", "halves_concatenated"): lambda sin, cos: torch.cat((cos, sin), dim=-1),
}
# Not 100 or 10: with those all hands are as fast as with the exponent halved or quartered.
BASES = (2.0, math.e, 1000.0, 100_000.0, 500_000.0, 1_000_000.0)


def sinusoids(
    length: int,
    embed_dim: int,
    *,
    exponent: Exponents = lambda i, d: 2 * i / d,
    layout: Layout = interleave,
    first: int = 0,
    base: float = 10_000.0,
) -> Tensor:
    """Sinusoids, with another exponent, layout, first position or base."""
    position = torch.arange(first, first + length, dtype=torch.float64)[:, None]
    pair = torch.arange(embed_dim // 2, dtype=torch.float64)
    angle = position / base ** exponent(pair, embed_dim)
    return layout(angle.sin(), angle.cos())


def _per_column(length: int, embed_dim: int, times: int = 1) -> Tensor:
    column = torch.arange(embed_dim)
    angle = torch.arange(length)[:, None] / 10_000.0 ** (times * column / embed_dim)
    return torch.where(column % 2 == 0, angle.sin(), angle.cos())


def wrong_sinusoids() -> WrongAnswers:
    """One mistake each, or two in different steps."""

    def answer(**change: Any) -> Callable[..., Tensor]:
        return lambda length, embed_dim: sinusoids(length, embed_dim, **change)

    steps: dict[str, dict[Any, Any]] = {"exponent": EXPONENTS, "layout": LAYOUTS}
    mistakes = [(id_, {step: f}) for step, wrong in steps.items() for id_, f in wrong.items()]
    mistakes.append(("position_from_one", {"first": 1}))
    wrong: WrongAnswers = {id_: answer(**f) for id_, f in mistakes}
    wrong["exponent_per_column"] = (
        _per_column,
        lambda length, embed_dim: _per_column(length, embed_dim, times=2),
    )
    wrong["other_base"] = tuple(answer(base=base) for base in BASES)
    wrong["axes_swapped"] = lambda length, embed_dim: sinusoids(length, embed_dim).T
    wrong |= {
        (*each_id(one), *each_id(other)): answer(**(change | change_too))
        for (one, change), (other, change_too) in product(mistakes, repeat=2)
        if list(change) < list(change_too)
    }
    return wrong


def shift(n: int, embed_dim: int, speed: Callable[[int], float] | None = None) -> Tensor:
    """Rotation that moves the rows of the table on by n positions."""
    blocks = []
    for pair in range(embed_dim // 2):
        angle = n * (10_000.0 ** (-2 * pair / embed_dim) if speed is None else speed(pair))
        cos, sin = math.cos(angle), math.sin(angle)
        blocks.append(torch.tensor([[cos, -sin], [sin, cos]]))
    rotation: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    return rotation


WRONG_SHIFTS: WrongAnswers = {
    "shifts_forward": shift,
    "nothing_moved": lambda n, embed_dim: torch.eye(embed_dim),
    "only_one_step": lambda n, embed_dim: shift(-1, embed_dim),
    "negated": lambda n, embed_dim: -shift(n, embed_dim),
    "same_speed": lambda n, embed_dim: shift(-n, embed_dim, lambda pair: 1.0),
    "exponent_halved": lambda n, embed_dim: shift(
        -n, embed_dim, lambda pair: 10_000.0 ** (-pair / embed_dim)
    ),
    "rows_moved": lambda n, embed_dim: torch.eye(embed_dim).roll(-n, dims=0),
}


def half_distance(embed_dim: int) -> int:
    """Count the steps until the dot product with place 0 is below half of its value there."""
    table = sinusoidal_encoding(500, embed_dim, dtype=torch.float64)
    products = table @ table[0]
    return int((products < products[0] / 2).nonzero()[0])


def _below(fraction: float) -> Callable[[int], int]:
    def answer(embed_dim: int) -> int:
        table = sinusoidal_encoding(500, embed_dim, dtype=torch.float64)
        return int((table @ table[0] < fraction * embed_dim).nonzero()[0])

    return answer


def _lowest(embed_dim: int) -> int:
    table = sinusoidal_encoding(2000, embed_dim, dtype=torch.float64)
    return int((table @ table[0]).argmin())


def _below_root(embed_dim: int) -> int:
    table = sinusoidal_encoding(2000, embed_dim, dtype=torch.float64)
    below = table @ table[0] < math.sqrt(embed_dim / 2) / 2
    return int(below.nonzero()[0]) if below.any() else 0


WRONG_DISTANCES: WrongAnswers = {
    "off_by_one": (
        lambda embed_dim: half_distance(embed_dim) - 1,
        lambda embed_dim: half_distance(embed_dim) + 1,
    ),
    "root_of_length": _below_root,
    "half_of_width": _below(0.5 - 1e-9),
    "below_zero": _below(0.0),
    "lowest_instead_of_first": _lowest,
}
