"""Execute notebooks in place, with widget state, so that a second run changes nothing.

    python -m tools.run_notebooks                                  # every notebook of the book
    python -m tools.run_notebooks notebooks/en/03_masks.ipynb      # only these

What differs from run to run is made canonical: the ids of widget models are random and are numbered
by order of creation; versions and times leave the metadata. A browser takes a picture of each live
figure whose committed one is no longer right (figure_pictures.py). A notebook is replaced only once
it has run to its end, by renaming a finished file (atomic_write.py): an interruption leaves the old
one.
"""

import argparse
import copy
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tools import atomic_write, figure_pictures

ROOT = Path(__file__).resolve().parent.parent
CELL_TIMEOUT = 300  # seconds


def with_numbered_models(notebook: nbformat.NotebookNode) -> str:
    """Write the notebook with its widget models numbered by order of creation."""
    states = notebook.metadata.get("widgets", {}).values()
    model_ids = [model_id for state in states for model_id in state["state"]]
    text = nbformat.writes(notebook)
    for order, model_id in enumerate(model_ids):
        text = text.replace(model_id, f"{order:032x}")
    return nbformat.writes(nbformat.reads(text, as_version=4)) + "\n"  # keys sorted anew


def execute(path: Path, studio: figure_pictures.Studio) -> str:
    """Run the notebook at `path` in its own folder; return its canonical JSON."""
    notebook = nbformat.read(path, as_version=4)
    committed = copy.deepcopy(notebook)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        extra_arguments=["--IPKernelApp.log_level=40"],  # errors only
        record_timing=False,
        coalesce_streams=True,  # where a slow cell's printout is cut depends on the machine
        store_widget_state=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    notebook.metadata.pop("widgets", None)
    client.execute()
    studio.attach(notebook, committed)
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.validate(notebook)
    return with_numbered_models(notebook)


def main() -> int:
    """Run the notebooks named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path)
    paths = parser.parse_args().notebooks or sorted(ROOT.glob("notebooks/*/*.ipynb"))
    # The reader's own IPython start-up files must not leak into what is published.
    with tempfile.TemporaryDirectory() as ipython_dir, figure_pictures.Studio() as studio:
        os.environ.update(IPYTHONDIR=ipython_dir, OMP_NUM_THREADS="1", PYTHONHASHSEED="0")
        for path in paths:
            started = time.monotonic()
            try:
                text = execute(path.resolve(), studio)
            except CellExecutionError as error:
                print(f"✗ {path}: a cell failed; the file is left as it was.\n{error}")
                return 1
            changed = text != path.read_text(encoding="utf-8")
            if changed:
                atomic_write.write(path, text)
            verdict = "updated" if changed else "unchanged"
            print(f"▸ {path.name}: {verdict} ({time.monotonic() - started:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
