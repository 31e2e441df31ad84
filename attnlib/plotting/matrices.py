"""Matrices as pictures: weights with numbers, colours and hatching; tables of whole numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from attnlib import words
from attnlib.plotting.fitted import fit_text
from attnlib.plotting.glyphs import complete
from attnlib.plotting.look import (
    FAINT,
    FONT,
    INK,
    KEY,
    LINE,
    MASKED,
    PAPER,
    QUERY,
    SERIES,
    WEIGHT_MAP,
    style,
    subplots,
)

__all__ = ["plot_attention", "plot_numbers"]

# What comes from outside is written as it stands: "$$" may be somebody's token.
LITERAL: dict[str, Any] = {"fontfamily": FONT, "parse_math": False}
FORMULA = re.compile(r"\$[^$]+\$")  # the one exception: a title that is a formula as a whole


def plot_attention(
    weights: Any,
    *,
    query_labels: Sequence[str] | None = None,
    key_labels: Sequence[str] | None = None,
    mask: Any = None,
    ax: Axes | None = None,
    title: str | None = None,
    query_title: str | None = None,
    key_title: str | None = None,
    number_format: str = ".2f",
    show_numbers: bool | None = None,
    vmin: float = 0.0,
    vmax: float = 1.0,
) -> Axes:
    """Draw a matrix of attention weights: a row for each query, a column for each key.

    Args:
        weights: Shape `(q_len, k_len)`; an array, a tensor or nested lists. Scores can be drawn
            too: give `vmin` and `vmax`.
        query_labels: `q_len` names for the rows; their numbers if left out.
        key_labels: `k_len` names for the columns; the query labels if these fit, else numbers.
        mask: Boolean, shape `(q_len, k_len)`, True = may attend; the other cells are hatched.
        ax: Where to draw; a new figure if left out.
        title: Text above the matrix; set as a formula if all of it stands between two `$`.
        query_title: Name of the rows; if left out "query", in the language in use.
        key_title: Name of the columns; if left out "key", in the language in use.
        number_format: Format of the number in each cell.
        show_numbers: Write the numbers? If left out: when there are at most 12 rows and columns.
            Without them a colour bar is drawn.
        vmin: Value that is white.
        vmax: Value that is full blue.

    Returns:
        The axes.

    Raises:
        ValueError: If `weights` is not a non-empty matrix of finite numbers, or if labels or mask
            do not fit it.
    """
    matrix = _matrix("weights", weights)
    q_len, k_len = matrix.shape
    rows, columns = _names_of_sides(query_labels, key_labels, q_len, k_len)
    if not vmin < vmax:
        raise ValueError(f"vmin must be below vmax, got {vmin} and {vmax}")
    allowed = np.ones(matrix.shape, dtype=bool)
    if mask is not None:
        allowed = _array("mask", mask)
        if allowed.dtype != bool:
            raise ValueError(f"mask must be boolean (True = may attend), got {allowed.dtype}")
        if allowed.shape != matrix.shape:
            raise ValueError(
                f"mask must have the shape of weights, {matrix.shape}, got {allowed.shape}"
            )
    query_title = words.say("plots.query") if query_title is None else query_title
    key_title = words.say("plots.key") if key_title is None else key_title
    if show_numbers is None:
        show_numbers = max(q_len, k_len) <= 12

    # Side of a cell in units of 100 CSS pixels: the figure must fit a page of 6.4, and a screen.
    beside = 0.85 if show_numbers else 1.45
    cell = min(0.78, (6.4 - beside) / k_len, 7.0 / q_len)
    if ax is None:
        _, ax = subplots(
            width=max(k_len * cell + beside, 1.6),
            height=max(q_len * cell + (1.05 if title else 0.75), 1.4),
        )
    with style():
        border: dict[str, Any] = {"edgecolor": LINE, "linewidth": 1.2 if show_numbers else 0}
        cells = ax.pcolormesh(matrix, cmap=WEIGHT_MAP, vmin=vmin, vmax=vmax, **border)
        for row, column in np.argwhere(~allowed):
            ax.add_patch(Rectangle((column, row), 1, 1, hatch="////", fc=FAINT, ec=MASKED, lw=0))
            ax.add_patch(Rectangle((column, row), 1, 1, facecolor="none", **border))
        if show_numbers:
            for (row, column), number in np.ndenumerate(matrix):
                masked = not allowed[row, column]
                ax.text(
                    column + 0.5,
                    row + 0.5,
                    format(number, number_format).replace("-", "−"),
                    ha="center",
                    va="center",
                    **LITERAL,
                    fontsize=12 if cell > 0.6 else 9,
                    color=MASKED if masked else _legible_on(cells.to_rgba(number)),
                    # The hatching would cut the digits: they stand on a plain patch.
                    bbox={"boxstyle": "round,pad=0.25", "fc": PAPER, "ec": "none"}
                    if masked
                    else None,
                )
        else:
            bar = ax.figure.colorbar(cells, ax=ax, fraction=0.046, pad=0.03)
            bar.outline.set_visible(False)
        _set_cells(ax, q_len, k_len)
        ax.tick_params(length=0, top=False, bottom=False, labeltop=True, labelbottom=False)
        short = cell > 0.6 and max(map(len, rows + columns)) <= 2
        for axis, labels in ((ax.xaxis, columns), (ax.yaxis, rows)):
            every = math.ceil(len(labels) / 16)  # more names than that would run into each other
            axis.set_ticks(
                np.arange(len(labels))[::every] + 0.5,
                labels[::every],
                **LITERAL,
                fontsize=15 if short else 10,
                color=INK,
            )
        _name_axes(ax, query_title, key_title, fontsize=11, labelpad=5)
        if title:
            _set_title(ax, title, loc="left", fontsize=12, color=INK, pad=10)
        complete(ax)
    return ax


def plot_numbers(
    numbers: Any,
    *,
    groups: Any,
    row_labels: Sequence[str] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw a table of whole numbers, in the color of the group that each of them belongs to.

    Args:
        numbers: Shape `(rows, columns)`; an array, a tensor or nested lists.
        groups: Shape `(rows, columns)`, integers from 0 to 3: which color of `SERIES`.
        row_labels: Names of the rows; none if left out.
        ax: Where to draw; a new figure if left out.
        title: Text above the table; set as a formula if all of it stands between two `$`.

    Returns:
        The axes.

    Raises:
        ValueError: If `numbers` is not a non-empty matrix, or groups or labels do not fit it.
    """
    matrix, owners = _matrix("numbers", numbers), _array("groups", groups)
    rows, columns = matrix.shape
    if owners.shape != matrix.shape:
        raise ValueError(f"groups must have shape {matrix.shape}, got {owners.shape}")
    if owners.dtype.kind not in "iu" or not 0 <= owners.min() <= owners.max() < len(SERIES):
        raise ValueError(f"groups must be integers from 0 to {len(SERIES) - 1}")
    labels = [] if row_labels is None else _labels("row_labels", row_labels, rows)
    if ax is None:
        _, ax = subplots(width=0.6 * columns + 0.6, height=0.6 * rows + 0.6)
    with style():
        for (row, column), number in np.ndenumerate(matrix):
            tint = (SERIES[owners[row, column]], 0.24)
            ax.add_patch(Rectangle((column, row), 1, 1, fc=tint, ec=PAPER, lw=2))
            fit_text(ax, column + 0.5, row + 0.5, f"{number:.0f}", width=1)
        _set_cells(ax, rows, columns)
        ax.set_xticks([])
        ax.set_yticks(np.arange(len(labels)) + 0.5, labels, **LITERAL, fontsize=15, color=INK)
        if title:
            _set_title(ax, title)
        complete(ax)
    return ax


def _set_cells(ax: Axes, rows: int, columns: int) -> None:
    """Make room for cells of size 1, from the upper left corner on, with nothing around them."""
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.grid(False)
    ax.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal")


def _name_axes(ax: Axes, query_title: str, key_title: str, **options: Any) -> None:
    ax.xaxis.set_label_position("top")
    ax.set_xlabel(f"{key_title} →", color=KEY, **LITERAL, **options)
    ax.set_ylabel(f"← {query_title}", color=QUERY, **LITERAL, **options)


def _set_title(ax: Axes, title: str, **options: Any) -> None:
    ax.set_title(title, **options, **LITERAL | {"parse_math": bool(FORMULA.fullmatch(title))})


def _array(name: str, values: Any) -> np.ndarray[Any, Any]:
    """Copy `values` into an array, a tensor of any device and dtype too."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.double().numpy() if values.is_floating_point() else values.numpy()
    try:
        array = np.array(values)
    except ValueError as error:
        raise ValueError(f"{name} must not be ragged: all its rows need the same length") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold numbers, got {array.dtype}")
    return array


def _matrix(name: str, values: Any) -> np.ndarray[Any, Any]:
    array = _array(name, values).astype(float)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"{name} must be a matrix (q_len, k_len) that is not empty, got shape {array.shape}"
        )
    if not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(f"{name} must be finite, got {array[row, column]} at ({row}, {column})")
    return array


def _row(name: str, values: Any) -> np.ndarray[Any, Any]:
    """Read one row of finite numbers."""
    row: np.ndarray[Any, Any] = _matrix(name, [_listed(values)])[0]
    return row


def _listed(values: Any) -> Any:
    return values.tolist() if hasattr(values, "tolist") else values


def _names_of_sides(
    query_labels: Sequence[str] | None, key_labels: Sequence[str] | None, q_len: int, k_len: int
) -> tuple[list[str], list[str]]:
    """Return the names of rows and columns; columns have those of rows, where these fit."""
    rows = _labels("query_labels", query_labels, q_len)
    if key_labels is None and query_labels is not None and q_len == k_len:
        key_labels = query_labels
    return rows, _labels("key_labels", key_labels, k_len)


def _labels(name: str, labels: Sequence[str] | None, count: int) -> list[str]:
    labels = [str(i) for i in range(count)] if labels is None else [str(label) for label in labels]
    if len(labels) != count:
        raise ValueError(f"{name} must have {count} entries, got {len(labels)}: {labels}")
    return labels


def _legible_on(background: Any) -> str:
    """Black or white, whichever has the higher contrast (WCAG): at least 4.58 : 1 on any colour."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in background[:3]]
    luminance = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return "#000000" if luminance > 0.1791 else "#FFFFFF"
