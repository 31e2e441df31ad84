"""Known wrong answers, by the ids of their misconceptions, and what an answer made of a case."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from attnlib.checks.engine.comparing import Difference
from attnlib.checks.engine.inputs import Arguments
from attnlib.checks.engine.running import Outcome

Answer = Callable[..., Any]
# Some mistakes come in several spellings, such as different fills; then all of them are listed.
Wrong = Answer | tuple[Answer, ...]
# By the id of the misconception; a tuple of ids stands for several mistakes at once.
Ids = str | tuple[str, ...]
WrongAnswers = dict[Ids, Wrong]


def each_id(ids: Ids) -> tuple[str, ...]:
    """Return the ids one by one, also if it is only one."""
    return ids if isinstance(ids, tuple) else (ids,)


def each_variant(wrong: WrongAnswers) -> list[tuple[tuple[str, ...], Answer]]:
    """List all known wrong answers with the ids of their mistakes, single mistakes first.

    Two mistakes at once are named only where neither of them explains the answer alone.
    """
    variants = [
        (each_id(ids), variant)
        for ids, several in wrong.items()
        for variant in (several if isinstance(several, tuple) else (several,))
    ]
    return sorted(variants, key=lambda each: len(each[0]))


@dataclass
class Trial:
    """One case, what the answer made of it, and how that misses the right value."""

    case: Arguments
    outcome: Outcome
    missed: Difference | None = None
