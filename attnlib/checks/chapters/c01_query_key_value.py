"""Checks of chapter 1: the soft look-up, in plain Python."""

import math
from collections.abc import Callable, Iterable
from itertools import accumulate, chain, count

import torch
from torch import Tensor

from attnlib.checks.engine.check import check
from attnlib.checks.engine.inputs import Arguments, Draw, grid
from attnlib.checks.engine.mistakes import WrongAnswers
from attnlib.checks.engine.predictions import prediction
from attnlib.checks.engine.reader_tests import (
    Calls,
    in_double,
    pairs_of_calls,
    reader_test,
    same_input_each_time,
)

Numbers = list[float]
Rows = list[list[float]]


@prediction(
    "1.1",
    wrong={
        "weights_doubled": [1.33, 0.49, 0.18],
        "weights_unchanged": [0.665, 0.245, 0.09],
        "weights_squared": [0.442, 0.06, 0.008],
        "scores_given": ([4, 2, 0], [2, 1, 0]),
        "query_halved": [0.506, 0.307, 0.186],
        "shares_without_exponentials": [0.667, 0.333, 0],
        "per_cent_given": ([86.7, 11.7, 1.6], [87, 12, 2], [87, 12, 1]),
        "exponentials_given": ([54.6, 7.39, 1], [55, 7, 1]),
        "order_reversed": [0.016, 0.117, 0.867],
        "scale_not_asked": [0.768, 0.187, 0.045],
        "only_one_doubled": ([1.33, 0.245, 0.09], [0.844, 0.114, 0.042]),
        "keys_not_projected": ([0.495, 0.495, 0.009], [0.468, 0.468, 0.063]),
        "scores_quadrupled": [0.982, 0.018, 0.0],
        "query_of_another": ([0.0, 0.982, 0.018], [0.965, 0.018, 0.018]),
    },
)
def doubled_query() -> Numbers:
    """Check exercise 1.1: the three weights of 上 when its query is doubled.

    Args:
        answer: The weights of 早, 上 and 好, to two decimals: a list of three numbers.

    Returns:
        A result that shows itself; `passed` is None as long as a weight is `...`.

    >>> check_doubled_query([1.33, 0.49, 0.18]).misconception
    'weights_doubled'
    """
    return [0.867, 0.117, 0.016]


def _scores(query: Numbers, keys: Rows) -> Numbers:
    return [sum(q * k for q, k in zip(query, key, strict=True)) for key in keys]


def _softmax(scores: Numbers) -> Numbers:
    exponentials = [math.exp(score - max(scores)) for score in scores]
    return [e / sum(exponentials) for e in exponentials]


def _mix(weights: Numbers, rows: Rows) -> Numbers:
    return [sum(w * x for w, x in zip(weights, column, strict=True)) for column in zip(*rows)]  # noqa: B905


def _lookup(
    query: Numbers, keys: Rows, values: Rows, weigh: Callable[[Numbers], Numbers] = _softmax
) -> Numbers:
    return _mix(weigh(_scores(query, keys)), values)


def _weighing(weigh: Callable[[Numbers], Numbers]) -> Callable[[Numbers, Rows, Rows], Numbers]:
    return lambda query, keys, values: _lookup(query, keys, values, weigh)


def _best_value(query: Numbers, keys: Rows, values: Rows) -> Numbers:
    scores = _scores(query, keys)
    return values[scores.index(max(scores))]


def _scaled_query(query: Numbers) -> Numbers:
    return [q / math.sqrt(len(query)) for q in query]


def _shares(numbers: Numbers) -> Numbers:
    return [number / sum(numbers) for number in numbers]


def _shares_so_far(numbers: Numbers) -> Numbers:
    return [number / total for number, total in zip(numbers, accumulate(numbers), strict=True)]


def _without_largest(scores: Numbers) -> Numbers:
    return [math.exp(score - max(scores)) for score in scores]


def _as_far_as_they_go(query: Numbers, keys: Rows) -> Numbers:
    """Scores of vectors that may be of another width: readers' loops end with the shorter one."""
    return [sum(q * k for q, k in zip(query, key, strict=False)) for key in keys]


def _exponentials_of_products(query: Numbers, keys: Rows) -> Numbers:
    return [sum(math.exp(q * k) for q, k in zip(query, key, strict=True)) for key in keys]


WRONG_LOOKUPS: WrongAnswers = {
    "returned_weights": lambda query, keys, values: _softmax(_scores(query, keys)),
    "returned_scores": lambda query, keys, values: _scores(query, keys),
    "softmax_missing": _weighing(lambda scores: scores),
    "exponential_missing": _weighing(_shares),
    "division_missing": (
        _weighing(lambda scores: [math.exp(score) for score in scores]),
        _weighing(_without_largest),
    ),
    "divided_by_count": (
        _weighing(lambda s: [math.exp(score) / len(s) for score in s]),
        _weighing(lambda s: [exponential / len(s) for exponential in _without_largest(s)]),
    ),
    "divided_by_sum_so_far": _weighing(lambda s: _shares_so_far([math.exp(score) for score in s])),
    "exponential_of_products": (
        lambda query, keys, values: _mix(_shares(_exponentials_of_products(query, keys)), values),
        lambda query, keys, values: _mix(_exponentials_of_products(query, keys), values),
    ),
    "base_not_e": tuple(
        _weighing(lambda s, base=base: _softmax([score * math.log(base) for score in s]))
        for base in (2.0, 10.0)
    ),
    "scores_negated": _weighing(lambda s: _softmax([-score for score in s])),
    "hard_lookup": _best_value,
    "keys_unused": lambda query, keys, values: _mix(
        _softmax(_as_far_as_they_go(query, values)), values
    ),
    "values_unused": (
        lambda query, keys, values: _lookup(query, keys, keys),
        lambda query, keys, values: _lookup(query, keys, keys)[: len(values[0])],
    ),
    "query_unused": lambda query, keys, values: _mix([1 / len(keys)] * len(keys), values),
    "scale_not_asked": lambda query, keys, values: _lookup(_scaled_query(query), keys, values),
    "values_not_weighted": lambda query, keys, values: _mix([1.0] * len(keys), values),
}


def _lists(draw: Draw, k_len: int, width: int, value_width: int) -> Arguments:
    shapes = ((width,), (k_len, width), (k_len, value_width))
    return tuple(draw.integers(*shape).tolist() for shape in shapes)


def _far_scores() -> list[Arguments]:
    values = [[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]]
    rows = ((30, -30, 0), (150, -150, 149), (-150, -149, -151), (100, 0, 99))
    return [([1.0, 0.0], [[float(s), 1.0] for s in scores], values) for scores in rows]


@check(
    "1.2",
    wrong=WRONG_LOOKUPS,
    inputs=[
        lambda: grid(_lists, k_len=(1, 2, 3, 5), width=(1, 2, 3), value_width=(1, 2, 3)),
        _far_scores,
    ],
    without=("uses_libraries",),
)
def soft_lookup(query: Numbers, keys: Rows, values: Rows) -> Numbers:
    """Check exercise 1.2: the soft look-up for one query, in plain Python.

    Args:
        answer: Called as answer(query, keys, values), with a list of numbers and two lists of such
            lists; returns the output as a list.

    Returns:
        A result that shows itself.

    >>> check_soft_lookup(lambda query, keys, values: values[0]).passed
    False
    """
    return _lookup(query, keys, values)


def _share(factor: float, query: Tensor, keys: Tensor, wanted: int) -> float:
    return float((factor * keys @ query).double().softmax(dim=0)[wanted])


def _factor(
    query: Tensor, keys: Tensor, wanted: int, share: float, *, at_least: bool = False
) -> int:
    """Try one whole number after the other."""
    factor = 1
    while (reached := _share(factor, query, keys, wanted)) <= share:
        if at_least and reached == share:
            break
        factor += 1
    return factor


def _real_factor(query: Tensor, keys: Tensor, wanted: int, share: float) -> float:
    low, high = 0.0, float(_factor(query, keys, wanted, share))
    for _ in range(50):
        middle = (low + high) / 2
        enough = _share(middle, query, keys, wanted) > share
        low, high = (low, middle) if enough else (middle, high)
    return high


def _gap(query: Tensor, keys: Tensor, wanted: int) -> float:
    """How far the wanted score lies above the next one."""
    scores: Numbers = (keys @ query).tolist()
    return scores.pop(wanted) - max(scores)


def _first_of(
    factors: Iterable[int], query: Tensor, keys: Tensor, wanted: int, share: float
) -> int:
    return next(each for each in factors if _share(each, query, keys, wanted) > share)


# Searches that leave numbers out: 1, 2, 4, 8 …, or all but every second one, fifth one, tenth one.
SPARSE: tuple[Callable[[], Iterable[int]], ...] = (
    *(lambda base=base: (base**power for power in count()) for base in (2, 3, 10)),
    *(lambda step=step: count(1, step) for step in (2, 5, 10)),
    *(lambda step=step: count(step, step) for step in (2, 5, 10)),
    *(lambda step=step: chain((1,), count(step, step)) for step in (2, 5, 10)),
)


def _piled_up(query: Tensor, keys: Tensor, wanted: int, share: float) -> int:
    """Multiply what is multiplied already: by 1, by 2, by 3 and so on."""
    products = accumulate(count(1), lambda product, factor: product * factor)
    enough = (_share(product, query, keys, wanted) > share for product in products)
    return next(factor for factor, reached in enumerate(enough, 1) if reached)


def _factor_cases() -> list[Arguments]:
    keys = torch.tensor([[1.0, 1.0], [2.0, -1.0], [1.0, -1.0]])
    query = torch.tensor([1.0, 1.0])
    cases: list[Arguments] = [(query, keys, 0, share) for share in (0.99, 0.9, 0.7, 0.99999)]
    # The best score lies above the next one by another number than 1, and many lie near.
    cases.append((torch.tensor([2.0]), torch.tensor([[1.0], [0.0]]), 0, 0.95))
    cases.append((torch.tensor([0.5]), torch.tensor([[1.0], [0.0], [0.0], [0.0]]), 0, 0.9))
    # Key 0 gets this share as well, with a larger factor.
    return [
        *cases,
        (torch.tensor([0.5]), torch.tensor([[0.9], [1.0], [0.0], [0.0]]), 1, 0.36),
    ]


def _other_wanted_cases() -> list[Arguments]:
    """Another key is wanted, and key 0 never gets this share: a search for it may never end."""
    keys = torch.tensor([[1.0, 1.0], [2.0, -1.0], [1.0, -1.0]])
    return [
        (torch.tensor([1.0, -2.0]), keys, 1, 0.99),
        (torch.tensor([1.0]), torch.tensor([[0.0], [1.0]]), 1, 0.95),
    ]


def _far_factor_cases() -> list[Arguments]:
    rows = ((0, [150.0, 0.0, -150.0]), (1, [-30.0, 30.0, 0.0]), (0, [100.0, 0.0, 1.0]))
    return [
        (torch.tensor([1.0]), torch.tensor(scores)[:, None], wanted, 0.99)
        for wanted, scores in rows
    ]


@check(
    "1.3",
    wrong={
        "off_by_one": (
            lambda *arguments: _factor(*arguments) - 1,
            lambda *arguments: _factor(*arguments) + 1,
        ),
        "not_whole": _real_factor,
        "share_ignored": lambda query, keys, wanted, share: _factor(query, keys, wanted, 0.99),
        "always_the_same": tuple(lambda *_, number=number: number for number in range(2, 21)),
        # It may have no such factor: then this one raises an error, and readers' loops end somehow.
        "first_key_wanted": lambda query, keys, wanted, share: _first_of(
            range(1, 1000), query, keys, 0, share
        ),
        "weights_stretched": lambda query, keys, wanted, share: (
            math.floor(share / _share(1, query, keys, wanted)) + 1
        ),
        "factors_pile_up": _piled_up,
        "numbers_skipped": tuple(
            lambda *arguments, factors=factors: _first_of(factors(), *arguments)
            for factors in SPARSE
        ),
        "scores_taken_as_given": (
            lambda query, keys, wanted, share: math.ceil(-math.log(1 - share)),
            lambda query, keys, wanted, share: math.ceil(math.log(share / (1 - share))),
            lambda query, keys, wanted, share: _factor(
                torch.tensor([1.0]), torch.tensor([[2.0], [1.0], [0.0]]), 0, share
            ),
        ),
        "other_keys_left_out": (
            lambda query, keys, wanted, share: math.ceil(
                -math.log(1 - share) / _gap(query, keys, wanted)
            ),
            lambda query, keys, wanted, share: math.ceil(
                math.log(share / (1 - share)) / _gap(query, keys, wanted)
            ),
        ),
        "wanted_ignored": lambda query, keys, wanted, share: _factor(
            query, keys, int((keys @ query).argmin()), 0.0
        ),
        "scale_not_asked": lambda query, keys, wanted, share: _factor(
            query / math.sqrt(len(query)), keys, wanted, share
        ),
        "returned_share": lambda query, keys, wanted, share: _share(
            _factor(query, keys, wanted, share), query, keys, wanted
        ),
        "returned_query": lambda query, keys, wanted, share: (
            _factor(query, keys, wanted, share) * query
        ),
    },
    inputs=[_factor_cases, _other_wanted_cases, _far_factor_cases],
    shrinks=False,
)
def smallest_factor(query: Tensor, keys: Tensor, wanted: int, share: float) -> int:
    """Check exercise 1.3: the smallest factor with which one key takes nearly all of the weight.

    Args:
        answer: Called as answer(query, keys, wanted, share), with tensors of shape (width,) and
            (k_len, width), the number of a key and a share below 1; returns a whole number.

    Returns:
        A result that shows itself.

    >>> check_smallest_factor(lambda query, keys, wanted, share=0.99: None)
    ○ Exercise 1.3: not attempted yet
    """
    return _factor(query, keys, wanted, share)


def _attend(queries: Tensor, keys: Tensor, values: Tensor, *, scale: float = 1.0) -> Tensor:
    return (scale * queries @ keys.mT).softmax(dim=-1) @ values


def _scaled(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return _attend(queries, keys, values, scale=queries.shape[-1] ** -0.5)


def _shifted(place: int) -> Callable[[Calls], bool]:
    """Say whether two calls differ in one argument alone, by the same row everywhere."""

    def shows(calls: Calls) -> bool:
        for one, other in pairs_of_calls(calls):
            rest = [i for i in range(3) if i != place]
            if all(torch.equal(one[i], other[i]) for i in rest):
                step = other[place] - one[place]
                if step.any() and torch.allclose(step, step[..., :1, :].expand_as(step)):
                    return True
        return False

    return shows


def _single_key(calls: Calls) -> bool:
    return bool(calls) and all(keys.shape[-2] == 1 for _, keys, *_ in calls)


@reader_test(
    "1.4",
    right={"plain_attention": in_double(_attend), "scaled_attention": in_double(_scaled)},
    wrong=lambda queries, keys, values: _attend(queries, values, values),
    without=("uses_reference",),
    signs={
        "single_key": _single_key,
        "same_input_twice": same_input_each_time,
        "keys_shifted": _shifted(1),
        "values_shifted": _shifted(2),
    },
)
def catches_unused_keys(attention: Callable[..., Tensor]) -> bool:
    """Check exercise 1.4: a test that finds an attention without keys.

    Args:
        answer: Called as answer(attention), where attention(queries, keys, values) returns the
            output; raises AssertionError, or returns False, if the attention is wrong.

    Returns:
        A result that shows itself.

    >>> check_catches_unused_keys(lambda attention: True).misconception
    'test_misses_bug'
    """
    queries, keys, values = Draw(0).normal(3, 4, 2)
    other_keys = Draw(1).normal(4, 2)
    before, after = (attention(queries, each, values) for each in (keys, other_keys))
    return not torch.allclose(before, after)
