"""Checks of chapter 3: who may look at whom, and tests that find a leak or a row of nothing."""

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import torch
from torch import Tensor

from attnlib import masks
from attnlib.checks.chapters.c02_scaled_dot_product import (
    DIVISORS,
    attend,
    far_tensors,
)
from attnlib.checks.engine.check import check
from attnlib.checks.engine.inputs import Arguments, Candidate, Draw, grid
from attnlib.checks.engine.mistakes import WrongAnswers
from attnlib.checks.engine.reader_tests import Calls, reader_test
from attnlib.functional import attention_weights, scaled_dot_product_attention
from attnlib.functional import masked_softmax as right_softmax

# --- 3.2: the causal mask ---------------------------------------------------------------------


def _causal(
    q_len: int, k_len: int, *, strict: bool = False, upper_left: bool = False, ahead: bool = False
) -> Tensor:
    """The causal mask, and what comes of misreading it."""
    query = torch.arange(q_len)[:, None] + (0 if upper_left else k_len - q_len)
    key = torch.arange(k_len)
    allowed = key < query if strict else key <= query
    return ~allowed if ahead else allowed


def _additive(mask: Tensor, fill: float) -> Tensor:
    return torch.zeros(mask.shape).masked_fill(~mask, fill)


# Numbers that programs fill with, from the smallest that hides anything to the largest there is.
ADDED_FILLS = (
    -math.inf,
    *(-(10.0**power) for power in range(2, 33)),
    -(2.0**32) + 1,
    torch.finfo(torch.float32).min,
)


def _all_additive(mask: Callable[..., Tensor]) -> tuple[Callable[..., Tensor], ...]:
    return tuple(lambda *sizes, fill=fill: _additive(mask(*sizes), fill) for fill in ADDED_FILLS)


# What each misreading comes to; where two of them are one sentence, it is one mistake.
CAUSAL_MISTAKES: dict[tuple[bool, bool], tuple[str, ...]] = {  # (strict, ahead)
    (False, False): (),
    (True, False): ("diagonal_masked",),
    (False, True): ("mask_inverted",),
    (True, True): ("triangle_mirrored",),  # key >= query: the diagonal is allowed here
}


def wrong_causal_masks() -> WrongAnswers:
    """All ways to misread the causal mask, one mistake at a time and two at once."""
    wrong: WrongAnswers = {}
    for upper_left, ((strict, ahead), ids) in product((False, True), CAUSAL_MISTAKES.items()):
        chosen = (*ids, "upper_left") if upper_left else ids
        if chosen:
            wrong[chosen] = lambda q_len, k_len, options=(strict, upper_left, ahead): _causal(
                q_len, k_len, strict=options[0], upper_left=options[1], ahead=options[2]
            )
    return wrong | {
        "mask_for_padding": lambda q_len, k_len: torch.arange(k_len).expand(q_len, -1) < q_len,
        "everything_allowed": lambda q_len, k_len: torch.ones(q_len, k_len, dtype=torch.bool),
        "nothing_allowed": lambda q_len, k_len: torch.zeros(q_len, k_len, dtype=torch.bool),
        "lengths_swapped": (
            lambda q_len, k_len: masks.causal_mask(k_len, q_len),
            lambda q_len, k_len: _causal(k_len, q_len, upper_left=True),
            lambda q_len, k_len: masks.causal_mask(q_len, k_len).T,
        ),
        "square": (
            lambda q_len, k_len: masks.causal_mask(k_len),
            lambda q_len, k_len: masks.causal_mask(q_len),
        ),
        "only_oneself": (
            lambda q_len, k_len: torch.eye(q_len, k_len, dtype=torch.bool),
            lambda q_len, k_len: _causal(q_len, k_len) & ~_causal(q_len, k_len, strict=True),
        ),
        "one_ahead": lambda q_len, k_len: torch.ones(q_len, k_len).tril(k_len - q_len + 1).bool(),
        "offset_reversed": lambda q_len, k_len: torch.ones(q_len, k_len).tril(q_len - k_len).bool(),
        "offset_too_large": (lambda q_len, k_len: torch.ones(q_len, k_len).tril(q_len).bool(),),
        "additive_mask": (
            *_all_additive(masks.causal_mask),
            *_all_additive(lambda q_len, k_len: _causal(q_len, k_len, upper_left=True)),
        ),
    }


@check(
    "3.2",
    wrong=wrong_causal_masks(),
    inputs=[lambda: [(q_len, k_len) for k_len in range(1, 6) for q_len in range(1, k_len + 1)]],
)
def causal_mask(q_len: int, k_len: int) -> Tensor:
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
    return masks.causal_mask(q_len, k_len)


# --- 3.3: the padding mask --------------------------------------------------------------------


def _real(valid_lens: Tensor, k_len: int) -> Tensor:
    return torch.arange(k_len) < valid_lens[:, None]  # (batch, k_len)


WRONG_PADDING_MASKS: WrongAnswers = {
    "mask_inverted": lambda valid_lens, k_len: ~masks.padding_mask(valid_lens, k_len),
    "one_key_too_many": lambda valid_lens, k_len: torch.arange(k_len) <= valid_lens[:, None, None],
    "one_key_too_few": lambda valid_lens, k_len: (
        torch.arange(k_len) < valid_lens[:, None, None] - 1
    ),
    "only_last_real_key": lambda valid_lens, k_len: (
        torch.arange(k_len) == valid_lens[:, None, None] - 1
    ),
    "key_zero_lost": (
        lambda valid_lens, k_len: masks.padding_mask(valid_lens, k_len) & (torch.arange(k_len) > 0),
    ),
    "padding_in_front": lambda valid_lens, k_len: masks.padding_mask(valid_lens, k_len).flip(-1),
    "query_axis_missing": _real,
    "axis_in_front": lambda valid_lens, k_len: _real(valid_lens, k_len)[None],
    "one_axis_too_many": (
        lambda valid_lens, k_len: _real(valid_lens, k_len)[:, None, None],
        lambda valid_lens, k_len: _real(valid_lens, k_len)[:, None, :, None],
    ),
    "stretched_already": lambda valid_lens, k_len: masks.padding_mask(valid_lens, k_len).expand(
        -1, k_len, -1
    ),
    "longest_for_all": lambda valid_lens, k_len: masks.padding_mask(
        valid_lens.max().expand(len(valid_lens)), k_len
    ),
    "trimmed": lambda valid_lens, k_len: masks.padding_mask(
        valid_lens, int(valid_lens.max()) if len(valid_lens) else k_len
    ),
    ("query_axis_missing", "mask_inverted"): lambda valid_lens, k_len: ~_real(valid_lens, k_len),
    ("padding_in_front", "mask_inverted"): lambda valid_lens, k_len: (
        ~masks.padding_mask(valid_lens, k_len).flip(-1)
    ),
    "queries_masked": (
        lambda valid_lens, k_len: _real(valid_lens, k_len)[:, :, None],
        lambda valid_lens, k_len: _real(valid_lens, k_len)[:, :, None].expand(-1, -1, k_len),
    ),
    "queries_masked_too": lambda valid_lens, k_len: (
        _real(valid_lens, k_len)[:, :, None] & _real(valid_lens, k_len)[:, None, :]
    ),
    "everything_allowed": lambda valid_lens, k_len: torch.ones(
        len(valid_lens), 1, k_len, dtype=torch.bool
    ),
    "nothing_allowed": lambda valid_lens, k_len: torch.zeros(
        len(valid_lens), 1, k_len, dtype=torch.bool
    ),
    "causal_not_asked": lambda valid_lens, k_len: (
        masks.padding_mask(valid_lens, k_len) & masks.causal_mask(k_len)
    ),
    "additive_mask": _all_additive(masks.padding_mask),
}


def _lens(draw: Draw, batch: int, k_len: int) -> Arguments:
    valid_lens = draw.integers(batch).long() + 2  # 0 to 4
    return valid_lens.clamp(max=k_len), k_len


@check(
    "3.3",
    wrong=WRONG_PADDING_MASKS,
    inputs=[lambda: grid(_lens, batch=(1, 2, 3), k_len=(1, 2, 3, 4, 5))],
)
def padding_mask(valid_lens: Tensor, k_len: int) -> Tensor:
    """Check exercise 3.3: the padding mask.

    Args:
        answer: Called as answer(valid_lens, k_len), with integers of shape (batch,) and a number;
            returns a boolean tensor of shape (batch, 1, k_len), True = may attend.

    Returns:
        A result that shows itself.

    >>> check_padding_mask(lambda valid_lens, k_len: torch.ones(2, 1, k_len).bool()).passed
    False
    """
    return masks.padding_mask(valid_lens, k_len)


# --- 3.4: a test that finds weights on forbidden keys -----------------------------------------


def _front_mask(scores: Tensor, valid_lens: Tensor) -> Tensor:
    length = scores.shape[-1]
    real = torch.arange(length) >= length - valid_lens[:, None, None]
    return real & masks.causal_mask(length)


def _zero_rows(scores: Tensor, valid_lens: Tensor) -> Tensor:
    return right_softmax(scores, _front_mask(scores, valid_lens))


def _zero_rows_by_hand(scores: Tensor, valid_lens: Tensor) -> Tensor:
    mask = _front_mask(scores, valid_lens)
    return scores.masked_fill(~mask, -1e9).softmax(dim=-1) * mask


def _uniform_rows(scores: Tensor, valid_lens: Tensor) -> Tensor:
    return scores.masked_fill(~_front_mask(scores, valid_lens), -1e9).softmax(dim=-1)


def _never_filled_up(calls: Calls) -> bool:
    return bool(calls) and all((lens >= scores.shape[-1]).all() for scores, lens in calls)


@reader_test(
    "3.4",
    right={"zero_rows": _zero_rows, "zero_rows_by_hand": _zero_rows_by_hand},
    wrong=_uniform_rows,
    signs={"never_filled_up": _never_filled_up},
)
def catches_uniform_rows(weights_of: Callable[..., Tensor]) -> bool:
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
    scores, valid_lens = Draw(0).normal(2, 4, 4), torch.tensor([1, 3])
    return not weights_of(scores, valid_lens)[~_front_mask(scores, valid_lens)].any()


# --- 3.5: a leak test -------------------------------------------------------------------------


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
        mask = masks.causal_mask(length)
        mask[query : query + 1, key : key + 1] = True  # a short text may not reach so far
        return mask

    return allowed


def _previous_token(x: Tensor) -> Tensor:
    return torch.cat((torch.zeros_like(x[..., :1, :]), x[..., :-1, :]), dim=-2)


def _columns(x: Tensor) -> Tensor:
    scores = (x @ x.mT).masked_fill(~masks.causal_mask(x.shape[-2]), -math.inf)
    return scores.softmax(dim=-2) @ x


def _centred(x: Tensor) -> Tensor:
    return _attending(masks.causal_mask)(x - x.mean(dim=-2, keepdim=True))


def _without_what_features_share(x: Tensor) -> Tensor:
    """Look at everything; but to add the same to all features of a token changes nothing."""
    everyone = torch.ones(x.shape[-2], x.shape[-2], dtype=torch.bool)
    return _attending(lambda _: everyone)(x - x.mean(dim=-1, keepdim=True))


CAUSAL_LAYERS = (
    _attending(masks.causal_mask),
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
    _attending(lambda length: masks.causal_mask(length).mT),
    _columns,
    _centred,
    _without_what_features_share,
)


def _influence(layer: Callable[[Tensor], Tensor], length: int, width: int) -> Tensor:
    """Say which outputs (rows) depend on which tokens (columns): (length, length), boolean."""
    x = Draw(0).normal(1, length, width)
    whole: Tensor = torch.autograd.functional.jacobian(layer, x)  # type: ignore[no-untyped-call]
    return (whole[0, :, :, 0].abs() > 1e-7).any(dim=-1).any(dim=1)


def _influence_of_shifts(layer: Callable[[Tensor], Tensor], length: int, width: int) -> Tensor:
    """Say the same, as far as it shows when all features of a token are raised alike."""
    x = Draw(0).normal(1, length, width)
    raised = x + torch.eye(length)[:, :, None]  # (token raised, length, width)
    moved = torch.stack([layer(each[None])[0] for each in raised]) - layer(x)
    return (moved.abs() > 1e-6).any(dim=-1).T


def _verdicts(judge: Callable[[Tensor], bool]) -> tuple[Callable[..., bool], ...]:
    """Judge by what a layer is seen to do, with either probe."""
    return tuple(
        lambda *layer, probe=probe: judge(probe(*layer))
        for probe in (_influence, _influence_of_shifts)
    )


def _no_leak(layer: Callable[[Tensor], Tensor], length: int, width: int) -> bool:
    return not bool(_influence(layer, length, width).triu(1).any())


def _layers() -> list[Arguments]:
    layers = [Candidate(each, True, "candidate.causal_layer") for each in CAUSAL_LAYERS]
    layers += [Candidate(each, False, "candidate.leaking_layer") for each in LEAKING_LAYERS]
    cases: list[Arguments] = [
        (layer, length, width) for length, width in ((3, 2), (5, 3)) for layer in layers
    ]
    # So short that nothing earlier is changed before the last token, if changes pile up.
    return [*cases, *((layer, 2, 3) for layer in layers if layer.right)]


@check(
    "3.5",
    wrong={
        "always_true": lambda *_: True,
        "always_false": lambda *_: False,
        "features_changed_alike": lambda *layer: (
            not bool(_influence_of_shifts(*layer).triu(1).any())
        ),
        "verdict_reversed": _verdicts(lambda seen: bool(seen.triu(1).any())),
        "past_taken_for_future": _verdicts(lambda seen: not bool(seen.tril(-1).any())),
        "own_token_taken_for_future": _verdicts(lambda seen: not bool(seen.triu().any())),
        "exact_mask_demanded": _verdicts(
            lambda seen: torch.equal(seen, masks.causal_mask(len(seen)))
        ),
        "only_last_token_changed": _verdicts(lambda seen: not bool(seen[:-1, -1].any())),
        "only_next_token_changed": _verdicts(lambda seen: not bool(seen.diagonal(1).any())),
        "only_first_output_watched": _verdicts(lambda seen: not bool(seen[0, 1:].any())),
        "every_pair_demanded": _verdicts(
            lambda seen: not bool(seen[masks.causal_mask(len(seen)).logical_not()].all())
        ),
        "changes_pile_up": (  # the first token is changed as well, or is not
            *_verdicts(lambda seen: not bool(seen[:-1].any())),
            *_verdicts(lambda seen: not bool(seen[:-1, 1:].any())),
        ),
        ("only_last_token_changed", "only_first_output_watched"): _verdicts(
            lambda seen: not bool(seen[0, -1])
        ),
        "any_influence_counts": _verdicts(
            lambda seen: not bool((seen & ~torch.eye(len(seen), dtype=torch.bool)).any())
        ),
    },
    inputs=[_layers],
    repeatable=False,
    shrinks=False,
)
def is_causal(layer: Callable[[Tensor], Tensor], length: int, width: int) -> bool:
    """Check exercise 3.5: a leak test.

    Args:
        answer: Called as answer(layer, length, width), where layer takes and returns tensors of
            shape (1, length, width); returns True if no output depends on a later token.

    Returns:
        A result that shows itself.

    >>> check_is_causal(lambda layer, length, width: True).misconception
    'always_true'
    """
    return _no_leak(layer, length, width)


# --- 3.7: the softmax over the allowed keys ---------------------------------------------------

FILLS = (-math.inf, -1e9)  # what stands in a row of nothing depends on the fill


def _fill(scores: Tensor, mask: Tensor, fill: float = -math.inf, dim: int = -1) -> Tensor:
    return scores.masked_fill(~mask, fill).softmax(dim=dim)


def _filled(**options: Any) -> tuple[Callable[..., Tensor], ...]:
    """Masked softmax with a mistake, in the spellings that differ in rows of nothing."""
    variants = [lambda s, m, f=f: _fill(s, m, f, **options) for f in FILLS]
    return (*variants, lambda s, m: _fill(s, m, **options).nan_to_num())


def _divided(kept: Tensor) -> Tensor:
    return kept / kept.sum(dim=-1, keepdim=True)


def _without_exponential(scores: Tensor, mask: Tensor) -> Tensor:
    return _divided(scores * mask)


# What is cleaned up after a finite fill: all forbidden weights, or rows of nothing alone.
CLEANED: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda mask: mask,
    lambda mask: mask.any(dim=-1, keepdim=True),
)


def _as_they_are(mask: Tensor) -> Tensor:
    return torch.ones(())


AFTER_SOFTMAX: tuple[Callable[..., Tensor], ...] = (
    lambda s, m: s.softmax(dim=-1) * m,
    lambda s, m: s.softmax(dim=-1).masked_fill(~m, -1e9),
)
WITHOUT_SOFTMAX: tuple[Callable[..., Tensor], ...] = (
    lambda s, m: s.masked_fill(~m, -1e9),
    lambda s, m: s * m,
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
    "scores_ignored": (lambda s, m: m / m.sum(-1, keepdim=True).clamp(min=1), lambda s, m: m * 1.0),
    "scores_zeroed": lambda s, m: (s * m).softmax(dim=-1),
    "mask_added": (lambda s, m: (s + m).softmax(dim=-1),),
    "fill_too_small": tuple(
        lambda s, m, fill=fill: _fill(s, m, fill) for fill in (-1.0, -2.0, -5.0)
    ),
    "queries_masked": tuple(
        lambda s, m, variant=variant: variant(s, m.mT) for variant in _filled()
    ),
    "exponential_missing": _without_exponential,
    "softmax_missing": WITHOUT_SOFTMAX,
    "division_missing": (
        lambda s, m: s.exp() * m,
        lambda s, m: (s - s.max()).exp() * m,
        lambda s, m: (s - s.amax(dim=-1, keepdim=True)).exp() * m,
        lambda s, m: (s - s.masked_fill(~m, -math.inf).amax(dim=-1, keepdim=True)).exp() * m,
    ),
    "zero_times_infinity": tuple(
        lambda s, m, cleaned=cleaned: cleaned((s + ~m * -math.inf).softmax(dim=-1), m)
        for cleaned in (
            lambda weights, m: weights,
            lambda weights, m: weights.nan_to_num(),
            lambda weights, m: weights.masked_fill(~m, 0.0),
        )
    ),
    "logarithm_left": lambda s, m: s.masked_fill(~m, -math.inf).log_softmax(dim=-1),
    "softmax_twice": lambda s, m: _fill(_fill(s, m), m),
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


def _kept_later(scores: Tensor, mask: Tensor) -> Tensor:
    """Weights of the allowed keys after a softmax in which forbidden ones took part."""
    return scores.softmax(dim=-1) * mask


def _sum(kept: Tensor) -> Tensor:
    return kept.sum(dim=-1, keepdim=True)


# Right on paper. In float32, forbidden scores that are larger by far leave nothing to divide.
DIVIDED_AFTERWARDS: tuple[Callable[..., Tensor], ...] = (
    lambda s, m: _divided(_kept_later(s, m)).nan_to_num(),
    *(
        lambda s, m, small=small: _kept_later(s, m) / (_sum(_kept_later(s, m)) + small)
        for small in (10.0**-power for power in (5, 6, 7, 8, 9, 10, 12, 15, 16, 20, 24, 30))
    ),
    *(
        lambda s, m, small=small: _kept_later(s, m) / _sum(_kept_later(s, m)).clamp(min=small)
        for small in (10.0**-power for power in (5, 6, 7, 8, 9, 10, 12, 15, 16, 20, 24, 30))
    ),
)


def _without_largest(scores: Tensor, mask: Tensor, *, filled: bool, small: float = 0.0) -> Tensor:
    """Divided exponentials: `exp(s) * mask`, or the exponentials of filled scores."""
    kept = scores.masked_fill(~mask, -math.inf).exp() if filled else scores.exp() * mask
    return kept / (_sum(kept) + small)


OVERFLOWING: tuple[Callable[..., Tensor], ...] = tuple(
    variant
    for filled in (False, True)
    for variant in (
        lambda s, m, filled=filled: _without_largest(s, m, filled=filled, small=1e-9),
        lambda s, m, filled=filled: _without_largest(s, m, filled=filled).nan_to_num(),
        lambda s, m, filled=filled: torch.where(
            m.any(-1, keepdim=True), _without_largest(s, m, filled=filled), 0.0
        ),
    )
)

# Empty rows are looked for in the whole mask, or in the whole of a phrase.
EMPTY_BESIDE_OTHERS: tuple[Callable[..., Tensor], ...] = tuple(
    lambda s, m, fill=fill, axes=axes: _fill(s, m, fill).where(m.any(axes, keepdim=True), 0.0)
    for fill in FILLS
    for axes in ((-2, -1), (-3, -2, -1))
)
WRONG_EMPTY_ROWS: WrongAnswers = {
    "empty_row_nan": _fill,
    "finite_fill": (
        lambda s, m: _fill(s, m, -1e9),
        lambda s, m: (s - 1e4 * ~m).softmax(dim=-1),  # an empty row comes back unmasked
        lambda s, m: _fill(s, m, -100.0),
    ),
    "empty_row_beside_others": EMPTY_BESIDE_OTHERS,
}
WRONG_FAR_SCORES: WrongAnswers = {
    "divided_afterwards": DIVIDED_AFTERWARDS,
    "exponential_overflows": OVERFLOWING,
    "fill_beaten": tuple(
        lambda s, m, fill=fill, keep=keep: _fill(s, m, fill) * keep(m)
        for fill in (-20.0, -50.0, -100.0)
        for keep in CLEANED
    ),
}


def _scores(draw: Draw, batch: int, q_len: int, k_len: int) -> Arguments:
    return draw.integers(batch, q_len, k_len), draw.mask(batch, q_len, k_len)


def _empty_rows(draw: Draw, q_len: int, k_len: int) -> Arguments:
    mask = draw.mask(1, q_len, k_len)
    mask[:, 0] = False
    return draw.integers(1, q_len, k_len), mask


# Rows of scores, with what is allowed; forbidden ones far above, far below, and all of them far.
FAR_ROWS: tuple[tuple[tuple[float, ...], tuple[bool, ...]], ...] = (
    ((30.0, -30.0, 0.0), (True, True, False)),
    ((0.0, 1.0, 22.0), (True, True, False)),
    ((0.0, 1.0, 30.0), (True, True, False)),
    ((100.0, 99.0, 0.0), (True, True, False)),
    ((100.0, 0.0, 1.0), (False, True, True)),
    ((-150.0, 0.0, -150.0), (True, False, False)),
    ((-150.0, -149.0, 0.0), (True, True, False)),
    ((150.0, -150.0, -149.0), (False, True, True)),
)


@check(
    "3.7",
    wrong=WRONG_SOFTMAX | WRONG_WITH_INFINITY | WRONG_EMPTY_ROWS | WRONG_FAR_SCORES,
    inputs=[
        lambda: [
            *grid(_scores, batch=(1, 2), q_len=(1, 2, 3), k_len=(2, 3, 5)),
            (Draw(0).normal(3, 5, 7), Draw(1).mask(3, 5, 7)),
            (Draw(2).normal(2, 5, 5), Draw(3).mask(2, 5, 5)),
        ],
        lambda: grid(_empty_rows, q_len=(1, 2, 3), k_len=(1, 2, 3)),
        lambda: [(torch.tensor([[row]]), torch.tensor([[mask]])) for row, mask in FAR_ROWS],
    ],
)
def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
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
    return right_softmax(scores, mask)


# --- 3.8: attention with a mask ---------------------------------------------------------------

# How low an allowed score may be, one for each order of magnitude (to the base 16) ...
EXTREME_SCORES = tuple(-1.1 * 16.0**power for power in range(1, 12))
# ... in a wide head, where scores lie close together, only those that are far from each fill ...
WIDE_SCORES = (-1300.0, *EXTREME_SCORES[2:])
# ... and a fill between each two of them: from -50 on no other between the same two makes another
# difference.
FINITE_FILLS = (-70.0, -600.0, -2400.0, *(score / 4 for score in EXTREME_SCORES[3:]))


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


def _finite(
    weights: Callable[..., Tensor],
    keep: Callable[[Tensor], Tensor],
) -> tuple[Callable[..., Tensor], ...]:
    """Attention with each finite fill; `keep`: what weights are multiplied by afterwards."""

    def answer(fill: float) -> Callable[..., Tensor]:
        def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
            return weights(query, key, mask, fill) * keep(mask) @ value

        return attention

    return tuple(map(answer, FINITE_FILLS))


def wrong_masked_attention() -> WrongAnswers:
    """The mistakes of scale and softmax, and those of the fill."""
    wrong: WrongAnswers = {}
    for id_, divisor in DIVISORS.items():
        wrong[id_] = lambda q, k, v, m, divisor=divisor: attend(
            q, k, v, divisor=divisor, normalise=lambda s: right_softmax(s, m)
        )
    for ids, variants in WRONG_SOFTMAX.items():
        several = variants if isinstance(variants, tuple) else (variants,)
        wrong[ids] = tuple(map(_attention, several))
    wrong["scale_missing", "mask_after_softmax"] = lambda q, k, v, m: (
        (q @ k.mT).softmax(dim=-1) * m @ v
    )
    wrong["scale_missing", "mask_inverted"] = tuple(
        lambda q, k, v, m, fill=fill: _fill(q @ k.mT, ~m, fill) @ v for fill in FILLS
    )
    wrong["scale_missing", "mask_ignored"] = lambda q, k, v, m: (q @ k.mT).softmax(dim=-1) @ v
    wrong["divided_after_fill"] = tuple(
        variant
        for keep in (_as_they_are, *CLEANED)
        for variant in _finite(_divided_after_fill, keep)
    )
    wrong["empty_row_nan"] = _attention(_fill)
    wrong["finite_fill"] = (
        *_finite(_divided_before_fill, _as_they_are),
        _attention(lambda s, m: _fill(s, m, -3e38)),  # lower than all scores that are tried
    )
    wrong["empty_row_beside_others"] = tuple(map(_attention, EMPTY_BESIDE_OTHERS))
    wrong["fill_beaten"] = tuple(
        variant for keep in CLEANED for variant in _finite(_divided_before_fill, keep)
    )
    # Without a guard against an empty row these have two faults; the first is what they are.
    unguarded = (lambda s, m: _divided(_kept_later(s, m)),)
    wrong["divided_afterwards"] = tuple(map(_attention, (*DIVIDED_AFTERWARDS, *unguarded)))
    overflowing = tuple(
        lambda s, m, filled=filled: _without_largest(s, m, filled=filled)
        for filled in (False, True)
    )
    wrong["exponential_overflows"] = tuple(map(_attention, (*OVERFLOWING, *overflowing)))
    wrong["returned_weights"] = lambda q, k, v, m: right_softmax(
        q @ k.mT / math.sqrt(q.shape[-1]), m
    )
    return wrong


def _masked_tensors(draw: Draw, batch: int, q_len: int, k_len: int, width: int) -> Arguments:
    return (
        draw.integers(batch, q_len, width),
        draw.integers(batch, k_len, width),
        draw.integers(batch, k_len, 1),
        draw.mask(batch, q_len, k_len),
    )


def _far_masked() -> list[Arguments]:
    """A row of nothing, alone and beside another; then rows with scores that lie far apart."""
    cases: list[Arguments] = [
        (
            torch.zeros(1, len(rows), 4),
            torch.zeros(1, 2, 4),
            torch.ones(1, 2, 1),
            torch.tensor([rows]),
        )
        for rows in ([[False, False]], [[False, False], [True, False]])
    ]
    return [*cases, *((*far_tensors(row), torch.tensor([[mask]])) for row, mask in FAR_ROWS)]


def _extreme_cases() -> list[Arguments]:
    """Allowed scores so low that a finite fill comes out above them.

    A fill that is divided as well is beaten by the same products of query and key whatever the
    width; one that is not, by 16 times larger ones in a head that is 256 times as wide.
    """

    def case(entry: float, width: int) -> Arguments:
        query, key = torch.zeros(1, 1, width), torch.zeros(1, 2, width)
        query[..., 0], key[:, 0, 0] = entry, 1.0
        return query, key, torch.tensor([[[1.0], [0.0]]]), torch.tensor([[[True, False]]])

    cases = [*((each, 4) for each in EXTREME_SCORES), *((each, 1024) for each in WIDE_SCORES)]
    return [case(score, width) for score, width in sorted(cases, reverse=True)]


@check(
    "3.8",
    wrong=wrong_masked_attention(),
    inputs=[
        lambda: [
            *grid(_masked_tensors, batch=(1, 2), q_len=(1, 2), k_len=(2, 3), width=(2, 3)),
            (*(Draw(n).normal(2, 5, 7) for n in range(3)), Draw(3).mask(2, 5, 5)),
        ],
        lambda: [*_far_masked(), *_extreme_cases()],
    ],
)
def masked_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
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
    return scaled_dot_product_attention(query, key, value, mask)[0]
