"""Checks of chapter 4: several heads."""

import math
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from attnlib import multihead
from attnlib.checks.chapters.c02_scaled_dot_product import (
    CAUSALLY,
    FAR_SCORES,
    OTHER_NORMALISERS,
    WITHOUT_SELF,
    attend,
    far_tensors,
)
from attnlib.checks.engine.check import check
from attnlib.checks.engine.inputs import Arguments, Draw, grid
from attnlib.checks.engine.mistakes import Ids, WrongAnswers
from attnlib.checks.engine.predictions import Numbers, prediction
from attnlib.checks.engine.reader_tests import Calls, reader_test


@prediction(
    "4.1",
    wrong={
        "heads_share_weights": [49, 49, 49],
        "heads_split_weights": [49, 49 / 3, 49 / 12],
        "weights_grow_with_width": [12 * 49, 12 * 49, 12 * 49],
        "weights_times_head_width": [12 * 49, 4 * 49, 49],
        "weights_per_token": [7, 21, 84],
        "parameters_counted": (
            [576, 576, 576],
            [144, 144, 144],
            [432, 432, 432],
            [576, 3 * 576, 12 * 576],  # as if each head had whole matrices
            [432, 3 * 432, 12 * 432],
        ),
        "features_paired": ([144, 3 * 144, 12 * 144], [144, 144 / 3, 144 / 12], [144, 16, 1]),
        "widths_given": [12, 4, 1],
        "half_counted": [28, 84, 336],
        "self_not_counted": [42, 126, 504],
        "order_reversed": [588, 147, 49],
        "outputs_counted": [84, 84, 84],
    },
    tolerance=1e-3,
)
def number_of_weights() -> Numbers:
    """Check exercise 4.1: how many numbers are in the weights of 1, 3 and 12 heads.

    Args:
        answer: Three whole numbers.

    Returns:
        A result that shows itself; `passed` is None as long as a number is `...`.

    >>> check_number_of_weights([49, 49, 49]).misconception
    'heads_share_weights'
    """
    return [49, 147, 588]


# --- 4.2 and 4.3: splitting, merging, all of it -----------------------------------------------

Split = Callable[[Tensor, int], Tensor]
Merge = Callable[[Tensor], Tensor]


def _split(x: Tensor, num_heads: int) -> Tensor:
    """Regroup, then swap."""
    return x.reshape(*x.shape[:-1], num_heads, -1).transpose(1, 2)


def _merge(heads: Tensor) -> Tensor:
    """Swap, then regroup."""
    return heads.transpose(1, 2).flatten(2)


SPLITS: dict[Ids, Split] = {
    "view_without_transpose": lambda x, h: x.reshape(len(x), h, x.shape[1], -1),
    "features_dealt_out": lambda x, h: x.reshape(*x.shape[:2], -1, h).permute(0, 3, 1, 2),
    "transposed_too_early": lambda x, h: x.mT.reshape(len(x), h, x.shape[1], -1),
}
MERGES: dict[Ids, Merge] = {
    "merge_without_transpose": lambda x: x.reshape(len(x), x.shape[2], -1),
    "merge_dealt_out": lambda x: x.permute(0, 2, 3, 1).flatten(2),
    "merged_before_swap": lambda x: x.reshape(len(x), -1, x.shape[2]).mT,
    "other_axes_swapped": lambda x: x.mT.reshape(len(x), x.shape[2], -1),
    "heads_reversed": lambda x: _merge(x.flip(1)),
}


WRONG_SPLITS: WrongAnswers = {
    **SPLITS,
    "transpose_missing": lambda x, h: x.reshape(*x.shape[:2], h, -1),
    "features_before_tokens": lambda x, h: _split(x, h).mT,
    "heads_in_batch": (
        lambda x, h: _split(x, h).flatten(0, 1),
        lambda x, h: _split(x, h).transpose(0, 1).flatten(0, 1),
    ),
    "heads_before_batch": lambda x, h: _split(x, h).transpose(0, 1),
    "num_heads_as_head_dim": lambda x, h: _split(x, x.shape[-1] // h),
    "heads_copied": lambda x, h: x[:, None].expand(-1, h, -1, -1),
}
WRONG_MERGES: WrongAnswers = {
    **MERGES,
    "other_axes_swapped": (
        MERGES["other_axes_swapped"],
        lambda x: x.transpose(1, 3).reshape(len(x), x.shape[2], -1),
    ),
    "heads_averaged": lambda x: x.mean(dim=1),
    "heads_added": lambda x: x.sum(dim=1),
    "transpose_without_regrouping": lambda x: x.transpose(1, 2),
    "tokens_joined": lambda x: x.flatten(2),
    "heads_as_tokens": (
        lambda x: x.flatten(1, 2),
        lambda x: x.transpose(1, 2).flatten(1, 2),
    ),
    "joined_too_far": (lambda x: x.transpose(1, 2).flatten(1), lambda x: x.flatten(1)),
}

HEAD_DIVISORS: dict[str, Callable[[Tensor, int], float]] = {
    "scale_missing": lambda query, h: 1.0,
    "scale_by_width": lambda query, h: query.shape[-1],
    "scale_by_embed_dim": lambda query, h: math.sqrt(query.shape[-1] * h),
    "scale_by_whole_embed_dim": lambda query, h: query.shape[-1] * h,
    "scale_multiplied": lambda query, h: query.shape[-1] ** -0.5,
    "scale_by_heads": lambda query, h: math.sqrt(h),
    "scale_by_length": lambda query, h: math.sqrt(query.shape[-2]),
}
HEAD_NORMALISERS: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax_over_queries": lambda scores: scores.softmax(dim=-2),
    "softmax_over_heads": lambda scores: scores.softmax(dim=1),
    "softmax_over_batch": lambda scores: scores.softmax(dim=0),
    "softmax_missing": lambda scores: scores,
    "self_excluded": WITHOUT_SELF[0],
    "mask_not_asked": CAUSALLY[0],
    **{
        id_: OTHER_NORMALISERS[id_][0]
        for id_ in ("exponential_overflows", "division_missing", "scores_negated", "softmax_twice")
    },
}


Matrices = tuple[Tensor, Tensor, Tensor, Tensor]  # in the places of w_q, w_k, w_v and w_o
# Called as choice(w_q, w_k, w_v, w_o, identity).
WRONG_MATRICES: dict[str, tuple[Callable[..., Matrices], ...]] = {
    "output_projection_missing": (lambda q, k, v, o, eye: (q, k, v, eye),),
    "matrices_transposed": (
        lambda q, k, v, o, eye: (q.T, k.T, v.T, o.T),
        lambda q, k, v, o, eye: (q.T, k.T, v.T, o),
    ),
    "output_matrix_transposed": (lambda q, k, v, o, eye: (q, k, v, o.T),),
    "input_not_projected": (
        lambda q, k, v, o, eye: (eye, eye, eye, o),
        lambda q, k, v, o, eye: (eye, eye, eye, eye),
    ),
    "values_not_projected": (lambda q, k, v, o, eye: (q, k, eye, o),),
    "query_key_swapped": (lambda q, k, v, o, eye: (k, q, v, o),),
    "matrix_used_twice": (
        lambda q, k, v, o, eye: (q, q, v, o),
        lambda q, k, v, o, eye: (k, k, v, o),
        lambda q, k, v, o, eye: (q, k, k, o),
        lambda q, k, v, o, eye: (q, k, q, o),
        lambda q, k, v, o, eye: (q, v, v, o),
        lambda q, k, v, o, eye: (q, q, q, o),
    ),
}

# Not looked for beside a second mistake.
SELDOM = {
    "scale_multiplied",
    "scale_by_whole_embed_dim",
    "scale_by_heads",
    "scale_by_length",
    "softmax_over_batch",
    "mask_not_asked",
    "exponential_overflows",
    "division_missing",
    "scores_negated",
    "softmax_twice",
    "transposed_too_early",
    "merged_before_swap",
    "other_axes_swapped",
    "heads_reversed",
}

# All heads take the same weights: made of the sum of their scores, of the mean, or of one head's.
ONE_TABLE: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda scores: scores.sum(dim=1, keepdim=True).softmax(dim=-1),
    lambda scores: scores.mean(dim=1, keepdim=True).softmax(dim=-1),
    lambda scores: scores.softmax(dim=-1).mean(dim=1, keepdim=True),
    lambda scores: scores[:, :1].softmax(dim=-1),
)


def _own_features(w: Tensor, num_heads: int) -> Tensor:
    """Keep of a matrix what leads from a head's slice of the input to the same head's output."""
    head = torch.arange(len(w)) * num_heads // len(w)
    return w * (head[:, None] == head)


def _first_block(w: Tensor, num_heads: int) -> Tensor:
    """Give each head the matrix of the first one, from its slice to its output."""
    head_dim = len(w) // num_heads
    block = w[:head_dim, :head_dim]
    blocks: Tensor = torch.block_diag(*[block] * num_heads)  # type: ignore[no-untyped-call]
    return blocks


def _multi_head(
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    w_o: Tensor,
    num_heads: int,
    *,
    split: Split = _split,
    divisor: Callable[[Tensor, int], float] = lambda query, h: math.sqrt(query.shape[-1]),
    normalise: Callable[[Tensor], Tensor] = lambda scores: scores.softmax(dim=-1),
    merge: Merge = _merge,
) -> Tensor:
    """Multi-head attention, with another step in the place of a right one."""
    query, key, value = (split(x @ w, num_heads) for w in (w_q, w_k, w_v))
    heads = attend(
        query, key, value, divisor=lambda q, _: divisor(q, num_heads), normalise=normalise
    )
    return merge(heads) @ w_o


def wrong_multi_head() -> WrongAnswers:
    """One wrong step, or two in different steps."""
    steps: list[tuple[str, Mapping[Any, Any]]] = [
        ("split", SPLITS),
        ("divisor", HEAD_DIVISORS),
        ("normalise", HEAD_NORMALISERS),
        ("merge", MERGES),
    ]
    mistakes = [
        (order, id_, {step: function})
        for order, (step, wrong) in enumerate(steps)
        for id_, function in wrong.items()
    ]

    def answer(change: dict[str, Any]) -> Callable[..., Tensor]:
        return lambda *arguments: _multi_head(*arguments, **change)

    wrong: WrongAnswers = {id_: answer(change) for _, id_, change in mistakes}
    wrong["self_excluded"] = tuple(answer({"normalise": weights}) for weights in WITHOUT_SELF)
    wrong["transpose_missing"] = answer(
        {"split": WRONG_SPLITS["transpose_missing"], "merge": lambda heads: heads.flatten(2)}
    )
    wrong |= {
        id_: tuple(
            lambda x, q, k, v, o, h, chosen=chosen: _multi_head(
                x, *chosen(q, k, v, o, torch.eye(x.shape[-1])), h
            )
            for chosen in choices
        )
        for id_, choices in WRONG_MATRICES.items()
    }
    wrong["single_head"] = lambda x, q, k, v, o, h: _multi_head(x, q, k, v, o, 1)
    wrong["one_table_for_all"] = tuple(answer({"normalise": weights}) for weights in ONE_TABLE)
    wrong["input_split_first"] = tuple(
        lambda x, q, k, v, o, h, keep=keep: _multi_head(x, *(keep(w, h) for w in (q, k, v)), o, h)
        for keep in (_own_features, _first_block)
    )
    wrong["input_added"] = lambda x, *others: x + _multi_head(x, *others)
    often = [each for each in mistakes if each[1] not in SELDOM]
    wrong |= {  # two mistakes in different steps
        (one, other): answer(change | change_too)
        for (order, one, change), (order_too, other, change_too) in product(often, repeat=2)
        if order < order_too
    }
    wrong["transposed_too_early", "merged_before_swap"] = answer(  # each the inverse of the other
        {"split": SPLITS["transposed_too_early"], "merge": MERGES["merged_before_swap"]}
    )
    return wrong


def _labelled(draw: Draw, batch: int, length: int, num_heads: int, head_dim: int) -> Arguments:
    shape = (batch, length, num_heads * head_dim)
    return torch.arange(math.prod(shape), dtype=torch.float32).view(shape), num_heads


@check(
    "4.2",
    wrong=WRONG_SPLITS,
    inputs=[
        lambda: grid(
            _labelled, batch=(1, 2), length=(1, 2, 3), num_heads=(1, 2, 3), head_dim=(1, 2, 4)
        )
    ],
    shrinks=False,
)
def split_heads(x: Tensor, num_heads: int) -> Tensor:
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
    return multihead.split_heads(x, num_heads)


def _labelled_heads(draw: Draw, **sizes: int) -> Arguments:
    # Contiguous, as `weights @ value` is: `view` after a transpose must not work by accident.
    return (multihead.split_heads(*_labelled(draw, **sizes)).contiguous(),)


@check(
    "4.2",
    wrong=WRONG_MERGES,
    inputs=[
        lambda: grid(
            _labelled_heads, batch=(1, 2), length=(1, 2, 3), num_heads=(1, 2, 3), head_dim=(1, 2, 4)
        )
    ],
    shrinks=False,
)
def merge_heads(heads: Tensor) -> Tensor:
    """Check exercise 4.2: the heads' features are put side by side again.

    Args:
        answer: Called as answer(heads), with a tensor of shape (batch, num_heads, length,
            head_dim); returns a tensor of shape (batch, length, num_heads · head_dim).

    Returns:
        A result that shows itself.

    >>> check_merge_heads(lambda x: x.flatten(1).view(len(x), x.shape[2], -1)).misconception
    'merge_without_transpose'
    """
    return multihead.merge_heads(heads)


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


def _far_layers() -> list[Arguments]:
    """Tokens that ask with their first feature and answer with their second."""
    cases = []
    for scores in FAR_SCORES:
        _, key, value = far_tensors(scores)
        x = torch.cat([torch.ones_like(value), key[..., :1], value, value], dim=-1)
        w_q, w_k, w_v = torch.zeros(3, 4, 4)
        w_q[0, ::2], w_k[1, ::2], w_v[2, :] = 2.0**0.5, 1.0, 1.0
        cases.append((x, w_q, w_k, w_v, torch.eye(4), 2))
    return cases


@check(
    "4.3",
    wrong=wrong_multi_head(),
    inputs=[
        lambda: [
            *grid(_layer_inputs, batch=(1, 2), length=(1, 3), num_heads=(1, 2), head_dim=(1, 2)),
            *_larger_layers(),
        ],
        _far_layers,
    ],
)
def multi_head(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, num_heads: int
) -> Tensor:
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
    return _multi_head(
        x, w_q, w_k, w_v, w_o, num_heads, split=multihead.split_heads, merge=multihead.merge_heads
    )


# --- 4.4: a test that finds a scale by the wrong width ----------------------------------------


class _Layer(nn.Module):
    """The class that chapter 4 builds; it calculates in float64, so as to be right to the digit."""

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.w_q, self.w_k, self.w_v, self.w_o = (
            nn.Linear(embed_dim, embed_dim, bias=False) for _ in range(4)
        )

    def split(self, x: Tensor) -> Tensor:
        return multihead.split_heads(x, self.num_heads)

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        return query @ key.mT / math.sqrt(query.shape[-1])

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        query, key, value = (self.split(w(x)).double() for w in (self.w_q, self.w_k, self.w_v))
        scores = self.scores(query, key).masked_fill(~mask[:, None], -math.inf)
        weights = scores.softmax(dim=-1)
        merged = multihead.merge_heads(weights @ value).to(x.dtype)
        return self.w_o(merged), weights.to(x.dtype)


class _ScalesQueries(_Layer):
    """Right as well: the scale sits in another place."""

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        return (query / math.sqrt(query.shape[-1])) @ key.mT


class _ScalesByEmbedDim(_Layer):
    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        return query @ key.mT / math.sqrt(query.shape[-1] * self.num_heads)


def _one_head_only(calls: Calls) -> bool:
    return bool(calls) and all(call[1] == 1 for call in calls)


def _never_another_number(calls: Calls) -> bool:
    return len({call[1] for call in calls}) == 1


def _pairs_of_layers(calls: Calls) -> list[tuple[Any, Any]]:
    """List the layers two by two, where one has another number of heads than the other."""
    made = list(zip(calls, calls.returned, strict=True))
    return [
        (one, other)
        for order, (sizes, one) in enumerate(made)
        for sizes_too, other in made[order + 1 :]
        if sizes[1] != sizes_too[1]
    ]


def _width(layer: Any) -> int:
    return len(layer.w_q.weight) // int(layer.num_heads)


def _never_the_same_width(calls: Calls) -> bool:
    """Whether heads get narrower where there are more of them, so that right ones differ, too."""
    pairs = _pairs_of_layers(calls)
    return calls.rejected and bool(pairs) and all(_width(a) != _width(b) for a, b in pairs)


def _each_at_random(calls: Calls) -> bool:
    """Whether no two layers have a first head in common, so that right ones differ, too."""
    pairs = [pair for pair in _pairs_of_layers(calls) if _width(pair[0]) == _width(pair[1])]
    return calls.rejected and bool(pairs) and not any(_first_heads_agree(*each) for each in pairs)


def _first_heads_agree(one: Any, other: Any) -> bool:
    rows, columns = _width(one), min(len(one.w_q.weight), len(other.w_q.weight))
    return all(
        torch.allclose(a.weight[:rows, :columns], b.weight[:rows, :columns], atol=1e-5)
        for a, b in ((one.w_q, other.w_q), (one.w_k, other.w_k))
    )


@reader_test(
    "4.4",
    right={"layer": _Layer, "scaled_queries": _ScalesQueries},
    wrong=_ScalesByEmbedDim,
    without=("uses_reference",),
    signs={
        "one_head_only": _one_head_only,
        "one_number_of_heads": _never_another_number,
        "heads_get_narrower": _never_the_same_width,
        "projections_differ": _each_at_random,
    },
)
def catches_embed_dim_scale(layer_class: Callable[..., Any]) -> bool:
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

    def weights(num_heads: int) -> Tensor:
        part, layer = Draw(0).normal(1, 7, 4), layer_class(4 * num_heads, num_heads)
        with torch.no_grad():
            for projection in (layer.w_q, layer.w_k):
                projection.weight.copy_(torch.eye(4 * num_heads))
            everyone = torch.ones(1, 7, 7, dtype=torch.bool)
            came_out: Tensor = layer(part.repeat(1, 1, num_heads), everyone)[1]
        return came_out

    return torch.allclose(weights(1)[:, 0], weights(3)[:, 0])
