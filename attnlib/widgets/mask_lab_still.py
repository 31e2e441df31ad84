"""The still picture of MaskLab: the weights, and the same mask in a convention, by matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from attnlib import plotting
from attnlib.plotting import FAINT, FONT, INK, KEY, LINE, MASKED, PAPER, QUERY, QUIET, BookFigure

Array = np.ndarray[Any, Any]
# Where a mask goes, what its entries mean, and how a forbidden and an allowed cell are written.
WRITTEN = {
    "attnlib": ("attnlib", "may", ("False", "True")),
    "SDPA": ("F.scaled_dot_product_attention", "may", ("False", "True")),
    "MHA": ("nn.MultiheadAttention", "ignore", ("True", "False")),
    "additive": ("float", "added", ("-inf", "0")),
}
SHORT = {"True": "T", "False": "F", "-inf": "−∞"}  # where many stand side by side


def draw_still(
    tokens: Sequence[str],
    mask: Array,
    weights: Array,
    *,
    convention: str,
    status: str,
    words: Mapping[str, str],
) -> BookFigure:
    """Draw the weights with forbidden cells hatched, and the mask in one of four conventions.

    Args:
        tokens: `n` names.
        mask: Boolean, shape `(n, n)`, True = may attend.
        weights: Shape `(n, n)`.
        convention: One of `WRITTEN`.
        status: What there is to say about the mask.
        words: The words of the figure.

    Returns:
        The figure; pyplot does not know of it, so no notebook shows it a second time.
    """
    with plotting.style():
        figure = BookFigure(figsize=(6.4, 4.1), layout="constrained")
        left, right = figure.subplots(1, 2)
        plotting.plot_attention(
            weights,
            query_labels=tokens,
            mask=mask,
            ax=left,
            title=words["weights"],
            query_title=words["query"],
            key_title=words["key"],
            show_numbers=len(tokens) <= 6,
        )
        figure.supxlabel(status, x=0.01, ha="left", color=QUIET, fontsize=10)
        _written(right, tokens, mask, convention, words)
    return figure


def _written(
    ax: Axes, tokens: Sequence[str], mask: Array, convention: str, words: Mapping[str, str]
) -> None:
    where, meaning, texts = WRITTEN[convention]
    n = len(tokens)
    many = n > 6
    ax.set(xlim=(-1, n), ylim=(n, -1), aspect=1 if many else 0.8, anchor="N")
    ax.set_title(f"{where}\n{words[meaning]}", linespacing=1.5)
    ax.set_axis_off()
    text: dict[str, Any] = {"ha": "center", "va": "center", "fontfamily": FONT, "fontsize": 9}
    for i, token in enumerate(tokens):
        ax.text(-0.5, i + 0.5, token, color=QUERY, **text)
        ax.text(i + 0.5, -0.5, token, color=KEY, **text)
    for (i, j), may in np.ndenumerate(mask):
        if not may:
            ax.add_patch(Rectangle((j, i), 1, 1, hatch="////", fc=FAINT, ec=MASKED, lw=0))
        ax.add_patch(Rectangle((j, i), 1, 1, fc="none", ec=LINE, lw=1))
        entry = texts[int(may)]
        entry = SHORT.get(entry, entry) if many else entry
        patch = {"boxstyle": "square,pad=0.1", "fc": PAPER if may else FAINT, "ec": "none"}
        ax.text(j + 0.5, i + 0.5, entry, color=INK, bbox=patch, **text)
