"""Exercises 9.2 to 9.4: temperature, top-k and top-p."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from attnlib.checks.engine.check import check
from attnlib.checks.engine.inputs import Arguments, Draw, grid
from attnlib.checks.engine.mistakes import WrongAnswers

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


def _sorted_kept(logits: Tensor, k: int) -> Tensor:
    """By rank: whether whoever stands there is not smaller than the k-th."""
    return logits.sort(dim=-1, descending=True).values >= _kth(logits, k)


def _sorted_top_k(logits: Tensor, k: int) -> Tensor:
    """Probabilities from the largest on, never put back into their places."""
    return _top_k(logits, k).sort(dim=-1, descending=True).values


def _falling(logits: Tensor) -> Tensor:
    """Whose turn it is, from the largest on. It is no list of ranks."""
    return logits.argsort(dim=-1, descending=True)


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
    "order_for_ranks": (
        lambda logits, k: _falling(logits) < k,
        lambda logits, k: logits.argsort(dim=-1) >= logits.shape[-1] - k,
        lambda logits, k: _sorted_kept(logits, k).gather(-1, _falling(logits)),
    ),
    "only_the_best": (lambda logits, k: logits == logits.amax(-1, keepdim=True),),
}
EMPTIED: dict[str, tuple[Callable[[Tensor, int], Tensor], ...]] = {
    "zero_for_minus_infinity": (lambda logits, k: _top_k(logits, k, fill=0.0),),
    "shares_not_renormalised": (
        _kept_only(_softmax, lambda logits, k: logits >= _kth(logits, k)),
        _kept_only(_softmax, _exactly_k),
    ),
    "order_for_ranks": (lambda logits, k: _sorted_top_k(logits, k).gather(-1, _falling(logits)),),
    "sorted_order_left": (
        _sorted_top_k,
        lambda logits, k: _top_k(logits, k, kept=_exactly_k).sort(-1, descending=True).values,
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
    spellings = {
        id_: tuple(lambda logits, k, kept=kept: _top_k(logits, k, kept=kept) for kept in several)
        for id_, several in KEPT.items()
    }
    wrong: WrongAnswers = dict(spellings.items())
    wrong.update(EMPTIED.items())
    wrong["order_for_ranks"] = (*spellings["order_for_ranks"], *EMPTIED["order_for_ranks"])
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
    "order_for_ranks": (
        lambda logits, p: _of_sorted_places(logits, p).gather(-1, _falling(logits)),
        # The same, sorted the other way round.
        lambda logits, p: _of_sorted_places(logits, p).flip(-1).gather(-1, logits.argsort(dim=-1)),
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

    named = {
        id_: tuple(each for kept in several for each in (*spellings(kept), shares(kept)))
        for id_, several in NUCLEI.items()
    }
    wrong: WrongAnswers = dict(named.items())
    wrong["zero_for_minus_infinity"] = lambda logits, p: _top_p(logits, p, fill=0.0)
    wrong["shares_not_renormalised"] = _kept_only(_softmax, _in_nucleus)
    wrong["sorted_order_left"] = _sorted_top_p
    wrong["order_for_ranks"] = (
        *named["order_for_ranks"],
        lambda logits, p: _sorted_top_p(logits, p).gather(-1, _falling(logits)),
    )
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
