"""Inside the kernel of an answer sheet: what its checks say is written down as they say it.

What counts is what the engine records, not what is printed. A sheet may replace a check, or record
a result by itself: so the writer holds the code of the checks against what it was before the first
cell, and takes results from a check's own call only. That finds what a student tries out of
curiosity. It is no protection against one who sets out to deceive: nothing within a process is.
"""

import json
import math
import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

import torch

import attnlib.checks
from attnlib.checks.engine import latest
from attnlib.checks.engine.check import Check
from attnlib.checks.engine.result import Result

# By these the engine tells right from wrong.
_JUDGES = ((torch, "allclose"), (torch, "equal"), (math, "isclose"))
_JUDGING = Check.__call__.__code__


def watch(path: str) -> None:
    """Write each result of a check into a file from now on, a line of JSON for each.

    Args:
        path: Name of the file.
    """
    before = dict(_code())
    lines = open(path, "a", encoding="utf-8", buffering=1)  # noqa: PTH123, SIM115  (until the end)

    def write(result: Result) -> None:
        if sys._getframe(2).f_code is not _JUDGING:
            changed: str | None = "attnlib.checks.engine.latest"
        else:
            changed = next((name for name, now in _code() if before.get(name, now) != now), None)
        said = {"check": result.check, "passed": result.passed, "changed": changed}
        lines.write(json.dumps({**said, "misconception": result.misconception}) + "\n")

    latest.listen(write)


def _code() -> Iterator[tuple[str, Any]]:
    """Yield what the checks are made of, by name: functions with their code, classes, checks."""
    for module, name in _JUDGES:
        yield f"{module.__name__}.{name}", id(getattr(module, name))
    for module in _modules():
        for name, value in list(vars(module).items()):
            yield from _made_of(f"{module.__name__}.{name}", value)


def _modules() -> list[ModuleType]:
    # Not attnlib.checks itself: of a check that is replaced there, the engine hears nothing.
    return [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("attnlib.")
        and name.partition(".")[2].partition(".")[0] in _ROOMS
        and module is not attnlib.checks
    ]


_ROOMS = {"checks", "_shapes", "masks", "functional", "chunked", "multihead", "positional"}


def _made_of(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, FunctionType):
        yield name, (id(value), value.__code__, id(value.__defaults__), id(value.__kwdefaults__))
    elif isinstance(value, Check):
        parts = sorted((part, id(each)) for part, each in vars(value).items())
        yield name, (id(value), parts)
    elif isinstance(value, type):
        yield name, id(value)
        if value.__module__.startswith("attnlib."):
            for part, each in list(vars(value).items()):
                if isinstance(each, FunctionType):
                    yield from _made_of(f"{name}.{part}", each)
                elif isinstance(each, property):
                    yield f"{name}.{part}", (id(each), id(each.fget))
