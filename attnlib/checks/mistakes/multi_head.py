"""Mistakes of chapter 4: heads that are split, scaled or merged wrongly."""

import math
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import torch
from torch import Tensor

from attnlib.checks.check import Ids, WrongAnswers
from attnlib.checks.mistakes.scaled_dot_product import CAUSALLY, WITHOUT_SELF, attend

Split = Callable[[Tensor, int], Tensor]
Merge = Callable[[Tensor], Tensor]


def split(x: Tensor, num_heads: int) -> Tensor:
    """Regroup, then swap."""
    return x.reshape(*x.shape[:-1], num_heads, -1).transpose(1, 2)


def merge(heads: Tensor) -> Tensor:
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
    "heads_reversed": lambda x: merge(x.flip(1)),
}


WRONG_SPLITS: WrongAnswers = {
    **SPLITS,
    "transpose_missing": lambda x, h: x.reshape(*x.shape[:2], h, -1),
    "features_before_tokens": lambda x, h: split(x, h).mT,
    "heads_in_batch": (
        lambda x, h: split(x, h).flatten(0, 1),
        lambda x, h: split(x, h).transpose(0, 1).flatten(0, 1),
    ),
    "heads_before_batch": lambda x, h: split(x, h).transpose(0, 1),
    "num_heads_as_head_dim": lambda x, h: split(x, x.shape[-1] // h),
}
WRONG_MERGES: WrongAnswers = {
    **MERGES,
    "heads_averaged": lambda x: x.mean(dim=1),
    "heads_added": lambda x: x.sum(dim=1),
    "transpose_without_regrouping": lambda x: x.transpose(1, 2),
    "tokens_joined": lambda x: x.flatten(2),
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
    "transposed_too_early",
    "heads_reversed",
}


def multi_head(
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    w_o: Tensor,
    num_heads: int,
    *,
    split: Split = split,
    divisor: Callable[[Tensor, int], float] = lambda query, h: math.sqrt(query.shape[-1]),
    normalise: Callable[[Tensor], Tensor] = lambda scores: scores.softmax(dim=-1),
    merge: Merge = merge,
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
        return lambda *arguments: multi_head(*arguments, **change)

    wrong: WrongAnswers = {id_: answer(change) for _, id_, change in mistakes}
    wrong["self_excluded"] = tuple(answer({"normalise": weights}) for weights in WITHOUT_SELF)
    wrong["transpose_missing"] = answer(
        {"split": WRONG_SPLITS["transpose_missing"], "merge": lambda heads: heads.flatten(2)}
    )
    wrong |= {
        id_: tuple(
            lambda x, q, k, v, o, h, chosen=chosen: multi_head(
                x, *chosen(q, k, v, o, torch.eye(x.shape[-1])), h
            )
            for chosen in choices
        )
        for id_, choices in WRONG_MATRICES.items()
    }
    wrong["single_head"] = lambda x, q, k, v, o, h: multi_head(x, q, k, v, o, 1)
    wrong["input_added"] = lambda x, *others: x + multi_head(x, *others)
    often = [each for each in mistakes if each[1] not in SELDOM]
    wrong |= {  # two mistakes in different steps
        (one, other): answer(change | change_too)
        for (order, one, change), (order_too, other, change_too) in product(often, repeat=2)
        if order < order_too
    }
    return wrong
