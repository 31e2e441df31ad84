"""The still picture of PositionalEncodingExplorer: the same four parts, drawn by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from attnlib import plotting
from attnlib.plotting import INK, LINE, MASKED, PAPER, QUIET, SERIES, SIGNED_MAP, BookFigure
from attnlib.widgets.query_key_value_still import HALO, number

Array = np.ndarray[Any, Any]
# Minus to plus, as in positional_encoding.js.
LOOKS = tuple(zip(SERIES, ("-", (0, (4, 2)), (0, (5, 2, 1, 2)), (0, (1, 1.5))), strict=True))


def draw_still(
    encoding: Array,
    *,
    base: float,
    positions: tuple[int, int],
    columns: Sequence[int],
    words: Mapping[str, str],
) -> BookFigure:
    """Draw the encoding, some of its columns, the dot products of its rows, and a table.

    Args:
        encoding: Shape `(length, dim)`.
        base: Base of its wavelengths.
        positions: The two rows m and n.
        columns: Up to 4 columns that are drawn as curves.
        words: The words of the figure.

    Returns:
        The figure; pyplot does not know of it.
    """
    with plotting.style():
        figure = BookFigure(figsize=(6.4, 5.6), layout="constrained")
        grid = figure.add_gridspec(2, 2, height_ratios=[3.2, 2], wspace=0.14)
        upper_left, upper_right, lower_left, lower_right = (
            figure.add_subplot(grid[row, column]) for row in (0, 1) for column in (0, 1)
        )
        _map(upper_left, encoding, positions, columns, words)
        _curves(upper_right, encoding, positions, columns, words)
        _products(lower_left, encoding, positions, words)
        _table(lower_right, encoding, base, positions, columns, words)
        for ax in figure.axes:
            for text in ax.texts:  # names at the edges must not squeeze the four parts
                text.set_in_layout(False)
    return figure


def _frame(ax: Axes, title: str, note: str = "") -> None:
    ax.set_title(title, y=1.0, pad=13)  # a given y: else it would climb over the colour bar
    ax.set_xlabel(fill(note, 44), loc="left", fontsize=9.5, color=QUIET, labelpad=6)
    for spine in ax.spines.values():
        spine.set(visible=True, color=LINE)


def _map(
    ax: Axes,
    encoding: Array,
    positions: tuple[int, int],
    columns: Sequence[int],
    words: Mapping[str, str],
) -> None:
    length, dim = encoding.shape
    cells = ax.pcolormesh(encoding, cmap=SIGNED_MAP, vmin=-1, vmax=1)
    for column, (color, _) in zip(columns, LOOKS, strict=False):
        ax.add_patch(Rectangle((column + 0.1, -2.2), 0.8, 1.5, fc=color, clip_on=False))
    for x, name, position in zip((1.02, 1.07), "mn", positions, strict=True):
        row = Rectangle((0, position - 0.2), dim, 1.4, fill=False, ec=INK, lw=1.2, clip_on=False)
        ax.add_patch(row)
        ax.text(x, position + 0.5, name, transform=ax.get_yaxis_transform(), va="center")
    ax.grid(False)
    ax.set(xlim=(0, dim), ylim=(length, 0))
    step = next(s for s in (1, 2, 4, 8, 16, 32) if dim / s <= 8)
    ax.set_xticks(np.arange(0, dim, step) + 0.5, [str(j) for j in range(0, dim, step)])
    ax.set_yticks(np.arange(0, length, 10) + 0.5, [str(p) for p in range(0, length, 10)])
    bar = ax.inset_axes((0.74, 1.08, 0.2, 0.025))
    ax.figure.colorbar(cells, cax=bar, orientation="horizontal", ticks=[])
    bar.spines[:].set_visible(False)
    for x, number_text, side in ((-0.1, "−1", "right"), (1.1, "1", "left")):
        bar.text(x, 0.5, number_text, transform=bar.transAxes, fontsize=9, ha=side, va="center")
    _frame(ax, words["map"])


def _curves(
    ax: Axes,
    encoding: Array,
    positions: tuple[int, int],
    columns: Sequence[int],
    words: Mapping[str, str],
) -> None:
    for column, (color, line) in zip(columns, LOOKS, strict=False):
        values = encoding[:, column]
        ax.plot(values, color=color, ls=line, label=str(column))
        ax.plot(positions, values[list(positions)], "o", ms=6, color=color, mec=PAPER)
    for name, position in zip("mn", positions, strict=True):
        ax.axvline(position, color=QUIET, lw=1, zorder=1)
        before = name == "m" if positions[0] <= positions[1] else name == "n"
        text = f"{name} " if before else f" {name}"
        ax.text(position, 1.13, text, ha="right" if before else "left", path_effects=HALO)
    ax.set(xlim=(0, len(encoding) - 1), ylim=(-1.4, 1.4))
    ax.legend(
        ncols=len(columns), loc="lower center", borderpad=0, handlelength=1.8, columnspacing=1.2
    )
    ax.set(xlim=(0, len(encoding) - 1), ylim=(-1.75, 1.4), yticks=[-1, 0, 1])
    _frame(ax, words["curves"])


def _products(
    ax: Axes, encoding: Array, positions: tuple[int, int], words: Mapping[str, str]
) -> None:
    length, dim = encoding.shape
    m, n = positions
    products = encoding @ encoding[0]
    ax.plot(np.arange(1 - length, length), [*products[:0:-1], *products], color=MASKED, lw=1.7)
    product = encoding[m] @ encoding[n]
    ax.plot([n - m, n - m], [0, product], color=INK)
    ax.plot(n - m, product, "o", ms=9, color=INK, mec=PAPER, mew=1.5)
    ax.axhline(0, color=LINE, lw=1.4, zorder=0.9)
    right = n - m < 0.7 * length
    ax.text(
        n - m + (2 if right else -2),
        product / 2,
        number(product),
        ha="left" if right else "right",
        va="center",
        path_effects=HALO,
    )
    ax.text(0.98, 0.04, "n − m", transform=ax.transAxes, ha="right", fontsize=10, color=QUIET)
    ax.set(xlim=(-length, length), ylim=(min(0, products.min()) - 0.13 * dim, 0.6 * dim))
    _frame(ax, words["products"], words["products_note"])


def _table(
    ax: Axes,
    encoding: Array,
    base: float,
    positions: tuple[int, int],
    columns: Sequence[int],
    words: Mapping[str, str],
) -> None:
    m, n = positions
    dim = encoding.shape[1]
    waves = [2 * math.pi * base ** (2 * (column // 2) / dim) for column in columns]
    wave_texts = [
        number(w, 2 if w < 10 else 1 if w < 100 else 0) if w < 10_000 else f"{w / 1000:.0f}k"
        for w in waves
    ]
    rows = [
        (words["column"], *map(str, columns)),
        (words["wavelength"], *wave_texts),
        *(
            (f"{name} = {p}", *(number(encoding[p, column], 3) for column in columns))
            for name, p in zip("mn", positions, strict=True)
        ),
    ]
    ax.set(xlim=(0, 1), ylim=(len(rows) + 1, -0.5))
    ax.set_axis_off()
    _frame(ax, words["values"])
    for y, cells in enumerate(rows):
        if y:
            ax.axhline(y - 0.5, color=LINE, lw=0.7)
        for x, cell in zip((0, 0.46, 0.64, 0.82, 1), cells, strict=False):
            ax.text(x, y, cell, ha="right" if x else "left", va="center", fontsize=10)
    product = number(encoding[m] @ encoding[n])
    formula = f"$P_{{{m}}}\\cdot P_{{{n}}}$ = {product}      n − m = {number(n - m, 0)}"
    ax.text(0, len(rows) + 0.2, formula, va="center")
