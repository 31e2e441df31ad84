"""A whole live figure, as small as one can be: what CONTRIBUTING.md explains, and tests show."""

from pathlib import Path
from typing import Any

import traitlets

from attnlib.widgets.arguments import numbers
from attnlib.widgets.controls import slider
from attnlib.widgets.live_figure import Drawing, LiveFigure, module, style, texts

LIMITS = {"temperature": 5}


class TemperatureDrawing(Drawing):
    """The drawing: its numbers are computed in the browser, from these traits."""

    _esm = module(Path(__file__).parent / "static" / "temperature.js")
    _css = style()  # a figure with rules of its own names its file here: "temperature.css"

    scores = traitlets.List(traitlets.Float()).tag(sync=True)
    temperature = traitlets.Float(1.0).tag(sync=True)


class TemperatureExplorer(LiveFigure):
    """Three scores, divided by a temperature before the softmax.

    Args:
        scores: Three numbers.

    Raises:
        ValueError: If they are not.
    """

    def __init__(self, scores: Any = (2, 1, 0)) -> None:
        start = {"temperature": 1.0}
        drawing = TemperatureDrawing(
            scores=numbers("scores", scores, (3,)),
            start=start,
            limits=LIMITS,
            words=texts("temperature"),
            **start,
        )
        most = LIMITS["temperature"]
        control = slider(drawing.words["temperature"], 1.0, 0.1, most, step=0.1)
        super().__init__(drawing, {"temperature": control})

    def __repr__(self) -> str:
        return f"TemperatureExplorer(scores={self.drawing.scores})"
