"""Chapter 4: several heads. Right answers and wrong ones, as readers write them."""

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F

import attnlib
from tests.checks.answers.filed import RIGHT, WRONG, right, wrong

INF = float("inf")

# --- right ---


RIGHT["number_of_weights"] = [
    [49, 147, 588],
    (7 * 7, 3 * 7 * 7, 12 * 7 * 7),
    torch.tensor([49, 147, 588]),
    [49.0, 147.0, 588.0],
]


@right("split_heads")
def view_and_transpose(x, num_heads):
    b, n, d = x.shape
    return x.view(b, n, num_heads, d // num_heads).transpose(1, 2)


@right("split_heads")
def chunked(x, num_heads):
    return torch.stack(x.chunk(num_heads, dim=-1), dim=1)


@right("split_heads")
def unflattened(x, num_heads):
    return x.unflatten(-1, (num_heads, -1)).permute(0, 2, 1, 3).contiguous()


@right("split_heads")
def copied_entry_by_entry(x, num_heads):
    b, n, d = x.shape
    w = d // num_heads
    out = torch.empty(b, num_heads, n, w)
    for h in range(num_heads):
        out[:, h] = x[:, :, h * w : (h + 1) * w]
    return out


@right("split_heads")
def features_first(x, num_heads):
    return x.mT.reshape(len(x), num_heads, -1, x.shape[1]).mT


@right("merge_heads")
def transpose_and_reshape(heads):
    b, h, n, d = heads.shape
    return heads.transpose(1, 2).reshape(b, n, h * d)


@right("merge_heads")
def concatenated(heads):
    return torch.cat([heads[:, h] for h in range(heads.shape[1])], dim=-1)


@right("merge_heads")
def flattened(x):
    return x.permute(0, 2, 1, 3).flatten(start_dim=2)


@right("merge_heads")
def contiguous_view(x):
    x = x.transpose(1, 2).contiguous()
    return x.view(x.size(0), -1, x.size(2) * x.size(3))


@right("merge_heads")
def unbound(x):
    return torch.cat(x.double().unbind(1), -1)


@right("multi_head")
def my_multi_head(x, w_q, w_k, w_v, w_o, num_heads):
    query, key, value = (view_and_transpose(x @ w, num_heads) for w in (w_q, w_k, w_v))
    weights = (query @ key.mT / math.sqrt(query.shape[-1])).softmax(dim=-1)
    return transpose_and_reshape(weights @ value) @ w_o


@right("multi_head")
def head_by_head(x, w_q, w_k, w_v, w_o, num_heads):
    width = x.shape[-1] // num_heads
    total = 0
    for h in range(num_heads):
        part = slice(h * width, (h + 1) * width)
        q, k, v = x @ w_q[:, part], x @ w_k[:, part], x @ w_v[:, part]
        total = total + F.softmax(q.bmm(k.transpose(1, 2)) / width**0.5, -1).bmm(v) @ w_o[part]
    return total


@right("multi_head")
def all_in_einsum(x, w_q, w_k, w_v, w_o, h):
    q, k, v = (torch.einsum("bld,dhe->bhle", x, w.unflatten(1, (h, -1))) for w in (w_q, w_k, w_v))
    weights = torch.einsum("bhqe,bhke->bhqk", q, k).mul(q.shape[-1] ** -0.5).softmax(-1)
    return torch.einsum("bhqk,bhke,hed->bqd", weights, v, w_o.unflatten(0, (h, -1)))


@right("multi_head")
def with_sdpa(x, w_q, w_k, w_v, w_o, num_heads, mask=None):
    q, k, v = (chunked(x.matmul(w), num_heads) for w in (w_q, w_k, w_v))
    return concatenated(F.scaled_dot_product_attention(q, k, v, attn_mask=mask)) @ w_o


@right("multi_head")
def in_doubles_batch_folded(x, w_q, w_k, w_v, w_o, num_heads):
    x = x.double()
    b, n, d = x.shape

    def fold(t):
        t = t.reshape(b, n, num_heads, -1).permute(0, 2, 1, 3)
        return t.reshape(b * num_heads, n, -1)

    q, k, v = (fold(x @ w.double()) for w in (w_q, w_k, w_v))
    s = torch.bmm(q, k.transpose(1, 2))
    s /= math.sqrt(d // num_heads)
    out = torch.bmm(s.softmax(2), v).reshape(b, num_heads, n, -1).permute(0, 2, 1, 3)
    return out.reshape(b, n, d) @ w_o.double()


def _identity_weights(layer_class, num_heads, part):
    layer = layer_class(part.shape[-1] * num_heads, num_heads)
    everyone = torch.ones(1, part.shape[1], part.shape[1], dtype=torch.bool)
    with torch.no_grad():
        for projection in (layer.w_q, layer.w_k):
            projection.weight.copy_(torch.eye(part.shape[-1] * num_heads))
        return layer(part.repeat(1, 1, num_heads), everyone)[1]


@right("catches_embed_dim_scale")
def one_and_three_heads(layer_class):
    part = torch.randn(1, 7, 4)
    assert torch.allclose(
        _identity_weights(layer_class, 1, part)[:, 0], _identity_weights(layer_class, 3, part)[:, 0]
    )


@right("catches_embed_dim_scale")
def two_and_four_heads(layer_class):
    part = torch.randn(1, 5, 8)
    a, b = (_identity_weights(layer_class, h, part) for h in (2, 4))
    return torch.allclose(a[:, 0], b[:, 3], atol=1e-5)


@right("catches_embed_dim_scale")
def against_the_formula(layer_class):
    part = torch.randn(1, 3, 4)
    expected = (part @ part.mT / 2).softmax(-1)
    torch.testing.assert_close(_identity_weights(layer_class, 5, part)[:, 2], expected)


@right("catches_embed_dim_scale")
def ratio_of_weights(layer_class):
    part = torch.tensor([[[2.0], [1.0]]])
    w = _identity_weights(layer_class, 4, part)[0, 0, 0]
    assert math.isclose(math.log(w[0] / w[1]), 2.0, rel_tol=1e-4)


@right("split_heads")
def unfolded(x, num_heads):
    width = x.shape[-1] // num_heads
    return x.unfold(2, width, width).movedim(2, 1)


@right("multi_head")
def one_product_for_all(x, w_q, w_k, w_v, w_o, num_heads):
    parts = (x @ torch.cat([w_q, w_k, w_v], dim=1)).chunk(3, dim=-1)
    heads = F.scaled_dot_product_attention(*(chunked(part, num_heads) for part in parts))
    return F.linear(heads.transpose(1, 2).flatten(2), w_o.T)


@right("multi_head")
def by_torch_itself(x, w_q, w_k, w_v, w_o, num_heads):
    x, weights = x.transpose(0, 1), torch.cat([w_q.T, w_k.T, w_v.T])
    return F.multi_head_attention_forward(
        x, x, x, x.shape[-1], num_heads, weights, None, None, None, False, 0.0, w_o.T, None,
        need_weights=False,
    )[0].transpose(0, 1)  # fmt: skip


# --- wrong ---


WRONG["number_of_weights"] = [
    ("heads_share_weights", [49, 49, 49]),
    ("weights_per_token", [7, 21, 84]),
    ("parameters_counted", [576] * 3),
    ("widths_given", [12, 4, 1]),
]


@wrong("split_heads", "view_without_transpose")
def straight_view(x, num_heads):
    batch, length, embed_dim = x.shape
    return x.view(batch, num_heads, length, embed_dim // num_heads)


@wrong("split_heads", "transpose_missing")
def half_way(x, num_heads):
    return x.view(x.shape[0], x.shape[1], num_heads, x.shape[2] // num_heads)


@wrong("split_heads", "features_dealt_out")
def dealt(x, num_heads):
    return torch.stack([x[..., h::num_heads] for h in range(num_heads)], dim=1)


@wrong("split_heads", "heads_in_batch")
def d2l_split(x, num_heads):
    x = x.reshape(x.shape[0], x.shape[1], num_heads, -1).permute(0, 2, 1, 3)
    return x.reshape(-1, x.shape[2], x.shape[3])


@wrong("split_heads", "wrong_type")
def list_of_heads(x, num_heads):
    return list(x.chunk(num_heads, dim=-1))


@wrong("split_heads", "returned_pair")
def tuple_of_heads(x, num_heads):
    return x.chunk(num_heads, dim=-1)


@wrong("merge_heads", "merge_without_transpose")
def straight_reshape(heads):
    b, h, n, d = heads.shape
    return heads.reshape(b, n, h * d)


@wrong("merge_heads", "merge_dealt_out")
def stacked_last(heads):
    return torch.stack(heads.unbind(1), dim=-1).flatten(2)


@wrong("merge_heads", "transpose_without_regrouping")
def only_transposed(heads):
    return heads.transpose(1, 2)


@wrong("merge_heads", "heads_added")
def added(heads):
    return heads.sum(1)


@wrong("merge_heads", "raises")
def view_after_transpose(heads):
    b, h, n, d = heads.shape
    return heads.transpose(1, 2).view(b, n, h * d)


def _mh(x, w_q, w_k, w_v, w_o, h, scale=None, dim=-1, split=None, merge=None):
    split = split or (lambda t: t.unflatten(-1, (h, -1)).transpose(1, 2))
    merge = merge or (lambda t: t.transpose(1, 2).flatten(2))
    q, k, v = split(x @ w_q), split(x @ w_k), split(x @ w_v)
    return merge((q @ k.mT / (scale or math.sqrt(q.shape[-1]))).softmax(dim) @ v) @ w_o


@wrong("multi_head", "scale_missing")
def mh_unscaled(*a):
    return _mh(*a, scale=1.0)


@wrong("multi_head", "scale_by_embed_dim")
def mh_embed_dim(x, *a):
    return _mh(x, *a, scale=x.shape[-1] ** 0.5)


@wrong("multi_head", "scale_by_width")
def mh_width(x, *a):
    return _mh(x, *a, scale=x.shape[-1] // a[-1])


@wrong("multi_head", "softmax_over_queries")
def mh_queries(*a):
    return _mh(*a, dim=-2)


@wrong("multi_head", "softmax_over_heads")
def mh_heads(*a):
    return _mh(*a, dim=1)


@wrong("multi_head", "view_without_transpose")
def mh_view(x, w_q, w_k, w_v, w_o, num_heads):
    b, n, d = x.shape
    return _mh(x, w_q, w_k, w_v, w_o, num_heads, split=lambda t: t.view(b, num_heads, n, -1))


@wrong("multi_head", "view_without_transpose")
def mh_view_both(x, w_q, w_k, w_v, w_o, num_heads):
    b, n, d = x.shape
    return _mh(
        x,
        w_q,
        w_k,
        w_v,
        w_o,
        num_heads,
        split=lambda t: t.view(b, num_heads, n, -1),
        merge=lambda t: t.reshape(b, n, d),
    )


@wrong("multi_head", "merge_without_transpose")
def mh_merge(x, *a):
    return _mh(x, *a, merge=lambda t: t.reshape(x.shape))


@wrong("multi_head", "output_projection_missing")
def mh_no_out(x, w_q, w_k, w_v, w_o, num_heads):
    return _mh(x, w_q, w_k, w_v, torch.eye(x.shape[-1]), num_heads)


@wrong("multi_head", "matrices_transposed")
def mh_linear(x, w_q, w_k, w_v, w_o, num_heads):
    return F.linear(_mh(x, w_q.T, w_k.T, w_v.T, torch.eye(x.shape[-1]), num_heads), w_o)


@wrong("multi_head", "single_head")
def mh_single(x, w_q, w_k, w_v, w_o, num_heads):
    return F.scaled_dot_product_attention(x @ w_q, x @ w_k, x @ w_v) @ w_o


@wrong("multi_head", "returned_pair")
def mh_with_weights(*a):
    return _mh(*a), None


@wrong("multi_head", "mask_not_asked")
def mh_causal(x, w_q, w_k, w_v, w_o, num_heads):
    q, k, v = (attnlib.split_heads(x @ w, num_heads) for w in (w_q, w_k, w_v))
    return attnlib.merge_heads(F.scaled_dot_product_attention(q, k, v, is_causal=True)) @ w_o


@wrong("catches_embed_dim_scale", "one_number_of_heads")
def right_shape(layer_class):
    out, w = layer_class(12, 3)(torch.randn(1, 7, 12), torch.ones(1, 7, 7, dtype=torch.bool))
    assert out.shape == (1, 7, 12) and w.shape == (1, 3, 7, 7)


@wrong("catches_embed_dim_scale", "one_head_only")
def single_head_only(layer_class):
    layer, x = layer_class(4, 1), torch.randn(1, 3, 4)
    with torch.no_grad():
        for w in (layer.w_q, layer.w_k):
            w.weight.copy_(torch.eye(4))
        weights = layer(x, torch.ones(1, 3, 3, dtype=torch.bool))[1]
    torch.testing.assert_close(weights[:, 0], (x @ x.mT / 2).softmax(-1))


@wrong("split_heads", "transposed_too_early")
def transpose_then_view(x, num_heads):
    return x.transpose(1, 2).reshape(len(x), num_heads, x.shape[1], -1)


@wrong("split_heads", "heads_in_batch")
def chunks_one_below_the_other(x, num_heads):
    return torch.cat(x.chunk(num_heads, -1))


@wrong("multi_head", "scale_multiplied")
def mh_times_root(x, *a):
    return _mh(x, *a, scale=(x.shape[-1] / a[-1]) ** -0.5)


@wrong("multi_head", "scale_by_whole_embed_dim")
def mh_by_embed_dim(x, *a):
    return _mh(x, *a, scale=x.shape[-1])


@wrong("multi_head", "matrix_used_twice")
def mh_copied_line(x, w_q, w_k, w_v, w_o, num_heads):
    return _mh(x, w_q, w_q, w_v, w_o, num_heads)


@wrong("multi_head", "matrix_used_twice")
def mh_values_from_keys(x, w_q, w_k, w_v, w_o, num_heads):
    return _mh(x, w_q, w_k, w_k, w_o, num_heads)


@wrong("multi_head", "matrices_transposed")
def mh_three_transposed(x, w_q, w_k, w_v, w_o, num_heads):
    return _mh(x, w_q.T, w_k.T, w_v.T, w_o, num_heads)


@wrong("multi_head", "transpose_missing")
def mh_among_heads(x, w_q, w_k, w_v, w_o, num_heads):
    q, k, v = ((x @ w).unflatten(-1, (num_heads, -1)) for w in (w_q, w_k, w_v))
    return F.scaled_dot_product_attention(q, k, v).flatten(2) @ w_o


@wrong("multi_head", "input_added")
def mh_residual(x, *a):
    return x + _mh(x, *a)


def _without_self(x, w_q, w_k, w_v, w_o, num_heads, fill):
    q, k, v = (attnlib.split_heads(x @ w, num_heads) for w in (w_q, w_k, w_v))
    oneself = torch.eye(x.shape[1], dtype=torch.bool)
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(oneself, fill)
    return attnlib.merge_heads(scores.softmax(-1) @ v) @ w_o


WRONG["multi_head"] += [
    ("self_excluded", lambda x, q, k, v, o, h: _without_self(x, q, k, v, o, h, -INF)),
    ("self_excluded", lambda x, q, k, v, o, h: _without_self(x, q, k, v, o, h, -1e9)),
    ("dropout_active", lambda *a: F.dropout(_mh(*a), 0.1)),
]


# --- more of both, tried later: what is plausible, not what is known ---

for said, numbers in (
    ("weights_times_head_width", [588, 196, 49]),
    ("half_counted", [28, 84, 336]),
    ("self_not_counted", [42, 126, 504]),
    ("order_reversed", [588, 147, 49]),
    ("outputs_counted", [84, 84, 84]),
    ("parameters_counted", [144, 144, 144]),
    ("parameters_counted", [432, 432, 432]),
    ("weights_grow_with_width", [588, 588, 588]),
    ("heads_split_weights", [49, 16.333, 4.0833]),
    (None, [7, 7, 7]),
):
    WRONG["number_of_weights"].append((said, numbers))

for said, answer in (
    ("features_before_tokens", lambda x, h: x.unflatten(-1, (h, -1)).permute(0, 2, 3, 1)),
    ("heads_before_batch", lambda x, h: torch.stack(x.chunk(h, dim=-1))),
    ("num_heads_as_head_dim", lambda x, h: torch.stack(x.split(h, dim=-1), dim=1)),
    ("features_dealt_out", lambda x, h: x.unflatten(-1, (-1, h)).permute(0, 3, 1, 2)),
    ("transpose_missing", lambda x, h: x.unflatten(2, (h, x.shape[2] // h))),
    ("view_without_transpose", lambda x, h: x.reshape(x.shape[0], h, -1, x.shape[2] // h)),
    ("transposed_too_early", lambda x, h: x.mT.reshape(x.shape[0], h, x.shape[1], -1)),
    ("wrong_shape", lambda x, h: x),
    ("wrong_shape", lambda x, h: x.view(x.shape[0], -1, x.shape[2] // h)),
):
    wrong("split_heads", said)(answer)
for answer in (
    lambda x, h: x.reshape(*x.shape[:2], h, x.shape[-1] // h).swapaxes(1, 2),
    lambda x, h: torch.stack(x.split(x.shape[-1] // h, dim=-1), dim=1),
    lambda x, h: torch.einsum("blhd->bhld", x.unflatten(-1, (h, -1))),
):
    right("split_heads")(answer)

for said, answer in (
    ("heads_averaged", lambda x: x.mean(1)),
    ("heads_reversed", lambda x: torch.cat(x.unbind(1)[::-1], dim=-1)),
    ("tokens_joined", lambda x: x.flatten(2)),
    ("merge_dealt_out", lambda x: x.permute(0, 2, 3, 1).reshape(len(x), x.shape[2], -1)),
    ("merge_without_transpose", lambda x: x.view(len(x), x.shape[2], -1)),
    ("transpose_without_regrouping", lambda x: x.permute(0, 2, 1, 3)),
    ("heads_added", lambda x: sum(x.unbind(1))),
    ("heads_as_tokens", lambda x: torch.cat(x.unbind(1), dim=1)),
    ("wrong_type", lambda x: list(x.unbind(1))),
):
    wrong("merge_heads", said)(answer)
for answer in (
    lambda x: torch.einsum("bhld->blhd", x).reshape(len(x), x.shape[2], -1),
    lambda x: torch.cat([head for head in x.transpose(0, 1)], dim=-1),
    lambda x: x.swapaxes(1, 2).contiguous().flatten(-2),
):
    right("merge_heads")(answer)


def _by_hand(scores):
    return scores.exp() / scores.exp().sum(-1, keepdim=True)


def _normalised(normalise):
    def answer(x, w_q, w_k, w_v, w_o, h):
        q, k, v = (attnlib.split_heads(x @ w, h) for w in (w_q, w_k, w_v))
        scores = q @ k.mT / q.shape[-1] ** 0.5
        return attnlib.merge_heads(normalise(scores) @ v) @ w_o

    return answer


for said, normalise in (
    ("exponential_overflows", _by_hand),
    ("division_missing", lambda s: s.exp()),
    ("scores_negated", lambda s: (-s).softmax(-1)),
    ("softmax_twice", lambda s: s.softmax(-1).softmax(-1)),
    ("softmax_over_batch", lambda s: s.softmax(0)),
    ("softmax_missing", lambda s: s),
    ("scale_by_width", lambda s: s),
):
    if said != "scale_by_width":
        wrong("multi_head", said)(_normalised(normalise))
wrong("multi_head", "values_not_projected")(
    lambda x, q, k, v, o, h: _mh(x, q, k, torch.eye(x.shape[-1]), o, h)
)
wrong("multi_head", "query_key_swapped")(lambda x, q, k, v, o, h: _mh(x, k, q, v, o, h))
wrong("multi_head", "output_matrix_transposed")(lambda x, q, k, v, o, h: _mh(x, q, k, v, o.T, h))
wrong("multi_head", "scale_by_heads")(lambda x, q, k, v, o, h: _mh(x, q, k, v, o, h, scale=h**0.5))
right("multi_head")(_normalised(lambda s: s.softmax(-1)))
right("multi_head")(_normalised(lambda s: F.softmax(s - s.amax(-1, keepdim=True), dim=3)))


def _new(layer_class, heads, width=4):
    torch.manual_seed(0)
    layer = layer_class(width * heads, heads)
    with torch.no_grad():
        for projection in (layer.w_q, layer.w_k, layer.w_v):
            projection.weight.copy_(torch.eye(width * heads))
    return layer


@wrong("catches_embed_dim_scale", "one_number_of_heads")
def rows_of_three_heads(layer_class):
    x = torch.randn(1, 5, 12)
    w = _new(layer_class, 3)(x, torch.ones(1, 5, 5, dtype=torch.bool))[1]
    assert torch.allclose(w.sum(-1), torch.ones(1, 3, 5))


@wrong("catches_embed_dim_scale", "test_misses_bug")
def shapes_for_several(layer_class):
    for heads in (1, 2, 4):
        x = torch.randn(1, 5, 4 * heads)
        assert (
            _new(layer_class, heads)(x, torch.ones(1, 5, 5, dtype=torch.bool))[0].shape == x.shape
        )


@wrong("catches_embed_dim_scale", "uses_reference")
def against_the_library(layer_class):
    layer, x = _new(layer_class, 3), torch.randn(1, 5, 12)
    w = layer(x, torch.ones(1, 5, 5, dtype=torch.bool))[1]
    heads = x.unflatten(-1, (3, 4)).transpose(1, 2)
    torch.testing.assert_close(w, attnlib.attention_weights(heads, heads))


@wrong("catches_embed_dim_scale", "test_raises")
def without_a_mask(layer_class):
    layer_class(12, 3)(torch.randn(1, 5, 12))


@right("catches_embed_dim_scale")
def by_its_own_split(layer_class):
    layer, x = _new(layer_class, 3), torch.randn(1, 5, 12)
    q, k = layer.split(layer.w_q(x)), layer.split(layer.w_k(x))
    expected = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
    assert torch.allclose(layer(x, torch.ones(1, 5, 5, dtype=torch.bool))[1], expected)


# --- catches_embed_dim_scale, more ---


@right("catches_embed_dim_scale")
def heads_1_2_4(layer_class):
    part = torch.randn(1, 5, 6)
    one = _identity_weights(layer_class, 1, part)[0, 0]
    for h in (2, 4):
        for w in _identity_weights(layer_class, h, part)[0]:
            assert torch.allclose(w, one, atol=1e-5)


@right("catches_embed_dim_scale")
def zero_other_heads(layer_class):
    part = torch.randn(1, 4, 4)
    d = 12
    layer = layer_class(d, 3)
    with torch.no_grad():
        for w in (layer.w_q, layer.w_k):
            w.weight.copy_(torch.eye(d))
    x = torch.cat([part, torch.zeros(1, 4, 8)], -1)
    with torch.no_grad():
        w = layer(x, torch.ones(1, 4, 4, dtype=torch.bool))[1]
    expected = (part @ part.mT / 4**0.5).softmax(-1)
    assert torch.allclose(w[:, 0], expected, atol=1e-5)


@right("catches_embed_dim_scale")
def slices_of_weights(layer_class):
    big, small = layer_class(8, 2), layer_class(4, 1)
    x = torch.randn(1, 5, 4)
    with torch.no_grad():
        for name in ("w_q", "w_k"):
            w = torch.zeros(8, 8)
            w[:4, :4] = getattr(small, name).weight
            getattr(big, name).weight.copy_(w)
        ones = torch.ones(1, 5, 5, dtype=torch.bool)
        a = small(x, ones)[1][:, 0]
        b = big(torch.cat([x, torch.zeros(1, 5, 4)], -1), ones)[1][:, 0]
    torch.testing.assert_close(a, b)


@right("catches_embed_dim_scale")
def entropy_stays(layer_class):
    part = torch.randn(1, 6, 4)

    def entropy(w):
        return -(w * w.clamp_min(1e-12).log()).sum(-1).mean().item()

    return math.isclose(
        entropy(_identity_weights(layer_class, 1, part)),
        entropy(_identity_weights(layer_class, 4, part)),
        rel_tol=1e-3,
    )


@right("catches_embed_dim_scale")
def eight_heads_formula(layer_class):
    part = torch.randn(1, 3, 2)
    w = _identity_weights(layer_class, 8, part)
    assert torch.allclose(w[0, 5], torch.softmax(part[0] @ part[0].T / math.sqrt(2), -1), atol=1e-5)


@wrong("catches_embed_dim_scale", "one_number_of_heads")
def heads_differ(layer_class):
    layer = layer_class(12, 3)
    w = layer(torch.randn(1, 5, 12), torch.ones(1, 5, 5, dtype=torch.bool))[1]
    assert not torch.allclose(w[:, 0], w[:, 1])


@wrong("catches_embed_dim_scale", "one_number_of_heads")
def leak_test(layer_class):
    layer, x = layer_class(12, 3), torch.randn(1, 5, 12)
    y = x.clone()
    y[:, -1] = 0
    m = torch.ones(5, 5).tril().bool()[None]
    assert torch.allclose(layer(x, m)[0][:, :-1], layer(y, m)[0][:, :-1])


@wrong("catches_embed_dim_scale", "one_number_of_heads")
def equal_tokens_uniform(layer_class):
    layer = layer_class(12, 3)
    w = layer(torch.ones(1, 4, 12), torch.ones(1, 4, 4, dtype=torch.bool))[1]
    assert torch.allclose(w, torch.full((1, 3, 4, 4), 0.25))


@wrong("catches_embed_dim_scale", "test_reversed")
def must_change_with_heads(layer_class):
    part = torch.randn(1, 5, 4)
    assert not torch.allclose(
        _identity_weights(layer_class, 1, part)[:, 0], _identity_weights(layer_class, 4, part)[:, 0]
    )


@wrong("catches_embed_dim_scale", "heads_get_narrower")
def random_layers_equal(layer_class):
    x, m = torch.randn(1, 5, 12), torch.ones(1, 5, 5, dtype=torch.bool)
    assert torch.allclose(layer_class(12, 1)(x, m)[1][:, 0], layer_class(12, 3)(x, m)[1][:, 0])


@wrong("catches_embed_dim_scale", "test_raises")
def no_mask_axis(layer_class):
    layer_class(12, 3)(torch.randn(1, 5, 12), None)


@wrong("catches_embed_dim_scale", "test_misses_bug")
def shapes_two(layer_class):
    for d, h in ((8, 2), (12, 4)):
        out, w = layer_class(d, h)(torch.randn(2, 3, d), torch.ones(2, 3, 3, dtype=torch.bool))
        assert w.shape == (2, h, 3, 3)
