"""Vectors in the plane: points and arrows with their names, a dot product as a projection."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MultipleLocator

from attnlib.plotting.look import INK, KEY, PAPER, QUERY, QUIET, style, subplots
from attnlib.plotting.matrices import LITERAL, _labels, _listed, _matrix, _row

__all__ = ["plot_points", "plot_projection"]


def plot_points(
    points: Any,
    labels: Sequence[str],
    *,
    color: str,
    marker: str | None = "o",
    away_from: tuple[float, float] = (0.0, 0.0),
    ax: Axes | None = None,
) -> Axes:
    """Draw vectors of two numbers as points, or as arrows from the origin, with their names.

    Args:
        points: Shape `(n, 2)`; an array, a tensor or nested lists.
        labels: A name for each.
        color: Of points and names: the one of their role, `attnlib.plotting.VALUE` for values.
        marker: What stands at a point, as in matplotlib; None draws arrows.
        away_from: The names stand on the far side of their points, seen from here.
        ax: Where to draw; a new figure if left out. It grows to hold what is drawn.

    Returns:
        The axes.

    Raises:
        ValueError: If `points` is not `(n, 2)` finite numbers, or the labels do not fit.
    """
    matrix = _plane("points", points)
    names = _labels("labels", labels, len(matrix))
    if ax is None:
        _, ax = subplots(width=4.2, height=3.4)
    halo = [withStroke(linewidth=3, foreground=PAPER)]  # a name may stand on a line
    with style():
        for (x, y), name in zip(matrix, names, strict=True):
            if marker is None:
                arrow = {
                    "arrowstyle": "-|>,head_width=0.3,head_length=0.6",
                    "color": color,
                    "lw": 2,
                }
                ax.annotate("", (x, y), (0, 0), arrowprops={**arrow, "shrinkA": 0, "shrinkB": 0})
            else:
                ax.plot(x, y, marker, color=color, markersize=9, markeredgecolor=PAPER, zorder=4)
            right, up = x - away_from[0], y - away_from[1]
            far = math.hypot(right, up) or 1.0
            ax.annotate(
                name,
                (x, y),
                (right / far * (10 + 6 * len(name)), up / far * 18),  # names are wider than high
                textcoords="offset points",
                ha="center",
                va="center",
                color=color,
                fontsize=14,
                zorder=5,
                path_effects=halo,
                **LITERAL,
            )
        corners = np.vstack([ax.dataLim.get_points(), matrix, [[0, 0]]])
        corners = corners[np.isfinite(corners).all(axis=1)]
        ax.update_datalim(corners)
        (left, low), (right, high) = corners.min(axis=0), corners.max(axis=0)
        ax.set(xlim=(left - 0.7, right + 0.9), ylim=(low - 0.7, high + 0.7), aspect="equal")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(MultipleLocator(1))
        for line in (ax.axhline, ax.axvline):
            line(0, color=QUIET, linewidth=0.8, zorder=0.5)
        for spine in ax.spines.values():
            spine.set_visible(False)
    return ax


def plot_projection(
    query: Any,
    keys: Any,
    scores: Any,
    labels: Sequence[str],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw keys as arrows, dropped onto the line through a query: how far each reaches along it.

    Args:
        query: Two numbers.
        keys: Shape `(n, 2)`.
        scores: `n` numbers, written beside the names: the dot products.
        labels: A name for each key.
        ax: Where to draw; a new figure if left out.

    Returns:
        The axes.

    Raises:
        ValueError: If shapes do not fit, a number is not finite, or the query is of length 0.
    """
    ((x, y),) = _plane("query", [_listed(query)])
    matrix = _plane("keys", keys)
    numbers = _row("scores", scores)
    names = _labels("labels", labels, len(matrix))
    if len(numbers) != len(matrix):
        raise ValueError(f"scores must be {len(matrix)} numbers, got {len(numbers)}")
    if x == y == 0:
        raise ValueError("query must not be of length 0: there is no line through it")
    written = [
        f"{name} {f'{n:g}'.replace('-', '−')}" for name, n in zip(names, numbers, strict=True)
    ]
    ax = plot_points(matrix, written, color=KEY, marker=None, ax=ax)
    with style():
        ax.axline((0, 0), (x, y), color=QUERY, linestyle=":", linewidth=1.5, zorder=1)
        ax.plot([0, x], [0, y], color=QUERY, linewidth=9, alpha=0.3, zorder=1)
        ax.plot(
            x,
            y,
            "o",
            color=PAPER,
            markeredgecolor=QUERY,
            markeredgewidth=3,
            markersize=11,
            zorder=4,
        )
        for key in matrix:
            foot = (key @ (x, y)) / (x * x + y * y) * np.array([x, y])
            ax.plot(*np.transpose([key, foot]), color=KEY, linestyle="--", linewidth=1.3)
            ax.plot(*foot, "o", color=PAPER, markeredgecolor=INK, markersize=6, zorder=5)
    return ax


def _plane(name: str, values: Any) -> np.ndarray[Any, Any]:
    matrix = _matrix(name, values)
    if matrix.shape[1] != 2:
        raise ValueError(f"{name} must hold vectors of two numbers, got shape {matrix.shape}")
    return matrix
