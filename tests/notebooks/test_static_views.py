"""Where widgets cannot be shown, a notebook shows the still pictures of its live figures.

GitHub's viewer takes the richest output that it knows, as nbconvert does: the picture.
"""

import base64
import functools

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter, MarkdownExporter
from traitlets.config import Config

from tests.notebooks.cells import VIEW, with_figures_alone
from tools.editions import editions

NOTEBOOKS = [path for edition in editions() for path in edition.notebooks]


@pytest.fixture(
    params=NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem}", scope="module"
)
def notebook(request):
    return with_figures_alone(nbformat.read(request.param, as_version=4))


def still_pictures(notebook):
    """Return the pictures of the live figures, as bytes; there must be one at least."""
    outputs = [o.data for cell in notebook.cells for o in cell.get("outputs", []) if "data" in o]
    pictures = [base64.b64decode(data["image/png"]) for data in outputs if VIEW in data]
    assert pictures
    return pictures


@functools.cache
def exporter(*kinds):
    """Return nbconvert's exporter of pages, which prefers these kinds of outputs."""
    chosen = {"NbConvertBase": {"display_data_priority": [*kinds]}} if kinds else {}
    return HTMLExporter(config=Config(chosen))


def html_without_widgets(notebook):
    static = exporter("text/html", "text/markdown", "image/png", "text/plain")
    return static.from_notebook_node(notebook)[0]


def html_without_state(notebook):
    """As nbconvert writes by itself where a notebook was saved without the state of its widgets."""
    bare = nbformat.from_dict(notebook)
    bare.metadata = {key: value for key, value in notebook.metadata.items() if key != "widgets"}
    return exporter().from_notebook_node(bare)[0]


@pytest.mark.parametrize("view", [html_without_widgets, html_without_state])
def test_html_shows_the_still_picture(notebook, view):
    page = BeautifulSoup(view(notebook), "html.parser")
    assert not page.select(f'script[type="{VIEW}"]')
    sources = [image["src"] for image in page.select("img")]
    shown = [base64.b64decode(s.partition("base64,")[2]) for s in sources if s.startswith("data:")]
    for picture in still_pictures(notebook):
        assert picture in shown


def test_markdown_shows_the_still_picture(notebook):
    _, resources = MarkdownExporter().from_notebook_node(notebook)
    for picture in still_pictures(notebook):
        assert picture in resources["outputs"].values()
