"""What the figure of chapter 8 computes, in torch: its model on a phrase, and the counted look-up.

The browser computes the same in static/reading_model.js.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from attnlib.multihead import MultiHeadAttention
from attnlib.positional import RotaryPositionalEncoding
from attnlib.widgets.arguments import characters_of
from attnlib.widgets.head_switches import kept
from attnlib.widgets.weights import check_shapes, unpack

UNKNOWN, BEGIN, END, FIRST = 0, 1, 2, 3  # rows of the embedding; from FIRST on one a character
BEGINS, ENDS = "^", "$"  # how the ends of a phrase are written among neighbours
PLACES = ("both", "left", "right", "alone")  # the first of them that was counted decides
PROBES = 200  # phrases on which two models are compared
MARGIN = 0.02  # by how much a probability may differ between two that are the same

Place = tuple[str, str, str, str]  # left neighbour, character, right neighbour, reading


def names_and_shapes(characters: int, readings: int, width: int) -> dict[str, tuple[int, ...]]:
    """Return the names of the weights, as in a state dict, with their shapes."""
    return {
        "embed.weight": (FIRST + characters, width),
        "norm.weight": (width,),
        "norm.bias": (width,),
        "attention.in_proj.weight": (3 * width, width),
        "attention.out_proj.weight": (width, width),
        "final_norm.weight": (width,),
        "final_norm.bias": (width,),
        "output.weight": (readings, width),
        "output.bias": (readings,),
    }


def check_weights(
    state_dict: Mapping[str, Tensor], characters: int, readings: int, num_heads: int
) -> None:
    """Refuse weights that are not those of a `PhraseModel`.

    Raises:
        ValueError: If names or shapes are others, or heads do not fit.
    """
    embed = state_dict.get("embed.weight")
    width = 0 if embed is None else embed.shape[-1]
    shapes = names_and_shapes(characters, readings, width)
    check_shapes(state_dict, shapes, f"{characters} characters and {readings} readings")
    if width % (2 * num_heads):
        raise ValueError(
            f"num_heads must divide the width {width} into heads of even width, got {num_heads}"
        )


class PhraseModel(nn.Module):
    """The model: attention over the characters of a phrase, then a row for each reading.

    x = embed(phrase), x = x + attention(norm(x)), and score[i, r] = output[r] · final_norm(x)[i]
    for the readings r of character i.
    """

    def __init__(self, characters: int, readings: int, width: int, heads: int, base: float) -> None:
        super().__init__()
        self.embed = nn.Embedding(FIRST + characters, width)
        self.norm = nn.LayerNorm(width)
        rotary = RotaryPositionalEncoding(width // heads, base=base)
        self.attention = MultiHeadAttention(width, heads, rotary=rotary)
        self.final_norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, readings)

    def forward(
        self, ids: Tensor, mask: Tensor | None, on: Sequence[bool]
    ) -> tuple[Tensor, Tensor]:
        """Return the scores of all readings, and the weights of all heads."""
        x = self.embed(ids)
        off = {"out_proj.weight": kept(self.attention.out_proj.weight, on)}
        y, weights = torch.func.functional_call(
            self.attention, off, (self.norm(x),), {"mask": mask, "need_weights": True}
        )
        return self.output(self.final_norm(x + y)), weights


class Reading:
    """The model and the look-up, out of the traits of a drawing (or of its saved state).

    Args:
        state: `weights`, `characters`, `readings`, `counts`, and `limits` with `heads` and `base`.

    Raises:
        ValueError: If the state is damaged.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.ids = {each: FIRST + i for i, each in enumerate(state["characters"])}
        lines = [line.split("\t") for line in state["readings"].split("\n")]
        self.readings = {character: names for character, *names in lines}
        self.rows = pairs(self.readings)
        self.first_row = {each: self.rows.index((each, names[0])) for each, *names in lines}
        self.counts = parse_counts(state["counts"], self.rows)
        self.look_up = LookUp(self.counts, self.readings)
        tensors = unpack(state["weights"])
        heads, base = int(state["limits"]["heads"]), float(state["limits"]["base"])
        check_weights(tensors, len(self.ids), len(self.rows), heads)
        width = len(tensors["norm.weight"])
        # Weights that are replaced at once: the reader's random numbers stay as they were.
        with torch.device("meta"):
            self.model = PhraseModel(len(self.ids), len(self.rows), width, heads, base)
        self.model.load_state_dict(tensors, assign=True)
        self.heads = heads

    @torch.no_grad()
    def scores(
        self, phrase: Sequence[str], window: int | None = None, on: Sequence[bool] | None = None
    ) -> tuple[list[dict[str, float] | None], Tensor]:
        """Score the readings of each character; the weights have the shape (heads, n + 2, n + 2).

        Args:
            phrase: Its characters.
            window: How far a position may look; all the way if left out.
            on: For each head whether it adds to the output.
        """
        ids = torch.tensor([[BEGIN, *(self.ids.get(each, UNKNOWN) for each in phrase), END]])
        at = torch.arange(ids.shape[1])
        mask = None if window is None else (at[:, None] - at).abs() <= window
        scores, weights = self.model(ids, mask, [True] * self.heads if on is None else on)
        found: list[dict[str, float] | None] = []
        for i, character in enumerate(phrase):
            names = self.readings.get(character)
            row = self.first_row[character] if names else 0
            values = scores[0, i + 1, row : row + len(names or ())].tolist()
            found.append(dict(zip(names, values, strict=True)) if names else None)
        return found, weights[0]

    def read(self, phrase: str) -> list[tuple[str, dict[str, float]]]:
        """Return the characters that have several readings, with the probability of each."""
        characters = characters_of(phrase)
        scores, _ = self.scores(characters)
        return [
            (character, dict(zip(each, softmax(list(each.values())), strict=True)))
            for character, each in zip(characters, scores, strict=True)
            if each
        ]

    def probes(self) -> list[str]:
        """Return phrases on which this model can be compared with another: of what was counted."""
        places = sorted({place[:3] for place in self.counts})
        step = max(1, len(places) // PROBES)
        return ["".join(place) for place in places[::step]]


def softmax(scores: Sequence[float]) -> list[float]:
    """Return probabilities."""
    found: list[float] = torch.tensor(scores).softmax(dim=0).tolist()
    return found


def pairs(readings: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Return each character with each of its readings, in the order of the rows of `output`."""
    return [(character, name) for character, names in readings.items() for name in names]


# --- the look-up


class LookUp:
    """Reads a character as it was read most often between its neighbours.

    If that place was never counted: after its left neighbour; else before its right one; else
    anywhere. Among equals the reading that is most frequent anywhere wins, then the first.

    Args:
        counts: How often each reading was counted between two neighbours; "" is an end.
        readings: The readings of each character that has several.
    """

    def __init__(self, counts: Mapping[Place, int], readings: Mapping[str, Sequence[str]]) -> None:
        self.readings = readings
        self._counted: dict[str, dict[tuple[str, ...], list[int]]] = {each: {} for each in PLACES}
        for (left, character, right, reading), count in counts.items():
            names = readings[character]
            for place, key in _keys(left, character, right).items():
                counted = self._counted[place].setdefault(key, [0] * len(names))
                counted[names.index(reading)] += count

    def counted(self, phrase: Sequence[str], i: int) -> dict[str, list[int]]:
        """Return how often each reading was counted: in each place, the one that decides first."""
        left, right = phrase[i - 1] if i else "", phrase[i + 1] if i + 1 < len(phrase) else ""
        none = [0] * len(self.readings[phrase[i]])
        keys = _keys(left, phrase[i], right)
        return {place: self._counted[place].get(key, none) for place, key in keys.items()}

    def read(self, phrase: Sequence[str], i: int) -> str:
        """Return the reading of character i."""
        found, names = self.counted(phrase, i), self.readings[phrase[i]]
        decides = next((each for each in found.values() if any(each)), found["alone"])
        return names[max(range(len(names)), key=lambda n: (decides[n], found["alone"][n], -n))]


def _keys(left: str, character: str, right: str) -> dict[str, tuple[str, ...]]:
    keys = ((left, character, right), (left, character), (character, right), (character,))
    return dict(zip(PLACES, keys, strict=True))


def write_counts(counts: Mapping[Place, int], rows: Sequence[tuple[str, str]]) -> str:
    """Return a line for each character and reading: neighbours, and how often if not once."""
    lines: dict[tuple[str, str], list[str]] = {row: [] for row in rows}
    for (left, character, right, reading), count in sorted(counts.items()):
        times = str(count) if count > 1 else ""
        lines[character, reading].append(f"{left or BEGINS}{right or ENDS}{times}")
    return "\n".join("".join(line) for line in lines.values())


def parse_counts(text: str, rows: Sequence[tuple[str, str]]) -> dict[Place, int]:
    """Return the counts that were written.

    Raises:
        ValueError: If there are not as many lines as rows.
    """
    counts = {}
    for line, (character, reading) in zip(text.split("\n"), rows, strict=True):
        for left, right, times in re.findall(r"(\D)(\D)(\d*)", line):
            place = ("" if left == BEGINS else left, character, "" if right == ENDS else right)
            counts[(*place, reading)] = int(times or 1)
    return counts


# --- the same model?


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Say what two models read otherwise; None if they do the same.

    Bits of trained weights differ from one processor to the next, what a model reads does not: on
    each of about 200 phrases every probability is the same within `MARGIN`, and so is the reading,
    unless it was undecided by less than that.
    """
    old, new = Reading(before), Reading(after)
    if (old.ids, old.readings, old.counts) != (new.ids, new.readings, new.counts):
        return "it knows other characters, readings or counts"
    for phrase in [*old.probes(), *before["examples"]]:
        for (character, was), (_, now) in zip(old.read(phrase), new.read(phrase), strict=True):
            off = max(abs(was[name] - now[name]) for name in was)
            if off > MARGIN:
                return f"{character} in {phrase} was {_told(was)}, and is {_told(now)}"
    return None


def _told(readings: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.3f}" for name, share in readings.items())
