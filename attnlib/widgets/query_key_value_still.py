"""The still picture of QueryKeyValueExplorer: the same planes and numbers, drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import Polygon
from matplotlib.patheffects import withStroke

from attnlib import plotting
from attnlib.plotting import FAINT, INK, KEY, LINE, OUTPUT, PAPER, QUERY, QUIET, VALUE, BookFigure

Array = np.ndarray[Any, Any]
HALO = [withStroke(linewidth=3, foreground=PAPER)]  # keeps names legible on lines
ARROW = {"arrowstyle": "-|>,head_width=0.25", "color": KEY, "lw": 2, "shrinkA": 0, "shrinkB": 0}


def draw_still(
    tokens: Sequence[str],
    keys: Array,
    values: Array,
    query: Array,
    *,
    scores: Array,
    weights: Array,
    output: Array,
    reach: float,
    query_token: str,
    words: Mapping[str, str],
) -> BookFigure:
    """Draw keys and query, values and output, and a table of scores and weights.

    Args:
        tokens: `n` names.
        keys: Shape `(n, 2)`.
        values: Shape `(n, 2)`.
        query: Shape `(2,)`.
        scores: Shape `(n,)`.
        weights: Shape `(n,)`.
        output: Shape `(2,)`.
        reach: The left plane goes from `-reach` to `reach`.
        query_token: Whose query it is, or "".
        words: The words of the figure.

    Returns:
        The figure; pyplot does not know of it, so no notebook shows it a second time.
    """
    with plotting.style():
        rows = 0.3 * (len(tokens) + 2.2)
        figure = BookFigure(figsize=(6.4, 3.75 + rows), layout="constrained")
        grid = figure.add_gridspec(2, 2, height_ratios=[3.6, rows])
        left, right, below = (
            figure.add_subplot(grid[at]) for at in ((0, 0), (0, 1), (1, slice(2)))
        )
        _keys(left, tokens, keys, query, scores, reach, query_token, words)
        _values(right, tokens, values, weights, output, words)
        _table(below, tokens, keys, values, scores, weights, output, words)
        for ax in (left, right, below):
            for text in ax.texts:  # a long name must not squeeze the planes
                text.set_in_layout(False)
    return figure


def number(value: float, digits: int = 2) -> str:
    """A number as the live figure writes it: fixed digits, a real minus sign, never −0.00."""
    text = f"{abs(value):.{digits}f}"
    return f"−{text}" if value < 0 and float(text) else text


def pair(point: Array) -> str:
    """A point as the live figure writes it."""
    return f"({', '.join(number(x, 0 if float(x).is_integer() else 2) for x in point)})"


def _plane(ax: Axes, title: str, note: str, left: float, bottom: float, size: float) -> None:
    ax.set(xlim=(left, left + size), ylim=(bottom, bottom + size), aspect="equal", title=title)
    ax.set_xlabel(fill(note, 48), loc="left", fontsize=9.5, color=QUIET, labelpad=6)
    ax.locator_params(nbins=7, steps=[1, 2, 5, 10])
    for spine in ax.spines.values():
        spine.set(visible=True, color=LINE)
    ax.axhline(0, color=LINE, lw=1.4, zorder=0.9)
    ax.axvline(0, color=LINE, lw=1.4, zorder=0.9)


def _name(ax: Axes, point: Array, centre: Array, name: str, value: str, color: str) -> None:
    """Write `name` and below it `value` beside `point`, away from `centre`."""
    direction = np.asarray(point) - centre
    length = np.hypot(*direction)
    dx, dy = direction / length if length else (0.0, 1.0)
    for text, size, below in ((name, 14 if len(name) <= 2 else 10, 0), (value, 10, 12)):
        ax.annotate(
            text,
            tuple(point),
            (25 * dx, 21 * dy + 6 - below),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=size,
            color=color,
            path_effects=HALO,
        )


def _keys(
    ax: Axes,
    tokens: Sequence[str],
    keys: Array,
    query: Array,
    scores: Array,
    reach: float,
    query_token: str,
    words: Mapping[str, str],
) -> None:
    _plane(ax, words["keys_plane"], words["keys_note"], -reach, -reach, 2 * reach)
    origin = np.zeros(2)
    length = query @ query
    if length:
        far = query / np.sqrt(length) * 3 * reach
        ax.plot(
            *np.stack([-far, far]).T, color=QUERY, lw=1.6, ls=(0, (0.1, 2.2)), dash_capstyle="round"
        )
    ax.plot(*np.stack([origin, query]).T, color=QUERY, lw=9, alpha=0.3)
    for key in keys:
        foot = query * (key @ query) / length if length else origin
        ax.plot(*np.stack([key, foot]).T, color=KEY, lw=1.2, ls=(0, (3, 3)))
        ax.plot(*foot, "o", ms=5, mfc=PAPER, mec=KEY, mew=1.5)
        ax.annotate("", tuple(key), (0.0, 0.0), arrowprops=ARROW)
    ax.plot(*query, "o", ms=17, mfc="none", mec=QUERY, mew=3)
    for token, key, score in zip(tokens, keys, scores, strict=True):
        _name(ax, key, origin, token, number(score), KEY)
    label = words["query_of"].format(token=query_token) if query_token else words["query"]
    # Beside the shaft, on its upper side.
    dx, dy = np.array([-query[1], query[0]]) / (np.sqrt(length) or 1)
    dx, dy = (dx, dy) if dy >= 0 else (-dx, -dy)
    ax.annotate(
        label,
        tuple(query),
        (14 * dx, 16 * dy),
        textcoords="offset points",
        ha="right" if dx < 0 else "left",
        va="center",
        color=QUERY,
        path_effects=HALO,
    )


def _values(
    ax: Axes,
    tokens: Sequence[str],
    values: Array,
    weights: Array,
    output: Array,
    words: Mapping[str, str],
) -> None:
    points = np.vstack([values, np.zeros(2)])
    low, high = points.min(axis=0), points.max(axis=0)
    size = (float((high - low).max()) or 1.0) / 0.72
    left, bottom = (low + high - size) / 2
    _plane(ax, words["values_plane"], words["values_note"], left, bottom, size)
    centre = values.mean(axis=0)
    ax.add_patch(
        Polygon(_hull(values), fc=to_rgba(VALUE, 0.1), ec=to_rgba(VALUE, 0.5), ls=(0, (3, 3)))
    )
    for token, value, weight in zip(tokens, values, weights, strict=True):
        ax.plot(*np.stack([value, output]).T, color=VALUE, lw=0.6 + 10 * weight, alpha=0.45)
        ax.plot(*value, "o", ms=9, color=VALUE)
        _name(ax, value, centre, token, number(weight, 3), VALUE)
    ax.plot(*output, "D", ms=10, color=OUTPUT, mec=PAPER, mew=1.5)
    ax.annotate(
        f"{words['output']}\n{pair(output)}",
        tuple(output),
        (0, -24),
        textcoords="offset points",
        ha="center",
        va="center",
        color=OUTPUT,
        path_effects=HALO,
    )


def _hull(points: Array) -> Array:
    """Corners of the convex hull, counter-clockwise (Andrew's monotone chain)."""
    ordered = sorted(map(tuple, points.tolist()))

    def half(order: list[Any]) -> list[Any]:
        chain: list[Any] = []
        for x, y in order:
            while len(chain) > 1:
                (ax, ay), (bx, by) = chain[-2:]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                chain.pop()
            chain.append((x, y))
        return chain[:-1] or chain

    return np.array([*half(ordered), *half(ordered[::-1])])


def _table(
    ax: Axes,
    tokens: Sequence[str],
    keys: Array,
    values: Array,
    scores: Array,
    weights: Array,
    output: Array,
    words: Mapping[str, str],
) -> None:
    ax.set(xlim=(0, 1), ylim=(len(tokens) + 1.7, -0.5))
    ax.set_axis_off()
    columns = {"token": 0.01, "key": 0.12, "score": 0.3, "weight": 0.42, "value": 0.83}
    colors = {"key": KEY, "value": VALUE}
    for name, x in columns.items():
        ax.text(x, 0.15, words[name], color=colors.get(name, QUIET))
    for i, token in enumerate(tokens):
        row = i + 1
        ax.axhline(row - 0.5, color=LINE, lw=0.7)
        ax.text(columns["token"], row + 0.18, token, color=INK, fontsize=14)
        ax.text(columns["key"], row + 0.15, pair(keys[i]), color=KEY)
        ax.text(columns["score"], row + 0.15, number(scores[i]))
        ax.barh(row, 0.28, left=columns["weight"], height=0.36, color=FAINT)
        ax.barh(row, 0.28 * weights[i], left=columns["weight"], height=0.36, color=QUERY)
        ax.text(columns["weight"] + 0.3, row + 0.15, number(weights[i], 3))
        ax.text(columns["value"], row + 0.15, pair(values[i]), color=VALUE)
    terms = [f"{number(w, 3)} · {pair(v)}" for w, v in zip(weights, values, strict=True)]
    if len(terms) > 4:  # more than a line holds; the table has them all
        terms = [terms[0], "…", terms[-1]]
    total = f"{words['output']} = {' + '.join(terms)} = {pair(output)}"
    ax.text(columns["token"], len(tokens) + 1.3, total)
