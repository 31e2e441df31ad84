"""Exercises 9.1 and 9.5 to 9.8: what a cache holds, and what attends to it."""

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
from attnlib.checks.engine.mistakes import Trial, WrongAnswers
from attnlib.checks.engine.predictions import Numbers, prediction
from attnlib.checks.engine.reader_tests import Calls, reader_test
from attnlib.checks.engine.running import Runner
from attnlib.positional import RotaryPositionalEncoding


@prediction(
    "9.1",
    wrong={
        "last_token_read": ([60, 15, 240], [75, 15, 240], [75, 14, 240]),
        "written_token_counted": ([65, 15, 240], [65, 14, 240], [65, 5, 240]),
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
    normalise: Callable[[Tensor], Tensor] = lambda scores: scores.softmax(dim=-1),
    weigh: Callable[[Tensor, Tensor], Tensor] | None = None,  # from scores, and which are hidden
) -> Tensor:
    query = x @ w_q
    key = all_keys(keys, x @ w_k)
    value = (all_values or all_keys)(values, x @ w_v)
    scores = query @ key.mT / divisor(query, key)
    hidden = ~allowed(scores.shape[-2], scores.shape[-1])
    if weigh is not None:
        return weigh(scores, hidden) @ value
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
    "mask_inverted": (lambda q_len, k_len: ~_lower_right(q_len, k_len),),
}
# The mask is right, and put to another use.
STEP_WEIGHTS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], ...]] = {
    "mask_after_softmax": (lambda scores, hidden: scores.softmax(dim=-1).masked_fill(hidden, 0.0),),
    "scores_zeroed": (lambda scores, hidden: scores.masked_fill(hidden, 0.0).softmax(dim=-1),),
    "mask_added": (lambda scores, hidden: (scores + ~hidden).softmax(dim=-1),),
    "mask_inverted": tuple(
        lambda scores, hidden, fill=fill: scores.masked_fill(~hidden, fill).softmax(dim=-1)
        for fill in (-1e9, -1e4)
    ),
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
    for id_, others in STEP_WEIGHTS.items():
        wrong[id_] = (*wrong.get(id_, ()), *(answer(weigh=weigh) for weigh in others))
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


def _by_axis(axis: int) -> Turn:
    """Return how new ones are turned by the size of another axis than that of the positions."""
    return lambda new, cached, rotary: rotary(new, offset=cached.shape[axis])


OTHER_AXES = tuple(map(_by_axis, (0, 1, -1)))  # batch, heads, width


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
        "offset_of_another_axis": (
            *(answer(queries=turn, keys=turn) for turn in OTHER_AXES),
            *(answer(queries=turn) for turn in OTHER_AXES),
            *(answer(keys=turn) for turn in OTHER_AXES),
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


def _shifts(real: Tensor) -> tuple[Tensor, ...]:
    """How far the places of all rows might be moved alike: by the padding of one row, or of all."""
    padding = (~real).sum(dim=-1)
    return padding.max(), padding.min(), padding[0], padding.sum()


def _moved_alike(which: int, ends: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda real: ends(_places(real) - _shifts(real)[which], real)


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
    "one_shift_for_all": tuple(
        _moved_alike(which, ends)
        for ends in (
            lambda moved, real: moved.clamp(min=0),
            lambda moved, real: moved.clamp(min=0) * real,
            lambda moved, real: moved * real,
            lambda moved, real: moved,
        )
        for which in range(4)
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


def _not_whole(run: Runner, tried: list[Trial]) -> dict[str, str] | None:
    """Say of which kind the numbers are, where they are no whole ones."""
    values = [trial.outcome.value for trial in tried]
    kinds = [value.dtype for value in values if value.is_floating_point()]
    return {"got": str(kinds[0])} if kinds else None


@check(
    "9.7",
    wrong=WRONG_POSITIONS,
    inputs=[_left_padded],
    shrinks=False,
    shows={"positions_not_whole": _not_whole},
)
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
