"""attnlib.widgets.positional_encoding: the example, traits, errors, and the still picture."""

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
from IPython.core.formatters import DisplayFormatter
from matplotlib.colors import to_hex
from PIL import Image

from attnlib.positional import sinusoidal_encoding
from attnlib.widgets import PositionalEncodingExplorer
from attnlib.widgets import live_figure as shared
from attnlib.widgets import positional_encoding as module
from attnlib.widgets import positional_encoding_still as still

mpl.use("agg")
NAN = float("nan")
SCRIPT = shared.module("positional_encoding.js")


def drawn(figure, monkeypatch):
    """What `still` hands to the picture, which is drawn as well."""
    seen = {}

    def record(encoding, **kwargs):
        seen.update(kwargs, encoding=encoding)
        return still.draw_still(encoding, **kwargs)

    monkeypatch.setattr(module, "draw_still", record)
    figure.still()
    return seen


def words_of(figure):
    return [text.get_text() for ax in figure.still().axes for text in ax.texts]


# --- the example, and what is sent to the browser


def test_it_opens_with_the_columns_of_the_second_post():
    figure = PositionalEncodingExplorer()
    assert repr(figure) == (
        "PositionalEncodingExplorer(dim=32, base=10000, first=10, second=17, columns=[6, 7, 8, 9])"
    )
    drawing = figure.drawing
    assert drawing.bases[drawing.base_index] == 10_000
    start = {
        "dim": 32,
        "base_index": 3,
        "first": 10,
        "second": 17,
        "shift": 0,
        "columns": [6, 7, 8, 9],
    }
    assert drawing.start == start == {name: getattr(drawing, name) for name in start}


def test_each_control_is_joined_to_its_trait_and_shows_its_value():
    figure = PositionalEncodingExplorer(dim=64, base=100, first=3, second=5)
    links = {
        (*state["source"], state["target"][1])
        for state in (
            widget["state"] for widget in ipywidgets.Widget.get_manager_state()["state"].values()
        )
        if state.get("target", [None])[0] == f"IPY_MODEL_{figure.drawing.model_id}"
    }
    names = ["dim", "base_index", "first", "second", "shift"]
    assert links == {
        (f"IPY_MODEL_{control.model_id}", "index" if name == "base_index" else "value", name)
        for control, name in zip(figure.controls, names, strict=True)
    }
    dim, base, *positions = figure.controls
    assert (dim.value, dim.min, dim.max, dim.step) == (64, 2, 128, 2)
    assert (base.value, base.index) == (100, figure.drawing.base_index)
    assert [slider.value for slider in positions] == [3, 5, 0]


def test_the_sliders_reach_every_row_and_none_beyond():
    *_, first, second, shift = PositionalEncodingExplorer().controls
    assert first.max + shift.max == second.max + shift.max == module.LENGTH - 1


def test_another_base_joins_the_choice():
    figure = PositionalEncodingExplorer(base=500)
    assert figure.drawing.bases == [10, 100, 500, 1000, 10_000, 100_000]
    labels = [label for label, _ in figure.controls[1].options]
    assert labels == ["10", "100", "500", "1 000", "10 000", "100 000"]
    assert figure.controls[1].label == "500"
    assert PositionalEncodingExplorer().drawing.bases == list(module.BASES)


def test_a_notebook_stores_view_picture_and_text_the_same_each_time():
    figure = PositionalEncodingExplorer()
    data, metadata = DisplayFormatter().format(figure)
    view = "application/vnd.jupyter.widget-view+json"
    assert set(data) == {"text/plain", "image/png", view}
    assert data[view]["model_id"] == figure.model_id
    assert data["text/plain"] == repr(PositionalEncodingExplorer()) == repr(figure)
    assert data["image/png"] == PositionalEncodingExplorer()._repr_mimebundle_()[0]["image/png"]
    size = metadata["image/png"]
    assert size["width"] <= 640
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert picture.size == (2 * size["width"], 2 * size["height"])
    assert len(picture.getcolors(10**6) or ()) > 100, "an empty picture"
    json.dumps({k: v for k, v in figure.drawing.get_state().items() if k != "layout"})


# --- the numbers of the picture


def test_the_numbers_of_the_picture_are_those_of_the_library(monkeypatch):
    figure = PositionalEncodingExplorer(dim=18, base=1000, first=30, second=2, columns=[11, 5])
    figure.drawing.shift = 13
    seen = drawn(figure, monkeypatch)
    expected = sinusoidal_encoding(60, 18, base=1000.0, dtype=torch.float64)
    np.testing.assert_array_equal(seen["encoding"], expected)
    assert seen["positions"] == (43, 15)
    assert seen["columns"] == [5, 11]
    upper_left, upper_right, lower_left, *_ = figure.still().axes
    np.testing.assert_array_equal(upper_left.collections[0].get_array(), expected)
    np.testing.assert_array_equal(upper_right.lines[0].get_ydata(), expected[:, 5])
    np.testing.assert_allclose(lower_left.lines[0].get_ydata()[59:], expected @ expected[0])
    np.testing.assert_array_equal(lower_left.lines[0].get_xdata(), range(-59, 60))


def test_the_dot_product_of_the_picture_stands_still_when_both_move():
    figure = PositionalEncodingExplorer()
    P = sinusoidal_encoding(60, 32, dtype=torch.float64)  # noqa: N806
    product = f"{P[10] @ P[17]:.2f}"
    assert product in words_of(figure)
    figure.drawing.shift = 20
    after = words_of(figure)
    assert product in after
    assert f"$P_{{30}}\\cdot P_{{37}}$ = {product}      n − m = 7" in after
    assert f"{P[37, 6]:.3f}".replace("-", "−") in after


def test_the_table_of_the_picture_has_the_wavelengths():
    words = words_of(PositionalEncodingExplorer(columns=[0, 6, 8, 31]))
    waves = [2 * math.pi * 10_000 ** (2 * i / 32) for i in (0, 3, 4, 15)]
    expected = [f"{waves[0]:.2f}", f"{waves[1]:.1f}", f"{waves[2]:.1f}", f"{waves[3] / 1000:.0f}k"]
    assert set(expected) <= set(words)


def test_columns_beyond_the_width_give_way_to_the_slowest_hand(monkeypatch):
    figure = PositionalEncodingExplorer()
    figure.drawing.dim = 8
    assert drawn(figure, monkeypatch)["columns"] == [6, 7]
    figure.drawing.dim = 4
    assert drawn(figure, monkeypatch)["columns"] == [2, 3]


@pytest.mark.parametrize("dim", [2, 4, 8, 10, 128])
def test_every_width_has_columns_to_start_with_and_can_be_drawn(dim):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = PositionalEncodingExplorer(dim=dim, base=100_000, first=4, second=4)
        figure._repr_mimebundle_()
    columns = figure.drawing.columns
    assert columns == list(range(max(0, min(dim, 10) - 4), min(dim, 10)))


# --- arguments and traits


def test_another_language_replaces_the_words():
    figure = PositionalEncodingExplorer(words={"base": "底数 b", "both": "两个"})
    assert figure.controls[1].description == "底数 b"
    assert figure.controls[4].description == "两个 +"
    with pytest.raises(ValueError, match=r"words must be among .* got \['bass'\]"):
        PositionalEncodingExplorer(words={"bass": "底数"})


def test_every_word_is_used():
    source = SCRIPT + Path(module.__file__).read_text(encoding="utf-8")
    for name in module.WORDS:
        assert re.search(rf'words?\.{name}\b|word\["{name}"\]|word\[.{name}.\]', source), name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim": 0}, "dim must be a whole number from 2 to 128, got 0"),
        ({"dim": 130}, "dim must be a whole number from 2 to 128, got 130"),
        ({"dim": 7}, "dim must be even, got 7"),
        ({"dim": NAN}, "dim must be finite, got nan"),
        ({"base": 0}, "base must be above 0, got 0"),
        ({"base": "e"}, "base must be a number, got 'e'"),
        ({"base": NAN}, "base must be finite, got nan"),
        ({"first": 40}, "first must be a whole number from 0 to 39, got 40"),
        ({"second": -1}, "second must be a whole number from 0 to 39, got -1"),
        ({"columns": []}, r"columns must be 1 to 4 columns, got \[\]"),
        ({"columns": [1, 2, 3, 4, 5]}, r"columns must be 1 to 4 columns, got \[1, 2, 3, 4, 5\]"),
        ({"columns": [6, 6]}, r"columns must be 1 to 4 columns, got \[6, 6\]"),
        ({"columns": [32]}, "columns must be a whole number from 0 to 31, got 32"),
        ({"dim": 4, "columns": [5]}, "columns must be a whole number from 0 to 3, got 5"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        PositionalEncodingExplorer(**arguments)


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        ("dim", 5, "dim must be even, got 5"),
        ("base_index", 5, "base_index must be a whole number from 0 to 4, got 5"),
        ("bases", [10.0, -1.0], r"base must be above 0, got -1\.0"),
        ("shift", 21, "shift must be a whole number from 0 to 20, got 21"),
        ("second", 40, "second must be a whole number from 0 to 39, got 40"),
        ("columns", [128], "columns must be a whole number from 0 to 127, got 128"),
    ],
)
def test_bad_traits(trait, value, message):
    drawing = PositionalEncodingExplorer().drawing
    before = getattr(drawing, trait)
    with pytest.raises(ValueError, match=message):
        setattr(drawing, trait, value)
    assert getattr(drawing, trait) == before


def test_python_and_javascript_agree_on_ranges_and_colors():
    for name in ("LENGTH", "LAST", "LAST_SHIFT", "MOST_DIMS", "MOST_COLUMNS"):
        assert f"const {name} = {getattr(module, name)};" in SCRIPT
    rgb = [list(bytes.fromhex(to_hex(still.SIGNED_MAP(side))[1:])) for side in (1.0, 0.0)]
    assert f"const [POSITIVE, NEGATIVE] = {rgb};" in SCRIPT
    css = shared.style("positional_encoding.css").lower()
    for side in (1.0, 0.0):
        assert f"{to_hex(still.SIGNED_MAP(side))}" in css
