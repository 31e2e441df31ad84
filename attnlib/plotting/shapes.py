"""Tables without numbers: the shapes of what is inside a layer, and which head owns a feature."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from attnlib.plotting.glyphs import complete
from attnlib.plotting.look import (
    FAINT,
    INK,
    LINE,
    MASKED,
    PAPER,
    QUIET,
    SERIES,
    style,
    subplots,
)
from attnlib.plotting.matrices import LITERAL

__all__ = ["plot_multi_head"]

GREY = "#C3CAD3"  # features that belong to all heads
CELL, WIDTH, CENTRE = 0.18, 3.9, 1.5  # in units of 100 CSS pixels, as all lengths below
TINT = 0.45


def plot_multi_head(length: int = 3, head_dim: int = 2) -> Axes:
    """Draw the way through multi-head attention with two heads, as tables from top to bottom.

    A cell is a number: rows are tokens, columns features; the color is the head that owns them,
    grey belongs to both. Hatched is what a causal mask forbids. Steps have the names of functions
    and layers of `attnlib`.

    Args:
        length: Tokens, from 1 to 5.
        head_dim: Features of a head, from 1 to 3.

    Returns:
        The axes.

    Raises:
        ValueError: If the figure would not fit a page.
    """
    for name, value, most in (("length", length, 5), ("head_dim", head_dim, 3)):
        if not 1 <= value <= most:
            raise ValueError(f"{name} must be from 1 to {most}, got {value}")
    own = [[head] * head_dim for head in (0, 1)]
    both, shared = own[0] + own[1], [2] * 2 * head_dim
    projected = [(f"{name}{head}", own[head]) for head in (0, 1) for name in "qkv"]
    weights = [(f"A{head}", [head] * length) for head in (0, 1)]
    # The step that leads to a stage, the tables of the stage with their names, and their shape.
    stages: list[tuple[str, list[tuple[str, list[int]]], str]] = [
        ("", [("x", shared)], "(L, d)"),
        ("in_proj", [("query", both), ("key", both), ("value", both)], "(L, d)"),
        ("split_heads", projected, "(H, L, d/H)"),
        ("softmax(q @ k.mT / √(d/H))", weights, "(H, L, L)"),
        ("A @ v", [("heads[0]", own[0]), ("heads[1]", own[1])], "(H, L, d/H)"),
        ("merge_heads", [("merged", both)], "(L, d)"),
        ("out_proj", [("output", shared)], "(L, d)"),
    ]
    step = length * CELL + 0.5
    ax: Axes
    _, ax = subplots(width=WIDTH, height=len(stages) * step - 0.18)
    with style():
        ax.set(xlim=(0, WIDTH), ylim=(len(stages) * step - 0.2, 0), aspect="equal")
        ax.set_axis_off()
        beside: dict[str, Any] = {"va": "center", "fontsize": 10.5} | LITERAL
        for stage, (name, tables, shape) in enumerate(stages):
            top = stage * step + 0.26
            if name:
                arrow: dict[str, Any] = {"arrowstyle": "-|>", "color": QUIET}
                ax.annotate("", (CENTRE, top - 0.21), (CENTRE, top - 0.47), arrowprops=arrow)
                ax.text(CENTRE + 0.12, top - 0.34, name, color=QUIET, **beside)
            gap = {6: 0.1, 3: 0.3}.get(len(tables), 0.5)
            left = CENTRE - sum(len(owners) for _, owners in tables) * CELL / 2
            left -= gap * (len(tables) - 1) / 2
            for label, owners in tables:
                _table(ax, left, top, length, owners, causal=tables is weights)
                middle = left + len(owners) * CELL / 2
                ax.text(middle, top - 0.1, label, ha="center", color=INK, **beside)
                left += len(owners) * CELL + gap
            ax.text(WIDTH, top + length * CELL / 2, shape, ha="right", color=INK, **beside)
        complete(ax)
    return ax


def _table(
    ax: Axes, left: float, top: float, length: int, owners: list[int], *, causal: bool
) -> None:
    colors: list[Any] = [(SERIES[0], TINT), (SERIES[1], TINT), GREY]
    for row in range(length):
        for column, owner in enumerate(owners):
            at = (left + column * CELL, top + row * CELL)
            look: dict[str, Any] = {"fc": colors[owner], "ec": PAPER, "lw": 1.2}
            if causal and column > row:
                look = {"fc": FAINT, "ec": MASKED, "lw": 0, "hatch": "//////"}
            ax.add_patch(Rectangle(at, CELL, CELL, **look))
    ax.add_patch(
        Rectangle((left, top), len(owners) * CELL, length * CELL, fc="none", ec=LINE, lw=0.8)
    )
