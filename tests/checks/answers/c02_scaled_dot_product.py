"""Chapter 2: wrong answers."""

import math

import numpy as np
import torch
import torch.nn.functional as F

import attnlib
from tests.checks.answers.filing import WRONG, wrong

INF = float("inf")

WRONG["spread"] = [
    ("variance_not_spread", [4, 1]),
    ("scale_still_grows", [2, 2]),
    ("scale_overdone", (2, 1 / 2)),
    (None, [16, 8]),
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


@wrong("attention", "self_excluded")
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


@wrong("attention", None)
def sigmoid_instead(query, key, value):
    return (query @ key.mT / math.sqrt(query.shape[-1])).sigmoid() @ value


@wrong("catches_wrong_root", "test_misses_bug")
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


@wrong("catches_order", "test_rejects_right")
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
