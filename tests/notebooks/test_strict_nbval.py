"""The notebook check must be able to fail: every kind of damage turns its own cell red."""

import base64
import copy
import io
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from PIL import Image, ImageDraw

ROOT = Path(__file__).parent.parent.parent
CELLS = {
    "digit": "print(0.665)",
    "value": "[1, 2, 3]",
    "silenced": "print('早上好')",
    "figure": "import matplotlib.pyplot as plt\nplt.bar([0, 1], [0.665, 0.335])\nplt.show()",
    "figure-cut": "plt.plot([0, 1, 2])\nplt.show()",
    "figure-gone": "plt.plot([0, 1, 2])\nplt.show()",
    "narrow-figure": "from attnlib.plotting import subplots\nsubplots(width=5)[0]",
    "never-run": "x = 1",
    "opted-out": "print(2)  # a marker follows",
    "slider": "import ipywidgets\nslider = ipywidgets.IntSlider(3)\nprint(slider.value)",
    "sound": "print(1)",
}


def change_digit(cell):
    cell.outputs[0].text = cell.outputs[0].text.replace("0.665", "0.666")


def change_value(cell):
    cell.outputs[0].data["text/plain"] = "[1, 2, 4]"


def remove_output(cell):
    cell.outputs = []


def painted_over(png):
    """Move one bar by a hair: five pixels."""
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    ImageDraw.Draw(picture).rectangle((100, 100, 104, 104), fill="black")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def paint_over(cell):
    data = cell.outputs[0].data
    data["image/png"] = painted_over(data["image/png"])


def paint_over_the_narrow_one(cell):
    narrow = cell.outputs[0].metadata["narrow"]
    narrow["png"] = painted_over(narrow["png"])


def cut_off(cell):
    data = cell.outputs[0].data
    data["image/png"] = data["image/png"][: len(data["image/png"]) // 2 // 4 * 4]


def remove_picture(cell):
    del cell.outputs[0].data["image/png"]


def unrun(cell):
    cell.execution_count = None


def opt_out(cell):
    cell.source = "print(2)\n# NBVAL_IGNORE_OUTPUT"


DAMAGE = {
    "digit": change_digit,
    "value": change_value,
    "silenced": remove_output,
    "figure": paint_over,
    "figure-cut": cut_off,
    "figure-gone": remove_picture,
    "narrow-figure": paint_over_the_narrow_one,
    "never-run": unrun,
    "opted-out": opt_out,
}


def results_of(path):
    """Run the strict check over one notebook; return its report."""
    command = ["--nbval", "-p", "tests.notebooks.strict_nbval", "-p", "no:cacheprovider", "-v"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *command, "--rootdir", str(path.parent), str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return dict(re.findall(r"::([\w-]+) (PASSED|FAILED)", done.stdout)), done.stdout


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    cells = []
    for cell_id, source in CELLS.items():
        cells.append(nbformat.v4.new_code_cell(source))
        cells[-1]["id"] = cell_id
    path = tmp_path_factory.mktemp("strict") / "damaged.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    subprocess.run([sys.executable, "-m", "tools.run_notebooks", path], cwd=ROOT, check=True)
    return path


def test_an_honest_notebook_passes(executed):
    verdicts, report = results_of(executed)
    assert set(verdicts) == {*CELLS, "widget-state", "figure-pictures"}, report
    assert set(verdicts.values()) == {"PASSED"}, report


def test_every_damage_is_found_where_it_is(executed, tmp_path):
    damaged = copy.deepcopy(nbformat.read(executed, 4))
    for cell in damaged.cells:
        DAMAGE.get(cell.id, lambda _: None)(cell)
    (models,) = damaged.metadata.widgets.values()
    slider = next(m for m in models["state"].values() if m["model_name"] == "IntSliderModel")
    slider["state"]["value"] = 4
    path = tmp_path / "damaged.ipynb"
    nbformat.write(damaged, path)

    verdicts, report = results_of(path)
    failed = {name for name, verdict in verdicts.items() if verdict == "FAILED"}
    assert failed == {*DAMAGE, "widget-state"}, report
    assert "pixels differ" in report
    assert "widget model" in report
