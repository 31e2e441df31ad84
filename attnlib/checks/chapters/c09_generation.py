"""Checks of chapter 9: choosing the next token, and a cache of keys and values."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from attnlib import masks
from attnlib.checks.chapters.c02_scaled_dot_product import DIVISORS, NORMALISERS
from attnlib.checks.engine.check import check
from attnlib.checks.engine.inputs import Arguments, Draw, grid
from attnlib.checks.engine.mistakes import WrongAnswers
from attnlib.checks.engine.predictions import Numbers, prediction
from attnlib.checks.engine.reader_tests import Calls, reader_test
from attnlib.positional import RotaryPositionalEncoding


@prediction(
    "9.1",
    wrong={
        "last_token_read": ([60, 15, 240], [75, 15, 240], [75, 14, 240]),
        "cache_prompt_forgotten": ([60, 5, 240], [60, 4, 240]),
        "prompt_not_read": ([10, 4, 240], [15, 5, 240]),
        "prompt_only_each_time": ([50, 14, 240], [50, 5, 240]),
        "prompt_token_by_token": ([105, 14, 240], [120, 15, 240]),
        "counts_swapped": [14, 60, 240],
        "keys_alone": [60, 14, 120],
        "one_block_alone": ([60, 14, 80], [60, 14, 40]),
        "heads_counted_twice": ([60, 14, 1200], [60, 14, 600]),
        "one_head_alone": ([60, 14, 48], [60, 14, 24], [60, 14, 16]),
        "bytes_given": ([60, 14, 960], [60, 14, 480]),
        "whole_text_held": ([60, 14, 3360], [60, 14, 3600]),
        "queries_kept": [60, 14, 360],
    },
)
def cache_numbers() -> Numbers:
    """Check exercise 9.1: what is read without a cache and with one, and what a cache holds.

    Args:
        answer: Three numbers.

    Returns:
        A result that shows itself; `passed` is None as long as a number is `...`.

    >>> check_cache_numbers([60, 15, 240]).misconception
    'last_token_read'
    """
    return [60, 14, 240]


# --- 9.2 to 9.4: choosing ---------------------------------------------------------------------

OVER_OTHER_AXES: dict[str, tuple[Callable[[Tensor], Tensor], ...]] = {
    "softmax_over_rows": (lambda scores: scores.softmax(dim=0),),
    "one_softmax_for_the_batch": (
        lambda scores: scores.flatten().softmax(dim=0).view(scores.shape),
    ),
}


def _softmax(scores: Tensor) -> Tensor:
    return scores.softmax(dim=-1)


def _certain(logits: Tensor) -> Tensor:
    """All weight on the largest."""
    return torch.zeros_like(logits).scatter(-1, logits.argmax(-1, keepdim=True), 1.0)


def _at_temperature(
    logits: Tensor,
    temperature: float,
    *,
    at_zero: Callable[[Tensor], Tensor] = _certain,
    warm: Callable[[Tensor, float], Tensor] = lambda logits, t: (logits / t).softmax(dim=-1),
) -> Tensor:
    return at_zero(logits) if temperature == 0 else warm(logits, temperature)


WARM: dict[str, tuple[Callable[[Tensor, float], Tensor], ...]] = {
    "temperature_multiplied": (lambda logits, t: _softmax(logits * t),),
    "temperature_after_softmax": (
        lambda logits, t: _softmax(logits) / t,
        lambda logits, t: _softmax(logits) * t,
    ),
    "temperature_inside_twice": (
        lambda logits, t: _softmax(_softmax(logits) / t),
        lambda logits, t: _softmax(_softmax(logits / t)),
    ),
    "temperature_ignored": (lambda logits, t: _softmax(logits),),
    "temperature_squared": (
        lambda logits, t: _softmax(logits / t**2),
        lambda logits, t: _softmax(logits / math.sqrt(t)),
    ),
    "exponentials_undivided": (lambda logits, t: (logits / t).exp(),),
    "logs_of_probabilities": (lambda logits, t: (logits / t).log_softmax(dim=-1),),
    "logits_returned": (lambda logits, t: logits / t,),
    "unlikeliest_favoured": (lambda logits, t: _softmax(-logits / t),),
    "always_certain": (lambda logits, t: _certain(logits),),
    "exponential_overflows": (
        lambda logits, t: (logits / t).exp() / (logits / t).exp().sum(-1, keepdim=True),
    ),
    **{
        id_: tuple(lambda logits, t, over=over: over(logits / t) for over in several)
        for id_, several in OVER_OTHER_AXES.items()
    },
}
# What stands there at temperature 0.
AT_ZERO: dict[str, tuple[Callable[[Tensor], Tensor], ...]] = {
    "divided_by_zero": (
        lambda logits: _softmax(logits / 0),
        lambda logits: torch.full_like(logits, math.nan),
    ),
    "zero_taken_for_one": (_softmax,),
    "zero_taken_for_even": (
        lambda logits: torch.full_like(logits, 1 / logits.shape[-1]),
        lambda logits: _softmax(logits * 0),
    ),
    "smallest_chosen": (lambda logits: _certain(-logits),),
    "logits_left_at_zero": (lambda logits: logits,),
    "one_chosen_of_all": (
        lambda logits: (logits == logits.max()).float(),
        lambda logits: _certain(logits.flatten()).view(logits.shape),
    ),
}


def wrong_temperatures() -> WrongAnswers:
    """One mistake at temperature 0, or one elsewhere, which is named first."""

    def answer(**change: Any) -> Callable[..., Tensor]:
        return lambda logits, temperature: _at_temperature(logits, temperature, **change)

    wrong: WrongAnswers = {
        id_: tuple(answer(warm=each) for each in several) for id_, several in WARM.items()
    }
    wrong |= {
        id_: tuple(answer(at_zero=each) for each in several) for id_, several in AT_ZERO.items()
    }
    # Multiplied by 0 the logits are even; and who forgets the softmax forgets it there, too.
    wrong["temperature_multiplied"] = (
        answer(warm=WARM["temperature_multiplied"][0]),
        lambda logits, temperature: _softmax(logits * temperature),
    )
    wrong["temperature_ignored"] = (
        answer(warm=lambda logits, t: _softmax(logits)),
        lambda logits, temperature: _softmax(logits),
    )
    wrong["unlikeliest_favoured"] = (
        *(answer(warm=each) for each in WARM["unlikeliest_favoured"]),
        answer(warm=WARM["unlikeliest_favoured"][0], at_zero=lambda logits: _certain(-logits)),
    )
    return wrong


def _distinct_logits(draw: Draw, batch: int, vocabulary: int) -> Tensor:
    """Whole numbers, no two of a row alike, in no order."""
    order = draw.normal(batch, vocabulary).argsort(dim=-1)
    # No two rows have the same largest, so that a limit of the batch is not that of each.
    return 1.5 * order.float() - vocabulary // 2 + 2 * torch.arange(batch)[:, None]


def _logits_and_temperature(draw: Draw, batch: int, vocabulary: int, percent: int) -> Arguments:
    return _distinct_logits(draw, batch, vocabulary), percent / 100


@check(
    "9.2",
    wrong=wrong_temperatures(),
    inputs=[
        lambda: grid(
            _logits_and_temperature, batch=(1, 2), vocabulary=(2, 3, 4), percent=(100, 200, 50)
        ),
        lambda: grid(_logits_and_temperature, batch=(1, 2, 3), vocabulary=(2, 3, 5), percent=(0,)),
        lambda: [(100 * _distinct_logits(Draw(0), 2, 5), 0.5)],
    ],
    shrinks=False,
)
def temperature(logits: Tensor, temperature: float) -> Tensor:
    """Check exercise 9.2: probabilities at a temperature.

    Args:
        answer: Called as answer(logits, temperature), with a tensor of shape (batch, vocabulary)
            and a number from 0 on. Returns probabilities of the shape of the logits; at
            temperature 0 all weight is on the largest.

    Returns:
        A result that shows itself.

    >>> check_temperature(lambda logits, temperature: (logits * temperature).softmax(-1)).passed
    False
    """
    return _at_temperature(logits, temperature)


def _kth(logits: Tensor, k: int) -> Tensor:
    """The k-th largest of each row, with an axis of its own."""
    return logits.sort(dim=-1, descending=True).values[..., k - 1 : k]


def _top_k(
    logits: Tensor,
    k: int,
    *,
    kept: Callable[[Tensor, int], Tensor] = lambda logits, k: logits >= _kth(logits, k),
    fill: float = -math.inf,
    softmax: Callable[[Tensor], Tensor] = _softmax,
) -> Tensor:
    return softmax(logits.masked_fill(~kept(logits, k), fill))


def _exactly_k(logits: Tensor, k: int) -> Tensor:
    chosen = logits.topk(k, dim=-1).indices
    return torch.zeros_like(logits, dtype=torch.bool).scatter(-1, chosen, True)


def _exactly_k_of_sorted(logits: Tensor, k: int) -> Tensor:
    chosen = logits.argsort(dim=-1, descending=True, stable=True)[..., :k]
    return torch.zeros_like(logits, dtype=torch.bool).scatter(-1, chosen, True)


def _last_k_of_sorted(logits: Tensor, k: int) -> Tensor:
    chosen = logits.argsort(dim=-1, stable=True)[..., -k:]
    return torch.zeros_like(logits, dtype=torch.bool).scatter(-1, chosen, True)


def _kept_only(probabilities: Callable[..., Tensor], kept: Callable[..., Tensor]) -> Any:
    """Probabilities of all, those outside set to 0, and no division."""
    return lambda logits, limit: probabilities(logits) * kept(logits, limit)


KEPT: dict[str, tuple[Callable[[Tensor, int], Tensor], ...]] = {
    "ties_cut": (_exactly_k, _exactly_k_of_sorted, _last_k_of_sorted),
    "kth_dropped": (
        lambda logits, k: logits > _kth(logits, k),
        lambda logits, k: _exactly_k(logits, k - 1),
    ),
    "one_too_many": (
        lambda logits, k: logits >= _kth(logits, min(k + 1, logits.shape[-1])),
        lambda logits, k: _exactly_k(logits, min(k + 1, logits.shape[-1])),
    ),
    "smallest_kept": (
        lambda logits, k: logits <= -_kth(-logits, k),
        lambda logits, k: _exactly_k(-logits, k),
    ),
    "largest_dropped": (lambda logits, k: logits < _kth(logits, k),),
    "everything_kept": (lambda logits, k: torch.ones_like(logits, dtype=torch.bool),),
    "limit_of_the_batch": (
        lambda logits, k: logits >= _kth(logits, k).max(),
        lambda logits, k: logits >= _kth(logits, k).min(),
        lambda logits, k: logits >= _kth(logits, k)[0],
        lambda logits, k: logits >= _kth(logits.flatten(), k),
    ),
    "first_k_kept": (lambda logits, k: (torch.arange(logits.shape[-1]) < k).expand(logits.shape),),
    "only_the_best": (lambda logits, k: logits == logits.amax(-1, keepdim=True),),
}
EMPTIED: dict[str, tuple[Callable[[Tensor, int], Tensor], ...]] = {
    "zero_for_minus_infinity": (lambda logits, k: _top_k(logits, k, fill=0.0),),
    "shares_not_renormalised": (
        _kept_only(_softmax, lambda logits, k: logits >= _kth(logits, k)),
        _kept_only(_softmax, _exactly_k),
    ),
    "logits_returned": (
        lambda logits, k: logits.masked_fill(logits < _kth(logits, k), -math.inf),
        lambda logits, k: logits * (logits >= _kth(logits, k)),
    ),
    "logs_of_probabilities": (lambda logits, k: _top_k(logits, k).log(),),
    "even_among_kept": (
        lambda logits, k: (
            (logits >= _kth(logits, k)) / (logits >= _kth(logits, k)).sum(-1, keepdim=True)
        ),
    ),
    "softmax_twice": (
        lambda logits, k: _softmax(
            _softmax(logits).masked_fill(logits < _kth(logits, k), -math.inf)
        ),
    ),
}


def _over_axes(masked: Callable[..., Tensor]) -> WrongAnswers:
    """The softmax over another axis; where a row is empty there, with NaN or zeros."""
    return {
        id_: tuple(
            each
            for over in several
            for each in (
                lambda logits, limit, over=over: over(masked(logits, limit)),
                lambda logits, limit, over=over: over(masked(logits, limit)).nan_to_num(),
            )
        )
        for id_, several in OVER_OTHER_AXES.items()
    }


def wrong_top_k() -> WrongAnswers:
    """Others are kept, or what is not kept is emptied in another way."""
    wrong: WrongAnswers = {
        id_: tuple(lambda logits, k, kept=kept: _top_k(logits, k, kept=kept) for kept in several)
        for id_, several in KEPT.items()
    }
    wrong.update(EMPTIED.items())
    wrong |= _over_axes(lambda logits, k: logits.masked_fill(logits < _kth(logits, k), -math.inf))
    for id_ in ("ties_cut", "kth_dropped", "one_too_many", "smallest_kept"):
        wrong[id_, "shares_not_renormalised"] = tuple(
            _kept_only(_softmax, kept) for kept in KEPT[id_]
        )
        wrong[id_, "zero_for_minus_infinity"] = tuple(
            lambda logits, k, kept=kept: _top_k(logits, k, kept=kept, fill=0.0)
            for kept in KEPT[id_]
        )
    wrong["kth_dropped"] = (
        *wrong["kth_dropped"],  # a tuple, as above
        # Nothing is left where k is 1.
        lambda logits, k: _top_k(logits, k, kept=KEPT["kth_dropped"][0]).nan_to_num(),
    )
    # Not renormalised, and the ties are gone: two mistakes, and the second is why it shows.
    wrong["shares_not_renormalised"] = EMPTIED["shares_not_renormalised"][:1]
    return wrong


def _logits_and_k(draw: Draw, batch: int, vocabulary: int, k: int) -> Arguments:
    return _distinct_logits(draw, batch, vocabulary), min(k, vocabulary)


def _with_ties() -> list[Arguments]:
    rows = ([2.0, 1.0, 1.0, 0.0], [0.0, 1.0, 2.0, 1.0], [1.0, 3.0, 1.0, 1.0], [3.0, 0.0, 3.0, 3.0])
    return [(torch.tensor([row]), 2) for row in rows] + [(torch.tensor(rows), 2)]


@check(
    "9.3",
    wrong=wrong_top_k(),
    inputs=[
        lambda: [
            *grid(_logits_and_k, batch=(1, 2), vocabulary=(3, 4), k=(1, 2, 3)),
            *grid(_logits_and_k, batch=(3,), vocabulary=(5, 7), k=(2, 4, 7)),
            *_with_ties(),
        ],
        lambda: [(100 * _distinct_logits(Draw(0), 2, 5), 3)],
    ],
    shrinks=False,
)
def top_k(logits: Tensor, k: int) -> Tensor:
    """Check exercise 9.3: probabilities of the k likeliest tokens alone.

    Args:
        answer: Called as answer(logits, k), with a tensor of shape (batch, vocabulary) and a whole
            number from 1 to vocabulary. Returns probabilities of the shape of the logits: 0 for
            tokens whose logit is smaller than the k-th largest of their row. Whoever is as large
            stays in.

    Returns:
        A result that shows itself.

    >>> def cut(logits, k):
    ...     chosen = logits.topk(k).indices
    ...     return torch.full_like(logits, -torch.inf).scatter(
    ...         -1, chosen, logits.gather(-1, chosen)
    ...     ).softmax(-1)
    >>> check_top_k(cut).misconception
    'ties_cut'
    """
    return _top_k(logits, k)


def _before(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities from the largest on, and what the larger ones add up to before each."""
    probabilities = _softmax(logits).sort(dim=-1, descending=True).values
    return probabilities, probabilities.cumsum(dim=-1) - probabilities


def _in_nucleus(logits: Tensor, p: float, *, more: int = 0, dropped: bool = False) -> Tensor:
    """Which tokens are in: the likeliest that reach p; with some more, or without the last."""
    probabilities, before = _before(logits)
    inside = (before + probabilities <= p) if dropped else (before < p)
    count = (inside.sum(dim=-1, keepdim=True) + more).clamp(max=logits.shape[-1])
    ranks = logits.argsort(dim=-1, descending=True).argsort(dim=-1)
    return ranks < count


def _top_p(
    logits: Tensor,
    p: float,
    *,
    kept: Callable[[Tensor, float], Tensor] = _in_nucleus,
    fill: float = -math.inf,
) -> Tensor:
    return _softmax(logits.masked_fill(~kept(logits, p), fill))


def _sorted_top_p(logits: Tensor, p: float) -> Tensor:
    """Probabilities from the largest on, never put back into their places."""
    return _top_p(logits, p).sort(dim=-1, descending=True).values


def _smallest_first(logits: Tensor, p: float) -> Tensor:
    probabilities = _softmax(logits).sort(dim=-1).values
    count = (probabilities.cumsum(dim=-1) - probabilities < p).sum(dim=-1, keepdim=True)
    return logits.argsort(dim=-1).argsort(dim=-1) < count


def _unsorted(logits: Tensor, p: float) -> Tensor:
    probabilities = _softmax(logits)
    return probabilities.cumsum(dim=-1) - probabilities < p


def _of_sorted_places(logits: Tensor, p: float) -> Tensor:
    """What is kept is known by rank, and taken for places."""
    return _before(logits)[1] < p


NUCLEI: dict[str, tuple[Callable[[Tensor, float], Tensor], ...]] = {
    "crossing_dropped": (
        lambda logits, p: _in_nucleus(logits, p, dropped=True),
        # The likeliest stays in, so that nobody is left with nothing.
        lambda logits, p: (
            _in_nucleus(logits, p, dropped=True) | (logits == logits.amax(-1, keepdim=True))
        ),
    ),
    "one_too_many": (lambda logits, p: _in_nucleus(logits, p, more=1),),
    "limit_on_each": (
        lambda logits, p: _softmax(logits) >= p,
        lambda logits, p: _softmax(logits) >= 1 - p,
        lambda logits, p: (_softmax(logits) >= p) | (logits == logits.amax(-1, keepdim=True)),
    ),
    "smallest_first": (_smallest_first,),
    "not_sorted": (
        _unsorted,
        lambda logits, p: _softmax(logits).cumsum(dim=-1) <= p,
    ),
    "ranks_for_places": (
        _of_sorted_places,
        lambda logits, p: _before(logits)[0].cumsum(dim=-1) <= p,
    ),
    "limit_on_the_rest": (lambda logits, p: _in_nucleus(logits, 1 - p),),
    "everything_kept": (lambda logits, p: torch.ones_like(logits, dtype=torch.bool),),
    "rest_kept": (lambda logits, p: ~_in_nucleus(logits, p),),
    "only_the_best": (lambda logits, p: logits == logits.amax(-1, keepdim=True),),
    "share_of_tokens": (lambda logits, p: logits >= _kth(logits, math.ceil(p * logits.shape[-1])),),
}


def wrong_top_p() -> WrongAnswers:
    """Others are kept, or what is not kept is emptied in another way."""

    def spellings(kept: Callable[[Tensor, float], Tensor]) -> tuple[Callable[..., Tensor], ...]:
        return (
            lambda logits, p: _top_p(logits, p, kept=kept),
            lambda logits, p: _top_p(logits, p, kept=kept).nan_to_num(),
        )

    def shares(kept: Callable[[Tensor, float], Tensor]) -> Callable[..., Tensor]:
        """Divide the shares that are kept, where something is, by their sum."""

        def answer(logits: Tensor, p: float) -> Tensor:
            inside = _softmax(logits) * kept(logits, p)
            return inside / inside.sum(dim=-1, keepdim=True)

        return answer

    wrong: WrongAnswers = {
        id_: tuple(each for kept in several for each in (*spellings(kept), shares(kept)))
        for id_, several in NUCLEI.items()
    }
    wrong["zero_for_minus_infinity"] = lambda logits, p: _top_p(logits, p, fill=0.0)
    wrong["shares_not_renormalised"] = _kept_only(_softmax, _in_nucleus)
    wrong["sorted_order_left"] = _sorted_top_p
    wrong["logits_returned"] = (
        lambda logits, p: logits.masked_fill(~_in_nucleus(logits, p), -math.inf),
        lambda logits, p: logits * _in_nucleus(logits, p),
    )
    wrong["logs_of_probabilities"] = lambda logits, p: _top_p(logits, p).log()
    wrong["softmax_twice"] = lambda logits, p: _softmax(
        _softmax(logits).masked_fill(~_in_nucleus(logits, p), -math.inf)
    )
    wrong |= _over_axes(lambda logits, p: logits.masked_fill(~_in_nucleus(logits, p), -math.inf))
    for id_ in ("crossing_dropped", "one_too_many", "limit_on_each", "smallest_first"):
        several = NUCLEI[id_]
        wrong[id_, "shares_not_renormalised"] = tuple(
            _kept_only(_softmax, kept) for kept in several
        )
        wrong[id_, "zero_for_minus_infinity"] = tuple(
            lambda logits, p, kept=kept: _top_p(logits, p, kept=kept, fill=0.0) for kept in several
        )
    wrong["sorted_order_left", "shares_not_renormalised"] = lambda logits, p: (
        _kept_only(_softmax, _in_nucleus)(logits, p).sort(dim=-1, descending=True).values
    )
    wrong["sorted_order_left", "crossing_dropped"] = lambda logits, p: (
        _top_p(logits, p, kept=NUCLEI["crossing_dropped"][0])
        .sort(dim=-1, descending=True, stable=True)
        .values
    )
    return wrong


def _shares(percents: tuple[tuple[int, ...], ...]) -> Tensor:
    """Logits whose softmax is these shares, nearly: 0.1 more, that no border is met exactly."""
    return torch.tensor(percents).add(0.1).div(100).log()


SHARES = (
    ((50, 30, 20),),
    ((20, 50, 30),),
    ((30, 20, 50), (11, 80, 9)),
    ((7, 41, 19, 33), (60, 5, 11, 24), (24, 27, 26, 23)),
    ((4, 3, 36, 11, 46), (13, 17, 37, 12, 21)),
)


def _logits_and_p() -> list[Arguments]:
    return [(_shares(some), p) for some in SHARES for p in (0.2, 0.4, 0.6, 0.9)]


@check(
    "9.4",
    wrong=wrong_top_p(),
    inputs=[
        _logits_and_p,
        lambda: [(100 * _distinct_logits(Draw(0), 2, 5), 0.7)],
    ],
    shrinks=False,
)
def top_p(logits: Tensor, p: float) -> Tensor:
    """Check exercise 9.4: probabilities of the likeliest tokens that reach p together.

    Args:
        answer: Called as answer(logits, p), with a tensor of shape (batch, vocabulary) and a number
            above 0, up to 1. Returns probabilities of the shape of the logits: of each row the
            likeliest tokens stay in, as few as together have at least p.

    Returns:
        A result that shows itself.

    >>> check_top_p(lambda logits, p: logits.softmax(-1) * (logits.softmax(-1) >= p)).passed
    False
    """
    return _top_p(logits, p)


# --- 9.5: attention of new tokens to a cache --------------------------------------------------

Allowed = Callable[[int, int], Tensor]  # (new tokens, all tokens) -> True = may attend


def _lower_right(q_len: int, k_len: int) -> Tensor:
    return masks.causal_mask(q_len, k_len)


def _step(
    x: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    keys: Tensor,
    values: Tensor,
    *,
    allowed: Allowed = _lower_right,
    all_keys: Callable[[Tensor, Tensor], Tensor] = lambda past, new: torch.cat((past, new), 1),
    all_values: Callable[[Tensor, Tensor], Tensor] | None = None,
    divisor: Callable[[Tensor, Tensor], float] = lambda query, key: math.sqrt(query.shape[-1]),
    normalise: Callable[[Tensor], Tensor] = _softmax,
) -> Tensor:
    query = x @ w_q
    key = all_keys(keys, x @ w_k)
    value = (all_values or all_keys)(values, x @ w_v)
    scores = query @ key.mT / divisor(query, key)
    hidden = ~allowed(scores.shape[-2], scores.shape[-1])
    return normalise(scores.masked_fill(hidden, -math.inf)) @ value


STEP_MASKS: dict[str, tuple[Allowed, ...]] = {
    "upper_left": (lambda q_len, k_len: torch.ones(q_len, k_len).tril().bool(),),
    "future_seen": (lambda q_len, k_len: torch.ones(q_len, k_len, dtype=torch.bool),),
    "own_key_hidden": (lambda q_len, k_len: torch.ones(q_len, k_len).tril(k_len - q_len - 1) > 0,),
    "cache_forbidden": (
        lambda q_len, k_len: _lower_right(q_len, k_len) & (torch.arange(k_len) >= k_len - q_len),
    ),
    "new_forbidden": (
        lambda q_len, k_len: (torch.arange(k_len) < k_len - q_len).expand(q_len, k_len),
    ),
    "one_ahead": (lambda q_len, k_len: torch.ones(q_len, k_len).tril(k_len - q_len + 1) > 0,),
}


def wrong_steps() -> WrongAnswers:
    """A wrong mask, a wrong cache, and the mistakes of chapter 2."""

    def answer(**change: Any) -> Callable[..., Tensor]:
        return lambda *arguments: _step(*arguments, **change)

    def cleaned(**change: Any) -> Callable[..., Tensor]:
        return lambda *arguments: _step(*arguments, **change).nan_to_num()

    wrong: WrongAnswers = {
        id_: tuple(
            each
            for allowed in several
            for each in (answer(allowed=allowed), cleaned(allowed=allowed))
        )
        for id_, several in STEP_MASKS.items()
    }
    wrong["keys_projected_again"] = (
        lambda x, w_q, w_k, w_v, keys, values: _step(x, w_q, w_k, w_v, keys @ w_k, values @ w_v),
        lambda x, w_q, w_k, w_v, keys, values: _step(x, w_q, w_k, w_v, keys @ w_k, values),
    )
    wrong["new_put_first"] = answer(all_keys=lambda past, new: torch.cat((new, past), 1))
    wrong["values_put_first"] = answer(all_values=lambda past, new: torch.cat((new, past), 1))
    wrong["keys_for_values"] = lambda x, w_q, w_k, w_v, keys, values: _step(
        x, w_q, w_k, w_k, keys, keys
    )
    wrong["new_not_projected"] = lambda x, w_q, w_k, w_v, keys, values: _step(
        x, w_q, torch.eye(len(w_k)), torch.eye(len(w_v)), keys, values
    )
    wrong["query_key_swapped"] = lambda x, w_q, w_k, *others: _step(x, w_k, w_q, *others)
    wrong["input_added"] = lambda x, *others: x + _step(x, *others)
    wrong["cache_twice"] = lambda x, w_q, w_k, w_v, keys, values: _step(
        x, w_q, w_k, w_v, torch.cat((keys, keys), 1), torch.cat((values, values), 1)
    )
    for id_, divisor in DIVISORS.items():
        wrong[id_] = answer(divisor=divisor)
        wrong["future_seen", id_] = answer(divisor=divisor, allowed=STEP_MASKS["future_seen"][0])
        wrong["upper_left", id_] = answer(divisor=divisor, allowed=STEP_MASKS["upper_left"][0])
    for id_ in ("softmax_over_queries", "softmax_over_batch"):
        wrong[id_] = (
            answer(normalise=NORMALISERS[id_]),
            answer(normalise=lambda scores, id_=id_: NORMALISERS[id_](scores).nan_to_num()),
        )
        wrong["future_seen", id_] = answer(
            normalise=NORMALISERS[id_], allowed=STEP_MASKS["future_seen"][0]
        )
    return wrong


def _new_and_past(draw: Draw, batch: int, new: int, past: int, width: int) -> Arguments:
    return (
        draw.integers(batch, new, width),
        *(draw.integers(width, width) for _ in range(3)),
        *(draw.integers(batch, past, width) for _ in range(2)),
    )


def _larger_steps() -> list[Arguments]:
    cases = []
    for seed, (batch, new, past) in enumerate(((2, 1, 3), (2, 2, 3), (3, 3, 3), (2, 3, 2))):
        draw = Draw(seed)
        shapes = ((batch, new, 5), *[(5, 5)] * 3, (batch, past, 5), (batch, past, 5))
        cases.append(tuple(draw.normal(*shape) for shape in shapes))
    return cases


@check(
    "9.5",
    wrong=wrong_steps(),
    inputs=[
        lambda: [
            *grid(_new_and_past, batch=(1, 2), new=(1, 2), past=(1, 2, 3), width=(2, 3)),
            *_larger_steps(),
        ]
    ],
    shrinks=False,
)
def cached_step(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, keys: Tensor, values: Tensor
) -> Tensor:
    """Check exercise 9.5: causal attention of new tokens, with keys and values from a cache.

    Args:
        answer: Called as answer(x, w_q, w_k, w_v, keys, values): x of shape (batch, new, width) are
            the new tokens; three matrices (width, width) by which rows are multiplied from the
            right; keys and values of all tokens before, of shape (batch, past, width). Returns what
            the new tokens find, a tensor of the shape of x.

    Returns:
        A result that shows itself.

    >>> check_cached_step(lambda x, w_q, w_k, w_v, keys, values: x).passed
    False
    """
    return _step(x, w_q, w_k, w_v, keys, values)


# --- 9.6: rotary encoding beside a cache ------------------------------------------------------


@dataclass(frozen=True)
class Rotary:
    """`RotaryPositionalEncoding` as a function that shows its name."""

    head_dim: int

    def __call__(self, x: Tensor, offset: int = 0) -> Tensor:
        """Turn vectors by their positions, the first of which is the offset."""
        turned: Tensor = RotaryPositionalEncoding(self.head_dim)(x, offset=offset)
        return turned

    def __repr__(self) -> str:
        return "rotary"


Turn = Callable[[Tensor, Tensor, Callable[..., Tensor]], Tensor]  # (new ones, cached, rotary)


def _at_end(new: Tensor, cached: Tensor, rotary: Callable[..., Tensor]) -> Tensor:
    return rotary(new, offset=cached.shape[-2])


def _turned(by: Callable[[int, int], int | None]) -> Turn:
    """Return how new ones are turned: by an offset that depends on how many there are."""

    def turn(new: Tensor, cached: Tensor, rotary: Callable[..., Tensor]) -> Tensor:
        offset = by(new.shape[-2], cached.shape[-2])
        return new if offset is None else rotary(new, offset=offset)

    return turn


FROM_ZERO, ONE_FAR = _turned(lambda new, past: 0), _turned(lambda new, past: past + 1)
ONE_NEAR, NOT_TURNED = _turned(lambda new, past: past - 1), _turned(lambda new, past: None)
BY_NEW = _turned(lambda new, past: new)
BY_ALL = _turned(lambda new, past: past + new)


def _scores(
    query: Tensor,
    key: Tensor,
    cached: Tensor,
    rotary: Callable[..., Tensor],
    *,
    queries: Turn = _at_end,
    keys: Turn = _at_end,
    past: Callable[[Tensor, Callable[..., Tensor]], Tensor] = lambda cached, rotary: cached,
    divisor: Callable[[Tensor, Tensor], float] = lambda query, key: math.sqrt(query.shape[-1]),
) -> Tensor:
    q, k = queries(query, cached, rotary), keys(key, cached, rotary)
    every = torch.cat((past(cached, rotary), k), -2)
    return q @ every.mT / divisor(q, every)


def _everything_turned(query: Tensor, key: Tensor, cached: Tensor, rotary: Any) -> Tensor:
    every: Tensor = rotary(torch.cat((cached, key), -2))
    return _at_end(query, cached, rotary) @ every.mT / math.sqrt(query.shape[-1])


def _everything_turned_from_zero(query: Tensor, key: Tensor, cached: Tensor, rotary: Any) -> Tensor:
    turned: Tensor = rotary(query)
    every: Tensor = rotary(torch.cat((cached, key), -2))
    return turned @ every.mT / math.sqrt(query.shape[-1])


def wrong_scores() -> WrongAnswers:
    """Another offset for queries or keys, or for the cache."""

    def answer(**change: Any) -> Callable[..., Tensor]:
        return lambda *arguments: _scores(*arguments, **change)

    def again(cached: Tensor, rotary: Callable[..., Tensor]) -> Tensor:
        return rotary(cached)

    wrong: WrongAnswers = {
        "offset_forgotten": answer(queries=FROM_ZERO, keys=FROM_ZERO),
        "offset_of_query_forgotten": answer(queries=FROM_ZERO),
        "offset_of_key_forgotten": answer(keys=FROM_ZERO),
        "one_place_off": (
            answer(queries=ONE_FAR, keys=ONE_FAR),
            answer(queries=ONE_NEAR, keys=ONE_NEAR),
            answer(queries=ONE_FAR),
            answer(queries=ONE_NEAR),
            answer(keys=ONE_FAR),
            answer(keys=ONE_NEAR),
        ),
        "offset_by_new": (
            answer(queries=BY_NEW, keys=BY_NEW),
            answer(queries=BY_ALL, keys=BY_ALL),
            answer(queries=BY_ALL),
        ),
        "cache_turned_again": (answer(past=again), _everything_turned),
        "new_not_turned": answer(queries=NOT_TURNED, keys=NOT_TURNED),
        "query_not_turned": answer(queries=NOT_TURNED),
        "key_not_turned": answer(keys=NOT_TURNED),
        "new_put_first": lambda *arguments: _scores(*arguments).roll(arguments[1].shape[-2], -1),
        "cache_left_out": lambda *arguments: _scores(*arguments)[..., arguments[2].shape[-2] :],
        "new_left_out": lambda *arguments: _scores(*arguments)[..., : arguments[2].shape[-2]],
        "softmax_not_asked": (
            lambda *arguments: _scores(*arguments).softmax(-1),
            lambda *arguments: (
                _scores(*arguments)
                .masked_fill(
                    ~masks.causal_mask(
                        arguments[0].shape[-2], arguments[1].shape[-2] + arguments[2].shape[-2]
                    ),
                    -math.inf,
                )
                .softmax(-1)
            ),
        ),
        ("offset_forgotten", "cache_turned_again"): (
            answer(queries=FROM_ZERO, keys=FROM_ZERO, past=again),
            _everything_turned_from_zero,
        ),
    }
    for id_, divisor in DIVISORS.items():
        wrong[id_] = answer(divisor=divisor)
        wrong["offset_forgotten", id_] = answer(queries=FROM_ZERO, keys=FROM_ZERO, divisor=divisor)
    return wrong


def _rotated(draw: Draw, batch: int, new: int, past: int, head_dim: int) -> Arguments:
    rotary = Rotary(head_dim)
    shapes = ((batch, 2, new, head_dim), (batch, 2, new, head_dim), (batch, 2, past, head_dim))
    query, key, cached = (draw.normal(*shape) for shape in shapes)
    return query, key, rotary(cached), rotary


@check(
    "9.6",
    wrong=wrong_scores(),
    inputs=[lambda: grid(_rotated, batch=(1, 2), new=(1, 2), past=(2, 3, 5), head_dim=(4, 6))],
    shrinks=False,
)
def rotary_scores(
    query: Tensor, key: Tensor, cached: Tensor, rotary: Callable[..., Tensor]
) -> Tensor:
    """Check exercise 9.6: scores of new tokens with rotary encoding, beside cached keys.

    Args:
        answer: Called as answer(query, key, cached, rotary): query and key of the new tokens, of
            shape (batch, num_heads, new, head_dim), not turned yet; cached, the keys of all
            tokens before, of shape (batch, num_heads, past, head_dim), which were turned when they
            were kept; and a function rotary(x, offset=0). Returns the scores, divided by the root
            of head_dim, of shape (batch, num_heads, new, past + new); no mask.

    Returns:
        A result that shows itself.

    >>> def from_zero(query, key, cached, rotary):
    ...     keys = torch.cat((cached, rotary(key)), dim=-2)
    ...     return rotary(query) @ keys.mT / query.shape[-1] ** 0.5
    >>> check_rotary_scores(from_zero).misconception
    'offset_forgotten'
    """
    return _scores(query, key, cached, rotary)


# --- 9.7: positions with padding at the left --------------------------------------------------


def _positions(real: Tensor) -> Tensor:
    return (real.cumsum(dim=-1) - 1).clamp(min=0)


def _places(real: Tensor) -> Tensor:
    return torch.arange(real.shape[-1]).expand(real.shape)


WRONG_POSITIONS: WrongAnswers = {
    "padding_counted": (
        _places,
        lambda real: _places(real) * real,
        lambda real: _places(real).clone(),
    ),
    "counted_from_one": (
        lambda real: real.cumsum(dim=-1),
        lambda real: real.cumsum(dim=-1) + (~real).long(),
    ),
    "padding_negative": (
        lambda real: real.cumsum(dim=-1) - 1,
        lambda real: _places(real) - (~real).sum(dim=-1, keepdim=True),
    ),
    "padding_not_zero": (
        lambda real: (real.cumsum(dim=-1) - 1).masked_fill(~real, 1),
        lambda real: (_places(real) - (~real).sum(dim=-1, keepdim=True)).abs(),
        lambda real: (_places(real) - (~real).sum(dim=-1, keepdim=True)) % real.shape[-1],
    ),
    "padding_counted_instead": (
        lambda real: (~real).cumsum(dim=-1),
        lambda real: ((~real).cumsum(dim=-1) - 1).clamp(min=0),
    ),
    "counted_from_the_end": (
        lambda real: _places(real).flip(-1),
        lambda real: _places(real).flip(-1) * real,
        lambda real: (real.flip(-1).cumsum(dim=-1).flip(-1) - 1).clamp(min=0),
    ),
    "padding_at_the_right": (
        lambda real: _places(real) * (_places(real) < real.sum(dim=-1, keepdim=True)),
        lambda real: _places(real).clamp(max=real.sum(dim=-1, keepdim=True) - 1),
    ),
    "counted_over_the_batch": (
        lambda real: (real.cumsum(dim=0) - 1).clamp(min=0),
        lambda real: (real.flatten().cumsum(dim=0) - 1).clamp(min=0).view(real.shape),
    ),
    "mask_returned": (lambda real: real, lambda real: real.long()),
    "one_shift_for_all": (
        lambda real: (_places(real) - (~real).sum(dim=-1).max()).clamp(min=0),
        lambda real: (_places(real) - (~real).sum(dim=-1).min()).clamp(min=0),
        lambda real: (_places(real) - (~real[0]).sum()).clamp(min=0),
    ),
}


def _left_padded() -> list[Arguments]:
    wanted = ((3, 3), (2, 3), (1, 3), (4, 5)), ((3, 4), (1, 4), (4, 4)), ((5, 5), (2, 5), (3, 5))
    single = [torch.arange(length) >= length - n for n, length in wanted[0]]
    batches = [
        torch.stack([torch.arange(length) >= length - n for n, length in rows])
        for rows in wanted[1:]
    ]
    padded = torch.stack([torch.arange(6) >= 6 - n for n in (2, 4)])  # nobody fills the row
    return [*((row[None],) for row in single), *((batch,) for batch in batches), (padded,)]


@check("9.7", wrong=WRONG_POSITIONS, inputs=[_left_padded], shrinks=False)
def left_positions(real: Tensor) -> Tensor:
    """Check exercise 9.7: positions of tokens where padding stands at the left.

    Args:
        answer: Called as answer(real), with booleans of shape (batch, length), False where there is
            padding, which stands before the tokens. Returns whole numbers of the same shape: the
            position of each token in its own text, from 0 on, and 0 for padding.

    Returns:
        A result that shows itself.

    >>> check_left_positions(lambda real: torch.arange(real.shape[1]).expand(real.shape)).passed
    False
    """
    return _positions(real)


# --- 9.8: a test that finds what a cache gets wrong -------------------------------------------

WIDTH = 8


def _read(x: Tensor, chunks: list[int], *, restart: bool = False) -> Tensor:
    """Causal self-attention with rotary encoding, chunk by chunk beside a cache."""
    rotary = RotaryPositionalEncoding(x.shape[-1])
    keys = values = x[:, :0]
    found, start = [], 0
    for size in chunks:
        part = x[:, start : start + size]
        at = 0 if restart else start
        q, k = rotary(part, offset=at), rotary(part, offset=at)
        keys, values = torch.cat((keys, k), 1), torch.cat((values, part), 1)
        hidden = ~masks.causal_mask(q.shape[1], keys.shape[1])
        scores = (q @ keys.mT / math.sqrt(x.shape[-1])).masked_fill(hidden, -math.inf)
        found.append(scores.softmax(-1) @ values)
        start += size
    return torch.cat(found, 1)


def _read_preallocated(x: Tensor, chunks: list[int]) -> Tensor:
    """The same, written into room that was there from the start, in float64."""
    wide = x.double()
    rotary = RotaryPositionalEncoding(x.shape[-1])
    keys, values, found = torch.zeros_like(wide), torch.zeros_like(wide), []
    for end, size in zip(torch.tensor(chunks).cumsum(0).tolist(), chunks, strict=True):
        start = end - size
        keys[:, start:end] = rotary(wide[:, start:end], offset=start)
        values[:, start:end] = wide[:, start:end]
        for i in range(start, end):
            scores = rotary(wide[:, i : i + 1], offset=i) @ keys[:, : i + 1].mT
            found.append((scores / math.sqrt(x.shape[-1])).softmax(-1) @ values[:, : i + 1])
    return torch.cat(found, 1).to(x.dtype)


def _read_from_zero(x: Tensor, chunks: list[int]) -> Tensor:
    return _read(x, chunks, restart=True)


def _always_at_once(calls: Calls) -> bool:
    """Whether no call reads in two chunks or more, so that nothing comes out of a cache."""
    return bool(calls) and not any(len(call[1]) > 1 for call in calls)


def _always_alike(calls: Calls) -> bool:
    """Whether all calls have the same chunks, so that nothing is compared."""
    return len(calls) > 1 and len({tuple(call[1]) for call in calls}) == 1


def _nothing_to_see(calls: Calls) -> bool:
    """Whether all tokens are alike, so that it does not matter which is found."""
    return bool(calls) and all(torch.allclose(c[0], c[0][:, :1].expand_as(c[0])) for c in calls)


@reader_test(
    "9.8",
    right={"reads_growing": _read, "reads_preallocated": _read_preallocated},
    wrong=_read_from_zero,
    signs={
        "tokens_alike": _nothing_to_see,
        "read_at_once": _always_at_once,
        "chunks_alike": _always_alike,
    },
)
def catches_restart(read: Callable[..., Tensor]) -> bool:
    """Check exercise 9.8: a test that finds positions that start again in each chunk.

    Args:
        answer: Called as answer(read), where read(x, chunks) lets causal self-attention with rotary
            encoding read x of shape (batch, length, width) beside a cache, as many tokens at a time
            as the list of numbers says, which add up to length; it returns what all tokens have
            found, of the shape of x. Raises AssertionError, or returns False, if the cache is
            wrong.

    Returns:
        A result that shows itself.

    >>> check_catches_restart(lambda read: True).misconception
    'test_misses_bug'
    """
    x = Draw(0).normal(2, 5, WIDTH)
    return torch.allclose(read(x, [5]), read(x, [3, 1, 1]), atol=1e-5)
