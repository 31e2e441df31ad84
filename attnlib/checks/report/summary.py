"""What became of a class: each student's exercises, and the misconceptions that many have."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from attnlib.checks.engine import registry
from attnlib.checks.engine.check import Check
from attnlib.checks.report.running import Run, Verdict

# What became of an exercise, from the best to what nobody knows.
PASSED, FAILED, NOT_ATTEMPTED = "passed", "failed", "not_attempted"
NEVER_RAN, NOT_HANDED_IN = "never_ran", "not_handed_in"
STANDINGS = (PASSED, FAILED, NOT_ATTEMPTED, NEVER_RAN, NOT_HANDED_IN)
_OF = {True: PASSED, False: FAILED, None: NOT_ATTEMPTED}


@dataclass(frozen=True)
class Line:
    """What became of one check of one student."""

    student: str
    check: Check
    standing: str
    misconception: str | None = None
    sheet: str = ""


@dataclass(frozen=True)
class Misconception:
    """A misconception, or a mistake without a name (None), and who has it."""

    id: str | None
    students: tuple[str, ...]
    exercises: tuple[str, ...]


@dataclass(frozen=True)
class Class:
    """The whole report, before it is written down.

    Attributes:
        students: All names.
        runs: What became of each sheet.
        without: Students without a sheet.
        lines: What became of each check, for each chapter from which anybody handed in something.
    """

    students: tuple[str, ...]
    runs: tuple[Run, ...]
    without: tuple[str, ...]
    lines: tuple[Line, ...]

    def chapters(self) -> list[tuple[str, list[str]]]:
        """Return the notebook and the exercises of each chapter."""
        checks = {line.check.name: line.check for line in self.lines}
        ordered = sorted(checks.values(), key=lambda check: check.order)
        return [
            (notebook, list(dict.fromkeys(check.exercise for check in each)))
            for notebook, each in groupby(ordered, key=lambda check: check.notebook)
        ]

    def standing(self, student: str, exercise: str) -> str:
        """Return what became of an exercise; with several checks, all of them have to pass."""
        found = {
            line.standing
            for line in self.lines
            if (line.student, line.check.exercise) == (student, exercise)
        }
        if PASSED in found and len(found) > 1:
            return FAILED
        return next(each for each in STANDINGS if each in found)

    def passed(self, exercise: str) -> int:
        """Count who has passed an exercise."""
        return sum(self.standing(student, exercise) == PASSED for student in self.students)

    def misconceptions(self) -> list[Misconception]:
        """Return what went wrong, the most frequent first, what has no name last."""
        failed = [line for line in self.lines if line.standing == FAILED]
        found = [
            Misconception(
                id_,
                tuple(sorted({line.student for line in failed if line.misconception == id_})),
                tuple(
                    dict.fromkeys(
                        line.check.exercise for line in failed if line.misconception == id_
                    )
                ),
            )
            for id_ in dict.fromkeys(line.misconception for line in failed)
        ]
        return sorted(found, key=lambda each: (each.id is None, -len(each.students), each.id or ""))


def summarise(students: Iterable[str], runs: Sequence[Run], without: Iterable[str]) -> Class:
    """Put a class together.

    Of several sheets with the same exercise the best counts.

    Args:
        students: All names.
        runs: What became of each sheet.
        without: Students without a sheet.
    """
    chapters = {chapter for run in runs for chapter in _chapters(run)}
    checks = [check for check in registry.all_checks() if check.notebook in chapters]
    students = tuple(students)
    lines = [
        _line(student, check, [run for run in runs if run.sheet.student == student])
        for student in students
        for check in checks
    ]
    return Class(students, tuple(runs), tuple(without), tuple(lines))


def _chapters(run: Run) -> set[str]:
    """Return the chapters to which a sheet belongs: by its checks, else by the name of its file."""
    named = {run.sheet.chapter} - {None}
    used = {*run.calls, *run.verdicts}
    by_name = {check.name: check.notebook for check in registry.all_checks()}
    return {by_name[name] for name in used} or {name for name in named if name}


def _line(student: str, check: Check, runs: list[Run]) -> Line:
    found = [
        _one(student, check, run)
        for run in runs
        if check.name in run.verdicts or check.notebook in _chapters(run)
    ]
    best = min(found, key=lambda line: STANDINGS.index(line.standing), default=None)
    return best or Line(student, check, NOT_HANDED_IN)


def _one(student: str, check: Check, run: Run) -> Line:
    verdict: Verdict | None = run.verdicts.get(check.name)
    if verdict is None:
        return Line(student, check, NEVER_RAN, sheet=run.sheet.name)
    return Line(student, check, _OF[verdict.passed], verdict.misconception, run.sheet.name)
