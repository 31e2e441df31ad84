"""The figure of chapter 3: who may attend to whom, and what the softmax makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import torch
import traitlets
from torch import Tensor

from attnlib.functional import masked_softmax
from attnlib.masks import causal_mask, padding_mask, sliding_window_mask
from attnlib.widgets.arguments import names, numbers
from attnlib.widgets.controls import buttons, checkbox, slider
from attnlib.widgets.live_figure import Drawing, LiveFigure, module, style, texts

LIMITS = {"tokens": 12}  # more names could not be told apart

# The running example of the book, 早上好, filled up with the padding token (0, 2) of chapter 3:
# the scores are query @ keyᵀ.
TOKENS = ("早", "上", "好", "□", "□")
SCORES = (
    (1, 5, 3, 6, 6),
    (2, 1, 0, 0, 0),
    (1, -1, -1, -2, -2),
    (2, -2, -2, -4, -4),
    (2, -2, -2, -4, -4),
)
NAMED = ("attnlib", "SDPA", "MHA")  # conventions of a mask; the last one has no name, but a word


class MaskLabDrawing(Drawing):
    """The drawing: its numbers are computed in the browser, from these traits."""

    _esm = module("mask_lab.js")
    _css = style("mask_lab.css")

    tokens = traitlets.List(traitlets.Unicode()).tag(sync=True)
    scores = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    valid_len = traitlets.Int(min=0).tag(sync=True)
    is_causal = traitlets.Bool().tag(sync=True)
    window = traitlets.Int(min=1).tag(sync=True)  # as many as there are tokens: off
    painted = traitlets.List(traitlets.List(traitlets.Int())).tag(sync=True)  # [query, key, 0 or 1]
    convention = traitlets.Int(min=0, max=len(NAMED)).tag(sync=True)

    @traitlets.validate("scores")
    def _finite(self, proposal: Any) -> Any:
        scores = proposal["value"]
        return numbers("scores", scores, (len(scores), len(scores)))


class MaskLab(LiveFigure):
    """A mask to put together and to paint: the weights follow, in four conventions the mask does.

        mask = padding_mask & causal_mask & sliding_window_mask, then the painted cells
        weights = masked_softmax(scores, mask)

    Args:
        tokens: 1 to 12 names; queries and keys alike.
        scores: Shape `(len(tokens), len(tokens))`: a row for each query.
        valid_len: How many tokens are real, the others are padding. If left out: 3 in the example
            of the book, else all of them.
        is_causal: Does the causal mask act at the start?
        window: Width of the sliding window at the start; None is none.
        painted: Cells set by hand at the start: `{(query, key): may attend}`, counted from 0.

    Raises:
        ValueError: If shapes do not fit, a number is not finite or too large, or there are too many
            tokens.
    """

    def __init__(
        self,
        tokens: Sequence[str] = TOKENS,
        scores: Any = SCORES,
        *,
        valid_len: int | None = None,
        is_causal: bool = True,
        window: int | None = None,
        painted: Mapping[tuple[int, int], bool] | None = None,
    ) -> None:
        if valid_len is None:
            valid_len = 3 if tokens is TOKENS and scores is SCORES else len(tokens)
        tokens = names("tokens", tokens, LIMITS["tokens"])
        n = len(tokens)
        if valid_len not in range(n + 1):
            raise ValueError(f"valid_len must be one of 0 to {n}, got {valid_len!r}")
        if window is not None and window not in range(1, n + 1):
            raise ValueError(f"window must be one of 1 to {n}, or None, got {window!r}")
        painted = dict(painted or {})
        wrong = painted.keys() - set(product(range(n), repeat=2))
        if wrong:
            raise ValueError(f"painted must hold pairs of places below {n}, got {sorted(wrong)}")
        start: dict[str, Any] = {
            "valid_len": int(valid_len),
            "is_causal": bool(is_causal),
            "window": int(window or n),
            "painted": [[i, j, int(bool(may))] for (i, j), may in painted.items()],
            "convention": 0,
        }
        drawing = MaskLabDrawing(
            tokens=tokens,
            scores=numbers("scores", scores, (n, n)),
            start=start,
            limits=LIMITS,
            words=texts("mask_lab"),
            **start,
        )

        word = drawing.words
        controls = {
            "valid_len": slider(word["valid_len"], start["valid_len"], 0, n),
            "window": slider(word["window"], start["window"], 1, n),
            "is_causal": checkbox(word["is_causal"], start["is_causal"]),
            "convention": buttons(word["convention"], [*NAMED, word["additive"]], 0),
        }
        super().__init__(drawing, controls)

    @property
    def mask(self) -> Tensor:
        """The mask as it stands, shape `(len(tokens), len(tokens))`, True = may attend."""
        drawing = self.drawing
        n = len(drawing.tokens)
        mask = padding_mask(torch.tensor([drawing.valid_len]), n)[0]
        mask = mask & sliding_window_mask(n, window=drawing.window)
        if drawing.is_causal:
            mask = mask & causal_mask(n)
        for query, key, may in drawing.painted:
            mask[query, key] = bool(may)
        return mask

    @property
    def weights(self) -> Tensor:
        """The weights as they stand, shape `(len(tokens), len(tokens))`."""
        return masked_softmax(torch.tensor(self.drawing.scores, dtype=torch.float64), self.mask)

    def __repr__(self) -> str:
        start = self.drawing.start
        window = None if start["window"] == len(self.drawing.tokens) else start["window"]
        return (
            f"MaskLab({''.join(self.drawing.tokens)!r}, valid_len={start['valid_len']}, "
            f"is_causal={start['is_causal']}, window={window})"
        )
