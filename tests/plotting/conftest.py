"""What every test of a drawing relies on."""

from collections.abc import Iterator

import matplotlib as mpl
import pytest

mpl.use("agg")
from matplotlib import pyplot as plt
from matplotlib.text import Text


@pytest.fixture(autouse=True)
def _no_figure_left_open() -> Iterator[None]:
    yield
    plt.close("all")


def texts(ax):
    """Return what stands on axes, once they are drawn."""
    ax.figure.png()
    return [text.get_text() for text in ax.texts if text.get_text()]


@pytest.fixture
def drawn(monkeypatch):
    """Return a function: which texts inside a figure's axes are drawn, and where, in pixels."""

    def found(figure):
        seen = {}

        def draw(text, renderer):
            if text.axes and text in text.axes.texts:
                seen[text] = text.get_window_extent(renderer)

        with monkeypatch.context() as patched:
            patched.setattr(Text, "draw", draw)
            figure.draw_without_rendering()
            # The renderer above draws nothing, but asks every artist to draw itself.
        return [(text.get_text(), seen[text]) for text in seen]

    return found
