"""What CacheLab computes, in torch: a text written with a cache that has one of the classic bugs.

The browser computes the same in static/cache_lab_model.js.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from attnlib.cache import KeyValueCache
from attnlib.positional import RotaryPositionalEncoding
from attnlib.widgets.translator_model import END, MOST_STEPS, START, Translation

BUGS = ("none", "position", "rotary", "twice", "upper_left", "forget", "stale")


class TurnedTwice(KeyValueCache):
    """Keys that were turned before they were kept are turned again whenever they are read."""

    def __init__(self, turn: RotaryPositionalEncoding, *sizes: int) -> None:
        super().__init__(*sizes)
        self.turn = turn

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keep these, too; return all of them."""
        keys, values = super().append(key, value)
        return self.turn(keys), values


class Generated(NamedTuple):
    """A text written with a cache, step by step.

    Args:
        fed: The tokens that were fed, one a step.
        made: What followed each of them.
        off: How far the scores of each step are from those that are computed anew.
        slots: The tokens that each step saw.
        weights: Where it looked among them, of shape (heads, slots).
        held: How many tokens the cache held afterwards.
    """

    fed: list[int]
    made: list[int]
    off: list[float]
    slots: list[list[int]]
    weights: list[Tensor]
    held: list[int]


@torch.no_grad()
def generate(translation: Translation, text: str, bug: str, before: str) -> Generated:
    """Translate a text with a cache.

    Args:
        translation: The model.
        text: What is read.
        bug: One of `BUGS`.
        before: The text that was translated before: "stale" has left it in the cache.

    Raises:
        ValueError: If there is no such bug.
    """
    if bug not in BUGS:
        raise ValueError(f"bug must be one of {BUGS}, got {bug!r}")
    model, attention = translation.model, translation.model.decoder.self_attention
    turn = attention.rotary
    assert turn is not None  # the model has one
    sizes = (1, attention.num_kv_heads, 2 * MOST_STEPS, attention.embed_dim // attention.num_heads)
    cache = TurnedTwice(turn, *sizes) if bug == "twice" else KeyValueCache(*sizes)
    memory, _ = translation.encode([text])
    kept: list[int] = []
    if bug == "stale":
        kept = list(translation.translate([before])[0].fed)
        model(torch.tensor([kept]), translation.encode([before])[0], is_causal=True, cache=cache)
    fed, made, slots, weights, held, scores = [START], [], [], [], [], []
    # One token at a time, position 0 is no turn at all.
    attention.rotary = None if bug == "rotary" else turn
    while True:
        lost = bug == "forget" and fed == [START]
        seen = [*kept, fed[-1]]
        mask = torch.arange(len(seen))[None] == 0 if bug == "upper_left" else None
        found, looked = model(
            torch.tensor([fed[-1:]]),
            memory,
            offset=0 if bug == "position" else cache.length,
            mask=mask,
            cache=KeyValueCache(*sizes) if lost else cache,
        )
        if not lost:
            kept.append(fed[-1])
        slots.append(seen)
        weights.append(looked.self_attention[0, :, 0])
        held.append(cache.length)
        scores.append(found[0, 0])
        made.append(int(found[0, 0].argmax()))
        if made[-1] == END or len(made) == MOST_STEPS:
            break
        fed.append(made[-1])
    attention.rotary = turn
    anew, _ = translation.decode(torch.tensor([fed]), memory)
    off = (torch.stack(scores) - anew[0]).abs().amax(dim=1).tolist()
    return Generated(fed, made, off, slots, weights, held)
