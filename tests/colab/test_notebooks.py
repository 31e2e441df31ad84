"""Each notebook alone on Colab's runtime, and on the lowest versions that pyproject.toml admits."""

import pytest
from packaging.version import Version

from tests.colab import runtimes
from tests.colab.conftest import NOTEBOOKS

pytestmark = [
    pytest.mark.parametrize("runtime", runtimes.NAMES),
    pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem),
]

FETCHED = {"attnlib", "jaxtyping", "wadler-lindig"}
VIEW = "application/vnd.jupyter.widget-view+json"


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_every_cell_passes(run):
    for cell in code_cells(run.executed):
        for output in cell.outputs:
            assert output.output_type != "error", (cell.id, output.evalue)


def test_nothing_warns(run):
    """Above all no glyph is missing: the runtime has no Chinese font."""
    for cell in code_cells(run.executed):
        for output in cell.outputs:
            assert output.get("name") != "stderr", (cell.id, output.text)
            assert "Glyph" not in output.get("text", "")


def test_the_reader_sees_what_was_committed(run):
    """The same numbers, the same kinds of output; pictures may differ from version to version."""
    for new, old in zip(code_cells(run.executed)[1:], code_cells(run.committed)[1:], strict=True):
        assert shown(new) == shown(old), new.id


def shown(cell):
    kinds = [
        (out.output_type, sorted(out.get("data", {})), out.get("data", {}).get("text/plain"))
        for out in cell.outputs
        if out.output_type != "stream"
    ]
    printed = "".join(out.text for out in cell.outputs if out.output_type == "stream")
    return kinds, printed


def test_the_first_cell_installs_attnlib_and_changes_nothing(run, runtime):
    assert "attnlib" not in run.before
    assert {name: run.after[name] for name in run.before} == run.before
    assert set(run.after) - set(run.before) <= FETCHED
    assert "attnlib" in run.after
    assert "site-packages" in run.facts["attnlib"]
    assert len(set(run.facts["numpy"])) == 1


def test_the_runtime_is_the_one_that_it_says(run, runtime):
    wanted = runtimes.COLAB | {"torch": runtimes.TORCH}
    if runtime == "lowest":
        wanted |= runtimes.lowest()
    for name, version in wanted.items():
        seen = run.before[name].partition("+")[0]
        assert Version(seen) == Version(version), name


def test_live_figures_name_the_manager_that_colab_needs(run):
    """Without it Colab shows a widget that is not its own as text."""
    figures = [
        output
        for cell in code_cells(run.executed)
        for output in cell.outputs
        if VIEW in output.get("data", {})
    ]
    for figure in figures:
        manager = figure.metadata[VIEW]["colab"]["custom_widget_manager"]
        assert manager["url"].startswith("https://ssl.gstatic.com/")
        assert "image/png" in figure.data


def test_nothing_is_left_beside_the_notebook(run, path):
    assert run.left == {path.name}
