"""Checks of chapter 2: scaled dot-product attention."""

import math
from typing import Any

from torch import Tensor

from attnlib.checks.catching import catching
from attnlib.checks.check import Check
from attnlib.checks.inputs import Arguments, Draw, grid
from attnlib.checks.mistakes.scaled_dot_product import wrong_attention
from attnlib.checks.prediction import prediction
from attnlib.checks.result import Result
from attnlib.functional import scaled_dot_product_attention
from attnlib.positional import alibi_bias


def check_spread(answer: Any) -> Result:
    """Check exercise 2.1: how the spread of scores grows when a head grows from 64 to 256.

    Args:
        answer: Two factors: without the scale, and with it.

    Returns:
        A result that shows itself; `passed` is None as long as a factor is `...`.

    >>> check_spread([4, 1]).misconception
    'variance_not_spread'
    """
    return SPREAD(answer)


def check_attention(answer: Any) -> Result:
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
    return ATTENTION(answer)


def check_catches_wrong_root(answer: Any) -> Result:
    """Check exercise 2.4: a test that finds the root of the wrong number.

    Args:
        answer: Called as answer(attention), where attention(query, key, value) returns the output
            and the weights; raises AssertionError, or returns False, if the attention is wrong.

    Returns:
        A result that shows itself.

    >>> check_catches_wrong_root(lambda attention: False).misconception
    'test_rejects_right'
    """
    return CATCHES_WRONG_ROOT(answer)


def check_catches_order(answer: Any) -> Result:
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
    return CATCHES_ORDER(answer)


SPREAD = prediction(
    "spread",
    "2.1",
    right=[2.0, 1.0],
    wrong={
        "variance_not_spread": [4.0, 1.0],
        "scale_still_grows": [2.0, 2.0],
        "scale_overdone": [2.0, 0.5],
        "scale_overdone_by_root": [2.0, 0.25],
    },
)


def tensors(draw: Draw, batch: int, q_len: int, k_len: int, width: int, v: int) -> Arguments:
    """Query, key and value, of whole numbers."""
    return (
        draw.integers(batch, q_len, width),
        draw.integers(batch, k_len, width),
        draw.integers(batch, k_len, v),
    )


def _larger() -> list[Arguments]:
    draw = Draw(0)
    return [
        (draw.normal(b, q, d), draw.normal(b, k, d), draw.normal(b, k, v))
        for b, q, k, d, v in ((2, 3, 5, 7, 4), (3, 5, 5, 5, 5), (1, 7, 11, 64, 2))
    ]


ATTENTION = Check(
    name="attention",
    exercise="2.2",
    names=("query", "key", "value"),
    reference=lambda query, key, value: scaled_dot_product_attention(query, key, value)[0],
    wrong=wrong_attention(),
    stages=(
        lambda: [
            *grid(tensors, batch=(1, 2), q_len=(1, 2), k_len=(1, 2, 3), width=(1, 2, 4), v=(1, 2)),
            *_larger(),
        ],
    ),
)


def _with_weights(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    weights = (query @ key.mT / math.sqrt(query.shape[-1])).softmax(dim=-1)
    return weights @ value, weights


def _library(query: Tensor, key: Tensor, value: Tensor) -> Any:
    return scaled_dot_product_attention(query, key, value, need_weights=True)


def _wrong_root(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    weights = (query @ key.mT / math.sqrt(key.shape[-2])).softmax(dim=-1)
    return weights @ value, weights


CATCHES_WRONG_ROOT = catching(
    "catches_wrong_root",
    "2.4",
    ("attention",),
    right=(_with_weights, _library),
    bugs=(_wrong_root,),
)


def _sees_order(query: Tensor, key: Tensor, value: Tensor) -> Any:
    bias = alibi_bias(1, query.shape[-2], key.shape[-2])[0]
    return scaled_dot_product_attention(query, key, value, attn_bias=bias, need_weights=True)


CATCHES_ORDER = catching(
    "catches_order",
    "2.6",
    ("attention", "query", "key", "value"),
    right=(_with_weights, _library),
    bugs=(_sees_order,),
    others=(Draw(1).normal(2, 3, 5), Draw(2).normal(2, 7, 5), Draw(3).normal(2, 7, 2)),
)

CHECKS = (SPREAD, ATTENTION, CATCHES_WRONG_ROOT, CATCHES_ORDER)
