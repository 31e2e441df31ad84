"""Chapter 3: right answers."""

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F

import attnlib
from tests.checks.answers.filing import RIGHT, right

INF = float("inf")


@right("causal_mask")
def two_aranges(q_len, k_len):
    return torch.arange(k_len) <= torch.arange(q_len)[:, None] + k_len - q_len


@right("causal_mask")
def shifted_tril(q_len, k_len=None):
    return torch.ones(q_len, k_len, dtype=torch.bool).tril(k_len - q_len)


@right("causal_mask")
def cell_by_cell(q_len, k_len):
    mask = torch.zeros(q_len, k_len).bool()
    for i in range(q_len):
        for j in range(k_len):
            if j - i <= k_len - q_len:
                mask[i, j] = True
    return mask


@right("causal_mask")
def last_rows_of_a_square(q_len, k_len):
    n = max(q_len, k_len)
    return torch.tril(torch.ones((n, n)))[n - q_len :, n - k_len :] == 1


@right("causal_mask")
def not_ahead(q_len, k_len):
    return ~torch.triu(torch.ones(q_len, k_len, dtype=torch.bool), diagonal=k_len - q_len + 1)


@right("padding_mask")
def compared(valid_lens, k_len):
    return torch.arange(k_len) < valid_lens[:, None, None]


@right("padding_mask")
def filled_in(valid_lens, k_len):
    mask = torch.zeros(len(valid_lens), 1, k_len, dtype=torch.bool)
    for b, n in enumerate(valid_lens.tolist()):
        mask[b, :, :n] = True
    return mask


@right("padding_mask")
def stacked(valid_lens, k_len):
    return torch.stack([torch.arange(k_len) < n for n in valid_lens]).unsqueeze(1)


@right("padding_mask")
def from_lists(valid_lens, k_len):
    return torch.tensor([[[j < n for j in range(k_len)]] for n in valid_lens.tolist()]).bool()


@right("padding_mask")
def in_floats(lens, k_len):
    return (torch.arange(k_len).view(1, 1, -1).double() - lens.view(-1, 1, 1)).lt(0)


@right("masked_softmax")
def infinity_then_zeros(scores, mask):
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1).nan_to_num(0.0)


@right("masked_softmax")
def exp_and_sum(scores, mask):
    e = torch.exp(scores - scores.max(dim=-1, keepdim=True).values) * mask
    return e / e.sum(dim=-1, keepdim=True).clamp(min=1e-12)


@right("masked_softmax")
def renormalised(scores, mask):
    weights = F.softmax(scores, dim=-1) * mask
    total = weights.sum(-1, keepdim=True)
    return torch.where(total > 0, weights / total, torch.zeros_like(weights))


@right("masked_softmax")
def row_by_row(scores, mask):
    out = torch.zeros(scores.shape, dtype=torch.float64)
    for i in np.ndindex(*scores.shape[:-1]):
        if mask[i].any():
            out[i][mask[i]] = scores[i][mask[i]].double().softmax(0)
    return out


@right("masked_softmax")
def finite_but_cleaned(scores, mask):
    return scores.masked_fill(mask.logical_not(), -1e9).softmax(-1) * mask


@right("masked_softmax")
def own_copy(scores, mask):
    s = scores.clone()
    s[~mask] = float("-inf")
    s = s.exp()
    s /= s.sum(-1, True) + (s.sum(-1, True) == 0)
    return s


@right("masked_attention")
def masked(query, key, value, mask):
    weights = infinity_then_zeros(query @ key.mT / math.sqrt(query.shape[-1]), mask)
    return weights @ value


@right("masked_attention")
def by_sdpa(query, key, value, mask):
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)


@right("masked_attention")
def in_einsum(q, k, v, mask):
    s = torch.einsum("bqd,bkd->bqk", q, k) * q.shape[-1] ** -0.5
    s = torch.where(mask, s, -torch.inf)
    w = torch.softmax(s, 2)
    w = torch.where(torch.isnan(w), 0, w)
    return torch.einsum("bqk,bkv->bqv", w, v)


@right("masked_attention")
def additive_bias(query, key, value, mask, scale=None):
    bias = torch.zeros(mask.shape, dtype=torch.float64).masked_fill(~mask, -torch.inf)
    s = query.double().bmm(key.double().transpose(1, 2)) / query.size(-1) ** 0.5 + bias
    return torch.bmm(s.softmax(-1).nan_to_num(), value.double())


@right("masked_attention")
def divided_after_infinity(query, key, value, mask):
    s = (query @ key.mT).masked_fill(~mask, -math.inf) / math.sqrt(query.shape[-1])
    return s.softmax(-1).nan_to_num() @ value


@right("causal_mask")
def numpy_triangle(q_len, k_len):
    return torch.from_numpy(np.tri(q_len, k_len, k_len - q_len, dtype=bool))


@right("padding_mask")
def counted(valid_lens, k_len):
    return torch.ones(len(valid_lens), 1, k_len).cumsum(-1) <= valid_lens.view(-1, 1, 1)


@right("masked_softmax")
def in_numpy(scores, mask):
    s, m = scores.double().numpy(), mask.numpy()
    e = np.exp(s - s.max(-1, keepdims=True)) * m
    total = e.sum(-1, keepdims=True)
    return torch.from_numpy(np.divide(e, total, out=np.zeros_like(e), where=total > 0))


@right("masked_softmax")
@torch.no_grad()
def by_logarithms(scores, mask):
    total = scores.masked_fill(~mask, -INF).logsumexp(-1, keepdim=True)
    return torch.where(mask, (scores - total).exp(), 0.0).mT.contiguous().mT


@right("masked_softmax")
def with_gradients(scores, mask):
    return scores.clone().requires_grad_().masked_fill(~mask, -1e30).softmax(-1) * mask


RIGHT["masked_softmax"] += [
    functools.partial(attnlib.masked_softmax),
    torch.vmap(lambda s, m: s.masked_fill(~m, -INF).softmax(-1).nan_to_num()),
]


class Masked(torch.nn.Module):
    def forward(self, scores, mask):
        return torch.nan_to_num(torch.nn.Softmax(dim=-1)(torch.where(mask, scores, -INF)))


RIGHT["masked_softmax"].append(Masked())
