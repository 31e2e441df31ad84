"""A whole live figure, as small as one can be: what CONTRIBUTING.md explains, and a test shows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import traitlets

from attnlib import plotting
from attnlib.functional import masked_softmax
from attnlib.plotting import BookFigure
from attnlib.widgets.arguments import numbers, texts
from attnlib.widgets.controls import slider
from attnlib.widgets.live_figure import Drawing, LiveFigure, module, style

WORDS = {
    "figure": "Weights at a temperature",
    "hint": "Pull the temperature up: the weights draw level.",
    "reset": "Reset",
    "weights": "Weights",
    "temperature": "temperature",
}


class TemperatureDrawing(Drawing):
    """The drawing: its numbers are computed in the browser, from these traits."""

    _esm = module(Path(__file__).with_name("temperature.js"))
    _css = style()

    scores = traitlets.List(traitlets.Float()).tag(sync=True)
    temperature = traitlets.Float(1.0).tag(sync=True)


class TemperatureExplorer(LiveFigure):
    """Three scores, divided by a temperature before the softmax."""

    def __init__(self, scores: Any = (2, 1, 0), words: Mapping[str, str] | None = None) -> None:
        start = {"temperature": 1.0}
        drawing = TemperatureDrawing(
            scores=numbers("scores", scores, (3,)), start=start, words=texts(WORDS, words), **start
        )
        control = slider(drawing.words["temperature"], 1.0, 0.1, 5.0, step=0.1)
        super().__init__(drawing, {"temperature": control})

    def still(self) -> BookFigure:
        """Draw the figure as it stands, with the numbers of `attnlib`."""
        scores = torch.tensor(self.drawing.scores) / self.drawing.temperature
        with plotting.style():
            figure = BookFigure(figsize=(6.4, 2.0))
            figure.add_subplot(title=self.drawing.words["weights"]).barh(
                range(3), masked_softmax(scores).tolist(), color=plotting.QUERY
            )
        return figure

    def __repr__(self) -> str:
        return f"TemperatureExplorer(scores={self.drawing.scores})"
