"""The figure of chapter 2: what dividing the scores does to the softmax, for any width."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
import traitlets
from torch import Tensor

from attnlib.functional import masked_softmax
from attnlib.widgets.controls import buttons, slider
from attnlib.widgets.live_figure import Drawing, LiveFigure, module, style, texts

WIDTHS = tuple(2**exponent for exponent in range(11))
QUERIES, KEYS = 64, 10
DIVISORS = {"1": 0.0, "√d": 0.5, "d": 1.0}  # powers of d


@cache
def dot_products() -> Tensor:
    """Dot products of random queries and keys, cut to their first d entries for each width d.

        scores[e, i, j] = Σ query[i, c] · key[i, j, c]    over c < d = 2ᵉ

    The entries of queries and keys are independent, of mean 0 and variance 1.

    Returns:
        Scores of shape (11, 64, 10): widths 1, 2, 4, …, 1024; queries; keys of that query. They
        are rounded to hundredths, so that the browser can be given the very same numbers in 31 kB.
    """
    random = np.random.default_rng(5)
    query = random.standard_normal((QUERIES, 1, WIDTHS[-1]))
    key = random.standard_normal((QUERIES, KEYS, WIDTHS[-1]))
    sums = (query * key).cumsum(axis=-1)[..., [d - 1 for d in WIDTHS]]
    return torch.from_numpy(np.moveaxis(sums, -1, 0).round(2))


def measure(exponent: int, divisor: float, query: int) -> dict[str, Any]:
    """Compute what the figure shows, in the words of torch.

    Args:
        exponent: The width d is 2 to this power.
        divisor: What the dot products are divided by.
        query: Whose weights are wanted, counted from 1.

    Returns:
        `d`, `divisor`, `query`, its `weights`, and over all queries: `std` of the scores; the
        `mean` of the sorted weights, of the `entropy` and of the `slope` w(1 − w); and of the
        lengths of the `gradient` the 10 % quantile, the median and the 90 % quantile.
    """
    d = WIDTHS[exponent]
    scores = dot_products()[exponent] / divisor
    weights = masked_softmax(scores)
    jacobian = torch.diag_embed(weights) - weights[:, :, None] * weights[:, None, :]
    # On its way to the query the gradient passes the keys, which are about √d long and stand
    # nearly at right angles to each other, and the divisor.
    gradient = torch.linalg.matrix_norm(jacobian) * d**0.5 / divisor
    parts = torch.tensor([0.1, 0.5, 0.9], dtype=gradient.dtype)
    return {
        "d": d,
        "divisor": divisor,
        "query": query,
        "weights": weights[query - 1].tolist(),
        "std": scores.std().item(),
        "mean": weights.sort(dim=-1, descending=True).values.mean(dim=0).tolist(),
        "entropy": torch.special.entr(weights).sum(dim=-1).mean().item(),
        "slope": (weights * (1 - weights)).mean().item(),
        "gradient": gradient.quantile(parts).tolist(),
    }


class ScalingDrawing(Drawing):
    """The drawing: its numbers are computed in the browser, from these traits."""

    _esm = module("scaling.js")
    _css = style("scaling.css")

    # All of `dot_products()` in hundredths. A text: a notebook file gives each number of a list a
    # line of its own.
    hundredths = traitlets.Unicode().tag(sync=True)
    exponent = traitlets.Int(min=0, max=len(WIDTHS) - 1).tag(sync=True)
    divisor = traitlets.Int(min=0, max=len(DIVISORS) - 1).tag(sync=True)
    query = traitlets.Int(min=1, max=QUERIES).tag(sync=True)


class ScalingExplorer(LiveFigure):
    """The width d and the divisor to choose: spread of the scores, weights and gradients follow.

        weights = softmax(query @ keyᵀ / divisor)

    Args:
        head_dim: The width d of queries and keys at the start: 1, 2, 4, …, 1024.
        divisor: What the scores are divided by at the start: "1", "√d" or "d".
        query: Whose weights are shown at the start, counted from 1 to 64.

    Raises:
        ValueError: If one of them is not among these.
    """

    def __init__(
        self,
        head_dim: int = 64,
        divisor: str = "1",
        query: int = 1,
    ) -> None:
        if head_dim not in WIDTHS:
            raise ValueError(f"head_dim must be one of {WIDTHS}, got {head_dim!r}")
        if divisor not in DIVISORS:
            raise ValueError(f"divisor must be one of {tuple(DIVISORS)}, got {divisor!r}")
        if query not in range(1, QUERIES + 1):
            raise ValueError(f"query must be one of 1 to {QUERIES}, got {query!r}")
        start = {
            "exponent": WIDTHS.index(head_dim),
            "divisor": list(DIVISORS).index(divisor),
            "query": int(query),
        }
        drawing = ScalingDrawing(
            hundredths=" ".join(str(round(100 * s)) for s in dot_products().flatten().tolist()),
            start=start,
            limits={"exponent": len(WIDTHS) - 1, "queries": QUERIES, "keys": KEYS},
            words=texts("scaling"),
            **start,
        )
        controls = {
            "exponent": slider("log₂ d", start["exponent"], 0, len(WIDTHS) - 1),
            "query": slider(drawing.words["query"], start["query"], 1, QUERIES),
            "divisor": buttons(
                drawing.words["divide"], list(DIVISORS), start["divisor"], width="72px"
            ),
        }
        super().__init__(drawing, controls)

    def __repr__(self) -> str:
        start = self.drawing.start
        d, name = WIDTHS[start["exponent"]], list(DIVISORS)[start["divisor"]]
        return f"ScalingExplorer(head_dim={d}, divisor={name!r}, query={start['query']})"
