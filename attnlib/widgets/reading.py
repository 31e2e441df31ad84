"""The figure of chapter 8: a phrase of the reader's, read by the model that the chapter trained."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property

import traitlets
from torch import Tensor

from attnlib.widgets.arguments import (
    characters_of,
    distinct_characters,
    numbers,
    typed,
    typed_examples,
    whole,
)
from attnlib.widgets.controls import slider, text_field
from attnlib.widgets.live_figure import Drawing, LiveFigure, module, style, texts
from attnlib.widgets.reading_example import example
from attnlib.widgets.reading_model import (
    Place,
    Reading,
    check_weights,
    difference,
    pairs,
    write_counts,
)
from attnlib.widgets.weights import pack, rounding

MOST_CHARACTERS = 10  # of a phrase
MOST_EXAMPLES = 12
MOST_HEADS = 12  # that colours and numbers tell apart
STEPS = 15  # of a weight; with 31 the page is 13 kB heavier, and no more is read rightly


class PhraseDrawing(Drawing):
    """The drawing: the browser reads the phrase with these weights, and looks it up."""

    _esm = module("reading.js")
    _css = style("typed.css", "multi_head.css", "reading.css")

    weights = traitlets.Dict().tag(sync=True)  # see weights.py
    characters = traitlets.Unicode().tag(sync=True)  # of the embedding's rows 3, 4, 5, …
    readings = traitlets.Unicode().tag(sync=True)  # a line for each character: "乐 lè yuè"
    counts = traitlets.Unicode().tag(sync=True)  # a line for each reading: reading_model.py
    examples = traitlets.List(traitlets.Unicode()).tag(sync=True)
    phrase = traitlets.Unicode().tag(sync=True)  # whatever is typed
    chosen = traitlets.Int().tag(sync=True)  # which character of it
    window = traitlets.Int().tag(sync=True)  # how far a character may look
    on = traitlets.List(traitlets.Bool()).tag(sync=True)  # each head

    trained = ("weights",)
    difference = staticmethod(difference)


class PhraseReader(LiveFigure):
    """Type a phrase: how a model and a count read its characters, and where each head looks.

        x = embed(phrase);  x = x + attention(norm(x));  P(r) = softmax(output[r] · final_norm(x))

    Args:
        state_dict: The trained weights: `embed.weight`, whose rows 0, 1, 2 are an unknown
            character, the beginning and the end; `norm`, `attention.in_proj.weight`,
            `attention.out_proj.weight`, `final_norm`, `output`. If left out: a model of nine
            characters, set by hand, with its own characters, readings and counts.
        characters: The characters of the embedding's rows from 3 on.
        readings: The readings of each character that has several, in the order of the rows of
            `output`.
        counts: How often, in the phrases trained on, each (left neighbour, character, right
            neighbour, reading) occurred; "" stands for an end.
        num_heads: Number of heads.
        base: Base of the rotary encoding.
        phrase: What stands there at the start: 1 to 10 characters.
        examples: Up to 12 phrases to choose from.

    Attributes:
        rounding: How far off each packed tensor is, as a share of its largest entry.

    Raises:
        ValueError: If names, shapes, characters and readings do not fit together.
    """

    def __init__(
        self,
        state_dict: Mapping[str, Tensor] | None = None,
        characters: str = "",
        readings: Mapping[str, Sequence[str]] | None = None,
        counts: Mapping[Place, int] | None = None,
        *,
        num_heads: int = 6,
        base: float = 100.0,
        phrase: str = "音乐",
        examples: Sequence[str] = ("音乐", "快乐", "银行", "中国银行", "爱好"),
    ) -> None:
        if state_dict is None:
            state_dict, characters, readings, counts, num_heads = example()
        readings, counts = readings or {}, counts or {}
        num_heads = whole("num_heads", num_heads, 1, MOST_HEADS)
        if numbers("base", base, ()) <= 0:
            raise ValueError(f"base must be above 0, got {base!r}")
        _check_readings(characters, readings)
        check_weights(state_dict, len(characters), len(pairs(readings)), num_heads)
        _check_counts(counts, readings)
        typed("phrase", phrase, MOST_CHARACTERS)
        examples = typed_examples("examples", examples, MOST_EXAMPLES, MOST_CHARACTERS)
        packed = pack(state_dict, steps=STEPS)
        several = [i for i, each in enumerate(characters_of(phrase)) if each in readings]
        all_words = texts("reading")
        furthest = MOST_CHARACTERS + 1  # from one end of the longest phrase to the other
        start = {
            "phrase": phrase,
            "chosen": several[-1] if several else 0,
            "window": furthest,
            "on": [True] * num_heads,
        }
        drawing = PhraseDrawing(
            weights=packed,
            characters=characters,
            readings="\n".join("\t".join([each, *names]) for each, names in readings.items()),
            counts=write_counts(counts, pairs(readings)),
            examples=examples,
            start=start,
            limits={"heads": num_heads, "base": float(base), "most": MOST_CHARACTERS},
            words=all_words,
            **start,
        )
        controls = {
            "phrase": text_field(all_words["phrase"], phrase),
            "window": slider(all_words["window"], furthest, 0, furthest),
        }
        super().__init__(drawing, controls)
        self.rounding = rounding(state_dict, packed)

    def read(self, phrase: str) -> list[tuple[str, dict[str, float]]]:
        """Return the characters that have several readings, with the probability of each.

        They are computed with the rounded weights, as in the browser.
        """
        return self._reading.read(phrase)

    def look_up(self, phrase: str) -> list[tuple[str, str]]:
        """Return the characters that have several readings, with what the look-up reads."""
        found, characters = self._reading.look_up, characters_of(phrase)
        several = [i for i, each in enumerate(characters) if each in found.readings]
        return [(characters[i], found.read(characters, i)) for i in several]

    @cached_property
    def _reading(self) -> Reading:
        names = ("weights", "characters", "readings", "counts", "limits")
        return Reading({name: getattr(self.drawing, name) for name in names})

    def __repr__(self) -> str:
        d = self.drawing
        several = d.readings.count("\n") + 1
        sizes = f"{len(d.characters)} characters, {several} with several readings"
        return f"PhraseReader({sizes}, phrase={d.start['phrase']!r})"


def _check_readings(characters: str, readings: Mapping[str, Sequence[str]]) -> None:
    distinct_characters("characters", characters)
    if not readings:
        raise ValueError("readings must hold a character with several readings, got none")
    for character, names in readings.items():
        if len(character) != 1 or isinstance(names, str) or len(set(names)) < 2:
            raise ValueError(
                "readings must name two or more different readings for each character, "
                f"got {names!r} for {character!r}"
            )
        if not all(names) or re.search(r"[\t\n]", "".join(names)):
            raise ValueError(f"readings must be texts in one line, got {names!r} for {character!r}")


def _check_counts(counts: Mapping[Place, int], readings: Mapping[str, Sequence[str]]) -> None:
    for place, count in counts.items():
        good = isinstance(place, tuple) and len(place) == 4
        # One character or none, and none of those that say how often, or stand for an end.
        good = good and all(re.fullmatch(r"[^\d\s^$]?", each) for each in (place[0], place[2]))
        if not good or place[3] not in readings.get(place[1], ()):
            raise ValueError(
                "counts must be of (left neighbour, character, right neighbour, reading), "
                f"got {place!r}"
            )
        whole(f"counts[{place!r}]", count, 1, float("inf"))
