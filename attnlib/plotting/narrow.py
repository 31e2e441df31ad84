"""Pictures for narrow pages: columns of axes below each other, without what is blank."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from PIL import Image

DENSITY = 2  # PNG pixels per CSS pixel
_MARGIN = 8  # CSS pixels above and below what is drawn


def without_blank(picture: Image.Image) -> Image.Image:
    """Cut off what is blank above and below what is drawn, but for a margin."""
    rows = np.flatnonzero((np.asarray(picture) != picture.getpixel((0, 0))).any(axis=1))
    if not rows.size:
        return picture
    margin = _MARGIN * DENSITY
    top = max(0, int(rows[0]) - margin)
    bottom = min(picture.height, int(rows[-1]) + 1 + margin)
    return picture.crop((0, top, picture.width, bottom))


def stacked(wide: Image.Image, cuts: Sequence[int], most: int) -> Image.Image:
    """Set the columns of a picture as words are set, along the right edge.

    Args:
        wide: The picture, with a palette.
        cuts: Where its columns end, in CSS pixels.
        most: How wide a line may be, in CSS pixels.

    Returns:
        The lines, below each other.
    """
    edges = [0, *(x * DENSITY for x in cuts), wide.width]
    lines: list[list[tuple[int, int]]] = [[]]
    for left, right in pairwise(edges):
        if lines[-1] and right - lines[-1][0][0] > most * DENSITY:
            lines.append([])
        lines[-1].append((left, right))
    parts = [without_blank(wide.crop((line[0][0], 0, line[-1][1], wide.height))) for line in lines]
    width = max(part.width for part in parts)
    ground: Any = wide.getpixel((0, 0))
    column = Image.new("P", (width, sum(part.height for part in parts)), ground)
    column.putpalette(wide.getpalette() or [])
    top = 0
    for part in parts:
        column.paste(part, (width - part.width, top))
        top += part.height
    return column


def saved(picture: Image.Image) -> tuple[bytes, dict[str, int]]:
    """Return a picture as PNG, and its size in CSS pixels."""
    drawn = io.BytesIO()
    picture.save(drawn, format="png", optimize=True)
    width, height = (round(pixels / DENSITY) for pixels in picture.size)
    return drawn.getvalue(), {"width": width, "height": height}
