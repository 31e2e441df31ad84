"""The second figure of chapter 9: a text written with a key-value cache, and the classic bugs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import traitlets
from torch import Tensor

from attnlib.widgets.arguments import typed
from attnlib.widgets.cache_lab_model import BUGS, generate
from attnlib.widgets.controls import buttons, slider, text_field
from attnlib.widgets.live_figure import LiveFigure, module, style, texts
from attnlib.widgets.translator import ModelDrawing, model_traits, translation_of
from attnlib.widgets.translator_example import EXAMPLES, TEXT, example
from attnlib.widgets.translator_model import MOST_CHARACTERS, MOST_STEPS, Translation
from attnlib.widgets.weights import rounding


class CacheDrawing(ModelDrawing):
    """The drawing: the browser translates the text with these weights, with and without a cache."""

    _esm = module("cache_lab.js")
    _css = style("typed.css", "multi_head.css", "cache_lab.css")

    before = traitlets.Unicode().tag(sync=True)  # the text that was translated before
    bug = traitlets.Int(min=0, max=len(BUGS) - 1).tag(sync=True)
    step = traitlets.Int(min=1, max=MOST_STEPS).tag(sync=True)  # how many tokens were fed


class CacheLab(LiveFigure):
    """A text written with a key-value cache, step by step, beside the same text without one.

    One bug at a time can be switched on:

        position      every new token is taken for the first one: its sinusoid is that of position 0
        rotary        queries and keys of new tokens are turned as those of position 0
        twice         keys are kept turned, and turned again when they are read
        upper_left    the causal mask begins at the upper left: a new query sees the first key alone
        forget        keys and values of the prompt, the beginning, are not kept
        stale         the cache still holds the text before

    Args:
        state_dict: The trained weights, `characters`, `symbols`, `num_heads`, `base`,
            `rotary_base`: those of `DateTranslator`.
        text: What is read at the start: 1 to 40 characters.
        examples: Up to 12 texts to choose from.
        before: The text that was translated before.
        bug: The bug at the start, or "none".

    Attributes:
        bugs: The names of the bugs, "none" in front.
        rounding: How far off each packed tensor is, as a share of its largest entry.

    Raises:
        ValueError: If names, shapes and characters do not fit together, or there is no such bug.
    """

    bugs = BUGS

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
        examples: Sequence[str] = EXAMPLES,
        before: str = "14 February 1998",
        bug: str = "rotary",
    ) -> None:
        if state_dict is None:
            state_dict, characters, symbols, num_heads = example()
        if bug not in BUGS:
            raise ValueError(f"bug must be one of {BUGS}, got {bug!r}")
        traits, packed = model_traits(
            state_dict, characters, symbols, num_heads, base, rotary_base, text, examples
        )
        all_words = texts("cache_lab")
        start: dict[str, Any] = {"text": text, "bug": BUGS.index(bug), "step": MOST_STEPS}
        drawing = CacheDrawing(
            start=start,
            before=typed("before", before, MOST_CHARACTERS),
            words=all_words,
            **traits,
            **start,
        )
        controls = {
            "text": text_field(all_words["text"], text),
            "bug": buttons(all_words["bug"], [all_words[name] for name in BUGS], start["bug"]),
            "step": slider(all_words["step"], MOST_STEPS, 1, MOST_STEPS),
        }
        super().__init__(drawing, controls)
        self.add_class("attn-cache-lab")
        self.rounding = rounding(state_dict, packed)

    def translate(self, text: str) -> str:
        """Return the translation without a cache, computed with the rounded weights."""
        return self._translation.written(self._translation.translate([text])[0].made)

    def generate(self, text: str, bug: str = "none") -> tuple[str, float]:
        """Translate a text with a cache that has this bug; the weights are the rounded ones.

        Returns:
            The text, and the largest difference between a score of a step and the same score
            computed anew from the same tokens.

        Raises:
            ValueError: If there is no such bug.
        """
        found = generate(self._translation, text, bug, self.drawing.before)
        return self._translation.written(found.made), max(found.off)

    @cached_property
    def _translation(self) -> Translation:
        return translation_of(self.drawing)

    def __repr__(self) -> str:
        d = self.drawing
        sizes = f"{len(d.characters)} characters, {len(d.symbols)} symbols"
        start = f"text={d.start['text']!r}, bug={BUGS[d.start['bug']]!r}"
        return f"CacheLab({sizes}, {start})"
