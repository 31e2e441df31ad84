"""attnlib.widgets.rotary: the example, traits and errors."""

import ipywidgets
import pytest
import torch
import traitlets

from attnlib.positional import RotaryPositionalEncoding
from attnlib.widgets import RotaryExplorer
from tests.widgets.facts import Facts, close

NAN, INF = float("nan"), float("inf")


def check(shown):
    # A head has the speed 1 in its first pair: θ alone is the second pair of a head of two.
    pairs = 4 if len(shown["scores"]) == 4 else 2
    rope = RotaryPositionalEncoding(2 * pairs, base=shown["theta"] ** -pairs)
    query, key = (
        torch.tensor(vector, dtype=torch.float64).repeat(1, pairs) for vector in ([1, 1], [2, -1])
    )
    first = 0 if pairs == 4 else 1
    turned = [
        rope(vector, offset=place).view(pairs, 2)[first:]
        for vector, place in ((query, shown["n"]), (key, shown["m"]))
    ]
    close(shown["queries"], turned[0])
    close(shown["keys"], turned[1])
    close(shown["score"], (turned[0] * turned[1]).sum())


FACTS = Facts(
    kind=RotaryExplorer,
    check=check,
    opening=lambda shown: shown["score"] * (1 * 2 + 1 * -1) < 0,  # turning has changed its sign
    tapped=[".widget-checkbox input"],
    pressed=[(".widget-checkbox input", ["Space"])],
    bad=[
        ({"query_vector": [None, 1]}, "query_vector must be 2 finite numbers"),
        ({"key_vector": [[1], 2]}, "key_vector must be 2 finite numbers, got [[1],2]"),
        ({"theta": None}, "theta must be a finite number, got null"),
        ({"theta": 2}, "theta must be above 0 and at most 1, got 2"),
        ({"words": None}, "its words are damaged, null"),
        ({"words": {}}, "its words are damaged, {}"),
    ],
    marked=lambda _: RotaryExplorer(),  # nothing in it has a name of the reader's
    special=lambda: [
        RotaryExplorer(*vectors, four_speeds=four_speeds)
        for vectors in (((0, 0), (0, 0)), ((0, 0), (1, 2)), ((1, 0), (1, 0)))
        for four_speeds in (False, True)
    ],
    largest=lambda: RotaryExplorer(four_speeds=True, query_position=20),
)


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


# --- arguments and traits


def test_tensors_are_taken_and_not_changed():
    query = torch.tensor([0.5, -2.0], requires_grad=True)
    assert RotaryExplorer(query=query).drawing.query_vector == [0.5, -2.0]
    assert query.tolist() == [0.5, -2.0]


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
