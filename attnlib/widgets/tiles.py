"""The figure of chapter 10: the softmax of a row of scores that is read tile by tile."""

from __future__ import annotations

from typing import Any

import traitlets

from attnlib.widgets.arguments import numbers, whole
from attnlib.widgets.controls import buttons, slider
from attnlib.widgets.live_figure import Drawing, LiveFigure, module, style, texts

SCORES = (0.5, -1.0, 0.0, 1.5, 0.5, -0.5, 1.0, 0.0, -1.5, 3.0, 2.0, 0.5)
VALUES = (8.0, 6.0, 7.0, 5.0, 7.0, 3.0, 4.0, 6.0, 2.0, 1.0, 2.0, 0.0)
MAXIMA = ("running", "tile")
RESCALES = ("right", "none", "flipped")
LIMITS = {
    "keys": 12,
    "reach": 10,  # of scores and values
    "orders": 3,
    "factor": 40,
    "least_exponent": 4,
    "most_exponent": 20,
    "block": 128,  # queries, and keys, of a tile in the head whose bytes are compared
    "width": 64,
}
LENGTHS = tuple(
    2**exponent for exponent in range(LIMITS["least_exponent"], LIMITS["most_exponent"] + 1)
)


def orders(tiles: int) -> list[list[int]]:
    """Return the orders in which tiles can be read: 1 2 3 4, 4 3 2 1 and 2 4 1 3."""
    every = list(range(1, tiles + 1))
    return [every, every[::-1], every[1::2] + every[::2]]


class TilesDrawing(Drawing):
    """The drawing: its numbers are computed in the browser, from these traits."""

    _esm = module("tiles.js")
    _css = style("tiles.css")

    scores = traitlets.List(traitlets.Float()).tag(sync=True)
    values = traitlets.List(traitlets.Float()).tag(sync=True)
    tile = traitlets.Int(min=1).tag(sync=True)
    read = traitlets.Int(min=1).tag(sync=True)
    order = traitlets.Int(min=0, max=LIMITS["orders"] - 1).tag(sync=True)
    maximum = traitlets.Int(min=0, max=len(MAXIMA) - 1).tag(sync=True)
    rescale = traitlets.Int(min=0, max=len(RESCALES) - 1).tag(sync=True)
    factor = traitlets.Int(min=1, max=LIMITS["factor"]).tag(sync=True)
    exponent = traitlets.Int(min=LIMITS["least_exponent"], max=LIMITS["most_exponent"]).tag(
        sync=True
    )


class Tiles(LiveFigure):
    """Scores of one query, read tile by tile: maximum, sum and output follow, right or wrong.

        m′ = max(m, scores of the tile),  f = exp(m − m′)
        l′ = l · f + Σ exp(score − m′),  o′ = o · f + Σ exp(score − m′) · value

    In each step o / l is the output of all that was read. The first tile has nothing before it to
    rescale. All is computed in float32, so that what overflows there does so here.

    Args:
        scores: 2 to 12 numbers from −10 to 10; a row of the figure's own if left out.
        values: As many numbers, a value for each key.
        tile: How many keys a tile has; the last may have fewer.
        read: How many tiles are read at the start.
        order: In which order: 0 for 1 2 3 4, 1 for 4 3 2 1, 2 for 2 4 1 3.
        maximum: What m is at the start: the "running" maximum, or that of the "tile" alone.
        rescale: The factor f at the start: "right", "none" (1) or "flipped" (exp(m′ − m)).
        factor: What all scores are multiplied by at the start, from 1 to 40.
        length: Tokens of the head whose bytes are compared at the start: 16, 32, …, 1 048 576.

    Raises:
        ValueError: If one of them is not among these.

    Source: Milakov & Gimelshein 2018, "Online normalizer calculation for softmax"; Dao et al.
    2022, "FlashAttention", algorithm 1.
    """

    def __init__(
        self,
        scores: Any = None,
        values: Any = None,
        *,
        tile: int = 3,
        read: int = 2,
        order: int = 0,
        maximum: str = "running",
        rescale: str = "right",
        factor: int = 1,
        length: int = 65_536,
    ) -> None:
        self._built_in = scores is None and values is None
        if self._built_in:
            scores, values = SCORES, VALUES
        row = _row("scores", scores, None)
        named = _row("values", values, len(row))
        size = whole("tile", tile, 1, len(row) - 1)
        tiles = -(-len(row) // size)
        if maximum not in MAXIMA:
            raise ValueError(f"maximum must be one of {MAXIMA}, got {maximum!r}")
        if rescale not in RESCALES:
            raise ValueError(f"rescale must be one of {RESCALES}, got {rescale!r}")
        if length not in LENGTHS:
            raise ValueError(f"length must be a power of 2 from 16 to {LENGTHS[-1]}, got {length}")
        start = {
            "read": whole("read", read, 1, tiles),
            "order": whole("order", order, 0, LIMITS["orders"] - 1),
            "maximum": MAXIMA.index(maximum),
            "rescale": RESCALES.index(rescale),
            "factor": whole("factor", factor, 1, LIMITS["factor"]),
            "exponent": LIMITS["least_exponent"] + LENGTHS.index(length),
        }
        drawing = TilesDrawing(
            scores=row,
            values=named,
            tile=size,
            start=start,
            limits=LIMITS,
            words=texts("tiles"),
            **start,
        )
        words = drawing.words
        controls = {
            "read": slider(words["read"], start["read"], 1, tiles),
            "factor": slider(words["factor"], start["factor"], 1, LIMITS["factor"]),
            "order": buttons(words["order"], [_named(o) for o in orders(tiles)], start["order"]),
            "maximum": buttons(
                words["maximum"], [words["running"], words["of_tile"]], start["maximum"]
            ),
            "rescale": buttons(
                words["rescale"], ["exp(m − m′)", "1", "exp(m′ − m)"], start["rescale"]
            ),
            "exponent": slider(
                "log₂ L", start["exponent"], LIMITS["least_exponent"], LIMITS["most_exponent"]
            ),
        }
        super().__init__(drawing, controls)
        self.add_class("attn-tiles")

    def __repr__(self) -> str:
        drawing, start = self.drawing, self.drawing.start
        row = "" if self._built_in else f"{drawing.scores}, {drawing.values}, "
        return (
            f"Tiles({row}tile={drawing.tile}, read={start['read']}, order={start['order']}, "
            f"maximum={MAXIMA[start['maximum']]!r}, rescale={RESCALES[start['rescale']]!r}, "
            f"factor={start['factor']}, length={2 ** start['exponent']})"
        )


def _row(name: str, values: Any, count: int | None) -> list[float]:
    """Return the numbers of a row: `count` of them, or else from 2 to as many as there may be."""
    length = len(values) if hasattr(values, "__len__") else 0
    if count is None and not 2 <= length <= LIMITS["keys"]:
        raise ValueError(f"{name} must be 2 to {LIMITS['keys']} numbers, got {values!r}")
    row: list[float] = numbers(name, values, (length if count is None else count,))
    if max(abs(each) for each in row) > LIMITS["reach"]:
        raise ValueError(f"{name} must be from -{LIMITS['reach']} to {LIMITS['reach']}, got {row}")
    return row


def _named(order: list[int]) -> str:
    """Write an order on a button: 1 2 3 4, or of many tiles 1 2 … 12."""
    if len(order) > 6:
        return f"{order[0]} {order[1]} … {order[-1]}"
    return " ".join(map(str, order))
