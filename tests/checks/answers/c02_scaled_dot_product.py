"""Chapter 2: scaled dot-product attention. Right answers and wrong ones, as readers write them."""

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F

import attnlib
from tests.checks.answers.filed import RIGHT, WRONG, right, wrong

INF = float("inf")

# --- right ---


RIGHT["spread"] = [[2, 1], (2.0, 1.0), torch.tensor([2, 1]), [math.sqrt(256) / math.sqrt(64), 1]]


@right("attention")
def einsum_attention(query, key, value):
    scores = torch.einsum("bqd,bkd->bqk", query, key) / math.sqrt(query.shape[-1])
    return torch.einsum("bqk,bkv->bqv", scores.softmax(dim=-1), value)


@wrong("attention", "uses_products")
def bmm_attention(query, key, value):
    d = query.size(2)
    weights = F.softmax(torch.bmm(query, key.transpose(1, 2)) / d**0.5, dim=2)
    return torch.bmm(weights, value)


@wrong("attention", "exponential_overflows")
def loop_attention(query, key, value):
    out = torch.zeros(query.shape[0], query.shape[1], value.shape[2])
    for b in range(query.shape[0]):
        for i in range(query.shape[1]):
            s = torch.stack([(query[b, i] * key[b, j]).sum() for j in range(key.shape[1])])
            w = torch.exp(s / math.sqrt(query.shape[2]))
            w /= w.sum()
            for j in range(key.shape[1]):
                out[b, i] += w[j] * value[b, j]
    return out


@wrong("attention", "uses_products")
def scaled_queries_in_place(query, key, value, *, scale=None):
    query = query.clone()
    query *= query.shape[-1] ** -0.5 if scale is None else scale
    scores = query @ key.mT
    scores -= scores.amax(dim=-1, keepdim=True)
    scores.exp_()
    scores /= scores.sum(dim=-1, keepdim=True)
    return scores @ value


@wrong("attention", "uses_products")
def double_attention(*tensors):
    q, k, v = (t.double() for t in tensors)
    return ((q @ k.mT) / np.sqrt(q.shape[-1])).softmax(-1) @ v


@wrong("attention", "exponential_overflows")
def normalised_last(query, key, value, mask=None, dropout_p=0.0):
    scores = (key @ query.transpose(-2, -1) / query.shape[-1] ** 0.5).exp()  # keys, queries
    mixed = scores.transpose(-2, -1) @ value
    return mixed / scores.sum(dim=-2).unsqueeze(-1)


@right("attention")
def by_the_library(query, key, value):
    return F.scaled_dot_product_attention(query, key, value)


@right("attention")
def by_attnlib(query, key, value):
    return attnlib.scaled_dot_product_attention(query, key, value)[0]


class Module(torch.nn.Module):
    def forward(self, query, key, value):
        print(query.shape)
        return F.dropout(
            torch.softmax(query.matmul(key.swapaxes(-1, -2)).div(math.sqrt(query.size(-1))), -1),
            p=0.5,
            training=False,
        ).matmul(value)


WRONG["attention"] = [("uses_products", Module())]


def torch_sdpa(query, key, value):
    return F.scaled_dot_product_attention(query, key, value), None


@right("catches_wrong_root")
def keys_twice(attention):
    q, k, v = torch.randn(3, 2, 3, 5)
    once, _ = attention(q, k, v)
    twice, _ = attention(q, torch.cat([k, k], dim=-2), torch.cat([v, v], dim=-2))
    assert torch.allclose(once, twice, atol=1e-5)


@right("catches_wrong_root")
def many_equal_keys(attention):
    q, k, v = torch.tensor([[[2.0, 0.0]]]), torch.tensor([[[1.0, 0.0], [0.0, 0.0]]]), torch.eye(2)
    few = attention(q, k, v[None])[0]
    many = attention(q, k.repeat(1, 50, 1), v.repeat(1, 50, 1))[0]
    torch.testing.assert_close(few, many)


@right("catches_wrong_root")
def by_numbers(attention):
    _, w = attention(
        torch.ones(1, 1, 4), torch.tensor([[[1.0] * 4, [0.0] * 4, [0.0] * 4]]), torch.ones(1, 3, 1)
    )
    return abs(w[0, 0, 0] / w[0, 0, 1] - math.e**2) < 1e-3


@right("catches_wrong_root")
def three_times(attention):
    torch.manual_seed(3)
    q, k, v = (torch.randn(4, 8) for _ in range(3))
    a = attention(q, k, v)[0]
    b = attention(q, k.repeat_interleave(3, dim=0), v.repeat_interleave(3, dim=0))[0]
    if (a - b).abs().max() > 1e-4:
        raise AssertionError("more keys, other output")


@right("catches_order")
def flipped(attention, query, key, value):
    order = torch.arange(key.shape[-2]).flip(0)
    before, _ = attention(query, key, value)
    after, _ = attention(query, key[..., order, :], value[..., order, :])
    torch.testing.assert_close(after, before)


@right("catches_order")
def rolled(attention, q, k, v):
    return torch.allclose(
        attention(q, k, v)[0], attention(q, k.roll(1, -2), v.roll(1, -2))[0], atol=1e-6
    )


@right("catches_order")
def at_random(attention, query, key, value):
    for _ in range(5):
        order = torch.randperm(key.shape[1])
        out = attention(query, key[:, order], value[:, order])[0]
        assert (out - attention(query, key, value)[0]).abs().max() < 1e-5


@right("catches_order")
def two_swapped(attention, query, key, value):
    order = list(range(key.shape[-2]))
    order[0], order[-1] = order[-1], order[0]
    np.testing.assert_allclose(
        attention(query, key[:, order], value[:, order])[0],
        attention(query, key, value)[0],
        rtol=1e-4,
    )


@right("attention")
def pairs_of_rows(query, key, value):
    weights = (query[:, :, None] * key[:, None]).sum(-1).div(query.shape[-1] ** 0.5).softmax(-1)
    return (weights[..., None] * value[:, None]).sum(2)


@wrong("attention", "uses_products")
def one_at_a_time(query, key, value):
    whole = zip(query, key, value, strict=True)
    return torch.stack([torch.softmax(q @ k.T / q.shape[-1] ** 0.5, -1) @ v for q, k, v in whole])


WRONG["attention"].append(
    ("uses_products", lambda q, k, v: (v.mT @ (k @ q.mT / q.shape[-1] ** 0.5).softmax(1)).mT)
)


# --- wrong ---


WRONG["spread"] = [
    ("variance_not_spread", [4, 1]),
    ("scale_still_grows", [2, 2]),
    ("scale_overdone", (2, 1 / 2)),
    ("spreads_given", [16, 8]),
    ("wrong_type", {"without": 2, "with": 1}),
]


@wrong("attention", "scale_missing")
def unscaled(query, key, value):
    return torch.bmm(F.softmax(torch.bmm(query, key.transpose(1, 2)), dim=2), value)


@wrong("attention", "scale_by_width")
def divided_by_d(query, key, value):
    return torch.einsum(
        "bqk,bkv->bqv",
        (torch.einsum("bqd,bkd->bqk", query, key) / query.shape[-1]).softmax(-1),
        value,
    )


@wrong("attention", "scale_multiplied")
def times_root(query, key, value):
    return (query @ key.mT * math.sqrt(key.shape[-1])).softmax(-1) @ value


@wrong("attention", "scale_by_length")
def root_of_keys(query, key, value):
    return (query @ key.mT / math.sqrt(key.size(1))).softmax(-1) @ value


@wrong("attention", "softmax_over_queries")
def dim_1(query, key, value):
    e = torch.exp(query @ key.mT / query.shape[-1] ** 0.5)
    return e / e.sum(dim=1, keepdim=True) @ value


@wrong("attention", "softmax_over_batch")
def dim_0(query, key, value):
    return F.softmax(query @ key.mT / query.shape[-1] ** 0.5, dim=0) @ value


@wrong("attention", "self_excluded")
def others_only(query, key, value):
    s = query @ key.mT / math.sqrt(query.shape[-1])
    n = s.shape[-1]
    s = s.masked_fill(torch.eye(s.shape[-2], n).bool(), -INF)
    return torch.nan_to_num(s.softmax(-1)) @ value


@wrong("attention", "wrong_shape")
def others_only_square(query, key, value):
    s = query @ key.mT / math.sqrt(query.shape[-1])
    s = s - 1e9 * torch.eye(s.shape[-1])
    return s.softmax(-1) @ value


@wrong("attention", "weights_before_scale")
def scaled_weights(query, key, value):
    return (query @ key.mT).softmax(-1) / query.shape[-1] ** 0.5 @ value


@wrong("attention", "keys_unused")
def query_times_value(query, key, value):
    return (query @ value.mT / math.sqrt(query.shape[-1])).softmax(-1) @ value


@wrong("attention", "dropout_active")
def still_dropping(query, key, value):
    return F.dropout((query @ key.mT / math.sqrt(query.shape[-1])).softmax(-1), 0.1) @ value


@wrong("attention", "dropout_active")
def sdpa_drops_out(query, key, value):
    return F.scaled_dot_product_attention(query, key, value, dropout_p=0.2)


@wrong("attention", "input_mutated")
def scales_in_place(query, key, value):
    query /= math.sqrt(query.shape[-1])
    return (query @ key.mT).softmax(-1) @ value


@wrong("attention", "returned_pair")
def output_and_weights(query, key, value):
    w = (query @ key.mT / math.sqrt(query.shape[-1])).softmax(-1)
    return w @ value, w


@wrong("attention", "returned_weights")
def weights_only(query, key, value):
    return (query @ key.mT / math.sqrt(query.shape[-1])).softmax(-1)


@wrong("attention", "scale_missing")
def two_mistakes(query, key, value):
    return (query @ key.mT).softmax(1) @ value


@wrong("attention", "key_not_transposed")
def wrong_product(query, key, value):
    return (query @ key / math.sqrt(query.shape[-1])).softmax(-1) @ value


@wrong("attention", "wrong_type")
def as_lists(query, key, value):
    return ((query @ key.mT / math.sqrt(query.shape[-1])).softmax(-1) @ value).tolist()


@wrong("attention", "no_return")
def forgets_return(query, key, value):
    output = (query @ key.mT / math.sqrt(query.shape[-1])).softmax(-1) @ value
    output.shape


@wrong("attention", "sigmoid_instead")
def sigmoid_instead(query, key, value):
    return (query @ key.mT / math.sqrt(query.shape[-1])).sigmoid() @ value


@wrong("catches_wrong_root", "never_more_keys")
def row_sums(attention):
    q, k, v = torch.randn(3, 2, 3, 5)
    assert torch.allclose(attention(q, k, v)[1].sum(-1), torch.ones(2, 3))


@wrong("catches_wrong_root", "test_rejects_right")
def exact_equality(attention):
    q, k, v = torch.randn(3, 2, 3, 5)
    twice = attention(q, torch.cat([k, k], 1), torch.cat([v, v], 1))[0]
    assert torch.equal(attention(q, k, v)[1], twice)


@wrong("catches_wrong_root", "test_reversed")
def must_differ(attention):
    q, k, v = torch.randn(3, 2, 3, 5)
    twice = attention(q, torch.cat([k, k], 1), torch.cat([v, v], 1))[0]
    return not torch.allclose(attention(q, k, v)[0], twice, atol=1e-4)


@wrong("catches_order", "test_misses_bug")
def shapes_only(attention, query, key, value):
    assert (
        attention(query, key.flip(1), value.flip(1))[0].shape
        == attention(query, key, value)[0].shape
    )


@wrong("catches_order", "only_one_shuffled")
def keys_only(attention, query, key, value):
    torch.testing.assert_close(
        attention(query, key.flip(1), value)[0], attention(query, key, value)[0]
    )


@wrong("attention", "self_excluded")
def diagonal_filled(query, key, value):
    s = query @ key.mT / math.sqrt(query.shape[-1])
    s.diagonal(dim1=1, dim2=2).fill_(-INF)
    return s.softmax(-1) @ value


@wrong("attention", "self_excluded")
def diagonal_taken_out(query, key, value):
    e = (query @ key.mT / math.sqrt(query.shape[-1])).exp()
    e = e * (1 - torch.eye(e.shape[1], e.shape[2]))
    return e / e.sum(-1, keepdim=True) @ value


@wrong("attention", "scale_by_value_width")
def root_of_value_width(query, key, value):
    return F.scaled_dot_product_attention(query, key, value, scale=value.size(-1) ** -0.5)


@wrong("attention", "scale_by_queries")
def root_of_queries(query, key, value):
    return (query @ key.mT / math.sqrt(query.size(1))).softmax(-1) @ value


@wrong("attention", "key_reshaped")
def viewed_keys(query, key, value):
    scores = torch.bmm(query, key.view(key.size(0), key.size(2), -1))
    return (scores / math.sqrt(query.shape[-1])).softmax(-1) @ value


@wrong("attention", "mask_not_asked")
def causal_sdpa(query, key, value):
    return F.scaled_dot_product_attention(query, key, value, is_causal=True)


@wrong("attention", "mask_not_asked")
def causal_attnlib(query, key, value):
    return attnlib.scaled_dot_product_attention(query, key, value, is_causal=True)[0]


@wrong("attention", "softmax_over_batch")
def without_dim(query, key, value):
    return F.softmax(query @ key.mT / math.sqrt(query.shape[-1])) @ value


@wrong("attention", "softmax_over_everything")
def total_of_the_batch(query, key, value):
    e = (query @ key.mT / math.sqrt(query.shape[-1])).exp()
    return e / e.sum() @ value


class InTraining(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.dropout = torch.nn.Dropout(0.1)

    def forward(self, query, key, value):
        return self.dropout((query @ key.mT / query.shape[-1] ** 0.5).softmax(-1)) @ value


WRONG["attention"].append(("dropout_active", InTraining()))


# --- more of both, tried later: what is plausible, not what is known ---

for said, numbers in (
    ("spreads_given", [16, 1]),
    ("factors_swapped", [1, 2]),
    ("factor_inverted", [0.5, 1]),
    ("spread_never_grows", [1, 1]),
    ("variance_not_spread", [4, 2]),
    ("variance_not_spread", [4, 4]),
    ("no_growth_as_zero", [2, 0]),
    ("scale_overdone_by_root", [2, 0.25]),
    (None, [192, 1]),
):
    WRONG["spread"].append((said, numbers))


def _s(q, k):
    return torch.einsum("bqd,bkd->bqk", q, k) / math.sqrt(q.shape[-1])


def _m(w, v):
    return torch.einsum("bqk,bkv->bqv", w, v)


for said, answer in (
    ("division_missing", lambda q, k, v: _m(_s(q, k).exp(), v)),
    ("scores_negated", lambda q, k, v: _m((-_s(q, k)).softmax(-1), v)),
    ("softmax_twice", lambda q, k, v: _m(_s(q, k).softmax(-1).softmax(-1), v)),
    ("logarithm_left", lambda q, k, v: _m(_s(q, k).log_softmax(-1), v)),
    ("output_scaled", lambda q, k, v: _m(_s(q, k).softmax(-1), v) / q.shape[-1] ** 0.5),
    ("hard_lookup", lambda q, k, v: _m(F.one_hot(_s(q, k).argmax(-1), k.shape[1]).float(), v)),
    ("returned_scores", lambda q, k, v: _s(q, k)),
    ("softmax_missing", lambda q, k, v: _m(_s(q, k), v)),
    ("values_averaged", lambda q, k, v: _m(torch.ones(len(q), q.shape[1], k.shape[1]) / k.shape[1], v)),
    ("scale_by_width", lambda q, k, v: _m((_s(q, k) / q.shape[-1] ** 0.5).softmax(-1), v)),
    ("scale_by_batch", lambda q, k, v: _m((torch.einsum("bqd,bkd->bqk", q, k) / len(q) ** 0.5).softmax(-1), v)),
    ("query_key_swapped", lambda q, k, v: _m(_s(k, q).softmax(-1), v)),
    ("exponential_missing", lambda q, k, v: _m(_s(q, k) / _s(q, k).sum(-1, keepdim=True), v)),
):  # fmt: skip
    wrong("attention", said)(answer)
for answer in (
    lambda q, k, v: _m(_s(q, k).softmax(-1), v),
    lambda q, k, v: _m(_s(q * 1.0, k).log_softmax(-1).exp(), v),
    lambda q, k, v: torch.einsum("bqk,bkv->bqv", F.softmax(_s(q, k), dim=2), v),
):
    right("attention")(answer)


def _qkv(keys=5, width=3):
    return torch.randn(2, 4, width), torch.randn(2, keys, width), torch.randn(2, keys, 2)


@wrong("catches_wrong_root", "as_many_keys_as_wide")
def square_example(attention):
    q, k, v = _qkv(keys=3)
    expected = (q @ k.mT / 3**0.5).softmax(-1) @ v
    assert torch.allclose(attention(q, k, v)[0], expected, atol=1e-5)


@wrong("catches_wrong_root", "never_more_keys")
def only_shapes(attention):
    q, k, v = _qkv()
    assert attention(q, k, v)[0].shape == (2, 4, 2)


@wrong("catches_wrong_root", "never_more_keys")
def order_of_keys(attention):
    q, k, v = _qkv()
    assert torch.allclose(attention(q, k, v)[0], attention(q, k.flip(1), v.flip(1))[0], atol=1e-5)


@wrong("catches_wrong_root", "uses_reference")
def against_torch(attention):
    q, k, v = _qkv()
    assert torch.allclose(attention(q, k, v)[0], F.scaled_dot_product_attention(q, k, v), atol=1e-5)


@wrong("catches_wrong_root", "test_raises")
def forgets_the_weights(attention):
    q, k, v = _qkv()
    assert attention(q, k, v).shape == (2, 4, 2)


@wrong("catches_wrong_root", "test_rejects_right")
def weights_stay(attention):
    q, k, v = _qkv()
    twice = attention(q, torch.cat([k, k], 1), torch.cat([v, v], 1))[1]
    assert torch.allclose(twice[..., :5], attention(q, k, v)[1])


@right("catches_wrong_root")
def weights_are_halved(attention):
    q, k, v = _qkv()
    twice = attention(q, torch.cat([k, k], 1), torch.cat([v, v], 1))[1]
    assert torch.allclose(2 * twice[..., :5], attention(q, k, v)[1])


@right("catches_wrong_root")
def ratios_of_weights(attention):
    q, k, v = _qkv()
    few, many = attention(q, k, v)[1], attention(q, torch.cat([k, k + 5], 1), v.repeat(1, 2, 1))[1]
    return torch.allclose(few[..., 0] / few[..., 1], many[..., 0] / many[..., 1], rtol=1e-3)


@wrong("catches_order", "order_expected")
def outputs_shuffled_too(attention, query, key, value):
    order = torch.randperm(key.shape[1])
    after = attention(query, key[:, order], value[:, order])[0]
    assert torch.allclose(after, attention(query, key, value)[0].flip(1))


@wrong("catches_order", "keys_lost")
def fixed_order_of_three(attention, query, key, value):
    order = torch.tensor([2, 0, 1])
    after = attention(query, key[:, order], value[:, order])[0]
    assert torch.allclose(after, attention(query, key, value)[0])


@wrong("catches_order", "queries_shuffled")
def all_three_shuffled(attention, query, key, value):
    after = attention(query.flip(1), key.flip(1), value.flip(1))[0]
    assert torch.allclose(after, attention(query, key, value)[0])


@wrong("catches_order", "nothing_shuffled")
def called_twice(attention, query, key, value):
    assert torch.equal(attention(query, key, value)[0], attention(query, key, value)[0])


@wrong("catches_order", "only_one_shuffled")
def two_orders(attention, query, key, value):
    k, v = key[:, torch.randperm(7)], value[:, torch.randperm(7)]
    assert torch.allclose(attention(query, k, v)[0], attention(query, key, value)[0])


@wrong("catches_order", "order_expected")
def weights_stay_in_place(attention, query, key, value):
    after = attention(query, key.flip(1), value.flip(1))[1]
    assert torch.allclose(after, attention(query, key, value)[1])


@wrong("catches_order", "test_reversed")
def must_change(attention, query, key, value):
    after = attention(query, key.roll(1, 1), value.roll(1, 1))[0]
    assert (
        not torch.allclose(after, attention(query, key, value)[0], atol=1e-5) or after.sum() > 1e9
    )


@right("catches_order")
def weights_shuffled_alike(attention, query, key, value):
    after = attention(query, key.flip(1), value.flip(1))
    assert torch.allclose(after[1].flip(-1), attention(query, key, value)[1])
    assert torch.allclose(after[0], attention(query, key, value)[0], atol=1e-5)


# --- catches_wrong_root, more ---


@right("catches_wrong_root")
def five_copies_loop(attention):
    torch.manual_seed(0)
    q, k, v = torch.randn(1, 2, 6), torch.randn(1, 3, 6), torch.randn(1, 3, 4)
    first = attention(q, k, v)[0]
    for n in range(2, 6):
        assert torch.allclose(
            first, attention(q, k.repeat(1, n, 1), v.repeat(1, n, 1))[0], atol=1e-5
        )


@right("catches_wrong_root")
def copy_weight_is_sum(attention):
    q, k, v = torch.randn(1, 1, 4), torch.randn(1, 3, 4), torch.randn(1, 3, 4)
    k2, v2 = torch.cat([k, k], 1), torch.cat([v, v], 1)
    w, w2 = attention(q, k, v)[1], attention(q, k2, v2)[1]
    torch.testing.assert_close(w2[..., :3] + w2[..., 3:], w)


@right("catches_wrong_root")
def hidden_far_key(attention):
    q = torch.tensor([[[1.0, 0.0]]])
    k = torch.tensor([[[3.0, 0.0], [0.0, 0.0]]])
    few = attention(q, k, k)[1]
    many = attention(
        q,
        torch.cat([k, torch.tensor([[[-100.0, 0.0]]] * 1).repeat(1, 7, 1)], 1),
        torch.zeros(1, 9, 2),
    )[1]
    assert torch.allclose(few, many[..., :2], atol=1e-4)


@right("catches_wrong_root")
def numpy_copies(attention):
    q, k, v = torch.randn(3, 1, 4, 8)
    a, _ = attention(q, k, v)
    b, _ = attention(q, k.tile(1, 4, 1), v.tile(1, 4, 1))
    np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-4)


@wrong("catches_wrong_root", "never_more_keys")
def shifting_queries(attention):
    q, k, v = torch.randn(3, 2, 3, 5)
    assert not torch.allclose(attention(q, k, v)[0], attention(2 * q, k, v)[0])


@wrong("catches_wrong_root", "never_more_keys")
def repeated_queries(attention):
    q, k, v = torch.randn(3, 2, 3, 5)
    twice = attention(torch.cat([q, q], 1), k, v)[0]
    assert torch.allclose(twice[:, :3], attention(q, k, v)[0])


@wrong("catches_wrong_root", "test_rejects_right")
def only_keys_repeated(attention):
    q, k, v = torch.randn(3, 2, 3, 5)
    assert torch.allclose(
        attention(q, torch.cat([k, k], 1), torch.cat([v, 0 * v], 1))[0], attention(q, k, v)[0]
    )


@wrong("catches_wrong_root", "test_raises")
def repeated_keys_without_values(attention):
    q, k, v = torch.randn(3, 2, 3, 5)
    assert torch.allclose(attention(q, torch.cat([k, k], 1), v)[0], attention(q, k, v)[0])


@wrong("catches_wrong_root", "test_raises")
def compares_pairs(attention):
    q, k, v = torch.randn(3, 2, 3, 5)
    assert torch.allclose(attention(q, k.repeat(1, 2, 1), v.repeat(1, 2, 1)), attention(q, k, v))


@wrong("catches_wrong_root", "never_more_keys")
def features_repeated(attention):
    q, k, v = torch.randn(3, 2, 3, 5)
    assert torch.isfinite(attention(torch.cat([q, q], -1), torch.cat([k, k], -1), v)[0]).all()


@wrong("catches_wrong_root", "as_many_keys_as_wide")
def formula_on_a_square(attention):
    x = torch.randn(1, 4, 4)
    _, w = attention(x, x, x)
    torch.testing.assert_close(w, torch.softmax(x @ x.transpose(1, 2) / 2, -1))


# --- catches_order, more ---


@right("catches_order")
def loop_over_all_orders(attention, query, key, value):
    import itertools

    want = attention(query, key, value)[0]
    for order in list(itertools.permutations(range(key.shape[1])))[:20]:
        order = list(order)
        assert torch.allclose(attention(query, key[:, order], value[:, order])[0], want, atol=1e-5)


@right("catches_order")
def argsort_random(attention, query, key, value):
    order = torch.rand(key.shape[-2]).argsort()
    out = attention(query, key.index_select(-2, order), value.index_select(-2, order))[0]
    return bool((out - attention(query, key, value)[0]).abs().max() < 1e-4)


@right("catches_order")
def halves_swapped(attention, query, key, value):
    n = key.shape[1] // 2
    k = torch.cat([key[:, n:], key[:, :n]], 1)
    v = torch.cat([value[:, n:], value[:, :n]], 1)
    torch.testing.assert_close(
        attention(query, k, v)[0], attention(query, key, value)[0], rtol=1e-4, atol=1e-4
    )


@right("catches_order")
def gather_both(attention, query, key, value):
    p = torch.randperm(7)
    a = attention(query, key, value)[0]
    b = attention(query, key[:, p], value[:, p])[0]
    assert a.shape == b.shape and torch.isclose(a, b, atol=1e-4).all()


@wrong("catches_order", "only_one_shuffled")
def values_only(attention, query, key, value):
    p = torch.randperm(7)
    assert torch.allclose(attention(query, key, value[:, p])[0], attention(query, key, value)[0])


@wrong("catches_order", "queries_shuffled")
def queries_only(attention, query, key, value):
    p = torch.randperm(3)
    out = attention(query[:, p], key, value)[0]
    assert torch.allclose(out, attention(query, key, value)[0][:, p], atol=1e-5)


@wrong("catches_order", "nothing_shuffled")
def batch_shuffled(attention, query, key, value):
    a = attention(query, key, value)[0]
    assert torch.isfinite(a).all()


@wrong("catches_order", "order_expected")
def expects_shuffled_rows(attention, query, key, value):
    p = [6, 5, 4, 3, 2, 1, 0]
    out = attention(query, key[:, p], value[:, p])[0]
    assert torch.allclose(out[:, [2, 1, 0]], attention(query, key, value)[0], atol=1e-5)


@wrong("catches_order", "keys_lost")
def reversed_with_three(attention, query, key, value):
    order = torch.arange(query.shape[1]).flip(0)
    out = attention(query, key[:, order], value[:, order])[0]
    torch.testing.assert_close(out, attention(query, key, value)[0])


@wrong("catches_order", "test_reversed")
def says_it_changes(attention, query, key, value):
    p = torch.tensor([1, 2, 3, 4, 5, 6, 0])
    out = attention(query, key[:, p], value[:, p])[0]
    return not torch.allclose(out, attention(query, key, value)[0], atol=1e-4)


@wrong("catches_order", "test_raises")
def compares_tuples(attention, query, key, value):
    p = torch.randperm(7)
    assert torch.allclose(attention(query, key[:, p], value[:, p]), attention(query, key, value))


@wrong("catches_order", "wrong_axis_shuffled")
def feature_axis(attention, query, key, value):
    assert torch.allclose(attention(query, key.flip(-1), value)[0], attention(query, key, value)[0])
