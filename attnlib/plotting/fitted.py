"""Text that stays within its place: smaller where that is narrow, else left out."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.text import Text

LEAST = 7.5  # points, which is 10 CSS pixels: what is smaller cannot be read


class FittedText(Text):
    """Centred in a place whose width is known; a narrow page draws the same figure less wide."""

    def __init__(self, x: float, y: float, text: str, *, width: float, **options: Any) -> None:
        super().__init__(x, y, text, ha="center", va="center", **options)
        self._width = width
        self.set_in_layout(False)  # it is within its axes, and its size depends on theirs

    def draw(self, renderer: Any) -> None:
        """Draw it as large as it is meant to be, or as large as it can be."""
        size = self.get_fontsize()
        (left, _), (right, _) = self.get_transform().transform([(0, 0), (self._width, 0)])
        fits = size * min(1, 0.94 * (right - left) / self.get_window_extent(renderer).width)
        if fits < LEAST:
            return
        self.set_fontsize(fits)
        super().draw(renderer)
        self.set_fontsize(size)


def fit_text(ax: Axes, x: float, y: float, text: str, *, width: float, **options: Any) -> None:
    """Write into a place of axes that is `width` wide, in their own units."""
    fitted = FittedText(x, y, text, width=width, transform=ax.transData, **options)
    ax.add_artist(fitted)
