"""A check: an exercise's right answer, the known wrong ones, and inputs that tell them apart.

A misconception is recognised by running it: if the answer returns what a known wrong one returns,
on every input, then that is the mistake, however it is written.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from attnlib.checks import session
from attnlib.checks.calling import SECONDS, Caller, Outcome, accepts, does_nothing
from attnlib.checks.comparing import TOLERANCE, Difference, describe_error, difference
from attnlib.checks.inputs import Arguments, simplest
from attnlib.checks.result import Example, Place, Result, show, show_call
from attnlib.checks.wording import notebook, say, section

Answer = Callable[..., Any]
# Some mistakes come in several spellings, such as different fills; then all of them are listed.
Wrong = Answer | tuple[Answer, ...]
# By the id of the misconception; a tuple of ids stands for several mistakes at once.
Ids = str | tuple[str, ...]
WrongAnswers = dict[Ids, Wrong]


def each_id(ids: Ids) -> tuple[str, ...]:
    """Return the ids one by one, also if it is only one."""
    return ids if isinstance(ids, tuple) else (ids,)


@dataclass
class _Trial:
    """One case, what the answer made of it, and how that misses the right value."""

    case: Arguments
    outcome: Outcome
    missed: Difference | None = None


@dataclass(frozen=True)
class Check:
    """One check, complete.

    Attributes:
        name: The check is called `check_<name>`.
        exercise: Number of the exercise, "3.2".
        names: Names of the arguments with which the answer is called.
        reference: The right answer.
        wrong: Known wrong answers by the id of their misconception; the first that fits is named.
            A tuple of ids stands for several mistakes at once.
        stages: Inputs, from small to large. An answer that passes a stage goes on to the next;
            a mistake is named by the first stage that it fails.
        tolerance: How far off a number may be, absolutely or in proportion.
        reads: Turns the outcome of the answer into the one that is compared.
        pure: Whether the answer must return the same when it is called again, and not None.
        shrinks: Whether a failing input may be made plainer.
        shows: Writes what came out, and what was expected.
        unknown: Id of the message for a wrong answer that has no name.
    """

    name: str
    exercise: str
    names: tuple[str, ...]
    reference: Answer
    wrong: WrongAnswers
    stages: tuple[Callable[[], list[Arguments]], ...]
    tolerance: float = TOLERANCE
    reads: Callable[[Outcome], Outcome] = lambda outcome: outcome
    pure: bool = True
    shrinks: bool = True
    shows: Callable[[Any], str] = show
    unknown: str = "wrong_value"

    def __call__(self, answer: Any) -> Result:
        """Check an answer, and remember the result for `progress()`."""
        if answer is None or answer is ...:
            return session.record(self._result(None, "not_attempted"))
        if not callable(answer):
            return session.record(self._failed("not_a_function", {"got": type(answer).__name__}))
        if not accepts(answer, len(self.names)):
            return session.record(self._failed("wrong_signature", {"call": self.call}))
        with torch.random.fork_rng(devices=[]), Caller(answer, self.names) as caller:
            torch.manual_seed(0)  # an answer with dropout is caught in the same way every time
            return session.record(self._judge(answer, caller))

    @property
    def call(self) -> str:
        """How the answer is called."""
        return f"fn({', '.join(self.names)})"

    def _judge(self, answer: Answer, caller: Caller) -> Result:
        tried: list[_Trial] = []
        for stage in self.stages:
            for case in stage():
                outcome = caller(case)
                if outcome.timed_out:
                    return self._example("never_ends", {"seconds": f"{SECONDS:g}"}, case, outcome)
                tried.append(_Trial(case, outcome))
            if blank := self._blank(answer, [each.outcome for each in tried]):
                return blank
            for each in tried:
                if each.missed is None:
                    each.outcome = self.reads(each.outcome)
                    each.missed = self._difference(each.case, each.outcome)
            if any(each.missed for each in tried):
                return self._diagnose(caller, tried)
        for each in tried:
            if each.outcome.mutated is not None:
                return self._failed("input_mutated", {"name": each.outcome.mutated})
        return self._result(True, "passed")

    def _blank(self, answer: Answer, outcomes: list[Outcome]) -> Result | None:
        """Tell an exercise that was not attempted from one that forgets to return."""
        errors = [o.error for o in outcomes if o.error is not None]
        if errors and all(isinstance(error, NotImplementedError) for error in errors):
            return self._result(None, "not_attempted")
        if errors or any(o.value is not None and o.value is not ... for o in outcomes):
            return None
        if all(o.value is None for o in outcomes) and not does_nothing(answer):
            if not self.pure:  # a test speaks by raising an error, or not
                return None
            return self._failed("no_return", {}, printed=outcomes[0].printed)
        return self._result(None, "not_attempted")

    def _diagnose(self, caller: Caller, tried: list[_Trial]) -> Result:
        """Name what is wrong with an answer that fails some of the cases."""
        printed = next((t.outcome.printed for t in tried if t.outcome.printed), "")
        mutated = next((t.outcome.mutated for t in tried if t.outcome.mutated), None)
        ids, wrong = self._recognise(tried)
        # If a mistake is known, show a case in which it shows itself, not an error beside it.
        failing = [
            t for t in tried if t.missed and (wrong is None or self._same(wrong, t.case, t.outcome))
        ]
        case, outcome, missed = failing[0].case, failing[0].outcome, failing[0].missed
        assert missed is not None
        if not ids and missed.id in ("wrong_value", "wrong_shape"):
            if self.pure and self._is_random(caller, tried[-1].case):
                return self._example("dropout_active", {}, case, outcome, printed)
            if mutated is not None:
                facts = {"name": mutated}
                return self._example("input_mutated", facts, case, outcome, printed)
        if self.shrinks and missed.id == "wrong_value":
            case = simplest(case, lambda c: self._fails_alike(caller, c, wrong))
            outcome = self.reads(caller(case))
        if ids:
            also = [say(f"misconception.{id_}.text") for id_ in ids[1:]]
            if mutated is not None:
                also.append(say("misconception.input_mutated.text", name=mutated))
            return self._example(ids[0], {}, case, outcome, printed, also=also)
        id_ = missed.id
        if id_ == "wrong_value":
            id_ = "nan" if _has_nan(outcome.value) else self.unknown
        return self._example(id_, missed.facts, case, outcome, printed)

    def _recognise(self, tried: list[_Trial]) -> tuple[tuple[str, ...], Answer | None]:
        """Find the known wrong answer that returns the same wherever the answer returns."""
        returned = [t for t in tried if t.outcome.error is None]
        fitting = [t for t in returned if t.missed is None or t.missed.id != "wrong_shape"]
        for comparable in (returned, fitting):  # an answer may be made for some sizes only
            if not any(t.missed for t in comparable):
                continue
            for ids, variants in self.wrong.items():
                for variant in variants if isinstance(variants, tuple) else (variants,):
                    # The last cases are the largest: most variants drop out at once.
                    if all(self._same(variant, t.case, t.outcome) for t in reversed(comparable)):
                        return each_id(ids), variant
        return (), None

    def _same(self, variant: Answer, case: Arguments, outcome: Outcome) -> bool:
        try:
            expected = variant(*case)
        except Exception:  # a wrong answer may not work for all inputs
            return False
        return difference(expected, outcome, self.tolerance) is None

    def _difference(self, case: Arguments, outcome: Outcome) -> Difference | None:
        return difference(self.reference(*case), outcome, self.tolerance)

    def _fails_alike(self, caller: Caller, case: Arguments, wrong: Answer | None) -> bool:
        outcome = self.reads(caller(case))
        # Ten times the tolerance: a reader must see the difference in the digits that are shown.
        missed = difference(self.reference(*case), outcome, 10 * self.tolerance)
        if missed is None or missed.id != "wrong_value":
            return False
        return wrong is None or self._same(wrong, case, outcome)

    def _is_random(self, caller: Caller, case: Arguments) -> bool:
        first, *others = (self.reads(caller(case)) for _ in range(4))
        if first.error is not None or first.timed_out:
            return False
        return any(difference(first.value, other, 0.0) is not None for other in others)

    def _example(
        self,
        id_: str,
        facts: Mapping[str, str],
        case: Arguments,
        outcome: Outcome,
        printed: str = "",
        *,
        also: Iterable[str] = (),
    ) -> Result:
        came_out = self.shows(outcome.value)
        if outcome.timed_out:
            came_out = say("label.nothing")
        elif outcome.error is not None:
            came_out = describe_error(outcome.error)
        example: Example | None = Example(
            called=show_call(self.names, case),
            came_out=came_out,
            expected=self.shows(self.reference(*case)),
        )
        # Numbers that were predicted stay untold: who reads them cannot predict any more.
        example = example if self.names else None
        return self._failed(id_, facts, example=example, printed=printed, also=also)

    def _failed(
        self,
        id_: str,
        facts: Mapping[str, str],
        *,
        example: Example | None = None,
        printed: str = "",
        also: Iterable[str] = (),
    ) -> Result:
        message = say(f"misconception.{id_}.text", **facts)
        for other in also:
            message += f" {say('also')} {other}"
        return self._result(
            False,
            message,
            None if id_ == self.unknown else id_,
            example=example,
            place=_place(id_),
            printed=printed,
        )

    def _result(
        self,
        passed: bool | None,
        message: str,
        misconception: str | None = None,
        *,
        example: Example | None = None,
        place: Place | None = None,
        printed: str = "",
    ) -> Result:
        if passed is not False:
            message = say("verdict." + message)
        return Result(
            self.name, self.exercise, passed, misconception, message, example, place, printed
        )


def _place(id_: str) -> Place | None:
    there = section(id_)
    return None if there is None else Place(there[0], notebook(there[0]), there[1])


def _has_nan(value: Any) -> bool:
    try:
        return bool(torch.as_tensor(value).isnan().any())
    except Exception:
        return False
