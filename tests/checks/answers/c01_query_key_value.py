"""Chapter 1: the soft look-up. Right answers and wrong ones, as readers write them."""

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F

import attnlib
from tests.checks.answers.filed import RIGHT, WRONG, right, wrong

INF = float("inf")

# --- right ---


RIGHT["doubled_query"] = [
    [0.87, 0.12, 0.02],
    (0.867, 0.117, 0.016),
    torch.tensor([4.0, 2.0, 0.0]).softmax(dim=0),
    np.array([0.87, 0.12, 0.01]),
]


@right("soft_lookup")
def in_loops(query, keys, values):
    scores = []
    for key in keys:
        total = 0
        for i in range(len(query)):
            total += query[i] * key[i]
        scores.append(total)
    weights = [math.exp(s) for s in scores]
    norm = sum(weights)
    output = [0.0] * len(values[0])
    for w, v in zip(weights, values, strict=True):
        for i in range(len(v)):
            output[i] += w / norm * v[i]
    return output


@right("soft_lookup")
def with_comprehensions(query, keys, values):
    exps = [math.exp(sum(q * k for q, k in zip(query, key, strict=True))) for key in keys]
    return [
        sum(e * v[d] for e, v in zip(exps, values, strict=True)) / sum(exps)
        for d in range(len(values[0]))
    ]


@right("soft_lookup")
def largest_subtracted(q, k, v):
    s = [sum(map(lambda a, b: a * b, q, row)) for row in k]
    e = [2.718281828459045 ** (x - max(s)) for x in s]
    w = [x / sum(e) for x in e]
    return tuple(sum(a * b for a, b in zip(w, col, strict=True)) for col in zip(*v, strict=True))


@wrong("soft_lookup", "uses_libraries")
def with_torch(query, keys, values):
    query, keys, values = map(torch.tensor, (query, keys, values))
    return ((keys @ query).softmax(0) @ values).tolist()


@wrong("soft_lookup", "uses_libraries")
def returns_an_array(query, keys, values, scale=1.0):
    scores = np.array(keys) @ np.array(query) * scale
    weights = np.exp(scores) / np.exp(scores).sum()
    return weights @ np.array(values)


@right("smallest_factor")
def counting_up(query, keys, wanted, share=0.99):
    factor = 1
    while (factor * query @ keys.T).softmax(dim=-1)[wanted] <= share:
        factor += 1
    return factor


@right("smallest_factor")
def first_of_many(query, keys, wanted, share=0.99):
    scores = keys @ query
    return next(c for c in range(1, 1000) if (c * scores).softmax(0)[wanted] > share)


@right("smallest_factor")
def all_at_once(query, keys, wanted, share=0.99):
    factors = torch.arange(1, 200)
    weights = (factors[:, None] * (keys @ query)).softmax(dim=1)[:, wanted]
    return factors[weights > share].min()


@right("smallest_factor")
def by_halving(query, keys, wanted, share=0.99):
    def enough(c):
        exps = [math.exp(c * (s - scores[wanted])) for s in scores]
        return 1 / sum(exps) > share

    scores = (keys @ query).tolist()
    low, high = 0, 1024
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


@right("catches_unused_keys")
def keys_changed(attention):
    q, k, v = torch.randn(3, 4, 2)
    other = k.clone()
    other[1] += 1
    assert not torch.allclose(attention(q, k, v), attention(q, other, v))


@right("catches_unused_keys")
def values_doubled(attention):
    torch.manual_seed(1)
    q, k, v = torch.randn(3, 4, 2)
    torch.testing.assert_close(attention(q, k, 2 * v), 2 * attention(q, k, v))


@right("catches_unused_keys")
def keys_equal(attention):
    "With equal keys each output is the mean of the values."
    q, v = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    return torch.allclose(attention(q, torch.ones(2, 2), v)[0], v.mean(dim=0))


@right("catches_unused_keys")
def gradient_of_keys(attention):
    q, k, v = torch.randn(3, 4, 2)
    k.requires_grad_()
    out = attention(q, k, v).sum()
    assert out.requires_grad
    (grad,) = torch.autograd.grad(out, k, allow_unused=True)
    assert grad is not None and grad.abs().sum() > 0


@right("soft_lookup")
def one_total(query, keys, values):
    total, output = 0.0, [0.0 for _ in values[0]]
    for key, value in zip(keys, values):
        e = math.exp(sum(q * k for q, k in zip(query, key)))
        total += e
        for d, v in enumerate(value):
            output[d] += e * v
    return [o / total for o in output]


# --- wrong ---


WRONG["doubled_query"] = [
    ("weights_doubled", [1.34, 0.48, 0.18]),
    ("weights_unchanged", [0.67, 0.24, 0.09]),
    ("scores_given", (4.0, 2.0, 0.0)),
    ("wrong_shape", [0.87, 0.12]),
    ("wrong_type", "0.87, 0.12, 0.02"),
    (None, [0.5, 0.3, 0.2]),
]


@wrong("soft_lookup", "softmax_missing")
def weighted_with_scores(query, keys, values):
    out = [0.0] * len(values[0])
    for key, value in zip(keys, values, strict=True):
        score = sum(a * b for a, b in zip(query, key, strict=True))
        out = [o + score * v for o, v in zip(out, value, strict=True)]
    return out


@wrong("soft_lookup", "hard_lookup")
def best_match(query, keys, values):
    scores = [sum(a * b for a, b in zip(query, k, strict=True)) for k in keys]
    return values[max(range(len(keys)), key=lambda i: scores[i])]


@wrong("soft_lookup", "returned_weights")
def stops_at_weights(query, keys, values):
    e = [math.exp(sum(a * b for a, b in zip(query, k, strict=True))) for k in keys]
    return [x / sum(e) for x in e]


@wrong("soft_lookup", "scale_not_asked")
def already_scaled(q, keys, values):
    e = [math.exp(sum(a * b for a, b in zip(q, k, strict=True)) / len(q) ** 0.5) for k in keys]
    return [
        sum(x * v[d] for x, v in zip(e, values, strict=True)) / sum(e)
        for d in range(len(values[0]))
    ]


@wrong("soft_lookup", "no_return")
def prints_instead(query, keys, values):
    print([sum(values[0])])


@wrong("soft_lookup", "input_mutated")
def empties_the_keys(query, keys, values):
    e = []
    everything = sum(len(k) for k in keys)
    while keys:
        e.append(math.exp(sum(a * b for a, b in zip(query, keys.pop(0), strict=True))))
    assert everything
    return [
        sum(x * v[d] for x, v in zip(e, values, strict=True)) / sum(e)
        for d in range(len(values[0]))
    ]


@wrong("soft_lookup", "wrong_type")
def returns_a_sum(query, keys, values):
    return sum(query)


@wrong("soft_lookup", None)
def squared_scores(query, keys, values):
    e = [sum(a * b for a, b in zip(query, k, strict=True)) ** 2 + 1 for k in keys]
    return [
        sum(x * v[d] for x, v in zip(e, values, strict=True)) / sum(e)
        for d in range(len(values[0]))
    ]


@wrong("smallest_factor", "off_by_one")
def counts_too_late(query, keys, wanted, share=0.99):
    factor = 0
    while (factor * query @ keys.T).softmax(-1)[wanted] <= share:
        factor += 1
    return factor - 1


@wrong("smallest_factor", "not_whole")
def continuous(query, keys, wanted, share=0.99):
    low, high = 0.0, 100.0
    for _ in range(60):
        mid = (low + high) / 2
        if (mid * query @ keys.T).softmax(-1)[wanted] > share:
            high = mid
        else:
            low = mid
    return high


@wrong("smallest_factor", "share_ignored")
def always_99(query, keys, wanted, share):
    c = 1
    while not (c * keys @ query).softmax(0)[wanted] > 0.99:
        c = c + 1
    return c


@wrong("smallest_factor", "never_ends")
def never_there(query, keys, wanted, share=0.99):
    factor = 1
    while (query @ keys.T).softmax(-1)[wanted] <= 1.1:
        factor += 1
    return factor


@wrong("smallest_factor", "wrong_signature")
def two_arguments(query, keys):
    return 5


@wrong("smallest_factor", None)
def constant_five(query, keys, wanted, share=0.99):
    return 17


@wrong("catches_unused_keys", "test_misses_bug")
def rows_sum(attention):
    q, k, v = torch.randn(3, 4, 2)
    assert attention(q, k, v).shape == v.shape


@wrong("catches_unused_keys", "values_shifted")
def constant_added(attention):
    q, k, v = torch.randn(3, 4, 2)
    torch.testing.assert_close(attention(q, k, v + 3), attention(q, k, v) + 3, atol=1e-3, rtol=1e-3)


@wrong("catches_unused_keys", "test_rejects_right")
def needs_keys_as_values(attention):
    q, k, v = torch.randn(3, 4, 2)
    assert torch.equal(attention(q, k, v), attention(q, v, k))


@wrong("catches_unused_keys", "test_reversed")
def keys_must_not_matter(attention):
    q, k, v = torch.randn(3, 4, 2)
    assert torch.allclose(attention(q, k, v), attention(q, k + torch.randn(4, 2), v))


@wrong("catches_unused_keys", "test_raises")
def unknown_name(attention):
    assert attention(queries, keys, values).shape == (3, 2)
