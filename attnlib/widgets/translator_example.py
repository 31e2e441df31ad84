"""A model with random weights: what the figures of chapter 9 show when they are given no other."""

from __future__ import annotations

import torch
from torch import Tensor

from attnlib.widgets.translator_model import TranslatorModel

CHARACTERS = " ,-.0123456789TNadenouvmbrsy年月日"
SYMBOLS = "-0123456789"
TEXT = "Tuesday, 17 November 2026"
EXAMPLES = ("Tuesday, 17 November 2026", "17 novembre 2026", "2026年11月17日")
WIDTH, HIDDEN, HEADS, SEED = 32, 64, 4, 5


def example() -> tuple[dict[str, Tensor], str, str, int]:
    """Return weights, characters, symbols and the number of heads."""
    with torch.device("meta"):
        model = TranslatorModel(len(CHARACTERS), len(SYMBOLS), WIDTH, HIDDEN, HEADS, 1.0, 1.0)
    generator = torch.Generator().manual_seed(SEED)
    weights = {}
    for name, tensor in model.state_dict().items():
        drawn = torch.randn(tensor.shape, generator=generator)
        if tensor.ndim == 2:  # large enough for heads that look at some places more than at others
            drawn = drawn * (1.0 if name.endswith(("source.weight", "target.weight")) else 0.35)
        else:
            drawn = 1 + 0.2 * drawn if name.endswith("norm.weight") else 0.2 * drawn
        weights[name] = drawn
    return weights, CHARACTERS, SYMBOLS, HEADS
