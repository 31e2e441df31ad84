"""A model of nine characters, set by hand: what PhraseReader shows when it is given no other."""

from __future__ import annotations

import torch
from torch import Tensor

from attnlib.widgets.reading_model import FIRST, Place, names_and_shapes

CHARACTERS = "好乐行爱音银快中国"
READINGS = {"好": ["hǎo", "hào"], "乐": ["lè", "yuè"], "行": ["xíng", "háng"]}
COUNTS: dict[Place, int] = {  # a count knows what it has counted, and nothing about its neighbours
    ("", "好", "", "hǎo"): 3,
    ("", "乐", "", "lè"): 2,
    ("快", "乐", "", "lè"): 4,
    ("快", "行", "", "xíng"): 2,
    ("中", "行", "", "háng"): 1,
}
WIDTH, HEADS = 16, 2


def example() -> tuple[dict[str, Tensor], str, dict[str, list[str]], dict[Place, int], int]:
    """Return weights, characters, readings, counts and the number of heads.

    Feature t of the stream says "row t of the embedding stands here", features 12 to 14 say that
    爱, 音 or 银 was seen. With head 0 the three characters that have several readings ask for
    these three; head 1 looks everywhere alike and adds nothing.
    """
    polyphones, deciders = torch.zeros(2, WIDTH)
    polyphones[FIRST : FIRST + 3] = deciders[FIRST + 3 : FIRST + 6] = 1
    one = torch.eye(WIDTH) - 1 / WIDTH  # rows that a layer norm's mean does not touch
    shapes = names_and_shapes(len(CHARACTERS), 6, WIDTH)
    weights = {name: torch.zeros(shape) for name, shape in shapes.items()}
    weights["norm.weight"] += 1
    weights["final_norm.weight"] += 1
    weights["embed.weight"] += torch.eye(WIDTH)[: FIRST + len(CHARACTERS)]
    query, key, value = weights["attention.in_proj.weight"].chunk(3)
    query[6] = polyphones @ one  # among the columns of a head the ones that turn most slowly
    key[6] = deciders @ one
    value[:3] = one[FIRST + 3 : FIRST + 6]
    weights["attention.out_proj.weight"][12:15, :3] = torch.eye(3)
    weights["output.weight"][1::2, 12:15] = 2 * torch.eye(3)
    weights["output.bias"][1::2] = -3
    return weights, CHARACTERS, dict(READINGS), dict(COUNTS), HEADS
