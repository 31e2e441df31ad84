"""The figure of chapter 1: one query meets keys and values in the plane."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import traitlets

from attnlib.functional import scaled_dot_product_attention
from attnlib.plotting import BookFigure
from attnlib.widgets.arguments import names, numbers, texts
from attnlib.widgets.controls import slider
from attnlib.widgets.live_figure import Drawing, LiveFigure, module, style
from attnlib.widgets.query_key_value_still import draw_still

MOST_TOKENS = 12  # more names could not be told apart; query_key_value.js has the same number

# The running example of the book: 早上好, and the query of 上.
TOKENS = ("早", "上", "好")
KEYS = ((1, 1), (2, -1), (1, -1))
VALUES = ((1, 3), (-1, 3), (-1, 1))
QUERY = (1, 1)

WORDS = {
    "figure": "One query, its keys and values",
    "keys_plane": "Keys and the query",
    "values_plane": "Values and the output",
    "hint": "Move the query: drag its ring, tap the plane, or press arrow keys.",
    "keys_note": "Score: how far a key reaches along the query, times the query’s length.",
    "values_note": "Each line is as thick as its weight. The output cannot leave the dashed hull.",
    "reset": "Reset",
    "handle": "query",
    "handle_role": "point in the plane",
    "query": "query",
    "query_of": "query of {token}",
    "output": "output",
    "table": "Score and weight of each token for the query shown",
    "token": "token",
    "key": "key",
    "score": "score",
    "weight": "weight",
    "value": "value",
}


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
        words: Replacements for the English words in the figure; `WORDS` lists them.

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
        words: Mapping[str, str] | None = None,
    ) -> None:
        tokens = names("tokens", tokens, MOST_TOKENS)
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
            query_token=query_token,
            reach=reach,
            step=step,
            words=texts(WORDS, words),
        )
        word = drawing.words["query"]
        controls = {
            "query_x": slider(f"{word} x", x, -reach, reach, step),
            "query_y": slider(f"{word} y", y, -reach, reach, step),
        }
        super().__init__(drawing, controls)

    def still(self) -> BookFigure:
        """Draw the figure as it stands, with the numbers of `attnlib`."""
        drawing = self.drawing
        query, keys, values = (
            torch.tensor(x, dtype=torch.float64)
            for x in (
                [[drawing.query_x, drawing.query_y]],
                drawing.key_vectors,
                drawing.value_vectors,
            )
        )
        output, weights = scaled_dot_product_attention(
            query, keys, values, scale=drawing.scale, need_weights=True
        )
        assert weights is not None
        at_start = all(getattr(drawing, name) == place for name, place in drawing.start.items())
        return draw_still(
            drawing.tokens,
            keys.numpy(),
            values.numpy(),
            query[0].numpy(),
            scores=(drawing.scale * query @ keys.mT)[0].numpy(),
            weights=weights[0].numpy(),
            output=output[0].numpy(),
            reach=drawing.reach,
            query_token=drawing.query_token if at_start else "",
            words=drawing.words,
        )

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
