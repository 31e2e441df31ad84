"""Who may look at whom, and who does: masks as grids, and tokens that are poked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from attnlib import words
from attnlib.plotting.glyphs import complete
from attnlib.plotting.look import (
    FAINT,
    INK,
    KEY,
    LINE,
    MASKED,
    OUTPUT,
    PAPER,
    QUIET,
    SERIES,
    WEIGHT_MAP,
    style,
    subplots,
)
from attnlib.plotting.matrices import (
    LITERAL,
    _array,
    _labels,
    _name_axes,
    _names_of_sides,
    _set_cells,
    _set_title,
)

__all__ = ["plot_mask", "plot_poke"]

LEAK = SERIES[2]
CELL = 0.44  # of plot_mask, in units of 100 CSS pixels
MAY = WEIGHT_MAP(0.45)


def plot_mask(
    mask: Any,
    *,
    seen: Any = None,
    query_labels: Sequence[str] | None = None,
    key_labels: Sequence[str] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw a mask, and what was measured against it.

    Allowed pairs are blue and have a dot, forbidden ones are hatched. With `seen`, a forbidden pair
    that sees each other is red and crossed (a leak), an allowed one that does not has a
    hollow dot.

    Args:
        mask: Boolean, shape `(q_len, k_len)`, True = may attend.
        seen: Boolean, of the same shape: what a leak test found.
        query_labels: `q_len` names for the rows; their numbers if left out.
        key_labels: `k_len` names for the columns; the query labels if these fit, else numbers.
        ax: Where to draw; a new figure if left out.
        title: Text above the grid; set as a formula if all of it stands between two `$`.

    Returns:
        The axes.

    Raises:
        ValueError: If `mask` is not a non-empty boolean matrix, or if `seen` or labels do not fit.
    """
    allowed = _boolean("mask", mask)
    q_len, k_len = allowed.shape
    found = allowed if seen is None else _boolean("seen", seen)
    if found.shape != allowed.shape:
        raise ValueError(f"seen must have the shape of mask, {allowed.shape}, got {found.shape}")
    rows, columns = _names_of_sides(query_labels, key_labels, q_len, k_len)
    if ax is None:
        height = q_len * CELL + (1.05 if title else 0.75)
        _, ax = subplots(width=max(k_len * CELL + 0.85, 1.6), height=max(height, 1.4))
    with style():
        for (row, column), may in np.ndenumerate(allowed):
            sees = found[row, column]
            if may:
                color, sign = (MAY, "●") if sees else (PAPER, "○")
            else:
                color, sign = (LEAK, "✗") if sees else (FAINT, "")
            hatch = "" if sign else "////"
            inside: dict[str, Any] = {"hatch": hatch, "ec": MASKED, "lw": 0}
            ax.add_patch(Rectangle((column, row), 1, 1, fc=color, **inside))
            ax.add_patch(Rectangle((column, row), 1, 1, fc="none", ec=LINE, lw=1.2))
            ink = INK if may else PAPER
            middle = (column + 0.5, row + 0.5)
            ax.text(*middle, sign, ha="center", va="center_baseline", color=ink, **LITERAL)
        _set_cells(ax, q_len, k_len)
        ax.tick_params(length=0, top=False, bottom=False, labeltop=True, labelbottom=False)
        for axis, labels in ((ax.xaxis, columns), (ax.yaxis, rows)):
            axis.set_ticks(np.arange(len(labels)) + 0.5, labels, **LITERAL, fontsize=12, color=INK)
        _name_axes(ax, words.say("plots.query"), words.say("plots.key"))
        if title:
            _set_title(ax, title)
        complete(ax)
    return ax


def plot_poke(
    seen: Any, poked: int, *, labels: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw what one token moves when it is changed: tokens below, outputs above.

    Args:
        seen: Boolean, shape `(length, length)`; (i, j) is True if output i depends on token j.
        poked: The token j that is changed; it has a thick frame.
        labels: `length` names of the tokens; their numbers if left out.
        ax: Where to draw; a new figure if left out.

    Returns:
        The axes.

    Raises:
        ValueError: If `seen` is no square boolean matrix, or `poked` or the labels do not fit it.
    """
    moves = _boolean("seen", seen)
    length = len(moves)
    if moves.shape != (length, length):
        raise ValueError(f"seen must be square, got shape {moves.shape}")
    if not 0 <= poked < length:
        raise ValueError(f"poked must be from 0 to {length - 1}, got {poked}")
    names = _labels("labels", labels, length)
    if ax is None:
        _, ax = subplots(width=0.6 * length + 0.2, height=2.0)
    with style():
        for i, name in enumerate(names):
            lit, here = moves[i, poked], i == poked
            if lit:
                ax.plot([poked + 0.5, i + 0.5], [1, 2], color=OUTPUT, lw=2)
            above: dict[str, Any] = {
                "fc": OUTPUT if lit else PAPER,
                "ec": OUTPUT if lit else LINE,
                "lw": 1.5,
            }
            below: dict[str, Any] = {
                "fc": FAINT,
                "ec": KEY if here else LINE,
                "lw": 3 if here else 1.5,
            }
            ax.add_patch(Rectangle((i + 0.1, 2), 0.8, 0.8, **above))
            ax.add_patch(Rectangle((i + 0.1, 0.2), 0.8, 0.8, **below))
            at: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 15} | LITERAL
            ax.text(i + 0.5, 2.4, name, color=PAPER if lit else QUIET, **at)
            ax.text(i + 0.5, 0.6, name, color=INK, **at)
        ax.set(xlim=(0, length), ylim=(0, 3), aspect="equal")
        ax.set_axis_off()
        complete(ax)
    return ax


def _boolean(name: str, values: Any) -> np.ndarray[Any, Any]:
    array = _array(name, values)
    if array.dtype != bool:
        raise ValueError(f"{name} must be boolean, got {array.dtype}")
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name} must be a matrix that is not empty, got shape {array.shape}")
    return array
