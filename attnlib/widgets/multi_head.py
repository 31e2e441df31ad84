"""The figure of chapter 4: what several heads look at, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import traitlets
from torch.nn import functional as F  # noqa: N812

from attnlib.multihead import MultiHeadAttention
from attnlib.widgets.arguments import whole
from attnlib.widgets.controls import slider
from attnlib.widgets.live_figure import Drawing, LiveFigure, module, style, texts
from attnlib.widgets.multi_head_weights import (
    LIMITS,
    check_mask,
    check_range,
    check_weights,
    decode,
    encode,
)


def example() -> tuple[torch.Tensor, list[str]]:
    """The weights of a layer whose four heads are set by hand, and the tokens they look at.

    A token is known by its position (features 0 to 6) and its character (7 to 10). Heads 0 and 1
    ask for the position before and after, head 2 for the character, head 3 for position 0.
    """
    tokens = [*"我爱你，你爱我"]
    kinds = sorted(set(tokens))
    character = F.one_hot(torch.tensor([kinds.index(token) for token in tokens])).float()
    x = F.pad(torch.cat([torch.eye(7), character], dim=1), (0, 21))
    with torch.random.fork_rng(devices=[]), torch.no_grad():  # the reader's seed stays as it is
        layer = MultiHeadAttention(embed_dim=32, num_heads=4)
        query, key, _ = layer.in_proj.weight.zero_().view(3, 4, 8, 32)
        query[0, :7, :7] = torch.ones(6).diag(1)
        query[1, :7, :7] = torch.ones(6).diag(-1)
        key[:2, :7, :7] = torch.eye(7)
        query[2, :4, 7:11] = key[2, :4, 7:11] = torch.eye(4)
        query[3, 0, :7] = key[3, 0, 0] = 1.0
        query *= 4 * 8**0.5  # a score of 4 where query and key fit, of 0 elsewhere
        _, weights = layer(x[None], need_weights=True)
    assert weights is not None
    return weights[0], tokens


class MultiHeadDrawing(Drawing):
    """The drawing, from weights that were computed in Python; the browser takes their mean."""

    _esm = module("multi_head.js")
    _css = style("multi_head.css")

    # float32, little endian, in base64: 5.4 bytes a number and plain JSON, so that it works in the
    # saved state of a page as well. Head after head, row after row.
    weights = traitlets.Unicode().tag(sync=True)
    head_names = traitlets.List(traitlets.Unicode()).tag(sync=True)  # "": only its number
    query_tokens = traitlets.List(traitlets.Unicode()).tag(sync=True)
    key_tokens = traitlets.List(traitlets.Unicode()).tag(sync=True)
    mask = traitlets.List(traitlets.Unicode()).tag(sync=True)  # "0110" for each query; or empty
    query = traitlets.Int().tag(sync=True)
    shown = traitlets.List(traitlets.Bool()).tag(sync=True)  # each head, then the mean

    @traitlets.validate("weights")
    def _weights(self, proposal: Any) -> Any:
        check_range(decode(proposal["value"]))
        return proposal["value"]

    @traitlets.validate("query")
    def _query(self, proposal: Any) -> Any:
        return whole("query", proposal["value"], 0, len(self.query_tokens) - 1)


class MultiHeadView(LiveFigure):
    """Weights of several heads: a heat map each, and lines from one query to the keys.

        mean = weights.mean(dim=0)   (what nn.MultiheadAttention returns by default)

    Args:
        weights: Shape `(num_heads, q_len, k_len)`, at most 12 heads and 64 tokens; a tensor, an
            array or lists. A batch axis of length 1 in front may stay. If left out: four heads,
            built by hand, on 我爱你，你爱我.
        query_tokens: `q_len` names; their numbers if left out.
        key_tokens: `k_len` names; the query tokens if these fit, else numbers.
        mask: Boolean, broadcasts to `(q_len, k_len)`, True = may attend; the other cells are
            hatched. If left out: hatched where the weight is exactly 0 in every head.
        query: Which query is chosen at the start, and by "reset"; negative numbers count from the
            end. The last one if left out.
        head_names: `num_heads` names; their numbers if left out.

    Raises:
        ValueError: If shapes do not fit, a number is no weight, or a masked key has a weight.
    """

    def __init__(
        self,
        weights: Any = None,
        query_tokens: Sequence[str] | None = None,
        key_tokens: Sequence[str] | None = None,
        *,
        mask: Any = None,
        query: int | None = None,
        head_names: Sequence[str] | None = None,
    ) -> None:
        all_words = texts("multi_head")
        if weights is None:
            weights, tokens = example()
            query_tokens = tokens if query_tokens is None else query_tokens
            query = 4 if query is None else query
            if head_names is None:
                head_names = [all_words[name] for name in ("before", "after", "same", "first")]
        array = check_weights(weights)
        heads, q_len, k_len = array.shape
        if key_tokens is None and query_tokens is not None and q_len == k_len:
            key_tokens = query_tokens
        query = -1 if query is None else query
        if not -q_len <= query < q_len:
            raise ValueError(f"query must be from {-q_len} to {q_len - 1}, got {query}")
        start = {"query": query % q_len, "shown": [True] * (heads + 1)}
        drawing = MultiHeadDrawing(
            weights=encode(array),
            head_names=_names("head_names", head_names, [""] * heads),
            query_tokens=_names("query_tokens", query_tokens, range(q_len)),
            key_tokens=_names("key_tokens", key_tokens, range(k_len)),
            mask=check_mask(mask, array),
            start=start,
            limits=LIMITS,
            words=all_words,
            **start,
        )
        controls = {"query": slider(all_words["query"], start["query"], 0, q_len - 1)}
        super().__init__(drawing, controls if q_len > 1 else {})  # one query: nothing to choose

    @property
    def weights(self) -> np.ndarray[Any, Any]:
        """The weights as they are drawn, of shape `(num_heads, q_len, k_len)`."""
        d = self.drawing
        shape = (len(d.head_names), len(d.query_tokens), len(d.key_tokens))
        return decode(d.weights).reshape(shape)

    def __repr__(self) -> str:
        query = self.drawing.start["query"]
        return f"MultiHeadView(weights of shape {self.weights.shape}, query={query})"


def _names(name: str, given: Sequence[str] | None, default: Sequence[Any]) -> list[str]:
    names = [str(each) for each in (default if given is None else given)]
    if len(names) != len(default):
        raise ValueError(f"{name} must have {len(default)} entries, got {len(names)}")
    return ["␣" if text.isspace() else text for text in names]
