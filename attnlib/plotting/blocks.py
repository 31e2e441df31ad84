"""A Transformer's block: a stream of vectors, and the parts that read from it and add to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyBboxPatch

from attnlib.plotting.glyphs import complete
from attnlib.plotting.look import (
    INK,
    KEY,
    OUTPUT,
    PAPER,
    QUERY,
    QUIET,
    SERIES,
    VALUE,
    style,
    subplots,
)
from attnlib.plotting.matrices import LITERAL
from attnlib.words import say

__all__ = ["plot_block"]

PARTS = ("self_attention", "cross_attention", "feed_forward")
NORMS = ("pre", "post")
WIDTH = 3.28  # of a phone's column, in units of 100 CSS pixels, as all lengths below
STREAM, BOXES, MEMORY = 0.44, 1.6, 2.88  # where the stream, the parts and the memory stand
BOX_WIDTH, BOX_HEIGHT, NORM_WIDTH = 1.44, 0.4, 0.72
GAP = 0.26  # of an arrow between two boxes
ABOVE, BELOW = 0.4, 0.3  # of the stream, before the first part and after the last one
OWN = {"feed_forward": SERIES[3]}  # attention is drawn in the colours of what goes in and out


def plot_block(
    parts: Sequence[str] = ("self_attention",),
    *,
    residual: bool = True,
    norm: str | None = "pre",
    final_norm: bool = False,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw a block from top to bottom: the stream on the left, what reads from it beside it.

    Args:
        parts: What reads the stream, in this order: "self_attention", "cross_attention" (whose keys
            and values come from a memory) or "feed_forward".
        residual: Whether a part adds to the stream; else the stream goes through it.
        norm: "pre": each part reads a normalised stream; "post": the stream is normalised after
            each part; None: neither.
        final_norm: Whether the stream is normalised once more at the end.
        ax: Where to draw; a new figure if left out.
        title: Text above the block.

    Returns:
        The axes.

    Raises:
        ValueError: If there is no part, a part is unknown, or `norm` is none of the three.
    """
    unknown = [part for part in parts if part not in PARTS]
    if isinstance(parts, str) or not parts or unknown:
        raise ValueError(f"parts must be one or more of {', '.join(PARTS)}, got {parts!r}")
    if norm is not None and norm not in NORMS:
        raise ValueError(f"norm must be {', '.join(NORMS)} or None, got {norm!r}")
    height = ABOVE + BELOW + sum(_height(part, norm) for part in parts) + final_norm * 0.42
    if ax is None:
        _, ax = subplots(width=WIDTH, height=height)
    with style():
        ax.set(xlim=(0, WIDTH), ylim=(height, 0), aspect="equal")
        ax.set_axis_off()
        if title:
            ax.set_title(title, loc="center", **LITERAL)
        pen = _Pen(ax, residual=residual, norm=norm)
        pen.stream(0.08, ABOVE, label="x")
        y = ABOVE
        for part in parts:
            y = pen.part(part, y)
        if final_norm:
            pen.box(STREAM, y + 0.12, NORM_WIDTH, say("plots.norm"), SERIES[1], height=0.3)
            pen.stream(y, y + 0.12)
            y += 0.42
        pen.stream(y, y + 0.14, arrow=True)
        complete(ax)
    return ax


def _height(part: str, norm: str | None) -> float:
    """Return how much of the stream a part takes up."""
    arrows = GAP + (GAP + 0.12 if part != "feed_forward" else GAP)
    return 0.3 + BOX_HEIGHT + arrows + {"pre": 0.42, "post": 0.5, None: 0.0}[norm]


class _Pen:
    """Draws one block into axes whose unit is 100 CSS pixels, y downwards."""

    def __init__(self, ax: Axes, *, residual: bool, norm: str | None) -> None:
        self.ax, self.residual, self.norm = ax, residual, norm

    def line(self, *points: tuple[float, float], color: str = INK, width: float = 1.6) -> None:
        xs, ys = zip(*points, strict=True)
        self.ax.plot(xs, ys, color=color, linewidth=width, zorder=1, solid_joinstyle="round")

    def arrow(self, start: tuple[float, float], end: tuple[float, float], color: str) -> None:
        look: dict[str, Any] = {"arrowstyle": "-|>", "color": color, "lw": 1.6}
        self.ax.annotate("", end, start, arrowprops={**look, "shrinkA": 0, "shrinkB": 0})

    def text(self, x: float, y: float, text: str, color: str = INK, **options: Any) -> None:
        look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 11.5} | options
        self.ax.text(x, y, text, color=color, **look, **LITERAL)

    def box(
        self, x: float, top: float, width: float, text: str, color: str, height: float = BOX_HEIGHT
    ) -> None:
        corners: dict[str, Any] = {"boxstyle": "round,pad=0,rounding_size=0.08"}
        at = (x - width / 2, top)
        self.ax.add_patch(FancyBboxPatch(at, width, height, **corners, fc=PAPER, ec="none"))
        self.ax.add_patch(
            FancyBboxPatch(at, width, height, **corners, fc=(color, 0.12), ec=color, lw=1.6)
        )
        self.text(x, top + height / 2, text)

    def stream(
        self, top: float, bottom: float, *, label: str | None = None, arrow: bool = False
    ) -> None:
        """Draw a piece of the stream, as wide as nothing else."""
        self.line((STREAM, top), (STREAM, bottom), width=3.4)
        if label:
            self.text(STREAM + 0.14, top + 0.06, label, ha="left", fontstyle="italic")
        if arrow:
            self.arrow((STREAM, bottom), (STREAM, bottom + 0.12), INK)

    def part(self, part: str, y: float) -> float:
        """Draw a part whose branch leaves the stream at y; return where the stream goes on."""
        top = y + 0.15
        self.line((STREAM, y), (BOXES, y), (BOXES, top))
        if self.residual:
            self.ax.add_patch(Circle((STREAM, y), 0.05, fc=INK, ec="none", zorder=2))
        if self.norm == "pre":
            self.box(BOXES, top, NORM_WIDTH, say("plots.norm"), SERIES[1], height=0.3)
            top += 0.42 - 0.12
        top = self.inputs(part, top)
        self.box(BOXES, top, BOX_WIDTH, say(f"plots.{part}"), OWN.get(part, QUIET))
        bottom = top + BOX_HEIGHT
        meet = bottom + 0.2
        color = OWN.get(part, OUTPUT)
        self.line((BOXES, bottom), (BOXES, meet), color=color)
        self.line((BOXES, meet), (STREAM + 0.3, meet), color=color)
        if self.residual:
            self.stream(y, meet)
            self.arrow((STREAM + 0.4, meet), (STREAM + 0.13, meet), color)
            self.ax.add_patch(Circle((STREAM, meet), 0.13, fc=PAPER, ec=INK, lw=1.6, zorder=3))
            self.text(STREAM, meet, "+", fontsize=14, zorder=4)
            end = meet + 0.13
        else:
            self.arrow((STREAM + 0.4, meet), (STREAM, meet), color)
            end = meet
        if self.norm == "post":
            self.stream(end, end + 0.14)
            self.box(STREAM, end + 0.12, NORM_WIDTH, say("plots.norm"), SERIES[1], height=0.3)
            end += 0.42
        self.stream(end, y + _height(part, self.norm))
        return y + _height(part, self.norm)

    def inputs(self, part: str, top: float) -> float:
        """Draw what goes into a part, from `top`; return where its box begins."""
        if part == "feed_forward":
            self.arrow((BOXES, top), (BOXES, top + GAP), INK)
            return top + GAP
        below = top + GAP + 0.12
        if part == "self_attention":
            for shift, color, name in ((-0.42, QUERY, "q"), (0, KEY, "k"), (0.42, VALUE, "v")):
                self.line((BOXES, top), (BOXES + shift, top + 0.1), color=color)
                self.arrow((BOXES + shift, top + 0.1), (BOXES + shift, below), color)
                self.text(BOXES + shift + 0.1, top + 0.2, name, color, ha="left", fontsize=11)
            return below
        self.line((BOXES, top), (BOXES, top + 0.1), color=QUERY)
        self.arrow((BOXES, top + 0.1), (BOXES, below), QUERY)
        self.text(BOXES + 0.1, top + 0.2, "q", QUERY, ha="left", fontsize=11)
        edge = BOXES + BOX_WIDTH / 2
        for side, shift, color, name in ((-0.12, 0.07, KEY, "k"), (0.12, 0.33, VALUE, "v")):
            self.line((MEMORY + side, below + shift), (edge + 0.1, below + shift), color=color)
            self.arrow((edge + 0.2, below + shift), (edge, below + shift), color)
            self.text(edge + 0.32, below + shift - 0.11, name, color, fontsize=11)
        self.box(MEMORY, below - 0.5, 0.76, say("plots.memory"), QUIET, height=0.3)
        self.line((MEMORY - 0.12, below - 0.2), (MEMORY - 0.12, below + 0.07), color=KEY)
        self.line((MEMORY + 0.12, below - 0.2), (MEMORY + 0.12, below + 0.33), color=VALUE)
        return below
