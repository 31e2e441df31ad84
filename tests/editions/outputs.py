"""What the notebooks of the derived edition show: the cells that show words are run for it."""

import asyncio
import copy
import json
from pathlib import Path

import nbformat

from tests.editions.accents import LANGUAGE
from tests.lab.needed import needed
from tools.proof import records, runner
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


def run(root: Path, paths: list[Path], catalogue: Path) -> None:
    """Bring the notebooks at `paths` to show what they show with the library of the book at `root`.

    Args:
        root: Root of the book.
        paths: Its notebooks in the derived language.
        catalogue: The words of that language.
    """
    here = runner.here()
    contents = f"{here.contents} {catalogue.read_text(encoding='utf-8')}"
    # What stands already, since the stage before has made it, need not be trained again.
    stand = [runner.standing(unit, here) for unit in records.units()]
    lent = {record.notebook: record for record in stand if record}
    only_here = {"PYTHONPATH": str(root)}
    runtime = runner.Runtime("derived", here.python, contents, only_here, lent=lent)
    notebooks = {path: nbformat.read(path, as_version=4) for path in paths}
    units = [
        Unit(path.stem, {LANGUAGE: part_with_words(notebook)})
        for path, notebook in notebooks.items()
        if any(shows_words(each) for c in notebook.cells for each in c.get("outputs", []))
    ]
    made = asyncio.run(runner.all_of(units, runtime))
    for path, notebook in notebooks.items():
        record = made.get(path.stem)
        if isinstance(record, Exception):
            raise record
        if record is None:
            continue
        assert not record.failed, record.editions
        with_outputs(notebook, record.editions[LANGUAGE])
        path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def counts() -> str:
    """Say how many records were made and reused, for the summary of tools/prove.py."""
    return f"records: proved {runner.COUNTS.proved}, reused {runner.COUNTS.reused}"
