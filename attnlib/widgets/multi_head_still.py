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
from attnlib.plotting import INK, KEY, LINE, MASKED, PAPER, QUERY, QUIET, SERIES, BookFigure

Array = np.ndarray[Any, Any]

# A colour for each head, at least 5 : 1 on white. Its number and its dashes tell it apart as well.
HEADS = (
    *SERIES,
    *("#257E03", "#9F268D", "#964C04", "#0462D3", "#930800", "#016246", "#6C098B", "#475403"),
)
DASHES = ((), (9, 4), (2, 3), (14, 4, 3, 4), (5, 5), (18, 5), (3, 6), (9, 3, 2, 3, 2, 3))
MOST_LABELS = 12  # beside a heat map
WIDTH = 6.4  # units of 100 CSS pixels


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
    longest = max(q_len, k_len)
    labelled = longest <= MOST_LABELS and max(map(len, [*query_tokens, *key_tokens])) <= 2
    columns = count + 1 if count < 6 else 5
    edge = 0.2 if labelled else 0.04  # all lengths in units of 100 CSS pixels
    map_width = min(WIDTH / columns - edge - 0.1, 1.5)
    map_height = map_width * min(max(q_len / k_len, 0.15), 2)
    pitch = map_height + edge + 0.42
    row, size = (0.3, 11) if longest <= MOST_LABELS else (0.2, 9) if longest <= 24 else (0.12, 7)
    maps, lines = ceil((count + 1) / columns) * pitch, longest * row + 0.5
    height = round(maps + 0.4 + lines, 2)  # whole pixels
    with plotting.style():
        figure = BookFigure(figsize=(WIDTH, height))

        def place(left: float, top: float, width: float, tall: float) -> Axes:
            box = (left / WIDTH, 1 - (top + tall) / height, width / WIDTH, tall / height)
            return figure.add_axes(box)

        for head, matrix in enumerate(matrices):
            left, top = head % columns * WIDTH / columns, head // columns * pitch
            ax = place(left + edge + 0.04, top + edge + 0.28, map_width, map_height)
            _map(ax, matrix, masked, query, _color(head, count))
            if labelled:
                ax.set_xticks(np.arange(k_len), key_tokens, color=KEY)
                ax.set_yticks(np.arange(q_len), query_tokens, color=QUERY)
            name = head_names[head] if head < count else words["mean"]
            title = (
                name if head == count else f"{head} {name}" if name else f"{words['head']} {head}"
            )
            at = ((left + 0.06) / WIDTH, 1 - (top + 0.2) / height)
            figure.text(*at, title, fontsize=11, color=_color(head, count))
        at = (0.06 / WIDTH, 1 - (maps - 0.02) / height)
        figure.text(*at, fill(words["note"], 100), fontsize=9.5, color=QUIET, va="top")
        ax = place(0.06, maps + 0.4, WIDTH - 0.12, lines)
        ax.set(xlim=(0, 1), ylim=(longest - 0.5, longest - 0.5 - lines / row))
        rows = [matrix[query] for matrix in matrices]
        _query(ax, rows, masked[query], query_tokens, key_tokens, query, shown, words, size)
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
    row = Rectangle((-0.5, query - 0.5), matrix.shape[1], 1, fill=False, ec=INK, lw=1.6)
    ax.add_patch(row).set_clip_on(False)
    ax.set(xticks=[], yticks=[])
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
    ax.set_axis_off()
    name = words["query"]
    title = f"{name[:1].upper()}{name[1:]} {query}: {query_tokens[query]}"
    ax.text(0, 1, title, fontsize=12, va="top", transform=ax.transAxes)
    q_top, k_top = (longest - q_len) / 2, (longest - k_len) / 2
    room = 0.03 + 0.016 * min(max(map(len, [*query_tokens, *key_tokens])), 7)
    start, end = room + 0.03, 0.42
    columns = np.linspace(end + room + 0.06, 0.965, count + 1)
    lane = min(0.17, 0.8 / (count + 1))

    def write(x: float, y: float, text: str, color: str, **options: Any) -> None:
        ax.text(x, y, text, **{"va": "center", "fontsize": size, "color": color, **options})

    for i, name in enumerate(query_tokens):
        chosen = {"fc": QUERY, "ec": QUERY, "boxstyle": "round,pad=0.2"} if i == query else None
        color = PAPER if i == query else QUERY
        write(start - 0.02, q_top + i, _short(name), color, ha="right", bbox=chosen)
    write(end + 0.02, -0.8, words["key"], KEY)
    for j, name in enumerate(key_tokens):
        write(end + 0.02, k_top + j, _short(name), KEY)
    for head in (count, *range(count)):  # the mean lies below the heads
        color, on = _color(head, count), shown[head]
        name = words["mean"] if head == count else str(head)
        write(columns[head], -0.8, name, color, ha="center")
        for j, weight in enumerate(weights[head]):
            number = "×" if masked[j] else f"{weight:.2f}" if on else "–"
            ink = color if on and weight >= 0.05 else QUIET
            write(columns[head], k_top + j, number, ink, ha="center")
            if on and weight >= 0.005:
                ends = q_top + query, k_top + j + (head - count / 2) * lane
                dash = (1, 3) if head == count else DASHES[head % len(DASHES)]
                _line(ax, (start, end), ends, weight, 0.6 + size / 2 * weight, dash, color)
        best = int(np.argmax(weights[head]))
        if on and head < count and weights[head][best] >= 0.2:
            t = 0.4 + 0.4 * (head + 0.5) / count
            y = q_top + query, k_top + best + (head - count / 2) * lane
            at = (start + (end - start) * t, y[0] + (y[1] - y[0]) * _bend(t))
            circle = {"boxstyle": "circle,pad=0.15", "fc": color, "ec": "none"}
            write(*at, str(head), PAPER, ha="center", fontsize=8, bbox=circle, zorder=3)


def _line(
    ax: Axes,
    x: tuple[float, float],
    y: tuple[float, float],
    weight: float,
    width: float,
    dash: tuple[int, ...],
    color: str,
) -> None:
    """A line from the query on the left to a key on the right, level at both ends."""
    t = np.linspace(0, 1, 32)
    ax.plot(
        x[0] + (x[1] - x[0]) * t,
        y[0] + (y[1] - y[0]) * _bend(t),
        color=color,
        alpha=weight**0.5,
        lw=width,
        ls=(0, tuple(d / width for d in dash)) if dash else "-",  # matplotlib multiplies by it
        solid_capstyle="butt",
    )


def _bend(t: Any) -> Any:
    return 3 * t**2 - 2 * t**3


def _short(name: str) -> str:
    return name if len(name) <= 7 else f"{name[:6]}…"
