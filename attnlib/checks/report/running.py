"""Run each answer sheet in a process of its own, within limits, and read what became of it.

This is no sandbox: a sheet runs with the rights of whoever runs the report. It is kept from what
students do by accident, or out of curiosity.
"""

import json
import os
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil

import attnlib
from attnlib import words
from attnlib.checks.engine.registry import all_checks
from attnlib.checks.report.sheets import Sheet

SUPERVISOR = Path(__file__).with_name("supervisor.py")
LIMITS_MEMORY = sys.platform == "linux"
_MEGABYTE = 2**20

# From an own view of network and processes, in which all that a sheet leaves behind ends with it,
# to that of the system, where it lets nobody have one of their own.
_ROOT = ("unshare", "--map-root-user", "--net")
_VIEWS = ((*_ROOT, "--pid", "--fork", "--kill-child", "--mount-proc"), _ROOT)

# Other variables may hold secrets, or change how Python and Jupyter behave.
_KEPT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "SYSTEMROOT",
    "WINDIR",
    "TEMP",
    "TMP",
    "TMPDIR",
)


@dataclass(frozen=True)
class Limits:
    """What a sheet may use.

    Attributes:
        seconds: For all of its cells together.
        cell_seconds: For one cell, before it is interrupted and the next one begins.
        memory: Megabytes, where the system can limit them (Linux).
        output: Megabytes that one cell may show.
        sheet: Megabytes that its file may have.
    """

    seconds: float = 600.0
    cell_seconds: float = 120.0
    memory: int = 4000
    output: int = 10
    sheet: int = 100


@dataclass(frozen=True)
class Verdict:
    """What a check said: True, False or None for not attempted, and the misconception, if any."""

    passed: bool | None
    misconception: str | None = None


@dataclass(frozen=True)
class Run:
    """What became of a sheet.

    Attributes:
        sheet: The sheet.
        ending: How it ended: "finished", or the key of the words that say why it did not.
        cell: The last cell that began, counted among those with code; 0 if none did.
        cells: How many cells it has.
        detail: What an error said.
        calls: Names of the checks that its cells call.
        verdicts: What these said last, by name of the check.
        changed: The part of attnlib that the sheet has changed: what was said then does not count.
        errors: Number and error of cells that failed.
    """

    sheet: Sheet
    ending: str
    cell: int = 0
    cells: int = 0
    detail: str = ""
    calls: tuple[str, ...] = ()
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    changed: str | None = None
    errors: tuple[tuple[int, str], ...] = ()


def view() -> tuple[str, ...]:
    """Return the beginning of a command that cuts off the network; empty where nothing can."""
    for command in _VIEWS if shutil.which(_ROOT[0]) else ():
        tried = subprocess.run([*command, sys.executable, "-c", ""], capture_output=True)
        if tried.returncode == 0:
            return command
    return ()


def run_all(
    sheets: tuple[Sheet, ...], limits: Limits, view: tuple[str, ...], jobs: int
) -> Iterator[Run]:
    """Run sheets, several at a time; yield what became of each, in their order."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as shared:
        pool = ThreadPoolExecutor(jobs)
        try:
            yield from pool.map(partial(run, limits=limits, view=view, shared=shared), sheets)
        finally:
            pool.shutdown(cancel_futures=True)


def run(sheet: Sheet, limits: Limits, view: tuple[str, ...], shared: str) -> Run:
    """Run a sheet alone in an empty folder."""
    if sheet.path.stat().st_size > limits.sheet * _MEGABYTE:
        return Run(sheet, "too_large")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for each in ("home", "workplace"):
            (folder / each).mkdir()
        log, verdicts = folder / "log", folder / "verdicts"
        given = {
            "sheet": str(sheet.path.resolve()),
            "folder": name,
            "workplace": str(folder / "workplace"),
            "log": str(log),
            "verdicts": str(verdicts),
            "seconds": limits.seconds,
            "cell_seconds": limits.cell_seconds,
            "memory": limits.memory * _MEGABYTE,
            "output": limits.output * _MEGABYTE,
            "file": limits.sheet * _MEGABYTE,
        }
        in_time = _start(
            [*view, sys.executable, "-P", str(SUPERVISOR), json.dumps(given)],
            folder / "workplace",
            _environment(folder, shared),
            limits.seconds,
        )
        return _read(sheet, list(_lines(log)), _lines(verdicts), in_time)


def _environment(folder: Path, shared: str) -> dict[str, str]:
    ours = [str(Path(attnlib.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **{name: os.environ[name] for name in _KEPT if name in os.environ},
        "HOME": str(folder / "home"),
        "USERPROFILE": str(folder / "home"),
        "PYTHONUSERBASE": site.getuserbase(),  # where a home that is not theirs has its packages
        "PYTHONPATH": os.pathsep.join(ours),
        "PYTHONUTF8": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "MPLCONFIGDIR": shared,  # a list of fonts, which takes seconds to make
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }


def _start(command: list[str], workplace: Path, environment: dict[str, str], most: float) -> bool:
    """Run a command; say whether it ended in time."""
    process = subprocess.Popen(
        command,
        cwd=workplace,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(most)
    except subprocess.TimeoutExpired:
        return False
    finally:
        family = []
        with suppress(psutil.NoSuchProcess):
            family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for each in family:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()
    return True


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what was written down, but for a last line that was cut off."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            with suppress(ValueError):
                said = json.loads(line)
                if isinstance(said, dict):
                    yield said


def _read(
    sheet: Sheet,
    log: list[dict[str, Any]],
    said: Iterator[dict[str, Any]],
    in_time: bool,
) -> Run:
    """Put together what the supervisor and the kernel have written."""
    events = {each["event"]: each for each in log}
    ends = [
        name for name in ("finished", "unreadable", "died", "memory", "broken") if name in events
    ]
    ending = ends[0] if ends else ("killed" if in_time else "out_of_time")
    known = {check.name for check in all_checks()}
    verdicts: dict[str, Verdict] = {}
    changed: str | None = None
    for each in said:
        if isinstance(each.get("changed"), str):
            changed = each["changed"]
        elif (verdict := _verdict(each)) and str(each.get("check")) in known:
            verdicts[each["check"]] = verdict
    return Run(
        sheet,
        ending,
        events.get("cell", {}).get("number", 0),
        events.get("read", {}).get("cells", 0),
        events.get(ending, {}).get("text", ""),
        tuple(name for name in events.get("read", {}).get("calls", ()) if name in known),
        verdicts,
        changed,
        tuple((each["number"], each["text"]) for each in log if each["event"] == "error"),
    )


def _verdict(said: dict[str, Any]) -> Verdict | None:
    """Read a verdict, if it is one: a sheet may write into the file as well."""
    passed, misconception = said.get("passed"), said.get("misconception")
    named = words.entry("checks.misconception")
    if not isinstance(passed, bool | None) or not isinstance(misconception, str | None):
        return None
    return Verdict(passed, misconception if passed is False and misconception in named else None)
