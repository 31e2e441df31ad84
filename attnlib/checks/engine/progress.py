"""Which exercises of a chapter are done, in this session of Python."""

from dataclasses import dataclass
from html import escape

from attnlib.checks.engine import latest
from attnlib.checks.engine.registry import all_checks
from attnlib.checks.engine.result import SIGNS
from attnlib.checks.engine.texts import say


@dataclass(frozen=True)
class Progress:
    """What `progress()` says.

    Attributes:
        done: For each exercise with a check, by its number: True, False, or None if it was not
            attempted yet. An exercise with several checks is done when all of them pass.
    """

    done: dict[str, bool | None]

    @property
    def headline(self) -> str:
        """How many are done, in one line."""
        if not self.done:
            return say("progress.nothing")
        passed = sum(each is True for each in self.done.values())
        return say("progress.headline", done=passed, all=len(self.done))

    def _lines(self) -> list[str]:
        words = {True: "done", False: "failed", None: "not_attempted"}
        return [
            f"{SIGNS[done]} {exercise}  {say('progress.' + words[done])}"
            for exercise, done in self.done.items()
        ]

    def __repr__(self) -> str:
        return "\n".join([self.headline, *("  " + line for line in self._lines())])

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(line)}</li>" for line in self._lines())
        headline = f"<strong>{escape(self.headline)}</strong>"
        return f'<div class="attnlib-check">{headline}<ul>{items}</ul></div>'


def progress() -> Progress:
    """List the exercises of each chapter of which something was checked in this session.

    Nothing is stored and nothing leaves the machine: answers are in the notebook, and running it
    again brings all results back.

    Returns:
        What is done, what is not yet, what was not attempted; it shows itself.

    >>> check_spread([2, 1]).passed
    True
    >>> progress()
    1 of 4 exercises with a check are done
      ✓ 2.1  done
      ○ 2.2  not attempted
      ○ 2.4  not attempted
      ○ 2.6  not attempted
    """
    results = latest.results()
    names = {check.name: check.exercise for check in all_checks()}
    chapters = {names[name].split(".")[0] for name in results}
    verdicts: dict[str, list[bool | None]] = {}
    for check in all_checks():
        if check.exercise.split(".")[0] in chapters:
            result = results.get(check.name)
            verdicts.setdefault(check.exercise, []).append(result.passed if result else None)
    return Progress({exercise: _together(each) for exercise, each in verdicts.items()})


def _together(verdicts: list[bool | None]) -> bool | None:
    if all(verdict is True for verdict in verdicts):
        return True
    return None if all(verdict is None for verdict in verdicts) else False
