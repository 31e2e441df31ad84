"""Mistakes of chapter 3: masks, and what becomes of them in the softmax."""

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import torch
from torch import Tensor

from attnlib.checks.check import WrongAnswers
from attnlib.checks.mistakes.scaled_dot_product import DIVISORS, attend
from attnlib.functional import masked_softmax
from attnlib.masks import causal_mask, padding_mask


def causal(
    q_len: int, k_len: int, *, strict: bool = False, upper_left: bool = False, ahead: bool = False
) -> Tensor:
    """The causal mask, and what comes of misreading it."""
    query = torch.arange(q_len)[:, None] + (0 if upper_left else k_len - q_len)
    key = torch.arange(k_len)
    allowed = key < query if strict else key <= query
    return ~allowed if ahead else allowed


def wrong_causal_masks() -> WrongAnswers:
    """All ways to misread the causal mask, one mistake first and all three at once last."""
    flags = {"mask_inverted": "ahead", "upper_left": "upper_left", "diagonal_masked": "strict"}
    wrong: WrongAnswers = {}
    combinations = sorted(product((False, True), repeat=3), key=sum)
    for chosen in combinations[1:]:
        ids = tuple(id_ for id_, on in zip(flags, chosen, strict=True) if on)
        options = dict(zip(flags.values(), chosen, strict=True))
        wrong[ids] = lambda q_len, k_len, options=options: causal(q_len, k_len, **options)
    return wrong | OTHER_CAUSAL_MASKS


def _additive(mask: Tensor, fill: float) -> Tensor:
    return torch.zeros(mask.shape).masked_fill(~mask, fill)


def _padding(valid_lens: Tensor, k_len: int) -> Tensor:
    return torch.arange(k_len) < valid_lens[:, None]  # (batch, k_len)


# Numbers that programs fill with, from the smallest that hides anything to the largest there is.
ADDED_FILLS = (
    -math.inf,
    *(-(10.0**power) for power in range(2, 33)),
    -(2.0**32) + 1,
    torch.finfo(torch.float32).min,
)


def _all_additive(mask: Callable[..., Tensor]) -> tuple[Callable[..., Tensor], ...]:
    return tuple(lambda *sizes, fill=fill: _additive(mask(*sizes), fill) for fill in ADDED_FILLS)


OTHER_CAUSAL_MASKS: WrongAnswers = {
    "mask_for_padding": lambda q_len, k_len: torch.arange(k_len).expand(q_len, -1) < q_len,
    "everything_allowed": lambda q_len, k_len: torch.ones(q_len, k_len, dtype=torch.bool),
    "nothing_allowed": lambda q_len, k_len: torch.zeros(q_len, k_len, dtype=torch.bool),
    "lengths_swapped": (
        lambda q_len, k_len: causal_mask(k_len, q_len),
        lambda q_len, k_len: causal(k_len, q_len, upper_left=True),
        lambda q_len, k_len: causal_mask(q_len, k_len).T,
    ),
    "additive_mask": (
        *_all_additive(causal_mask),
        *_all_additive(lambda q_len, k_len: causal(q_len, k_len, upper_left=True)),
    ),
}

WRONG_PADDING_MASKS: WrongAnswers = {
    "mask_inverted": lambda valid_lens, k_len: ~padding_mask(valid_lens, k_len),
    "one_key_too_many": lambda valid_lens, k_len: torch.arange(k_len) <= valid_lens[:, None, None],
    "one_key_too_few": lambda valid_lens, k_len: (
        torch.arange(k_len) < valid_lens[:, None, None] - 1
    ),
    "padding_in_front": lambda valid_lens, k_len: padding_mask(valid_lens, k_len).flip(-1),
    "query_axis_missing": _padding,
    ("query_axis_missing", "mask_inverted"): lambda valid_lens, k_len: ~_padding(valid_lens, k_len),
    "queries_masked": (
        lambda valid_lens, k_len: _padding(valid_lens, k_len)[:, :, None],
        lambda valid_lens, k_len: _padding(valid_lens, k_len)[:, :, None].expand(-1, -1, k_len),
    ),
    "queries_masked_too": lambda valid_lens, k_len: (
        _padding(valid_lens, k_len)[:, :, None] & _padding(valid_lens, k_len)[:, None, :]
    ),
    "everything_allowed": lambda valid_lens, k_len: torch.ones(
        len(valid_lens), 1, k_len, dtype=torch.bool
    ),
    "additive_mask": _all_additive(padding_mask),
}

FILLS = (-math.inf, -1e9)  # what stands in a row of nothing depends on the fill


def _fill(scores: Tensor, mask: Tensor, fill: float = -math.inf, dim: int = -1) -> Tensor:
    return scores.masked_fill(~mask, fill).softmax(dim=dim)


def _filled(**options: Any) -> tuple[Callable[..., Tensor], ...]:
    """Masked softmax with a mistake, in the spellings that differ in rows of nothing."""
    variants = [lambda s, m, f=f: _fill(s, m, f, **options) for f in FILLS]
    return (*variants, lambda s, m: _fill(s, m, **options).nan_to_num())


def _without_exponential(scores: Tensor, mask: Tensor) -> Tensor:
    allowed = scores * mask
    return allowed / allowed.sum(dim=-1, keepdim=True)


AFTER_SOFTMAX: tuple[Callable[..., Tensor], ...] = (
    lambda s, m: s.softmax(dim=-1) * m,
    lambda s, m: s.softmax(dim=-1).masked_fill(~m, -1e9),
)
WITHOUT_SOFTMAX: tuple[Callable[..., Tensor], ...] = (
    lambda s, m: s.masked_fill(~m, -1e9),
    lambda s, m: s * m,
    lambda s, m: s.exp() * m,
)
WRONG_SOFTMAX: WrongAnswers = {
    "mask_inverted": tuple(lambda s, m, variant=variant: variant(s, ~m) for variant in _filled()),
    "mask_after_softmax": AFTER_SOFTMAX,
    "softmax_over_queries": _filled(dim=-2),
    "softmax_over_batch": _filled(dim=0),
    "softmax_over_everything": (
        lambda s, m: _fill(s.flatten(1), m.flatten(1)).view(s.shape),
        lambda s, m: _fill(s.flatten(), m.flatten()).view(s.shape),
    ),
    "mask_ignored": lambda s, m: s.softmax(dim=-1),
    "scores_zeroed": lambda s, m: (s * m).softmax(dim=-1),
    "mask_added": lambda s, m: (s + m).softmax(dim=-1),
    "queries_masked": tuple(
        lambda s, m, variant=variant: variant(s, m.mT) for variant in _filled()
    ),
    "exponential_missing": _without_exponential,
    "softmax_missing": WITHOUT_SOFTMAX,
    ("mask_inverted", "mask_after_softmax"): lambda s, m: s.softmax(dim=-1) * ~m,
    ("softmax_over_queries", "mask_after_softmax"): lambda s, m: s.softmax(dim=-2) * m,
    ("softmax_over_queries", "mask_inverted"): tuple(
        lambda s, m, variant=variant: variant(s, ~m) for variant in _filled(dim=-2)
    ),
}


# Spellings that end with infinities: with values behind them, both come to the same NaN.
WRONG_WITH_INFINITY: WrongAnswers = {
    "mask_after_softmax": (*AFTER_SOFTMAX, lambda s, m: s.softmax(-1).masked_fill(~m, -math.inf)),
    "softmax_missing": (*WITHOUT_SOFTMAX, lambda s, m: s.masked_fill(~m, -math.inf)),
}

WRONG_EMPTY_ROWS: WrongAnswers = {
    "empty_row_nan": _fill,
    "finite_fill": (
        lambda s, m: _fill(s, m, -1e9),
        lambda s, m: (s - 1e4 * ~m).softmax(dim=-1),  # an empty row comes back unmasked
    ),
}

# How low an allowed score may be, one for each order of magnitude (to the base 16) ...
EXTREME_SCORES = tuple(-1.1 * 16.0**power for power in range(1, 12))
# ... and a fill between each two of them: no other between the same two makes another difference.
FINITE_FILLS = tuple(score / 4 for score in EXTREME_SCORES[1:])


def _attention(weights: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Attention whose softmax takes the mask as well."""
    return lambda query, key, value, mask: attend(
        query, key, value, normalise=lambda scores: weights(scores, mask)
    )


def _divided_after_fill(query: Tensor, key: Tensor, mask: Tensor, fill: float) -> Tensor:
    scores = (query @ key.mT).masked_fill(~mask, fill)
    return (scores / math.sqrt(query.shape[-1])).softmax(dim=-1)


def _divided_before_fill(query: Tensor, key: Tensor, mask: Tensor, fill: float) -> Tensor:
    return _fill(query @ key.mT / math.sqrt(query.shape[-1]), mask, fill)


def _finite(weights: Callable[..., Tensor], *, cleaned: bool) -> tuple[Callable[..., Tensor], ...]:
    """Attention with each finite fill; `cleaned`: forbidden weights become zeros afterwards."""

    def answer(fill: float) -> Callable[..., Tensor]:
        def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
            chosen = weights(query, key, mask, fill)
            return (chosen * mask if cleaned else chosen) @ value

        return attention

    return tuple(map(answer, FINITE_FILLS))


def wrong_masked_attention() -> WrongAnswers:
    """The mistakes of scale and softmax, and those of the fill."""
    wrong: WrongAnswers = {}
    for id_, divisor in DIVISORS.items():
        wrong[id_] = lambda q, k, v, m, divisor=divisor: attend(
            q, k, v, divisor=divisor, normalise=lambda s: masked_softmax(s, m)
        )
    for ids, variants in WRONG_SOFTMAX.items():
        several = variants if isinstance(variants, tuple) else (variants,)
        wrong[ids] = tuple(map(_attention, several))
    wrong["scale_missing", "mask_after_softmax"] = lambda q, k, v, m: (
        (q @ k.mT).softmax(dim=-1) * m @ v
    )
    wrong["divided_after_fill"] = (
        *_finite(_divided_after_fill, cleaned=False),
        *_finite(_divided_after_fill, cleaned=True),
    )
    wrong["empty_row_nan"] = _attention(_fill)
    wrong["finite_fill"] = (
        *_finite(_divided_before_fill, cleaned=False),
        _attention(lambda s, m: _fill(s, m, -3e38)),  # lower than all scores that are tried
    )
    wrong["fill_beaten"] = _finite(_divided_before_fill, cleaned=True)
    return wrong
