"""Exercises whose answer is a few numbers, written down before anything is run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attnlib.checks import session
from attnlib.checks.check import Check
from attnlib.checks.result import Result


@dataclass(frozen=True)
class Prediction(Check):
    """A check that takes numbers instead of a function."""

    def __call__(self, answer: Any) -> Result:
        """Check the numbers; `...` or None in the place of any of them is not an attempt."""
        numbers = answer if isinstance(answer, list | tuple) else [answer]
        if any(number is None or number is ... for number in numbers):
            return session.record(self._result(None, "not_attempted"))
        return super().__call__(lambda: answer)


def prediction(
    name: str,
    exercise: str,
    *,
    right: list[float],
    wrong: Mapping[str, list[float]],
    tolerance: float = 0.011,
) -> Prediction:
    """Make a check of predicted numbers.

    Args:
        name: The check is called `check_<name>`.
        exercise: Number of the exercise.
        right: The numbers.
        wrong: Known wrong predictions by the id of their misconception.
        tolerance: How far off a number may be.
    """
    return Prediction(
        name=name,
        exercise=exercise,
        names=(),
        reference=lambda: right,
        wrong={id_: lambda numbers=numbers: numbers for id_, numbers in wrong.items()},
        stages=(lambda: [()],),
        tolerance=tolerance,
        unknown="wrong_prediction",
    )
