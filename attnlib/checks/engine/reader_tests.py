"""Exercises whose answer is a test: it has to pass right functions and to fail the wrong one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from attnlib.checks.engine import registry
from attnlib.checks.engine.check import Check
from attnlib.checks.engine.comparing import Difference, difference
from attnlib.checks.engine.inputs import Arguments, Candidate
from attnlib.checks.engine.mistakes import Trial
from attnlib.checks.engine.result import Result
from attnlib.checks.engine.running import Outcome, Runner
from attnlib.checks.engine.texts import say


class Calls(list[tuple[Any, ...]]):
    """What a candidate was called with, call after call."""

    called = ""  # key of the words for the candidate
    rejected = False  # whether the candidate is right, and the test fails it

    def __init__(self) -> None:
        super().__init__()
        self.states: list[Tensor] = []  # of torch's random numbers, before each call
        self.returned: list[Any] = []  # what the calls gave back, as it is after the test


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


@dataclass(frozen=True)
class ReaderTest(Check):
    """A check that takes a test. Its reference is a right test.

    Attributes:
        signs: By the id of a misconception: whether the calls that the test makes show it.
    """

    signs: Mapping[str, Callable[[Calls], bool]] | None = None

    passed = "caught"

    def _silent(self, outcome: Outcome) -> Result | None:
        return None  # a test speaks by raising an error, or not

    def misses(self, case: Arguments, outcome: Outcome) -> Difference | None:
        """Compare the test's verdict with what the candidate is."""
        return difference(case[0].right, verdict(outcome))

    def _diagnose(self, run: Runner, tried: list[Trial]) -> Result:
        printed = next((t.outcome.printed for t in tried if t.outcome.printed), "")
        for each in tried:
            if each.missed and each.missed.id == "raises":
                facts = {"tested": each.case[0].label, **each.missed.facts}
                return self.failed("test_raises", facts, printed=printed)
        rejected = [t.case[0] for t in tried if t.missed and t.case[0].right]
        right = [t.case[0] for t in tried if t.case[0].right]
        missed_bug = any(t.missed and not t.case[0].right for t in tried)
        id_, facts = "test_misses_bug", {}
        if rejected:
            why = say(f"{rejected[0].called}.why")
            facts = {"rejected": rejected[0].label, "why": why}
            reversed_ = rejected == right and missed_bug
            id_ = "test_reversed" if reversed_ else "test_rejects_right"
        if id_ != "test_reversed":
            calls = [_calls(run, each.case) for each in tried if each.missed]
            for sign, shows in (self.signs or {}).items():
                if any(each and _safely(shows, each) for each in calls):
                    id_, facts = sign, {}
                    break
        return self.failed(id_, facts, printed=printed)


def _calls(run: Runner, case: Arguments) -> Calls:
    """Run the test once more, and write down what it asks of the candidate."""
    calls = Calls()
    calls.called, calls.rejected = case[0].called, case[0].right

    def asked(*arguments: Any, **options: Any) -> Any:
        # As they were: a test may write into them afterwards, and call again.
        calls.append(tuple(map(_as_it_is, (*arguments, *options.values()))))
        calls.states.append(torch.get_rng_state())
        returned = case[0].function(*arguments, **options)
        calls.returned.append(returned)
        return returned

    run((replace(case[0], function=asked), *case[1:]))
    return calls


def _as_it_is(argument: Any) -> Any:
    return argument.detach().clone() if isinstance(argument, Tensor) else argument


def _safely(shows: Callable[[Calls], bool], calls: Calls) -> bool:
    try:
        return shows(calls)
    except Exception:  # a test may call with anything
        return False


def reader_test(
    exercise: str,
    *,
    right: Mapping[str, Callable[..., Any]],
    wrong: Callable[..., Any],
    others: Arguments = (),
    without: tuple[str, ...] = (),
    signs: Mapping[str, Callable[[Calls], bool]] | None = None,
) -> Callable[[Callable[..., bool]], ReaderTest]:
    """Declare a check of a reader's test; the function is a right test.

    Args:
        exercise: Number of the exercise.
        right: Functions that the test has to pass, by the key of what a reader is told about them.
        wrong: The function that it has to fail.
        others: The other arguments of the test.
        without: What the exercise asks to do without.
        signs: See `ReaderTest`.
    """
    candidates: list[Arguments] = [
        (Candidate(each, True, f"candidate.{key}"), *others) for key, each in right.items()
    ]
    candidates.append((Candidate(wrong, False, "candidate.wrong"), *others))

    def declare(reference: Callable[..., bool]) -> ReaderTest:
        declared = ReaderTest(
            reference,
            exercise,
            wrong={},
            inputs=(lambda: candidates,),
            without=without,
            signs=signs,
        )
        registry.register(declared)
        return declared

    return declare


def in_double(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a right function calculate in float64: a test that looks closely must not reject it."""

    def call(*tensors: Any) -> Any:
        if not all(isinstance(tensor, Tensor) for tensor in tensors):
            return function(*tensors)
        came_out = function(*(tensor.double() for tensor in tensors))
        if isinstance(came_out, tuple):
            return tuple(part.to(tensors[0].dtype) for part in came_out)
        return came_out.to(tensors[0].dtype)

    return call


def pairs_of_calls(
    calls: Calls,
) -> list[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """List each call with each later one."""
    return [(one, other) for order, one in enumerate(calls) for other in calls[order + 1 :]]


def same_input_each_time(calls: Calls) -> bool:
    """Say whether a test calls again and again with the same tensors: it compares nothing."""
    first, *others = ([x for x in call if isinstance(x, Tensor)] for call in calls)
    return bool(others) and all(
        len(each) == len(first) and all(map(torch.equal, each, first)) for each in others
    )
