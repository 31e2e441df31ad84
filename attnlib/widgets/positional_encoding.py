"""The figure of chapter 5: the sinusoidal encoding as a map, as curves, and as dot products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import traitlets

from attnlib.widgets.arguments import numbers, whole
from attnlib.widgets.controls import dropdown, slider
from attnlib.widgets.live_figure import Drawing, LiveFigure, module, style, texts

LIMITS = {
    "length": 60,  # positions
    "position": 39,  # the last one of a slider: with the largest shift it is the last row
    "shift": 20,
    "dim": 128,
    "columns": 4,
}
BASES = (10.0, 100.0, 1_000.0, 10_000.0, 100_000.0)


class PositionalEncodingDrawing(Drawing):
    """The drawing: its numbers are computed in the browser, from these traits."""

    _esm = module("positional_encoding.js")
    _css = style("positional_encoding.css")

    dim = traitlets.Int(2).tag(sync=True)
    bases = traitlets.List(traitlets.Float(), default_value=[*BASES]).tag(sync=True)
    base_index = traitlets.Int().tag(sync=True)  # a Dropdown shares the index of its choice alone
    first = traitlets.Int().tag(sync=True)
    second = traitlets.Int().tag(sync=True)
    shift = traitlets.Int().tag(sync=True)
    columns = traitlets.List(traitlets.Int()).tag(sync=True)

    @traitlets.validate("dim")
    def _even(self, proposal: Any) -> int:
        return _width(proposal["value"])

    @traitlets.validate("first", "second", "shift")
    def _place(self, proposal: Any) -> int:
        name = proposal["trait"].name
        return whole(name, proposal["value"], 0, LIMITS["shift" if name == "shift" else "position"])

    @traitlets.validate("bases")
    def _positive(self, proposal: Any) -> list[float]:
        return [_base(base) for base in proposal["value"]]

    @traitlets.validate("base_index")
    def _choice(self, proposal: Any) -> int:
        return whole("base_index", proposal["value"], 0, len(self.bases) - 1)

    @traitlets.validate("columns")
    def _columns(self, proposal: Any) -> list[int]:
        return [whole("columns", column, 0, LIMITS["dim"] - 1) for column in proposal["value"]]


class PositionalEncodingExplorer(LiveFigure):
    """The sinusoidal encoding of 60 positions: its width, its base, and two positions to move.

        P[p, 2i] = sin(p / base^(2i / dim)),   P[p, 2i + 1] = cos(p / base^(2i / dim))

    Args:
        dim: Width of the encoding; even, from 2 to 128.
        base: Above 0; joins 10, 100, … 100 000 in the list to choose from.
        first: Position m, from 0 to 39.
        second: Position n, from 0 to 39.
        columns: 1 to 4 columns that are drawn as curves; if left out 6 to 9, or the last four.

    Raises:
        ValueError: If a number is out of range or a column does not exist.
    """

    def __init__(
        self,
        dim: int = 32,
        base: float = 10_000.0,
        *,
        first: int = 10,
        second: int = 17,
        columns: Sequence[int] | None = None,
    ) -> None:
        base = _base(base)
        bases = sorted({*BASES, base})
        dim, last, most = _width(dim), LIMITS["position"], LIMITS["columns"]
        if columns is None:
            columns = range(max(min(dim, 10) - 4, 0), min(dim, 10))
        start: dict[str, Any] = {
            "dim": dim,
            "base_index": bases.index(base),
            "first": whole("first", first, 0, last),
            "second": whole("second", second, 0, last),
            "shift": 0,
            "columns": [whole("columns", column, 0, dim - 1) for column in columns],
        }
        if not 1 <= len(set(start["columns"])) == len(columns) <= most:
            raise ValueError(f"columns must be 1 to {most} columns, got {list(columns)}")
        drawing = PositionalEncodingDrawing(
            bases=bases,
            start=start,
            limits=LIMITS,
            words=texts("positional_encoding"),
            **start,
        )
        word = drawing.words
        options = [(f"{each:,.10g}".replace(",", " "), each) for each in bases]
        controls = {
            "dim": slider(word["dim"], dim, 2, LIMITS["dim"], step=2),
            "base_index": dropdown(word["base"], options, start["base_index"]),
            "first": slider(word["first"], start["first"], 0, last),
            "second": slider(word["second"], start["second"], 0, last),
            "shift": slider(word["shift"], 0, 0, LIMITS["shift"]),
        }
        super().__init__(drawing, controls)

    def __repr__(self) -> str:
        start, bases = self.drawing.start, self.drawing.bases
        return (
            f"PositionalEncodingExplorer(dim={start['dim']}, base={bases[start['base_index']]:g}, "
            f"first={start['first']}, second={start['second']}, columns={start['columns']})"
        )


def _base(value: Any) -> float:
    base: float = numbers("base", value, ())
    if base <= 0:
        raise ValueError(f"base must be above 0, got {value!r}")
    return base


def _width(value: Any) -> int:
    dim = whole("dim", value, 2, LIMITS["dim"])
    if dim % 2:
        raise ValueError(f"dim must be even, got {value!r}")
    return dim
