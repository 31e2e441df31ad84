"""The figure of chapter 1: one query meets the keys and values of a phrase in the plane."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import traitlets

from attnlib.widgets.arguments import names, numbers
from attnlib.widgets.controls import buttons, slider
from attnlib.widgets.live_figure import Drawing, LiveFigure, module, style, texts

LIMITS = {"tokens": 12}  # more names could not be told apart

# The running example of the book: 早上好, the query of 上, and another phrase with 好.
TOKENS = ("早", "上", "好", "爱")
KEYS = ((1, 1), (2, -1), (1, -1), (-1, 2))
VALUES = ((1, 3), (-1, 3), (-1, 1), (2, 0))
QUERY = (1, 1)
PHRASES = ("早上好", "爱好")


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
    phrases = traitlets.List(traitlets.List(traitlets.Int(min=0))).tag(sync=True)  # of tokens
    phrase = traitlets.Int(min=0).tag(sync=True)
    reach = traitlets.Float().tag(sync=True)
    step = traitlets.Float().tag(sync=True)

    @traitlets.validate("key_vectors", "value_vectors", "query_x", "query_y", "scale")
    def _finite(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        return numbers(name, value, (len(value), 2) if isinstance(value, list) else ())

    @traitlets.validate("phrase")
    def _there(self, proposal: Any) -> Any:
        if proposal["value"] >= len(self.phrases):
            raise traitlets.TraitError(f"phrase must be below {len(self.phrases)}")
        return proposal["value"]


class QueryKeyValueExplorer(LiveFigure):
    """A query to drag, and phrases to choose: scores, weights and the output follow.

        weights = softmax(scale · query @ keysᵀ),   output = weights @ values

    Args:
        tokens: 1 to 12 names.
        keys: Shape `(len(tokens), 2)`.
        values: Shape `(len(tokens), 2)`.
        query: Two numbers: where the query starts, and where "reset" brings it back.
        scale: Factor of the scores, above 0.
        query_token: Whose query `query` is; written beside it as long as it stands there. If left
            out: 上, in the example of the book.
        phrases: What the query can meet, each some of the tokens; the first at the start. If left
            out: 早上好 and 爱好 in the example of the book, else all tokens.

    Raises:
        ValueError: If shapes do not fit, a number is not finite, there are too many tokens, or a
            phrase has none, or one that is not among them.
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
        phrases: Sequence[Sequence[str]] | None = None,
    ) -> None:
        if phrases is None:
            phrases = PHRASES if tokens is TOKENS else [tokens]
        tokens = names("tokens", tokens, LIMITS["tokens"])
        key_vectors = numbers("keys", keys, (len(tokens), 2))
        value_vectors = numbers("values", values, (len(tokens), 2))
        x, y = numbers("query", query, (2,))
        if query_token is None:
            known = [[name, [*key]] for name, key in zip(TOKENS, KEYS, strict=True)]
            given = [[name, key] for name, key in zip(tokens, key_vectors, strict=True)]
            example = given[:3] == known[:3] and (x, y) == QUERY
            query_token = "上" if example else ""
        if query_token not in ("", *tokens):
            raise ValueError(f"query_token must be one of {tokens}, or '', got {query_token!r}")
        if numbers("scale", scale, ()) <= 0:
            raise ValueError(f"scale must be above 0, got {scale}")
        members = [_members(phrase, tokens) for phrase in phrases]
        if not members:
            raise ValueError("phrases must be one or more, got none")
        reach, step = _reach(max(abs(each) for row in [*key_vectors, (x, y)] for each in row))
        drawing = QueryKeyValueDrawing(
            tokens=tokens,
            key_vectors=key_vectors,
            value_vectors=value_vectors,
            query_x=x,
            query_y=y,
            scale=float(scale),
            phrases=members,
            phrase=0,
            start={"query_x": x, "query_y": y, "phrase": 0},
            limits=LIMITS,
            query_token=query_token,
            reach=reach,
            step=step,
            words=texts("query_key_value"),
        )
        word = drawing.words["query"]
        controls: dict[str, Any] = {}
        if len(members) > 1:
            titles = ["".join(tokens[i] for i in phrase) for phrase in members]
            controls["phrase"] = buttons(drawing.words["phrase"], titles, 0)
        controls["query_x"] = slider(f"{word} x", x, -reach, reach, step)
        controls["query_y"] = slider(f"{word} y", y, -reach, reach, step)
        super().__init__(drawing, controls)

    def __repr__(self) -> str:
        d = self.drawing
        phrases = " / ".join("".join(d.tokens[i] for i in phrase) for phrase in d.phrases)
        query = f"({d.start['query_x']:g}, {d.start['query_y']:g})"
        return f"QueryKeyValueExplorer({phrases!r}, query={query}, scale={d.scale:g})"


def _members(phrase: Sequence[str], tokens: list[str]) -> list[int]:
    """Return the places of a phrase's tokens."""
    wrong = [token for token in phrase if str(token) not in tokens]
    if wrong or not len(phrase):
        raise ValueError(f"phrases must hold one or more of {tokens}, got {phrase!r}")
    if [*map(str, phrase)] == tokens:
        return list(range(len(tokens)))  # two of them may share a name
    return [tokens.index(str(token)) for token in phrase]


def _reach(largest: float) -> tuple[float, float]:
    """How far the left plane reaches, to hold `largest` with a margin, and the sliders' step."""
    if largest == 0:
        return 3.0, 0.05
    power = 10.0 ** math.floor(math.log10(1.2 * largest))
    steps = {1: 0.02, 2: 0.05, 3: 0.05, 5: 0.1, 10: 0.2}
    factor = next(f for f in steps if f * power >= 1.2 * largest)
    return factor * power, steps[factor] * power
