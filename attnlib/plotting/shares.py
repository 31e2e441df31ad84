"""Bars from 0 to 1, cut into shares: one row of weights each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from attnlib.plotting.fitted import fit_text
from attnlib.plotting.glyphs import complete
from attnlib.plotting.look import FAINT, MASKED, PAPER, WEIGHT_MAP, style, subplots
from attnlib.plotting.matrices import LITERAL, _array, _labels, _legible_on, _set_title

__all__ = ["plot_shares"]


def plot_shares(
    shares: Mapping[str, Any],
    *,
    labels: Sequence[str],
    colors: Sequence[str] | None = None,
    show_numbers: bool = True,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw rows of weights as bars, one below the other, the larger a weight the bluer.

    What a row lacks to 1 is hatched.

    Args:
        shares: The name of each bar, and its weights: none negative, at most 1 together.
        labels: What the weights are on; a share that is too small for its label has none.
        colors: One for each label, where labels rather than weights are to be told apart.
        show_numbers: Write the weights below the labels?
        ax: Where to draw; a new figure if left out.
        title: Text above the bars; set as a formula if all of it stands between two `$`.

    Returns:
        The axes.

    Raises:
        ValueError: If there is no bar, or weights are not such, or not as many as labels or colors.
    """
    if not shares:
        raise ValueError("shares must have a bar, got none")
    bars = {name: _shares(name, parts) for name, parts in shares.items()}
    names = {name: _labels("labels", labels, len(parts)) for name, parts in bars.items()}
    if colors is not None and len(colors) != len(labels):
        raise ValueError(f"colors must have {len(labels)} entries, got {len(colors)}")
    if ax is None:
        _, ax = subplots(width=4.4, height=0.6 * len(bars) + 0.4)
    with style():
        for y, (name, parts) in enumerate(bars.items()):
            start = 0.0
            fills = map(WEIGHT_MAP, parts) if colors is None else map(to_rgba, colors)
            for label, part, color in zip(names[name], parts, fills, strict=True):
                ax.barh(y, part, left=start, color=color, edgecolor=PAPER)
                text = f"{label}\n{part:.2f}" if show_numbers else label
                at: dict[str, Any] = {"width": part, "linespacing": 1.1}
                fit_text(ax, start + part / 2, y, text, color=_legible_on(color), **at, **LITERAL)
                start += part
            if start < 0.995:
                rest: dict[str, Any] = {"color": FAINT, "edgecolor": MASKED, "hatch": "////"}
                ax.barh(y, 1 - start, left=start, linewidth=0, **rest)
        ax.set_yticks(range(len(bars)), list(bars), **LITERAL)
        ax.set(xlim=(0, 1), ylim=(len(bars) - 0.5, -0.5), xticks=[0, 0.5, 1])
        ax.grid(False)
        if title:
            _set_title(ax, title)
        complete(ax)
    return ax


def _shares(name: str, values: Any) -> list[float]:
    parts = _array(name, values).astype(float)
    if parts.ndim != 1 or not np.isfinite(parts).all() or (parts < -1e-6).any():
        raise ValueError(f"{name} must be a row of weights, none negative, got {parts.tolist()}")
    if parts.sum() > 1 + 1e-6:
        raise ValueError(f"{name} must be at most 1 together, got {parts.sum():.3f}")
    return [float(part) for part in parts]
