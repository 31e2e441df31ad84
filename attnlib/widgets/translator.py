"""The first figure of chapter 9: a date of the reader's, translated by the chapter's model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import traitlets
from torch import Tensor

from attnlib.widgets.arguments import (
    distinct_characters,
    numbers,
    typed,
    typed_examples,
    whole,
)
from attnlib.widgets.controls import slider, text_field
from attnlib.widgets.live_figure import Drawing, LiveFigure, module, style, texts
from attnlib.widgets.translator_example import EXAMPLES, TEXT, example
from attnlib.widgets.translator_model import (
    MOST_CHARACTERS,
    MOST_STEPS,
    Translation,
    check_weights,
    difference,
)
from attnlib.widgets.weights import Packed, pack, rounding

MOST_EXAMPLES = 12
MOST_HEADS = 8  # that colours and numbers tell apart
STEPS = 15  # of a weight; with 31 the page is 2 kB heavier, and nothing is read better


class ModelDrawing(Drawing):
    """What both figures of the model draw with: its weights, and a text to be translated."""

    weights = traitlets.Dict().tag(sync=True)  # see weights.py
    characters = traitlets.Unicode().tag(sync=True)  # of the source embedding's rows 3, 4, 5, …
    symbols = traitlets.Unicode().tag(sync=True)  # of the target's
    examples = traitlets.List(traitlets.Unicode()).tag(sync=True)
    text = traitlets.Unicode().tag(sync=True)  # whatever is typed

    trained = ("weights",)
    difference = staticmethod(difference)


class TranslatorDrawing(ModelDrawing):
    """The drawing: the browser translates the text with these weights."""

    _esm = module("translator.js")
    _css = style("typed.css", "multi_head.css", "translator.css")

    at = traitlets.Int().tag(sync=True)  # which character of what is written
    on = traitlets.List(traitlets.Bool()).tag(sync=True)  # each head of cross-attention


class DateTranslator(LiveFigure):
    """Type a date: how a model writes it, and where each head looks meanwhile.

        memory = norm(encoder(source[text] + sinusoids))
        scores = output(norm(decoder(target[written] + sinusoids, memory)))

    Encoder and decoder are one `TransformerBlock` each, with rotary in self-attention. The next
    character is the one with the largest score, until that is the end.

    Args:
        state_dict: The trained weights, of modules `source`, `encoder`, `encoder_norm`, `target`,
            `decoder`, `decoder_norm`, `output`. Rows 0, 1, 2 of the embeddings are an unknown
            character, the beginning and the end. If left out: random weights, which write nonsense.
        characters: The characters of the rows of `source` from 3 on.
        symbols: The characters of the rows of `target` and `output` from 3 on.
        num_heads: Number of heads.
        base: Base of the sinusoids.
        rotary_base: Base of the rotary encoding.
        text: What stands there at the start: 1 to 40 characters.
        at: Which character of what is written is chosen at the start.
        examples: Up to 12 texts to choose from.

    Attributes:
        rounding: How far off each packed tensor is, as a share of its largest entry.

    Raises:
        ValueError: If names, shapes and characters do not fit together.
    """

    def __init__(
        self,
        state_dict: Mapping[str, Tensor] | None = None,
        characters: str = "",
        symbols: str = "",
        *,
        num_heads: int = 4,
        base: float = 100.0,
        rotary_base: float = 10_000.0,
        text: str = TEXT,
        at: int = 5,
        examples: Sequence[str] = EXAMPLES,
    ) -> None:
        if state_dict is None:
            state_dict, characters, symbols, num_heads = example()
        traits, packed = model_traits(
            state_dict, characters, symbols, num_heads, base, rotary_base, text, examples
        )
        all_words = texts("translator")
        start = {"text": text, "at": whole("at", at, 0, MOST_STEPS - 1), "on": [True] * num_heads}
        drawing = TranslatorDrawing(start=start, words=all_words, **traits, **start)
        controls = {
            "text": text_field(all_words["text"], text),
            "at": slider(all_words["at"], at, 0, MOST_STEPS - 1),
        }
        super().__init__(drawing, controls)
        self.rounding = rounding(state_dict, packed)

    def translate(self, text: str) -> str:
        """Return the translation, computed with the rounded weights as in the browser."""
        return self._translation.written(self._translation.translate([text])[0].made)

    @cached_property
    def _translation(self) -> Translation:
        return translation_of(self.drawing)

    def __repr__(self) -> str:
        d = self.drawing
        sizes = f"{len(d.characters)} characters, {len(d.symbols)} symbols"
        return f"DateTranslator({sizes}, text={d.start['text']!r})"


def translation_of(drawing: Drawing) -> Translation:
    """Return the model of a drawing, in torch."""
    names = ("weights", "characters", "symbols", "limits")
    return Translation({name: getattr(drawing, name) for name in names})


def model_traits(
    state_dict: Mapping[str, Tensor],
    characters: str,
    symbols: str,
    num_heads: int,
    base: float,
    rotary_base: float,
    text: str,
    examples: Sequence[str],
) -> tuple[dict[str, object], Packed]:
    """Check what both figures of the model are given; return the traits that it becomes.

    Raises:
        ValueError: If something does not fit.
    """
    num_heads = whole("num_heads", num_heads, 1, MOST_HEADS)
    for name, number in (("base", base), ("rotary_base", rotary_base)):
        if numbers(name, number, ()) <= 0:
            raise ValueError(f"{name} must be above 0, got {number!r}")
    distinct_characters("characters", characters)
    distinct_characters("symbols", symbols)
    check_weights(state_dict, len(characters), len(symbols), num_heads)
    typed("text", text, MOST_CHARACTERS)
    packed = pack(state_dict, steps=STEPS)
    return {
        "weights": packed,
        "characters": characters,
        "symbols": symbols,
        "examples": typed_examples("examples", examples, MOST_EXAMPLES, MOST_CHARACTERS),
        "limits": {
            "heads": num_heads,
            "base": float(base),
            "rotary": float(rotary_base),
            "most": MOST_CHARACTERS,
            "steps": MOST_STEPS,
        },
    }, packed
