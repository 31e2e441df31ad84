"""Execute notebooks in place, with widget state, so that a second run changes nothing.

    python -m tools.run_notebooks                                  # every notebook of the book
    python -m tools.run_notebooks notebooks/en/03_masks.ipynb      # only these

A notebook runs once for all editions (tools/proof/runner.py), and is written from the record of
that run; where the record of its code, of the library and of the pins stands already, nothing runs.
What differs from run to run is canonical in it: the ids of widget models are numbered by order of
creation; versions and times leave the metadata. Trained weights are kept while a newly trained
model does the same (proof/trained.py). A browser takes a picture of each live figure whose
committed one is no longer right (figure_pictures.py). A notebook is replaced by renaming a finished
file (atomic_write.py): an interruption leaves the old one.
"""

import argparse
import asyncio
import copy
import os
import sys
import time
from pathlib import Path
from typing import Any

import nbformat

from tools import atomic_write, figure_pictures
from tools.editions import editions
from tools.proof import records, runner, trained
from tools.proof.pictures import MEASURED, image_difference
from tools.proof.records import Record, Unit

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
# What a kernel says of its language, without the version: that differs from reader to reader.
LANGUAGE_INFO = {
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}


def keep_pictures(outputs: list[nbformat.NotebookNode], committed: nbformat.NotebookNode) -> None:
    """Keep committed pictures that show the same, so that rounding leaves no trace."""
    measured = MEASURED in committed.metadata.get("tags", [])
    for new, old in zip(outputs, committed.outputs, strict=False):
        wide = [each.get("data", {}) for each in (old, new)], "image/png"
        narrow = [each.get("metadata", {}).get("narrow", {}) for each in (old, new)], "png"
        for (before, now), name in (wide, narrow):
            if name not in before or name not in now:
                continue
            if not image_difference(before[name], now[name], measured=measured):
                now[name] = before[name]


def written(
    notebook: nbformat.NotebookNode, edition: dict[str, Any], studio: figure_pictures.Studio
) -> str:
    """Return the notebook's canonical JSON with what one edition of a record shows."""
    committed = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            shown = edition["cells"][cell.id]
            cell.execution_count = shown["execution_count"]
            outputs = [nbformat.from_dict(output) for output in shown["outputs"]]
            keep_pictures(outputs, cell)
            cell.outputs = outputs
    notebook.metadata.pop("widgets", None)
    if edition["widgets"]:
        models = trained.keep(figure_pictures.states(committed), edition["widgets"])
        saved = {"state": models, "version_major": 2, "version_minor": 0}
        notebook.metadata["widgets"] = {WIDGET_STATE: saved}
    studio.attach(notebook, committed)
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata["language_info"] = dict(LANGUAGE_INFO)
    nbformat.validate(notebook)
    text: str = nbformat.writes(nbformat.from_dict(notebook))
    return text + "\n"


def failure(record: Record) -> str | None:
    """Say which cell failed, and how; None if none did."""
    for edition in record.editions.values():
        for cell, shown in edition["cells"].items():
            for output in shown["outputs"]:
                if output["output_type"] == "error":
                    return "\n".join([f"in the cell {cell}:", *output["traceback"]])
    return None


def texts_of(unit: Unit, studio: figure_pictures.Studio) -> dict[str, str]:
    """Run a notebook; return its canonical JSON in each language.

    Raises:
        ValueError: If a cell failed.
    """
    record = asyncio.run(runner.record(unit, runner.here()))
    if failed := failure(record):
        raise ValueError(failed)
    return {
        language: written(notebook, record.editions[language], studio)
        for language, notebook in unit.texts.items()
    }


def main() -> int:
    """Run the notebooks named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path)
    named = parser.parse_args().notebooks
    all_paths = sorted(path for edition in editions() for path in edition.notebooks)
    done: dict[Path, str] = {}
    with figure_pictures.Studio() as studio:
        for path in map(Path.resolve, named or all_paths):
            if path in done:
                continue  # written with its twin in another edition
            started = time.monotonic()
            unit = records.unit_of(path)
            try:
                texts = texts_of(unit, studio)
            except ValueError as error:
                print(f"✗ {path}: a cell failed; the file is left as it was.\n{error}")
                return 1
            for language, text in texts.items():
                target = records.paths_of(path)[language]
                changed = text != target.read_text(encoding="utf-8")
                if changed:
                    atomic_write.write(target, text)
                done[target] = verdict = "updated" if changed else "unchanged"
                shown = os.path.relpath(target)
                print(f"▸ {shown}: {verdict} ({time.monotonic() - started:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
