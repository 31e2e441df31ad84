"""A model of eight signs, set by hand: what InductionLab shows when it is given no other."""

from __future__ import annotations

import torch
from torch import Tensor

from attnlib.positional import RotaryPositionalEncoding
from attnlib.widgets.induction_model import InductionModel

SIGNS = "早上好下午注意力"
TEXT = "早上好早上"
EXAMPLES = (TEXT, "早上好注意力早上好注", "注意力注意力注")
WIDTH, LAYERS, HEADS = 32, 2, 2


def example() -> tuple[dict[str, Tensor], str, int]:
    """Return weights, signs and the number of heads.

    Features 0 to 7 of the stream say which sign stands here, 8 is always 1, 9 to 16 say which sign
    stood before: head 0 of the first layer, which looks one place back, puts it there. 17 to 24 say
    which sign followed where this one stood before: head 0 of the second layer looks for places
    that have it in 9 to 16. No block has a sign twice in a row: a sign does not propose itself. The
    second head of each layer looks everywhere alike and adds nothing.
    """
    with torch.device("meta"):
        model = InductionModel(len(SIGNS), WIDTH, LAYERS, HEADS, 10_000.0)
    weights = {name: torch.zeros(tensor.shape) for name, tensor in model.state_dict().items()}
    here, before, after = (slice(first, first + 8) for first in (0, 9, 17))
    one = torch.eye(8)
    weights["tokens.weight"][:, here] = one
    weights["tokens.weight"][:, 8] = 1

    # q · k = Σ a² cos((i - j - 1) θ): largest at the place before, as the key is one turn ahead.
    clock = torch.zeros(1, 2, WIDTH // HEADS)
    clock[:, :, 0:6:2] = torch.tensor([12.0, 8.0, 6.0])
    turned = RotaryPositionalEncoding(WIDTH // HEADS)(clock)
    query, key, value = weights["layers.0.in_proj.weight"].chunk(3)
    query[:16, 8], key[:16, 8] = turned[0]
    value[:8, here] = one
    weights["layers.0.out_proj.weight"][before, :8] = one

    query, key, value = weights["layers.1.in_proj.weight"].chunk(3)
    query[8:16, here] = 8 * one  # among the columns of a head the ones that turn most slowly
    key[8:16, before] = 8 * one
    value[:8, here] = one
    weights["layers.1.out_proj.weight"][after, :8] = one

    weights["answer.weight"][:, after] = 12 * one
    weights["answer.weight"][:, here] = -6 * one
    return weights, SIGNS, HEADS
