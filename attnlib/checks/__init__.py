"""Checks of a reader's own answers: each names the misconception.

`check_<name>(answer)` takes the answer to an exercise, mostly a function, and returns a result that
shows itself: passed, not yet, or not attempted. It never raises for a wrong answer, whatever that
does. `progress()` lists the exercises of the chapter at hand.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attnlib.checks import chapters
from attnlib.checks.engine.progress import Progress as Progress
from attnlib.checks.engine.progress import progress as progress
from attnlib.checks.engine.registry import all_checks, public
from attnlib.checks.engine.result import Result as Result

chapters.load()
_public = {f"check_{check.name}": public(check) for check in all_checks()}
globals().update(_public)

__all__ = sorted(["Progress", "Result", "progress", *_public])

if TYPE_CHECKING:

    def __getattr__(name: str) -> Callable[[Any], Result]: ...
