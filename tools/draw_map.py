"""Draw the map of the chapters: what each of them adds, and three routes through the book.

    python -m tools.draw_map      # writes notebooks/<language>/map.png

Each edition has its own, in the words of `[map]` in its `edition.toml`, with one more for phones.
They lie beside the notebooks: when JupyterLab opens the start page, it serves no other folder.
"""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fontTools.ttLib import TTFont
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.font_manager import fontManager
from PIL import Image

from attnlib.plotting import FONT, INK, LINE, PAPER, QUIET, SERIES, style, subplots
from tools.editions import ROOT, Edition, editions
from tools.palette import with_narrow, with_palette

# The chapters at which a route stops, and the dashes that tell it apart beside its colour.
ROUTES: dict[str, tuple[list[int], Any]] = {
    "attention": ([*range(1, 5)], "-"),
    "model": ([*range(1, 10)], (0, (3.0, 0.8))),
    "inside": ([*range(1, 7), 11], (0, (1.0, 0.6))),
}
# What a part of a route's last chapter needs as well: small dots on its line.
ALSO = {"inside": [7, 9, 10]}
PARTS = (5, 7, 10)  # chapters with which something new begins
CHINESE = ROOT / "book" / "_static" / "fonts" / "NotoSansSC-400.woff2"
COLOURS = 40

MAP = "map.png"

# In CSS pixels. On a phone, what a chapter adds stands below its name.
WIDE, SLIM = 640, 328
LEFT, TRACK = 12, 21  # the first route, and from one to the next
NUMBER, NAME, ADDS = 85, 94, 270  # where numbers end, and names and what is added begin
KEY, GAP = 26, 12  # heights of a line of the key, and of the space between two parts
LARGE, SMALL = 15, 13  # letters
POINTS = 0.72  # of a CSS pixel


@contextmanager
def book_fonts() -> Iterator[None]:
    """Draw in the book's look, and let matplotlib, which reads no woff2, know its Chinese."""
    font = TTFont(CHINESE)
    font.flavor = None
    known = list(fontManager.ttflist)
    with tempfile.TemporaryDirectory() as folder, style():
        path = Path(folder, "chinese.ttf")
        font.save(path)
        fontManager.addfont(path)
        plt.rcParams["font.family"] = [FONT[0], fontManager.ttflist[-1].name, *FONT[1:]]
        try:
            yield
        finally:
            fontManager.ttflist = known


def write(ax: Axes, x: float, y: float, text: str, size: int, end: float, **options: Any) -> None:
    """Write a text whose small letters have their middle at `y`.

    Raises:
        ValueError: If it goes beyond `end`.
    """
    written = ax.text(x, y + 0.35 * size, text, fontsize=size * POINTS, **options)
    if (right := written.get_window_extent().x1) > end:
        raise ValueError(f"the map has room up to {end:.0f}, {text!r} goes up to {right:.0f}")


def draw_route(
    ax: Axes,
    index: int,
    words: dict[str, Any],
    at: list[float],
    key: tuple[float, float],
    room: float,
) -> None:
    """Draw a route with its stops, and at `key` its line with its name.

    Args:
        ax: Where to draw.
        index: Which of the routes.
        words: What routes are called, and what is said of chapters that a part needs as well.
        at: Heights of the chapters.
        key: Where the line beside the name begins.
        room: How much room both have.
    """
    route = list(ROUTES)[index]
    stops, dashes = ROUTES[route]
    x, places = LEFT + index * TRACK, [at[number - 1] for number in stops]
    color, (left, y) = SERIES[index], key
    line = {"color": color, "linestyle": dashes, "linewidth": 3, "dash_capstyle": "butt"}
    ax.plot([x, x], [places[0], places[-1]], **line)
    ax.plot([left, left + 2 * TRACK], [y, y], **line)
    dots = [*((x, place) for place in places), (left + TRACK, y)]
    ax.scatter(*zip(*dots, strict=True), s=70, color=PAPER, edgecolor=color, lw=2.2, zorder=3)
    write(ax, left + 2.5 * TRACK, y, words["routes"][route], SMALL, left + room, color=color)
    if route in ALSO:
        small = [*((x, at[number - 1]) for number in ALSO[route]), (left + TRACK, y + KEY)]
        ax.scatter(*zip(*small, strict=True), s=36, color=color, lw=0, zorder=3)
        also = words["also"][route]
        write(ax, left + 2.5 * TRACK, y + KEY, also, SMALL, left + room, color=color)


def drawn(edition: Edition, width: int) -> bytes:
    """Return the map of an edition at a width in CSS pixels, a PNG."""
    narrow = width < ADDS + (ADDS - NAME)
    chapters = list(edition.map["chapters"].values())
    row, up = (46, 10) if narrow else (31, 0)
    at = [
        row * (number - 0.5) + GAP * sum(part <= number for part in PARTS)
        for number in range(1, len(chapters) + 1)
    ]
    end = at[-1] + row / 2 + GAP
    room = width if narrow else width / len(ROUTES)
    with book_fonts():
        height = end + KEY * (len(ROUTES) + len(ALSO) if narrow else 2)
        figure, ax = subplots(width=width / 100, height=height / 100, layout=None)
        ax.set(position=(0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        ax.set_axis_off()
        for first in PARTS:
            y = (at[first - 2] + at[first - 1]) / 2
            ax.plot([NAME, width - 8], [y, y], color=LINE, linewidth=0.8)
        for index in range(len(ROUTES)):
            across, down = (0, index) if narrow else (index, 0)
            key = LEFT + across * room, end + down * KEY + 10
            draw_route(ax, index, edition.map, at, key, room)
        for number, (y, (name, adds)) in enumerate(zip(at, chapters, strict=True), 1):
            write(ax, NUMBER, y - up, str(number), LARGE, NAME, ha="right", color=INK)
            write(ax, NAME, y - up, name, LARGE, width if narrow else ADDS, color=INK)
            write(ax, NAME if narrow else ADDS, y + up, adds, SMALL, width, color=QUIET)
        png, _ = figure.png()
        plt.close(figure)
    return with_palette(Image.open(io.BytesIO(png)), COLOURS)


def main() -> None:
    """Draw those of all editions."""
    for edition in editions():
        target = edition.chapters_folder / MAP
        target.write_bytes(with_narrow(drawn(edition, WIDE), drawn(edition, SLIM)))
        print(f"▸ {target.relative_to(edition.root)}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
