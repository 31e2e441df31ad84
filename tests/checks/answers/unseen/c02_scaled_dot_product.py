"""Chapter 2: scaled dot-product attention. Answers by writers who had not seen the checks."""

import math

import torch

from tests.checks.answers.filed import right, wrong

# as in the notebook
query = torch.tensor([[[2.0, -1.0], [1.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]])
key = torch.tensor([[[1.0, 1.0], [2.0, -1.0], [1.0, -1.0]], [[1.0, 0.0], [2.0, -1.0], [1.0, -1.0]]])
value = torch.tensor(
    [[[1.0, 3.0], [-1.0, 3.0], [-1.0, 1.0]], [[0.0, 2.0], [-1.0, 3.0], [-1.0, 1.0]]]
)

# ---------------------------------------------------------------- 2.1
right("spread")((2, 1))
right("spread")(torch.tensor([256.0, 64.0]).sqrt().div(torch.tensor([8.0, 8.0])))
right("spread")([math.sqrt(256) / math.sqrt(64), 1.0])

# takes the factor of the variance for that of the spread
wrong("spread", "variance_not_spread")([4, 1])
# lets the spread grow with the width itself, of which the scale takes away only the root
wrong("spread", "variance_not_spread")([4, 2])
# gives the spreads at width 256, 16 and 1, not the factors by which they grew
wrong("spread", "spreads_given")([16, 1])
# takes the scale for a constant that does not depend on the width, so that the factor stays
wrong("spread", "scale_still_grows")([2, 2])
# says 0 for 'does not grow', where the factor is 1
wrong("spread", "no_growth_as_zero")([2, 0])
# divides by the width and not by its root, so that the spread halves
wrong("spread", "scale_overdone")([2, 0.5])
# believes that a score has unit variance at every width, so that only the scale changes with it
wrong("spread", "only_scale_changes")([1, 0.5])


# ---------------------------------------------------------------- 2.2
@right("attention")
def any_leading_axes(query, key, value):
    scaled = query * key.shape[-1] ** -0.5
    weights = torch.einsum("...id,...jd->...ij", scaled, key).softmax(dim=-1)
    return torch.einsum("...ij,...jc->...ic", weights, value)


@right("attention")
def softmax_by_einsum_too(query, key, value):
    scores = torch.einsum("bqd,bkd->bqk", query, key) / math.sqrt(query.size(2))
    parts = (scores - scores.amax(dim=2, keepdim=True)).exp()
    mass = torch.einsum("bqk->bq", parts)
    mixed = torch.einsum("bqk,bkv->bqv", parts, value)
    return torch.einsum("bqv,bq->bqv", mixed, 1 / mass)


@right("attention")
def keys_as_rows(query, key, value):
    # the table on its side: keys down, queries across, so the keys are axis 1
    sideways = torch.einsum("bkd,bqd->bkq", key, query)
    weights = torch.softmax(sideways / key.shape[-1] ** 0.5, dim=1)
    return torch.einsum("bkv,bkq->bqv", value, weights)


# leaves out the scale
@wrong("attention", "scale_missing")
def no_scale(query, key, value):
    weights = torch.einsum("bqd,bkd->bqk", query, key).softmax(dim=-1)
    return torch.einsum("bqk,bkv->bqv", weights, value)


# divides by the width itself, not by its root
@wrong("attention", "scale_by_width")
def divided_by_width(query, key, value):
    scores = torch.einsum("bqd,bkd->bqk", query, key) / query.shape[-1]
    return torch.einsum("bqk,bkv->bqv", scores.softmax(dim=-1), value)


# the softmax runs over the queries instead of the keys
@wrong("attention", "softmax_over_queries")
def softmax_over_queries(query, key, value):
    scores = torch.einsum("bqd,bkd->bqk", query, key) / math.sqrt(query.shape[-1])
    return torch.einsum("bqk,bkv->bqv", scores.softmax(dim=1), value)


# two letters for the batch: scores are summed over the keys of all phrases, which leak
@wrong("attention", "batch_summed")
def two_letters_for_batch(query, key, value):
    scores = torch.einsum("bqd,akd->bqk", query, key) / math.sqrt(query.shape[-1])
    return torch.einsum("bqk,bkv->bqv", scores.softmax(dim=-1), value)


# divides the weights by the root after the softmax, instead of the scores before it
@wrong("attention", "weights_before_scale")
def scaled_too_late(query, key, value):
    scores = torch.einsum("bqd,bkd->bqk", query, key)
    weights = scores.softmax(dim=-1) / math.sqrt(query.shape[-1])
    return torch.einsum("bqk,bkv->bqv", weights, value)


# writes the scores down with queries and keys swapped, and reads them as if not: the keys ask
@wrong("attention", "query_key_swapped")
def keys_ask(query, key, value):
    scores = torch.einsum("bqd,bkd->bkq", query, key) / math.sqrt(query.shape[-1])
    return torch.einsum("bqk,bkv->bqv", scores.softmax(dim=-1), value)


# returns the weights as well, not the output alone
@wrong("attention", "returned_pair")
def output_and_weights(query, key, value):
    scores = torch.einsum("bqd,bkd->bqk", query, key) / math.sqrt(query.shape[-1])
    weights = scores.softmax(dim=-1)
    return torch.einsum("bqk,bkv->bqv", weights, value), weights


# ---------------------------------------------------------------- 2.4
@right("catches_wrong_root")
def each_three_times_in_a_row(attention):
    thrice = [t.repeat_interleave(3, dim=-2) for t in (key, value)]
    torch.testing.assert_close(
        attention(query, *thrice)[0],
        attention(query, key, value)[0],
        rtol=1e-4,
        atol=1e-5,
    )


@right("catches_wrong_root")
def shares_of_the_copies(attention):
    torch.manual_seed(1)
    q, k, v = torch.randn(2, 4, 8), torch.randn(2, 5, 8), torch.randn(2, 5, 3)
    _, once = attention(q, k, v)
    _, twice = attention(q, torch.cat([k, k], dim=1), torch.cat([v, v], dim=1))
    # a key and its copy share what the key had alone
    assert torch.allclose(twice[..., :5] + twice[..., 5:], once, atol=1e-5)


@right("catches_wrong_root")
def odds_of_the_others(attention):
    """One more copy of the last key: the odds of the first two must not care."""
    torch.manual_seed(2)
    q, k, v = (torch.randn(3, n, 6, dtype=torch.float64) for n in (2, 4, 4))

    def odds(weights):
        return weights[..., 0] / weights[..., 1]

    more_k, more_v = (torch.cat([t, t[:, -1:]], dim=1) for t in (k, v))
    before, after = attention(q, k, v)[1], attention(q, more_k, more_v)[1]
    assert torch.allclose(odds(before), odds(after), rtol=1e-6)


# repeats the keys but not their values: even right attention breaks on the shapes
@wrong("catches_wrong_root", "test_raises")
def values_forgotten(attention):
    once, _ = attention(query, key, value)
    twice, _ = attention(query, torch.cat([key, key], dim=-2), value)
    assert torch.allclose(once, twice, atol=1e-5)


# expects twice the output where each value is there twice: forgets that weights are halved
@wrong("catches_wrong_root", "test_rejects_right")
def twice_the_output(attention):
    once, _ = attention(query, key, value)
    twice, _ = attention(query, torch.cat([key, key], dim=-2), torch.cat([value, value], dim=-2))
    assert torch.allclose(2 * once, twice, atol=1e-5)


# expects each key to keep its weight beside its copy, where it has to share
@wrong("catches_wrong_root", "test_rejects_right")
def weights_kept(attention):
    _, once = attention(query, key, value)
    _, twice = attention(query, torch.cat([key, key], dim=-2), torch.cat([value, value], dim=-2))
    assert torch.allclose(once, twice[..., : key.shape[-2]], atol=1e-5)


# tests on keys that are all the same, where no divisor shows: misses the bug
@wrong("catches_wrong_root", "keys_alike")
def all_ones(attention):
    q, k = torch.ones(1, 2, 4), torch.ones(1, 3, 4)
    v = torch.arange(12.0).reshape(1, 3, 4)
    once, _ = attention(q, k, v)
    twice, _ = attention(q, torch.cat([k, k], dim=1), torch.cat([v, v], dim=1))
    assert torch.allclose(once, twice, atol=1e-5)


# demands equality to the last bit, which rounding denies to right attention
@wrong("catches_wrong_root", "test_rejects_right")
def bit_for_bit(attention):
    torch.manual_seed(0)
    q, k, v = torch.randn(4, 16, 32), torch.randn(4, 7, 32), torch.randn(4, 7, 32)
    once, _ = attention(q, k, v)
    twice, _ = attention(q, torch.cat([k, k], dim=1), torch.cat([v, v], dim=1))
    assert torch.equal(once, twice)


# repeats along the batch axis: twice the phrases, not twice the keys; misses the bug
@wrong("catches_wrong_root", "never_more_keys")
def repeated_along_batch(attention):
    once, _ = attention(query, key, value)
    twice, _ = attention(*(torch.cat([t, t], dim=0) for t in (query, key, value)))
    assert torch.allclose(torch.cat([once, once], dim=0), twice, atol=1e-5)


# checks only that rows of weights still add up to 1, which they do with any divisor: misses the bug
@wrong("catches_wrong_root", "never_more_keys")
def row_sums_only(attention):
    _, weights = attention(query, torch.cat([key, key], dim=-2), torch.cat([value, value], dim=-2))
    assert weights.shape[-1] == 2 * key.shape[-2]
    assert torch.allclose(weights.sum(dim=-1), torch.ones(weights.shape[:-1]))


# ---------------------------------------------------------------- 2.6
@right("catches_order")
def rolled(attention, query, key, value):
    expected = attention(query, key, value)[0]
    for shift in range(1, key.shape[-2]):
        k, v = (t.roll(shift, dims=-2) for t in (key, value))
        assert torch.allclose(attention(query, k, v)[0], expected, atol=1e-5)


@right("catches_order")
def neighbours_swapped(attention, query, key, value):
    def swap(t, i):
        order = list(range(t.size(-2)))
        order[i], order[i + 1] = order[i + 1], order[i]
        return t.index_select(-2, torch.tensor(order))

    before, *_ = attention(query, key, value)
    for i in range(key.size(-2) - 1):
        after, *_ = attention(query, swap(key, i), swap(value, i))
        if (gap := (after - before).abs().max().item()) > 1e-4:
            raise AssertionError(f"swapping {i} and {i + 1} moves it by {gap}")


@right("catches_order")
def both_turned_round(attention, query, key, value):
    torch.testing.assert_close(
        attention(query, key.flip(-2), value.flip(-2))[0],
        attention(query, key, value)[0],
        rtol=1e-4,
        atol=1e-5,
    )


# shuffles the keys without their values: rejects right attention
@wrong("catches_order", "only_one_shuffled")
def keys_alone(attention, query, key, value):
    order = torch.arange(key.shape[-2]).flip(0)
    before, _ = attention(query, key, value)
    after, _ = attention(query, key[..., order, :], value)
    torch.testing.assert_close(after, before)


# expects the outputs to be shuffled like the keys, although the queries stayed
@wrong("catches_order", "test_raises")
def outputs_follow_keys(attention, query, key, value):
    order = torch.arange(key.shape[-2]).flip(0)
    before, _ = attention(query, key, value)
    after, _ = attention(query, key[..., order, :], value[..., order, :])
    torch.testing.assert_close(after, before[..., order, :])


# expects the weights unchanged in place, although their columns move with the keys
@wrong("catches_order", "order_expected")
def weights_in_place(attention, query, key, value):
    order = torch.arange(key.shape[-2]).flip(0)
    _, before = attention(query, key, value)
    _, after = attention(query, key[..., order, :], value[..., order, :])
    torch.testing.assert_close(after, before)


# predicts that the order of keys and values matters, and asserts that the outputs change
@wrong("catches_order", "test_reversed")
def outputs_should_change(attention, query, key, value):
    order = torch.arange(key.shape[-2]).flip(0)
    before, _ = attention(query, key, value)
    after, _ = attention(query, key[..., order, :], value[..., order, :])
    assert not torch.allclose(after, before)


# shuffles before the first call, and so compares a call with itself: misses everything
@wrong("catches_order", "same_input_twice")
def shuffled_too_early(attention, query, key, value):
    order = torch.arange(key.shape[-2]).flip(0)
    key, value = key[..., order, :], value[..., order, :]
    before, _ = attention(query, key, value)
    after, _ = attention(query, key, value)
    torch.testing.assert_close(after, before)


# shuffles the queries as well, and still expects the outputs where they were
@wrong("catches_order", "queries_shuffled")
def queries_shuffled_too(attention, query, key, value):
    before, _ = attention(query, key, value)
    after, _ = attention(query.flip(-2), key.flip(-2), value.flip(-2))
    torch.testing.assert_close(after, before)


# shuffles the wrong axis: the numbers inside each key and value, not the keys
@wrong("catches_order", "wrong_axis_shuffled")
def wrong_axis(attention, query, key, value):
    before, _ = attention(query, key, value)
    after, _ = attention(query, key.flip(-1), value.flip(-1))
    torch.testing.assert_close(after, before)
