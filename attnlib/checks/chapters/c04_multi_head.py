"""Checks of chapter 4: several heads."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from attnlib.checks.catching import catching
from attnlib.checks.check import Check
from attnlib.checks.inputs import Arguments, Draw, grid
from attnlib.checks.mistakes.multi_head import (
    WRONG_MERGES,
    WRONG_SPLITS,
    multi_head,
    wrong_multi_head,
)
from attnlib.checks.prediction import prediction
from attnlib.checks.result import Result
from attnlib.multihead import merge_heads, split_heads


def check_number_of_weights(answer: Any) -> Result:
    """Check exercise 4.1: how many numbers are in the weights of 1, 3 and 12 heads.

    Args:
        answer: Three whole numbers.

    Returns:
        A result that shows itself; `passed` is None as long as a number is `...`.

    >>> check_number_of_weights([49, 49, 49]).misconception
    'heads_share_weights'
    """
    return NUMBER_OF_WEIGHTS(answer)


def check_split_heads(answer: Any) -> Result:
    """Check exercise 4.2: features are split among the heads.

    Args:
        answer: Called as answer(x, num_heads), with a tensor of shape (batch, length, embed_dim)
            and a number that divides embed_dim; returns a tensor of shape (batch, num_heads,
            length, head_dim).

    Returns:
        A result that shows itself.

    >>> check_split_heads(lambda x, num_heads: x.view(len(x), num_heads, x.shape[1], -1))
    ✗ Exercise 4.2: not yet
    `view` straight to the wanted shape cuts the numbers in the order in which they lie in memory, \
so that a head gets whole tokens instead of a slice of every token. Regroup the features first, \
then swap two axes.
      called with  x = [[[0, 1],
                         [2, 3]]]
                   num_heads = 2
      came out     ...
      see          chapter 4, “Splitting without mixing up”
    """
    return SPLIT_HEADS(answer)


def check_merge_heads(answer: Any) -> Result:
    """Check exercise 4.2: the heads' features are put side by side again.

    Args:
        answer: Called as answer(heads), with a tensor of shape (batch, num_heads, length,
            head_dim); returns a tensor of shape (batch, length, num_heads · head_dim).

    Returns:
        A result that shows itself.

    >>> check_merge_heads(lambda x: x.flatten(1).view(len(x), x.shape[2], -1)).misconception
    'merge_without_transpose'
    """
    return MERGE_HEADS(answer)


def check_multi_head(answer: Any) -> Result:
    """Check exercise 4.3: multi-head attention without a mask.

    Args:
        answer: Called as answer(x, w_q, w_k, w_v, w_o, num_heads), with a tensor of shape (batch,
            length, embed_dim), four matrices of shape (embed_dim, embed_dim) by which rows are
            multiplied from the right, and a number; returns the output, in the shape of x.

    Returns:
        A result that shows itself.

    >>> check_multi_head(lambda x, w_q, w_k, w_v, w_o, num_heads: x).passed
    False
    """
    return MULTI_HEAD(answer)


def check_catches_embed_dim_scale(answer: Any) -> Result:
    """Check exercise 4.4: a test that finds a scale by the wrong width.

    Args:
        answer: Called as answer(layer_class). A layer_class(embed_dim, num_heads) has the
            projections w_q, w_k, w_v and w_o; layer(x, mask) returns the output and the weights,
            (batch, num_heads, length, length). Raises AssertionError, or returns False, if heads
            notice how many others there are.

    Returns:
        A result that shows itself.

    >>> check_catches_embed_dim_scale(lambda layer_class: True).misconception
    'test_misses_bug'
    """
    return CATCHES_EMBED_DIM_SCALE(answer)


NUMBER_OF_WEIGHTS = prediction(
    "number_of_weights",
    "4.1",
    right=[49, 147, 588],
    wrong={
        "heads_share_weights": [49, 49, 49],
        "heads_split_weights": [49, 49 / 3, 49 / 12],
        "weights_grow_with_width": [12 * 49, 12 * 49, 12 * 49],
        "weights_per_token": [7, 21, 84],
        "parameters_counted": [576, 576, 576],
    },
    tolerance=1e-3,
)


def _labelled(draw: Draw, batch: int, length: int, num_heads: int, head_dim: int) -> Arguments:
    shape = (batch, length, num_heads * head_dim)
    return torch.arange(math.prod(shape), dtype=torch.float32).view(shape), num_heads


SPLIT_HEADS = Check(
    name="split_heads",
    exercise="4.2",
    names=("x", "num_heads"),
    reference=split_heads,
    wrong=WRONG_SPLITS,
    stages=(
        lambda: grid(
            _labelled, batch=(1, 2), length=(1, 2, 3), num_heads=(1, 2, 3), head_dim=(1, 2, 4)
        ),
    ),
    shrinks=False,
)


def _labelled_heads(draw: Draw, **sizes: int) -> Arguments:
    # Contiguous, as `weights @ value` is: `view` after a transpose must not work by accident.
    return (split_heads(*_labelled(draw, **sizes)).contiguous(),)


MERGE_HEADS = Check(
    name="merge_heads",
    exercise="4.2",
    names=("heads",),
    reference=merge_heads,
    wrong=WRONG_MERGES,
    stages=(
        lambda: grid(
            _labelled_heads, batch=(1, 2), length=(1, 2, 3), num_heads=(1, 2, 3), head_dim=(1, 2, 4)
        ),
    ),
    shrinks=False,
)


def _layer_inputs(draw: Draw, batch: int, length: int, num_heads: int, head_dim: int) -> Arguments:
    width = num_heads * head_dim
    matrices = (draw.integers(width, width) for _ in range(4))
    return draw.integers(batch, length, width), *matrices, num_heads


def _larger_layers() -> list[Arguments]:
    draw, cases = Draw(0), []
    for batch, length, num_heads, head_dim in ((2, 7, 3, 5), (3, 5, 2, 4)):
        width = num_heads * head_dim
        x, *matrices = (draw.normal(*s) for s in ((batch, length, width), *[(width, width)] * 4))
        cases.append((x, *(matrix / math.sqrt(width) for matrix in matrices), num_heads))
    return cases


MULTI_HEAD = Check(
    name="multi_head",
    exercise="4.3",
    names=("x", "w_q", "w_k", "w_v", "w_o", "num_heads"),
    reference=lambda *layer: multi_head(*layer, split=split_heads, merge=merge_heads),
    wrong=wrong_multi_head(),
    stages=(
        lambda: [
            *grid(_layer_inputs, batch=(1, 2), length=(1, 3), num_heads=(1, 2), head_dim=(1, 2)),
            *_larger_layers(),
        ],
    ),
)


class _Layer(nn.Module):
    """The class that chapter 4 builds."""

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.w_q, self.w_k, self.w_v, self.w_o = (
            nn.Linear(embed_dim, embed_dim, bias=False) for _ in range(4)
        )

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        return query @ key.mT / math.sqrt(query.shape[-1])

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        query, key, value = (
            split_heads(w(x), self.num_heads) for w in (self.w_q, self.w_k, self.w_v)
        )
        scores = self.scores(query, key).masked_fill(~mask[:, None], -math.inf)
        weights = scores.softmax(dim=-1)
        return self.w_o(merge_heads(weights @ value)), weights


class _ScalesQueries(_Layer):
    """Right as well: the scale sits in another place."""

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        return (query / math.sqrt(query.shape[-1])) @ key.mT


class _ScalesByEmbedDim(_Layer):
    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        return query @ key.mT / math.sqrt(query.shape[-1] * self.num_heads)


CATCHES_EMBED_DIM_SCALE = catching(
    "catches_embed_dim_scale",
    "4.4",
    ("layer_class",),
    right=(_Layer, _ScalesQueries),
    bugs=(_ScalesByEmbedDim,),
)

CHECKS = (
    NUMBER_OF_WEIGHTS,
    SPLIT_HEADS,
    MERGE_HEADS,
    MULTI_HEAD,
    CATCHES_EMBED_DIM_SCALE,
)
