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


@wrong("smallest_factor", "always_the_same")
def constant_17(query, keys, wanted, share=0.99):
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


# --- more of both, tried later: what is plausible, not what is known ---

for said, numbers in (
    ("shares_without_exponentials", [0.67, 0.33, 0.0]),
    ("per_cent_given", [87, 12, 2]),
    ("per_cent_given", [86.7, 11.7, 1.6]),
    ("exponentials_given", [54.6, 7.4, 1.0]),
    ("order_reversed", [0.02, 0.12, 0.87]),
    ("scale_not_asked", [0.77, 0.19, 0.05]),
    ("only_one_doubled", [1.33, 0.24, 0.09]),
    ("scores_given", [2, 1, 0]),
    ("query_halved", [0.51, 0.31, 0.19]),
    (None, [0.33, 0.33, 0.33]),
):
    WRONG["doubled_query"].append((said, numbers))
RIGHT["doubled_query"] += [[0.8668, 0.1173, 0.0159], (0.87, 0.12, 0.016)]


def _dots(query, keys):
    return [sum(a * b for a, b in zip(query, key)) for key in keys]


def _sum_of(weights, values):
    return [sum(w * v[d] for w, v in zip(weights, values)) for d in range(len(values[0]))]


for said, answer in (
    ("division_missing", lambda q, k, v: _sum_of([math.exp(s) for s in _dots(q, k)], v)),
    ("divided_by_count", lambda q, k, v: _sum_of([math.exp(s) / len(k) for s in _dots(q, k)], v)),
    ("returned_scores", lambda q, k, v: _dots(q, k)),
    ("base_not_e", lambda q, k, v: _sum_of([2**s / sum(2**t for t in _dots(q, k)) for s in _dots(q, k)], v)),
    ("scores_negated", lambda q, k, v: _sum_of([math.exp(-s) / sum(math.exp(-t) for t in _dots(q, k)) for s in _dots(q, k)], v)),
    ("values_unused", lambda q, k, v: _sum_of([math.exp(s) / sum(map(math.exp, _dots(q, k))) for s in _dots(q, k)], k)),
    ("values_not_weighted", lambda q, k, v: [sum(column) for column in zip(*v)]),
    ("query_unused", lambda q, k, v: [sum(column) / len(v) for column in zip(*v)]),
    ("exponential_missing", lambda q, k, v: _sum_of([s / sum(_dots(q, k)) for s in _dots(q, k)], v)),
    ("raises", lambda q, k, v: q * k),
):  # fmt: skip
    wrong("soft_lookup", said)(answer)


def _first(enough):
    return next(c for c in range(1, 10_000) if enough(c))


for said, answer in (
    ("returned_query", lambda q, k, w, s: _first(lambda c: (c * k @ q).softmax(0)[w] > s) * q),
    ("returned_share", lambda q, k, w, s: (_first(lambda c: (c * k @ q).softmax(0)[w] > s) * k @ q).softmax(0)[w].item()),
    ("always_the_same", lambda q, k, w, s: 5),
    ("off_by_one", lambda q, k, w, s: _first(lambda c: (c * k @ q).softmax(0)[w] > s) + 1),
    ("scale_not_asked", lambda q, k, w, s: _first(lambda c: (c * k @ q / len(q) ** 0.5).softmax(0)[w] > s)),
    ("wanted_ignored", lambda q, k, w, s: 1),
    ("raises", lambda q, k, w, s: next(c for c in range(3) if (c * k @ q).softmax(0)[w] > 2)),
    ("wrong_type", lambda q, k, w, s: str(_first(lambda c: (c * k @ q).softmax(0)[w] > s))),
):  # fmt: skip
    wrong("smallest_factor", said)(answer)
right("smallest_factor")(lambda q, k, w, s: _first(lambda c: (k @ (c * q)).softmax(-1)[w] > s))
right("smallest_factor")(
    lambda q, k, w, s=0.99: torch.tensor(_first(lambda c: (k @ q * c).softmax(0)[w] > s))
)


def _three():
    return torch.randn(3, 4, 2)


@wrong("catches_unused_keys", "keys_shifted")
def all_keys_raised(attention):
    q, k, v = _three()
    assert not torch.allclose(attention(q, k, v), attention(q, k + 1, v))


@wrong("catches_unused_keys", "values_shifted")
def all_values_raised(attention):
    q, k, v = _three()
    assert torch.allclose(attention(q, k, v + 1) - attention(q, k, v), torch.ones(4, 2), atol=1e-4)


@wrong("catches_unused_keys", "test_rejects_right")
def compares_with_the_library(attention):
    q, k, v = _three()
    assert torch.allclose(attention(q, k, v), attnlib.scaled_dot_product_attention(q, k, v)[0])


@wrong("catches_unused_keys", "uses_reference")
def compares_with_both_scales(attention):
    q, k, v = _three()
    out = [attnlib.scaled_dot_product_attention(q, k, v, scale=s)[0] for s in (1.0, None)]
    assert any(torch.allclose(attention(q, k, v), each, atol=1e-5) for each in out)


@wrong("catches_unused_keys", "test_misses_bug")
def queries_matter(attention):
    q, k, v = _three()
    assert not torch.allclose(attention(q, k, v), attention(2 * q, k, v))


@right("catches_unused_keys")
def values_matter(attention):
    q, k, v = _three()
    assert not torch.allclose(attention(q, k, v), attention(q, k, v.flip(0)))


@right("catches_unused_keys")
def keys_shuffled_alone(attention):
    q, k, v = _three()
    return not torch.allclose(attention(q, k, v), attention(q, k.flip(0), v))


@right("catches_unused_keys")
def keys_of_zero(attention):
    q, k, v = _three()
    assert torch.allclose(attention(q, 0 * k, v), v.mean(0).expand(4, 2))


# --- catches_unused_keys, more ---


@right("catches_unused_keys")
def keys_scaled(attention):
    q, k, v = torch.randn(3, 5, 3)
    assert not torch.allclose(attention(q, k, v), attention(q, 2 * k, v))


@right("catches_unused_keys")
def one_key_matches(attention):
    q = torch.tensor([[10.0, 0.0]])
    k = torch.tensor([[10.0, 0.0], [0.0, 10.0]])
    v = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    torch.testing.assert_close(attention(q, k, v), v[:1], atol=1e-3, rtol=1e-3)


@right("catches_unused_keys")
def shuffle_keys_and_values_vs_keys(attention):
    q, k, v = torch.randn(3, 4, 2)
    p = torch.tensor([1, 2, 3, 0])
    assert torch.allclose(attention(q, k[p], v[p]), attention(q, k, v), atol=1e-5)
    assert not torch.allclose(attention(q, k[p], v), attention(q, k, v), atol=1e-5)


@right("catches_unused_keys")
def more_than_one_width(attention):
    q, k, v = torch.randn(4, 3), torch.randn(4, 3), torch.randn(4, 3)
    a, b = attention(q, k, v), attention(q, -k, v)
    return bool((a - b).abs().max() > 1e-4)


@wrong("catches_unused_keys", "test_misses_bug")
def in_hull(attention):
    q, k, v = torch.randn(3, 4, 2)
    out = attention(q, k, v)
    assert (out.max(0).values <= v.max(0).values + 1e-6).all()


@wrong("catches_unused_keys", "test_misses_bug")
def equal_values_come_out(attention):
    q, k = torch.randn(2, 4, 2)
    v = torch.ones(4, 2)
    assert torch.allclose(attention(q, k, v), v)


@wrong("catches_unused_keys", "test_misses_bug")
def same_everything(attention):
    x = torch.randn(4, 2)
    y = x.clone()
    y[0] = 0
    assert not torch.allclose(attention(x, x, x), attention(y, y, y))


@wrong("catches_unused_keys", "keys_shifted")
def keys_plus_a_vector(attention):
    q, k, v = torch.randn(3, 4, 2)
    assert not torch.allclose(attention(q, k + torch.tensor([1.0, -2.0]), v), attention(q, k, v))


@wrong("catches_unused_keys", "test_raises")
def three_axes_wrong(attention):
    q, k, v = torch.randn(3, 4, 2)
    assert not torch.allclose(attention(q, k.T, v), attention(q, k, v))


@wrong("catches_unused_keys", "test_reversed")
def forgot_not(attention):
    q, k, v = torch.randn(3, 4, 2)
    assert torch.allclose(attention(q, k.flip(0), v), attention(q, k, v))


@wrong("catches_unused_keys", "test_rejects_right")
def knows_numbers(attention):
    q = k = v = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert attention(q, k, v)[0, 0] == 0.7311
