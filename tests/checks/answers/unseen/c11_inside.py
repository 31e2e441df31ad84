"""Chapter 11: inside a trained model. Answers by writers who had not seen the checks."""

import math
from fractions import Fraction

import torch
from torch.nn import functional as F

from tests.checks.answers.filed import right, wrong

# --- 11.1 ---

right("look_back")((1, 2, 1, 1, 4))
right("look_back")(torch.tensor([1, 2, 1, 1, 4]))
right("look_back")([1.0, 2.0, 1.0, 1.0, 4.0])

# an induction head is believed to look at the earlier copy itself, not after it
wrong("look_back", "looks_at_same_sign")([1, 1, 0, 0, 3])
# a previous-token head is believed to look at the next place
wrong("look_back", "previous_is_next")([3, 2, 1, 1, 4])
# the two answers in the other order, the nearer copy first
wrong("look_back", "larger_place_first")([1, 2, 1, 4, 1])
# counts places from 1
wrong("look_back", "places_from_one")([2, 3, 2, 2, 5])
# says how far back the head looks instead of where
wrong("look_back", "distance_not_place")([1, 2, 2, 2, 5])
# an induction head is believed to look two places after the copy: one too far
wrong("look_back", "looks_two_further")([1, 3, 2, 2, 5])
# with two earlier copies only the latest is believed to count
wrong("look_back", "last_copy_only")([1, 2, 1, 4, 4])


# --- 11.2 ---


@right("previous_score")
def previous_loop(weights):
    n = weights.shape[-1]
    total = 0
    for place in range(1, n):
        total = total + weights[:, place, place - 1]
    return total / (n - 1)


@right("previous_score")
def previous_by_index(weights):
    place = torch.arange(1, weights.shape[1])
    return weights[:, place, place - 1].mean(dim=1)


@right("previous_score")
def previous_einsum(weights):
    n = weights.shape[-1]
    before = torch.eye(n, dtype=torch.float64)[:-1]  # row i - 1: place i - 1
    return torch.einsum("hij,ij->h", weights.double()[:, 1:], before) / (n - 1)


# the diagonal above the main one: the place after
@wrong("previous_score", "diagonal_above")
def previous_next_place(weights):
    return weights.diagonal(1, 1, 2).mean(dim=-1)


# divides by n: the first place, which has none before it, is counted
@wrong("previous_score", "first_place_counted")
def previous_by_n(weights):
    return weights.diagonal(-1, 1, 2).sum(dim=-1) / weights.shape[-1]


# the main diagonal: the weight on the place itself
@wrong("previous_score", "diagonal_itself")
def previous_itself(weights):
    return weights.diagonal(0, 1, 2).mean(dim=-1)


# adds up over the places instead of averaging
@wrong("previous_score", "score_summed")
def previous_sum(weights):
    return weights.diagonal(-1, 1, 2).sum(dim=-1)


# one number for all heads: averages over the heads too
@wrong("previous_score", "scores_of_heads_averaged")
def previous_over_heads(weights):
    return weights.diagonal(-1, 1, 2).mean()


# takes the diagonal of the default axes, heads and queries, instead of queries and keys
@wrong("previous_score", "diagonal_over_heads")
def previous_default_axes(weights):
    return weights.diagonal(-1).mean(dim=-1)


# how often the place before is the favourite, instead of the weight on it
@wrong("previous_score", "largest_counted")
def previous_favourite(weights):
    favourite = weights[:, 1:].argmax(dim=-1)
    before = torch.arange(weights.shape[1] - 1)
    return (favourite == before).float().mean(dim=-1)


# --- 11.3 ---


@right("induction_score")
def induction_loops(weights, tokens):
    signs = [int(token) for token in tokens]
    found = []
    for i, sign in enumerate(signs):
        after = [j + 1 for j in range(i) if signs[j] == sign]
        if after:
            found.append(sum(weights[:, i, j] for j in after))
    return torch.stack(found).mean(dim=0)


@right("induction_score")
def induction_einsum(weights, tokens):
    n = len(tokens)
    place = torch.arange(n)
    same = (tokens[:, None] == tokens[None, :]) & (place[:, None] > place)
    after = torch.zeros(n, n, dtype=weights.dtype)
    after[:, 1:] = same[:, :-1].to(weights.dtype)
    return torch.einsum("hij,ij->h", weights, after) / same.any(dim=1).sum()


@right("induction_score")
def induction_dictionary(weights, tokens):
    seen = {}  # sign: the places right after it so far
    total, places = torch.zeros(len(weights), dtype=torch.float64), 0
    for place, sign in enumerate(tokens.tolist()):
        if sign in seen:
            places += 1
            for after in seen[sign]:
                total = total + weights[:, place, after]
        seen.setdefault(sign, []).append(place + 1)
    return (total / places).to(weights.dtype)


# the weight at the earlier copy, not right after it
@wrong("induction_score", "score_of_same_sign")
def induction_at_copy(weights, tokens):
    same = (tokens[:, None] == tokens).tril(-1)
    found = (weights * same).sum(dim=-1)
    return found[:, same.any(dim=-1)].mean(dim=-1)


# averages over all places, also those without an earlier copy
@wrong("induction_score", "places_without_copy_counted")
def induction_over_all_places(weights, tokens):
    same = (tokens[:, None] == tokens).tril(-1)
    return (weights[:, :, 1:] * same[:, :-1]).sum(dim=-1).mean(dim=-1)


# counts the latest earlier copy only, not all of them
@wrong("induction_score", "last_copy_only")
def induction_latest_copy(weights, tokens):
    signs = tokens.tolist()
    found = []
    for i, sign in enumerate(signs):
        copies = [j for j in range(i) if signs[j] == sign]
        if copies:
            found.append(weights[:, i, copies[-1] + 1])
    return torch.stack(found).mean(dim=0)


# averages over the pairs (place, copy) instead of adding up over the copies of a place
@wrong("induction_score", "copies_averaged")
def induction_mean_over_pairs(weights, tokens):
    same = (tokens[:, None] == tokens).tril(-1)[:, :-1]
    return weights[:, :, 1:][:, same].mean(dim=-1)


# shifts the wrong way: the weight right before the earlier copy
@wrong("induction_score", "score_before_copy")
def induction_before_copy(weights, tokens):
    same = (tokens[:, None] == tokens).tril(-1)
    found = (weights[:, :, :-1] * same[:, 1:]).sum(dim=-1)
    return found[:, same.any(dim=-1)].mean(dim=-1)


# later copies count as well: only the place itself is left out, 'earlier' is forgotten
@wrong("induction_score", "later_copies_counted")
def induction_later_copies_too(weights, tokens):
    same = tokens[:, None] == tokens
    same = same & ~torch.eye(len(tokens), dtype=torch.bool)
    found = (weights[:, :, 1:] * same[:, :-1]).sum(dim=-1)
    return found[:, same.any(dim=-1)].mean(dim=-1)


# how often the favourite place is right after a copy, instead of the weight there
@wrong("induction_score", "largest_counted")
def induction_favourite(weights, tokens):
    same = (tokens[:, None] == tokens).tril(-1)
    after = F.pad(same[:, :-1].float(), (1, 0))
    favourite = F.one_hot(weights.argmax(dim=-1), len(tokens))
    hits = (favourite * after).sum(dim=-1)
    return hits[:, same.any(dim=-1)].mean(dim=-1)


# --- 11.4 ---


@right("silenced")
def silenced_weights_einsum(scores, values, out_proj, head):
    weights = scores.softmax(dim=-1).clone()
    weights[head] = 0.0
    found = torch.einsum("hqk,hkd->qhd", weights, values)
    return F.linear(found.reshape(found.shape[0], -1), out_proj)


@right("silenced")
def silenced_columns_of_projection(scores, values, out_proj, head):
    size = values.shape[-1]
    columns = torch.arange(out_proj.shape[1])
    others = (columns // size != head).to(out_proj.dtype)
    found = scores.softmax(-1) @ values
    merged = torch.cat(list(found), dim=-1)
    return merged @ (out_proj * others).T


@right("silenced")
def silenced_sum_of_the_others(scores, values, out_proj, head):
    heads, n, size = values.shape
    out = values.new_zeros(n, out_proj.shape[0])
    for h in range(heads):
        if h == head:
            continue
        own = out_proj[:, h * size : (h + 1) * size]
        out = out + torch.softmax(scores[h], dim=1) @ values[h] @ own.T
    return out


# zeroes the scores: the softmax makes equal weights of them, the head hands on a mean
@wrong("silenced", "head_scores_zeroed")
def silenced_scores_zero(scores, values, out_proj, head):
    scores = scores.clone()
    scores[head] = 0
    found = scores.softmax(dim=-1) @ values
    return found.transpose(0, 1).flatten(1) @ out_proj.T


# sets all scores of the head to minus infinity: its softmax is NaN
@wrong("silenced", "nan")
def silenced_scores_infinite(scores, values, out_proj, head):
    scores = scores.clone()
    scores[head] = -math.inf
    found = scores.softmax(dim=-1) @ values
    return found.transpose(0, 1).flatten(1) @ out_proj.T


# multiplies by out_proj without transposing it, although nn.Linear keeps (out, in)
@wrong("silenced", "out_proj_transposed")
def silenced_not_transposed(scores, values, out_proj, head):
    found = scores.softmax(dim=-1) @ values
    found[head] = 0
    return found.transpose(0, 1).flatten(1) @ out_proj


# merges the heads without moving them behind the places: numbers of different places get mixed
@wrong("silenced", "merge_without_transpose")
def silenced_merged_wrongly(scores, values, out_proj, head):
    found = scores.softmax(dim=-1) @ values
    found[head] = 0
    return found.reshape(scores.shape[-1], -1) @ out_proj.T


# zeroes the head's columns of the layer's output, after the projection has mixed the heads
@wrong("silenced", "rows_of_out_proj_zeroed")
def silenced_after_projection(scores, values, out_proj, head):
    size = values.shape[-1]
    found = scores.softmax(dim=-1) @ values
    out = found.transpose(0, 1).flatten(1) @ out_proj.T
    out[:, head * size : (head + 1) * size] = 0
    return out


# makes the other heads louder to make up for the missing one, as dropout does
@wrong("silenced", "others_enlarged")
def silenced_others_louder(scores, values, out_proj, head):
    found = scores.softmax(dim=-1) @ values
    found[head] = 0
    found = found * len(found) / (len(found) - 1)
    return found.transpose(0, 1).flatten(1) @ out_proj.T


# scales the scores a second time, although they come scaled
@wrong("silenced", "scores_scaled_again")
def silenced_scaled_twice(scores, values, out_proj, head):
    found = (scores / math.sqrt(values.shape[-1])).softmax(dim=-1) @ values
    found[head] = 0
    return found.transpose(0, 1).flatten(1) @ out_proj.T


# --- 11.5 ---


@right("share_of_controls")
def share_by_loop(whole, chosen, controls):
    hits = 0
    for control in controls:
        if control >= chosen:
            hits += 1
    return hits / len(controls)


@right("share_of_controls")
def share_as_tensor(whole, chosen, controls):
    return torch.count_nonzero(controls.ge(chosen)) / controls.numel()


right("share_of_controls")(
    lambda whole, chosen, controls: 1 - (controls < chosen).double().mean().item()
)


# 'at least' read as 'more than': a draw that does as much harm is not counted
@wrong("share_of_controls", "equal_controls_left_out")
def share_strict(whole, chosen, controls):
    return (controls > chosen).float().mean().item()


# the other way round: the share of draws that do less harm or as much
@wrong("share_of_controls", "milder_controls_counted")
def share_reversed(whole, chosen, controls):
    return (controls <= chosen).float().mean().item()


# counts the choice among the draws, (k + 1) / (n + 1)
@wrong("share_of_controls", "choice_among_draws")
def share_with_choice(whole, chosen, controls):
    return ((controls >= chosen).sum().item() + 1) / (len(controls) + 1)


# compares the draws with the whole model instead of with the choice
@wrong("share_of_controls", "compared_with_whole")
def share_of_harmful(whole, chosen, controls):
    return (controls >= whole).float().mean().item()


# returns the number of draws, not their share
@wrong("share_of_controls", "number_not_share")
def share_count(whole, chosen, controls):
    return (controls >= chosen).sum().item()


# reads the share as a ratio of harms: mean harm of the draws by harm of the choice
@wrong("share_of_controls", "harm_over_mean_control")
def share_of_harm(whole, chosen, controls):
    return ((controls - whole).mean() / (chosen - whole)).item()


# takes the whole model's loss off the draws only, and compares a harm with a loss
@wrong("share_of_controls", "harm_against_loss")
def share_harm_against_loss(whole, chosen, controls):
    return (controls - whole >= chosen).float().mean().item()


# --- 11.6 ---


@right("catches_missing_control")
def verdict_both_cases(verdict):
    assert verdict(2.3, 6.7, [2.8, 2.6, 2.5]), "more harm than all draws"
    assert not verdict(2.3, 6.7, [2.8, 7.4, 2.5]), "one draw does more"


@right("catches_missing_control")
def verdict_drawn_cases(verdict):
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        chosen, *controls = (2 + torch.rand(6, generator=generator)).tolist()
        expected = all(chosen > control for control in controls)
        assert bool(verdict(1.5, chosen, controls)) == expected


@right("catches_missing_control")
def verdict_each_place(verdict):
    # wherever in the list the harmful draw stands
    for place in range(4):
        controls = [1.1] * 4
        controls[place] = 9.0
        if verdict(1.0, 3.0, controls):
            raise AssertionError(f"overlooks draw {place}")


# all draws are harmless, where a verdict without a control is right too
@wrong("catches_missing_control", "controls_always_harmless")
def verdict_harmless_draws(verdict):
    assert verdict(1.0, 3.0, [1.0, 1.1, 1.2])


# holds the choice against the mean of the draws instead of against each
@wrong("catches_missing_control", "test_reversed")
def verdict_against_mean(verdict):
    assert verdict(1.0, 3.0, [1.1, 4.0, 1.2])  # 2.1 in the mean


# tests the case that the chosen heads do no harm, in which the faulty one is right
@wrong("catches_missing_control", "choice_harmless")
def verdict_choice_harmless(verdict):
    assert not verdict(1.0, 1.0, [1.2, 1.5])


# Returns the comparison instead of asserting it, which is right here.
@right("catches_missing_control")
def verdict_returned(verdict):
    return not verdict(1.0, 3.0, [2.5, 4.0])


# takes as much harm for more: wants True where a draw equals the choice
@wrong("catches_missing_control", "test_reversed")
def verdict_tie_is_more(verdict):
    assert verdict(1.0, 3.0, [3.0, 2.0])


# believes that any draw that does harm spoils the verdict, though the choice does more
@wrong("catches_missing_control", "test_rejects_right")
def verdict_any_harm_spoils(verdict):
    assert not verdict(1.0, 3.0, [1.5, 2.0])


# mixes up the arguments: the loss of the choice in the place of the whole model's
@wrong("catches_missing_control", "choice_harmless")
def verdict_arguments_swapped(verdict):
    whole, chosen, controls = 1.0, 3.0, [2.5, 4.0]
    assert not verdict(chosen, whole, controls)


# --- 11.7 ---

right("averages")((0.17, 0.17, 0.52, 0.06))
right("averages")([Fraction(1, 6), Fraction(1, 6), Fraction(25, 48), Fraction(1, 16)])
right("averages")(torch.tensor([0.1667, 0.1667, 0.5208, 0.0625]))

# takes the sum of a row, 1, for its mean
wrong("averages", "sum_of_row")([1.0, 1.0, 0.52, 0.06])
# the whole matrix: divides by six once too often, 1/36
wrong("averages", "divided_twice")([0.17, 0.03, 0.52, 0.06])
# a head that looks evenly is believed to give all tokens the same, 1/4
wrong("averages", "causal_row_forgotten")([0.17, 0.17, 0.25, 0.25])
# the last token: averages over the one query that sees it, not over all four
wrong("averages", "queries_that_see_it")([0.17, 0.17, 0.52, 0.25])
# adds up over the queries instead of averaging
wrong("averages", "columns_summed")([0.17, 0.17, 2.08, 0.25])
# first and last swapped: the last token is believed to be seen by all
wrong("averages", "last_seen_by_all")([0.17, 0.17, 0.06, 0.52])
# the last token gets nothing: forgets that it sees itself
wrong("averages", "last_place_unseen")([0.17, 0.17, 0.52, 0.0])
