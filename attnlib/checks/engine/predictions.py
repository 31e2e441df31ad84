"""Exercises whose answer is a few numbers, written down before anything is run."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attnlib.checks.engine import registry
from attnlib.checks.engine.check import Check
from attnlib.checks.engine.comparing import Difference
from attnlib.checks.engine.mistakes import Trial, each_variant
from attnlib.checks.engine.result import Result
from attnlib.checks.engine.running import Runner

Numbers = Sequence[float]


class Prediction(Check):
    """A check that takes numbers instead of a function.

    It shows no example: who reads the numbers cannot predict them any more.
    """

    passed = "predicted"
    unknown = "wrong_prediction"

    def _check(self, answer: Any) -> Result:
        """Check the numbers; `...` or None in the place of any of them is not an attempt."""
        numbers = answer if isinstance(answer, list | tuple) else [answer]
        if any(number is None or number is ... for number in numbers):
            return self.not_attempted()
        with Runner(lambda: answer, ()) as run:
            return self._judge(lambda: answer, run)

    def _diagnose(self, run: Runner, tried: list[Trial]) -> Result:
        missed, value = tried[0].missed, tried[0].outcome.value
        assert missed is not None
        if missed.id != "wrong_value":
            return self.failed(missed.id, missed.facts)
        # Rounded, two mistakes may come to nearly the same numbers: the nearest is meant.
        known = [(_farthest(wrong(), value), ids[0]) for ids, wrong in each_variant(self.wrong)]
        distance, nearest = min(known)
        return self.failed(nearest if distance <= self.tolerance else self.unknown)

    def misses(self, case: tuple[Any, ...], outcome: Any) -> Difference | None:
        """Compare the numbers with the right ones, each to the same number of decimals."""
        missed = super().misses(case, outcome)
        if missed is None and _farthest(self.reference(), outcome.value) > self.tolerance:
            return Difference("wrong_value", {})
        return missed


def _farthest(numbers: Numbers, others: Any) -> float:
    """Return the largest difference of two numbers in the same place, large ones in proportion."""
    if len(numbers) != len(others):
        return math.inf
    pairs = zip(map(float, numbers), map(float, others), strict=True)
    return max(abs(one - other) / max(1.0, abs(one)) for one, other in pairs)


def prediction(
    exercise: str,
    *,
    wrong: Mapping[str, Numbers | tuple[Sequence[float], ...]],
    tolerance: float = 0.011,
) -> Callable[[Callable[[], Numbers]], Prediction]:
    """Declare a check of predicted numbers; the function returns the right ones.

    Args:
        exercise: Number of the exercise.
        wrong: Known wrong predictions by the id of their misconception; several in a tuple.
        tolerance: How far off a number may be.
    """

    def declare(reference: Callable[[], Numbers]) -> Prediction:
        declared = Prediction(
            reference,
            exercise,
            wrong={
                id_: tuple(
                    lambda numbers=numbers: numbers
                    for numbers in (several if isinstance(several, tuple) else (several,))
                )
                for id_, several in wrong.items()
            },
            inputs=(lambda: [()],),
            tolerance=tolerance,
        )
        registry.register(declared)
        return declared

    return declare
