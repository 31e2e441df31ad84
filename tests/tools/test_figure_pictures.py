"""Pictures of live figures: taken once, known to be stale, altered or missing without a browser."""

import base64
import copy
import io
import re

import nbformat
import pytest
from ipywidgets.embed import dependency_state
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from attnlib.widgets import MaskLab, ScalingExplorer
from tools import figure_pictures
from tools.figure_page import STATE, VIEW, WIDE, NoPictureError
from tools.figure_pictures import DENSITY, STAMP, Studio, faults, states


def notebook_with(*figures):
    """Return a notebook as it has just run: views and widget state, no pictures."""
    cells = [
        new_code_cell(
            "",
            id=f"figure-{i}",
            outputs=[
                new_output("display_data", {"text/plain": "", VIEW: {"model_id": figure.model_id}})
            ],
        )
        for i, figure in enumerate(figures)
    ]
    notebook = new_notebook(cells=cells)
    state = dependency_state(figures, drop_defaults=False)
    notebook.metadata["widgets"] = {STATE: {"state": nbformat.from_dict(state)}}
    return notebook


def output(notebook, number=0):
    return notebook.cells[number].outputs[0]


def drawing(notebook, name="MaskLabDrawing"):
    """Return the saved traits of the drawing."""
    return next(
        model["state"]
        for model in states(notebook).values()
        if model["state"].get("_anywidget_id", "").endswith(name)
    )


@pytest.fixture(scope="module")
def pictured():
    """A notebook with two figures and their pictures; nobody may change it."""
    notebook = notebook_with(MaskLab(), ScalingExplorer())
    assert faults(notebook) == [
        f"figure-{i}: the picture of the live figure is missing" for i in range(2)
    ]
    with Studio() as studio:
        studio.attach(notebook)
    return notebook


@pytest.fixture
def notebook(pictured):
    return copy.deepcopy(pictured)


def test_a_picture_is_sharp_small_and_says_its_size(pictured):
    assert faults(pictured) == []
    for number in range(2):
        png = base64.b64decode(output(pictured, number).data["image/png"])
        picture, size = Image.open(io.BytesIO(png)), output(pictured, number).metadata["image/png"]
        assert size["width"] == WIDE
        assert picture.size == (DENSITY * size["width"], DENSITY * size["height"])
        assert len(picture.getcolors(256)) > 50, "an empty picture"
        assert len(png) < 80_000
        assert output(pictured, number).metadata[STAMP]["narrow"] > size["height"]


def test_taken_twice_it_is_the_same_to_the_byte(pictured):
    again = notebook_with(MaskLab(), ScalingExplorer())  # other ids
    assert states(again).keys().isdisjoint(states(pictured))
    with Studio() as studio:
        studio.attach(again)
    for number in range(2):
        assert output(again, number).data["image/png"] == output(pictured, number).data["image/png"]
        assert output(again, number).metadata == output(pictured, number).metadata


@pytest.fixture
def no_browser(monkeypatch):
    def never():
        raise AssertionError("a browser is wanted")

    monkeypatch.setattr(figure_pictures, "find_browser", never)


def test_a_picture_that_is_right_is_left_alone(pictured, no_browser):
    again = notebook_with(MaskLab(), ScalingExplorer())
    committed = copy.deepcopy(pictured)
    # As another machine's browser might have drawn it.
    image = Image.open(io.BytesIO(base64.b64decode(output(committed).data["image/png"])))
    image.putpixel((5, 5), (image.getpixel((5, 5)) + 1) % 256)
    file = io.BytesIO()
    image.save(file, format="png")
    output(committed).data["image/png"] = base64.b64encode(file.getvalue()).decode()
    output(committed).metadata[STAMP]["picture"] = figure_pictures.short_digest(file.getvalue())
    with Studio() as studio:
        studio.attach(again, committed)
    assert output(again).data["image/png"] == output(committed).data["image/png"]
    assert output(again, 1).data["image/png"] == output(pictured, 1).data["image/png"]
    assert faults(again) == []


def only_fault(notebook, state=None):
    (fault,) = faults(notebook, state)
    return fault.removeprefix("figure-0: the picture of the live figure ")


def test_a_changed_trait_is_named(notebook):
    drawing(notebook)["valid_len"] = 2
    assert only_fault(notebook) == "is stale, its state has changed"


def test_a_changed_word_of_a_control_is_named(notebook):
    (slider,) = (
        m["state"] for m in states(notebook).values() if m["state"].get("description") == "window"
    )
    slider["description"] = "窗口"
    assert only_fault(notebook) == "is stale, its state has changed"


def test_a_changed_line_of_javascript_is_named(notebook):
    drawing(notebook)["_esm"] = drawing(notebook)["_esm"].replace("n > 6", "n > 5", 1)
    assert only_fault(notebook) == "is stale, its module has changed"


def test_a_changed_line_of_css_is_named(notebook):
    drawing(notebook)["_css"] = drawing(notebook)["_css"].replace("14px", "15px", 1)
    assert only_fault(notebook) == "is stale, its style has changed"


def test_a_changed_style_of_the_controls_is_named(notebook, monkeypatch, tmp_path):
    changed = figure_pictures.STYLE.read_text(encoding="utf-8").replace("22px", "24px")
    (tmp_path / "controls.css").write_text(changed, encoding="utf-8")
    monkeypatch.setattr(figure_pictures, "STYLE", tmp_path / "controls.css")
    assert [fault.partition("is ")[2] for fault in faults(notebook)] == [
        "stale, its style has changed"
    ] * 2


def test_a_changed_pixel_is_named(notebook):
    image = Image.open(io.BytesIO(base64.b64decode(output(notebook).data["image/png"])))
    image.putpixel((100, 100), (image.getpixel((100, 100)) + 1) % 256)
    file = io.BytesIO()
    image.save(file, format="png")
    output(notebook).data["image/png"] = base64.b64encode(file.getvalue()).decode()
    assert only_fault(notebook) == "was altered"


def test_an_altered_picture_is_taken_again(notebook, pictured):
    output(notebook).data["image/png"] = output(notebook, 1).data["image/png"]
    assert only_fault(notebook) == "was altered"
    with Studio() as studio:
        studio.attach(notebook)
    assert output(notebook).data["image/png"] == output(pictured).data["image/png"]


def test_a_missing_picture_or_stamp_is_named(notebook):
    del output(notebook).metadata[STAMP]
    assert only_fault(notebook) == "has no stamp"
    del output(notebook).data["image/png"]
    assert only_fault(notebook) == "is missing"
    states(notebook).pop(output(notebook).data[VIEW]["model_id"])
    assert faults(notebook) == ["figure-0: there is no state for the live figure"]


def test_a_state_computed_afresh_is_what_counts(notebook):
    fresh = states(notebook_with(MaskLab(), ScalingExplorer()))
    assert faults(notebook, fresh) == []
    other = states(notebook_with(MaskLab(window=2), ScalingExplorer()))
    assert only_fault(notebook, other) == "is stale, its state has changed"


def test_versions_of_ipywidgets_change_nothing(notebook):
    for model in states(notebook).values():
        for name in [name for name in model["state"] if name.endswith("_version")]:
            model["state"][name] = "9.9.9"
    assert faults(notebook) == []


def test_a_figure_that_cannot_be_drawn_or_asks_others_is_no_picture():
    notebook = notebook_with(MaskLab())
    traits = drawing(notebook)
    good = traits["_esm"]
    with Studio() as studio:
        for name, value, message in [
            ("tokens", [], "tokens must be a list of one or more texts, got []"),
            ("_esm", good + "\nfetch('http://example.org/a.js').catch(() => {});", "example.org"),
            ("_esm", "export default {", "SyntaxError"),
        ]:
            before, traits[name] = traits[name], value
            with pytest.raises(NoPictureError, match=f"figure-0: .*{re.escape(message)}"):
                studio.attach(notebook)
            traits[name] = before


def test_without_the_loader_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(figure_pictures, "LOADER", figure_pictures.ROOT / "book-widgets.js")
    with Studio() as studio, pytest.raises(NoPictureError, match="run `make web`"):
        studio.attach(notebook_with(MaskLab()))
