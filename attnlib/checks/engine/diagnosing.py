"""What is wrong with an answer: recognised by running the known mistakes, not by guessing.

If the answer returns what a known wrong one returns, wherever it returns anything, then that is
the mistake, however it is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from attnlib.checks.engine.comparing import difference, equal
from attnlib.checks.engine.inputs import Arguments, simplest
from attnlib.checks.engine.mistakes import Answer, Trial, each_variant
from attnlib.checks.engine.result import Result
from attnlib.checks.engine.running import Outcome, Runner
from attnlib.checks.engine.texts import say

if TYPE_CHECKING:
    from attnlib.checks.engine.check import Check


def diagnose(check: Check, run: Runner, tried: list[Trial]) -> Result:
    """Name what is wrong with an answer that fails some of the cases."""
    printed = next((t.outcome.printed for t in tried if t.outcome.printed), "")
    mutated = next((t.outcome.mutated for t in tried if t.outcome.mutated), None)
    ids, wrong = recognise(check, tried)
    # If a mistake is known, show a case in which it shows itself, not an error beside it.
    failing = next(
        t for t in tried if t.missed and (wrong is None or _same(check, wrong, t.case, t.outcome))
    )
    case, outcome, missed = failing.case, failing.outcome, failing.missed
    assert missed is not None
    if not ids and missed.id in ("wrong_value", "wrong_shape"):
        if check.repeatable and _is_random(run, tried[-1].case):
            return check.example("dropout_active", {}, case, outcome, printed)
        if mutated is not None:
            return check.example("input_mutated", {"name": mutated}, case, outcome, printed)
    if check.shrinks and missed.id == "wrong_value":
        case = simplest(case, lambda simpler: _fails_alike(check, run, simpler, wrong))
        outcome = run(case)
    if ids:
        also = [say(f"misconception.{id_}.text") for id_ in ids[1:]]
        if mutated is not None:
            also.append(say("misconception.input_mutated.text", name=mutated))
        return check.example(ids[0], {}, case, outcome, printed, also=also)
    id_ = missed.id
    if id_ == "wrong_value":
        id_ = "nan" if _has_nan(outcome.value) else check.unknown
    return check.example(id_, missed.facts, case, outcome, printed)


def recognise(check: Check, tried: list[Trial]) -> tuple[tuple[str, ...], Answer | None]:
    """Find the known wrong answer that returns the same wherever the answer returns."""
    returned = [t for t in tried if t.outcome.error is None]
    if any(t.missed for t in returned):
        returned.reverse()  # the last cases are the largest
        for ids, variant in each_variant(check.wrong):
            for place, trial in enumerate(returned):
                if not _same(check, variant, trial.case, trial.outcome):
                    # What tells this one from the answer tells most of the next ones from it.
                    returned.insert(0, returned.pop(place))
                    break
            else:
                return ids, variant
    return (), None


def _same(check: Check, variant: Answer, case: Arguments, outcome: Outcome) -> bool:
    try:
        expected = variant(*case)
    except Exception:  # a wrong answer may not work for all inputs
        return False
    return difference(expected, outcome, check.tolerance) is None


def _fails_alike(check: Check, run: Runner, case: Arguments, wrong: Answer | None) -> bool:
    outcome = run(case)
    # Ten times the tolerance: a reader must see the difference in the digits that are shown.
    missed = difference(check.reference(*case), outcome, 10 * check.tolerance)
    if missed is None or missed.id != "wrong_value":
        return False
    return wrong is None or _same(check, wrong, case, outcome)


def _is_random(run: Runner, case: Arguments) -> bool:
    first, *others = (run(case) for _ in range(4))
    if any(each.error is not None or each.timed_out for each in (first, *others)):
        return False
    return not all(equal(first.value, other.value) for other in others)


def _has_nan(value: Any) -> bool:
    try:
        return bool(torch.as_tensor(value).isnan().any())
    except Exception:
        return False
