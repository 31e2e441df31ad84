"""What the figures of chapter 9 compute, in torch: one text read, another written.

The browser computes the same in static/translator_model.js.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from attnlib.positional import RotaryPositionalEncoding, SinusoidalPositionalEncoding
from attnlib.transformer import BlockWeights, TransformerBlock
from attnlib.widgets.arguments import characters_of
from attnlib.widgets.weights import check_shapes, unpack

UNKNOWN, START, END, FIRST = 0, 1, 2, 3  # rows of both embeddings; from FIRST on the characters
MOST_CHARACTERS = 40  # of the text that is read
MOST_STEPS = 12  # characters that are written, the end among them
PROBES = 200  # texts on which two models are compared
MARGIN = 0.1  # by how much a probability may differ between two that are the same


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

    def encode(self, source: Tensor) -> Tensor:
        """Return what the encoder makes of a text, of shape (1, length, width)."""
        x, _ = self.encoder(self.positions(self.source(source)))
        memory: Tensor = self.encoder_norm(x)
        return memory

    def forward(
        self, tokens: Tensor, memory: Tensor, *, offset: int = 0, **options: Any
    ) -> tuple[Tensor, BlockWeights]:
        """Return the scores of what follows each token, and the weights of both attentions.

        Args:
            tokens: What stands there, START in front, of shape (1, length).
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
    def encode(self, text: str) -> Tensor:
        """Return what the encoder makes of a text."""
        ids = [self.ids.get(each, UNKNOWN) for each in characters_of(text)[:MOST_CHARACTERS]]
        return self.model.encode(torch.tensor([ids]))

    @torch.no_grad()
    def decode(
        self, tokens: Sequence[int], memory: Tensor, on: Sequence[bool] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the scores after each token, and the weights (heads, tokens, length) across.

        Args:
            tokens: What stands there, as ids, START in front.
            memory: What `encode` has returned.
            on: For each head of cross-attention whether it adds to the output.
        """
        # A head that is off adds nothing: its columns of the output projection are zero.
        projection = self.model.decoder.cross_attention.out_proj.weight
        switches = torch.tensor([True] * self.heads if on is None else list(on))
        kept = switches.repeat_interleave(self.width // self.heads).to(projection.dtype)
        off = {"decoder.cross_attention.out_proj.weight": projection * kept}
        scores, weights = torch.func.functional_call(
            self.model, off, (torch.tensor([list(tokens)]), memory), {"is_causal": True}
        )
        return scores[0], weights.cross_attention[0]

    def translate(
        self, text: str, on: Sequence[bool] | None = None
    ) -> tuple[list[int], list[int], Tensor, Tensor]:
        """Translate a text, all of it anew for each character.

        Returns:
            The tokens that were fed, what followed each of them, and what `decode` says to all.
        """
        memory = self.encode(text)
        fed, made = greedy(lambda tokens: self.decode(tokens, memory, on)[0][-1])
        return fed, made, *self.decode(fed, memory, on)

    def written(self, made: Sequence[int]) -> str:
        """Return ids as the text that they are; what is no symbol is left out."""
        return "".join(self.symbols[i - FIRST] for i in made if i >= FIRST)


def greedy(following: Callable[[list[int]], Tensor]) -> tuple[list[int], list[int]]:
    """Write the best character, and so on until END, or until there is no room.

    Args:
        following: Scores what follows the tokens that it is given.

    Returns:
        The tokens that were asked about, and what followed each of them.
    """
    fed, made = [START], []
    while True:
        made.append(int(following(fed).argmax()))
        if made[-1] == END or len(made) == MOST_STEPS:
            return fed, made
        fed.append(made[-1])


# --- the same model?


def probes(examples: Sequence[str]) -> list[str]:
    """Return texts on which models can be compared: the examples with other numbers."""
    rounds = -(-PROBES // max(1, len(examples)))
    return [
        re.sub(r"\d+", lambda match: _other(match[0], n), example)
        for n in range(rounds)
        for example in examples
    ]


def _other(number: str, n: int) -> str:
    """Return another number that a date may have in its place: a year, or a day or month."""
    return str(1950 + (37 * n + 11) % 100 if len(number) > 2 else 1 + (5 * n + len(number)) % 12)


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Say what two models write otherwise; None if they do the same.

    Bits of trained weights differ from one processor to the next, what a model writes does not: on
    each of about 200 texts all characters are the same, and each has the same probability within
    `MARGIN`.
    """
    old, new = Translation(before), Translation(after)
    if (old.characters, old.symbols) != (new.characters, new.symbols):
        return "it knows other characters or symbols"
    for text in [*probes(before["examples"]), *before["examples"]]:
        _, was, old_scores, _ = old.translate(text)
        _, now, new_scores, _ = new.translate(text)
        if was != now:
            return f"{text} was {old.written(was)}, and is {new.written(now)}"
        off = (old_scores.softmax(-1) - new_scores.softmax(-1)).abs().max().item()
        if off > MARGIN:
            return f"a probability in the translation of {text} is {off:.3f} away from what it was"
    return None
