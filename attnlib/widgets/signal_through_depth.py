"""The figure of chapter 7: what becomes of a signal, and of a gradient, in a stack of blocks."""

from __future__ import annotations

from typing import Any

import traitlets

from attnlib.widgets.arguments import numbers, whole
from attnlib.widgets.controls import buttons, checkbox, slider
from attnlib.widgets.live_figure import Drawing, LiveFigure, module, style, texts

NORMS = ("none", "pre", "post")
LIMITS = {
    "depth": 24,
    "seeds": 8,
    "least_scale": 0.5,
    "most_scale": 1.25,
    "length": 6,
    "width": 32,
    "heads": 4,
    "hidden": 64,
}


class SignalDrawing(Drawing):
    """The drawing: its numbers are computed in the browser, from these traits."""

    _esm = module("signal_through_depth.js")
    _css = style("signal_through_depth.css")

    depth = traitlets.Int(min=1, max=LIMITS["depth"]).tag(sync=True)
    scale = traitlets.Float(min=LIMITS["least_scale"], max=LIMITS["most_scale"]).tag(sync=True)
    seed = traitlets.Int(min=1, max=LIMITS["seeds"]).tag(sync=True)
    norm = traitlets.Int(min=0, max=len(NORMS) - 1).tag(sync=True)
    residual = traitlets.Bool().tag(sync=True)
    final_norm = traitlets.Bool().tag(sync=True)


class SignalThroughDepth(LiveFigure):
    """Blocks stacked up: how large the stream is after each, and how large the gradient there.

        size = sqrt(mean of the squares)    of all entries of the stream, or of ∂loss/∂stream

    Blocks as `TransformerBlock` has them, of width 32 with random weights, read six random vectors.
    What keeps signal and gradient at their size can be switched off.

    Args:
        depth: Number of blocks at the start, from 1 to 24.
        residual: Whether each part adds to the stream at the start, instead of replacing it.
        norm: Where the norms stand at the start: "none", "pre" or "post".
        final_norm: Whether there is a norm after the last block at the start.
        scale: Factor of all weights at the start, from 0.5 to 1.25; with 1, a product is as large
            as what goes in.
        seed: Which random weights are taken at the start, counted from 1 to 8.

    Raises:
        ValueError: If one of them is not among these.
    """

    def __init__(
        self,
        depth: int = 24,
        *,
        residual: bool = False,
        norm: str = "none",
        final_norm: bool = False,
        scale: float = 1.0,
        seed: int = 1,
    ) -> None:
        if norm not in NORMS:
            raise ValueError(f"norm must be one of {NORMS}, got {norm!r}")
        for name, flag in (("residual", residual), ("final_norm", final_norm)):
            if not isinstance(flag, bool):
                raise ValueError(f"{name} must be True or False, got {flag!r}")
        factor: float = numbers("scale", scale, ())
        least, most = LIMITS["least_scale"], LIMITS["most_scale"]
        if not least <= factor <= most:
            raise ValueError(f"scale must be from {least} to {most}, got {scale!r}")
        start: dict[str, Any] = {
            "depth": whole("depth", depth, 1, LIMITS["depth"]),
            "scale": factor,
            "seed": whole("seed", seed, 1, LIMITS["seeds"]),
            "norm": NORMS.index(norm),
            "residual": residual,
            "final_norm": final_norm,
        }
        drawing = SignalDrawing(
            start=start, limits=LIMITS, words=texts("signal_through_depth"), **start
        )
        words = drawing.words
        controls = {
            "depth": slider(words["depth"], start["depth"], 1, LIMITS["depth"]),
            "scale": slider(words["scale"], factor, least, most, step=0.05),
            "seed": slider(words["seed"], start["seed"], 1, LIMITS["seeds"]),
            "norm": buttons(
                words["norm"], [words[name] for name in NORMS], start["norm"], width="72px"
            ),
            "residual": checkbox(words["residual"], residual),
            "final_norm": checkbox(words["final_norm"], final_norm),
        }
        super().__init__(drawing, controls)

    def __repr__(self) -> str:
        start = self.drawing.start
        return (
            f"SignalThroughDepth({start['depth']}, residual={start['residual']}, "
            f"norm={NORMS[start['norm']]!r}, final_norm={start['final_norm']}, "
            f"scale={start['scale']:g}, seed={start['seed']})"
        )
