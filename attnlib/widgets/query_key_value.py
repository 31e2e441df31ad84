"""The figure of chapter 1: one query meets keys and values in the plane."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import traitlets

from attnlib.widgets.arguments import names, numbers
from attnlib.widgets.controls import slider
from attnlib.widgets.live_figure import Drawing, LiveFigure, module, style, texts

LIMITS = {"tokens": 12}  # more names could not be told apart

# The running example of the book: 早上好, and the query of 上.
TOKENS = ("早", "上", "好")
KEYS = ((1, 1), (2, -1), (1, -1))
VALUES = ((1, 3), (-1, 3), (-1, 1))
QUERY = (1, 1)


class QueryKeyValueDrawing(Drawing):
    """The drawing: its numbers are computed in the browser, from these traits."""

    _esm = module("query_key_value.js")
    _css = style("query_key_value.css")

    # "keys" is taken: ipywidgets keeps the names of its traits there.
    tokens = traitlets.List(traitlets.Unicode()).tag(sync=True)
    key_vectors = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    value_vectors = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    query_x = traitlets.Float().tag(sync=True)
    query_y = traitlets.Float().tag(sync=True)
    scale = traitlets.Float().tag(sync=True)
    query_token = traitlets.Unicode().tag(sync=True)
    reach = traitlets.Float().tag(sync=True)
    step = traitlets.Float().tag(sync=True)

    @traitlets.validate("key_vectors", "value_vectors", "query_x", "query_y", "scale")
    def _finite(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        return numbers(name, value, (len(value), 2) if isinstance(value, list) else ())


class QueryKeyValueExplorer(LiveFigure):
    """A query to drag: scores, weights and the output follow.

        weights = softmax(scale · query @ keysᵀ),   output = weights @ values

    Args:
        tokens: 1 to 12 names.
        keys: Shape `(len(tokens), 2)`.
        values: Shape `(len(tokens), 2)`.
        query: Two numbers: where the query starts, and where "reset" brings it back.
        scale: Factor of the scores, above 0.
        query_token: Whose query `query` is; written beside it as long as it stands there. If left
            out: 上, in the example of the book.

    Raises:
        ValueError: If shapes do not fit, a number is not finite, or there are too many tokens.
    """

    def __init__(
        self,
        tokens: Sequence[str] = TOKENS,
        keys: Any = KEYS,
        values: Any = VALUES,
        query: Any = QUERY,
        *,
        scale: float = 1.0,
        query_token: str | None = None,
    ) -> None:
        tokens = names("tokens", tokens, LIMITS["tokens"])
        key_vectors = numbers("keys", keys, (len(tokens), 2))
        value_vectors = numbers("values", values, (len(tokens), 2))
        x, y = numbers("query", query, (2,))
        if query_token is None:
            same_keys = key_vectors == [[*key] for key in KEYS]
            example = same_keys and (tokens, (x, y)) == ([*TOKENS], QUERY)
            query_token = "上" if example else ""
        if query_token not in ("", *tokens):
            raise ValueError(f"query_token must be one of {tokens}, or '', got {query_token!r}")
        if numbers("scale", scale, ()) <= 0:
            raise ValueError(f"scale must be above 0, got {scale}")
        reach, step = _reach(max(abs(each) for row in [*key_vectors, (x, y)] for each in row))
        drawing = QueryKeyValueDrawing(
            tokens=tokens,
            key_vectors=key_vectors,
            value_vectors=value_vectors,
            query_x=x,
            query_y=y,
            scale=float(scale),
            start={"query_x": x, "query_y": y},
            limits=LIMITS,
            query_token=query_token,
            reach=reach,
            step=step,
            words=texts("query_key_value"),
        )
        word = drawing.words["query"]
        controls = {
            "query_x": slider(f"{word} x", x, -reach, reach, step),
            "query_y": slider(f"{word} y", y, -reach, reach, step),
        }
        super().__init__(drawing, controls)

    def __repr__(self) -> str:
        d = self.drawing
        tokens, start = "".join(d.tokens), ", ".join(f"{x:g}" for x in d.start.values())
        return f"QueryKeyValueExplorer({tokens!r}, query=({start}), scale={d.scale:g})"


def _reach(largest: float) -> tuple[float, float]:
    """How far the left plane reaches, to hold `largest` with a margin, and the sliders' step."""
    if largest == 0:
        return 3.0, 0.05
    power = 10.0 ** math.floor(math.log10(1.2 * largest))
    steps = {1: 0.02, 2: 0.05, 3: 0.05, 5: 0.1, 10: 0.2}
    factor = next(f for f in steps if f * power >= 1.2 * largest)
    return factor * power, steps[factor] * power
