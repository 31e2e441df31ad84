"""Exercises whose answer is a test: it has to pass right functions and to fail the wrong one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from attnlib.checks.calling import Outcome
from attnlib.checks.check import Check
from attnlib.checks.inputs import Arguments
from attnlib.checks.wording import say


@dataclass(frozen=True)
class Candidate:
    """A function under test, and whether it is right."""

    function: Callable[..., Any]
    right: bool
    called: str  # key of the words by which a reader is told about it

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Do what the function does."""
        return self.function(*arguments, **options)

    @property
    def label(self) -> str:
        """What a reader is told about it."""
        return say(self.called)


def verdict(outcome: Outcome) -> Outcome:
    """Read a test's outcome as True (passed) or False: it asserts, or returns False."""
    if isinstance(outcome.error, AssertionError):
        return replace(outcome, value=False, error=None)
    if outcome.error is not None or outcome.timed_out:
        return outcome
    try:
        return replace(outcome, value=outcome.value is None or bool(outcome.value))
    except Exception:  # something without a truth
        return replace(outcome, value=True)


def catching(
    name: str,
    exercise: str,
    names: tuple[str, ...],
    *,
    right: tuple[Callable[..., Any], ...],
    bugs: tuple[Callable[..., Any], ...],
    others: Arguments = (),
) -> Check:
    """Make a check of a reader's test.

    Args:
        name: The check is called `check_<name>`.
        exercise: Number of the exercise.
        names: Names of the test's arguments; the first is the function under test.
        right: Functions that the test has to pass.
        bugs: Functions that it has to fail.
        others: The other arguments of the test.
    """
    candidates = [(Candidate(each, True, "label.right_function"), *others) for each in right]
    candidates += [(Candidate(each, False, "label.wrong_function"), *others) for each in bugs]
    return Check(
        name=name,
        exercise=exercise,
        names=names,
        reference=lambda candidate, *_: candidate.right,
        wrong={
            "test_misses_bug": lambda *_: True,
            "test_rejects_right": lambda *_: False,
            "test_reversed": lambda candidate, *_: not candidate.right,
        },
        stages=(lambda: candidates,),
        reads=verdict,
        pure=False,
        shrinks=False,
        shows=lambda passed: say("label.test_passes" if passed else "label.test_fails"),
    )
