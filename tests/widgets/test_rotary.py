"""attnlib.widgets.rotary: the example, traits, errors, and the still picture."""

import base64
import io
import json
import math
import re
import warnings
from pathlib import Path

import ipywidgets
import matplotlib as mpl
import numpy as np
import pytest
import torch
import traitlets
from IPython.core.formatters import DisplayFormatter
from PIL import Image

from attnlib.positional import RotaryPositionalEncoding
from attnlib.widgets import RotaryExplorer
from attnlib.widgets import live_figure as shared
from attnlib.widgets import rotary as module
from attnlib.widgets import rotary_still as still

mpl.use("agg")
NAN, INF = float("nan"), float("inf")


def rotation(vector, angle):
    """Turn by the definition, without `attnlib`."""
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin], [sin, cos]]) @ vector


def drawn(figure, monkeypatch):
    """What `still` hands to the picture, which is drawn as well."""
    seen = {}
    monkeypatch.setattr(
        module, "draw_still", lambda **kwargs: seen.update(kwargs) or still.draw_still(**kwargs)
    )
    figure.still()
    return seen


def words_of(figure):
    return [text.get_text() for ax in figure.still().axes for text in ax.texts]


# --- the example, and what is sent to the browser


def test_it_opens_with_query_and_key_of_the_book_two_positions_apart():
    figure = RotaryExplorer()
    assert repr(figure) == (
        "RotaryExplorer(query=(1, 1), key=(2, -1), query_position=5, key_position=3, theta=0.5)"
    )
    drawing = figure.drawing
    x = torch.tensor([1.0, 2.0])  # 上
    assert drawing.query_vector == (x @ torch.tensor([[1.0, -1], [0, 1]])).tolist()
    assert drawing.key_vector == (x @ torch.tensor([[0.0, 1], [1, -1]])).tolist()
    start = {"query_position": 5, "key_position": 3, "shift": 0, "theta": 0.5, "four_speeds": False}
    assert drawing.start == start == {name: getattr(drawing, name) for name in start}


def test_each_control_is_joined_to_its_trait_and_shows_its_value():
    figure = RotaryExplorer(query_position=7, key_position=11, theta=0.25, four_speeds=True)
    links = {
        (state["source"][0], state["target"][1])
        for state in (
            widget["state"] for widget in ipywidgets.Widget.get_manager_state()["state"].values()
        )
        if state.get("target", [None])[0] == f"IPY_MODEL_{figure.drawing.model_id}"
    }
    names = ["query_position", "key_position", "shift", "theta", "four_speeds"]
    assert links == {
        (f"IPY_MODEL_{control.model_id}", name)
        for control, name in zip(figure.controls, names, strict=True)
    }
    assert [control.value for control in figure.controls] == [7, 11, 0, 0.25, True]
    assert [control.max for control in figure.controls[:4]] == [40, 40, 100, 1.0]
    assert figure.controls[3].min > 0


def test_a_notebook_stores_view_picture_and_text_the_same_each_time():
    figure = RotaryExplorer()
    data, metadata = DisplayFormatter().format(figure)
    view = "application/vnd.jupyter.widget-view+json"
    assert set(data) == {"text/plain", "image/png", view}
    assert data[view]["model_id"] == figure.model_id
    assert data["text/plain"] == repr(RotaryExplorer()) == repr(figure)
    assert data["image/png"] == RotaryExplorer()._repr_mimebundle_()[0]["image/png"]
    size = metadata["image/png"]
    assert size["width"] <= 640
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert picture.size == (2 * size["width"], 2 * size["height"])
    assert len(picture.getcolors(10**6) or ()) > 100, "an empty picture"
    json.dumps({k: v for k, v in figure.drawing.get_state().items() if k != "layout"})


# --- the numbers of the picture


@pytest.mark.parametrize("theta", [0.5, 0.05, 1.0])
@pytest.mark.parametrize("four_speeds", [False, True])
def test_the_numbers_of_the_picture_are_rotations(theta, four_speeds, monkeypatch):
    figure = RotaryExplorer((1, 1), (2, -1), theta=theta, four_speeds=four_speeds)
    figure.drawing.query_position, figure.drawing.shift = 2, 17
    seen = drawn(figure, monkeypatch)
    speeds = [theta**i for i in ((0, 1, 2, 3) if four_speeds else (1,))]
    n, m = seen["positions"]
    assert (n, m) == (19, 20)
    np.testing.assert_allclose(seen["speeds"], speeds)
    expected = [[rotation((1, 1), n * s), rotation((2, -1), m * s)] for s in speeds]
    np.testing.assert_allclose(seen["turned"], expected, atol=1e-12)
    scores = [sum(rotation((1, 1), d * s) @ (2, -1) for s in speeds) for d in range(-40, 41)]
    assert list(seen["distances"]) == list(range(-40, 41))
    np.testing.assert_allclose(seen["scores"], scores, atol=1e-12)


def test_four_speeds_are_a_head_of_eight_with_the_usual_base(monkeypatch):
    seen = drawn(RotaryExplorer(theta=0.1, four_speeds=True), monkeypatch)
    rotary = RotaryPositionalEncoding(8)
    query = rotary(torch.tensor([[1.0, 1.0] * 4], dtype=torch.float64), offset=5)
    np.testing.assert_allclose(seen["turned"][:, 0].flatten(), query[0])


def test_the_score_of_the_picture_stands_still_when_both_move(monkeypatch):
    figure = RotaryExplorer()
    before = words_of(figure)
    figure.drawing.shift = 100
    after = words_of(figure)
    assert "−1.98" in before
    assert before.count("−1.98") == after.count("−1.98") == 2  # in the chart and in the table
    assert {"n = 105", "m = 103", "n − m = 2", "52.50", "51.50"} <= set(after)


def test_the_line_between_the_dots_goes_through_them():
    chart = RotaryExplorer(theta=0.35, four_speeds=True).still().axes[1]
    line, dots = chart.lines[:2]
    between = np.interp(dots.get_xdata(), line.get_xdata(), line.get_ydata())
    np.testing.assert_allclose(between, dots.get_ydata(), atol=0.2)
    assert len(dots.get_xdata()) == 81


@pytest.mark.parametrize("vectors", [((0, 0), (0, 0)), ((0, 0), (1, 2)), ((1, 0), (1, 0))])
def test_special_vectors_can_be_drawn(vectors):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for four_speeds in (False, True):
            RotaryExplorer(*vectors, four_speeds=four_speeds)._repr_mimebundle_()


# --- arguments and traits


def test_tensors_are_taken_and_not_changed():
    query = torch.tensor([0.5, -2.0], requires_grad=True)
    assert RotaryExplorer(query=query).drawing.query_vector == [0.5, -2.0]
    assert query.tolist() == [0.5, -2.0]


def test_another_language_replaces_the_words():
    figure = RotaryExplorer(words={"query": "查询", "at": "在"})
    assert figure.controls[0].description == "查询 在"
    with pytest.raises(ValueError, match=r"words must be among .* got \['quary'\]"):
        RotaryExplorer(words={"quary": "查询"})


def test_every_word_is_used():
    source = shared.module("rotary.js") + Path(module.__file__).read_text(encoding="utf-8")
    for name in module.WORDS:
        assert re.search(rf'words?\.{name}\b|word\["{name}"\]|word\[.{name}.\]', source), name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"query": (1, 1, 1)}, r"query must be numbers of shape \(2,\), got shape \(3,\)"),
        ({"key": (1, NAN)}, r"key must be finite, got \[1\.0, nan\]"),
        ({"key": "ab"}, "key must be numbers .*got 'ab'"),
        ({"query_position": 41}, "query_position must be a whole number from 0 to 40, got 41"),
        ({"query_position": -1}, "query_position must be a whole number from 0 to 40, got -1"),
        ({"key_position": 2.5}, "key_position must be a whole number from 0 to 40, got 2.5"),
        ({"key_position": INF}, "key_position must be finite, got inf"),
        ({"theta": 0}, "theta must be above 0 and at most 1, got 0"),
        ({"theta": 1.5}, "theta must be above 0 and at most 1, got 1.5"),
        ({"theta": NAN}, "theta must be finite, got nan"),
        ({"theta": None}, "theta must be .*, got "),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        RotaryExplorer(**arguments)


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        ("query_vector", [1.0], r"query_vector must be numbers of shape \(2,\)"),
        ("key_vector", [1.0, NAN], "key_vector must be finite"),
        ("shift", 101, "shift must be a whole number from 0 to 100, got 101"),
        ("query_position", 41, "query_position must be a whole number from 0 to 40"),
        ("theta", 0.0, "theta must be above 0 and at most 1"),
    ],
)
def test_bad_traits(trait, value, message):
    drawing = RotaryExplorer().drawing
    before = getattr(drawing, trait)
    with pytest.raises(ValueError, match=message):
        setattr(drawing, trait, value)
    assert getattr(drawing, trait) == before


def test_a_trait_of_another_type_is_refused():
    with pytest.raises(traitlets.TraitError, match="four_speeds"):
        RotaryExplorer().drawing.four_speeds = "yes"


def test_python_and_javascript_agree_on_the_ranges():
    source = shared.module("rotary.js")
    for name in ("LAST", "LAST_SHIFT"):
        assert f"const {name} = {getattr(module, name)};" in source
