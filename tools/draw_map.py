"""Draw the map of the chapters: what each of them adds, and three routes through the book.

    python -m tools.draw_map      # writes notebooks/<language>/map.png

Each edition has its own, in the words of `[map]` in its `edition.toml`, narrow enough for a phone.
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
from tools.palette import with_palette

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

NAME_OF_FILE = "map.png"

# In CSS pixels. What a chapter adds stands below its name.
WIDTH = 328
LEFT, TRACK = 12, 21  # the first route, and from one to the next
NUMBER, NAME = 85, 94  # where numbers end, and names and what is added begin
ROW, UP = 46, 10  # height of a chapter, and how far its two lines are from its middle
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


def write(ax: Axes, x: float, y: float, text: str, size: int, **options: Any) -> None:
    """Write a text whose small letters have their middle at `y`.

    Raises:
        ValueError: If it goes beyond the map.
    """
    written = ax.text(x, y + 0.35 * size, text, fontsize=size * POINTS, **options)
    if (right := written.get_window_extent().x1) > WIDTH:
        raise ValueError(f"the map has room up to {WIDTH}, {text!r} goes up to {right:.0f}")


def draw_route(ax: Axes, index: int, words: dict[str, Any], at: list[float], y: float) -> None:
    """Draw a route with its stops, and at height `y` its line with its name.

    Args:
        ax: Where to draw.
        index: Which of the routes.
        words: What routes are called, and what is said of chapters that a part needs as well.
        at: Heights of the chapters.
        y: Height of its line in the key.
    """
    route = list(ROUTES)[index]
    stops, dashes = ROUTES[route]
    x, places = LEFT + index * TRACK, [at[number - 1] for number in stops]
    color = SERIES[index]
    line = {"color": color, "linestyle": dashes, "linewidth": 3, "dash_capstyle": "butt"}
    ax.plot([x, x], [places[0], places[-1]], **line)
    ax.plot([LEFT, LEFT + 2 * TRACK], [y, y], **line)
    dots = [*((x, place) for place in places), (LEFT + TRACK, y)]
    ax.scatter(*zip(*dots, strict=True), s=70, color=PAPER, edgecolor=color, lw=2.2, zorder=3)
    write(ax, LEFT + 2.5 * TRACK, y, words["routes"][route], SMALL, color=color)
    if route in ALSO:
        small = [*((x, at[number - 1]) for number in ALSO[route]), (LEFT + TRACK, y + KEY)]
        ax.scatter(*zip(*small, strict=True), s=36, color=color, lw=0, zorder=3)
        write(ax, LEFT + 2.5 * TRACK, y + KEY, words["also"][route], SMALL, color=color)


def drawn(edition: Edition) -> bytes:
    """Return the map of an edition, a PNG."""
    chapters = list(edition.map["chapters"].values())
    at = [
        ROW * (number - 0.5) + GAP * sum(part <= number for part in PARTS)
        for number in range(1, len(chapters) + 1)
    ]
    end = at[-1] + ROW / 2 + GAP
    with book_fonts():
        height = end + KEY * (len(ROUTES) + len(ALSO))
        figure, ax = subplots(width=WIDTH / 100, height=height / 100, layout=None)
        ax.set(position=(0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
        ax.set_axis_off()
        for first in PARTS:
            y = (at[first - 2] + at[first - 1]) / 2
            ax.plot([NAME, WIDTH - 8], [y, y], color=LINE, linewidth=0.8)
        for index in range(len(ROUTES)):
            draw_route(ax, index, edition.map, at, end + index * KEY + 10)
        for number, (y, (name, adds)) in enumerate(zip(at, chapters, strict=True), 1):
            write(ax, NUMBER, y - UP, str(number), LARGE, ha="right", color=INK)
            write(ax, NAME, y - UP, name, LARGE, color=INK)
            write(ax, NAME, y + UP, adds, SMALL, color=QUIET)
        png, _ = figure.png()
        plt.close(figure)
    return with_palette(Image.open(io.BytesIO(png)), COLOURS)


def main() -> None:
    """Draw those of all editions."""
    for edition in editions():
        target = edition.chapters_folder / NAME_OF_FILE
        target.write_bytes(drawn(edition))
        print(f"▸ {target.relative_to(edition.root)}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
