"""Checks of chapter 5: sinusoids."""

import functools
import math
from collections.abc import Callable
from itertools import product
from typing import Any

import torch
from torch import Tensor

from attnlib import positional
from attnlib.checks.engine.check import check
from attnlib.checks.engine.inputs import Arguments, grid
from attnlib.checks.engine.mistakes import Ids, WrongAnswers, each_id
from attnlib.checks.engine.predictions import Numbers, prediction
from attnlib.checks.engine.reader_tests import Calls, reader_test


@prediction(
    "5.1",
    wrong={
        "rounded_to_whole": [0, 1, 0, 1, 0, 1],
        "halves_concatenated": ([0, 0, 1, 1, 0.01, 1], [0, 0, 1, 1, 0.54, 1]),
        "all_zero_at_place_0": [0, 0, 0, 0, 0.01, 1],
        "all_one_at_place_0": [1, 1, 1, 1, 0.01, 1],
        "cosine_first": [1, 0, 1, 0, 1, 0.01],
        "exponent_halved": ([0, 1, 0, 1, 0.0998, 0.995], [0, 1, 0, 1, 0.0998, 0.99]),
        "first_hand_given": [0, 1, 0, 1, 0.841, 0.540],
        "angles_in_turns": [0, 1, 0, 1, 0.0628, 0.998],
        "exponent_whole": [0, 1, 0, 1, 0.0001, 1],
        "position_from_one": ([0.841, 0.540, 0.01, 1, 0.02, 1], [0.841, 0.54, 0.01, 1, 0.01, 1]),
        "exponent_sign": [0, 1, 0, 1, -0.506, 0.862],
        "cosines_missing": [0, 0, 0, 0, 0.01, 0.01],
    },
    tolerance=0.006,
)
def first_places() -> Numbers:
    """Check exercise 5.1: the encoding of places 0 and 1 at width 4.

    Args:
        answer: Six numbers: the four entries of place 0, and the last two of place 1.

    Returns:
        A result that shows itself; `passed` is None as long as a number is `...`.

    >>> check_first_places([0, 0, 1, 1, 0.01, 1]).misconception
    'halves_concatenated'
    """
    return [0, 1, 0, 1, 0.01, 1]


# --- 5.2: the encoding ------------------------------------------------------------------------

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


def _angles(length: int, embed_dim: int) -> Tensor:
    pair = torch.arange(0, embed_dim, 2, dtype=torch.float64)
    return torch.arange(length)[:, None] / 10_000.0 ** (pair / embed_dim)


def _multiplied(length: int, embed_dim: int) -> Tensor:
    """Angles with a product in the place of the power."""
    pair = torch.arange(0, embed_dim, 2, dtype=torch.float64)
    return torch.arange(length)[:, None] / (10_000.0 * pair / embed_dim)


def _by_angles(angle: Tensor) -> Tensor:
    return interleave(angle.sin(), angle.cos())


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
    wrong["base_multiplied"] = (
        lambda length, embed_dim: _by_angles(_multiplied(length, embed_dim)),
        lambda length, embed_dim: _by_angles(_multiplied(length, embed_dim).nan_to_num()),
    )
    wrong["exponent_sign"] = (
        answer(exponent=EXPONENTS["exponent_sign"]),
        # In float32 the sines of such large angles are others.
        lambda length, embed_dim: _by_angles(
            torch.arange(length)[:, None] * 10_000.0 ** (torch.arange(0, embed_dim, 2) / embed_dim)
        ),
    )
    wrong["angles_in_degrees"] = (
        lambda length, embed_dim: _by_angles(_angles(length, embed_dim) * math.pi / 180),
        lambda length, embed_dim: _by_angles(_angles(length, embed_dim) * 180 / math.pi),
    )
    wrong["angles_in_turns"] = tuple(
        lambda length, embed_dim, times=times: _by_angles(_angles(length, embed_dim) * times)
        for times in (2 * math.pi, 1 / (2 * math.pi))
    )
    wrong["position_divided_by_length"] = lambda length, embed_dim: _by_angles(
        _angles(length, embed_dim) / length
    )
    wrong["angles_given"] = lambda length, embed_dim: interleave(
        _angles(length, embed_dim), _angles(length, embed_dim)
    )
    wrong["cosines_only"] = answer(layout=lambda sin, cos: interleave(cos, cos))
    wrong["columns_added"] = lambda length, embed_dim: (
        _angles(length, embed_dim).sin() + _angles(length, embed_dim).cos()
    )
    wrong["axes_swapped"] = lambda length, embed_dim: sinusoids(length, embed_dim).T
    wrong |= {
        (*each_id(one), *each_id(other)): answer(**(change | change_too))
        for (one, change), (other, change_too) in product(mistakes, repeat=2)
        if list(change) < list(change_too)
    }
    return wrong


def _sizes(length: tuple[int, ...], embed_dim: tuple[int, ...]) -> list[Arguments]:
    return grid(
        lambda draw, length, embed_dim: (length, embed_dim), length=length, embed_dim=embed_dim
    )


@check(
    "5.2",
    wrong=wrong_sinusoids(),
    inputs=[lambda: [*_sizes((1, 2, 3, 5), (2, 4, 6, 8)), (60, 32), (101, 48)]],
    without=("uses_loops",),
)
def sinusoidal_encoding(length: int, embed_dim: int) -> Tensor:
    """Check exercise 5.2: the sinusoidal encoding.

    Args:
        answer: Called as answer(length, embed_dim), with two whole numbers, the second even;
            returns a tensor of shape (length, embed_dim): sines in the even columns, cosines in
            the odd ones, base 10 000, positions from 0.

    Returns:
        A result that shows itself.

    >>> check_sinusoidal_encoding(lambda n, d: attnlib.sinusoidal_encoding(n, d, offset=1))
    ✗ Exercise 5.2: not yet
    Positions are counted from 1 instead of 0: the first row has to be that of position 0.
      called with  length = 1
                   embed_dim = 2
      came out     [[0.841, 0.54]]
      expected     [[0, 1]]
      see          chapter 5, “What goes wrong”
    """
    return positional.sinusoidal_encoding(length, embed_dim, dtype=torch.float64)


# --- 5.3: a matrix that moves every place back ------------------------------------------------


def shift(n: float, embed_dim: int, speed: Callable[[int], float] | None = None) -> Tensor:
    """Rotation that moves the rows of the table on by n positions."""
    blocks = []
    for pair in range(embed_dim // 2):
        angle = n * (10_000.0 ** (-2 * pair / embed_dim) if speed is None else speed(pair))
        cos, sin = math.cos(angle), math.sin(angle)
        blocks.append(torch.tensor([[cos, -sin], [sin, cos]]))
    rotation: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    return rotation


def _signs(n: int, embed_dim: int, above: int, below: int) -> Tensor:
    """Cosines on the diagonal, and sines beside it with signs that make no rotation."""
    matrix = shift(n, embed_dim)
    sines = matrix.diagonal(-1).clone()
    sines[1::2] = 0
    return torch.diag(matrix.diagonal()) + above * sines.diag(1) + below * sines.diag(-1)


def _in_halves(matrix: Tensor) -> Tensor:
    """The same rotation for a table whose sines all come first."""
    order = torch.arange(len(matrix)).view(-1, 2).T.flatten()
    return matrix[order][:, order]


WRONG_SHIFTS: WrongAnswers = {
    "shifts_forward": shift,
    "nothing_moved": lambda n, embed_dim: torch.eye(embed_dim),
    "only_one_step": lambda n, embed_dim: shift(-1, embed_dim),
    "negated": lambda n, embed_dim: -shift(n, embed_dim),
    "same_speed": lambda n, embed_dim: shift(-n, embed_dim, lambda pair: 1.0),
    "exponent_halved": lambda n, embed_dim: shift(
        -n, embed_dim, lambda pair: 10_000.0 ** (-pair / embed_dim)
    ),
    "rows_moved": (
        lambda n, embed_dim: torch.eye(embed_dim).roll(-n, dims=0),
        lambda n, embed_dim: torch.eye(embed_dim).roll(n, dims=0),
    ),
    "no_rotation": (
        lambda n, embed_dim: shift(n, embed_dim).abs() * shift(n, embed_dim).sign().abs(),
        lambda n, embed_dim: _signs(n, embed_dim, 1, 1),
        lambda n, embed_dim: _signs(n, embed_dim, -1, -1),
    ),
    "shift_for_halves": lambda n, embed_dim: _in_halves(shift(-n, embed_dim)),
    "divided_by_n": lambda n, embed_dim: shift(1, embed_dim) / n,
    "multiplied_by_n": tuple(
        lambda n, embed_dim, factor=factor, step=step: factor * n * shift(step, embed_dim)
        for factor, step in ((1, -1), (1, 1), (-1, 1))
    ),
    "entries_to_the_power": tuple(
        lambda n, embed_dim, step=step: shift(step, embed_dim) ** n for step in (-1, 1)
    ),
    "elements_inverted": lambda n, embed_dim: 1 / shift(n, embed_dim),
    "exponent_doubled": lambda n, embed_dim: shift(
        -n, embed_dim, lambda pair: 10_000.0 ** (-4 * pair / embed_dim)
    ),
    "halfway_back": lambda n, embed_dim: shift(-n / 2, embed_dim),
    "twice_as_far": lambda n, embed_dim: shift(-2 * n, embed_dim),
    "encoding_given": lambda n, embed_dim: positional.sinusoidal_encoding(n, embed_dim),
}


@check(
    "5.3",
    wrong=WRONG_SHIFTS,
    inputs=[
        lambda: grid(
            lambda draw, steps, embed_dim: (steps, embed_dim),
            steps=(1, 2, 7, 30),
            embed_dim=(2, 4, 6, 32),
        )
    ],
)
def shift_back(steps: int, embed_dim: int) -> Tensor:
    """Check exercise 5.3: a matrix that moves every place back.

    Args:
        answer: Called as answer(steps, embed_dim), with two whole numbers, the second even; returns
            the matrix R of shape (embed_dim, embed_dim) with P[p] @ R = P[p - steps].

    Returns:
        A result that shows itself.

    >>> check_shift_back(lambda steps, embed_dim: torch.eye(embed_dim)).misconception
    'nothing_moved'
    """
    return shift(-steps, embed_dim)


# --- 5.4: a test that finds hands that are too fast -------------------------------------------


def _first_rows_only(calls: Calls) -> bool:
    return bool(calls) and all(call[0] <= 1 for call in calls)


def _one_hand_only(calls: Calls) -> bool:
    return bool(calls) and all(call[1] <= 2 for call in calls)


@reader_test(
    "5.4",
    right={
        "encoding": lambda length, embed_dim: positional.sinusoidal_encoding(
            length, embed_dim, dtype=torch.float64
        ).float(),
        "encoding_by_hand": lambda length, embed_dim: sinusoids(length, embed_dim).float(),
    },
    wrong=lambda length, embed_dim: sinusoids(
        length, embed_dim, exponent=EXPONENTS["exponent_halved"]
    ).float(),
    signs={"first_rows_only": _first_rows_only, "one_hand_only": _one_hand_only},
)
def catches_fast_hands(encoding: Callable[[int, int], Tensor]) -> bool:
    """Check exercise 5.4: a test that finds hands that are too fast.

    Args:
        answer: Called as answer(encoding), where encoding(length, embed_dim) returns the table;
            raises AssertionError, or returns False, if the exponent is wrong.

    Returns:
        A result that shows itself.

    >>> check_catches_fast_hands(lambda encoding: (encoding(1, 4)[0, 0] == 0).item()).misconception
    'first_rows_only'
    """
    return bool(encoding(60, 32)[59, -2] < 0.05)


# --- 5.6: where the dot product first falls below a half --------------------------------------


# How long a table readers make: where the dot product is lowest, or above a half for the last time,
# depends on it.
LENGTHS = (100, 128, 200, 256, 500, 512, 1000, 1024, 2000, 2048, 4096, 5000, 10_000, 20_000)


@functools.cache
def _products(embed_dim: int, length: int = 2000) -> Tensor:
    """Dot products of the first places with place 0."""
    table = positional.sinusoidal_encoding(length, embed_dim, dtype=torch.float64)
    return table @ table[0]


def _half_distance(embed_dim: int) -> int:
    """Count the steps until the dot product with place 0 is below half of its value there."""
    products = _products(embed_dim)
    return int((products < products[0] / 2).nonzero()[0])


def _below(limit: Callable[[int], float]) -> Callable[[int], int]:
    def answer(embed_dim: int) -> int:
        below = _products(embed_dim) < limit(embed_dim)
        return int(below.nonzero()[0]) if below.any() else 0

    return answer


def _last_above(embed_dim: int, length: int) -> int:
    return int((_products(embed_dim, length) >= embed_dim / 4).nonzero()[-1])


WRONG_DISTANCES: WrongAnswers = {
    "off_by_one": (
        lambda embed_dim: _half_distance(embed_dim) - 1,
        lambda embed_dim: _half_distance(embed_dim) + 1,
    ),
    "root_of_length": _below(lambda embed_dim: math.sqrt(embed_dim / 2) / 2),
    "half_of_width": _below(lambda embed_dim: (0.5 - 1e-9) * embed_dim),
    "half_squared": _below(lambda embed_dim: embed_dim / 8),
    "below_zero": _below(lambda embed_dim: 0.0),
    "lowest_instead_of_first": tuple(
        lambda embed_dim, length=length: int(_products(embed_dim, length).argmin())
        for length in LENGTHS
    ),
    "last_instead_of_first": tuple(
        lambda embed_dim, length=length, next_=next_: _last_above(embed_dim, length) + next_
        for next_, length in product((0, 1), LENGTHS)
    ),
    "width_ignored": tuple(
        lambda embed_dim, width=width: _half_distance(width) for width in (16, 32, 64, 128)
    ),
    "returned_product": lambda embed_dim: float(_products(embed_dim)[_half_distance(embed_dim)]),
    "below_half_of_one": _below(lambda embed_dim: 0.5),
}


@check(
    "5.6",
    wrong=WRONG_DISTANCES,
    inputs=[lambda: [(16,), (32,), (64,), (128,)]],
    shrinks=False,
)
def half_distance(embed_dim: int) -> int:
    """Check exercise 5.6: where the dot product with place 0 first falls below a half.

    Args:
        answer: Called as answer(embed_dim), with an even number; returns a whole number.

    Returns:
        A result that shows itself.

    >>> check_half_distance(lambda embed_dim: 45).passed
    False
    """
    return _half_distance(embed_dim)
