"""The widgets that a page can show are those that the notebooks use: not one less, not one more."""

import json

import nbformat
import pytest

from tools import editions

KNOWN = editions.ROOT / "book" / "web" / "known_widgets.json"
STATE = "application/vnd.jupyter.widget-state+json"


def used_by(notebook):
    """Return (module, class) of each model and view that a notebook's widget state needs."""
    found = set()
    for model in notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {}).values():
        state = model["state"]
        assert not model.get("buffers"), f"{model['model_name']} has binary traits"
        found.add((model["model_module"], model["model_name"]))
        if state.get("_view_name"):
            found.add((state["_view_module"], state["_view_name"]))
    return found


@pytest.fixture(scope="module")
def used():
    return {
        path.relative_to(editions.ROOT).as_posix(): used_by(nbformat.read(path, as_version=4))
        for edition in editions.editions()
        for path in edition.notebooks
    }


@pytest.fixture(scope="module")
def known():
    table = json.loads(KNOWN.read_text(encoding="utf-8"))
    return {(module, name) for module, names in table.items() for name in names}


def test_every_widget_of_the_notebooks_is_known_to_the_pages(used, known):
    assert sum(bool(each) for each in used.values()) >= 6
    missing = {path: sorted(each - known) for path, each in used.items() if each - known}
    assert not missing, "add them to known_widgets.json"


def test_every_widget_that_pages_know_is_used(used, known):
    assert not known - set().union(*used.values()), "remove them from known_widgets.json"
