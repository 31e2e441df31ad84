"""attnlib.widgets.tiles: the same in torch, what there is to discover, errors."""

import itertools
import json
import math
import subprocess

import pytest
import torch
import traitlets

from attnlib.widgets import Tiles
from attnlib.widgets.live_figure import STATIC
from attnlib.widgets.tiles import LIMITS, MAXIMA, RESCALES, SCORES, VALUES, orders
from tests.widgets.facts import Facts
from tests.widgets.test_live_figure import node

RIGHT, NONE, FLIPPED = range(3)
EVERY_ORDER = range(3)


def close(shown, expected):
    """Compare numbers of any size; those that are infinite, or none, come as texts."""
    numbers = torch.tensor([float(each) for each in shown], dtype=torch.float64)
    expected = torch.as_tensor(expected).double()
    torch.testing.assert_close(numbers, expected, rtol=1e-5, atol=1e-6, equal_nan=True)


def tiles_of(length, tile, order):
    """The keys of each tile, in the order in which they are read."""
    every = torch.arange(length).split(tile)
    return [every[number - 1] for number in orders(len(every))[order]]


def by_hand(scores, values, tiles, of_tile, rescale):
    """Online softmax in float32: m, f, l, o after each tile."""
    steps = []
    for keys in tiles:
        largest = scores[keys].max()
        if not steps:
            m, f, total, output = largest, torch.tensor(1.0), 0.0, 0.0
        else:
            before, m = m, largest if of_tile else torch.maximum(m, largest)
            f = {RIGHT: (before - m).exp(), NONE: torch.tensor(1.0), FLIPPED: (m - before).exp()}[
                rescale
            ]
        parts = (scores[keys] - m).exp()
        total = total * f + parts.sum()
        output = output * f + (parts * values[keys]).sum()
        steps.append(torch.stack([m, f, total, output, output / total]))
    return torch.stack(steps)


def check_row(shown, scores=SCORES, values=VALUES, tile=3):
    scores = torch.tensor(scores) * shown["factor"]
    values = torch.tensor(values)
    tiles = tiles_of(len(scores), tile, shown["order"])[: shown["read"]]
    steps = by_hand(scores, values, tiles, shown["ofTile"], shown["rescale"])
    for step, expected in zip(shown["steps"], steps, strict=True):
        close([step[name] for name in ("m", "f", "l", "o", "output")], expected)
    read = torch.cat(tiles)
    assert [step["tile"] - 1 for step in shown["steps"]] == [int(keys[0]) // tile for keys in tiles]
    weights = torch.zeros(len(scores)).index_copy(0, read, scores[read].softmax(dim=0))
    close(shown["right"]["weights"], weights)
    close([shown["right"]["output"]], (weights * values).sum()[None])
    length = shown["length"]
    side = min(length, 128)
    query = torch.zeros(side, 64)
    held = [torch.zeros(side, side), torch.zeros(side), torch.zeros(side), query]
    assert shown["bytes"]["held"] == sum(each.nbytes for each in held)
    assert shown["bytes"]["whole"] == 4 * length**2


FACTS = Facts(
    kind=Tiles,
    check=check_row,
    opening=lambda shown: shown["read"] == 2 and not shown["ofTile"] and shown["rescale"] == RIGHT,
    # Buttons: three for the order, two for the maximum, three for the factor.
    tapped=[f".widget-toggle-button >> nth={n}" for n in (1, 4, 6)],
    pressed=[(f".widget-toggle-button >> nth={n}", ["Enter"]) for n in (1, 6)],
    bad=[
        ({"scores": [1.0]}, "scores must be 2 to 12 numbers, got [1]"),
        ({"scores": None}, "scores must be 2 to 12 numbers, got null"),
        ({"scores": [1.0, 2.0, 99.0] * 4}, "scores must be from -10 to 10, got [1,2,99"),
        ({"scores": ["a"] * 12}, 'scores must be 12 finite numbers, got ["a"'),
        ({"values": [1.0]}, "values must be 12 finite numbers, got [1]"),
        ({"tile": 12}, "tile must be a whole number from 1 to 11, got 12"),
        ({"read": 5}, "read must be a whole number from 1 to 4, got 5"),
        ({"order": 3}, "order must be a whole number from 0 to 2, got 3"),
        ({"maximum": 2}, "maximum must be a whole number from 0 to 1, got 2"),
        ({"rescale": -1}, "rescale must be a whole number from 0 to 2, got -1"),
        ({"factor": 41}, "factor must be a whole number from 1 to 40, got 41"),
        ({"exponent": 3}, "exponent must be a whole number from 4 to 20, got 3"),
    ],
    marked=lambda _: Tiles(),  # nothing in it has a name of the reader's
    special=lambda: [
        Tiles([1, 1], [0, 0], tile=1),
        Tiles([-10] * 12, [-10] * 12, tile=11, order=1, length=16),
        Tiles(read=4, order=1, maximum="tile", factor=40, length=2**20),  # NaN
        Tiles(read=4, rescale="flipped", factor=40),  # ∞
    ],
    largest=lambda: Tiles([-9.5, 10.0] * 6, [-9.5] * 12, tile=1, read=12, factor=40),
)


# --- the JavaScript, in every state

IN_NODE = """
import { atOnce, readTiles } from 'STATIC/online_softmax.js';
import { bytes } from 'STATIC/tiles.js';
const { row, states, limits } = JSON.parse(process.argv[1]);
const finite = (value) => typeof value !== 'number' || Number.isFinite(value);
const kept = (_, value) => (finite(value) ? value : String(value));
const numbers = (state) => ({ right: atOnce(row, state), steps: readTiles(row, state) });
const more = { length: 64, bytes: bytes(64, limits) };
const shown = states.map((state) => ({ ...state, ...more, ...numbers(state) }));
console.log(JSON.stringify(shown, kept));
"""


def computed(states, scores=SCORES, values=VALUES, tile=3):
    """What the figure shows in these states, out of node."""
    row = {"scores": scores, "values": values, "tile": tile, "tiles": -(-len(scores) // tile)}
    sent = json.dumps({"row": row, "states": states, "limits": LIMITS})
    script = IN_NODE.replace("STATIC", STATIC.as_uri())
    command = [node(), "--input-type=module", "--eval", script, sent]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def state(order=0, of_tile=False, rescale=RIGHT, factor=1, read=4):
    return {
        "read": read,
        "order": order,
        "ofTile": of_tile,
        "rescale": rescale,
        "factor": factor,
    }


ALL = [
    state(order, of_tile, rescale, factor, read)
    for order, of_tile, rescale, factor, read in itertools.product(
        EVERY_ORDER, [False, True], range(3), [1, 7, 40], [1, 2, 4]
    )
]


def test_the_javascript_computes_what_torch_does_in_every_state():
    shown = computed(ALL)
    assert len(shown) == 162
    for each in shown:
        check_row(each)


def test_tiles_need_not_divide_the_row():
    scores, values = SCORES[:11], VALUES[:11]
    for each in computed([state(order, read=3) for order in EVERY_ORDER], scores, values, tile=4):
        check_row(each, scores, values, tile=4)


# --- what there is to discover


def errors(states):
    """How far o / l is from the softmax at once after the last tile."""
    return [
        abs(float(each["steps"][-1]["output"]) - each["right"]["output"])
        for each in computed(states)
    ]


def test_each_step_is_the_softmax_of_what_was_read_in_any_order():
    states = [state(order, factor=f) for order in EVERY_ORDER for f in (1, 40)]
    assert max(errors(states)) < 1e-5
    for each in computed([state(order) for order in EVERY_ORDER]):
        close(each["steps"][-1]["weights"], each["right"]["weights"])


def test_without_the_factor_weights_add_up_to_1_and_are_wrong():
    for each in computed([state(rescale=NONE), state(rescale=FLIPPED)]):
        assert sum(each["steps"][-1]["weights"]) == pytest.approx(1, abs=1e-6)
    assert min(errors([state(rescale=NONE), state(rescale=FLIPPED)])) > 1


def test_where_the_largest_comes_first_neither_shows():
    hidden = [state(1, rescale=rescale, factor=f) for rescale in (NONE, FLIPPED) for f in (1, 40)]
    assert max(errors(hidden)) < 1e-5
    assert {step["f"] for each in computed(hidden) for step in each["steps"]} == {1}


def test_a_maximum_of_the_tile_alone_is_as_right_until_it_overflows():
    assert max(errors([state(order, of_tile=True) for order in EVERY_ORDER])) < 1e-5
    assert math.isnan(errors([state(1, of_tile=True, factor=40)])[0])
    assert errors([state(1, factor=40)])[0] < 1e-5  # as the running maximum never does
    alone = errors([state(order, of_tile=True, rescale=NONE) for order in EVERY_ORDER])
    assert min(alone) > 1
    assert max(alone) - min(alone) < 1e-5  # the same in every order


# --- the figure


def test_it_opens_after_two_tiles_of_a_row_of_its_own():
    figure = Tiles()
    assert repr(figure) == (
        "Tiles(tile=3, read=2, order=0, maximum='running', rescale='right', factor=1, length=65536)"
    )
    start = {"read": 2, "order": 0, "maximum": 0, "rescale": 0, "factor": 1, "exponent": 16}
    assert figure.drawing.start == start
    assert {name: getattr(figure.drawing, name) for name in start} == start
    assert (figure.drawing.scores, figure.drawing.values) == (list(SCORES), list(VALUES))


def test_rows_of_others_can_be_tensors():
    figure = Tiles(torch.tensor([1, 2, 3]), torch.tensor([0.5, 0, 1]), tile=2, read=1)
    assert repr(figure).startswith("Tiles([1.0, 2.0, 3.0], [0.5, 0.0, 1.0], tile=2, read=1, ")
    assert figure.controls[0].max == 2


@pytest.mark.parametrize("maximum", MAXIMA)
@pytest.mark.parametrize("rescale", RESCALES)
def test_controls_stand_where_the_drawing_does(maximum, rescale):
    figure = Tiles(tile=5, read=3, order=2, maximum=maximum, rescale=rescale, factor=40, length=16)
    read, factor, order, chosen, f, exponent = figure.controls
    assert [read.value, read.min, read.max] == [3, 1, 3]
    assert [factor.value, factor.min, factor.max] == [40, 1, 40]
    assert [order.index, order.options] == [2, ("1 2 3", "3 2 1", "2 1 3")]
    assert [chosen.index, f.index] == [MAXIMA.index(maximum), RESCALES.index(rescale)]
    assert [exponent.value, exponent.min, exponent.max] == [4, 4, 20]


def test_long_orders_are_named_by_their_ends():
    *_, order, _, _, _ = Tiles(tile=1).controls
    assert order.options == ("1 2 … 12", "12 11 … 1", "2 4 … 11")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scores": [1]}, r"scores must be 2 to 12 numbers, got \[1\]"),
        ({"scores": 3}, "scores must be 2 to 12 numbers, got 3"),
        ({"scores": [0] * 13}, "scores must be 2 to 12 numbers, got"),
        ({"scores": [1, 11], "values": [1, 2]}, r"scores must be from -10 to 10, got \[1\.0, 11"),
        ({"scores": [1, 2], "values": [1, -11]}, "values must be from -10 to 10"),
        ({"scores": [1, 2]}, r"values must be numbers of shape \(2,\), got"),
        ({"scores": [1, math.nan], "values": [1, 2]}, "scores must be finite, got"),
        ({"tile": 12}, "tile must be a whole number from 1 to 11, got 12"),
        ({"read": 5}, "read must be a whole number from 1 to 4, got 5"),
        ({"order": 3}, "order must be a whole number from 0 to 2, got 3"),
        ({"maximum": "last"}, r"maximum must be one of \('running', 'tile'\), got 'last'"),
        ({"rescale": 1}, r"rescale must be one of \('right', 'none', 'flipped'\), got 1"),
        ({"factor": 41}, "factor must be a whole number from 1 to 40, got 41"),
        ({"length": 100}, "length must be a power of 2 from 16 to 1048576, got 100"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Tiles(**arguments)


@pytest.mark.parametrize(
    ("trait", "value"),
    [
        ("tile", 0),
        ("read", 0),
        ("order", 3),
        ("maximum", 2),
        ("rescale", 3),
        ("factor", 41),
        ("exponent", 21),
    ],
)
def test_bad_traits(trait, value):
    drawing = Tiles().drawing
    with pytest.raises(traitlets.TraitError, match=trait):
        setattr(drawing, trait, value)
