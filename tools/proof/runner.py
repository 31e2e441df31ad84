"""Execute a notebook on a runtime, once for all of its languages, and record what comes of it.

After a cell that has asked the catalogue for words, the same cell runs again in each other language
and once more in the first one, each time from the same state of the random generators: what it
shows then belongs to that language. The last run must show what the first one showed; a cell that
changes what it starts from has to be split.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools import environment
from tools.proof import long_cells, records
from tools.proof.records import Record, Unit
from tools.proof.session import Output, Session, kernel
from tools.proof.solutions import PROGRESS, solutions
from tools.reuse import cold, proving_since

# One thread and one order of sets: the same numbers on every machine.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # else a debugger that nobody uses warns
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}


@dataclass(frozen=True)
class Runtime:
    """Where notebooks run.

    Attributes:
        name: Its name.
        python: The program that starts a kernel.
        contents: What it is made of, for the key of a record.
        environment: Variables of the kernel.
        before: What is imported before the first cell, as Colab does.
        solves: Whether the solutions run after the last cell.
        forked: Whether its kernels have imported what notebooks import (warm.py).
        lent: By notebook, a record of a runtime with the same Python and torch, whose long cells
            are not computed again (long_cells.py).
    """

    name: str
    python: str
    contents: str
    environment: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    solves: bool = False
    forked: bool = True
    lent: Mapping[str, Record] = field(default_factory=dict)


def here() -> Runtime:
    """Return the runtime of the pins, in which this program runs."""
    pins = [path.read_text(encoding="utf-8") for path in environment.PINS]
    return Runtime("here", sys.executable, f"{sys.version} {pins}", solves=True)


class NotRepeatable(ValueError):  # noqa: N818
    """A cell that says something in words also changes what it starts from."""


def alike(outputs: Sequence[Output], model_ids: Sequence[str]) -> str:
    """Write outputs with their widget models numbered and without counts of cells."""
    text = json.dumps([{k: v for k, v in o.items() if k != "execution_count"} for o in outputs])
    for order, model_id in enumerate(model_ids):
        text = text.replace(model_id, f"model {order}")
    return text


class _Pages:
    """What each language shows, as it grows cell by cell."""

    def __init__(self, languages: Sequence[str]) -> None:
        self.cells: dict[str, dict[str, Any]] = {language: {} for language in languages}
        self.models: dict[str, list[str]] = {language: [] for language in languages}

    def add(self, language: str, cell: str, count: int, outputs: list[Output]) -> None:
        outputs = json.loads(json.dumps(outputs))
        for output in outputs:
            if output["output_type"] == "execute_result":
                output["execution_count"] = count
        self.cells[language][cell] = {"execution_count": count, "outputs": outputs}

    def edition(self, language: str, session: Session) -> dict[str, Any]:
        """Return one language's cells and widgets, the ids of models numbered by creation."""
        model_ids = self.models[language]
        shown = {"cells": self.cells[language], "widgets": session.states(model_ids)}
        text = json.dumps(shown)
        for order, model_id in enumerate(model_ids):
            text = text.replace(model_id, f"{order:032x}")
        numbered: dict[str, Any] = json.loads(text)
        return numbered


async def _run_cells(
    session: Session, unit: Unit, languages: Sequence[str], runtime: Runtime, key: str
) -> _Pages:
    first, *others = languages
    lender = runtime.lent.get(unit.name)
    pages, known = _Pages(languages), 0
    asked = await session.ask("mark") if others else 0

    async def run(source: str, count: int | None = None) -> tuple[list[Output], list[str]]:
        nonlocal known
        outputs = await session.run(source, count)
        made, known = session.models[known:], len(session.models)
        return outputs, made

    for count, (cell, source) in enumerate(unit.code, start=1):
        if (lent := await long_cells.take(session, lender, cell, source)) is not None:
            for language in languages:
                pages.add(language, cell, count, lent)
            asked = await session.ask("mark") if others else asked
            continue
        outputs, made = await run(source, count)
        if not made:
            path = long_cells.place_of(runtime.name, unit.name, key, cell)
            await long_cells.keep(session, path, source, outputs)
        shown = dict.fromkeys(languages, (outputs, made))
        now = await session.ask("mark") if others else asked
        if now != asked and not any(o["output_type"] == "error" for o in outputs):
            for language in (*others, first):
                await session.ask("rewind", language)
                shown[language] = await run(source)
            if alike(*shown[first]) != alike(outputs, made):
                raise NotRepeatable(
                    f"{unit.name}: the cell {cell} says something in words, and shows something "
                    "else when it runs again: split what it changes from what it says"
                )
            # What the repetitions asked is none of the next cell's.
            now = await session.ask("asked")
        asked = now
        for language, (each, models) in shown.items():
            pages.add(language, cell, count, each)
            pages.models[language] += models
    return pages


async def _solve(session: Session, unit: Unit, language: str) -> list[dict[str, Any]]:
    """Run the solutions after the last cell, and the checks on what they define."""
    results = []
    for solution in solutions(unit.texts[language]):
        outputs = [each for block in solution.blocks for each in await session.run(block)]
        faults = [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]
        for call, bound in solution.calls:
            outcome = await session.ask("attempt", call, bound)
            results.append({"cell": solution.cell, "call": call, "faults": faults, **outcome})
    return results


async def run(unit: Unit, runtime: Runtime, key: str) -> Record:
    """Run a notebook alone in an empty folder; return what came of it.

    Raises:
        NotRepeatable: If a cell cannot be run once more in another language.
    """
    languages = list(unit.texts)
    with tempfile.TemporaryDirectory() as folder:
        workplace = Path(folder) / "content"
        workplace.mkdir()
        name = f"{unit.name}.ipynb"
        (workplace / name).write_text("{}", encoding="utf-8")
        environment = {**ENVIRONMENT, **runtime.environment}
        async with kernel(
            runtime.python, environment, Path(folder), workplace, forked=runtime.forked
        ) as session:
            if runtime.before and (outputs := await session.run(runtime.before)):
                raise RuntimeError(f"{runtime.name} is not what it should be: {outputs}")
            before = await session.ask("environment")
            pages = await _run_cells(session, unit, languages, runtime, key)
            after = await session.ask("environment")
            left = sorted(each.name for each in workplace.iterdir())
            shown = {language: pages.edition(language, session) for language in languages}
            solved, progress = {}, {}
            if runtime.solves and any(source == PROGRESS for _, source in unit.code):
                for language in languages:
                    await session.ask("use", language)
                    solved[language] = await _solve(session, unit, language)
                    progress[language] = await session.ask("progress")
    return Record(key, unit.name, runtime.name, before, after, left, shown, solved, progress)


@dataclass
class Counts:
    """How many records were made, and how many stood already."""

    proved: int = 0
    reused: int = 0


COUNTS = Counts()


_made_here: set[str] = set()  # keys of records that this process made, also when nothing is reused


def standing(unit: Unit, runtime: Runtime) -> Record | None:
    """Return the record of a notebook on a runtime if it stands, and may be used."""
    key = records.key_of(unit, runtime.name, runtime.contents, runtime.solves)
    usable = not cold() or key in _made_here or _made_since_start(runtime, unit, key)
    return records.load(runtime.name, unit.name, key) if usable else None


async def record(unit: Unit, runtime: Runtime) -> Record:
    """Return the record of a notebook on a runtime: the one that stands, or a new one."""
    if kept := standing(unit, runtime):
        COUNTS.reused += 1
        return kept
    key = records.key_of(unit, runtime.name, runtime.contents, runtime.solves)
    made = await run(unit, runtime, key)
    COUNTS.proved += 1
    _made_here.add(key)
    if not made.failed:
        records.save(made)
    return made


def _made_since_start(runtime: Runtime, unit: Unit, key: str) -> bool:
    """Whether an earlier stage of this same `make test` made the record (see tools/prove.py)."""
    path = records.place_of(runtime.name, unit.name, key)
    return path.is_file() and path.stat().st_mtime >= proving_since()


async def all_of(units: Sequence[Unit], runtime: Runtime) -> dict[str, Record | Exception]:
    """Return the records of several notebooks by name; two run at a time, or as many as told."""
    slots = asyncio.Semaphore(int(os.environ.get("KERNELS_AT_ONCE", "2")))

    async def in_a_slot(unit: Unit) -> Record:
        async with slots:
            return await record(unit, runtime)

    made = await asyncio.gather(*map(in_a_slot, units), return_exceptions=True)
    for each in made:
        if isinstance(each, BaseException) and not isinstance(each, Exception):
            raise each
    return dict(zip((unit.name for unit in units), made, strict=True))  # type: ignore[arg-type]
