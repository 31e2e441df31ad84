"""Checks of chapter 11: inside a trained model."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from attnlib.checks.engine.check import check
from attnlib.checks.engine.inputs import Arguments, Draw, grid
from attnlib.checks.engine.mistakes import WrongAnswers
from attnlib.checks.engine.predictions import Numbers, prediction
from attnlib.checks.engine.reader_tests import Calls, reader_test
from attnlib.masks import causal_mask
from attnlib.multihead import merge_heads


@prediction(
    "11.1",
    wrong={
        "looks_at_same_sign": ([1, 1, 0, 0, 3], [1, 1, 0, 3, 0]),
        "looks_two_further": ([1, 3, 2, 2, 5], [1, 3, 2, 5, 2]),
        "last_copy_only": [1, 2, 1, 4, 4],
        "first_copy_only": [1, 2, 1, 1, 1],
        "larger_place_first": [1, 2, 1, 4, 1],
        # From place 6 it is five back to the one, two to the other; also written as steps of -1.
        "distance_not_place": (
            [1, 2, 2, 2, 5],
            [1, 2, 2, 5, 2],
            [-1, -2, -2, -2, -5],
            [-1, -2, -2, -5, -2],
        ),
        "looks_at_newest": ([1, 3, 2, 5, 5], [1, 4, 3, 6, 6]),
        "previous_is_next": [3, 2, 1, 1, 4],
        "previous_is_itself": [2, 2, 1, 1, 4],
        "places_from_one": ([2, 3, 2, 2, 5], [2, 3, 2, 5, 2]),
    },
)
def look_back() -> Numbers:
    """Check exercise 11.1: where the two kinds of heads look.

    Args:
        answer: Five places, counted from 0.

    Returns:
        A result that shows itself; `passed` is None as long as a place is `...`.

    >>> check_look_back([1, 1, 0, 0, 3]).misconception
    'looks_at_same_sign'
    """
    return [1, 2, 1, 1, 4]


# --- 11.2: the previous-token score -------------------------------------------------------------


def _causal(draw: Draw, heads: int, length: int) -> Tensor:
    """Return weights in tenths or so: rows that sum to 1, nothing in the future."""
    shares = (1 + draw.integers(heads, length, length).abs()) ** 2
    shares = shares.tril()
    return shares / shares.sum(dim=-1, keepdim=True)


def _below(weights: Tensor, offset: int) -> Tensor:
    return weights.diagonal(offset, -2, -1).mean(dim=-1)


def _first_largest(weights: Tensor) -> Tensor:
    """Return 1 at the largest weight of each row, 0 elsewhere; of equal ones the first has it."""
    return functional.one_hot(weights.argmax(dim=-1), weights.shape[-1]).float()


def _all_largest(weights: Tensor) -> Tensor:
    """Return 1 at the largest weight of each row, at all of them where they are equal."""
    return (weights == weights.amax(dim=-1, keepdim=True)).float()


WRONG_PREVIOUS: WrongAnswers = {
    "diagonal_above": lambda weights: _below(weights, 1),
    "diagonal_itself": lambda weights: _below(weights, 0),
    "diagonal_two_back": lambda weights: _below(weights, -2),
    "first_place_counted": lambda weights: _below(weights, -1) * (1 - 1 / weights.shape[-1]),
    "score_summed": lambda weights: weights.diagonal(-1, -2, -1).sum(dim=-1),
    "scores_of_heads_averaged": (
        lambda weights: _below(weights, -1).mean(),
        lambda weights: _below(weights, -1).mean(dim=0, keepdim=True),
        lambda weights: _below(weights, -1).mean().expand(len(weights)),
    ),
    "largest_counted": (
        lambda weights: _below(_first_largest(weights), -1),
        lambda weights: _below(_all_largest(weights), -1),
    ),
    "diagonal_over_heads": (
        lambda weights: weights.diagonal(-1).mean(dim=-1),
        lambda weights: weights.diagonal(-1).mean(dim=0),
        lambda weights: weights.diagonal(-1).mean(),
    ),
    "weights_softmaxed": lambda weights: _below(weights.softmax(dim=-1), -1),
}


@check(
    "11.2",
    wrong=WRONG_PREVIOUS,
    inputs=[
        lambda: grid(
            lambda draw, heads, length: (_causal(draw, heads, length),),
            heads=(2, 3),
            length=(3, 5, 7),
        )
    ],
    shrinks=False,  # smaller numbers would not be weights: rows sum to 1
)
def previous_score(weights: Tensor) -> Tensor:
    """Check exercise 11.2: how much of its weight a head gives to the place before.

    Args:
        answer: Called as answer(weights), with causal weights of shape (heads, n, n); returns, for
            each head, the weight on the place before, averaged over the places that have one.

    Returns:
        A result that shows itself.

    >>> check_previous_score(lambda weights: weights.diagonal(1, 1, 2).mean(1)).misconception
    'diagonal_above'
    """
    return _below(weights, -1)


# --- 11.3: the induction score ------------------------------------------------------------------

Chosen = Callable[[Tensor], Tensor]  # from earlier copies (n, n) to the places that count (n, n)


def _copies(tokens: Tensor) -> Tensor:
    """Return for each place where its token has stood before: (n, n)."""
    return (tokens[:, None] == tokens).tril(-1)


def _shifted(places: Tensor, by: int) -> Tensor:
    """Move marked places on (by > 0) or back; what leaves the text is gone."""
    moved = torch.zeros_like(places)
    if by >= 0:
        moved[:, by:] = places[:, : len(places) - by]
    else:
        moved[:, :by] = places[:, -by:]
    return moved


def _after(copies: Tensor) -> Tensor:
    return _shifted(copies, 1)


def _last_of(copies: Tensor) -> Tensor:
    return copies & (copies.cumsum(dim=1) == copies.sum(dim=1, keepdim=True))


def _first_of(copies: Tensor) -> Tensor:
    return copies & (copies.cumsum(dim=1) == 1)


def _found(weights: Tensor, tokens: Tensor, chosen: Chosen = _after) -> Tensor:
    """Return the weight on chosen places, for each head and each place: (heads, n)."""
    return (weights * chosen(_copies(tokens))).sum(dim=-1)


def _induction(weights: Tensor, tokens: Tensor, chosen: Chosen = _after) -> Tensor:
    known = _copies(tokens).any(dim=-1)
    return _found(weights, tokens, chosen)[:, known].mean(dim=-1)


def _averaged_copies(weights: Tensor, tokens: Tensor) -> Tensor:
    """Average over the copies of a token, where their weights have to be added."""
    copies = _copies(tokens)
    known = copies.any(dim=-1)
    return (_found(weights, tokens) / copies.sum(dim=-1))[:, known].mean(dim=-1)


def _all_copies_averaged(weights: Tensor, tokens: Tensor) -> Tensor:
    return weights[:, _after(_copies(tokens))].mean(dim=-1)


def _later_copies_too(weights: Tensor, tokens: Tensor, chosen: Chosen = _after) -> Tensor:
    """Look for a token at all other places, where only earlier ones count."""
    same = (tokens[:, None] == tokens).fill_diagonal_(False)
    return (weights * chosen(same)).sum(dim=-1)[:, same.any(dim=-1)].mean(dim=-1)


# How long a block is, for who believes that a text is nothing but its block, again and again.
PERIODS: dict[str, Callable[[Tensor], int]] = {
    "first_return": lambda tokens: 1 + int((tokens[1:] == tokens[0]).nonzero()[0]),
    "half": lambda tokens: len(tokens) // 2,
    "different": lambda tokens: len(set(tokens.tolist())),
}


def _at_offset(period: Callable[[Tensor], int], begin: int) -> Callable[..., Tensor]:
    """Return the mean of one diagonal; its first entry is that of a place without a copy."""

    def score(weights: Tensor, tokens: Tensor) -> Tensor:
        return weights.diagonal(1 - period(tokens), -2, -1)[:, begin:].mean(dim=-1)

    return score


WRONG_INDUCTION: WrongAnswers = {
    "score_of_same_sign": lambda weights, tokens: _induction(weights, tokens, lambda same: same),
    "score_before_copy": lambda weights, tokens: _induction(
        weights, tokens, lambda same: _shifted(same, -1)
    ),
    "score_two_further": lambda weights, tokens: _induction(
        weights, tokens, lambda same: _shifted(same, 2).tril()
    ),
    "last_copy_only": lambda weights, tokens: _induction(
        weights, tokens, lambda same: _after(_last_of(same))
    ),
    "first_copy_only": lambda weights, tokens: _induction(
        weights, tokens, lambda same: _after(_first_of(same))
    ),
    "places_without_copy_counted": lambda weights, tokens: _found(weights, tokens).mean(dim=-1),
    "score_summed": lambda weights, tokens: _found(weights, tokens).sum(dim=-1),
    "copies_averaged": (_averaged_copies, _all_copies_averaged),
    "later_copies_counted": _later_copies_too,
    "largest_counted": (
        lambda weights, tokens: _induction(_first_largest(weights), tokens),
        lambda weights, tokens: _induction(_all_largest(weights), tokens),
    ),
    "scores_of_heads_averaged": (
        lambda weights, tokens: _induction(weights, tokens).mean(),
        lambda weights, tokens: _induction(weights, tokens).mean(dim=0, keepdim=True),
    ),
    "previous_scored": lambda weights, tokens: _below(weights, -1),
    "fixed_offset": tuple(
        _at_offset(period, begin) for period in PERIODS.values() for begin in (0, 1)
    ),
    ("score_of_same_sign", "places_without_copy_counted"): lambda weights, tokens: _found(
        weights, tokens, lambda same: same
    ).mean(dim=-1),
    ("score_of_same_sign", "later_copies_counted"): lambda weights, tokens: _later_copies_too(
        weights, tokens, lambda same: same
    ),
    ("largest_counted", "places_without_copy_counted"): (
        lambda weights, tokens: _found(_first_largest(weights), tokens).mean(dim=-1),
        lambda weights, tokens: _found(_all_largest(weights), tokens).mean(dim=-1),
    ),
}


def _texts() -> list[Arguments]:
    """Texts with repetitions, none of them of one token twice on end, and not all of one block."""
    texts = (
        [0, 1, 0],
        [0, 1, 2, 0],
        [0, 1, 2, 0, 1],
        [0, 1, 0, 1, 0],
        [0, 1, 2, 0, 2, 1],
        [0, 1, 2, 0, 1, 2, 0, 1, 2],
    )
    return [
        (_causal(Draw(order), 2 + order % 2, len(text)), torch.tensor(text))
        for order, text in enumerate(texts)
    ]


@check("11.3", wrong=WRONG_INDUCTION, inputs=[_texts], shrinks=False)
def induction_score(weights: Tensor, tokens: Tensor) -> Tensor:
    """Check exercise 11.3: how much of its weight a head gives to what came after an earlier copy.

    Args:
        answer: Called as answer(weights, tokens), with causal weights of shape (heads, n, n) and n
            whole numbers; returns, for each head, the weight on all places right after an earlier
            copy of the token, averaged over the places whose token has stood before.

    Returns:
        A result that shows itself.

    >>> def same(weights, tokens):
    ...     copies = (tokens[:, None] == tokens).tril(-1)
    ...     return (weights * copies).sum(-1)[:, copies.any(-1)].mean(-1)
    >>> check_induction_score(same).misconception
    'score_of_same_sign'
    """
    return _induction(weights, tokens)


# --- 11.4: a head whose output is zero ----------------------------------------------------------


def _heads_of(scores: Tensor, values: Tensor) -> Tensor:
    """Return what each head finds: (heads, n, head_dim)."""
    return scores.softmax(dim=-1) @ values


def _out(found: Tensor, out_proj: Tensor) -> Tensor:
    return merge_heads(found[None])[0] @ out_proj.T


def _with_zeros(x: Tensor, where: object) -> Tensor:
    x = x.clone()
    x[where] = 0  # type: ignore[index]
    return x


def _without(scores: Tensor, values: Tensor, out_proj: Tensor, head: int) -> Tensor:
    return _out(_with_zeros(_heads_of(scores, values), head), out_proj)


def _scaled_again(scores: Tensor, values: Tensor) -> Tensor:
    return scores / math.sqrt(values.shape[-1])


def _masked(scores: Tensor) -> Tensor:
    return scores.masked_fill(~causal_mask(*scores.shape[-2:]), -torch.inf)


def _rows_zeroed(scores: Tensor, values: Tensor, out_proj: Tensor, head: int) -> Tensor:
    size = values.shape[-1]
    own = slice(head * size, head * size + size)
    return _out(_heads_of(scores, values), _with_zeros(out_proj, own))


def _dealt_features(scores: Tensor, values: Tensor, out_proj: Tensor, head: int) -> Tensor:
    """Silence every so many-th feature, as if heads were dealt out."""
    merged = merge_heads(_heads_of(scores, values)[None])[0]
    return _with_zeros(merged, (slice(None), slice(head, None, len(values)))) @ out_proj.T


def _mean_in_its_place(scores: Tensor, values: Tensor, out_proj: Tensor, head: int) -> Tensor:
    found = _heads_of(scores, values).clone()
    found[head] = found[head].mean(dim=0)
    return _out(found, out_proj)


def _alone(scores: Tensor, values: Tensor, out_proj: Tensor, head: int) -> Tensor:
    whole = _out(_heads_of(scores, values), out_proj)
    return whole - _without(scores, values, out_proj, head)


WRONG_SILENCED: WrongAnswers = {
    "head_not_silenced": lambda scores, values, out_proj, head: _out(
        _heads_of(scores, values), out_proj
    ),
    "head_scores_zeroed": lambda scores, values, out_proj, head: _out(
        _heads_of(_with_zeros(scores, head), values), out_proj
    ),
    "scores_for_weights": lambda scores, values, out_proj, head: _out(
        _with_zeros(scores @ values, head), out_proj
    ),
    "scores_scaled_again": lambda scores, values, out_proj, head: _without(
        _scaled_again(scores, values), values, out_proj, head
    ),
    "mask_not_asked": lambda scores, values, out_proj, head: _without(
        _masked(scores), values, out_proj, head
    ),
    "other_heads_silenced": _alone,
    "rows_of_out_proj_zeroed": _rows_zeroed,
    "head_features_dealt_out": _dealt_features,
    "others_enlarged": lambda scores, values, out_proj, head: (
        _without(scores, values, out_proj, head) * len(values) / (len(values) - 1)
    ),
    "mean_in_its_place": _mean_in_its_place,
    "heads_counted_from_one": lambda scores, values, out_proj, head: _without(
        scores, values, out_proj, head - 1
    ),
    "out_proj_transposed": lambda scores, values, out_proj, head: _without(
        scores, values, out_proj.T, head
    ),
    "merge_without_transpose": lambda scores, values, out_proj, head: (
        _with_zeros(_heads_of(scores, values), head).reshape(scores.shape[-1], -1) @ out_proj.T
    ),
    "out_proj_forgotten": lambda scores, values, out_proj, head: merge_heads(
        _with_zeros(_heads_of(scores, values), head)[None]
    )[0],
    "softmax_over_queries": lambda scores, values, out_proj, head: _out(
        _with_zeros(scores.softmax(dim=-2) @ values, head), out_proj
    ),
    ("scores_scaled_again", "mask_not_asked"): lambda scores, values, out_proj, head: _without(
        _masked(_scaled_again(scores, values)), values, out_proj, head
    ),
}


def _heads(draw: Draw, heads: int, length: int, head: int) -> Arguments:
    width = 3 * heads
    return (
        draw.integers(heads, length, length),
        draw.integers(heads, length, 3),
        draw.integers(width, width),
        head,
    )


@check(
    "11.4",
    wrong=WRONG_SILENCED,
    inputs=[
        lambda: grid(_heads, heads=(2, 3), length=(2, 5), head=(0, 1)),
        lambda: [_heads(Draw(7), 5, 4, head) for head in (2, 4)],
    ],
    shrinks=False,
)
def silenced(scores: Tensor, values: Tensor, out_proj: Tensor, head: int) -> Tensor:
    """Check exercise 11.4: the output of a layer, one of whose heads is switched off.

    Args:
        answer: Called as answer(scores, values, out_proj, head), with scores before the softmax
            (heads, n, n), values (heads, n, head_dim), the weight of the output projection
            (width, width), as in `nn.Linear`, and a number of a head; returns (n, width): the
            output with that head's part left out.

    Returns:
        A result that shows itself.

    >>> def uniform(scores, values, out_proj, head):
    ...     scores = scores.clone()
    ...     scores[head] = 0
    ...     return (scores.softmax(-1) @ values).transpose(0, 1).flatten(1) @ out_proj.T
    >>> check_silenced(uniform).misconception
    'head_scores_zeroed'
    """
    return _without(scores, values, out_proj, head)


# --- 11.5: how many controls do as much harm ----------------------------------------------------


def _share(marked: Tensor) -> float:
    return marked.float().mean().item()


def _number(marked: Tensor) -> int:
    return int(marked.sum().item())


WRONG_SHARES: WrongAnswers = {
    "control_ignored": lambda whole, chosen, controls: chosen - whole,
    "harm_over_mean_control": (
        lambda whole, chosen, controls: chosen - controls.mean().item(),
        lambda whole, chosen, controls: controls.mean().item() - chosen,
        lambda whole, chosen, controls: (chosen - whole) / (controls.mean().item() - whole),
        lambda whole, chosen, controls: (controls.mean().item() - whole) / (chosen - whole),
        lambda whole, chosen, controls: chosen / controls.mean().item(),
        lambda whole, chosen, controls: controls.mean().item() / chosen,
        lambda whole, chosen, controls: float(controls.mean().item() >= chosen),
    ),
    "milder_controls_counted": (
        lambda whole, chosen, controls: _share(controls < chosen),
        lambda whole, chosen, controls: _share(controls <= chosen),
    ),
    "equal_controls_left_out": lambda whole, chosen, controls: _share(controls > chosen),
    "compared_with_whole": (
        lambda whole, chosen, controls: _share(controls >= whole),
        lambda whole, chosen, controls: _share(controls > whole),
    ),
    "harm_against_loss": (
        lambda whole, chosen, controls: _share(controls - whole >= chosen),
        lambda whole, chosen, controls: _share(controls >= chosen - whole),
    ),
    "choice_among_draws": (
        lambda whole, chosen, controls: (_number(controls >= chosen) + 1) / (len(controls) + 1),
        lambda whole, chosen, controls: _number(controls >= chosen) / (len(controls) + 1),
    ),
    "number_not_share": lambda whole, chosen, controls: _number(controls >= chosen),
}


def _losses() -> list[Arguments]:
    """Losses in halves: floats hold them exactly."""
    return [
        (1.0, 3.0, torch.tensor([1.5, 3.5])),
        (1.0, 3.0, torch.tensor([1.5, 1.0, 3.0, 3.5, 2.0])),
        (2.0, 4.5, torch.tensor([2.0, 2.5, 3.5])),
        (2.0, 2.5, torch.tensor([4.0, 5.5, 7.0, 2.0])),
        (0.5, 9.5, torch.tensor([1.5, 1.5, 3.5, 9.5, 9.5, 10.0, 12.0])),
    ]


@check("11.5", wrong=WRONG_SHARES, inputs=[_losses], shrinks=False)
def share_of_controls(whole: float, chosen: float, controls: Tensor) -> float:
    """Check exercise 11.5: how often random heads do as much harm as the chosen ones.

    Args:
        answer: Called as answer(whole, chosen, controls), with the loss of the whole model, its
            loss without the chosen heads, and a tensor of its losses without as many heads drawn
            at random; returns the share of the draws whose loss is at least that of the chosen.

    Returns:
        A result that shows itself.

    >>> check_share_of_controls(lambda whole, chosen, controls: chosen - whole).misconception
    'control_ignored'
    """
    return _share(controls >= chosen)


# --- 11.6: a test that asks for a control -------------------------------------------------------


def _above_all(whole: float, chosen: float, controls: list[float]) -> bool:
    return chosen > max(controls)


def _most_harm(whole: float, chosen: float, controls: list[float]) -> bool:
    return all(chosen - whole > control - whole for control in controls)


def _above_whole(whole: float, chosen: float, controls: list[float]) -> bool:
    return chosen > whole


def _choice_harmless(calls: Calls) -> bool:
    """Whether in no call the choice itself does any harm: both verdicts say no there."""
    return bool(calls and not calls.rejected) and all(
        chosen <= whole and chosen <= max(controls) for whole, chosen, controls in calls
    )


def _controls_harmless(calls: Calls) -> bool:
    """Whether in each call that has harm at all the controls do less of it."""
    return bool(calls and not calls.rejected) and all(
        chosen <= whole or chosen > max(controls) for whole, chosen, controls in calls
    )


@reader_test(
    "11.6",
    right={"above_every_control": _above_all, "most_harm": _most_harm},
    wrong=_above_whole,
    signs={
        "choice_harmless": _choice_harmless,
        "controls_always_harmless": _controls_harmless,
    },
)
def catches_missing_control(verdict: Callable[[float, float, list[float]], bool]) -> bool:
    """Check exercise 11.6: a test that finds a verdict without a control.

    Args:
        answer: Called as answer(verdict), where verdict(whole, chosen, controls) says whether the
            chosen heads do more harm than each of the random draws: `controls` is a list of losses;
            raises AssertionError, or returns False, if only the whole model is compared with.

    Returns:
        A result that shows itself.

    >>> check_catches_missing_control(lambda verdict: True).misconception
    'test_misses_bug'
    """
    return verdict(1.0, 3.0, [1.5, 2.0]) and not verdict(1.0, 3.0, [2.5, 4.0])


@prediction(
    "11.7",
    wrong={
        "sum_of_row": ([1, 1, 0.52, 0.06], [1, 0.17, 0.52, 0.06], [1, 6, 0.52, 0.06]),
        "divided_twice": [0.17, 0.03, 0.52, 0.06],
        "causal_row_forgotten": ([0.17, 0.17, 0.25, 0.25], [0.17, 0.17, 0.25, 0.06]),
        "last_seen_by_all": (
            [0.17, 0.17, 0.06, 0.52],
            [0.17, 0.17, 0.25, 0.52],
            [0.17, 0.17, 0.25, 2.08],
        ),
        # Nobody sees itself, or the first one does, which has nobody else; or it is left out.
        "last_place_unseen": (
            [0.17, 0.17, 0.52, 0],
            [0.17, 0.17, 0.46, 0],
            [0.17, 0.17, 0.71, 0],
            [0.17, 0.17, 0.61, 0],
        ),
        "columns_summed": [0.17, 0.17, 2.08, 0.25],
        "queries_that_see_it": ([0.17, 0.17, 0.52, 0.25], [0.17, 0.17, 1, 0.25]),
    },
)
def averages() -> Numbers:
    """Check exercise 11.7: averages of weights, whatever the head does.

    Args:
        answer: Four numbers, to two decimals.

    Returns:
        A result that shows itself; `passed` is None as long as a number is `...`.

    >>> check_averages([0.17, 0.17, 0.25, 0.25]).misconception
    'causal_row_forgotten'
    """
    return [1 / 6, 1 / 6, (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4, 1 / 16]
