"""What the figures of chapter 9 compute, in torch: one text read, another written.

The browser computes the same in static/translator_model.js.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from attnlib.masks import padding_mask
from attnlib.positional import RotaryPositionalEncoding, SinusoidalPositionalEncoding
from attnlib.transformer import BlockWeights, TransformerBlock
from attnlib.widgets.arguments import characters_of
from attnlib.widgets.head_switches import kept
from attnlib.widgets.weights import check_shapes, unpack

UNKNOWN, START, END, FIRST = 0, 1, 2, 3  # rows of both embeddings; from FIRST on the characters
MOST_CHARACTERS = 40  # of the text that is read
MOST_STEPS = 12  # characters that are written, the end among them
PROBES = 200  # texts on which two models are compared
OTHER = 0.05  # share of them that two models that do the same may write otherwise


class TranslatorModel(nn.Module):
    """The model: an encoder's block reads, a decoder's block writes.

    memory = norm(encoder(source[text] + sinusoids))
    scores = output(norm(decoder(target[tokens] + sinusoids, memory)))
    """

    def __init__(
        self,
        characters: int,
        symbols: int,
        width: int,
        hidden: int,
        heads: int,
        base: float,
        rotary_base: float,
    ) -> None:
        super().__init__()
        turn = RotaryPositionalEncoding(width // heads, base=rotary_base)
        self.positions = SinusoidalPositionalEncoding(width, base=base)
        self.source = nn.Embedding(FIRST + characters, width, padding_idx=UNKNOWN)
        self.encoder = TransformerBlock(width, heads, hidden, rotary=turn)
        self.encoder_norm = nn.LayerNorm(width)
        self.target = nn.Embedding(FIRST + symbols, width)
        self.decoder = TransformerBlock(width, heads, hidden, cross_attention=True, rotary=turn)
        self.decoder_norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, FIRST + symbols)

    def encode(self, source: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return what the encoder makes of texts, of shape (batch, length, width)."""
        x, _ = self.encoder(self.positions(self.source(source)), mask=mask)
        memory: Tensor = self.encoder_norm(x)
        return memory

    def forward(
        self, tokens: Tensor, memory: Tensor, *, offset: int = 0, **options: Any
    ) -> tuple[Tensor, BlockWeights]:
        """Return the scores of what follows each token, and the weights of both attentions.

        Args:
            tokens: What stands there, START in front, of shape (batch, length).
            memory: What `encode` has returned.
            offset: The position of the first token.
            options: Those of `TransformerBlock`.
        """
        x = self.positions(self.target(tokens), offset=offset)
        x, weights = self.decoder(x, memory, need_weights=True, **options)
        return self.output(self.decoder_norm(x)), weights


def check_weights(
    state_dict: Mapping[str, Tensor], characters: int, symbols: int, num_heads: int
) -> None:
    """Refuse weights that are not those of a `TranslatorModel`.

    Raises:
        ValueError: If names or shapes are others, or heads do not fit.
    """
    width, hidden = _sizes(state_dict)
    if width % (2 * num_heads):
        raise ValueError(
            f"num_heads must divide the width {width} into heads of even width, got {num_heads}"
        )
    with torch.device("meta"):
        model = TranslatorModel(characters, symbols, width, hidden, num_heads, 1.0, 1.0)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    check_shapes(state_dict, shapes, f"{characters} characters and {symbols} symbols")


def _sizes(state_dict: Mapping[str, Tensor]) -> tuple[int, int]:
    found = []
    for name in ("encoder_norm.weight", "encoder.feed_forward.linear1.bias"):
        if name not in state_dict or state_dict[name].ndim != 1:
            raise ValueError(f"state_dict must hold {name}, a vector")
        found.append(len(state_dict[name]))
    return found[0], found[1]


class Translated(NamedTuple):
    """A text that was written: the best character, and so on until END, or until there is no room.

    Args:
        fed: The tokens that were asked about, as ids.
        made: What followed each of them.
        scores: The scores of what may follow, of shape (steps, symbols).
        weights: Where each step looked, of shape (heads, steps, characters).
    """

    fed: list[int]
    made: list[int]
    scores: Tensor
    weights: Tensor


class Translation:
    """The model out of the traits of a drawing (or of its saved state).

    Args:
        state: `weights`, `characters`, `symbols`, and `limits` with `heads`, `base`, `rotary`.

    Raises:
        ValueError: If the state is damaged.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.characters, self.symbols = state["characters"], state["symbols"]
        self.ids = {each: FIRST + i for i, each in enumerate(self.characters)}
        limits, tensors = state["limits"], unpack(state["weights"])
        sizes = len(self.characters), len(self.symbols)
        self.heads = int(limits["heads"])
        check_weights(tensors, *sizes, self.heads)
        # Weights that are replaced at once: the reader's random numbers stay as they were.
        with torch.device("meta"):
            model = TranslatorModel(
                *sizes, *_sizes(tensors), self.heads, limits["base"], limits["rotary"]
            )
        model.load_state_dict(tensors, assign=True)
        self.model = model
        self.width = len(tensors["encoder_norm.weight"])

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return what the encoder makes of texts, and the mask of their padding."""
        rows = [
            [self.ids.get(each, UNKNOWN) for each in characters_of(text)[:MOST_CHARACTERS]]
            for text in texts
        ]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [UNKNOWN] * (longest - len(row)) for row in rows])
        mask = padding_mask(torch.tensor([len(row) for row in rows]), longest)
        return self.model.encode(ids, mask), mask

    @torch.no_grad()
    def decode(
        self,
        tokens: Tensor,
        memory: Tensor,
        mask: Tensor | None = None,
        on: Sequence[bool] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the scores after each token, and the weights (batch, heads, tokens, length).

        Args:
            tokens: What stands there, as ids, START in front, of shape (batch, tokens).
            memory: What `encode` has returned.
            mask: The mask of its padding.
            on: For each head of cross-attention whether it adds to the output.
        """
        name = "decoder.cross_attention.out_proj.weight"
        switches = [True] * self.heads if on is None else on
        off = {name: kept(self.model.get_parameter(name), switches)}
        options = {"is_causal": True, "memory_mask": mask}
        scores, weights = torch.func.functional_call(self.model, off, (tokens, memory), options)
        return scores, weights.cross_attention

    def translate(self, texts: Sequence[str], on: Sequence[bool] | None = None) -> list[Translated]:
        """Translate texts, all of it anew for each character."""
        memory, mask = self.encode(texts)
        tokens = torch.full((len(texts), 1), START)
        for _ in range(MOST_STEPS):
            scores, weights = self.decode(tokens, memory, mask, on)
            tokens = torch.cat([tokens, scores[:, -1:].argmax(-1)], dim=1)
        found = []
        for i, row in enumerate(tokens.tolist()):
            made = row[1 : row.index(END) + 1 if END in row else None]
            length = int(mask[i].sum())
            fed = row[: len(made)]
            looks = weights[i, :, : len(made), :length]
            found.append(Translated(fed, made, scores[i, : len(made)], looks))
        return found

    def written(self, made: Sequence[int]) -> str:
        """Return ids as the text that they are; what is no symbol is left out."""
        return "".join(self.symbols[i - FIRST] for i in made if i >= FIRST)


# --- the same model?


def probes(examples: Sequence[str]) -> list[str]:
    """Return texts on which models can be compared: the examples with other numbers."""
    rounds = range(-(-PROBES // max(1, len(examples))))
    return [re.sub(r"\d+", partial(_other, n), example) for n in rounds for example in examples]


def _other(n: int, match: re.Match[str]) -> str:
    """Return another number that a date may have in its place: a year, or a day or month."""
    digits = len(match[0])
    return str(1950 + (37 * n + 11) % 100 if digits > 2 else 1 + (5 * n + digits) % 12)


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Say what two models write otherwise; None if they do the same.

    Bits of trained weights differ from one processor to the next, and a large learning rate makes
    other weights of them, which write the same: all that the figure offers, and of about 200 other
    texts all but a few.
    """
    old, new = Translation(before), Translation(after)
    if (old.characters, old.symbols) != (new.characters, new.symbols):
        return "it knows other characters or symbols"
    offered = [before["text"], *before["examples"]]
    texts = offered + probes(offered)
    pairs = zip(texts, old.translate(texts), new.translate(texts), strict=True)
    other = [(text, was.made, now.made) for text, was, now in pairs if was.made != now.made]
    if not other or (other[0][0] not in offered and len(other) <= OTHER * len(texts)):
        return None
    text, was, now = other[0]
    return (
        f"{len(other)} of {len(texts)} texts are written otherwise: "
        f"{text} was {old.written(was)}, and is {new.written(now)}"
    )
