"""The steps of attention as pictures: links between tokens, one look-up, a product of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle

from attnlib.plotting.look import (
    FAINT,
    INK,
    KEY,
    LINE,
    OUTPUT,
    PAPER,
    QUERY,
    QUIET,
    VALUE,
    style,
    subplots,
)
from attnlib.plotting.matrices import LITERAL, _labels, _listed, _matrix, _row

__all__ = ["plot_links", "plot_lookup", "plot_product"]

_GAP = 0.6  # between the matrices of a product, in cells: a phone is seven cells and two gaps wide


def plot_links(
    weights: Any,
    labels: Sequence[str],
    *,
    query: int,
    below: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw tokens in a row, and from one of them an arc to each other one, as thick as its weight.

    Args:
        weights: `n` numbers from 0 to 1: the weights of one query.
        labels: `n` names.
        query: Which of them asks, counted from 0.
        below: Text below the one that asks.
        ax: Where to draw; a new figure if left out.

    Returns:
        The axes.

    Raises:
        ValueError: If there are more or fewer names than weights, or no such query.
    """
    row = _row("weights", weights)
    names = _labels("labels", labels, len(row))
    if query not in range(len(row)):
        raise ValueError(f"query must be one of 0 to {len(row) - 1}, got {query!r}")
    if ax is None:
        _, ax = subplots(width=1.1 * len(row) + 0.4, height=1.9)
    with style():
        for place, (name, weight) in enumerate(zip(names, row, strict=True)):
            asks = place == query
            color = QUERY if asks else INK
            ax.text(place, 0, name, ha="center", va="center", fontsize=26, color=color, **LITERAL)
            if not asks:
                bend = -0.55 if place < query else 0.55
                arc = f"arc3,rad={bend}"
                ends = ((place, 0.42), (query, 0.42))
                ax.add_patch(
                    FancyArrowPatch(
                        *ends,
                        connectionstyle=arc,
                        arrowstyle="-",
                        lw=1 + 9 * weight,
                        color=QUERY,
                        alpha=0.55,
                        shrinkA=2,
                        shrinkB=2,
                    )
                )
        ax.text(query, -0.75, below, ha="center", va="center", fontsize=15, color=QUERY, **LITERAL)
        # As high for few tokens as for three, so that phrases can stand side by side.
        ax.set(xlim=(-0.6, len(row) - 0.4), ylim=(-1.1, 0.75 + 0.3 * max(len(row) - 1, 2)))
        ax.axis("off")
    return ax


def plot_lookup(
    *,
    labels: Sequence[str],
    query_label: str,
    query: Any,
    keys: Any,
    scores: Any,
    weights: Any,
    values: Any,
    output: Any,
    ax: Axes | None = None,
) -> Axes:
    """Draw one look-up from top to bottom: query, keys, scores, weights, values, output.

    Args:
        labels: `n` names, a column for each.
        query_label: Who asks.
        query: The query.
        keys: Shape `(n, width)`.
        scores: `n` numbers.
        weights: `n` numbers from 0 to 1.
        values: Shape `(n, value_width)`.
        output: The output.
        ax: Where to draw; a new figure if left out.

    Returns:
        The axes.

    Raises:
        ValueError: If the numbers do not fit each other.
    """
    rows = [_row("scores", scores), _row("weights", weights)]
    columns = [_matrix("keys", keys), _matrix("values", values)]
    names = _labels("labels", labels, len(columns[0]))
    for name, given in zip(("scores", "weights", "values"), (*rows, columns[1]), strict=True):
        if len(given) != len(names):
            raise ValueError(f"{name} must be of {len(names)} tokens, got {len(given)}")
    if ax is None:
        _, ax = subplots(width=4.6, height=4.5)
    middle = (len(names) - 1) / 2
    heights = {"q": 6.0, "k": 4.85, "s": 3.95, "w": 2.4, "v": 1.45, "o": 0.2}
    with style():
        _pill(ax, middle, heights["q"], f"{query_label} {_vector(_listed(query))}", QUERY)
        _pill(ax, middle, heights["o"], _vector(_listed(output)), OUTPUT)
        for x, name in enumerate(names):
            key, value, score, weight = columns[0][x], columns[1][x], rows[0][x], rows[1][x]
            quiet: dict[str, Any] = {"color": LINE, "linewidth": 1.5, "zorder": 0}
            ax.plot([middle, x], [heights["q"] - 0.3, heights["k"] + 0.3], **quiet)
            ax.plot([x, x], [heights["k"], heights["s"]], **quiet)
            _pill(ax, x, heights["k"], f"{name} {_vector(key)}", KEY)
            ax.text(
                x,
                heights["s"],
                _number(score),
                ha="center",
                va="center",
                fontsize=14,
                bbox={"boxstyle": "round,pad=0.2", "fc": PAPER, "ec": "none"},
            )
            ax.add_patch(Rectangle((x - 0.3, heights["w"]), 0.6, 1, fc=FAINT))
            ax.add_patch(Rectangle((x - 0.3, heights["w"]), 0.6, weight, fc=QUERY))
            ax.text(
                x,
                heights["w"] + weight + 0.06,
                f"{weight:.2f}",
                ha="center",
                va="bottom",
                color=PAPER if weight > 0.85 else INK,
                fontsize=11,
            )
            ax.plot(
                [x, middle],
                [heights["v"] - 0.25, heights["o"] + 0.25],
                color=VALUE,
                linewidth=1 + 12 * weight,
                alpha=0.5,
                zorder=0,
                solid_capstyle="butt",
            )
            _pill(ax, x, heights["v"], f"{name} {_vector(value)}", VALUE)
        signs = {
            "q": "$q$",
            "k": "$k$",
            "s": r"$q\cdot k$",
            "w": "$w$",
            "v": "$v$",
            "o": r"$\sum w\,v$",
        }
        for step, sign in signs.items():
            high = heights[step] + (0.5 if step == "w" else 0)
            ax.text(-0.65, high, sign, ha="right", va="center", color=QUIET, fontsize=14)
        ax.set(xlim=(-1.2, len(names) - 0.45), ylim=(-0.25, 6.45))
        ax.axis("off")
    return ax


def plot_product(
    left: Any,
    right: Any,
    product: Any,
    *,
    names: Sequence[str],
    colors: Sequence[str],
    row: int,
    digits: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw a product of matrices, with one row of it lit, and what that row is made of.

    Args:
        left: Shape `(n, m)`.
        right: Shape `(m, k)`.
        product: Shape `(n, k)`.
        names: What stands above the three.
        colors: Of the three.
        row: Which row is lit, counted from 0.
        digits: How many the numbers have behind the point, where they are not whole.
        ax: Where to draw; a new figure if left out.

    Returns:
        The axes.

    Raises:
        ValueError: If the shapes do not fit each other, or there is no such row.
    """
    matrices = [
        _matrix(n, m)
        for n, m in zip(("left", "right", "product"), (left, right, product), strict=True)
    ]
    (n, m), (inner, k), shape = (each.shape for each in matrices)
    if m != inner or shape != (n, k):
        raise ValueError(f"shapes must fit, got {(n, m)} times {(inner, k)} and {shape}")
    if row not in range(n):
        raise ValueError(f"row must be one of 0 to {n - 1}, got {row!r}")
    width = m + k + k + 2 * _GAP
    if ax is None:
        _, ax = subplots(width=0.5 * width + 0.3, height=0.5 * max(n, m) + 0.6)
    with style():
        x = 0.0
        high = max(n, m)
        for i, (matrix, name, color) in enumerate(zip(matrices, names, colors, strict=True)):
            rows, columns = matrix.shape
            low = (high - rows) / 2
            ax.text(
                x + columns / 2,
                low - 0.35,
                name,
                ha="center",
                va="center",
                color=color,
                fontsize=14,
            )
            for (r, c), number in np.ndenumerate(matrix):
                lit = i == 1 or r == row
                tint = (color, 0.22) if lit else PAPER
                ax.add_patch(Rectangle((x + c, low + r), 1, 1, fc=tint, ec=LINE, lw=1.2))
                ax.text(
                    x + c + 0.5,
                    low + r + 0.5,
                    _number(number, digits),
                    ha="center",
                    va="center",
                    color=INK if lit else QUIET,
                    fontsize=10,
                )
            x += columns + _GAP
            if i < 2:
                sign = ("·", "=")[i]
                ax.text(x - _GAP / 2, high / 2, sign, ha="center", va="center", fontsize=16)
        ax.set(xlim=(-0.05, width + 0.05), ylim=(high + 0.05, -0.75), aspect="equal")
        ax.axis("off")
    return ax


def _number(value: float, digits: int = 2) -> str:
    text = f"{value:.0f}" if float(value).is_integer() else f"{value:.{digits}f}"
    return text.replace("-", "−")


def _vector(values: Any) -> str:
    return f"({', '.join(_number(value) for value in values)})"


def _pill(ax: Axes, x: float, y: float, text: str, color: str) -> None:
    box = {"boxstyle": "round,pad=0.3", "fc": PAPER, "ec": color, "lw": 1.6}
    ax.text(x, y, text, ha="center", va="center", color=color, fontsize=11, bbox=box, **LITERAL)
