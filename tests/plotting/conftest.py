"""What every test of a drawing relies on."""

from collections.abc import Iterator

import matplotlib as mpl
import pytest

mpl.use("agg")
from matplotlib import pyplot as plt


@pytest.fixture(autouse=True)
def _no_figure_left_open() -> Iterator[None]:
    yield
    plt.close("all")


def texts(ax):
    """Return what stands on axes, once they are drawn."""
    ax.figure.png()
    return [text.get_text() for text in ax.texts if text.get_text()]
