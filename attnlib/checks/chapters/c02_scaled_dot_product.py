"""Checks of chapter 2: scaled dot-product attention."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from attnlib.checks.engine.check import check
from attnlib.checks.engine.inputs import Arguments, Draw, grid
from attnlib.checks.engine.mistakes import WrongAnswers
from attnlib.checks.engine.predictions import Numbers, prediction
from attnlib.checks.engine.reader_tests import (
    Calls,
    in_double,
    reader_test,
    same_input_each_time,
)
from attnlib.functional import scaled_dot_product_attention
from attnlib.positional import alibi_bias


@prediction(
    "2.1",
    wrong={
        "variance_not_spread": ([4.0, 1.0], [4.0, 2.0], [4.0, 4.0]),
        "scale_still_grows": [2.0, 2.0],
        "scale_overdone": [2.0, 0.5],
        "no_growth_as_zero": [2.0, 0.0],
        "scale_overdone_by_root": [2.0, 0.25],
        "spreads_given": ([16.0, 1.0], [16.0, 2.0], [16.0, 8.0]),
        "factors_swapped": [1.0, 2.0],
        "factor_inverted": [0.5, 1.0],
        "spread_never_grows": [1.0, 1.0],
        "only_scale_changes": ([1.0, 0.5], [1.0, 0.25]),
    },
)
def spread() -> Numbers:
    """Check exercise 2.1: how the spread of scores grows when a head grows from 64 to 256.

    Args:
        answer: Two factors: without the scale, and with it.

    Returns:
        A result that shows itself; `passed` is None as long as a factor is `...`.

    >>> check_spread([4, 1]).misconception
    'variance_not_spread'
    """
    return [2.0, 1.0]


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


def divided_exponentials(scores: Tensor) -> Tensor:
    """Softmax without subtracting the largest score: from 89 on, float32 has no room for it."""
    exponentials = scores.exp()
    return exponentials / exponentials.sum(dim=-1, keepdim=True)


# By the id of the misconception; later chapters take the same mistakes into their attention.
DIVISORS: dict[str, Callable[[Tensor, Tensor], float]] = {
    "scale_missing": lambda query, key: 1.0,
    "scale_by_width": lambda query, key: query.shape[-1],
    "scale_multiplied": lambda query, key: query.shape[-1] ** -0.5,
    "scale_by_length": lambda query, key: math.sqrt(key.shape[-2]),
}
DIVISORS_BY_OTHER_SIZES: dict[str, Callable[[Tensor, Tensor, Tensor], float]] = {
    "scale_by_queries": lambda query, key, value: math.sqrt(query.shape[-2]),
    "scale_by_value_width": lambda query, key, value: math.sqrt(value.shape[-1]),
    "scale_by_batch": lambda query, key, value: math.sqrt(len(query)),
}
NORMALISERS: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax_over_queries": lambda scores: scores.softmax(dim=-2),
    "softmax_over_batch": lambda scores: scores.softmax(dim=0),
    "softmax_over_everything": lambda scores: scores.flatten(-2).softmax(-1).view(scores.shape),
    "softmax_missing": lambda scores: scores,
    "exponential_missing": lambda scores: scores / scores.sum(dim=-1, keepdim=True),
}
OTHER_NORMALISERS: dict[str, tuple[Callable[[Tensor], Tensor], ...]] = {
    "softmax_over_everything": (
        NORMALISERS["softmax_over_everything"],
        lambda scores: scores.flatten().softmax(dim=0).view(scores.shape),
    ),
    "division_missing": (
        lambda scores: scores.exp(),
        lambda scores: (scores - scores.max()).exp(),
        lambda scores: (scores - scores.amax(dim=-1, keepdim=True)).exp(),
    ),
    "scores_negated": (lambda scores: (-scores).softmax(dim=-1),),
    "softmax_twice": (lambda scores: scores.softmax(dim=-1).softmax(dim=-1),),
    "logarithm_left": (lambda scores: scores.log_softmax(dim=-1),),
    "sigmoid_instead": (lambda scores: scores.sigmoid(),),
    "hard_lookup": (
        lambda scores: torch.zeros_like(scores).scatter(-1, scores.argmax(-1, keepdim=True), 1.0),
    ),
    "exponential_overflows": (divided_exponentials,),
    "self_excluded": WITHOUT_SELF,
    "mask_not_asked": CAUSALLY,
}


def _scaled_too_late(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return (query @ key.mT).softmax(dim=-1) / math.sqrt(query.shape[-1]) @ value


def _keys_ask(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Keys ask, and the table is read as if they did not: `einsum` stretches what has length 1."""
    weights = (key @ query.mT / math.sqrt(query.shape[-1])).softmax(dim=-1)
    return torch.einsum("bqk,bkv->bqv", weights, value)


def _self_zeroed(scores: Tensor) -> Tensor:
    return scores.softmax(dim=-1) * ~torch.eye(*scores.shape[-2:], dtype=torch.bool)


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
    wrong |= {
        id_: tuple(answer(normalise=normalise) for normalise in several)
        for id_, several in OTHER_NORMALISERS.items()
    }
    wrong |= {
        "self_zeroed": answer(normalise=_self_zeroed),
        "weights_before_scale": _scaled_too_late,
        "output_scaled": lambda query, key, value: (
            attend(query, key, value) / math.sqrt(query.shape[-1])
        ),
        "keys_unused": lambda query, key, value: attend(query, value, value),
        "values_unused": lambda query, key, value: attend(query, key, key),
        "query_key_swapped": (
            lambda query, key, value: attend(key, query, value),
            _keys_ask,
        ),
        "batch_summed": (
            lambda query, key, value: attend(query, key.sum(0, keepdim=True), value),
            lambda query, key, value: attend(query, key, value.sum(0, keepdim=True)),
            lambda query, key, value: attend(
                query, *(x.sum(0, keepdim=True) for x in (key, value))
            ),
            lambda query, key, value: attend(
                query.sum(0, keepdim=True).expand_as(query), key, value
            ),
            lambda query, key, value: attend(
                query, key, value, normalise=lambda s: s.sum(0, keepdim=True).softmax(dim=-1)
            ),
        ),
        "key_not_transposed": lambda query, key, value: attend(query, key.mT, value),
        "key_reshaped": lambda query, key, value: attend(
            query, key.reshape(len(key), key.shape[2], key.shape[1]).mT, value
        ),
        "values_averaged": lambda query, key, value: value.mean(-2, keepdim=True).expand(
            *query.shape[:-1], value.shape[-1]
        ),
        "returned_weights": lambda query, key, value: attend(
            query, key, torch.eye(key.shape[-2]).expand(*key.shape[:-1], -1)
        ),
        "returned_scores": (
            lambda query, key, value: query @ key.mT / math.sqrt(query.shape[-1]),
            lambda query, key, value: query @ key.mT,
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
    wrong |= {
        ("scale_missing", id_): answer(
            divisor=DIVISORS["scale_missing"], normalise=OTHER_NORMALISERS[id_][0]
        )
        for id_ in ("division_missing", "sigmoid_instead")
    }
    wrong["scale_missing", "mask_not_asked"] = tuple(
        answer(divisor=DIVISORS["scale_missing"], normalise=weights) for weights in CAUSALLY
    )
    return wrong


def tensors(draw: Draw, batch: int, q_len: int, k_len: int, width: int, v: int) -> Arguments:
    """Query, key and value, of whole numbers."""
    return (
        draw.integers(batch, q_len, width),
        draw.integers(batch, k_len, width),
        draw.integers(batch, k_len, v),
    )


def _small_and_larger() -> list[Arguments]:
    draw = Draw(0)
    return [
        *grid(tensors, batch=(1, 2), q_len=(1, 2), k_len=(1, 2, 3), width=(1, 2, 4), v=(1, 2)),
        *(
            (draw.normal(b, q, d), draw.normal(b, k, d), draw.normal(b, k, v))
            for b, q, k, d, v in ((2, 3, 5, 7, 4), (3, 5, 5, 5, 5), (1, 7, 11, 64, 2))
        ),
    ]


# Rows of scores, after the scale, that no softmax may stumble over.
FAR_SCORES = (
    (30.0, -30.0, 0.0),
    (150.0, -150.0, 149.0),
    (-150.0, -149.0, -151.0),
    (100.0, 0.0, 99.0),
)


def far_tensors(scores: tuple[float, ...]) -> Arguments:
    """Query, key and value with these scores at width 4."""
    query, key = torch.zeros(1, 1, 4), torch.zeros(1, len(scores), 4)
    query[..., 0], key[0, :, 0] = 2.0, torch.tensor(scores)
    return query, key, torch.arange(1.0, len(scores) + 1)[None, :, None]


@check(
    "2.2",
    wrong=wrong_attention(),
    inputs=[_small_and_larger, lambda: [far_tensors(scores) for scores in FAR_SCORES]],
    without=("uses_products",),
)
def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Check exercise 2.2: scaled dot-product attention.

    Args:
        answer: Called as answer(query, key, value), with tensors of shape (batch, q_len, head_dim),
            (batch, k_len, head_dim) and (batch, k_len, value_dim); returns the output, of shape
            (batch, q_len, value_dim).

    Returns:
        A result that shows itself.

    >>> check_attention(lambda query, key, value: (query @ key.mT).softmax(-1) @ value)
    ✗ Exercise 2.2: not yet
    The scale is missing: divide the scores by the square root of the width of query and key \
before the softmax.
      called with  ...
      see          chapter 2, “Why the square root”
    """
    return scaled_dot_product_attention(query, key, value)[0]


def _with_weights(
    query: Tensor, key: Tensor, value: Tensor, *, root_of: int = -1
) -> tuple[Tensor, Tensor]:
    weights = (query @ key.mT / math.sqrt(key.shape[root_of])).softmax(dim=-1)
    return weights @ value, weights


def _scaled_queries(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    weights = torch.softmax(query / math.sqrt(query.shape[-1]) @ key.mT, dim=-1)
    return weights @ value, weights


def _rounded(
    function: Callable[..., tuple[Tensor, Tensor]], steps: Callable[[Tensor], float]
) -> Callable[..., tuple[Tensor, Tensor]]:
    """Round otherwise where the keys are others, in proportion to each number: its last bits."""

    def call(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        output, weights = function(query, key, value)
        off = 1 + torch.finfo(output.dtype).eps * steps(key)
        return output * off, weights * off

    return call


def _by_number(key: Tensor) -> float:
    return math.log2(key.shape[-2])


def _by_order(key: Tensor) -> float:
    """Count the pairs of keys that stand the wrong way round: each swap of two changes that."""
    first = key[(0,) * (key.ndim - 2)][:, 0]
    return int((first[:, None] > first).triu(1).sum()) % 8


def _as_many_keys_as_wide(calls: Calls) -> bool:
    return not calls.rejected and all(key.shape[-2] == key.shape[-1] for _, key, *_ in calls)


def _never_more_keys(calls: Calls) -> bool:
    return not calls.rejected and len({key.shape[-2] for _, key, *_ in calls}) == 1


def _keys_alike(calls: Calls) -> bool:
    return not calls.rejected and all(
        torch.equal(key, key[..., :1, :].expand_as(key)) for _, key, *_ in calls
    )


@reader_test(
    "2.4",
    right={
        "attention": in_double(_with_weights),
        "scaled_queries": in_double(_scaled_queries),
        "rounded_attention": _rounded(in_double(_with_weights), _by_number),
    },
    wrong=lambda query, key, value: _with_weights(query, key, value, root_of=-2),
    without=("uses_reference",),
    signs={
        "as_many_keys_as_wide": _as_many_keys_as_wide,
        "keys_alike": _keys_alike,
        "never_more_keys": _never_more_keys,
    },
)
def catches_wrong_root(attention: Callable[..., tuple[Tensor, Tensor]]) -> bool:
    """Check exercise 2.4: a test that finds the root of the wrong number.

    Args:
        answer: Called as answer(attention), where attention(query, key, value) returns the output
            and the weights; raises AssertionError, or returns False, if the attention is wrong.

    Returns:
        A result that shows itself.

    >>> check_catches_wrong_root(lambda attention: False).misconception
    'test_rejects_right'
    """
    query, key, value = Draw(0).normal(3, 2, 3, 5)
    once, _ = attention(query, key, value)
    twice, _ = attention(query, torch.cat([key, key], -2), torch.cat([value, value], -2))
    return torch.allclose(once, twice, atol=1e-5)


ORDER_INPUTS = (Draw(1).normal(2, 3, 5), Draw(2).normal(2, 7, 5), Draw(3).normal(2, 7, 2))


def _sees_order(query: Tensor, key: Tensor, value: Tensor) -> Any:
    # The same for every query: a test that shuffles the queries alone finds nothing.
    bias = alibi_bias(1, 1, key.shape[-2])[0]
    return scaled_dot_product_attention(query, key, value, attn_bias=bias, need_weights=True)


def _moved(calls: Calls) -> list[list[bool]]:
    """For each call: which of query, key and value are not as they were given."""
    return [
        [not torch.equal(one, other) for one, other in zip(call[:3], ORDER_INPUTS, strict=True)]
        for call in calls
    ]


def _shuffled_apart(calls: Calls) -> bool:
    """Whether keys and values were moved, but not by the same order."""
    _, keys, values = ORDER_INPUTS
    for _, key, value, *_ in calls:
        found = (key[0, :, None] == keys[0]).all(dim=-1)
        if found.any(dim=-1).all() and not torch.equal(value, values[:, found.int().argmax(-1)]):
            return True
    return False


def _other_axis(calls: Calls) -> bool:
    """Whether features or phrases have changed places, not keys."""
    return any(
        not torch.equal(moved, given) and torch.equal(moved.sort(dim)[0], given.sort(dim)[0])
        for call in calls
        for moved, given in zip(call[1:3], ORDER_INPUTS[1:], strict=True)
        for dim in (0, -1)
    )


def _demands_change(calls: Calls) -> bool:
    """Whether it shuffles what it should, and fails a right function nevertheless."""
    moved = [each for each in _moved(calls) if any(each)]
    shuffles = bool(moved) and all(each == [False, True, True] for each in moved)
    # Where the last bit alone is too much for it, it demands nothing else.
    return calls.rejected and shuffles and calls.called != "candidate.rounded_attention"


def _keys_lost(calls: Calls) -> bool:
    return any(key.shape[-2] < ORDER_INPUTS[1].shape[-2] for _, key, *_ in calls)


@reader_test(
    "2.6",
    right={
        "attention": in_double(_with_weights),
        "scaled_queries": in_double(_scaled_queries),
        "rounded_attention": _rounded(in_double(_with_weights), _by_order),
    },
    wrong=_sees_order,
    others=ORDER_INPUTS,
    signs={
        "keys_lost": _keys_lost,
        "queries_shuffled": lambda calls: any(query for query, _, _ in _moved(calls)),
        "wrong_axis_shuffled": _other_axis,
        "only_one_shuffled": _shuffled_apart,
        "order_expected": _demands_change,
        "nothing_shuffled": lambda calls: not any(map(any, _moved(calls))),
        "same_input_twice": same_input_each_time,
    },
)
def catches_order(
    attention: Callable[..., tuple[Tensor, Tensor]], query: Tensor, key: Tensor, value: Tensor
) -> bool:
    """Check exercise 2.6: a test that shuffles keys and values.

    Args:
        answer: Called as answer(attention, query, key, value), where attention(query, key, value)
            returns the output and the weights; raises AssertionError, or returns False, if the
            output depends on the order of the keys.

    Returns:
        A result that shows itself.

    >>> check_catches_order(lambda attention, query, key, value: True).misconception
    'test_misses_bug'
    """
    before, _ = attention(query, key, value)
    after, _ = attention(query, key.flip(-2), value.flip(-2))
    return torch.allclose(before, after, atol=1e-5)
