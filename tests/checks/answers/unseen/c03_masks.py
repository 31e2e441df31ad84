"""Chapter 3: masks. Answers by writers who had not seen the checks."""

import math

import torch

from tests.checks.answers.filed import right, wrong


# as in the notebook
def who_sees_whom(layer, x):
    "Entry (i, j) is True if output i depends on token j."
    seen = torch.zeros(x.shape[1], x.shape[1], dtype=torch.bool)
    before = layer(x)
    for j in range(x.shape[1]):
        changed = x.clone()
        changed[:, j] += torch.arange(1.0, x.shape[-1] + 1)
        seen[:, j] = (layer(changed) != before).any(dim=0).any(dim=-1)
    return seen


# ---------------------------------------------------------------- 3.2
right("causal_mask")(
    lambda q_len, k_len: torch.arange(k_len - q_len, k_len)[:, None] >= torch.arange(k_len)
)


@right("causal_mask")
def by_distance(q_len, k_len):
    ahead = torch.arange(q_len).unsqueeze(1) - torch.arange(k_len).unsqueeze(0)
    return ahead >= q_len - k_len


@right("causal_mask")
def counted_from_the_end(q_len, k_len):
    left_of_query = torch.arange(q_len, 0, -1, dtype=torch.float64).view(-1, 1)
    left_of_key = torch.arange(k_len, 0, -1, dtype=torch.float64).view(1, -1)
    return torch.ge(left_of_key, left_of_query)


# aligns the first query with the first key: triangle in the upper left
@wrong("causal_mask", "upper_left")
def upper_left(q_len, k_len):
    return torch.arange(k_len) <= torch.arange(q_len)[:, None]


# strictly earlier keys only: a query may not see itself
@wrong("causal_mask", "diagonal_masked")
def without_itself(q_len, k_len):
    return torch.arange(k_len) < torch.arange(q_len)[:, None] + k_len - q_len


# the opposite meaning: True marks the forbidden pairs
@wrong("causal_mask", "mask_inverted")
def true_is_forbidden(q_len, k_len):
    return torch.arange(k_len) > torch.arange(q_len)[:, None] + k_len - q_len


# keys down and queries across: the mask is transposed, (k_len, q_len)
@wrong("causal_mask", "lengths_swapped")
def on_its_side(q_len, k_len):
    return torch.arange(k_len)[:, None] <= torch.arange(q_len) + k_len - q_len


# shifts the wrong way, q_len - k_len: with fewer queries than keys the early queries see nobody
@wrong("causal_mask", "offset_reversed")
def shifted_back(q_len, k_len):
    return torch.arange(k_len) <= torch.arange(q_len)[:, None] + q_len - k_len


# returns an additive mask of 0 and -inf, not booleans
@wrong("causal_mask", "additive_mask")
def additive(q_len, k_len):
    future = torch.arange(k_len) > torch.arange(q_len)[:, None] + k_len - q_len
    return torch.zeros(q_len, k_len).masked_fill(future, -math.inf)


# counts queries from 1 and keys from 0, so that each query also sees the key after its own
@wrong("causal_mask", "one_ahead")
def sees_the_next(q_len, k_len):
    queries = torch.arange(1, q_len + 1)[:, None] + k_len - q_len
    return torch.arange(k_len) <= queries


# ---------------------------------------------------------------- 3.3
@right("padding_mask")
def by_lists(valid_lens, k_len):
    return torch.tensor(
        [[[j < n for j in range(k_len)]] for n in valid_lens.tolist()],
        dtype=torch.bool,
    )


@right("padding_mask")
def counted_from_one(valid_lens, k_len):
    return valid_lens.view(-1, 1, 1) >= torch.arange(1, k_len + 1)


@right("padding_mask")
def by_scatter(valid_lens, k_len):
    # a 1 where each phrase ends; before it the running sum is still 0
    ends = torch.zeros(len(valid_lens), k_len + 1)
    ends.scatter_(1, valid_lens.long()[:, None], 1.0)
    return (ends.cumsum(dim=1)[:, :k_len] == 0).unsqueeze(-2)


# leaves out the query axis: shape (batch, k_len)
@wrong("padding_mask", "query_axis_missing")
def two_axes(valid_lens, k_len):
    return torch.arange(k_len) < valid_lens[:, None]


# the opposite meaning: True marks the padding
@wrong("padding_mask", "mask_inverted")
def true_is_padding(valid_lens, k_len):
    return torch.arange(k_len) >= valid_lens[:, None, None]


# puts the axis of length 1 last, (batch, k_len, 1): hides queries, not keys
@wrong("padding_mask", "queries_masked")
def queries_hidden(valid_lens, k_len):
    return (torch.arange(k_len) < valid_lens[:, None]).unsqueeze(-1)


# one key too many: position n counts as real as well
@wrong("padding_mask", "one_key_too_many")
def one_too_many(valid_lens, k_len):
    return torch.arange(k_len) <= valid_lens[:, None, None]


# hides the rows of the filler queries, too: a square per phrase, with empty rows
@wrong("padding_mask", "queries_masked_too")
def rows_hidden_too(valid_lens, k_len):
    real = torch.arange(k_len) < valid_lens[:, None]
    return real[:, :, None] & real[:, None, :]


# returns the numbers 1 and 0, as a tokenizer's attention_mask, not booleans
@wrong("padding_mask", "mask_not_boolean")
def ones_and_zeros(valid_lens, k_len):
    return (torch.arange(k_len) < valid_lens[:, None, None]).long()


# as wide as the longest phrase instead of k_len, which goes unused
@wrong("padding_mask", "trimmed")
def as_wide_as_the_longest(valid_lens, k_len):
    return torch.arange(int(valid_lens.max())) < valid_lens[:, None, None]


# ---------------------------------------------------------------- 3.4
@right("catches_uniform_rows")
def pair_by_pair(weights_of):
    torch.manual_seed(0)
    lengths = [4, 2, 1]
    weights = weights_of(torch.randn(3, 4, 4), torch.tensor(lengths))
    for phrase, n in enumerate(lengths):
        for i in range(4):
            for j in range(4):
                if j > i or j < 4 - n:
                    assert weights[phrase, i, j].item() == 0, (phrase, i, j)


@right("catches_uniform_rows")
def nothing_left_on_the_forbidden(weights_of):
    for length in (2, 3, 5):
        valid_lens = torch.arange(1, length + 1)
        given = weights_of(torch.zeros(length, length, length), valid_lens)
        i = torch.arange(length)[None, :, None]
        j = torch.arange(length)[None, None, :]
        forbidden = (j > i) | (j < (length - valid_lens)[:, None, None])
        assert (given * forbidden).abs().sum() == 0


@right("catches_uniform_rows")
def compared_with_own_mask(weights_of):
    scores = torch.linspace(-1, 1, 32).reshape(2, 4, 4)
    real = torch.tensor([[0, 0, 1, 1], [0, 1, 1, 1]], dtype=torch.bool)
    allowed = torch.stack([row.repeat(4, 1).tril() for row in real])
    weights = weights_of(scores, real.sum(dim=1))
    if weights.masked_select(allowed.logical_not()).ne(0).any():
        raise AssertionError("a forbidden pair has a weight")


# asks that all rows add up to 1: the wrong function passes, one with rows of zeros is rejected
@wrong("catches_uniform_rows", "test_reversed")
def rows_add_up(weights_of):
    weights = weights_of(torch.randn(1, 3, 3), torch.tensor([1]))
    assert torch.allclose(weights.sum(dim=-1), torch.ones(1, 3))


# tests phrases without padding, where no row is empty: misses the bug
@wrong("catches_uniform_rows", "never_filled_up")
def no_padding(weights_of):
    weights = weights_of(torch.randn(2, 4, 4), torch.tensor([4, 4]))
    future = torch.ones(4, 4).triu(1).bool()
    assert (weights[:, future] == 0).all()


# takes the padding to be at the end, where this code fills up in front: rejects right functions
@wrong("catches_uniform_rows", "test_rejects_right")
def padding_at_the_end(weights_of):
    valid_lens = torch.tensor([1])
    weights = weights_of(torch.randn(1, 3, 3), valid_lens)
    real = torch.arange(3) < valid_lens[:, None, None]
    forbidden = ~(real & torch.ones(3, 3).tril().bool())
    assert (weights[forbidden] == 0).all()


# looks only at the rows of real tokens, not of padded queries, which are the wrong ones
@wrong("catches_uniform_rows", "test_misses_bug")
def real_rows_only(weights_of):
    weights = weights_of(torch.randn(1, 4, 4), torch.tensor([2]))
    forbidden = torch.tensor([[True, True, False, True], [True, True, False, False]])
    assert (weights[0, 2:][forbidden] == 0).all()


# looks for NaN, which a finite fill never gives: misses the bug
@wrong("catches_uniform_rows", "test_misses_bug")
def looks_for_nan(weights_of):
    weights = weights_of(torch.randn(1, 3, 3), torch.tensor([1]))
    assert not weights.isnan().any()


# counts a pair as forbidden only if it is padding AND future: no such pair is left to test
@wrong("catches_uniform_rows", "test_misses_bug")
def padding_and_future(weights_of):
    length, valid_lens = 3, torch.tensor([2])
    weights = weights_of(torch.randn(1, length, length), valid_lens)
    padding = torch.arange(length) < length - valid_lens[:, None, None]
    future = torch.ones(length, length).triu(1).bool()
    assert (weights[padding & future] == 0).all()


# takes the diagonal for forbidden as well: rejects right functions
@wrong("catches_uniform_rows", "test_rejects_right")
def diagonal_forbidden(weights_of):
    length, valid_lens = 3, torch.tensor([1])
    weights = weights_of(torch.randn(1, length, length), valid_lens)
    padding = torch.arange(length) < length - valid_lens[:, None, None]
    future = torch.ones(length, length).triu().bool()
    assert (weights[padding | future] == 0).all()


# ---------------------------------------------------------------- 3.5
@right("is_causal")
def other_endings(layer, length, width):
    """Two texts with the same beginning must give it the same outputs."""
    text = torch.randn(1, length, width)
    outputs = layer(text)
    for start in range(1, length):
        ending = torch.randn(1, length - start, width)
        other = layer(torch.cat([text[:, :start], ending], dim=1))
        if not torch.allclose(other[:, :start], outputs[:, :start], atol=1e-6):
            return False
    return True


@right("is_causal")
def by_jacobian(layer, length, width):
    jacobian = torch.autograd.functional.jacobian(
        layer, torch.randn(1, length, width)
    )  # (1, length, width of output, 1, length, width)
    reach = jacobian.abs().amax(dim=(0, 2, 3, 5))
    return all(reach[i, j].item() == 0 for i in range(length) for j in range(i + 1, length))


@right("is_causal")
def all_pokes_in_one_batch(layer, length, width):
    base = torch.randn(1, length, width)
    poked = base.repeat(length + 1, 1, 1)  # the last one stays as it is
    each = torch.arange(length)
    poked[each, each] += torch.randn(length, width) + 1
    outputs = layer(poked)
    still = (outputs[:-1] - outputs[-1:]).abs().amax(dim=-1) <= 1e-5
    return bool((still | torch.ones(length, length).triu().bool()).all())


# demands that every earlier token is seen as well: a layer that sees less is not causal to it
@wrong("is_causal", "exact_mask_demanded")
def exactly_the_mask(layer, length, width):
    seen = who_sees_whom(layer, torch.randn(1, length, width))
    return torch.equal(seen, torch.ones(length, length).tril().bool())


# counts a token's effect on its own output as a leak: no layer is causal
@wrong("is_causal", "own_token_taken_for_future")
def itself_is_a_leak(layer, length, width):
    seen = who_sees_whom(layer, torch.randn(1, length, width))
    return not seen.triu().any().item()


# changes one tensor on and on without a copy, so that earlier changes look like leaks
@wrong("is_causal", "changes_pile_up")
def pokes_pile_up(layer, length, width):
    x = torch.randn(1, length, width)
    before = layer(x)
    for j in range(length):
        x[:, j] += torch.randn(width)
        if not torch.allclose(layer(x)[:, :j], before[:, :j], atol=1e-6):
            return False
    return True


# adds the same number to all features of a token, which a LayerNorm takes out
@wrong("is_causal", "features_changed_alike")
def pokes_all_features_alike(layer, length, width):
    x = torch.randn(1, length, width)
    before = layer(x)
    for j in range(1, length):
        changed = x.clone()
        changed[:, j] += 1
        if not torch.allclose(layer(changed)[:, :j], before[:, :j], atol=1e-4):
            return False
    return True


# asks whether all pairs leak where any is enough: calls every layer causal
@wrong("is_causal", "always_true")
def all_instead_of_any(layer, length, width):
    seen = who_sees_whom(layer, torch.randn(1, length, width))
    future = torch.ones(length, length).triu(1).bool()
    return not (seen & future).all().item()


# cuts the later tokens off instead of changing them: right for all layers that take any length
@right("is_causal")
def cuts_off(layer, length, width):
    x = torch.randn(1, length, width)
    whole = layer(x)
    return all(torch.allclose(layer(x[:, :n]), whole[:, :n], atol=1e-6) for n in range(1, length))


# changes only the last token and looks only at the first output
@wrong("is_causal", ("only_last_token_changed", "only_first_output_watched"))
def last_to_first_only(layer, length, width):
    x = torch.randn(1, length, width)
    changed = x.clone()
    changed[:, -1] = torch.randn(width)
    return torch.allclose(layer(x)[:, 0], layer(changed)[:, 0], atol=1e-6)


# ---------------------------------------------------------------- 3.7
@right("masked_softmax")
def by_hand(scores, mask):
    hidden = scores.masked_fill(mask.logical_not(), -math.inf)
    top = hidden.amax(dim=-1, keepdim=True)
    top = torch.where(top.isinf(), torch.zeros_like(top), top)
    parts = (hidden - top).exp()
    total = parts.sum(dim=-1, keepdim=True)
    return parts / (total + (total == 0))


@right("masked_softmax")
def row_by_row(scores, mask):
    weights = torch.zeros_like(scores)
    for b in range(scores.shape[0]):
        for q in range(scores.shape[1]):
            if len(kept := mask[b, q].nonzero().flatten()):
                weights[b, q, kept] = scores[b, q, kept].softmax(dim=0)
    return weights


@right("masked_softmax")
def lowest_float_and_zeros(scores, mask):
    lowest = torch.finfo(scores.dtype).min
    weights = torch.where(mask, scores, lowest).softmax(dim=-1)
    return torch.where(mask, weights, 0.0)


# leaves NaN in rows with nothing to attend to
@wrong("masked_softmax", "empty_row_nan")
def nan_rows(scores, mask):
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1)


# fills with a large finite number: empty rows come out uniform, not zero
@wrong("masked_softmax", "finite_fill")
def uniform_rows(scores, mask):
    return scores.masked_fill(~mask, -1e9).softmax(dim=-1)


# sets forbidden weights to 0 after the softmax and does not divide again
@wrong("masked_softmax", "mask_after_softmax")
def not_divided_again(scores, mask):
    return scores.softmax(dim=-1) * mask


# writes -inf into the caller's scores
@wrong("masked_softmax", "input_mutated")
def writes_into_scores(scores, mask):
    scores[~mask] = -math.inf
    return scores.softmax(dim=-1).nan_to_num(0.0)


# reads the mask the other way: hides what is allowed
@wrong("masked_softmax", "mask_inverted")
def hides_the_allowed(scores, mask):
    return scores.masked_fill(mask, -math.inf).softmax(dim=-1).nan_to_num(0.0)


# gives forbidden pairs the score 0 in the belief that this is no weight: e^0 is 1, they take part
@wrong("masked_softmax", "scores_zeroed")
def score_of_zero(scores, mask):
    weights = (scores * mask).softmax(dim=-1)
    return weights * mask.any(dim=-1, keepdim=True)


# treats the case that the whole mask is empty, not that a single row is: NaN there
@wrong("masked_softmax", "empty_row_beside_others")
def whole_mask_only(scores, mask):
    if not mask.any():
        return torch.zeros_like(scores)
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1)


# ---------------------------------------------------------------- 3.8
@right("masked_attention")
def divided_at_the_end(query, key, value, mask):
    scores = torch.einsum("...qd,...kd->...qk", query, key) / query.shape[-1] ** 0.5
    scores = scores.masked_fill(~mask, -math.inf)
    top = scores.amax(dim=-1, keepdim=True).nan_to_num(neginf=0.0)
    parts = torch.exp(scores - top)
    total = parts.sum(dim=-1, keepdim=True)
    return parts @ value / torch.where(total > 0, total, torch.ones_like(total))


@right("masked_attention")
def each_query_on_its_own(query, key, value, mask):
    scores = (query / math.sqrt(query.shape[-1])) @ key.transpose(-2, -1)
    allowed = mask.broadcast_to(scores.shape)
    rows = []
    for row, kept in zip(scores.flatten(0, -2), allowed.reshape(-1, scores.shape[-1])):
        weights = torch.zeros_like(row)
        if kept.any():
            weights[kept] = row[kept].softmax(dim=0)
        rows.append(weights)
    return torch.stack(rows).reshape(scores.shape) @ value


class Masked:
    """Scores with a mask: fill, softmax, wipe."""

    def __init__(self, mask):
        self.mask = mask

    def __call__(self, scores):
        bias = torch.zeros_like(scores).masked_fill(~self.mask, torch.finfo(scores.dtype).min / 2)
        return (scores + bias).softmax(dim=-1).masked_fill(~self.mask, 0)


right("masked_attention")(
    lambda query, key, value, mask: Masked(mask)(query @ key.mT * key.shape[-1] ** -0.5) @ value
)


# leaves out the scale
@wrong("masked_attention", "scale_missing")
def unscaled(query, key, value, mask):
    scores = (query @ key.mT).masked_fill(~mask, -math.inf)
    return scores.softmax(dim=-1).nan_to_num(0.0) @ value


# NaN instead of zeros for a query that sees nobody
@wrong("masked_attention", "empty_row_nan")
def nan_for_nobody(query, key, value, mask):
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1) @ value


# a finite fill: a query that sees nobody gets the mean of all values
@wrong("masked_attention", "finite_fill")
def mean_for_nobody(query, key, value, mask):
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    return scores.masked_fill(~mask, -1e9).softmax(dim=-1) @ value


# masks after the softmax without dividing again: rows fall short of 1
@wrong("masked_attention", "mask_after_softmax")
def short_rows(query, key, value, mask):
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    return (scores.softmax(dim=-1) * mask) @ value


# takes True for forbidden
@wrong("masked_attention", "mask_inverted")
def opposite_meaning(query, key, value, mask):
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    weights = scores.masked_fill(mask, -math.inf).softmax(dim=-1).nan_to_num(0.0)
    return weights @ value


# multiplies the mask with -inf: 0 times inf is NaN at allowed pairs, and nan_to_num wipes all out
@wrong("masked_attention", "zero_times_infinity")
def zero_times_infinity(query, key, value, mask):
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    bias = (~mask).float() * -math.inf
    return (scores + bias).softmax(dim=-1).nan_to_num(0.0) @ value


# fills with -100 and divides by the root afterwards: in wide vectors forbidden keys get a weight
@wrong("masked_attention", "divided_after_fill")
def scaled_after_the_fill(query, key, value, mask):
    scores = (query @ key.mT).masked_fill(~mask, -100.0)
    weights = (scores / math.sqrt(query.shape[-1])).softmax(dim=-1)
    return (weights * mask.any(dim=-1, keepdim=True)) @ value
