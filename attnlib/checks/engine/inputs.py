"""Inputs on which answers are tried: from the smallest on, the same in every run."""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from attnlib.checks.engine.texts import say

Arguments = tuple[Any, ...]

# From plain to less plain: a smaller number of larger ones would not be easier to read.
PLAIN = (0.0, 1.0, -1.0, 2.0, -2.0)


@dataclass(frozen=True)
class Candidate:
    """A function that answers are given to judge, and whether it is right.

    Attributes:
        function: The function itself, or the class: what the answer gets.
        right: Whether an answer has to say that it is right.
        called: Key of the words by which a reader is told about it.
    """

    function: Callable[..., Any]
    right: bool
    called: str

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Do what the function does."""
        return self.function(*arguments, **options)

    @property
    def label(self) -> str:
        """What a reader is told about it."""
        return say(f"{self.called}.called")


class Draw:
    """Numbers from a seed of their own: the reader's random state stays as it was."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def integers(self, *shape: int) -> Tensor:
        """Whole numbers from -2 to 2, as floats."""
        return torch.randint(-2, 3, shape, generator=self._generator).float()

    def normal(self, *shape: int) -> Tensor:
        """Numbers of mean 0 and variance 1."""
        return torch.randn(shape, generator=self._generator, dtype=torch.float32)

    def mask(self, *shape: int) -> Tensor:
        """Booleans with at least one True in each row, and one False where there is room."""
        mask = torch.rand(shape, generator=self._generator) < 0.5
        one = torch.randint(0, shape[-1], shape[:-1], generator=self._generator).unsqueeze(-1)
        mask.scatter_(-1, (one + 1) % shape[-1], False)
        return mask.scatter_(-1, one, True)


def grid(make: Callable[..., Arguments], **sizes: tuple[int, ...]) -> list[Arguments]:
    """Make arguments of all combinations of sizes, the smallest first.

    Args:
        make: Called as make(draw, **sizes) with one number for each size.
        **sizes: The numbers that each size takes.

    Returns:
        A tuple of arguments for each combination, two for the smallest.
    """
    combinations = sorted(
        itertools.product(*sizes.values()), key=lambda chosen: (math.prod(chosen), chosen)
    )
    return [
        make(Draw(2 * order + again), **dict(zip(sizes, chosen, strict=True)))
        for order, chosen in enumerate(combinations)
        # Small ones twice: what fails there is easier to read than what fails later.
        for again in range(2 if math.prod(chosen) <= 4 else 1)
    ]


def simplest(
    arguments: Arguments, fails: Callable[[Arguments], bool], *, tries: int = 400
) -> Arguments:
    """Shrink: make single entries plainer, as long as the answer still fails in the same way."""
    improved = True
    while improved:
        improved = False
        for simpler in _simpler(arguments):
            tries -= 1
            if tries < 0:
                return arguments
            if fails(simpler):
                arguments, improved = simpler, True
                break
    return arguments


def _simpler(arguments: Arguments) -> Iterator[Arguments]:
    """Yield the arguments with one entry of one tensor plainer than it is."""
    for place, tensor in enumerate(arguments):
        if not isinstance(tensor, Tensor):
            continue
        for index in itertools.product(*map(range, tensor.shape)):
            entry = tensor[index].item()
            plainer: tuple[Any, ...] = ()
            if tensor.dtype == torch.bool:
                plainer = () if entry else (True,)
            elif tensor.is_floating_point():
                plainer = PLAIN[: PLAIN.index(entry)] if entry in PLAIN else PLAIN
            for value in plainer:
                changed = tensor.clone()
                changed[index] = value
                yield (*arguments[:place], changed, *arguments[place + 1 :])
