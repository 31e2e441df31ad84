"""attnlib.widgets.positional_encoding: the example, traits and errors."""

import ipywidgets
import pytest
import torch
from matplotlib.colors import to_hex

from attnlib import plotting
from attnlib.positional import sinusoidal_encoding
from attnlib.widgets import PositionalEncodingExplorer
from attnlib.widgets import live_figure as shared
from attnlib.widgets import positional_encoding as module
from tests.widgets.facts import Facts, close

NAN = float("nan")


def check(shown):
    encoding = sinusoidal_encoding(60, shown["dim"], base=float(shown["base"]), dtype=torch.float64)
    close(shown["rows"], encoding[[shown["m"], shown["n"]]])
    close(shown["product"], encoding[shown["m"]] @ encoding[shown["n"]])
    close(shown["products"], encoding @ encoding[0])
    for column, values in shown["columns"].items():
        close(values, encoding[:, int(column)])


FACTS = Facts(
    kind=PositionalEncodingExplorer,
    check=check,
    opening=lambda shown: 0 < shown["product"] < shown["dim"] / 2,  # less than P·P
    tapped=[".attn-pe-map"],
    pressed=[
        (".attn-pe-map", ["ArrowRight", "ArrowRight", "Enter"]),
        (".widget-dropdown select", ["ArrowDown"]),
    ],
    bad=[
        ({"dim": None}, "dim must be a finite number, got null"),
        ({"dim": 7}, "dim must be even, got 7"),
        ({"bases": []}, "bases must be numbers above 0, got []"),
        ({"columns": [1, [2]]}, "columns must be whole numbers from 0"),
        ({"first": 200}, "first must be a whole number from 0 to 39"),
    ],
    marked=lambda _: PositionalEncodingExplorer(),  # nothing in it has a name of the reader's
    special=lambda: [
        PositionalEncodingExplorer(dim, base=100_000, first=4, second=4) for dim in (2, 10, 128)
    ],
    largest=lambda: PositionalEncodingExplorer(128),
)


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
    assert first.max + shift.max == second.max + shift.max == module.LIMITS["length"] - 1


def test_another_base_joins_the_choice():
    figure = PositionalEncodingExplorer(base=500)
    assert figure.drawing.bases == [10, 100, 500, 1000, 10_000, 100_000]
    labels = [label for label, _ in figure.controls[1].options]
    assert labels == ["10", "100", "500", "1 000", "10 000", "100 000"]
    assert figure.controls[1].label == "500"
    assert PositionalEncodingExplorer().drawing.bases == list(module.BASES)


@pytest.mark.parametrize("dim", [2, 4, 8, 10, 128])
def test_every_width_has_columns_to_start_with(dim):
    columns = PositionalEncodingExplorer(dim=dim).drawing.columns
    assert columns == list(range(max(0, min(dim, 10) - 4), min(dim, 10)))


# --- arguments and traits


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


def test_the_map_has_the_colors_of_the_book():
    script = shared.module("positional_encoding.js")
    sides = [to_hex(plotting.SIGNED_MAP(side)) for side in (1.0, 0.0)]
    assert f"const [POSITIVE, NEGATIVE] = {[list(bytes.fromhex(c[1:])) for c in sides]};" in script
    css = shared.style("positional_encoding.css").lower()
    assert all(color in css for color in sides)
