"""Checks of chapter 10: attention for long inputs."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from attnlib import masks
from attnlib.checks.chapters.c02_scaled_dot_product import (
    CAUSALLY,
    DIVISORS,
    NORMALISERS,
    attend,
)
from attnlib.checks.engine.check import check
from attnlib.checks.engine.inputs import Arguments, Draw, grid
from attnlib.checks.engine.mistakes import Trial, WrongAnswers
from attnlib.checks.engine.predictions import Numbers, prediction
from attnlib.checks.engine.reader_tests import Calls, reader_test
from attnlib.checks.engine.running import Runner
from attnlib.checks.engine.watching import over_whole_rows


@prediction(
    "10.1",
    wrong={
        "pairs_grow_with_length": ([4, 4, 4, 4, 1], [4, 2, 4, 4, 1]),
        "half_grows_half": ([16, 8, 4, 4, 1], [16, 2, 4, 4, 1], [16, 4, 4, 4, 1]),
        "fours_added": ([8, 8, 4, 4, 1], [8, 4, 4, 4, 1]),
        "window_stays": [16, 16, 1, 4, 1],
        "window_full": [16, 16, 16, 4, 1],
        "cache_of_pairs": ([16, 16, 4, 16, 1], [16, 16, 4, 16, 4]),
        "cache_stays": [16, 16, 4, 1, 1],
        "cache_of_two": [16, 16, 4, 8, 1],
        "state_grows": ([16, 16, 4, 4, 4], [16, 16, 4, 4, 16]),
    },
)
def four_times() -> Numbers:
    """Check exercise 10.1: what grows with the length, and how.

    Args:
        answer: Five factors.

    Returns:
        A result that shows itself; `passed` is None as long as a factor is `...`.

    >>> check_four_times([16, 8, 4, 4, 1]).misconception
    'half_grows_half'
    """
    return [16, 16, 4, 4, 1]


# --- 10.2: a softmax tile by tile -------------------------------------------------------------

Factor = Callable[[Tensor, Tensor], Tensor]  # from the largest score before, and the new one


def _right_factor(before: Tensor, now: Tensor) -> Tensor:
    return torch.exp(before - now)


def _no_factor(before: Tensor, now: Tensor) -> Tensor:
    return torch.where(before.isinf(), 0.0, torch.ones_like(now))


def _flipped_factor(before: Tensor, now: Tensor) -> Tensor:
    return torch.where(before.isinf(), 0.0, torch.exp(now - before))


def _kept_at_first(before: Tensor, now: Tensor) -> Tensor:
    """The right factor; before the first tile, where there is nothing to rescale yet, it is 1."""
    return torch.where(before.isinf(), 1.0, torch.exp(before - now))


def _online(
    scores: Tensor,
    values: Tensor,
    tile: int,
    *,
    largest: Callable[[Tensor, Tensor], Tensor] = torch.maximum,
    measure: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda before, highest, own: highest,
    of_sum: Factor = _right_factor,
    of_output: Factor = _right_factor,
    too_late: bool = False,
    step: Callable[[Tensor, Tensor], Tensor] = lambda output, total: output,
    end: Callable[[Tensor, Tensor], Tensor] = lambda output, total: output / total,
    stop: int | None = None,
) -> Tensor:
    """Mix values with the softmax of scores, with another step in the place of a right one."""
    highest = torch.full_like(scores[:, :1], -math.inf)
    total = torch.zeros_like(highest)
    output = torch.zeros(len(scores), values.shape[1])
    for start in range(0, len(values) if stop is None else stop, tile):
        some = scores[:, start : start + tile]
        own = some.amax(dim=1, keepdim=True)
        before, highest = highest, largest(highest, own)
        weights = torch.exp(some - measure(before, highest, own))
        found, mixed = weights.sum(dim=1, keepdim=True), weights @ values[start : start + tile]
        if too_late:
            total = (total + found) * of_sum(before, highest)
            output = (output + mixed) * of_output(before, highest)
        else:
            total = total * of_sum(before, highest) + found
            output = output * of_output(before, highest) + mixed
        output = step(output, total)
    return end(output, total)


def _tiles(scores: Tensor, values: Tensor, tile: int) -> Tensor:
    """Return the output of each tile by itself: (tiles, q_len, value_dim)."""
    pairs = zip(torch.split(scores, tile, dim=1), torch.split(values, tile), strict=True)
    return torch.stack([some.softmax(dim=1) @ others for some, others in pairs])


def _own(_: Tensor, tile: Tensor) -> Tensor:
    return tile


def _whole_tiles(scores: Tensor, values: Tensor, tile: int, nothing: Tensor) -> Tensor:
    """Leave out a tile that is not full; where there is no other, return what nothing came to."""
    stop = len(values) // tile * tile
    return _online(scores, values, tile, stop=stop) if stop else nothing


def wrong_online() -> WrongAnswers:
    """One wrong step each."""

    def answer(**change: Any) -> Callable[..., Tensor]:
        return lambda scores, values, tile: _online(scores, values, tile, **change)

    both: dict[str, Factor] = {"of_sum": _no_factor, "of_output": _no_factor}
    return {
        "rescaling_forgotten": answer(**both),
        "factor_flipped": answer(of_sum=_flipped_factor, of_output=_flipped_factor),
        "sum_not_rescaled": answer(of_sum=_no_factor),
        "output_not_rescaled": answer(of_output=_no_factor),
        "tile_maximum_only": answer(largest=_own, **both),
        "new_tile_rescaled": (
            answer(too_late=True),
            answer(too_late=True, of_sum=_kept_at_first, of_output=_kept_at_first),
        ),
        "new_tile_measured_otherwise": (
            answer(measure=lambda before, highest, own: own),
            answer(measure=lambda before, highest, own: torch.where(before.isinf(), own, before)),
        ),
        "last_tile_dropped": (
            lambda scores, values, tile: _online(
                scores, values, tile, stop=max(tile, len(values) // tile * tile)
            ),
            *(
                lambda scores, values, tile, empty=empty: _whole_tiles(
                    scores, values, tile, empty(scores, values)
                )
                for empty in (
                    lambda scores, values: torch.full_like(scores[:, :1], math.nan),
                    lambda scores, values: torch.full_like(scores @ values, math.nan),
                    lambda scores, values: torch.zeros_like(scores @ values),
                )
            ),
        ),
        "first_tile_only": lambda scores, values, tile: _tiles(scores, values, tile)[0],
        "last_tile_only": lambda scores, values, tile: _tiles(scores, values, tile)[-1],
        "tiles_averaged": lambda scores, values, tile: _tiles(scores, values, tile).mean(dim=0),
        "tiles_added": lambda scores, values, tile: _tiles(scores, values, tile).sum(dim=0),
        "divided_after_each_tile": answer(step=lambda output, total: output / total),
        "division_of_tiles_missing": answer(end=lambda output, total: output),
        "sum_returned": answer(
            end=lambda output, total: total.expand_as(output),
        ),
        "exponential_overflows": (
            lambda scores, values, tile: scores.exp() @ values / scores.exp().sum(1, keepdim=True),
            answer(largest=_own),
            answer(largest=lambda before, tile: torch.where(before.isinf(), tile, before)),
        ),
        "scores_added": lambda scores, values, tile: scores @ values,
    }


def _row_in_tiles(draw: Draw, queries: int, keys: int, tile: int) -> Arguments:
    return draw.integers(queries, keys), 2 * draw.integers(keys, 2) + 1, tile


def _far_tiles() -> list[Arguments]:
    """Scores that float32 has no room for, rising and falling."""
    draw = Draw(0)
    scores = 150 * draw.normal(3, 7).sort(dim=1).values
    values = draw.normal(7, 2)
    return [(each, values, 2) for each in (scores, scores.flip(1), -scores, scores + 100)]


def _row_at_once(run: Runner, tried: list[Trial]) -> dict[str, str] | None:
    """Name a step that takes rows whole, in the last case: nothing else is as long there."""
    step = over_whole_rows(run, tried[-1].case)
    return None if step is None else {"step": step}


@check(
    "10.2",
    wrong=wrong_online(),
    inputs=[
        lambda: grid(_row_in_tiles, queries=(1, 2), keys=(2, 3, 5), tile=(1, 2, 3)),
        _far_tiles,
    ],
    without=("uses_softmax",),
    shows={"row_at_once": _row_at_once},
)
def online_softmax(scores: Tensor, values: Tensor, tile: int) -> Tensor:
    """Check exercise 10.2: a softmax tile by tile.

    Args:
        answer: Called as answer(scores, values, tile), with tensors of shape (q_len, k_len) and
            (k_len, value_dim), and how many keys a tile has; the last one may be shorter. Returns
            softmax(scores) @ values, (q_len, value_dim).

    Returns:
        A result that shows itself.

    >>> check_online_softmax(lambda scores, values, tile: scores.softmax(-1) @ values).misconception
    'uses_softmax'
    """
    return _online(scores, values, tile)


# --- 10.3: the mask of a window ---------------------------------------------------------------


def _near(length: int, before: int, after: int = 0) -> Tensor:
    """Return who sees the keys from `before` places back to `after` places on."""
    query, key = torch.arange(length)[:, None], torch.arange(length)
    return (key >= query - before) & (key <= query + after)


WRONG_WINDOWS: WrongAnswers = {
    "window_one_too_many": lambda length, window: _near(length, window),
    "window_one_too_few": lambda length, window: _near(length, window - 2),
    "window_without_itself": (
        lambda length, window: _near(length, window, -1),
        lambda length, window: _near(length, window - 1, -1),
    ),
    "window_both_sides": lambda length, window: _near(length, window - 1, window - 1),
    "window_centred": (
        lambda length, window: _near(length, window // 2, window // 2),
        lambda length, window: _near(length, window // 2),
    ),
    "window_ahead": (
        lambda length, window: _near(length, 0, window - 1),
        lambda length, window: _near(length, 0, window),
    ),
    "window_ignored": (
        lambda length, window: masks.causal_mask(length),
        lambda length, window: _near(length, length, window),
        lambda length, window: _near(length, length, window - 1),
    ),
    "window_hidden": (
        lambda length, window: masks.causal_mask(length) & ~_near(length, window - 1),
        lambda length, window: masks.causal_mask(length) & ~_near(length, window),
    ),
    "blocks_not_windows": lambda length, window: (
        masks.causal_mask(length)
        & (torch.arange(length)[:, None] // window == torch.arange(length) // window)
    ),
    "window_stands_still": lambda length, window: (
        masks.causal_mask(length) & (torch.arange(length) < window)
    ),
    "every_other_key": lambda length, window: (
        masks.causal_mask(length)
        & ((torch.arange(length)[:, None] - torch.arange(length)) % window == 0)
    ),
    "mask_inverted": lambda length, window: ~_near(length, window - 1),
    "everything_allowed": lambda length, window: torch.ones(length, length, dtype=torch.bool),
    "additive_mask": tuple(
        lambda length, window, fill=fill: torch.zeros(length, length).masked_fill(
            ~_near(length, window - 1), fill
        )
        for fill in (-math.inf, -1e9)
    ),
    ("mask_inverted", "window_one_too_many"): lambda length, window: ~_near(length, window),
    ("window_both_sides", "window_one_too_many"): lambda length, window: _near(
        length, window, window
    ),
}


@check(
    "10.3",
    wrong=WRONG_WINDOWS,
    inputs=[lambda: [(length, window) for length in range(1, 8) for window in range(1, 5)]],
)
def window_mask(length: int, window: int) -> Tensor:
    """Check exercise 10.3: the mask of a causal window.

    Args:
        answer: Called as answer(length, window), with two whole numbers, both at least 1; returns a
            boolean tensor of shape (length, length), True = may attend: each query sees the last
            `window` tokens, itself included.

    Returns:
        A result that shows itself.

    >>> check_window_mask(lambda length, window: torch.ones(length, length).tril().bool()).passed
    False
    """
    return _near(length, window - 1)


# --- 10.4: grouped queries --------------------------------------------------------------------


def _each(x: Tensor, share: int) -> Tensor:
    """Give each head to as many neighbouring queries: 0, 0, 1, 1."""
    return x.repeat_interleave(share, dim=1)


def _dealt(x: Tensor, share: int) -> Tensor:
    """Deal heads out in turn: 0, 1, 0, 1."""
    return x.repeat(1, share, 1, 1)


def _in_groups(x: Tensor, key: Tensor) -> Tensor:
    """Give heads that share a head of keys an axis of their own, behind that of the groups."""
    return x.reshape(len(x), key.shape[1], -1, *x.shape[2:])


Spread = Callable[[Tensor, int], Tensor]


def _grouped(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    keys: Spread = _each,
    values: Spread = _each,
    **change: Any,
) -> Tensor:
    share = query.shape[1] // key.shape[1]
    return attend(query, keys(key, share), values(value, share), **change)


SPREADS: dict[str, tuple[Spread, ...]] = {
    "heads_dealt_out": (_dealt,),
    "first_head_for_all": (lambda x, share: x[:, :1].expand(-1, share * x.shape[1], -1, -1),),
    "last_head_for_all": (lambda x, share: x[:, -1:].expand(-1, share * x.shape[1], -1, -1),),
    "kv_heads_averaged": (
        lambda x, share: x.mean(dim=1, keepdim=True).expand(-1, share * x.shape[1], -1, -1),
    ),
    "kv_heads_reversed": (lambda x, share: _each(x, share).flip(1),),
}


# Of the queries of a group, which come on an axis of their own, the one that all of its heads ask.
ONE_QUESTION: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda group: group.mean(dim=2),
    lambda group: group.sum(dim=2),
    lambda group: group[:, :, 0],
    lambda group: group[:, :, -1],
)


def wrong_grouped() -> WrongAnswers:
    """One mistake each; and two of the commonest with one of the scale."""

    def answer(**change: Any) -> Callable[..., Tensor]:
        return lambda query, key, value: _grouped(query, key, value, **change)

    wrong: WrongAnswers = {
        id_: tuple(answer(keys=spread, values=spread) for spread in spreads)
        for id_, spreads in SPREADS.items()
    }
    wrong["keys_dealt_out"] = answer(keys=_dealt)
    wrong["values_dealt_out"] = answer(values=_dealt)
    scales = {id_: divisor for id_, divisor in DIVISORS.items() if id_ != "scale_by_length"}
    wrong |= {id_: answer(divisor=divisor) for id_, divisor in scales.items()}
    wrong["scale_by_heads"] = answer(divisor=lambda query, key: math.sqrt(query.shape[1]))
    wrong["scale_by_whole_embed_dim"] = answer(
        divisor=lambda query, key: math.sqrt(query.shape[1] * query.shape[-1])
    )
    wrong |= {
        id_: answer(normalise=NORMALISERS[id_])
        for id_ in ("softmax_over_queries", "softmax_missing", "exponential_missing")
    }
    wrong["softmax_over_heads"] = answer(normalise=lambda scores: scores.softmax(dim=1))
    wrong["mask_not_asked"] = tuple(answer(normalise=weights) for weights in CAUSALLY)
    wrong["groups_averaged"] = tuple(
        each
        for ask in ONE_QUESTION
        for each in (
            lambda query, key, value, ask=ask: attend(ask(_in_groups(query, key)), key, value),
            lambda query, key, value, ask=ask: _each(
                attend(ask(_in_groups(query, key)), key, value), query.shape[1] // key.shape[1]
            ),
        )
    )
    wrong["heads_out_of_order"] = lambda query, key, value: (
        _in_groups(_grouped(query, key, value), key).transpose(1, 2).flatten(1, 2)
    )
    for id_, divisor in scales.items():
        wrong["heads_dealt_out", id_] = answer(keys=_dealt, values=_dealt, divisor=divisor)
    return wrong


def _heads(draw: Draw, batch: int, kv_heads: int, share: int, length: int) -> Arguments:
    query = draw.integers(batch, kv_heads * share, length, 2)
    key, value = draw.integers(2, batch, kv_heads, length + 1, 2)
    return query, key, value


def _wide_heads() -> list[Arguments]:
    draw = Draw(1)
    return [
        (draw.normal(2, 6, 3, 5), draw.normal(2, kv_heads, 4, 5), draw.normal(2, kv_heads, 4, 3))
        for kv_heads in (1, 2, 3, 6)
    ]


@check(
    "10.4",
    wrong=wrong_grouped(),
    inputs=[
        lambda: [
            *grid(_heads, batch=(1, 2), kv_heads=(1, 2), share=(1, 2, 3), length=(1, 2)),
            *_wide_heads(),
        ]
    ],
)
def grouped_queries(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Check exercise 10.4: attention with fewer heads of keys and values than of queries.

    Args:
        answer: Called as answer(query, key, value), with tensors of shape (batch, num_heads, q_len,
            head_dim), (batch, num_kv_heads, k_len, head_dim) and (batch, num_kv_heads, k_len,
            value_dim); num_kv_heads divides num_heads, and neighbouring heads share. Returns
            (batch, num_heads, q_len, value_dim). No mask.

    Returns:
        A result that shows itself.

    >>> def dealt_out(query, key, value):
    ...     share = query.shape[1] // key.shape[1]
    ...     key, value = key.repeat(1, share, 1, 1), value.repeat(1, share, 1, 1)
    ...     return torch.nn.functional.scaled_dot_product_attention(query, key, value)
    >>> check_grouped_queries(dealt_out).misconception
    'heads_dealt_out'
    """
    return _grouped(query, key, value)


# --- 10.5: linear attention, causally ---------------------------------------------------------


def _linear(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    seen: Callable[[int], Tensor] = masks.causal_mask,
    counted: Callable[[int], Tensor] | None = None,
) -> Tensor:
    """Mix the values that are seen by weights without a softmax; divide by what is counted."""
    scores, length = query @ key.mT, key.shape[-2]
    total = (scores * (counted or seen)(length)).sum(dim=-1, keepdim=True)
    return (scores * seen(length)) @ value / total


def _everybody(length: int) -> Tensor:
    return torch.ones(length, length, dtype=torch.bool)


def _earlier(length: int) -> Tensor:
    return torch.ones(length, length).tril(-1).bool()


def _numerator(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return (query @ key.mT).tril() @ value


def _by_hand(query: Tensor, key: Tensor, divided: Callable[[Tensor], Tensor]) -> Tensor:
    """Return numbers by which the numerator is divided, made of the sum of the keys so far."""
    return divided(query * key.cumsum(dim=-2))


def _features(x: Tensor) -> Tensor:
    return F.elu(x) + 1


WRONG_LINEAR: WrongAnswers = {
    "normaliser_missing": _numerator,
    "normaliser_of_everything": lambda query, key, value: _linear(
        query, key, value, counted=_everybody
    ),
    "normaliser_counts": lambda query, key, value: (
        _numerator(query, key, value) / torch.arange(1.0, key.shape[-2] + 1)[:, None]
    ),
    "normaliser_of_own_key": lambda query, key, value: (
        _numerator(query, key, value) / (query * key).sum(dim=-1, keepdim=True)
    ),
    "normaliser_without_query": lambda query, key, value: (
        _numerator(query, key, value) / key.cumsum(dim=-2).sum(dim=-1, keepdim=True)
    ),
    "state_divided_by_keys": lambda query, key, value: torch.einsum(
        "bnd,bnde->bne",
        query,
        torch.einsum("bnd,bne->bnde", key, value).cumsum(dim=1) / key.cumsum(dim=1)[..., None],
    ),
    "normaliser_multiplied": lambda query, key, value: (
        _numerator(query, key, value)
        * _by_hand(query, key, lambda each: each.sum(dim=-1, keepdim=True))
    ),
    "future_read": lambda query, key, value: _linear(query, key, value, seen=_everybody),
    "future_read_undivided": lambda query, key, value: query @ (key.mT @ value),
    "itself_left_out": (
        lambda query, key, value: _linear(query, key, value, seen=_earlier),
        lambda query, key, value: _linear(query, key, value, seen=_earlier).nan_to_num(),
    ),
    "itself_counted_only": lambda query, key, value: _linear(
        query, key, value, seen=_earlier, counted=masks.causal_mask
    ),
    "softmax_kept": (
        lambda query, key, value: (
            (query @ key.mT)
            .masked_fill(~masks.causal_mask(key.shape[-2]), -math.inf)
            .softmax(dim=-1)
            @ value
        ),
        lambda query, key, value: (
            (query @ key.mT / math.sqrt(query.shape[-1]))
            .masked_fill(~masks.causal_mask(key.shape[-2]), -math.inf)
            .softmax(dim=-1)
            @ value
        ),
    ),
    "divided_over_queries": lambda query, key, value: (
        (query @ key.mT).tril() / (query @ key.mT).tril().sum(dim=-2, keepdim=True) @ value
    ),
    "features_taken_twice": lambda query, key, value: _linear(
        _features(query), _features(key), value
    ),
}


def _positive(draw: Draw, batch: int, length: int, width: int) -> Arguments:
    query, key = draw.integers(2, batch, length, width) + 3
    return query, key, 2 * draw.integers(batch, length, 2)


@check(
    "10.5",
    wrong=WRONG_LINEAR,
    inputs=[lambda: grid(_positive, batch=(1, 2), length=(1, 2, 3, 5), width=(1, 2, 3))],
    shrinks=False,  # features of 0, which are plainer, would be none
)
def linear_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Check exercise 10.5: linear attention, causally.

    Args:
        answer: Called as answer(query, key, value), with tensors of shape (batch, length, width),
            twice, and (batch, length, value_dim). Queries and keys are features already, all
            positive. Returns (batch, length, value_dim): at each position the values so far, each
            with the share that query · key has in the sum over the keys so far.

    Returns:
        A result that shows itself.

    >>> check_linear_attention(lambda query, key, value: (query @ key.mT).tril() @ value).passed
    False
    """
    return _linear(query, key, value)


# --- 10.6: a test that finds a forgotten factor -----------------------------------------------


def _whole_row(scores: Tensor, values: Tensor, tile: int) -> Tensor:
    return (scores.double().softmax(dim=-1) @ values.double()).to(values.dtype)


def _tile_by_tile(scores: Tensor, values: Tensor, tile: int) -> Tensor:
    return _online(scores, values, tile)


def _without_factor(scores: Tensor, values: Tensor, tile: int) -> Tensor:
    return _online(scores, values, tile, of_sum=_no_factor, of_output=_no_factor)


def _one_tile(calls: Calls) -> bool:
    return bool(calls) and all(tile >= scores.shape[-1] for scores, _, tile in calls)


def _never_rises(calls: Calls) -> bool:
    """Whether the largest score of each row stands in the first tile, in every call."""
    return bool(calls) and all(
        bool((scores[:, :tile].amax(dim=1) >= scores.amax(dim=1)).all())
        for scores, _, tile in calls
    )


def _values_alike(calls: Calls) -> bool:
    return bool(calls) and all(bool((values == values[:1]).all()) for _, values, _ in calls)


@reader_test(
    "10.6",
    right={"whole_row": _whole_row, "tile_by_tile": _tile_by_tile},
    wrong=_without_factor,
    signs={
        "only_one_tile": _one_tile,
        "all_values_alike": _values_alike,
        "largest_in_first_tile": _never_rises,
    },
)
def catches_forgotten_factor(attend: Callable[..., Tensor]) -> bool:
    """Check exercise 10.6: a test that finds a forgotten factor.

    Args:
        answer: Called as answer(attend), where attend(scores, values, tile) is called as in
            exercise 10.2; raises AssertionError, or returns False, if what was added up under an
            older maximum isn't rescaled.

    Returns:
        A result that shows itself.

    >>> check_catches_forgotten_factor(lambda attend: True).misconception
    'test_misses_bug'
    """
    scores, values = torch.tensor([[0.0, 1.0, 2.0, 3.0]]), torch.eye(4)
    return torch.allclose(attend(scores, values, 1), attend(scores, values, 4), atol=1e-5)


# --- 10.7: bytes of a cache -------------------------------------------------------------------


def _bytes(kept: Callable[[int, int], int]) -> Callable[..., int]:
    return lambda layers, kv_heads, head_dim, itemsize, length, window: (
        2 * layers * kv_heads * head_dim * itemsize * kept(length, window)
    )


WRONG_BYTES: WrongAnswers = {
    "keys_or_values": lambda layers, kv_heads, head_dim, itemsize, length, window: (
        layers * kv_heads * head_dim * itemsize * min(length, window)
    ),
    "numbers_not_bytes": lambda layers, kv_heads, head_dim, itemsize, length, window: (
        2 * layers * kv_heads * head_dim * min(length, window)
    ),
    "bits_counted": lambda layers, kv_heads, head_dim, itemsize, length, window: (
        16 * layers * kv_heads * head_dim * itemsize * min(length, window)
    ),
    "one_layer_only": lambda layers, kv_heads, head_dim, itemsize, length, window: (
        2 * kv_heads * head_dim * itemsize * min(length, window)
    ),
    "one_kv_head_only": lambda layers, kv_heads, head_dim, itemsize, length, window: (
        2 * layers * head_dim * itemsize * min(length, window)
    ),
    "whole_length_kept": _bytes(lambda length, window: length),
    "window_always_full": _bytes(lambda length, window: window),
    "own_token_not_kept": (
        _bytes(lambda length, window: min(length, window - 1)),
        _bytes(lambda length, window: min(length - 1, window)),
        _bytes(lambda length, window: min(length, window) - 1),
    ),
    "window_one_too_many": _bytes(lambda length, window: min(length, window + 1)),
    "reach_kept": (
        lambda layers, kv_heads, head_dim, itemsize, length, window: (
            2 * layers * kv_heads * head_dim * itemsize * min(length, layers * (window - 1) + 1)
        ),
        lambda layers, kv_heads, head_dim, itemsize, length, window: (
            2 * layers * kv_heads * head_dim * itemsize * min(length, layers * window)
        ),
    ),
    "longer_taken": _bytes(max),
    "window_added": _bytes(lambda length, window: length + window),
    "pairs_kept": (
        _bytes(lambda length, window: length * min(length, window)),
        _bytes(lambda length, window: min(length, window) ** 2),
        _bytes(lambda length, window: length**2),
        _bytes(lambda length, window: length * window),
    ),
    ("keys_or_values", "numbers_not_bytes"): (
        lambda layers, kv_heads, head_dim, itemsize, length, window: (
            layers * kv_heads * head_dim * min(length, window)
        )
    ),
    ("keys_or_values", "whole_length_kept"): (
        lambda layers, kv_heads, head_dim, itemsize, length, window: (
            layers * kv_heads * head_dim * itemsize * length
        )
    ),
    ("numbers_not_bytes", "whole_length_kept"): (
        lambda layers, kv_heads, head_dim, itemsize, length, window: (
            2 * layers * kv_heads * head_dim * length
        )
    ),
}


def _caches() -> list[Arguments]:
    return [
        (layers, kv_heads, head_dim, itemsize, length, window)
        for layers, kv_heads, head_dim in ((1, 1, 1), (1, 1, 3), (5, 1, 3), (1, 7, 3), (5, 7, 3))
        for itemsize in (1, 4)
        for length, window in ((2, 5), (3, 3), (11, 6), (31, 4))
    ]


@check("10.7", wrong=WRONG_BYTES, inputs=[_caches])
def cache_bytes(
    layers: int, kv_heads: int, head_dim: int, itemsize: int, length: int, window: int
) -> int:
    """Check exercise 10.7: how many bytes a cache takes.

    Args:
        answer: Called as answer(layers, kv_heads, head_dim, itemsize, length, window), with whole
            numbers: layers, heads of keys and values, their width, bytes of a number, tokens read,
            and how many of them a token sees at most. Returns the bytes that have to be kept.

    Returns:
        A result that shows itself.

    >>> def everything(layers, kv_heads, head_dim, itemsize, length, window):
    ...     return 2 * layers * kv_heads * head_dim * itemsize * length
    >>> check_cache_bytes(everything).misconception
    'whole_length_kept'
    """
    return 2 * layers * kv_heads * head_dim * itemsize * min(length, window)
