"""Each notebook that `make colab` writes, alone on Colab's runtime and on the lowest versions.

The file lies in an empty folder, attnlib is not installed, and the network is cut.
"""

from pathlib import Path

import pytest

from tests.colab import runtimes
from tests.colab.conftest import UNITS
from tools.self_contained import project

pytestmark = [
    pytest.mark.parametrize("runtime", runtimes.NAMES),
    pytest.mark.parametrize("name", UNITS),
]

VIEW = "application/vnd.jupyter.widget-view+json"


def outputs(record):
    """Return each output of a record, with its cell."""
    return [
        (cell, output)
        for edition in record.editions.values()
        for cell, shown in edition["cells"].items()
        for output in shown["outputs"]
    ]


def test_every_cell_passes(record):
    for cell, output in outputs(record):
        assert output["output_type"] != "error", (cell, output["evalue"])


def test_nothing_warns(record):
    """Above all no glyph is missing: the runtime has no Chinese font."""
    for cell, output in outputs(record):
        assert output.get("name") != "stderr", (cell, output["text"])
        assert "Glyph" not in output.get("text", ""), cell


def test_the_reader_sees_what_was_committed(record, carrying, name):
    """The same numbers, the same kinds of output; pictures may differ from version to version."""
    for language, edition in record.editions.items():
        code = [cell for cell in carrying[name].texts[language].cells if cell.cell_type == "code"]
        assert [cell.id for cell in code] == list(edition["cells"])
        for cell in code:
            assert shown(edition["cells"][cell.id]["outputs"]) == shown(cell.outputs), cell.id


def shown(outputs):
    """Return kinds and texts of outputs; the picture of a live figure is added after a run."""
    kinds = []
    for out in outputs:
        data = out.get("data", {})
        if out["output_type"] != "stream":
            kept = sorted(kind for kind in data if not (VIEW in data and kind == "image/png"))
            kinds.append((out["output_type"], kept, data.get("text/plain")))
    printed = "".join(out["text"] for out in outputs if out["output_type"] == "stream")
    return kinds, printed


def test_the_library_is_the_one_that_it_carries_and_no_package_changes(record):
    after = dict(record.after["packages"])
    assert "attnlib" not in record.before["packages"]
    assert after.pop("attnlib") == project()["version"]
    assert after == record.before["packages"]
    place = Path(record.after["loaded"]["attnlib"][0])
    assert place.parts[-3].startswith("attnlib-")
    assert not place.exists(), "it went with the kernel"
    assert record.after["loaded"]["numpy"] == record.before["loaded"]["numpy"]


def test_live_figures_name_the_manager_that_colab_needs(record):
    """Without it Colab shows a widget that is not its own as text."""
    figures = [output for _, output in outputs(record) if VIEW in output.get("data", {})]
    assert figures, "every notebook has a live figure"
    for figure in figures:
        manager = figure["metadata"][VIEW]["colab"]["custom_widget_manager"]
        assert manager["url"].startswith("https://ssl.gstatic.com/")
        assert "text/plain" in figure["data"]


def test_nothing_is_left_beside_the_notebook(record, name):
    assert record.left == [f"{name}.ipynb"]
