"""Chapter 1: the soft look-up. Answers by writers who had not seen the checks."""

import itertools
import math

import torch

from tests.checks.answers.filed import right, wrong

# as in the notebook
queries = torch.tensor([[2.0, -1.0], [1.0, 1.0], [0.0, 1.0]])
keys = torch.tensor([[1.0, 1.0], [2.0, -1.0], [1.0, -1.0]])
values = torch.tensor([[1.0, 3.0], [-1.0, 3.0], [-1.0, 1.0]])

# ---------------------------------------------------------------- 1.1
right("doubled_query")((0.87, 0.12, 0.02))
right("doubled_query")(torch.tensor([4.0, 2.0, 0.0]).softmax(dim=0))
right("doubled_query")([round(1 / sum(math.exp(t - s) for t in (4, 2, 0)), 3) for s in (4, 2, 0)])

# hands in the doubled scores, not the weights
wrong("doubled_query", "scores_given")([4, 2, 0])
# doubles the weights along with the query
wrong("doubled_query", "weights_doubled")([1.33, 0.49, 0.18])
# thinks that only the ratio of the scores counts, so that doubling leaves the weights
wrong("doubled_query", "weights_unchanged")([0.67, 0.24, 0.09])
# divides the scores by their sum, without the exponential
wrong("doubled_query", "shares_without_exponentials")([0.67, 0.33, 0.00])
# squares the old weights (right) but does not divide by the new sum
wrong("doubled_query", "weights_squared")([0.44, 0.06, 0.01])
# divides the scores by the root of the width, 2, before the softmax
wrong("doubled_query", "scale_not_asked")([0.77, 0.19, 0.05])
# scores the query against the characters' raw vectors instead of their keys
wrong("doubled_query", "keys_not_projected")([0.50, 0.50, 0.01])


# ---------------------------------------------------------------- 1.2
@right("soft_lookup")
def lookup_with_plain_loops(query, keys, values):
    scores = []
    for key in keys:
        score = 0.0
        for i in range(len(query)):
            score += query[i] * key[i]
        scores.append(score)
    biggest = max(scores)
    total = 0.0
    for score in scores:
        total += math.exp(score - biggest)
    output = [0.0] * len(values[0])
    for score, value in zip(scores, values):
        weight = math.exp(score - biggest) / total
        for i, v in enumerate(value):
            output[i] += weight * v
    return output


@right("soft_lookup")
def lookup_columns_first(query, keys, values):
    def dot(a, b):
        return math.fsum(map(lambda p: p[0] * p[1], zip(a, b)))

    top = max(scores := [dot(query, key) for key in keys])
    mass = math.fsum(parts := [math.exp(s - top) for s in scores])
    return [dot(parts, column) / mass for column in zip(*values)]


class RunningSoftmax:
    """One pass over the keys, the largest score so far taken away."""

    def __init__(self, width):
        self.top = -math.inf
        self.mass = 0.0
        self.mixed = [0.0 for _ in range(width)]

    def take(self, score, value):
        top = max(self.top, score)
        shrink, part = math.exp(self.top - top), math.exp(score - top)
        self.mass = self.mass * shrink + part
        self.mixed = [m * shrink + part * v for m, v in zip(self.mixed, value)]
        self.top = top


@right("soft_lookup")
def lookup_in_one_pass(query, keys, values):
    running = RunningSoftmax(len(values[0]))
    for key, value in zip(keys, values):
        running.take(sum(a * b for a, b in zip(query, key)), value)
    return [m / running.mass for m in running.mixed]


# divides the scores by their sum, without exponentials
@wrong("soft_lookup", "exponential_missing")
def lookup_without_exp(query, keys, values):
    scores = [sum(q * k for q, k in zip(query, key)) for key in keys]
    weights = [score / sum(scores) for score in scores]
    return [sum(w * value[d] for w, value in zip(weights, values)) for d in range(len(values[0]))]


# divides the scores by the root of the width, which chapter 1 does not
@wrong("soft_lookup", "scale_not_asked")
def lookup_scaled(query, keys, values):
    root = math.sqrt(len(query))
    scores = [sum(q * k for q, k in zip(query, key)) / root for key in keys]
    top = max(scores)
    exponentials = [math.exp(score - top) for score in scores]
    weights = [e / sum(exponentials) for e in exponentials]
    return [sum(w * value[d] for w, value in zip(weights, values)) for d in range(len(values[0]))]


# takes the largest score away for normalisation: never divides by the sum of the exponentials
@wrong("soft_lookup", "division_missing")
def lookup_undivided(query, keys, values):
    scores = [sum(q * k for q, k in zip(query, key)) for key in keys]
    weights = [math.exp(score - max(scores)) for score in scores]
    return [sum(w * value[d] for w, value in zip(weights, values)) for d in range(len(values[0]))]


# stops at the weights, does not mix the values
@wrong("soft_lookup", "returned_weights")
def lookup_weights_only(query, keys, values):
    scores = [sum(q * k for q, k in zip(query, key)) for key in keys]
    top = max(scores)
    exponentials = [math.exp(score - top) for score in scores]
    return [e / sum(exponentials) for e in exponentials]


# compares the query with the values; keys are unused
@wrong("soft_lookup", "keys_unused")
def lookup_by_values(query, keys, values):
    scores = [sum(q * v for q, v in zip(query, value)) for value in values]
    top = max(scores)
    exponentials = [math.exp(score - top) for score in scores]
    weights = [e / sum(exponentials) for e in exponentials]
    return [sum(w * value[d] for w, value in zip(weights, values)) for d in range(len(values[0]))]


# takes the exponential of each product and adds then, instead of the exponential of the dot product
@wrong("soft_lookup", "exponential_of_products")
def lookup_exp_of_products(query, keys, values):
    parts = [sum(math.exp(q * k) for q, k in zip(query, key)) for key in keys]
    total = sum(parts)
    output = [0.0] * len(values[0])
    for part, value in zip(parts, values):
        for d, v in enumerate(value):
            output[d] += part / total * v
    return output


# divides each exponential by the sum so far, in the loop that still adds the sum up
@wrong("soft_lookup", "divided_by_sum_so_far")
def lookup_running_total(query, keys, values):
    scores = [sum(q * k for q, k in zip(query, key)) for key in keys]
    top, total = max(scores), 0.0
    output = [0.0] * len(values[0])
    for score, value in zip(scores, values):
        e = math.exp(score - top)
        total += e
        for d, v in enumerate(value):
            output[d] += e / total * v
    return output


# ---------------------------------------------------------------- 1.3
@right("smallest_factor")
def factor_by_next(query, keys, wanted, share=0.99):
    return next(
        c
        for c in itertools.count(1)
        if torch.softmax(keys @ (c * query), dim=0)[wanted].item() > share
    )


@right("smallest_factor")
def factor_by_gaps(query, keys, wanted, share=0.99):
    # weight = 1 / (1 + sum of e^(-c gap)), in Python's own floats
    scores = [sum(a * b for a, b in zip(query.tolist(), key)) for key in keys.tolist()]
    gaps = [scores[wanted] - s for j, s in enumerate(scores) if j != wanted]
    c = 1
    while 1 / (1 + sum(math.exp(-c * gap) for gap in gaps)) <= share:
        c += 1
    return c


@right("smallest_factor")
def factor_by_halving(query, keys, wanted, share=0.99):
    """The weight of the best key only grows with c: halve an interval."""
    gaps = (keys[wanted] - keys).double() @ query.double()

    def enough(c):
        return bool(1 / (-c * gaps).exp().sum() > share)

    high = 1
    while not enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


# multiplies the weight by the factor instead of the query before the softmax
@wrong("smallest_factor", "weights_stretched")
def factor_on_weights(query, keys, wanted, share=0.99):
    weights = (query @ keys.T).softmax(dim=-1)
    factor = 1
    while factor * weights[wanted] <= share:
        factor += 1
    return factor


# off by one: counts up once more after the weight is large enough
@wrong("smallest_factor", "off_by_one")
def factor_one_too_many(query, keys, wanted, share=0.99):
    factor, weight = 1, 0.0
    while weight <= share:
        weight = (factor * query @ keys.T).softmax(dim=-1)[wanted]
        factor += 1
    return factor


# multiplies the query that is already multiplied, so the factors pile up (1, 2, 6, 24, …)
@wrong("smallest_factor", "factors_pile_up")
def factor_piling_up(query, keys, wanted, share=0.99):
    factor = 1
    while True:
        query = factor * query
        if (query @ keys.T).softmax(dim=-1)[wanted] > share:
            return factor
        factor += 1


# always looks at key 0 and ignores which key is wanted
@wrong("smallest_factor", "first_key_wanted")
def factor_for_first_key(query, keys, wanted, share=0.99):
    for factor in range(1, 1000):
        weights = (factor * query @ keys.T).softmax(dim=-1)
        if weights[0] > share:
            return factor


# ignores `share` and always asks for 99 %
@wrong("smallest_factor", "share_ignored")
def factor_for_99_percent(query, keys, wanted, share=0.99):
    factor = 1
    while (factor * query @ keys.T).softmax(dim=-1)[wanted] <= 0.99:
        factor += 1
    return factor


# solves e^(-c) = 1 - share, as if the scores always stood 1 apart; query and keys play no part
@wrong("smallest_factor", "scores_taken_as_given")
def factor_by_fixed_formula(query, keys, wanted, share=0.99):
    return math.ceil(-math.log(1 - share))


# tries only 1, 2, 4, 8, … and so finds a factor that is enough, not the smallest
@wrong("smallest_factor", "numbers_skipped")
def factor_by_doubling(query, keys, wanted, share=0.99):
    factor = 1
    while (factor * query @ keys.T).softmax(dim=-1)[wanted] <= share:
        factor *= 2
    return factor


# ---------------------------------------------------------------- 1.4
@right("catches_unused_keys")
def values_three_times(attention):
    torch.manual_seed(3)
    q, k, v = (torch.randn(n, 4, dtype=torch.float64) for n in (5, 6, 6))
    torch.testing.assert_close(attention(q, k, 3 * v), 3 * attention(q, k, v))


@right("catches_unused_keys")
def as_a_dictionary(attention):
    """Keys far apart: each query finds its own key and takes that value home."""
    q, k = torch.eye(2), 50 * torch.eye(2)
    v = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert torch.allclose(attention(q, k, v), v, atol=1e-4)


@right("catches_unused_keys")
def turned_keys(attention):
    results = [attention(queries, k, values) for k in (keys, keys.flip(0), -keys)]
    for a, b in itertools.combinations(results, 2):
        if torch.equal(a, b):
            raise AssertionError("other keys, same output")


# adds the same to every key, which moves all scores of a row alike: rejects right attention
@wrong("catches_unused_keys", "keys_shifted")
def all_keys_shifted(attention):
    before = attention(queries, keys, values)
    after = attention(queries, keys + 1, values)
    assert not torch.allclose(before, after)


# adds a constant to all values: the wrong scores move alike, too, and the wrong function passes
@wrong("catches_unused_keys", "values_shifted")
def all_values_shifted(attention):
    before = attention(queries, keys, values)
    after = attention(queries, keys, values + 5)
    assert torch.allclose(after, before + 5, atol=1e-4)


# changes the queries, not the keys: the wrong function depends on queries, too, and passes
@wrong("catches_unused_keys", "test_misses_bug")
def queries_changed(attention):
    changed = queries.clone()
    changed[1] = torch.tensor([-2.0, 3.0])
    before = attention(queries, keys, values)
    after = attention(changed, keys, values)
    assert not torch.allclose(before[1], after[1])


# returns its verdict, and a test may: False is as good as an AssertionError
@right("catches_unused_keys")
def verdict_returned(attention):
    changed = keys.clone()
    changed[1] += 1
    before = attention(queries, keys, values)
    after = attention(queries, changed, values)
    return not torch.allclose(before, after)


# moves keys and values together, which changes nothing without keys as well: misses the bug
@wrong("catches_unused_keys", "test_misses_bug")
def keys_and_values_turned(attention):
    order = torch.tensor([2, 0, 1])
    before = attention(queries, keys, values)
    after = attention(queries, keys[order], values[order])
    torch.testing.assert_close(before, after)


# tests with a single key, whose weight is 1 whatever it is: rejects right attention
@wrong("catches_unused_keys", "single_key")
def single_key(attention):
    before = attention(queries[1:2], keys[:1], values[:1])
    after = attention(queries[1:2], keys[1:2], values[:1])
    assert not torch.allclose(before, after)


# changes the keys without a copy, so both calls get the same keys: rejects right attention
@wrong("catches_unused_keys", "same_input_twice")
def keys_not_copied(attention):
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 4), torch.randn(5, 4), torch.randn(5, 4)
    changed = k
    changed[1] += 1
    before, after = attention(q, k, v), attention(q, changed, v)
    assert not torch.allclose(before, after)
