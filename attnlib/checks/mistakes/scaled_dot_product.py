"""Mistakes of chapter 2: scale, softmax, who attends to whom."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from attnlib.checks.check import WrongAnswers


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    divisor: Callable[[Tensor, Tensor], float] = lambda query, key: math.sqrt(query.shape[-1]),
    normalise: Callable[[Tensor], Tensor] = lambda scores: scores.softmax(dim=-1),
) -> Tensor:
    """Attention, with another divisor or another softmax in the place of the right one."""
    return normalise(query @ key.mT / divisor(query, key)) @ value


def _causally(scores: Tensor, offset: int) -> Tensor:
    allowed = torch.ones(scores.shape[-2:], dtype=torch.bool).tril(offset)
    return scores.masked_fill(~allowed, -math.inf).softmax(dim=-1)


# Nobody attends to later tokens, with both alignments; with more queries than keys, some to none.
CAUSALLY: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda scores: _causally(scores, scores.shape[-1] - scores.shape[-2]),
    lambda scores: _causally(scores, scores.shape[-1] - scores.shape[-2]).nan_to_num(),
    lambda scores: _causally(scores, 0),
)


def _without_self(scores: Tensor, fill: float = -math.inf) -> Tensor:
    oneself = torch.eye(*scores.shape[-2:], dtype=torch.bool)
    return scores.masked_fill(oneself, fill).softmax(dim=-1)


# Nobody attends to themselves. The spellings differ for somebody who is alone: with a finite fill
# they attend to themselves after all.
WITHOUT_SELF: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda scores: _without_self(scores).nan_to_num(),
    _without_self,
    lambda scores: _without_self(scores, -1e9),
)


# By the id of the misconception; chapter 4 takes the same mistakes into its heads.
DIVISORS: dict[str, Callable[[Tensor, Tensor], float]] = {
    "scale_missing": lambda query, key: 1.0,
    "scale_by_width": lambda query, key: query.shape[-1],
    "scale_multiplied": lambda query, key: query.shape[-1] ** -0.5,
    "scale_by_length": lambda query, key: math.sqrt(key.shape[-2]),
}
DIVISORS_BY_OTHER_SIZES: dict[str, Callable[[Tensor, Tensor, Tensor], float]] = {
    "scale_by_queries": lambda query, key, value: math.sqrt(query.shape[-2]),
    "scale_by_value_width": lambda query, key, value: math.sqrt(value.shape[-1]),
}
NORMALISERS: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax_over_queries": lambda scores: scores.softmax(dim=-2),
    "softmax_over_batch": lambda scores: scores.softmax(dim=0),
    "softmax_over_everything": lambda scores: scores.flatten(-2).softmax(-1).view(scores.shape),
    "softmax_missing": lambda scores: scores,
    "exponential_missing": lambda scores: scores / scores.sum(dim=-1, keepdim=True),
}


def wrong_attention() -> WrongAnswers:
    """One mistake each; and one of the scale together with one of the softmax."""

    def answer(**change: Any) -> Callable[..., Tensor]:
        return lambda query, key, value: attend(query, key, value, **change)

    wrong: WrongAnswers = {}
    wrong |= {id_: answer(divisor=divisor) for id_, divisor in DIVISORS.items()}
    wrong |= {
        id_: lambda query, key, value, size=size: attend(
            query, key, value, divisor=lambda *_: size(query, key, value)
        )
        for id_, size in DIVISORS_BY_OTHER_SIZES.items()
    }
    wrong |= {id_: answer(normalise=normalise) for id_, normalise in NORMALISERS.items()}
    wrong["softmax_over_everything"] = (
        answer(normalise=NORMALISERS["softmax_over_everything"]),
        answer(normalise=lambda scores: scores.flatten().softmax(dim=0).view(scores.shape)),
    )
    wrong |= {
        "self_excluded": tuple(answer(normalise=weights) for weights in WITHOUT_SELF),
        "self_zeroed": answer(normalise=_self_zeroed),
        "weights_before_scale": _scaled_too_late,
        "keys_unused": lambda query, key, value: attend(query, value, value),
        "values_unused": lambda query, key, value: attend(query, key, key),
        "query_key_swapped": lambda query, key, value: attend(key, query, value),
        "key_not_transposed": lambda query, key, value: attend(query, key.mT, value),
        "key_reshaped": lambda query, key, value: attend(
            query, key.reshape(len(key), key.shape[2], key.shape[1]).mT, value
        ),
        "mask_not_asked": tuple(answer(normalise=weights) for weights in CAUSALLY),
        "values_averaged": lambda query, key, value: value.mean(-2, keepdim=True).expand(
            *query.shape[:-1], value.shape[-1]
        ),
        "returned_weights": lambda query, key, value: attend(
            query, key, torch.eye(key.shape[-2]).expand(*key.shape[:-1], -1)
        ),
    }
    wrong |= {
        (scale, softmax): answer(divisor=divisor, normalise=normalise)
        for scale, divisor in DIVISORS.items()
        for softmax, normalise in NORMALISERS.items()
        if softmax != "exponential_missing"  # there the scale cancels
    }
    wrong["scale_missing", "self_excluded"] = tuple(
        answer(divisor=DIVISORS["scale_missing"], normalise=weights) for weights in WITHOUT_SELF
    )
    return wrong


def _scaled_too_late(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return (query @ key.mT).softmax(dim=-1) / math.sqrt(query.shape[-1]) @ value


def _self_zeroed(scores: Tensor) -> Tensor:
    return scores.softmax(dim=-1) * ~torch.eye(*scores.shape[-2:], dtype=torch.bool)
