"""Checks of chapter 3, continued: tests that find a leak, or a row of nothing."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from attnlib.checks.catching import Candidate, catching
from attnlib.checks.check import Check
from attnlib.checks.inputs import Arguments, Draw
from attnlib.checks.result import Result
from attnlib.functional import attention_weights, masked_softmax
from attnlib.masks import causal_mask


def check_is_causal(answer: Any) -> Result:
    """Check exercise 3.5: a leak test.

    Args:
        answer: Called as answer(layer, length, width), where layer takes and returns tensors of
            shape (1, length, width); returns True if no output depends on a later token.

    Returns:
        A result that shows itself.

    >>> check_is_causal(lambda layer, length, width: True).misconception
    'always_true'
    """
    return IS_CAUSAL(answer)


def check_catches_uniform_rows(answer: Any) -> Result:
    """Check exercise 3.4: a test that finds weights on forbidden keys.

    Args:
        answer: Called as answer(weights_of), where weights_of(scores, valid_lens) returns causal
            weights of texts that are filled up in front; raises AssertionError, or returns False,
            if a forbidden pair has a weight.

    Returns:
        A result that shows itself.

    >>> check_catches_uniform_rows(lambda weights_of: True).misconception
    'test_misses_bug'
    """
    return CATCHES_UNIFORM_ROWS(answer)


def _attending(allowed: Callable[[int], Tensor]) -> Callable[[Tensor], Tensor]:
    def layer(x: Tensor) -> Tensor:
        return attention_weights(x, x, allowed(x.shape[-2])) @ x

    return layer


def _running_mean(x: Tensor) -> Tensor:
    return x.cumsum(dim=-2) / torch.arange(1.0, x.shape[-2] + 1)[:, None]


def _looks_one_ahead(length: int) -> Tensor:
    return torch.ones(length, length).tril(1).bool()


def _with_hole(query: int, key: int) -> Callable[[int], Tensor]:
    """The causal mask, but for one pair that should be forbidden."""

    def allowed(length: int) -> Tensor:
        mask = causal_mask(length)
        mask[query : query + 1, key : key + 1] = True  # a short text may not reach so far
        return mask

    return allowed


def _previous_token(x: Tensor) -> Tensor:
    return torch.cat((torch.zeros_like(x[..., :1, :]), x[..., :-1, :]), dim=-2)


def _columns(x: Tensor) -> Tensor:
    scores = (x @ x.mT).masked_fill(~causal_mask(x.shape[-2]), -math.inf)
    return scores.softmax(dim=-2) @ x


def _centred(x: Tensor) -> Tensor:
    return _attending(causal_mask)(x - x.mean(dim=-2, keepdim=True))


CAUSAL_LAYERS = (
    _attending(causal_mask),
    lambda x: 2 * x,
    _running_mean,
    _previous_token,
    _attending(lambda length: torch.ones(length, length).tril(-1).bool()),
)
LEAKING_LAYERS = (
    _attending(lambda length: torch.ones(length, length, dtype=torch.bool)),
    _attending(_looks_one_ahead),
    _attending(_with_hole(0, 1)),
    _attending(_with_hole(0, 2)),
    _attending(_with_hole(1, 2)),
    _attending(lambda length: causal_mask(length).mT),
    _columns,
    _centred,
)


def influence(layer: Callable[[Tensor], Tensor], length: int, width: int) -> Tensor:
    """Say which outputs (rows) depend on which tokens (columns): (length, length), boolean."""
    x = Draw(0).normal(1, length, width)
    whole: Tensor = torch.autograd.functional.jacobian(layer, x)  # type: ignore[no-untyped-call]
    return (whole[0, :, :, 0].abs() > 1e-7).any(dim=-1).any(dim=1)


def is_causal(layer: Callable[[Tensor], Tensor], length: int, width: int) -> bool:
    """Say whether no output depends on a later token."""
    return not bool(influence(layer, length, width).triu(1).any())


def _layers() -> list[Arguments]:
    layers = [Candidate(each, True, "label.causal_layer") for each in CAUSAL_LAYERS]
    layers += [Candidate(each, False, "label.leaking_layer") for each in LEAKING_LAYERS]
    return [(layer, length, width) for length, width in ((3, 2), (5, 3)) for layer in layers]


IS_CAUSAL = Check(
    name="is_causal",
    exercise="3.5",
    names=("layer", "length", "width"),
    reference=is_causal,
    wrong={
        "always_true": lambda *_: True,
        "always_false": lambda *_: False,
        "verdict_reversed": lambda *arguments: not is_causal(*arguments),
        "past_taken_for_future": lambda *arguments: not bool(influence(*arguments).tril(-1).any()),
        "own_token_taken_for_future": lambda *arguments: (
            not bool(influence(*arguments).triu().any())
        ),
        "only_last_token_changed": lambda *arguments: (
            not bool(influence(*arguments)[:-1, -1].any())
        ),
        "only_next_token_changed": lambda *arguments: (
            not bool(influence(*arguments).diagonal(1).any())
        ),
        "only_first_output_watched": lambda *arguments: (
            not bool(influence(*arguments)[0, 1:].any())
        ),
    },
    stages=(_layers,),
    pure=False,
    shrinks=False,
)


def _front_mask(scores: Tensor, valid_lens: Tensor) -> Tensor:
    length = scores.shape[-1]
    real = torch.arange(length) >= length - valid_lens[:, None, None]
    return real & causal_mask(length)


def _zero_rows(scores: Tensor, valid_lens: Tensor) -> Tensor:
    return masked_softmax(scores, _front_mask(scores, valid_lens))


def _zero_rows_by_hand(scores: Tensor, valid_lens: Tensor) -> Tensor:
    mask = _front_mask(scores, valid_lens)
    return scores.masked_fill(~mask, -1e9).softmax(dim=-1) * mask


def _uniform_rows(scores: Tensor, valid_lens: Tensor) -> Tensor:
    return scores.masked_fill(~_front_mask(scores, valid_lens), -1e9).softmax(dim=-1)


CATCHES_UNIFORM_ROWS = catching(
    "catches_uniform_rows",
    "3.4",
    ("weights_of",),
    right=(_zero_rows, _zero_rows_by_hand),
    bugs=(_uniform_rows,),
)

CHECKS = (CATCHES_UNIFORM_ROWS, IS_CAUSAL)
