"""A check: an exercise's right answer, the known wrong ones, and inputs that tell them apart.

One decorated function declares it:

    @check("3.2", wrong={"upper_left": …}, inputs=[…])
    def causal_mask(q_len: int, k_len: int) -> Tensor:
        \"\"\"Check exercise 3.2: … (what readers see of `check_causal_mask`)\"\"\"
        return masks.causal_mask(q_len, k_len)
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from attnlib.checks.engine import latest, registry, running
from attnlib.checks.engine.comparing import TOLERANCE, Difference, describe_error, difference
from attnlib.checks.engine.diagnosing import diagnose
from attnlib.checks.engine.inputs import Arguments
from attnlib.checks.engine.mistakes import Answer, Trial, WrongAnswers
from attnlib.checks.engine.result import Example, Place, Result, show, show_call
from attnlib.checks.engine.running import Outcome, Runner
from attnlib.checks.engine.source import accepts, does_nothing, forbidden, raises_as_stub
from attnlib.checks.engine.texts import say, section

CHAPTER = re.compile(r"c\d\d_")  # a module of its checks, or a package of several
Inputs = Sequence[Callable[[], list[Arguments]]]
# What may be amiss with an answer whose values are right: facts for what is said, or None.
Shows = Callable[[Runner, list[Trial]], Mapping[str, str] | None]


@dataclass(frozen=True)
class Check:
    """One check, complete.

    Attributes:
        reference: The right answer. Its name and its docstring are those of `check_<name>`, its
            arguments those with which answers are called.
        exercise: Number of the exercise, "3.2".
        wrong: Known wrong answers by the id of their misconception; the first that fits is named.
        inputs: Cases, from small to large. An answer that passes the first ones goes on to the
            next; a mistake is named by the first ones that it fails.
        tolerance: How far off a number may be, absolutely or in proportion.
        without: What the exercise asks to do without, by the rules in `source.WITHOUT`.
        repeatable: Whether the answer must return the same when it is called again.
        shrinks: Whether a failing input may be made plainer.
        shows: By the id of what is said: what else an answer shows whose values are right.
    """

    reference: Answer
    exercise: str
    wrong: WrongAnswers
    inputs: Inputs
    tolerance: float = TOLERANCE
    without: tuple[str, ...] = ()
    repeatable: bool = True
    shrinks: bool = True
    shows: Mapping[str, Shows] | None = None

    # Ids of what is said of a right answer, and of a wrong one without a name.
    passed = "passed"
    unknown = "wrong_value"

    @property
    def name(self) -> str:
        """Name of the check: readers call `check_<name>`."""
        return self.reference.__name__

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arguments with which an answer is called."""
        return tuple(inspect.signature(self.reference).parameters)

    @property
    def doc(self) -> str | None:
        """What `help(check_<name>)` says."""
        return self.reference.__doc__

    @property
    def module(self) -> str:
        """The chapter's module."""
        return self.reference.__module__

    @property
    def notebook(self) -> str:
        """Name of the chapter's notebook, without folder and ending."""
        parts = self.module.split(".")
        return next((each for each in parts if CHAPTER.match(each)), parts[-1]).removeprefix("c")

    @property
    def order(self) -> tuple[int, ...]:
        """By which checks are sorted."""
        return tuple(map(int, self.exercise.split(".")))

    def __call__(self, answer: Any) -> Result:
        """Check an answer, and remember the result for `progress()`."""
        return latest.record(self._check(answer))

    def _check(self, answer: Any) -> Result:
        if answer is None or answer is ...:
            return self.not_attempted()
        if not callable(answer):
            return self.failed("not_a_function", {"got": type(answer).__name__})
        if not accepts(answer, len(self.names)):
            return self.failed("wrong_signature", {"call": f"fn({', '.join(self.names)})"})
        with Runner(answer, self.names) as run:
            return self._judge(answer, run)

    def _judge(self, answer: Answer, run: Runner) -> Result:
        tried: list[Trial] = []
        for make in self.inputs:
            for case in make():
                outcome = run(case)
                if outcome.timed_out:
                    facts = {"seconds": f"{running.SECONDS:g}"}
                    return self.example("never_ends", facts, case, outcome, outcome.printed)
                tried.append(Trial(case, outcome))
            if blank := self._blank(answer, [each.outcome for each in tried]):
                return blank
            for each in tried:
                each.missed = self.misses(each.case, each.outcome)
            if any(each.missed for each in tried):
                return self._diagnose(run, tried)
        for each in tried:
            if each.outcome.mutated is not None:
                return self.failed("input_mutated", {"name": each.outcome.mutated})
        if found := forbidden(answer, self.without):
            return self.failed(found[0], {"line": found[1]})
        for id_, shows in (self.shows or {}).items():
            if (shown := shows(run, tried)) is not None:
                return self.failed(id_, shown)
        return self.result(True, say(f"verdict.{self.passed}"))

    def _blank(self, answer: Answer, outcomes: list[Outcome]) -> Result | None:
        """Tell an exercise that was not attempted from one that forgets to return."""
        errors = [o.error for o in outcomes if o.error is not None]
        if errors and all(raises_as_stub(answer, error) for error in errors):
            return self.not_attempted()
        if errors or any(o.value is not None and o.value is not ... for o in outcomes):
            return None
        if all(o.value is None for o in outcomes) and not does_nothing(answer):
            return self._silent(outcomes[0])
        return self.not_attempted()

    def _silent(self, outcome: Outcome) -> Result | None:
        """Judge an answer that works, and returns nothing."""
        return self.failed("no_return", printed=outcome.printed)

    def misses(self, case: Arguments, outcome: Outcome) -> Difference | None:
        """Compare what came out with the right value; None if it is right."""
        return difference(self.reference(*case), outcome, self.tolerance)

    def _diagnose(self, run: Runner, tried: list[Trial]) -> Result:
        """Name what is wrong with an answer that fails some of the cases."""
        return diagnose(self, run, tried)

    def example(
        self,
        id_: str,
        facts: Mapping[str, str],
        case: Arguments,
        outcome: Outcome,
        printed: str = "",
        *,
        also: Sequence[str] = (),
    ) -> Result:
        """Say what is wrong, and show the case in which it shows itself."""
        came_out = show(outcome.value)
        if outcome.timed_out:
            came_out = say("label.nothing")
        elif outcome.error is not None:
            came_out = describe_error(outcome.error)
        example = Example(show_call(self.names, case), came_out, show(self.reference(*case)))
        return replace(self.failed(id_, facts, printed=printed, also=also), example=example)

    def failed(
        self,
        id_: str,
        facts: Mapping[str, str] | None = None,
        *,
        printed: str = "",
        also: Sequence[str] = (),
    ) -> Result:
        """Say what is wrong."""
        message = say(f"misconception.{id_}.text", **(facts or {}))
        for other in also:
            message += f" {say('also')} {other}"
        there = section(id_)
        place = None if there is None else Place(there[0], registry.notebook(there[0]), there[1])
        misconception = None if id_ == self.unknown else id_
        return self.result(False, message, misconception, place, printed)

    def not_attempted(self) -> Result:
        """Say that there is nothing to check yet."""
        return self.result(None, say("verdict.not_attempted"))

    def result(
        self,
        passed: bool | None,
        message: str,
        misconception: str | None = None,
        place: Place | None = None,
        printed: str = "",
    ) -> Result:
        """Make a result of this check."""
        return Result(
            self.name, self.exercise, passed, misconception, message, None, place, printed
        )


def check(
    exercise: str,
    *,
    wrong: WrongAnswers,
    inputs: Inputs,
    tolerance: float = TOLERANCE,
    without: tuple[str, ...] = (),
    repeatable: bool = True,
    shrinks: bool = True,
    shows: Mapping[str, Shows] | None = None,
) -> Callable[[Answer], Check]:
    """Declare a check of a function; see `Check` for the arguments."""

    def declare(reference: Answer) -> Check:
        declared = Check(
            reference, exercise, wrong, inputs, tolerance, without, repeatable, shrinks, shows
        )
        registry.register(declared)
        return declared

    return declare
