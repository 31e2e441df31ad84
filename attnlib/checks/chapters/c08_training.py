"""Checks of chapter 8: training, and what its numbers count."""

import math
from collections.abc import Callable
from copy import deepcopy
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from attnlib.checks.engine.check import check
from attnlib.checks.engine.inputs import Arguments, Draw, grid
from attnlib.checks.engine.mistakes import WrongAnswers
from attnlib.checks.engine.predictions import Numbers, prediction
from attnlib.checks.engine.reader_tests import Calls, pairs_of_calls, reader_test

UNASKED = -100  # the label that asks for nothing


@prediction(
    "8.1",
    wrong={
        "padding_left_out": [0.6, 0.6, 0.5],
        "real_mean_over_all": tuple([12 * 0.6 / 21] * 2 + [hits / 21] for hits in (15, 10.5, 6)),
        "means_swapped": [0.6, 12 * 0.6 / 21, 15 / 21],
        "accuracy_without_padding": [12 * 0.6 / 21, 0.6, 0.5],
        "padding_wrong": [12 * 0.6 / 21, 0.6, 6 / 21],
        "sums_given": ([7.2, 7.2, 15], [7.2, 7.2, 6], [7.2, 0.6, 15], [7.2, 0.6, 15 / 21]),
        "divided_by_phrases": tuple(
            [2.4, real, hits] for real in (2.4, 0.6) for hits in (5, 15 / 21, 0.5)
        ),
        "divided_by_padding": ([0.8, 0.6, 15 / 21], [0.8, 0.6, 0.5]),
        "padding_costs_as_much": ([0.6, 0.6, 15 / 21], [0.6, 0.6, 0.75]),
        "groups_weigh_the_same": (
            [0.3, 0.6, 0.75],
            [0.3, 0.6, 15 / 21],
            [12 * 0.6 / 21, 0.6, 0.75],
        ),
        # Three phrases have six signs more: asked like characters; not asked, and right or wrong.
        "signs_counted": (
            [18 * 0.6 / 27, 0.6, 18 / 27],
            [12 * 0.6 / 27, 0.6, 21 / 27],
            [12 * 0.6 / 27, 0.6, 15 / 27],
        ),
        "per_cent_not_asked": [12 * 0.6 / 21, 0.6, 1500 / 21],
    },
)
def batch_numbers() -> Numbers:
    """Check exercise 8.1: what padding does to a mean.

    Args:
        answer: Three numbers.

    Returns:
        A result that shows itself; `passed` is None as long as a number is `...`.

    >>> check_batch_numbers([0.6, 0.6, 0.5]).misconception
    'padding_left_out'
    """
    return [12 * 0.6 / 21, 0.6, 15 / 21]


# --- 8.2: the loss ----------------------------------------------------------------------------

Means = Callable[[Tensor, Tensor], Tensor]  # of (batch, length), and where a label asks


def _log_softmax(logits: Tensor) -> Tensor:
    return logits.log_softmax(-1)


def _of_asked(values: Tensor, asked: Tensor) -> Tensor:
    return values[asked].mean()


def _of_phrases(values: Tensor, asked: Tensor) -> Tensor:
    each = (values * asked).sum(1) / asked.sum(1)
    return each[asked.any(1)].mean()


def _loss(
    logits: Tensor,
    labels: Tensor,
    *,
    logarithm: Callable[[Tensor], Tensor] = _log_softmax,
    mean: Means = _of_asked,
    instead: int = 0,
    ignored: bool = True,
) -> Tensor:
    """Mean cross-entropy, with another step in the place of a right one."""
    asked = labels != UNASKED
    chosen = labels.masked_fill(~asked, instead) % logits.shape[-1]
    values = -logarithm(logits).gather(-1, chosen[..., None]).squeeze(-1)
    if not ignored:
        return mean(values, torch.ones_like(asked))
    return mean(values.masked_fill(~asked, 0.0), asked)


LOSS_MEANS: dict[str, tuple[Means, ...]] = {
    "padding_in_denominator": (lambda values, asked: values.mean(),),
    "mean_of_phrases": (_of_phrases,),
    "loss_summed": (lambda values, asked: values.sum(),),
    "divided_by_batch": (lambda values, asked: values.sum() / len(values),),
    "divided_by_length": (lambda values, asked: values.sum() / values.shape[1],),
    "loss_not_averaged": (
        lambda values, asked: values,
        lambda values, asked: values[asked],
        lambda values, asked: values.sum(1) / asked.sum(1),
    ),
    "perplexity_given": (lambda values, asked: values[asked].mean().exp(),),
    "sign_forgotten": (lambda values, asked: -values[asked].mean(),),
    "logarithm_of_two": (lambda values, asked: values[asked].mean() / math.log(2),),
}
LOGARITHMS: dict[str, tuple[Callable[[Tensor], Tensor], ...]] = {
    "classes_not_normalised": (lambda logits: logits,),
    "logarithm_missing": (lambda logits: logits.softmax(-1), lambda logits: logits.softmax(-1) - 1),
    "softmax_before_the_loss": (lambda logits: logits.softmax(-1).log_softmax(-1),),
    "softmax_over_positions": (
        lambda logits: logits.log_softmax(1),
        lambda logits: logits.log_softmax(0),
    ),
    "log_of_exponentials": (lambda logits: logits.exp().log_softmax(-1),),
}


# Of logits, with the same shape: numbers of several positions stand where classes should.
RESHAPED: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda logits: logits.reshape(logits.mT.shape).mT,
    lambda logits: logits.mT.reshape(logits.shape),
    lambda logits: logits.transpose(0, 1).reshape(logits.shape),
    lambda logits: logits.permute(2, 0, 1).reshape(logits.shape),
    lambda logits: logits.reshape(logits.shape[-1], -1).mT.reshape(logits.shape),
)


def _zero_unasked(labels: Tensor) -> Tensor:
    return labels.masked_fill(labels == 0, UNASKED)


def wrong_losses() -> WrongAnswers:
    """One mistake, or one in the logarithm and one in the mean."""

    def answer(**change: Any) -> Callable[..., Tensor]:
        return lambda logits, labels: _loss(logits, labels, **change)

    wrong: WrongAnswers = {
        "labels_not_ignored": (answer(ignored=False), answer(ignored=False, instead=-1)),
        "divided_by_classes": lambda logits, labels: _loss(logits, labels) / logits.shape[-1],
        "class_zero_left_out": (
            # Everywhere; with a guard against 0 / 0; in the denominator alone; in the sum alone.
            lambda logits, labels: _loss(logits, _zero_unasked(labels)),
            lambda logits, labels: _loss(
                logits,
                _zero_unasked(labels),
                mean=lambda values, asked: values.sum() / asked.sum().clamp(min=1),
            ),
            lambda logits, labels: (
                _loss(logits, labels, mean=lambda values, _: values.sum()) / (labels > 0).sum()
            ),
            lambda logits, labels: (
                _loss(logits, _zero_unasked(labels), mean=lambda values, _: values.sum())
                / (labels != UNASKED).sum()
            ),
        ),
        # Only where the sizes agree; elsewhere it is an error.
        "positions_taken_for_classes": nn.functional.cross_entropy,
        "reshaped_not_transposed": tuple(
            lambda logits, labels, reshaped=reshaped: _loss(reshaped(logits), labels)
            for reshaped in RESHAPED
        ),
    }
    wrong |= {id_: tuple(answer(mean=each) for each in some) for id_, some in LOSS_MEANS.items()}
    wrong |= {
        id_: tuple(answer(logarithm=each) for each in some) for id_, some in LOGARITHMS.items()
    }
    wrong["class_zero_left_out", "padding_in_denominator"] = lambda logits, labels: _loss(
        logits, _zero_unasked(labels), mean=lambda values, _: values.mean()
    )
    often = ("padding_in_denominator", "mean_of_phrases", "loss_summed", "divided_by_batch")
    for logarithm, mean in product(LOGARITHMS, often):
        wrong[logarithm, mean] = tuple(
            answer(logarithm=one, mean=other)
            for one, other in product(LOGARITHMS[logarithm], LOSS_MEANS[mean])
        )
    return wrong


def _labels(draw: Draw, batch: int, length: int, classes: int) -> Tensor:
    """Labels of which about a third ask for nothing, and one at least for something."""
    labels = (draw.normal(batch, length).abs() * 7).long() % classes
    unasked = draw.normal(batch, length) > 0.4
    unasked[:, 0] = False
    return labels.masked_fill(unasked, UNASKED)


def _scores_and_labels(draw: Draw, batch: int, length: int, classes: int) -> Arguments:
    return draw.integers(batch, length, classes), _labels(draw, batch, length, classes)


def _far_and_padded() -> list[Arguments]:
    """A batch of phrases of 1, 5 and 2 characters, filled up; and logits that lie far apart."""
    draw = Draw(3)
    labels = torch.tensor([[1, *[UNASKED] * 4], [0, 2, 2, 1, 3], [3, 0, *[UNASKED] * 3]])
    return [(draw.normal(3, 5, 4), labels), (200 * draw.normal(3, 5, 4), labels)]


@check(
    "8.2",
    wrong=wrong_losses(),
    inputs=[
        lambda: grid(_scores_and_labels, batch=(1, 2), length=(1, 2, 3), classes=(2, 3)),
        _far_and_padded,
    ],
)
def asked_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Check exercise 8.2: the mean loss of what was asked.

    Args:
        answer: Called as answer(logits, labels), with tensors of shape (batch, length, classes) and
            (batch, length); a label of -100 asks for nothing. Returns the mean cross-entropy of all
            other positions of the batch together, a tensor with one number.

    Returns:
        A result that shows itself.

    >>> cross_entropy = torch.nn.functional.cross_entropy
    >>> check_asked_loss(lambda logits, labels: cross_entropy(logits.mT, labels)).passed
    True
    """
    return _loss(logits, labels)


# --- 8.3: accuracy ----------------------------------------------------------------------------


def _hits(logits: Tensor, labels: Tensor, axis: int = -1) -> Tensor:
    return logits.argmax(axis) == labels


WRONG_ACCURACIES: WrongAnswers = {
    "argmax_over_positions": (
        lambda logits, labels: _hits(logits, labels, 1)[labels != UNASKED].float().mean(),
        lambda logits, labels: _hits(logits, labels, 0)[labels != UNASKED].float().mean(),
        lambda logits, labels: _hits(logits, labels, 1).float().mean(),
        lambda logits, labels: _hits(logits, labels, 0).float().mean(),
    ),
    "unasked_counted_wrong": lambda logits, labels: _hits(logits, labels).float().mean(),
    "unasked_counted_right": lambda logits, labels: (
        (_hits(logits, labels) | (labels == UNASKED)).float().mean()
    ),
    "label_zero_for_unasked": lambda logits, labels: (
        _hits(logits, labels.clamp(min=0)).float().mean()
    ),
    "errors_counted": lambda logits, labels: (
        1 - _of_asked(_hits(logits, labels).float(), labels != UNASKED)
    ),
    "hits_not_shared": (
        lambda logits, labels: _hits(logits, labels).sum().float(),
        lambda logits, labels: _hits(logits, labels).sum() / len(labels),
    ),
    "accuracy_of_phrases": (
        lambda logits, labels: _of_phrases(_hits(logits, labels).float(), labels != UNASKED),
        lambda logits, labels: (_hits(logits, labels) | (labels == UNASKED)).all(1).float().mean(),
    ),
    "smallest_taken": lambda logits, labels: (
        (logits.argmin(-1) == labels)[labels != UNASKED].float().mean()
    ),
    "probability_of_label": lambda logits, labels: (
        logits.softmax(-1)
        .gather(-1, labels.clamp(min=0)[..., None])
        .squeeze(-1)[labels != UNASKED]
        .mean()
    ),
    "confidence_given": lambda logits, labels: (
        logits.softmax(-1).amax(-1)[labels != UNASKED].mean()
    ),
    "share_in_per_cent": lambda logits, labels: (
        100 * _of_asked(_hits(logits, labels).float(), labels != UNASKED)
    ),
    "hits_not_averaged": (
        lambda logits, labels: _hits(logits, labels),
        lambda logits, labels: _hits(logits, labels)[labels != UNASKED],
    ),
    "class_zero_left_out": (
        lambda logits, labels: _hits(logits, labels)[labels > 0].float().mean(),
        lambda logits, labels: (
            _hits(logits, labels)[labels > 0].sum() / (labels > 0).sum().clamp(min=1)
        ),
        lambda logits, labels: _hits(logits, labels).sum() / (labels > 0).sum(),
        lambda logits, labels: _hits(logits, labels)[labels > 0].sum() / (labels != UNASKED).sum(),
    ),
    "reshaped_not_transposed": tuple(
        lambda logits, labels, reshaped=reshaped: (
            _hits(reshaped(logits), labels)[labels != UNASKED].float().mean()
        )
        for reshaped in RESHAPED
    ),
}


def _distinct(draw: Draw, batch: int, length: int, classes: int) -> Arguments:
    """Logits without a draw between two classes."""
    return draw.normal(batch, length, classes), _labels(draw, batch, length, classes)


@check(
    "8.3",
    wrong=WRONG_ACCURACIES,
    # As many phrases as positions as classes: so a wrong axis gives a number, and no error. Where
    # the sizes differ, a reshape is not the same as a wrong axis.
    inputs=[
        lambda: [
            *(_distinct(Draw(seed), size, size, size) for size in (2, 3) for seed in range(6)),
            *(_distinct(Draw(seed), 3, 5, 7) for seed in range(3)),
        ],
    ],
    shrinks=False,
)
def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Check exercise 8.3: the share of what was asked that is right.

    Args:
        answer: Called as answer(logits, labels), with tensors of shape (batch, length, classes) and
            (batch, length); a label of -100 asks for nothing. Returns the share of the other
            positions whose largest logit is that of the label, a tensor with one number.

    Returns:
        A result that shows itself.

    >>> check_accuracy(lambda logits, labels: (logits.argmax(-1) == labels).float().mean()).passed
    False
    """
    return _of_asked(_hits(logits, labels).float(), labels != UNASKED)


# --- 8.4: leaks -------------------------------------------------------------------------------

Leaks = Callable[[str, str], bool]  # whether a phrase of training is too near to one held out


def _count(leaks: Leaks) -> Callable[..., int]:
    return lambda train, held: sum(any(leaks(one, other) for other in held) for one in train)


def _too_near(one: str, other: str) -> bool:
    return one in other or other in one


NEAR: dict[str, tuple[Leaks, ...]] = {
    "parts_forgotten": (lambda one, other: other in one,),
    "wholes_forgotten": (lambda one, other: one in other,),
    "only_the_same": (lambda one, other: one == other,),
    "character_shared": (lambda one, other: bool(set(one) & set(other)),),
    "characters_contained": (
        lambda one, other: set(one) <= set(other) or set(one) >= set(other),
        lambda one, other: set(one) <= set(other),
        lambda one, other: set(one) >= set(other),
    ),
    "only_beginnings": (
        lambda one, other: one.startswith(other) or other.startswith(one),
        lambda one, other: one.startswith(other),
        lambda one, other: one.endswith(other),
        lambda one, other: one.endswith(other) or other.endswith(one),
    ),
    "same_not_counted": (lambda one, other: one != other and _too_near(one, other),),
    "neighbours_shared": (
        lambda one, other: any(one[i : i + 2] in other for i in range(len(one) - 1)),
    ),
}

WRONG_LEAKS: WrongAnswers = {
    **{id_: tuple(map(_count, some)) for id_, some in NEAR.items()},
    "pairs_counted": lambda train, held: sum(
        _too_near(one, other) for one in train for other in held
    ),
    "held_out_counted": lambda train, held: _count(_too_near)(held, train),
    "clean_counted": lambda train, held: len(train) - _count(_too_near)(train, held),
    "share_instead_of_number": lambda train, held: (
        _count(_too_near)(train, held) / max(len(train), 1)
    ),
}


def _phrases() -> list[Arguments]:
    return [
        (["音乐会"], ["音乐"]),
        (["音乐"], ["音乐会"]),
        (["音乐"], ["音乐"]),
        (["乐音"], ["音乐"]),
        (["快乐"], ["音乐"]),
        (["音乐学"], ["音乐会"]),
        (["音乐会", "快乐"], ["音乐", "乐会"]),
        (["音乐会", "听音乐"], ["音乐"]),
        (["音乐", "音乐会", "快乐", "会音"], ["听音乐", "音乐会", "快"]),
        (["听音乐会", "乐会"], ["音乐", "会", "乐会"]),
        (["音乐学院", "学院"], ["音乐会", "乐学"]),
    ]


@check("8.4", wrong=WRONG_LEAKS, inputs=[_phrases])
def leaks(train: list[str], held: list[str]) -> int:
    """Check exercise 8.4: how many phrases of training leak.

    Args:
        answer: Called as answer(train, held) with two lists of phrases; returns how many phrases of
            the first contain a phrase of the second, or are part of one, or are one.

    Returns:
        A result that shows itself.

    >>> check_leaks(lambda train, held: len(set(train) & set(held))).misconception
    'only_the_same'
    """
    return _count(_too_near)(train, held)


# --- 8.5: labels of the next token ------------------------------------------------------------


def _next(tokens: Tensor, pad: int, *, by: int = 1, last: int = UNASKED) -> Tensor:
    """Return the tokens moved to the front by some places."""
    moved = tokens.roll(-by, 1)
    if by > 0:
        moved[:, -by:] = last
    elif by < 0:
        moved[:, :-by] = last
    return moved.masked_fill(moved == pad, UNASKED)


def _unmasked(tokens: Tensor, last: int) -> Tensor:
    return torch.cat((tokens[:, 1:], torch.full_like(tokens[:, :1], last)), 1)


WRONG_LABELS: WrongAnswers = {
    "not_shifted": (
        lambda tokens, pad: tokens.masked_fill(tokens == pad, UNASKED),
        lambda tokens, pad: tokens.clone(),
    ),
    "shifted_the_other_way": (
        lambda tokens, pad: _next(tokens, pad, by=-1),
        lambda tokens, pad: torch.cat((tokens[:, :1], tokens[:, :-1]), 1).masked_fill(
            tokens == pad, UNASKED
        ),
        lambda tokens, pad: _next(tokens, pad, by=-1).masked_fill(tokens == pad, UNASKED),
    ),
    "shifted_twice": lambda tokens, pad: _next(tokens, pad, by=2),
    "first_comes_after_last": (
        lambda tokens, pad: tokens.roll(-1, 1).masked_fill(tokens.roll(-1, 1) == pad, UNASKED),
        lambda tokens, pad: tokens.roll(-1, 1),
        lambda tokens, pad: tokens.roll(-1, 1).masked_fill(tokens == pad, UNASKED),
    ),
    "last_asked": (
        lambda tokens, pad: _next(tokens, pad, last=0),
        lambda tokens, pad: torch.cat((tokens[:, 1:], tokens[:, -1:]), 1).masked_fill(
            torch.cat((tokens[:, 1:], tokens[:, -1:]), 1) == pad, UNASKED
        ),
    ),
    "padding_asked": (
        lambda tokens, pad: _unmasked(tokens, UNASKED),
        lambda tokens, pad: _unmasked(tokens, 0),
    ),
    "padding_mask_not_shifted": (
        lambda tokens, pad: _unmasked(tokens, UNASKED).masked_fill(tokens == pad, UNASKED),
        lambda tokens, pad: _unmasked(tokens, pad).masked_fill(tokens == pad, UNASKED),
    ),
    "end_not_asked": lambda tokens, pad: _next(tokens, pad).masked_fill(
        _next(tokens, pad, by=2) == UNASKED, UNASKED
    ),
    "phrases_shifted": lambda tokens, pad: torch.cat(
        (tokens[1:], torch.full_like(tokens[:1], UNASKED))
    ).masked_fill(torch.cat((tokens[1:], torch.full_like(tokens[:1], pad))) == pad, UNASKED),
    "pad_for_unasked": lambda tokens, pad: _unmasked(tokens, pad),
    "padding_taken_for_zero": lambda tokens, pad: _next(tokens, 0),
    ("padding_mask_not_shifted", "padding_taken_for_zero"): (
        lambda tokens, pad: _unmasked(tokens, UNASKED).masked_fill(tokens == 0, UNASKED)
    ),
}


def _tokens() -> list[Arguments]:
    """Phrases with 1 for the beginning and 2 for the end, filled up with another number."""
    return [
        (torch.tensor([[1, 5, 2]]), 0),
        (torch.tensor([[1, 5, 2, 0]]), 0),
        (torch.tensor([[1, 5, 6, 2], [1, 7, 2, 0]]), 0),
        (torch.tensor([[1, 5, 6, 7, 2], [1, 8, 2, 0, 0]]), 0),
        (torch.tensor([[1, 5, 6, 2, 9, 9], [1, 7, 5, 6, 8, 2], [1, 2, 9, 9, 9, 9]]), 9),
    ]


@check("8.5", wrong=WRONG_LABELS, inputs=[_tokens], shrinks=False)
def next_labels(tokens: Tensor, pad: int) -> Tensor:
    """Check exercise 8.5: labels for a model that names the next token.

    Args:
        answer: Called as answer(tokens, pad), with whole numbers of shape (batch, length) and the
            number with which short rows are filled up; returns a tensor of the same shape: at each
            position the token that comes next, -100 where none comes or where it is padding.

    Returns:
        A result that shows itself.

    >>> check_next_labels(lambda tokens, pad: tokens).misconception
    'not_shifted'
    """
    return _next(tokens, pad)


# --- 8.6: dropout at evaluation ---------------------------------------------------------------


def _read(model: nn.Module, x: Tensor) -> Tensor:
    """Read in evaluation mode, and leave the model as it was."""
    before = model.training
    model.eval()
    with torch.no_grad():
        came_out: Tensor = model(x)
    model.train(before)
    return came_out


def _read_with_a_copy(model: nn.Module, x: Tensor) -> Tensor:
    """Read with a copy in evaluation mode."""
    with torch.no_grad():
        came_out: Tensor = deepcopy(model).eval()(x)
    return came_out


def _read_while_training(model: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        came_out: Tensor = model(x)
    return came_out


def _seeded_alike(calls: Calls) -> bool:
    """Whether chance begins at the same place each time."""
    return (
        not calls.rejected
        and len(calls) > 1
        and all(state.equal(calls.states[0]) for state in calls.states)
    )


def _at_rest(call: tuple[Any, ...]) -> Tensor:
    """What the model of a call says in evaluation mode."""
    with torch.no_grad():
        came_out: Tensor = deepcopy(call[0]).eval()(call[1])
    return came_out


def _never_rests(calls: Calls) -> bool:
    """Whether a model drops something in evaluation mode, too."""
    return calls.rejected and any(not _at_rest(each).equal(_at_rest(each)) for each in calls)


def _never_read_twice(calls: Calls) -> bool:
    """Whether any two readings would differ without dropout, too."""
    pairs = pairs_of_calls(calls) if calls.rejected else []
    return bool(pairs) and not any(_at_rest(one).equal(_at_rest(other)) for one, other in pairs)


def _drops(model: Any) -> bool:
    parts = model.modules() if isinstance(model, nn.Module) else ()
    return any(isinstance(part, nn.Dropout) and part.p > 0 for part in parts)


@reader_test(
    "8.6",
    right={"reads_in_eval": _read, "reads_with_copy": _read_with_a_copy},
    wrong=_read_while_training,
    signs={
        "no_dropout_to_find": lambda calls: (
            not calls.rejected and not any(_drops(call[0]) for call in calls)
        ),
        "evaluation_mode_given": lambda calls: (
            not calls.rejected and all(not call[0].training for call in calls)
        ),
        "read_only_once": lambda calls: not calls.rejected and len(calls) == 1,
        "seeded_alike": _seeded_alike,
        "never_rests": _never_rests,
        "never_read_twice": _never_read_twice,
    },
)
def catches_dropout(read: Callable[..., Tensor]) -> bool:
    """Check exercise 8.6: a test that finds dropout where none should be.

    Args:
        answer: Called as answer(read), read(model, x) being a function that lets a model read;
            raises AssertionError, or returns False, if dropout is active while it reads.

    Returns:
        A result that shows itself.

    >>> check_catches_dropout(lambda read: True).misconception
    'test_misses_bug'
    """
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))
    x = torch.randn(4, 8)
    return torch.equal(read(model, x), read(model, x))
