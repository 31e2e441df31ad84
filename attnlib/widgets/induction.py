"""The figure of chapter 11: a text of the reader's, continued by the model that was grown there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import traitlets
from torch import Tensor

from attnlib.widgets.arguments import distinct_characters, numbers, typed, typed_examples, whole
from attnlib.widgets.controls import slider, text_field
from attnlib.widgets.induction_example import EXAMPLES, TEXT, example
from attnlib.widgets.induction_model import (
    MOST_SIGNS,
    Induction,
    check_weights,
    difference,
    layers_of,
)
from attnlib.widgets.live_figure import Drawing, LiveFigure, module, style, texts
from attnlib.widgets.weights import pack, rounding

MOST_EXAMPLES = 12
MOST_HEADS = 2  # of a layer; each is a map that is drawn anew in every frame
ORDERS = 8  # other orders of what is repeated


class InductionDrawing(Drawing):
    """The drawing: the browser continues the text with these weights."""

    _esm = module("induction.js")
    _css = style("typed.css", "multi_head.css", "induction.css")

    weights = traitlets.Dict().tag(sync=True)  # see weights.py
    signs = traitlets.Unicode().tag(sync=True)  # of the rows of tokens and answer
    examples = traitlets.List(traitlets.Unicode()).tag(sync=True)
    text = traitlets.Unicode().tag(sync=True)  # whatever is typed
    order = traitlets.Int().tag(sync=True)  # of what is repeated; 0 as it is typed
    at = traitlets.Int().tag(sync=True)  # the chosen place; behind the end it is the last one
    on = traitlets.List(traitlets.Bool()).tag(sync=True)  # each head, layer by layer

    trained = ("weights",)
    difference = staticmethod(difference)


class InductionLab(LiveFigure):
    """Type a text: how a model of attention alone goes on, and where each head of it looks.

        x = tokens(text);  x = x + layer(x) for each layer;  scores = answer(x)

    The layers are `MultiHeadAttention` with rotary and without bias, causal.

    Args:
        state_dict: The trained weights: `tokens.weight`, for each layer `layers.0.in_proj.weight`
            and `layers.0.out_proj.weight`, and `answer.weight`; one or two layers. If left out: a
            model of eight signs, set by hand.
        signs: The signs of the rows of `tokens` and `answer`.
        num_heads: Number of heads of each layer: one or two.
        base: Base of the rotary encoding.
        text: What stands there at the start: 1 to 48 signs that the model knows.
        examples: Up to 12 texts to choose from.

    Attributes:
        rounding: How far off each packed tensor is, as a share of its largest entry.

    Raises:
        ValueError: If names, shapes and signs do not fit together.
    """

    def __init__(
        self,
        state_dict: Mapping[str, Tensor] | None = None,
        signs: str = "",
        *,
        num_heads: int = 2,
        base: float = 10_000.0,
        text: str = TEXT,
        examples: Sequence[str] = EXAMPLES,
    ) -> None:
        if state_dict is None:
            state_dict, signs, num_heads = example()
        num_heads = whole("num_heads", num_heads, 1, MOST_HEADS)
        if numbers("base", base, ()) <= 0:
            raise ValueError(f"base must be above 0, got {base!r}")
        distinct_characters("signs", signs)
        check_weights(state_dict, len(signs), num_heads)
        typed("text", text, MOST_SIGNS)
        examples = typed_examples("examples", examples, MOST_EXAMPLES, MOST_SIGNS)
        for name, each in [("text", text), *(("examples", each) for each in examples)]:
            if unknown := sorted(set(each) - set(signs)):
                raise ValueError(f"{name} must be of the signs {signs!r}, got {unknown[0]!r}")
        packed, layers = pack(state_dict), layers_of(state_dict)
        all_words = texts("induction")
        # Behind every end: the last place of whatever is typed.
        start: dict[str, Any] = {"text": text, "order": 0, "at": MOST_SIGNS - 1}
        start["on"] = [True] * layers * num_heads
        drawing = InductionDrawing(
            weights=packed,
            signs=signs,
            examples=examples,
            start=start,
            limits={
                "layers": layers,
                "heads": num_heads,
                "base": float(base),
                "most": MOST_SIGNS,
                "orders": ORDERS,
            },
            words=all_words,
            **start,
        )
        controls = {
            "text": text_field(all_words["text"], text),
            "order": slider(all_words["order"], 0, 0, ORDERS),
        }
        super().__init__(drawing, controls)
        self.add_class("attn-induction-lab")
        self.rounding = rounding(state_dict, packed)

    def follows(self, text: str, on: Sequence[bool] | None = None) -> dict[str, float]:
        """Return the probability of each sign to follow a text, with the rounded weights.

        Args:
            text: Signs that the model knows.
            on: For each head, layer by layer, whether it is on; all of them if left out.

        Raises:
            ValueError: If there is another sign, none at all, or another number of heads.
        """
        model = self._model
        if not text or model.known(text) != text:
            raise ValueError(
                f"text must be 1 to {MOST_SIGNS} of the signs {model.signs!r}, got {text!r}"
            )
        if on is not None and len(on) != model.heads:
            raise ValueError(f"on must be {model.heads} booleans, one for each head, got {on!r}")
        scores, _ = model.scores(text, on)
        return dict(zip(model.signs, scores[-1].softmax(dim=-1).tolist(), strict=True))

    @cached_property
    def _model(self) -> Induction:
        names = ("weights", "signs", "limits")
        return Induction({name: getattr(self.drawing, name) for name in names})

    def __repr__(self) -> str:
        d = self.drawing
        sizes = f"{d.limits['layers']} layers of {d.limits['heads']} heads"
        return f"InductionLab({len(d.signs)} signs, {sizes}, text={d.start['text']!r})"
