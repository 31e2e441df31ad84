"""The page of names, cell by cell, and what the checks of its rows share."""

import re

import torch
from torch import nn

import attnlib
from tests.pages import restated
from tools.editions import editions

EDITIONS = editions()
PAGE = EDITIONS[0].pages_folder / "names.md"
COLUMNS = ["this book", "the paper", "PyTorch", "d2l", "Hugging Face"]
MAY, MUST_NOT = "True = may attend", "True = must not attend"
BATCH, LENGTH, HEADS, WIDTH = 2, 7, 3, 5
EMBED = HEADS * WIDTH
CHECKS = {}


class Cell(str):
    """What stands in a cell."""

    def names(self):
        """Return the names in its code: `query, key` -> ["query", "key"]."""
        return [
            name.split("=")[0]
            for code in re.findall("`([^`]+)`", self)
            for name in code.split(", ")
        ]

    def one(self):
        return self.names()[0]

    def says(self, words):
        """Hold the words of the cell, without its code, against what was measured."""
        plain = re.sub(r"`[^`]+`[:,]? ?|\*\*", "", self).strip()
        assert plain == words, f"the page says {plain!r}, measured: {words!r}"


def rows(page):
    """Return row name -> column name -> cell."""
    found = {}
    for line in page.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in re.findall(r"\|((?:`[^`]*`|[^|])*)(?=\|)", line)]
        if len(cells) == 6 and cells[0] and not cells[0].startswith("---"):
            assert cells[0] not in found
            found[cells[0]] = dict(zip(COLUMNS, map(Cell, cells[1:]), strict=True))
    return found


ROWS = rows(PAGE)


def row(name):
    """Register a check for the row of this name."""
    return lambda check: CHECKS.setdefault(name, check)


def heads(*lengths):
    return [torch.randn(BATCH, HEADS, length, WIDTH) for length in lengths or (LENGTH,) * 3]


def layers(**options):
    """Return the layers of attnlib, PyTorch and d2l with the same parameters."""
    ours = attnlib.MultiHeadAttention(EMBED, HEADS, **options)
    theirs = nn.MultiheadAttention(EMBED, HEADS, bias=False, batch_first=True, **options)
    d2l = restated.D2lMultiHeadAttention(EMBED, HEADS, options.get("dropout", 0.0))
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.in_proj.weight)
        theirs.out_proj.weight.copy_(ours.out_proj.weight)
        for linear, part in zip(
            (d2l.W_q, d2l.W_k, d2l.W_v), ours.in_proj.weight.chunk(3), strict=True
        ):
            linear.weight.copy_(part)
        d2l.W_o.weight.copy_(ours.out_proj.weight)
    return ours.eval(), theirs.eval(), d2l.eval()


def polarity(call):
    """Say what True means, by forbidding, or allowing, one key of two."""
    query, key = torch.ones(1, 1, 1, 1), torch.ones(1, 1, 2, 1)
    value = torch.tensor([[[[1.0], [2.0]]]])
    return {1.0: MAY, 2.0: MUST_NOT}[call(query, key, value, torch.tensor([[True, False]])).item()]


def one_head(layer):
    """Return the layer of one head that changes nothing."""
    with torch.no_grad():
        for weight in layer.parameters():
            weight.copy_(torch.eye(1).repeat(weight.shape[0], 1))
    return layer.eval()


def same(first, *others):
    for other in others:
        torch.testing.assert_close(other, first)
