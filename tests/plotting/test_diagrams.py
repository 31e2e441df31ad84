"""Vectors in the plane and the steps of attention: what is drawn, and what bad input gets."""

from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch, Rectangle

from attnlib import plotting
from tests.plotting.conftest import texts

mpl.use("agg")
from matplotlib import pyplot as plt

LOOKUP = {
    "labels": "早上好",
    "query_label": "上",
    "query": torch.tensor([1.0, 1.0]),
    "keys": [[1, 1], [2, -1], [1, -1]],
    "scores": [2, 1, 0],
    "weights": [0.665, 0.245, 0.090],
    "values": [[1, 3], [-1, 3], [-1, 1]],
    "output": [0.3305, 2.8199],
}
PRODUCT = {
    "left": [[2, -1], [1, 1]],
    "right": [[1, 2, 1], [1, -1, 0.5]],
    "product": [[1, 5, 1.5], [2, 1, 1.5]],
    "names": ["L", "R", "P"],
    "colors": [plotting.QUERY, plotting.KEY, plotting.OUTPUT],
    "row": 1,
}


def test_points_stand_where_their_numbers_say():
    ax = plotting.plot_points([[1, 3], [-1, 0.5]], "早上", color=plotting.VALUE)
    assert texts(ax) == ["早", "上"]
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in dots] == [(1, 3), (-1, 0.5)]
    assert {to_hex(line.get_color()) for line in dots} == {plotting.VALUE.lower()}


def test_a_second_set_of_points_lets_the_plane_grow():
    ax = plotting.plot_points([[1, 3]], "a", color=plotting.VALUE)
    plotting.plot_points([[-7, 2]], "b", color=plotting.OUTPUT, ax=ax)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert left < -7 < 1 < right
    assert low < 0 < 3 < high, "the origin is seen, too"


def test_names_stand_away_from_where_one_says():
    def offset(**options):
        ax = plotting.plot_points([[2, 0]], "a", color=plotting.KEY, **options)
        return ax.texts[0].xyann

    assert offset() == (16, 0)
    assert offset(away_from=(2, 1)) == (0, -18)
    assert offset(away_from=(2, 0)) == (0, 0)


def test_feet_stand_at_right_angles_below_their_keys():
    query, keys = np.array([1.0, 2.0]), np.array([[2.0, 1.0], [0.0, 1.0], [-1.0, -1.0]])
    ax = plotting.plot_projection(torch.tensor(query), keys, keys @ query, "abc")
    assert texts(ax) == ["a 4", "b 2", "c −3"]
    drops = [line.get_xydata() for line in ax.lines if line.get_linestyle() == "--"]
    assert len(drops) == 3
    for key, score, (top, foot) in zip(keys, keys @ query, drops, strict=True):
        assert top == pytest.approx(key)
        assert (key - foot) @ query == pytest.approx(0)
        assert foot @ query == pytest.approx(score)


def test_arcs_are_as_thick_as_weights_and_none_goes_to_oneself():
    ax = plotting.plot_links([0.2, 0.5, 0.3], "早上好", query=2, below="hǎo")
    assert texts(ax) == ["早", "上", "好", "hǎo"]
    arcs = [patch.get_linewidth() for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    assert len(arcs) == 2
    assert arcs[0] < arcs[1]
    assert arcs[1] - arcs[0] == pytest.approx(9 * 0.3)


def test_a_lookup_has_all_its_numbers_and_bars_of_its_weights():
    ax = plotting.plot_lookup(**LOOKUP)
    shown = texts(ax)
    for part in ("上 (1, 1)", "早 (1, 1)", "上 (2, −1)", "2", "0.67", "好 (−1, 1)", "(0.33, 2.82)"):
        assert part in shown
    bars = [
        patch.get_height()
        for patch in ax.patches
        if isinstance(patch, Rectangle) and to_hex(patch.get_facecolor()) == plotting.QUERY.lower()
    ]
    assert bars == LOOKUP["weights"]


def test_one_row_of_a_product_is_lit():
    ax = plotting.plot_product(**PRODUCT)
    assert texts(ax) == [
        *("L", "2", "−1", "1", "1", "·", "R", "1", "2", "1", "1", "−1", "0", "="),
        *("P", "1", "5", "2", "2", "1", "2"),
    ]
    lit = [patch.get_facecolor()[3] < 1 for patch in ax.patches]
    assert lit == [False, False, True, True, *[True] * 6, *[False] * 3, *[True] * 3]
    shown = texts(plotting.plot_product(**PRODUCT, digits=1))
    assert "0.5" in shown
    assert "1.5" in shown


def boxes(ax, width):
    """Return the box of each text with what frames it, on a figure of so many CSS pixels."""
    ax.figure.set_size_inches(width / 100, ax.figure.get_size_inches()[1])
    ax.figure.png()
    ax.figure.draw_without_rendering()
    framed = [(text, text.get_bbox_patch() or text) for text in ax.texts if text.get_text()]
    return [(text.get_text(), frame.get_window_extent()) for text, frame in framed]


@pytest.mark.parametrize("width", [460, 328])
def test_tokens_of_a_lookup_do_not_touch_on_a_phone(width):
    shown = boxes(plotting.plot_lookup(**LOOKUP), width)
    for (one, left), (other, right) in combinations(shown, 2):
        assert not left.overlaps(right), (one, other)


@pytest.mark.parametrize("width", [480, 328])
def test_numbers_of_a_product_stay_in_their_cells_on_a_phone(width):
    weights = [[0.02, 0.87, 0.12], [0.67, 0.24, 0.09], [0.79, 0.11, 0.11]]
    ax = plotting.plot_product(
        weights,
        [[1, 3], [-1, 3], [-1, 1]],
        [[-0.97, 2.77], [0.33, 2.82], [0.57, 2.79]],
        names=[r"$\mathrm{softmax}(QK^\mathsf{T})$", "$V$", "$Y$"],
        colors=PRODUCT["colors"],
        row=1,
        digits=2,
    )
    numbers = [(text, box) for text, box in boxes(ax, width) if text[-1].isdigit()]
    assert len(numbers) == len(ax.patches) == 21
    for (text, box), cell in zip(numbers, ax.patches, strict=True):
        frame = cell.get_window_extent()
        assert frame.x0 <= box.x0 < box.x1 <= frame.x1, text


BAD = [
    ("plot_points", {"points": [[1, 2, 3]], "labels": "a"}, r"points must hold vectors of two num"),
    ("plot_points", {"points": [[1, 2]], "labels": "ab"}, "labels must have 1 entries, got 2"),
    ("plot_points", {"points": [[1, float("nan")]], "labels": "a"}, "points must be finite"),
    ("plot_projection", {"query": [0, 0]}, "query must not be of length 0"),
    ("plot_projection", {"query": [1, 0, 0]}, "query must hold vectors of two numbers"),
    ("plot_projection", {"scores": [1, 2]}, "scores must be 1 numbers, got 2"),
    ("plot_links", {"labels": "ab"}, "labels must have 3 entries, got 2"),
    ("plot_links", {"query": 3}, "query must be one of 0 to 2, got 3"),
    ("plot_lookup", {"weights": [1.0]}, "weights must be of 3 tokens, got 1"),
    ("plot_lookup", {"values": [[1, 3]]}, "values must be of 3 tokens, got 1"),
    ("plot_product", {"row": 2}, "row must be one of 0 to 1, got 2"),
    ("plot_product", {"right": [[1, 2, 3]]}, r"shapes must fit, got \(2, 2\) times \(1, 3\)"),
    ("plot_product", {"product": [[1, 2]]}, r"shapes must fit, .* and \(1, 2\)"),
]
GOOD = {
    "plot_points": {"color": plotting.VALUE},
    "plot_projection": {"query": [1, 0], "keys": [[1, 0]], "scores": [1], "labels": "a"},
    "plot_links": {"weights": [0.2, 0.5, 0.3], "labels": "abc", "query": 0},
    "plot_lookup": LOOKUP,
    "plot_product": PRODUCT,
}


@pytest.mark.parametrize(("name", "change", "message"), BAD)
def test_what_does_not_fit(name, change, message):
    with pytest.raises(ValueError, match=message):
        getattr(plotting, name)(**GOOD[name] | change)
    assert not plt.get_fignums(), "a figure was left behind"
