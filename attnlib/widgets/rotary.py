"""The figure of chapter 6: a query and a key that turn with their positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import traitlets

from attnlib.plotting import BookFigure
from attnlib.positional import RotaryPositionalEncoding
from attnlib.widgets.arguments import numbers, texts, whole
from attnlib.widgets.controls import checkbox, slider
from attnlib.widgets.live_figure import Drawing, LiveFigure, module, style
from attnlib.widgets.rotary_still import Array, draw_still

LAST = 40  # the last position; rotary.js has the same two numbers
LAST_SHIFT = 100

WORDS = {
    "figure": "Query and key turn with their positions",
    "hint": "Move one position: the score runs along its curve. Move both: it stands still.",
    "reset": "Reset",
    "arrows": "Query and key, turned",
    "arrows_note": "Faint: before turning. Shaded: the angle between the two.",
    "scores": "Score over distance",
    "scores_note": "Dashed: the score without turning, the same at every distance.",
    "table": "Angles in radians, and score, for each speed",
    "speed": "speed",
    "score": "score",
    "sum": "sum",
    "query": "query",
    "key": "key",
    "at": "at",
    "both": "both",
    "four_speeds": "four speeds: 1, θ, θ², θ³",
}


class RotaryDrawing(Drawing):
    """The drawing: its numbers are computed in the browser, from these traits."""

    _esm = module("rotary.js")
    _css = style("rotary.css")

    query_vector = traitlets.List(traitlets.Float()).tag(sync=True)
    key_vector = traitlets.List(traitlets.Float()).tag(sync=True)
    query_position = traitlets.Int().tag(sync=True)
    key_position = traitlets.Int().tag(sync=True)
    shift = traitlets.Int().tag(sync=True)
    theta = traitlets.Float(1.0).tag(sync=True)
    four_speeds = traitlets.Bool().tag(sync=True)

    @traitlets.validate("query_vector", "key_vector")
    def _two(self, proposal: Any) -> Any:
        return numbers(proposal["trait"].name, proposal["value"], (2,))

    @traitlets.validate("query_position", "key_position", "shift")
    def _place(self, proposal: Any) -> int:
        name = proposal["trait"].name
        return whole(name, proposal["value"], 0, LAST_SHIFT if name == "shift" else LAST)

    @traitlets.validate("theta")
    def _speed(self, proposal: Any) -> float:
        return _theta(proposal["value"])


class RotaryExplorer(LiveFigure):
    """A query and a key to move: they turn, and their score sees the distance only.

        score = Σᵢ turned(query, n θⁱ) · turned(key, m θⁱ)

    With one speed the arrows turn by θ a step. With four, i goes from 0 to 3, and the same two
    arrows are turned by each speed, as `RotaryPositionalEncoding(8, base=θ⁻⁴)` turns a head that
    holds them four times; at θ = 0.1 that is the usual base of 10 000.

    Args:
        query: Two numbers.
        key: Two numbers.
        query_position: Position n of the query, from 0 to 40.
        key_position: Position m of the key, from 0 to 40.
        theta: Speed θ in radians a step, above 0 and at most 1.
        four_speeds: Turn by the speeds 1, θ, θ², θ³, not by θ alone?
        words: Replacements for the English words in the figure; `WORDS` lists them.

    Raises:
        ValueError: If a vector has not two finite numbers, or a position or θ is out of range.
    """

    def __init__(
        self,
        query: Any = (1, 1),
        key: Any = (2, -1),
        *,
        query_position: int = 5,
        key_position: int = 3,
        theta: float = 0.5,
        four_speeds: bool = False,
        words: Mapping[str, str] | None = None,
    ) -> None:
        start: dict[str, Any] = {
            "query_position": whole("query_position", query_position, 0, LAST),
            "key_position": whole("key_position", key_position, 0, LAST),
            "shift": 0,
            "theta": _theta(theta),
            "four_speeds": bool(four_speeds),
        }
        drawing = RotaryDrawing(
            query_vector=numbers("query", query, (2,)),
            key_vector=numbers("key", key, (2,)),
            start=start,
            words=texts(WORDS, words),
            **start,
        )
        word = drawing.words
        controls = {
            "query_position": slider(
                f"{word['query']} {word['at']}", start["query_position"], 0, LAST
            ),
            "key_position": slider(f"{word['key']} {word['at']}", start["key_position"], 0, LAST),
            "shift": slider(f"{word['both']} +", 0, 0, LAST_SHIFT),
            "theta": slider("θ", start["theta"], 0.05, 1, step=0.05),
            "four_speeds": checkbox(word["four_speeds"], start["four_speeds"]),
        }
        super().__init__(drawing, controls)

    def still(self) -> BookFigure:
        """Draw the figure as it stands, with the numbers of `attnlib`."""
        drawing = self.drawing
        query, key = drawing.query_vector, drawing.key_vector
        n, m = (p + drawing.shift for p in (drawing.query_position, drawing.key_position))
        distances = range(-LAST, LAST + 1)
        return draw_still(
            vectors=np.array([query, key]),
            positions=(n, m),
            turned=np.stack([self._turned(query, n), self._turned(key, m)], axis=1),
            speeds=[
                drawing.theta**power for power in ((0, 1, 2, 3) if drawing.four_speeds else (1,))
            ],
            distances=np.array(distances),
            # Below a distance of 0 it is the key that is ahead.
            scores=np.array(
                [
                    (self._turned(query, max(d, 0)) * self._turned(key, max(-d, 0))).sum()
                    for d in distances
                ]
            ),
            words=drawing.words,
        )

    def _turned(self, vector: Sequence[float], position: int) -> Array:
        """Turn a copy of `vector` by each speed: shape (speeds, 2)."""
        # A head has the speed 1 in its first pair; θ alone is the second pair of a head of two.
        count = 4 if self.drawing.four_speeds else 2
        rotary = RotaryPositionalEncoding(2 * count, base=self.drawing.theta**-count)
        head = torch.tensor(vector, dtype=torch.float64).repeat(1, count)
        pairs: Array = rotary(head, offset=position).view(count, 2).numpy()
        return pairs if self.drawing.four_speeds else pairs[1:]

    def __repr__(self) -> str:
        d, start = self.drawing, self.drawing.start
        query, key = (", ".join(f"{x:g}" for x in v) for v in (d.query_vector, d.key_vector))
        n, m, theta = (start[name] for name in ("query_position", "key_position", "theta"))
        four = ", four_speeds=True" if start["four_speeds"] else ""
        return (
            f"RotaryExplorer(query=({query}), key=({key}), "
            f"query_position={n}, key_position={m}, theta={theta:g}{four})"
        )


def _theta(value: Any) -> float:
    theta: float = numbers("theta", value, ())
    if not 0 < theta <= 1:
        raise ValueError(f"theta must be above 0 and at most 1, got {value!r}")
    return theta
