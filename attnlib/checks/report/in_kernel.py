"""Inside the kernel of an answer sheet: what its checks say is written down as they say it.

What counts is what the engine records, not what is printed. A sheet may replace a check, or record
a result by itself: so the writer holds the code of the checks against what it was before the first
cell, and takes results from a check's own call only. That finds what a student tries out of
curiosity. It is no protection against one who sets out to deceive: nothing within a process is.
"""

import json
import math
import sys
import threading
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

import torch
from ipykernel.iostream import OutStream
from ipykernel.zmqshell import ZMQDisplayPublisher
from IPython import get_ipython

import attnlib.checks
from attnlib.checks.engine import latest
from attnlib.checks.engine.check import Check
from attnlib.checks.engine.result import Result

# By these the engine tells right from wrong.
_JUDGES = ((torch, "allclose"), (torch, "equal"), (math, "isclose"))
_JUDGING = Check.__call__.__code__


class TooMuchOutput(BaseException):
    """A cell has shown more than it may."""


def watch(path: str, most_shown: int) -> None:
    """Write each result of a check into a file from now on, a line of JSON for each.

    Args:
        path: Name of the file.
        most_shown: Characters that a cell may show.
    """
    _limit_output(most_shown)
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


def _limit_output(most: int) -> None:
    """Raise an error in a cell that shows too much, before all that fills the memory."""
    shown = 0

    def counted(shows: Callable[..., Any]) -> Callable[..., Any]:
        def show(*arguments: Any, **options: Any) -> Any:
            nonlocal shown
            what = arguments[1] if len(arguments) > 1 else options.get("data", "")
            shown += len(what) if isinstance(what, str) else len(str(what))
            if shown <= most:
                return shows(*arguments, **options)
            if threading.current_thread() is threading.main_thread():
                raise TooMuchOutput
            return None  # what other programs print is read by a thread that has to live on

        return show

    def begin(*_: Any) -> None:
        nonlocal shown
        shown = 0
        for stream in (sys.stdout, sys.stderr):
            # IPython lays its own function over that of the class, to keep what is printed.
            getattr(stream, "__dict__", {}).pop("write", None)

    for shower, name in ((OutStream, "write"), (ZMQDisplayPublisher, "publish")):
        setattr(shower, name, counted(getattr(shower, name)))
    get_ipython().events.register("pre_run_cell", begin)


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


_ROOMS = {
    "checks",
    "_shapes",
    "masks",
    "functional",
    "chunked",
    "multihead",
    "positional",
    "transformer",
}


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
