"""The diagram of a block: what stands in it, where the stream goes on, and what bad input gets."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex

from attnlib import plotting
from tests.plotting.conftest import texts

mpl.use("agg")
from matplotlib import pyplot as plt

ENCODER = ("self_attention", "feed_forward")
DECODER = ("self_attention", "cross_attention", "feed_forward")
ARROWS = ["q", "k", "v"]


def stream(ax):
    """Return the pieces of the thickest line as (top, bottom), joined where they meet."""
    pieces = sorted(
        tuple(sorted(line.get_ydata())) for line in ax.lines if line.get_linewidth() == 3.4
    )
    joined = [list(pieces[0])]
    for top, bottom in pieces[1:]:
        if top > joined[-1][1] + 0.27:  # what a plus sign or a norm hides
            joined.append([top, bottom])
        joined[-1][1] = max(joined[-1][1], bottom)
    return joined


def places(ax, name):
    return [text.get_position() for text in ax.texts if text.get_text() == name]


def test_it_grows_part_by_part():
    assert texts(plotting.plot_block(residual=False, norm=None)) == ["x", *ARROWS, "self-attention"]
    assert texts(plotting.plot_block(norm=None)) == ["x", *ARROWS, "self-attention", "+"]
    block = ["x", "norm", *ARROWS, "self-attention", "+", "norm", "feed-forward", "+"]
    assert texts(plotting.plot_block(ENCODER)) == block
    assert texts(plotting.plot_block(ENCODER, final_norm=True)) == [*block, "norm"]
    crossed = texts(plotting.plot_block(DECODER))
    assert crossed[7:14] == ["norm", *ARROWS, "memory", "cross-attention", "+"]


def test_only_a_residual_lets_the_stream_go_on():
    assert len(stream(plotting.plot_block(ENCODER, norm=None))) == 1
    assert len(stream(plotting.plot_block(DECODER))) == 1
    assert len(stream(plotting.plot_block(residual=False, norm=None))) == 2
    assert len(stream(plotting.plot_block(ENCODER, residual=False))) == 3


def test_norms_stand_beside_the_stream_or_on_it():
    line = plotting.plot_block(ENCODER).lines[0].get_xdata()[0]
    before = places(plotting.plot_block(ENCODER), "norm")
    after = places(plotting.plot_block(ENCODER, norm="post"), "norm")
    assert [x == line for x, _ in before] == [False, False]
    assert [x == line for x, _ in after] == [True, True]
    final = places(plotting.plot_block(ENCODER, final_norm=True), "norm")
    assert [x == line for x, _ in final] == [False, False, True]


def test_a_norm_comes_before_its_part_or_after_it():
    for norm, sign in (("pre", 1), ("post", -1)):
        ax = plotting.plot_block(ENCODER, norm=norm)
        parts = [*places(ax, "self-attention"), *places(ax, "feed-forward")]
        for (_, of_norm), (_, of_part) in zip(places(ax, "norm"), parts, strict=True):
            assert sign * (of_part - of_norm) > 0  # y points downwards


def test_queries_keys_and_values_have_their_colours():
    ax = plotting.plot_block(DECODER)
    colors = {text.get_text(): to_hex(text.get_color()) for text in ax.texts}
    expected = (plotting.QUERY, plotting.KEY, plotting.VALUE)
    assert [colors[name] for name in ARROWS] == [color.lower() for color in expected]


def test_keys_and_values_of_cross_attention_come_from_the_memory():
    ax = plotting.plot_block(("cross_attention",))
    memory = places(ax, "memory")[0][0]
    reaching = {
        to_hex(line.get_color()) for line in ax.lines if max(line.get_xdata()) > memory - 0.2
    }
    assert reaching == {plotting.KEY.lower(), plotting.VALUE.lower()}


def test_it_fits_a_phone_and_nothing_is_cut_off():
    ax = plotting.plot_block(DECODER)
    ax.figure.draw_without_rendering()
    page = ax.figure.bbox
    for text in ax.texts:
        box = text.get_window_extent()
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert np.isfinite(box.bounds).all()
    assert ax.figure.narrow() is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parts": ()}, r"parts must be one or more of self_attention, .*, got \(\)"),
        ({"parts": ("attention",)}, r"parts must be .*, got \('attention',\)"),
        ({"parts": "feed_forward"}, "parts must be .*, got 'feed_forward'"),
        ({"norm": "first"}, "norm must be pre, post or None, got 'first'"),
    ],
)
def test_what_does_not_fit(change, message):
    with pytest.raises(ValueError, match=message):
        plotting.plot_block(**change)
    assert not plt.get_fignums(), "a figure was left behind"
