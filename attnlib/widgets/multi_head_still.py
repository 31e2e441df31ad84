"""The still picture of MultiHeadView: heat maps, lines and numbers, drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle

from attnlib import plotting
from attnlib.plotting import FAINT, INK, KEY, LINE, MASKED, PAPER, QUERY, QUIET, BookFigure

Array = np.ndarray[Any, Any]

# A colour for each head, at least 5 : 1 on white. Its number and its dashes tell it apart as well.
HEADS = (
    *("#5f36b6", "#7c6702", "#b51446", "#027c7c", "#257e03", "#9f268d"),
    *("#964c04", "#0462d3", "#930800", "#016246", "#6c098b", "#475403"),
)
DASHES = ((), (9, 4), (2, 3), (14, 4, 3, 4), (5, 5), (18, 5), (3, 6), (9, 3, 2, 3, 2, 3))
MOST_LABELS = 12  # beside a heat map


def draw_still(
    weights: Array,
    head_names: Sequence[str],
    query_tokens: Sequence[str],
    key_tokens: Sequence[str],
    *,
    masked: Array,
    query: int,
    shown: Sequence[bool],
    words: Mapping[str, str],
) -> BookFigure:
    """Draw a heat map for each head and for the mean; below, one query's lines and weights.

    Args:
        weights: Shape `(num_heads, q_len, k_len)`.
        head_names: `num_heads` names; "" for none.
        query_tokens: `q_len` names.
        key_tokens: `k_len` names.
        masked: Boolean, shape `(q_len, k_len)`.
        query: The query that is chosen.
        shown: `num_heads + 1` booleans: the heads, then the mean.
        words: The words of the figure.

    Returns:
        The figure; pyplot does not know of it, so no notebook shows it a second time.
    """
    count, q_len, k_len = weights.shape
    matrices = [*weights, weights.mean(axis=0)]
    columns = min(count + 1, 5)
    rows = ceil((count + 1) / columns)
    side = 6.4 / columns
    map_height = 0.35 + (side - 0.1) * min(max(q_len / k_len, 0.2), 2)
    longest = max(q_len, k_len)
    row_height = 0.3 if longest <= MOST_LABELS else 0.2 if longest <= 24 else 0.12
    maps, below = rows * map_height, (longest + 1.6) * row_height + 0.2
    with plotting.style():
        figure = BookFigure(figsize=(6.4, maps + below + 0.35), layout="constrained")
        upper, lower = figure.subfigures(2, 1, height_ratios=[maps + 0.35, below])
        grid = upper.add_gridspec(rows, columns)
        for head, matrix in enumerate(matrices):
            ax = upper.add_subplot(grid[head // columns, head % columns])
            mean = head == count
            name = words["mean"] if mean else head_names[head]
            title = name if mean else f"{head} {name}" if name else f"{words['head']} {head}"
            _map(ax, matrix, masked, query, _color(head, count))
            ax.set_title(title, fontsize=11, color=_color(head, count), pad=5)
            if longest <= MOST_LABELS and max(map(len, [*query_tokens, *key_tokens])) <= 2:
                ax.set_xticks(np.arange(k_len), key_tokens, color=KEY)
                ax.set_yticks(np.arange(q_len), query_tokens, color=QUERY)
        upper.supxlabel(fill(words["note"], 100), x=0.01, ha="left", fontsize=9.5, color=QUIET)
        ax = lower.add_axes((0.01, 0.0, 0.98, 1.0))
        rows_of_query = [matrix[query] for matrix in matrices]
        size = {0.3: 11.0, 0.2: 9.0, 0.12: 7.0}[row_height]
        _query(ax, rows_of_query, masked[query], query_tokens, key_tokens, query, shown, words, size)
    return figure


def _color(head: int, count: int) -> str:
    return HEADS[head] if head < count else INK


def _map(ax: Axes, matrix: Array, masked: Array, query: int, color: str) -> None:
    # The hatching is the ground, on which the other cells lie: one patch instead of thousands.
    ax.patch.set(hatch="//////", facecolor=PAPER, edgecolor=MASKED)
    shades = LinearSegmentedColormap.from_list("", [PAPER, color]).with_extremes(bad=(0, 0, 0, 0))
    cells = np.ma.masked_array(matrix, masked)
    borders: dict[str, Any] = {"edgecolors": LINE, "lw": 0.7} if max(matrix.shape) <= 24 else {}
    edges = [np.arange(length + 1) - 0.5 for length in matrix.shape]
    ax.pcolormesh(edges[1], edges[0], cells, cmap=shades, vmin=0, vmax=1, **borders)
    ax.add_patch(
        Rectangle((-0.5, query - 0.5), matrix.shape[1], 1, fill=False, ec=INK, lw=1.6, clip_on=False)
    )
    aspect = "equal" if 0.2 <= matrix.shape[0] / matrix.shape[1] <= 2 else "auto"
    ax.set(xticks=[], yticks=[], aspect=aspect)
    ax.invert_yaxis()
    ax.grid(False)
    ax.tick_params(labeltop=True, labelbottom=False, labelsize=9.5, pad=1)
    for spine in ax.spines.values():
        spine.set(visible=True, color=LINE)


def _query(
    ax: Axes,
    weights: Sequence[Array],
    masked: Array,
    query_tokens: Sequence[str],
    key_tokens: Sequence[str],
    query: int,
    shown: Sequence[bool],
    words: Mapping[str, str],
    size: float,
) -> None:
    count, q_len, k_len = len(weights) - 1, len(query_tokens), len(key_tokens)
    longest = max(q_len, k_len)
    ax.set(xlim=(0, 1), ylim=(longest - 0.4, -2.2))
    ax.set_axis_off()
    token: dict[str, Any] = {"va": "center", "fontsize": max(size, 7.5)}
    start, end, columns = 0.1, 0.4, np.linspace(0.52, 0.98, count + 1)
    q_top, k_top = (longest - q_len) / 2, (longest - k_len) / 2
    ax.text(0, -1.7, f"{words['query']} {query}: {query_tokens[query]}", fontsize=12, va="center")
    for i, name in enumerate(query_tokens):
        chosen = {"fc": QUERY, "ec": QUERY, "boxstyle": "round,pad=0.2"} if i == query else None
        color = PAPER if i == query else QUERY
        ax.text(start - 0.03, q_top + i, name[:8], color=color, ha="right", bbox=chosen, **token)
    for j, name in enumerate(key_tokens):
        ax.text(end + 0.03, k_top + j, name[:8], color=KEY, **token)
    ax.text(end + 0.03, -0.8, words["key"], color=KEY, va="center", fontsize=size)

    t = np.linspace(0, 1, 40)
    bend = 3 * t**2 - 2 * t**3  # level at both ends
    lane = min(0.17, 0.8 / (count + 1))
    for head in (count, *range(count)):
        mean, color = head == count, _color(head, count)
        name = words["mean"] if mean else str(head)
        ax.text(columns[head], -0.8, name, color=color, ha="center", va="center", fontsize=size)
        for j, weight in enumerate(weights[head]):
            at = (columns[head], k_top + j)
            text = "×" if masked[j] else f"{weight:.2f}" if shown[head] else "–"
            ax.text(*at, text, ha="center", color=MASKED if masked[j] else color, **token | {"fontsize": size})
            if not shown[head] or weight < 0.005:
                continue
            y = q_top + query, k_top + j + (head - count / 2) * lane
            width = 0.5 + size / 2 * weight
            dash = (1, 3) if mean else DASHES[head % len(DASHES)]
            style: Any = (0, tuple(d / width for d in dash)) if dash else "-"
            x, alpha = start + (end - start) * t, 0.25 + 0.75 * weight
            ax.plot(x, y[0] + (y[1] - y[0]) * bend, color=color, lw=width, ls=style, alpha=alpha, solid_capstyle="butt")
