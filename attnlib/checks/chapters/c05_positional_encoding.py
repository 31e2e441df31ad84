"""Checks of chapter 5: sinusoids."""

from typing import Any

import torch

from attnlib.checks.catching import catching
from attnlib.checks.check import Check
from attnlib.checks.inputs import Arguments, grid
from attnlib.checks.mistakes.positional_encoding import (
    EXPONENTS,
    WRONG_DISTANCES,
    WRONG_SHIFTS,
    half_distance,
    shift,
    sinusoids,
    wrong_sinusoids,
)
from attnlib.checks.prediction import prediction
from attnlib.checks.result import Result
from attnlib.positional import sinusoidal_encoding


def check_first_places(answer: Any) -> Result:
    """Check exercise 5.1: the encoding of places 0 and 1 at width 4.

    Args:
        answer: Six numbers: the four entries of place 0, and the last two of place 1.

    Returns:
        A result that shows itself; `passed` is None as long as a number is `...`.

    >>> check_first_places([0, 0, 1, 1, 0.01, 1]).misconception
    'halves_concatenated'
    """
    return FIRST_PLACES(answer)


def check_sinusoidal_encoding(answer: Any) -> Result:
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
    return SINUSOIDAL_ENCODING(answer)


def check_shift_back(answer: Any) -> Result:
    """Check exercise 5.3: a matrix that moves every place back.

    Args:
        answer: Called as answer(n, embed_dim), with two whole numbers, the second even; returns the
            matrix R of shape (embed_dim, embed_dim) with P[p] @ R = P[p - n].

    Returns:
        A result that shows itself.

    >>> check_shift_back(lambda n, embed_dim: torch.eye(embed_dim)).misconception
    'nothing_moved'
    """
    return SHIFT_BACK(answer)


def check_catches_fast_hands(answer: Any) -> Result:
    """Check exercise 5.4: a test that finds hands that are too fast.

    Args:
        answer: Called as answer(encoding), where encoding(length, embed_dim) returns the table;
            raises AssertionError, or returns False, if the exponent is wrong.

    Returns:
        A result that shows itself.

    >>> check_catches_fast_hands(lambda encoding: (encoding(1, 4)[0, 0] == 0).item()).misconception
    'test_misses_bug'
    """
    return CATCHES_FAST_HANDS(answer)


def check_half_distance(answer: Any) -> Result:
    """Check exercise 5.6: where the dot product with place 0 first falls below a half.

    Args:
        answer: Called as answer(embed_dim), with an even number; returns a whole number.

    Returns:
        A result that shows itself.

    >>> check_half_distance(lambda embed_dim: 45).passed
    False
    """
    return HALF_DISTANCE(answer)


FIRST_PLACES = prediction(
    "first_places",
    "5.1",
    right=[0, 1, 0, 1, 0.01, 1],
    wrong={
        "halves_concatenated": [0, 0, 1, 1, 0.01, 1],
        "all_zero_at_place_0": [0, 0, 0, 0, 0.01, 1],
        "cosine_first": [1, 0, 1, 0, 1, 0.01],
        "exponent_halved": [0, 1, 0, 1, 0.0998, 0.995],
        "same_speed": [0, 1, 0, 1, 0.841, 0.540],
        "exponent_whole": [0, 1, 0, 1, 0.0001, 1],
    },
    tolerance=0.006,
)


def _sizes(length: tuple[int, ...], embed_dim: tuple[int, ...]) -> list[Arguments]:
    return grid(
        lambda draw, length, embed_dim: (length, embed_dim), length=length, embed_dim=embed_dim
    )


SINUSOIDAL_ENCODING = Check(
    name="sinusoidal_encoding",
    exercise="5.2",
    names=("length", "embed_dim"),
    reference=lambda length, embed_dim: sinusoidal_encoding(length, embed_dim, dtype=torch.float64),
    wrong=wrong_sinusoids(),
    stages=(lambda: [*_sizes((1, 2, 3, 5), (2, 4, 6, 8)), (60, 32), (101, 48)],),
)


SHIFT_BACK = Check(
    name="shift_back",
    exercise="5.3",
    names=("n", "embed_dim"),
    reference=lambda n, embed_dim: shift(-n, embed_dim),
    wrong=WRONG_SHIFTS,
    stages=(
        lambda: grid(
            lambda draw, n, embed_dim: (n, embed_dim), n=(1, 2, 7, 30), embed_dim=(2, 4, 6, 32)
        ),
    ),
)


HALF_DISTANCE = Check(
    name="half_distance",
    exercise="5.6",
    names=("embed_dim",),
    reference=half_distance,
    wrong=WRONG_DISTANCES,
    stages=(lambda: [(16,), (32,), (64,), (128,)],),
    shrinks=False,
)


CATCHES_FAST_HANDS = catching(
    "catches_fast_hands",
    "5.4",
    ("encoding",),
    right=(sinusoidal_encoding, lambda length, embed_dim: sinusoids(length, embed_dim).float()),
    bugs=(
        lambda length, embed_dim: sinusoids(
            length, embed_dim, exponent=EXPONENTS["exponent_halved"]
        ).float(),
    ),
)

CHECKS = (FIRST_PLACES, SINUSOIDAL_ENCODING, SHIFT_BACK, CATCHES_FAST_HANDS, HALF_DISTANCE)
