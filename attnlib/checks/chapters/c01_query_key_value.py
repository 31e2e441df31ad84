"""Checks of chapter 1: the soft look-up, in plain Python."""

import math
from typing import Any

import torch
from torch import Tensor

from attnlib.checks.catching import catching
from attnlib.checks.check import Check
from attnlib.checks.inputs import Arguments, Draw, grid
from attnlib.checks.prediction import prediction
from attnlib.checks.result import Result

Numbers = list[float]
Rows = list[list[float]]


def check_doubled_query(answer: Any) -> Result:
    """Check exercise 1.1: the three weights of 上 when its query is doubled.

    Args:
        answer: The weights of 早, 上 and 好, to two decimals: a list of three numbers.

    Returns:
        A result that shows itself; `passed` is None as long as a weight is `...`.

    >>> check_doubled_query([1.33, 0.49, 0.18]).misconception
    'weights_doubled'
    """
    return DOUBLED_QUERY(answer)


def check_soft_lookup(answer: Any) -> Result:
    """Check exercise 1.2: the soft look-up for one query, in plain Python.

    Args:
        answer: Called as answer(query, keys, values), with a list of numbers and two lists of such
            lists; returns the output as a list.

    Returns:
        A result that shows itself.

    >>> check_soft_lookup(lambda query, keys, values: values[0]).passed
    False
    """
    return SOFT_LOOKUP(answer)


def check_smallest_factor(answer: Any) -> Result:
    """Check exercise 1.3: the smallest factor with which one key takes nearly all of the weight.

    Args:
        answer: Called as answer(query, keys, wanted, share), with tensors of shape (width,) and
            (k_len, width), the number of a key and a share below 1; returns a whole number.

    Returns:
        A result that shows itself.

    >>> check_smallest_factor(lambda query, keys, wanted, share=0.99: None)
    ○ Exercise 1.3: not attempted yet
    """
    return SMALLEST_FACTOR(answer)


def check_catches_unused_keys(answer: Any) -> Result:
    """Check exercise 1.4: a test that finds an attention without keys.

    Args:
        answer: Called as answer(attention), where attention(queries, keys, values) returns the
            output; raises AssertionError, or returns False, if the attention is wrong.

    Returns:
        A result that shows itself.

    >>> check_catches_unused_keys(lambda attention: True).misconception
    'test_misses_bug'
    """
    return CATCHES_UNUSED_KEYS(answer)


DOUBLED_QUERY = prediction(
    "doubled_query",
    "1.1",
    right=[0.867, 0.117, 0.016],
    wrong={
        "weights_doubled": [1.33, 0.49, 0.18],
        "weights_unchanged": [0.665, 0.245, 0.09],
        "scores_given": [4, 2, 0],
        "query_halved": [0.506, 0.307, 0.186],
    },
    tolerance=0.011,
)


def _scores(query: Numbers, keys: Rows) -> Numbers:
    return [sum(q * k for q, k in zip(query, key, strict=True)) for key in keys]


def _softmax(scores: Numbers) -> Numbers:
    exponentials = [math.exp(score - max(scores)) for score in scores]
    return [e / sum(exponentials) for e in exponentials]


def _mix(weights: Numbers, rows: Rows) -> Numbers:
    return [sum(w * x for w, x in zip(weights, column, strict=True)) for column in zip(*rows)]  # noqa: B905


def soft_lookup(query: Numbers, keys: Rows, values: Rows) -> Numbers:
    """Scores, softmax, weighted sum."""
    return _mix(_softmax(_scores(query, keys)), values)


def _best_value(query: Numbers, keys: Rows, values: Rows) -> Numbers:
    scores = _scores(query, keys)
    return values[scores.index(max(scores))]


def _shares_without_exp(query: Numbers, keys: Rows, values: Rows) -> Numbers:
    scores = _scores(query, keys)
    return _mix([score / sum(scores) for score in scores], values)


def _scaled_lookup(query: Numbers, keys: Rows, values: Rows) -> Numbers:
    return soft_lookup([q / math.sqrt(len(query)) for q in query], keys, values)


def _lists(draw: Draw, k_len: int, width: int, value_width: int) -> Arguments:
    shapes = ((width,), (k_len, width), (k_len, value_width))
    return tuple(draw.integers(*shape).tolist() for shape in shapes)


SOFT_LOOKUP = Check(
    name="soft_lookup",
    exercise="1.2",
    names=("query", "keys", "values"),
    reference=soft_lookup,
    wrong={
        "returned_weights": lambda query, keys, values: _softmax(_scores(query, keys)),
        "softmax_missing": lambda query, keys, values: _mix(_scores(query, keys), values),
        "exponential_missing": _shares_without_exp,
        "hard_lookup": _best_value,
        "keys_unused": lambda query, keys, values: soft_lookup(query, values, values),
        "values_unused": lambda query, keys, values: soft_lookup(query, keys, keys),
        "query_unused": lambda query, keys, values: _mix([1 / len(keys)] * len(keys), values),
        "scale_not_asked": _scaled_lookup,
        "values_not_weighted": lambda query, keys, values: _mix([1.0] * len(keys), values),
    },
    stages=(
        lambda: grid(
            _lists,
            k_len=(1, 2, 3, 5),
            width=(1, 2, 3),
            value_width=(1, 2, 3),
        ),
    ),
)


def _share(factor: float, query: Tensor, keys: Tensor, wanted: int) -> float:
    return float((factor * keys @ query).double().softmax(dim=0)[wanted])


def smallest_factor(query: Tensor, keys: Tensor, wanted: int, share: float) -> int:
    """Try one whole number after the other."""
    factor = 1
    while _share(factor, query, keys, wanted) <= share:
        factor += 1
    return factor


def _real_factor(query: Tensor, keys: Tensor, wanted: int, share: float) -> float:
    low, high = 0.0, float(smallest_factor(query, keys, wanted, share))
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if _share(middle, query, keys, wanted) <= share else (low, middle)
        )
    return high


def _factor_cases() -> list[Arguments]:
    keys = torch.tensor([[1.0, 1.0], [2.0, -1.0], [1.0, -1.0]])
    query = torch.tensor([1.0, 1.0])
    cases: list[Arguments] = [(query, keys, 0, share) for share in (0.99, 0.9, 0.7, 0.999)]
    cases.append((torch.tensor([1.0, -2.0]), keys, 1, 0.99))
    cases.append((torch.tensor([1.0]), torch.tensor([[0.0], [1.0]]), 1, 0.95))
    return cases


SMALLEST_FACTOR = Check(
    name="smallest_factor",
    exercise="1.3",
    names=("query", "keys", "wanted", "share"),
    reference=smallest_factor,
    wrong={
        "off_by_one": (
            lambda *arguments: smallest_factor(*arguments) - 1,
            lambda *arguments: smallest_factor(*arguments) + 1,
        ),
        "not_whole": _real_factor,
        "share_ignored": lambda query, keys, wanted, share: smallest_factor(
            query, keys, wanted, 0.99
        ),
        "scale_not_asked": lambda query, keys, wanted, share: smallest_factor(
            query / math.sqrt(len(query)), keys, wanted, share
        ),
        "returned_share": lambda query, keys, wanted, share: _share(
            smallest_factor(query, keys, wanted, share), query, keys, wanted
        ),
    },
    stages=(_factor_cases,),
    shrinks=False,
)


def _plain(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return (queries @ keys.mT).softmax(dim=-1) @ values


def _scaled(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return _plain(queries / math.sqrt(queries.shape[-1]), keys, values)


CATCHES_UNUSED_KEYS = catching(
    "catches_unused_keys",
    "1.4",
    ("attention",),
    right=(_plain, _scaled),
    bugs=(lambda queries, keys, values: _plain(queries, values, values),),
)

CHECKS = (DOUBLED_QUERY, SOFT_LOOKUP, SMALLEST_FACTOR, CATCHES_UNUSED_KEYS)
