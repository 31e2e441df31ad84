"""Masks as grids, poked tokens, rows as bars, the shapes inside a layer: what is drawn."""

from collections import Counter

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex, to_rgba
from matplotlib.patches import Rectangle

from attnlib import plotting
from attnlib.plotting import grids

mpl.use("agg")

CAUSAL = torch.ones(3, 3).tril().bool()


def signs(ax):
    """What stands in each cell, by (row, column)."""
    return {
        (int(t.get_position()[1]), int(t.get_position()[0])): t.get_text()
        for t in ax.texts
        if t.get_text()
    }


def filled(ax, color):
    """The cells that have a color, by (row, column)."""
    return {
        (patch.get_y(), patch.get_x())
        for patch in ax.patches
        if isinstance(patch, Rectangle) and patch.get_facecolor() == to_rgba(color)
    }


def test_a_mask_shows_who_may_and_hatches_the_rest():
    ax = plotting.plot_mask(CAUSAL, query_labels="早上好", title="t")
    allowed = {(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)}
    assert signs(ax) == dict.fromkeys(allowed, "●")
    hatched = {(p.get_y(), p.get_x()) for p in ax.patches if p.get_hatch()}
    assert hatched == {(0, 1), (0, 2), (1, 2)}
    assert [label.get_text() for label in ax.get_xticklabels()] == ["早", "上", "好"]
    assert (ax.get_ylabel(), ax.get_xlabel(), ax.get_title(loc="left")) == ("← query", "key →", "t")
    assert ax.yaxis_inverted()


def test_what_was_measured_is_held_against_the_mask():
    seen = torch.tensor([[True, True, False], [False, True, False], [True, True, True]])
    ax = plotting.plot_mask(CAUSAL, seen=seen)
    assert signs(ax)[0, 1] == "✗", "a leak"
    assert signs(ax)[1, 0] == "○", "allowed, and yet unseen"
    assert Counter(signs(ax).values()) == {"●": 5, "✗": 1, "○": 1}
    assert filled(ax, grids.LEAK) == {(0, 1)}
    assert {(p.get_y(), p.get_x()) for p in ax.patches if p.get_hatch()} == {(0, 2), (1, 2)}


def test_a_wide_mask_has_its_own_names():
    ax = plotting.plot_mask(np.ones((2, 4), bool), query_labels="早上")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["早", "上"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("poked", [0, 1, 2])
def test_a_poked_token_lights_what_it_moves(poked):
    ax = plotting.plot_poke(CAUSAL, poked, labels="早上好")
    moved = [i for i in range(3) if i >= poked]
    assert filled(ax, plotting.OUTPUT) == {(2, i + 0.1) for i in moved}
    assert [list(line.get_xdata()) for line in ax.lines] == [[poked + 0.5, i + 0.5] for i in moved]
    framed = [p.get_x() for p in ax.patches if to_hex(p.get_edgecolor()) == plotting.KEY.lower()]
    assert framed == [poked + 0.1]
    assert [t.get_text() for t in ax.texts] == [c for c in "早上好" for _ in range(2)]


def test_the_shapes_inside_a_layer():
    ax = plotting.plot_multi_head(length=5, head_dim=3)
    written = [t.get_text() for t in ax.texts]
    for name in ("in_proj", "split_heads", "merge_heads", "out_proj"):
        assert written.count(name) == 1
    assert [t for t in written if t.startswith("(")] == [
        *("(L, d)", "(L, d)", "(H, L, d/H)", "(H, L, L)", "(H, L, d/H)", "(L, d)", "(L, d)")
    ]
    hidden = [p for p in ax.patches if p.get_hatch()]
    assert len(hidden) == 2 * 10  # above the diagonals of the two squares
    shown = [p for p in ax.patches if p not in hidden]
    cells = Counter(to_hex(p.get_facecolor(), keep_alpha=True) for p in shown)
    outlines = cells.pop("#00000000")
    first, second, shared = cells.values() if len(cells) == 3 else (0, 0, 0)
    # x and output are shared; a head has its third of q, k, v twice, half a square, two answers
    assert sorted([first, second, shared]) == sorted([60, *[2 * 45 + 15 + 2 * 15] * 2])
    assert outlines == 1 + 3 + 6 + 2 + 2 + 1 + 1
    _, size = ax.figure.png()
    assert size["width"] <= 400


def test_shares_fill_a_bar_and_what_is_missing_is_hatched(drawn):
    rows = {"whole": torch.tensor([0.5, 0.25, 0.25]), "after": [0.6, 0.05, 0.0]}
    ax = plotting.plot_shares(rows, labels="早上好", title="t")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["whole", "after"]
    widths = [(round(p.get_x(), 2), round(p.get_width(), 2)) for p in ax.patches]
    assert widths == [
        (0, 0.5),
        (0.5, 0.25),
        (0.75, 0.25),
        (0, 0.6),
        (0.6, 0.05),
        (0.65, 0),
        (0.65, 0.35),
    ]
    assert [bool(p.get_hatch()) for p in ax.patches] == [False] * 6 + [True]
    labels = [text for text, _ in drawn(ax.figure)]
    assert labels == ["早\n0.50", "上\n0.25", "好\n0.25", "早\n0.60"]
    assert ax.yaxis_inverted()
    named = plotting.plot_shares(rows, labels="早上好", show_numbers=False)
    assert [text for text, _ in drawn(named.figure)] == ["早", "上", "好", "早", "上"]


@pytest.mark.parametrize("width", [6.4, 3.28, 2.0])
def test_a_label_stays_within_its_share_and_a_number_within_its_cell(drawn, width):
    figure, (ax, below) = plotting.subplots(2, 1, width=width)
    rows = {"one": [0.09, 0.18, 0.73], "two": [0.64, 0.32, 0.04]}
    plotting.plot_shares(rows, labels=["4d²", "8d²", "2Ld"], ax=ax)
    plotting.plot_numbers([[-100] * 7, [1] * 7], groups=np.zeros((2, 7), int), ax=below)
    texts = drawn(figure)
    places = [
        patch.get_window_extent()
        for each in (ax, below)
        for patch in each.patches
        if patch.get_width()
    ]
    for text, box in texts:
        # A pixel for hinting, at two pixels per CSS pixel.
        assert any(place.x0 - 1 <= box.x0 and box.x1 <= place.x1 + 1 for place in places), text
        assert min(abs(place.y0 + place.y1 - box.y0 - box.y1) for place in places) < 4, text
    assert {"4d²\n0.64", "8d²\n0.32", "1"} <= {text for text, _ in texts}
    assert ("2Ld\n0.04" in {text for text, _ in texts}) is (width > 6)


def test_shares_have_the_colour_of_their_weight_or_of_their_label():
    rows = {"before": [0.5, 0.3], "after": [0.2, 0.5]}
    bluer = [p.get_facecolor() for p in plotting.plot_shares(rows, labels="早上").patches]
    assert bluer[0] == bluer[4] == plotting.WEIGHT_MAP(0.5)
    ax = plotting.plot_shares(rows, labels="早上", colors=["#000080", "#FFFF00"])
    bars = [p.get_facecolor() for p in ax.patches if not p.get_hatch()]
    assert bars == [(0, 0, 128 / 255, 1), (1, 1, 0, 1)] * 2
    assert [t.get_color() for t in ax.texts] == ["#FFFFFF", "#000000"] * 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plotting.plot_shares({}, labels=""), "shares must have a bar, got none"),
        (
            lambda: plotting.plot_shares({"w": [0.5, -0.1]}, labels="ab"),
            "w must be a row of weights",
        ),
        (
            lambda: plotting.plot_shares({"w": [0.5, 0.6]}, labels="ab"),
            "w must be at most 1 .* 1.100",
        ),
        (
            lambda: plotting.plot_shares({"w": [0.5]}, labels="ab"),
            "labels must have 1 entries, got 2",
        ),
        (
            lambda: plotting.plot_shares({"w": [0.5]}, labels="a", colors=["#000000"] * 2),
            "colors must have 1 entries, got 2",
        ),
        (lambda: plotting.plot_mask(np.ones((2, 2))), "mask must be boolean, got float64"),
        (lambda: plotting.plot_mask(np.ones(2, bool)), r"not empty, got shape \(2,\)"),
        (lambda: plotting.plot_mask(np.ones((0, 2), bool)), r"not empty, got shape \(0, 2\)"),
        (
            lambda: plotting.plot_mask(CAUSAL, seen=CAUSAL[:2]),
            r"seen must have the shape of mask, \(3, 3\), got \(2, 3\)",
        ),
        (
            lambda: plotting.plot_mask(CAUSAL, query_labels="早上"),
            "query_labels must have 3 entries, got 2",
        ),
        (lambda: plotting.plot_poke(CAUSAL[:2], 0), r"seen must be square, got shape \(2, 3\)"),
        (lambda: plotting.plot_poke(CAUSAL, 3), "poked must be from 0 to 2, got 3"),
        (lambda: plotting.plot_poke(CAUSAL, -1), "poked must be from 0 to 2, got -1"),
        (lambda: plotting.plot_multi_head(length=6), "length must be from 1 to 5, got 6"),
        (lambda: plotting.plot_multi_head(head_dim=0), "head_dim must be from 1 to 3, got 0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
