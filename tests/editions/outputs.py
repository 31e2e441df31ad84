"""What the notebooks of the derived edition show: the cells that show words are run for it."""

import asyncio
import copy
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat

from tests.editions.accents import LANGUAGE
from tests.lab.needed import needed
from tools.proof import runner
from tools.proof.records import Unit

WIDGETS = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"


def shows_words(output):
    """Whether an output is a live figure or a check's verdict; all others are numbers."""
    return bool({"text/html", VIEW} & output.get("data", {}).keys())


def part_with_words(notebook):
    """Return the notebook without the code cells that neither show words nor are needed for it."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    sources = [cell.source for cell in code]
    wanted = {0}  # the first cell chooses the language
    for place, cell in enumerate(code):
        if any(map(shows_words, cell.outputs)):
            wanted |= {place, *needed(cell.source, sources[:place])}
    part = copy.deepcopy(notebook)
    part.cells = [copy.deepcopy(code[place]) for place in sorted(wanted)]
    return part


def with_outputs(notebook, shown):
    """Put into the notebook what its cells with words have shown. Pictures stay as they were."""
    for cell in notebook.cells:
        outputs = shown["cells"].get(cell.id, {}).get("outputs", [])
        if cell.cell_type != "code" or not any(map(shows_words, cell.outputs)):
            continue
        for old, new in zip(cell.outputs, outputs, strict=True):
            if "execution_count" in new:
                new["execution_count"] = cell.execution_count
            if VIEW in old.get("data", {}):
                new["data"]["image/png"] = old["data"]["image/png"]
                new["metadata"] |= old["metadata"]
        cell.outputs = list(map(nbformat.from_dict, outputs))
    if shown["widgets"]:
        notebook.metadata["widgets"][WIDGETS]["state"] = shown["widgets"]


def run(root: Path, paths: list[Path]) -> None:
    """Run the notebooks at `paths`, two at a time, with the library of the book at `root`."""
    runtime = runner.Runtime("derived", sys.executable, "", {"PYTHONPATH": str(root)})
    slots = asyncio.Semaphore(2)

    async def run_one(path):
        notebook = nbformat.read(path, as_version=4)
        if not any(shows_words(each) for c in notebook.cells for each in c.get("outputs", [])):
            return
        unit = Unit(path.stem, {LANGUAGE: part_with_words(notebook)})
        async with slots:
            record = await runner.run(unit, runtime, key="")
        assert not record.failed, record.editions
        with_outputs(notebook, record.editions[LANGUAGE])
        path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    async def run_all():
        await asyncio.gather(*map(run_one, paths))

    with ThreadPoolExecutor(1) as thread:  # this one may be driving a browser, in a loop of its own
        thread.submit(lambda: asyncio.run(run_all())).result()
