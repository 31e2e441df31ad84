"""Checks of chapter 3: who may look at whom."""

from typing import Any

import torch

from attnlib.checks.check import Check
from attnlib.checks.inputs import Arguments, Draw, grid
from attnlib.checks.mistakes.masks import (
    EXTREME_SCORES,
    WRONG_EMPTY_ROWS,
    WRONG_PADDING_MASKS,
    WRONG_SOFTMAX,
    WRONG_WITH_INFINITY,
    wrong_causal_masks,
    wrong_masked_attention,
)
from attnlib.checks.result import Result
from attnlib.functional import masked_softmax, scaled_dot_product_attention
from attnlib.masks import causal_mask, padding_mask


def check_causal_mask(answer: Any) -> Result:
    """Check exercise 3.2: the causal mask.

    Args:
        answer: Called as answer(q_len, k_len), with two whole numbers, q_len not larger
            than k_len; returns a boolean tensor of shape (q_len, k_len), True = may attend. The
            last query stands at the last key.

    Returns:
        A result that shows itself.

    >>> check_causal_mask(lambda q_len, k_len: torch.ones(q_len, k_len).tril().bool()).misconception
    'upper_left'
    """
    return CAUSAL_MASK(answer)


def check_padding_mask(answer: Any) -> Result:
    """Check exercise 3.3: the padding mask.

    Args:
        answer: Called as answer(valid_lens, k_len), with integers of shape (batch,) and a number;
            returns a boolean tensor of shape (batch, 1, k_len), True = may attend.

    Returns:
        A result that shows itself.

    >>> check_padding_mask(lambda valid_lens, k_len: torch.ones(2, 1, k_len).bool()).passed
    False
    """
    return PADDING_MASK(answer)


def check_masked_softmax(answer: Any) -> Result:
    """Check exercise 3.7: the softmax over the allowed keys.

    Args:
        answer: Called as answer(scores, mask), two tensors of shape (batch, q_len, k_len), the mask
            boolean, True = may attend; returns the weights. A row with nothing to attend to is
            all zeros.

    Returns:
        A result that shows itself.

    >>> check_masked_softmax(lambda scores, mask: scores.softmax(-1) * mask).misconception
    'mask_after_softmax'
    """
    return MASKED_SOFTMAX(answer)


def check_masked_attention(answer: Any) -> Result:
    """Check exercise 3.8: attention with a mask.

    Args:
        answer: Called as answer(query, key, value, mask), with tensors of shape (batch, q_len,
            head_dim), (batch, k_len, head_dim), (batch, k_len, value_dim) and a boolean one of
            shape (batch, q_len, k_len), True = may attend; returns the output. A query with
            nothing to attend to gets zeros.

    Returns:
        A result that shows itself.

    >>> check_masked_attention(lambda query, key, value, mask: value[:, :1])
    ✗ Exercise 3.8: not yet
    This is not right yet, and it is none of the mistakes that have a name here. ...
    """
    return MASKED_ATTENTION(answer)


CAUSAL_MASK = Check(
    name="causal_mask",
    exercise="3.2",
    names=("q_len", "k_len"),
    reference=causal_mask,
    wrong=wrong_causal_masks(),
    stages=(lambda: [(q_len, k_len) for k_len in range(1, 6) for q_len in range(1, k_len + 1)],),
)


def _lens(draw: Draw, batch: int, k_len: int) -> Arguments:
    valid_lens = draw.integers(batch).long() + 2  # 0 to 4
    return valid_lens.clamp(max=k_len), k_len


PADDING_MASK = Check(
    name="padding_mask",
    exercise="3.3",
    names=("valid_lens", "k_len"),
    reference=padding_mask,
    wrong=WRONG_PADDING_MASKS,
    stages=(lambda: grid(_lens, batch=(1, 2, 3), k_len=(1, 2, 3, 4, 5)),),
)


def _scores(draw: Draw, batch: int, q_len: int, k_len: int) -> Arguments:
    return draw.integers(batch, q_len, k_len), draw.mask(batch, q_len, k_len)


def _empty_rows(draw: Draw, q_len: int, k_len: int) -> Arguments:
    mask = draw.mask(1, q_len, k_len)
    mask[:, 0] = False
    return draw.integers(1, q_len, k_len), mask


MASKED_SOFTMAX = Check(
    name="masked_softmax",
    exercise="3.7",
    names=("scores", "mask"),
    reference=masked_softmax,
    wrong=WRONG_SOFTMAX | WRONG_WITH_INFINITY | WRONG_EMPTY_ROWS,
    stages=(
        lambda: [
            *grid(_scores, batch=(1, 2), q_len=(1, 2, 3), k_len=(2, 3, 5)),
            (Draw(0).normal(3, 5, 7), Draw(1).mask(3, 5, 7)),
            (Draw(2).normal(2, 5, 5), Draw(3).mask(2, 5, 5)),
        ],
        lambda: grid(_empty_rows, q_len=(1, 2, 3), k_len=(1, 2, 3)),
    ),
)


def _masked_tensors(draw: Draw, batch: int, q_len: int, k_len: int, width: int) -> Arguments:
    return (
        draw.integers(batch, q_len, width),
        draw.integers(batch, k_len, width),
        draw.integers(batch, k_len, 1),
        draw.mask(batch, q_len, k_len),
    )


def _extreme_cases() -> list[Arguments]:
    """A row of nothing; then allowed scores so low that a finite fill comes out above them.

    A fill that is divided as well is beaten by the same products of query and key whatever the
    width; one that is not, by 16 times larger ones in a head that is 256 times as wide.
    """

    def case(entry: float, width: int, allowed: bool) -> Arguments:
        query, key = torch.zeros(1, 1, width), torch.zeros(1, 2, width)
        query[..., 0], key[:, 0, 0] = entry, 1.0
        return query, key, torch.tensor([[[1.0], [0.0]]]), torch.tensor([[[allowed, False]]])

    extremes = [case(score, width, True) for score in EXTREME_SCORES for width in (4, 1024)]
    return [case(0.0, 4, False), *extremes]


MASKED_ATTENTION = Check(
    name="masked_attention",
    exercise="3.8",
    names=("query", "key", "value", "mask"),
    reference=lambda *arguments: scaled_dot_product_attention(*arguments)[0],
    wrong=wrong_masked_attention(),
    stages=(
        lambda: [
            *grid(_masked_tensors, batch=(1, 2), q_len=(1, 2), k_len=(2, 3), width=(2, 3)),
            (*(Draw(n).normal(2, 5, 7) for n in range(3)), Draw(3).mask(2, 5, 5)),
        ],
        _extreme_cases,
    ),
)

CHECKS = (CAUSAL_MASK, PADDING_MASK, MASKED_SOFTMAX, MASKED_ATTENTION)
