"""The still picture of RotaryExplorer: the same arrows, curve and numbers, drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import Circle, Wedge

from attnlib import plotting
from attnlib.plotting import INK, KEY, LINE, MASKED, PAPER, QUERY, QUIET, BookFigure
from attnlib.widgets.query_key_value_still import HALO, number

Array = np.ndarray[Any, Any]
ARROW = {"arrowstyle": "-|>,head_width=0.25", "lw": 2, "shrinkA": 0, "shrinkB": 0}
SPEED_NAMES = ("1", "θ", "θ²", "θ³")


def draw_still(
    *,
    vectors: Array,
    positions: tuple[int, int],
    turned: Array,
    speeds: Sequence[float],
    distances: Array,
    scores: Array,
    words: Mapping[str, str],
) -> BookFigure:
    """Draw the turned arrows, the score over distance, and a table of angles and scores.

    Args:
        vectors: Query and key before turning, shape `(2, 2)`.
        positions: Of the query and of the key.
        turned: Query and key for each speed, shape `(speeds, 2, 2)`.
        speeds: 1 or 4 speeds in radians a step.
        distances: All distances of the chart.
        scores: The score at each of them.
        words: The words of the figure.

    Returns:
        The figure; pyplot does not know of it.
    """
    n, m = positions
    names = SPEED_NAMES if len(speeds) > 1 else SPEED_NAMES[1:2]
    with plotting.style():
        rows = 0.28 * (len(speeds) + 2)
        figure = BookFigure(figsize=(6.4, 3.2 + rows), layout="constrained")
        grid = figure.add_gridspec(2, 2, height_ratios=[2.5, rows])
        _dials(figure.add_subplot(grid[:, 0]), vectors, turned, speeds, names, words)
        chart = figure.add_subplot(grid[0, 1])
        _chart(chart, vectors, speeds, distances, scores, n - m, words)
        _table(figure.add_subplot(grid[1, 1]), positions, turned, speeds, names, words)
    return figure


def _frame(ax: Axes, title: str, note: str) -> None:
    ax.set_title(title)
    ax.set_xlabel(fill(note, 44), loc="left", fontsize=9.5, color=QUIET, labelpad=6)
    for spine in ax.spines.values():
        spine.set(visible=True, color=LINE)


def _dials(
    ax: Axes,
    vectors: Array,
    turned: Array,
    speeds: Sequence[float],
    names: Sequence[str],
    words: Mapping[str, str],
) -> None:
    """Draw query and key for each speed, faint before turning: one square, or two by two."""
    lengths = np.linalg.norm(vectors, axis=1)
    alone = len(speeds) == 1
    side = (2.55 if alone else 3.0) * (lengths.max() or 1.0)
    span = (0, side if alone else 2 * side)
    ax.set(xlim=span, ylim=span, aspect="equal", anchor="N", xticks=[], yticks=[])
    for i, (pair, speed, name) in enumerate(zip(turned, speeds, names, strict=True)):
        x, y = (0.5 * side, 0.5 * side) if alone else ((i % 2 + 0.5) * side, (1.54 - i // 2) * side)
        for length in lengths:
            ax.add_patch(Circle((x, y), length, facecolor="none", edgecolor=LINE))
        query, key = np.degrees(np.arctan2(pair[:, 1], pair[:, 0]))
        start, end = (key, query) if (query - key) % 360 < 180 else (query, key)
        angle = Wedge((x, y), 0.16 * side, start, end)
        angle.set(facecolor=to_rgba(INK, 0.13), edgecolor=to_rgba(INK, 0.5))
        ax.add_patch(angle)
        for letter, color, before, after in zip("qk", (QUERY, KEY), vectors, pair, strict=True):
            ax.plot([x, x + before[0]], [y, y + before[1]], color=color, ls=":", lw=1.5, alpha=0.6)
            tip = (x + after[0], y + after[1])
            ax.annotate("", tip, (x, y), arrowprops={**ARROW, "color": color})
            gap = 0.045 * span[1] / (np.hypot(*after) or 1)
            place = (tip[0] + gap * after[0], tip[1] + gap * after[1])
            ax.annotate(letter, place, color=color, ha="center", va="center", path_effects=HALO)
        tag = name if name == "1" else f"{name} = {speed:.3g}"
        if alone:
            ax.text(0.04 * side, 0.96 * side, tag, va="top")
        else:
            ax.text(x, y - 0.51 * side, tag, ha="center")
    _frame(ax, words["arrows"], words["arrows_note"])


def _chart(
    ax: Axes,
    vectors: Array,
    speeds: Sequence[float],
    distances: Array,
    scores: Array,
    distance: int,
    words: Mapping[str, str],
) -> None:
    """Draw the score at each distance and mark the one that the arrows have."""
    query, key = vectors
    between = np.linspace(distances[0], distances[-1], 8 * len(distances))
    angles = np.outer(between, speeds)
    # Only guides the eye from dot to dot; the dots are the library's.
    smooth = query @ key * np.cos(angles) + (query[0] * key[1] - query[1] * key[0]) * np.sin(angles)
    ax.plot(between, smooth.sum(axis=1), color=MASKED, lw=1.2)
    ax.plot(distances, scores, ".", ms=4.5, color=MASKED)
    ax.axhline(len(speeds) * query @ key, color=QUIET, lw=1.2, ls=(0, (4, 3)))
    most = 1.25 * len(speeds) * (np.linalg.norm(query) * np.linalg.norm(key) or 1.0)
    score = scores[distances == distance].item()
    ax.plot([distance, distance], [0, score], color=INK)
    ax.plot(distance, score, "o", ms=9, color=INK, mec=PAPER, mew=1.5)
    right = distance < 0.7 * distances[-1]
    place = (distance + (1.5 if right else -1.5), score / 2)
    side = "left" if right else "right"
    ax.text(*place, number(score), ha=side, va="center", path_effects=HALO)
    ax.set(xlim=(distances[0] - 1, distances[-1] + 1), ylim=(-most, most))
    ax.text(0.98, 0.03, "n − m", transform=ax.transAxes, ha="right", fontsize=10, color=QUIET)
    _frame(ax, words["scores"], words["scores_note"])


def _table(
    ax: Axes,
    positions: tuple[int, int],
    turned: Array,
    speeds: Sequence[float],
    names: Sequence[str],
    words: Mapping[str, str],
) -> None:
    """Write the angles and the score of each speed, and the sum of the scores."""
    n, m = positions
    scores = np.prod(turned, axis=1).sum(axis=1)
    head = (words["speed"], f"n = {n}", f"m = {m}", f"n − m = {number(n - m, 0)}", words["score"])
    body = [
        (name, *(number(p * speed) for p in (n, m, n - m)), number(score))
        for name, speed, score in zip(names, speeds, scores, strict=True)
    ]
    if len(body) > 1:
        body.append((words["sum"], "", "", "", number(scores.sum())))
    ax.set(xlim=(0, 1), ylim=(len(body) + 0.5, -0.5))
    ax.set_axis_off()
    colors = (INK, QUERY, KEY, INK, INK)
    for row, cells in enumerate((head, *body)):
        if row:
            ax.axhline(row - 0.5, color=LINE, lw=0.7)
        for x, cell, color in zip((0, 0.33, 0.53, 0.8, 1), cells, colors, strict=True):
            ax.text(x, row, cell, color=color, ha="right" if x else "left", va="center")
