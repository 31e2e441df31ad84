"""The second figure of chapter 6: how far back a head of ALiBi looks."""

from __future__ import annotations

from typing import Any

import traitlets

from attnlib.positional import alibi_slopes
from attnlib.widgets.arguments import numbers, whole
from attnlib.widgets.controls import slider
from attnlib.widgets.live_figure import Drawing, LiveFigure, module, style, texts

LIMITS = {"length": 41, "heads": 4, "slope": 0.5}  # tokens, the last of which looks back


class AlibiDrawing(Drawing):
    """The drawing: its numbers are computed in the browser, from these traits."""

    _esm = module("alibi.js")
    _css = style("alibi.css")

    slopes = traitlets.List(traitlets.Float()).tag(sync=True)
    slope = traitlets.Float(0.0).tag(sync=True)

    @traitlets.validate("slope")
    def _range(self, proposal: Any) -> float:
        return _slope(proposal["value"])


class AlibiExplorer(LiveFigure):
    """The weights of ALiBi over the distance, where all scores are equal, and a slope to move.

        weight at distance k = softmax(−slope · k)

    Args:
        num_heads: Heads whose slopes are drawn for comparison, from 1 to 4.
        slope: The slope to begin with, from 0 to 0.5.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(self, num_heads: int = 4, *, slope: float = 0.1) -> None:
        heads = whole("num_heads", num_heads, 1, LIMITS["heads"])
        start = {"slope": _slope(slope)}
        drawing = AlibiDrawing(
            slopes=alibi_slopes(heads).tolist(),
            start=start,
            limits=LIMITS,
            words=texts("alibi"),
            **start,
        )
        control = slider(drawing.words["slope"], start["slope"], 0, LIMITS["slope"], step=0.01)
        super().__init__(drawing, {"slope": control})

    def __repr__(self) -> str:
        return f"AlibiExplorer({len(self.drawing.slopes)}, slope={self.drawing.start['slope']:g})"


def _slope(value: Any) -> float:
    slope: float = numbers("slope", value, ())
    if not 0 <= slope <= LIMITS["slope"]:
        raise ValueError(f"slope must be from 0 to {LIMITS['slope']}, got {value!r}")
    return slope
