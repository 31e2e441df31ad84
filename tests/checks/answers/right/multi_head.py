"""Chapter 4: right answers."""

import math

import numpy as np
import torch
import torch.nn.functional as F

import attnlib
from tests.checks.answers.filing import RIGHT, right

INF = float("inf")

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
