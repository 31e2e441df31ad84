"""What the figure of chapter 11 computes, in torch: attention alone, in layers, on a text of signs.

The browser computes the same in static/induction_model.js.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from attnlib.multihead import MultiHeadAttention
from attnlib.positional import RotaryPositionalEncoding
from attnlib.widgets.arguments import characters_of
from attnlib.widgets.head_switches import kept
from attnlib.widgets.weights import check_shapes, unpack

MOST_SIGNS = 48  # of a text
MOST_LAYERS = 4
PROBES = 200  # texts on which two models are compared
OTHER = 0.05  # share of them that two models that do the same may continue otherwise
MOSTLY = 0.6  # a weight above says where a head looks


class InductionModel(nn.Module):
    """The model: attention adds to a stream, layer by layer; nothing else does.

    x = tokens(text), x = x + layer(x) for each layer, scores = answer(x).
    """

    def __init__(self, signs: int, width: int, layers: int, heads: int, base: float) -> None:
        super().__init__()
        turn = RotaryPositionalEncoding(width // heads, base=base)
        self.tokens = nn.Embedding(signs, width)
        self.layers = nn.ModuleList(
            MultiHeadAttention(width, heads, rotary=turn) for _ in range(layers)
        )
        self.answer = nn.Linear(width, signs, bias=False)

    def forward(self, ids: Tensor, on: Sequence[bool]) -> tuple[Tensor, Tensor]:
        """Return the scores of what follows each sign, and the weights (batch, layers, heads, …).

        Args:
            ids: Signs, of shape (batch, length).
            on: For each head, layer by layer, whether it adds to the stream.
        """
        x, weights = self.tokens(ids), []
        heads = len(on) // len(self.layers)
        for i, layer in enumerate(self.layers):
            switches = on[i * heads : (i + 1) * heads]
            off = {"out_proj.weight": kept(layer.get_parameter("out_proj.weight"), switches)}
            options = {"is_causal": True, "need_weights": True}
            found, looks = torch.func.functional_call(layer, off, (x,), options)
            x = x + found
            weights.append(looks)
        return self.answer(x), torch.stack(weights, dim=1)


def layers_of(weights: Mapping[str, Any]) -> int:
    """Return how many layers there are weights of."""
    return sum(name.endswith(".in_proj.weight") for name in weights)


def check_weights(state_dict: Mapping[str, Tensor], signs: int, num_heads: int) -> None:
    """Refuse weights that are not those of an `InductionModel`.

    Raises:
        ValueError: If names or shapes are others, or heads do not fit.
    """
    tokens = state_dict.get("tokens.weight")
    if tokens is None or tokens.ndim != 2:
        raise ValueError("state_dict must hold tokens.weight, a matrix")
    width, layers = tokens.shape[1], layers_of(state_dict)
    if not 1 <= layers <= MOST_LAYERS:
        raise ValueError(f"state_dict must hold 1 to {MOST_LAYERS} layers, got {layers}")
    if width % (2 * num_heads):
        raise ValueError(
            f"num_heads must divide the width {width} into heads of even width, got {num_heads}"
        )
    with torch.device("meta"):
        model = InductionModel(signs, width, layers, num_heads, 1.0)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    check_shapes(state_dict, shapes, f"{signs} signs")


class Induction:
    """The model out of the traits of a drawing (or of its saved state).

    Args:
        state: `weights`, `signs`, and `limits` with `heads` and `base`.

    Raises:
        ValueError: If the state is damaged.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.signs = state["signs"]
        self.ids = {sign: i for i, sign in enumerate(self.signs)}
        tensors, heads = unpack(state["weights"]), int(state["limits"]["heads"])
        check_weights(tensors, len(self.signs), heads)
        layers, width = layers_of(tensors), tensors["tokens.weight"].shape[1]
        # Weights that are replaced at once: the reader's random numbers stay as they were.
        with torch.device("meta"):
            self.model = InductionModel(
                len(self.signs), width, layers, heads, float(state["limits"]["base"])
            )
        self.model.load_state_dict(tensors, assign=True)
        self.heads = layers * heads

    def known(self, text: str) -> str:
        """Return what of a text the model knows, as far as there is room."""
        return "".join(each for each in characters_of(text) if each in self.ids)[:MOST_SIGNS]

    def scores(self, text: str, on: Sequence[bool] | None = None) -> tuple[Tensor, Tensor]:
        """Return the scores of what follows each sign, and the weights (layers, heads, n, n).

        Args:
            text: Signs that the model knows.
            on: For each head, layer by layer, whether it adds to the stream.
        """
        scores, weights = self._run([text], on)
        return scores[0], weights[0]

    def last(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return what the last sign of each text says: scores, and weights (texts, heads, n)."""
        scores, weights = self._run(texts)
        rows, ends = torch.arange(len(texts)), torch.tensor([len(text) - 1 for text in texts])
        return scores[rows, ends], weights.flatten(1, 2)[rows, :, ends]

    @torch.no_grad()
    def _run(self, texts: Sequence[str], on: Sequence[bool] | None = None) -> tuple[Tensor, Tensor]:
        longest = max(map(len, texts))
        rows = [[self.ids[sign] for sign in text] for text in texts]
        # What stands behind the end of a text is seen by nothing in it.
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        scores, weights = self.model(ids, [True] * self.heads if on is None else on)
        return scores, weights


# --- the same model?


def probes(signs: str) -> list[str]:
    """Return texts on which models can be compared: blocks of signs, repeated."""
    found = []
    for n in range(PROBES):
        period = min(3 + n % 20, len(signs))
        step = next(k for k in itertools.count(5 + n) if math.gcd(k, len(signs)) == 1)
        block = "".join(signs[(n + step * i) % len(signs)] for i in range(period))
        found.append((block * 3)[: period + 2 + n % period])
    return found


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Say what two models do otherwise; None if they do the same.

    Bits of trained weights differ from one processor to the next, and what grows from them has
    other weights, and does the same: after the texts that are offered the same sign follows, and
    heads that look mostly at one sign look at the same one; and of 200 other texts all but a few
    go on alike.
    """
    old, new = Induction(before), Induction(after)
    if old.signs != new.signs or old.heads != new.heads:
        return "it knows other signs, or has other heads"
    offered = [old.known(text) for text in (before["text"], *before["examples"])]
    texts = [*offered, *probes(old.signs)]
    (was, looked), (now, looks) = old.last(texts), new.last(texts)
    most, key = looked.max(dim=-1)
    elsewhere = ((key != looks.argmax(dim=-1)) & (most > MOSTLY)).any(dim=-1)[: len(offered)]
    if elsewhere.any():
        return f"after {offered[int(elsewhere.int().argmax())]} a head looks elsewhere"
    pairs = zip(texts, was.argmax(dim=-1).tolist(), now.argmax(dim=-1).tolist(), strict=True)
    unlike = [(text, old.signs[a], old.signs[b]) for text, a, b in pairs if a != b]
    if not unlike or (unlike[0][0] not in offered and len(unlike) <= OTHER * len(texts)):
        return None
    text, before_it, after_it = unlike[0]
    return (
        f"{len(unlike)} of {len(texts)} texts go on otherwise: "
        f"{text} with {before_it}, now with {after_it}"
    )
