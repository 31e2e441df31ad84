"""The still picture of ScalingExplorer: the same charts and gauges, drawn by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from attnlib import plotting
from attnlib.plotting import FAINT, INK, PAPER, QUERY, QUIET, BookFigure


def draw_still(
    formula: str, scores: Any, numbers: Mapping[str, Any], words: Mapping[str, str]
) -> BookFigure:
    """Draw the histogram of the scores, the weights, and four gauges.

    Args:
        formula: The setting: width and divisor.
        scores: Divided dot products, shape `(queries, keys)`.
        numbers: What `attnlib.widgets.scaling.measure` returns.
        words: The words of the figure.

    Returns:
        The figure; pyplot does not know of it, so no notebook shows it a second time.
    """
    with plotting.style():
        figure = BookFigure(figsize=(6.4, 4.1), layout="constrained")
        figure.suptitle(formula, x=0.01, ha="left", fontsize=13, color=INK)
        grid = figure.add_gridspec(2, 2, height_ratios=[2.0, 1.6])
        _scores(figure.add_subplot(grid[0, 0]), np.ravel(scores), numbers["std"], words)
        _weights(figure.add_subplot(grid[0, 1]), numbers, words)
        _gauges(figure.add_subplot(grid[1, :]), numbers, words)
    return figure


def _scores(ax: Axes, scores: np.ndarray[Any, Any], std: float, words: Mapping[str, str]) -> None:
    ax.axvspan(-std, std, color=FAINT)
    ax.hist(scores, range(-41, 42, 2), color=QUIET, rwidth=0.84)
    ax.set(xlim=(-42, 42), xticks=(-40, -20, 0, 20, 40), yticks=())
    ax.set_title(f"{words['scores']}: σ = {std:.2f}")
    ax.spines["left"].set_visible(False)
    ax.grid(False)
    for part, text, x, side in (
        (np.mean(scores < -41), "◂ {:.0f} %", 0, "left"),
        (np.mean(scores >= 41), "{:.0f} % ▸", 1, "right"),
    ):
        if part:
            place: dict[str, Any] = {"ha": side, "transform": ax.transAxes}
            ax.text(x, 0.85, text.format(100 * part), color=QUIET, fontsize=9, **place)


def _weights(ax: Axes, numbers: Mapping[str, Any], words: Mapping[str, str]) -> None:
    weights = sorted(numbers["weights"], reverse=True)
    places = range(1, len(weights) + 1)
    dots: dict[str, Any] = {"color": PAPER, "mec": INK, "mew": 1.6, "ms": 5, "clip_on": False}
    ax.bar(places, weights, color=QUERY, width=0.84)
    ax.axhline(1 / len(weights), color=INK, lw=1.2, ls=(0, (4, 3)))
    ax.plot(places, numbers["mean"], "o", label=words["mean"], **dots)
    ax.text(1.6, weights[0], f"{weights[0]:.2f}", va="center", color=QUERY)
    ax.legend(loc="upper right", fontsize=10)
    ax.set(ylim=(0, 1.05), yticks=(0, 0.5, 1), xticks=places)
    ax.set_title(words["one"].format(query=numbers["query"]))
    ax.tick_params(axis="x", pad=6)
    ax.grid(axis="x", visible=False)


def _gauges(ax: Axes, numbers: Mapping[str, Any], words: Mapping[str, str]) -> None:
    """Draw each number on a track, which has a meaning at either end."""
    keys, largest, gradient = len(numbers["weights"]), numbers["mean"][0], numbers["gradient"]
    low, median, high = np.clip((np.log10(np.maximum(gradient, 1e-9)) + 3) / 4, 0, 1)
    share = (keys * largest - 1) / (keys - 1)
    saturated, equal, alone = (words[word] for word in ("saturated", "equal", "one_takes_all"))
    range_of = f"{gradient[1]:.3f} ({gradient[0]:.3f} … {gradient[2]:.3f})"
    entropy, slope = numbers["entropy"], numbers["slope"]
    gauges = [
        ("largest", f"{largest:.2f}", (0, share), f"1/{keys} {equal}", f"{alone} 1"),
        (
            "entropy",
            f"{entropy:.2f}",
            (0, entropy / math.log(keys)),
            f"0 {alone}",
            f"{equal} ln {keys}",
        ),
        ("slope", f"{slope:.3f}", (0, slope / 0.09), f"0 {saturated}", f"{equal} 0.09"),
        (
            "gradient",
            range_of,
            (low, high),
            f"0.001 {words['vanishes']}",
            f"{words['explodes']} 10",
        ),
    ]
    ax.set(xlim=(0, 1), ylim=(2, 0))
    ax.set_axis_off()
    width = 0.47
    for i, (name, number, (start, end), at_start, at_end) in enumerate(gauges):
        x, y = 0.53 * (i % 2), i // 2
        ax.text(x, y + 0.24, words[name])
        ax.text(x + width, y + 0.24, number, ha="right", fontsize=10)
        ax.barh(y + 0.42, width, left=x, height=0.14, color=FAINT)
        length = max(width * (end - start), 0.006)
        ax.barh(y + 0.42, length, left=x + width * start, height=0.14, color=QUERY)
        ax.text(x, y + 0.74, at_start, color=QUIET, fontsize=9)
        ax.text(x + width, y + 0.74, at_end, color=QUIET, fontsize=9, ha="right")
    ax.plot(x + width * median, y + 0.42, "s", ms=6, color=INK, mec=PAPER)
