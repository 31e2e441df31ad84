"""The figure of chapter 6: a query and a key that turn with their positions."""

from __future__ import annotations

from typing import Any

import traitlets

from attnlib.widgets.arguments import numbers, whole
from attnlib.widgets.controls import checkbox, slider
from attnlib.widgets.live_figure import Drawing, LiveFigure, module, style, texts

LIMITS = {"position": 40, "shift": 100}  # the last position, and how far both can be moved on


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
        return whole(name, proposal["value"], 0, LIMITS["shift" if name == "shift" else "position"])

    @traitlets.validate("theta")
    def _speed(self, proposal: Any) -> float:
        return _theta(proposal["value"])


class RotaryExplorer(LiveFigure):
    """A query and a key to move: they turn, and their score sees the offset only.

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
    ) -> None:
        last = LIMITS["position"]
        start: dict[str, Any] = {
            "query_position": whole("query_position", query_position, 0, last),
            "key_position": whole("key_position", key_position, 0, last),
            "shift": 0,
            "theta": _theta(theta),
            "four_speeds": bool(four_speeds),
        }
        drawing = RotaryDrawing(
            query_vector=numbers("query", query, (2,)),
            key_vector=numbers("key", key, (2,)),
            start=start,
            limits=LIMITS,
            words=texts("rotary"),
            **start,
        )
        word = drawing.words
        controls = {
            "query_position": slider(word["query"], start["query_position"], 0, last),
            "key_position": slider(word["key"], start["key_position"], 0, last),
            "shift": slider(word["shift"], 0, 0, LIMITS["shift"]),
            "theta": slider("θ", start["theta"], 0.05, 1, step=0.05),
            "four_speeds": checkbox(word["four_speeds"], start["four_speeds"]),
        }
        super().__init__(drawing, controls)

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
