"""The second figure of chapter 4: what each head looks at, and what is left without it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import traitlets
from torch.nn import functional as F  # noqa: N812

from attnlib.multihead import MultiHeadAttention
from attnlib.widgets.arguments import names as named
from attnlib.widgets.arguments import numbers, whole
from attnlib.widgets.controls import checkbox, slider
from attnlib.widgets.live_figure import Drawing, LiveFigure, module, style, texts

LIMITS = {"layers": 8, "heads": 4}
BOXES = [f"head_{head}" for head in range(LIMITS["heads"])]  # a trait for each tick box


def task() -> tuple[torch.Tensor, torch.Tensor]:
    """Sequences of the task of chapter 4, and answers: the numbers of token A minus those of B.

    Features of a token: four numbers, the marks of A and of B, who asks (the last one), one unused.
    """
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(200, 8, 4, generator=generator)
    places = torch.rand(200, 7, generator=generator).argsort(dim=1)[:, :2]
    marks = F.one_hot(places, 8).mT.float()
    rest = torch.zeros(200, 8, 2)
    rest[:, -1, 0] = 1.0
    answers = (marks[..., 0] - marks[..., 1])[:, None] @ values
    return torch.cat([values, marks, rest], dim=-1), answers[:, 0]


def layers_set_by_hand() -> list[MultiHeadAttention]:
    """Three layers: heads on A and on B; on both and on B; both on B, which cannot do it."""
    layers = []
    for marks, factors in (
        ([[1, 0], [0, 1]], [1, -1]),
        ([[1, 1], [0, 1]], [2, -2]),
        ([[0, 1], [0, 1]], [-0.5, -0.5]),
    ):
        with torch.random.fork_rng(devices=[]), torch.no_grad():  # the reader's seed stays
            layer = MultiHeadAttention(embed_dim=8, num_heads=2)
            query, key, value = layer.in_proj.weight.zero_().view(3, 2, 4, 8)
            query[:, 0, 6] = 40.0  # over the root of 4: a score of 20 where a head finds its mark
            key[:, 0, 4:6] = torch.tensor(marks, dtype=torch.float32)
            value[:, :, :4] = torch.eye(4)
            out = layer.out_proj.weight.zero_().view(8, 2, 4)
            out[:4] = torch.eye(4)[:, None] * torch.tensor(factors)[:, None]
        layers.append(layer)
    return layers


def example() -> tuple[torch.Tensor, torch.Tensor]:
    """What the heads of these layers look at, and the error with none, one or both of them."""
    x, answers = task()
    looks, errors = [], []
    for layer in layers_set_by_hand():
        with torch.no_grad():
            _, weights = layer(x[:, -1:], x, x, need_weights=True)
            looks.append((weights @ x[:, None, :, 4:6]).mean(dim=(0, 2)))
            every, left = layer.out_proj.weight.clone(), []
            for kept in ([0, 0], [1, 0], [0, 1], [1, 1]):
                layer.out_proj.weight.copy_(every * torch.tensor(kept).repeat_interleave(4))
                output, _ = layer(x[:, -1:], x, x)
                left.append((output[:, 0, :4] - answers).square().mean())
        errors.append(torch.stack(left))
    return torch.stack(looks), torch.stack(errors)


class HeadAblationDrawing(Drawing):
    """The drawing; the browser finds the error that belongs to the ticked heads."""

    _esm = module("head_ablation.js")
    _css = style("head_ablation.css")

    looks: Any = traitlets.List().tag(sync=True)
    errors: Any = traitlets.List().tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    layer = traitlets.Int().tag(sync=True)
    head_0 = traitlets.Bool(True).tag(sync=True)
    head_1 = traitlets.Bool(True).tag(sync=True)
    head_2 = traitlets.Bool(True).tag(sync=True)
    head_3 = traitlets.Bool(True).tag(sync=True)

    @traitlets.validate("layer")
    def _layer(self, proposal: Any) -> int:
        return whole("layer", proposal["value"], 0, len(self.names) - 1)


class HeadAblation(LiveFigure):
    """Trained layers: what each head looks at, and the error, with a tick box for each head.

    Args:
        looks: Shape `(layers, num_heads, 2)`, at most 8 layers of 4 heads: the mean weights of each
            head on two marked tokens, A and B. If left out: three layers, set by hand.
        errors: Shape `(layers, 2**num_heads)`: the error that is left when only some heads are
            kept. Place 0 belongs to none; head `h` adds `2**h` to the place.
        names: A name for each layer, such as the seed that it was trained from; its number if
            left out.
        layer: Which layer is chosen at the start, and by "reset".

    Raises:
        ValueError: If shapes do not fit, a weight is none, or an error is negative.
    """

    def __init__(
        self,
        looks: Any = None,
        errors: Any = None,
        *,
        names: Sequence[Any] | None = None,
        layer: int = 1,
    ) -> None:
        if looks is None:
            looks, errors = example()
        shape = np.shape(looks)
        if len(shape) != 3 or not (
            1 <= shape[0] <= LIMITS["layers"] and 1 <= shape[1] <= LIMITS["heads"]
        ):
            raise ValueError(
                f"looks must have the shape (layers, num_heads, 2), at most {LIMITS['layers']} "
                f"layers of {LIMITS['heads']} heads, got {tuple(shape)}"
            )
        layers, heads, _ = shape
        weights = numbers("looks", looks, (layers, heads, 2))
        if np.min(weights) < 0 or np.sum(weights, axis=-1).max() > 1.011:
            raise ValueError(
                f"looks must be weights, none negative, at most 1 a head, got {weights}"
            )
        left = numbers("errors", errors, (layers, 2**heads))
        if np.min(left) < 0:
            raise ValueError(f"errors must not be negative, got {left}")
        given = named("names", range(layers) if names is None else names, LIMITS["layers"])
        if len(given) != layers:
            raise ValueError(f"names must have {layers} entries, got {len(given)}")
        start = {"layer": whole("layer", layer, 0, layers - 1)} | dict.fromkeys(BOXES, True)
        drawing = HeadAblationDrawing(
            names=given,
            looks=weights,
            errors=left,
            start=start,
            limits=LIMITS,
            words=texts("head_ablation"),
            **start,
        )
        word = drawing.words
        controls = {
            box: checkbox(f"{word['head']} {head}", True) for head, box in enumerate(BOXES[:heads])
        }
        if layers > 1:  # else there is nothing to choose
            controls["layer"] = slider(word["row"], start["layer"], 0, layers - 1)
        super().__init__(drawing, controls)

    def __repr__(self) -> str:
        layers, heads = np.shape(self.drawing.looks)[:2]
        return f"HeadAblation({layers} layers of {heads} heads)"
