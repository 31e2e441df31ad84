"""The first cell of a book that nobody has published: it says what to set, and fetches nothing."""

import asyncio

import nbformat

from tests.colab import runtimes
from tests.colab.conftest import NOTEBOOKS, execute
from tests.colab.runtimes import ROOT
from tools import publish_as


def run(notebook, python, environment, folder):
    asyncio.run(execute(notebook, python, environment, folder, folder / "kernel"))


def test_without_an_address_the_first_cell_says_what_to_set(kernel_environment, tmp_path):
    notebook = nbformat.read(ROOT / NOTEBOOKS[0], as_version=4)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    cell.source = publish_as.bootstrap_source(cell.source, None)
    notebook.cells = [cell]
    layer = runtimes.colab().layer(tmp_path / "layer")
    before = layer.installed()
    run(notebook, layer.python, kernel_environment, tmp_path)
    (output,) = cell.outputs
    assert output.ename == "ModuleNotFoundError"
    assert "set BOOK in this cell" in output.evalue
    assert layer.installed() == before


def test_an_address_that_fails_installs_nothing(published, kernel_environment, tmp_path):
    """Not even a package of the same name from an index."""
    notebook = nbformat.read(published[0] / NOTEBOOKS[0], as_version=4)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    notebook.cells = [cell]
    layer = runtimes.colab().layer(tmp_path / "layer")
    before = layer.installed()
    environment = kernel_environment | {"GIT_CONFIG_COUNT": "0"}
    run(notebook, layer.python, environment, tmp_path)
    assert "transport 'https' not allowed" in "".join(out.get("text", "") for out in cell.outputs)
    assert layer.installed() == before
