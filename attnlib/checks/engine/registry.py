"""All checks, and the functions that readers call, by what the chapters declare.

A chapter's checks stand in `attnlib.checks.chapters`, in a module named like its notebook with a
`c` in front: `c03_masks` belongs to `03_masks`; or, where they are many, in a package of that name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attnlib.checks.engine.check import Check
    from attnlib.checks.engine.result import Result

_checks: dict[str, Check] = {}


def register(check: Check) -> None:
    """Take in a check.

    Raises:
        ValueError: If another one has its name.
    """
    known = _checks.get(check.name)
    if known is not None and known.module != check.module:
        raise ValueError(f"two checks are called {check.name!r}, in {known.module}, {check.module}")
    _checks[check.name] = check


def all_checks() -> tuple[Check, ...]:
    """Return all checks, in the order of the exercises."""
    return tuple(sorted(_checks.values(), key=lambda check: check.order))


def notebook(chapter: int) -> str | None:
    """Return the name of a chapter's notebook, "03_masks"; None if nothing there has a check."""
    names = (check.notebook for check in _checks.values())
    return next((name for name in names if int(name.split("_")[0]) == chapter), None)


def public(check: Check) -> Callable[[Any], Result]:
    """Make the function that readers call: `check_<name>(answer)`."""

    def function(answer: Any) -> Result:
        return check(answer)

    function.__name__ = function.__qualname__ = f"check_{check.name}"
    function.__doc__ = check.doc
    function.__module__ = "attnlib.checks"
    return function
