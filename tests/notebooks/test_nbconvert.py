"""Pages that nbconvert makes of the committed notebooks: where nothing moves, a picture shows."""

import functools
import json
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter, PythonExporter, get_exporter
from traitlets.config import Config

from tests.notebooks.cells import VIEW, with_figures_alone
from tools import environment
from tools.editions import editions

NOTEBOOKS = {f"{e.language}-{p.stem}": p for e in editions() for p in e.notebooks}


@pytest.fixture(params=NOTEBOOKS)
def notebook(request):
    return nbformat.read(NOTEBOOKS[request.param], 4)


@functools.cache
def exporter():
    return HTMLExporter(config=Config(environment.JUPYTER))


def test_each_live_figure_has_its_picture_beside_it(notebook):
    notebook = with_figures_alone(notebook)
    html, _ = exporter().from_notebook_node(notebook)
    page = BeautifulSoup(html, "html.parser")
    views = page.select(f'script[type="{VIEW}"]')
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    figures = [cell for cell in code for o in cell.outputs if VIEW in o.get("data", {})]
    assert len(figures) >= 1
    for cell, view in zip(figures, views, strict=True):
        (picture,) = view.find_parent(class_="with-still").select(":scope > img")
        (output,) = cell.outputs
        data = output.data["image/png"].replace("\n", "")
        assert picture["src"] == f"data:image/png;base64,{data}"
        assert picture["alt"] == cell.metadata["mystnb"]["image"]["alt"]


def test_jupyter_in_this_environment_knows_the_template():
    written = Path(sys.prefix, "etc", "jupyter", "jupyter_config.json")
    assert json.loads(written.read_text(encoding="utf-8")) == environment.JUPYTER


def test_a_notebook_says_what_its_code_is(notebook):
    info = notebook.metadata.language_info
    assert info.file_extension == ".py"
    assert get_exporter(info.nbconvert_exporter) is PythonExporter
    # "Save as executable script" in JupyterLab.
    _, resources = get_exporter("script")().from_notebook_node(notebook)
    assert resources["output_extension"] == ".py"
