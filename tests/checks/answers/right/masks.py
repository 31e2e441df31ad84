"""Chapter 3: right answers."""

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


def _sees(layer, length, width):
    x = torch.randn(1, length, width)
    return torch.autograd.functional.jacobian(layer, x)[0, :, :, 0].abs().sum(dim=(1, 3)) > 0


@right("is_causal")
def by_gradients(layer, length, width):
    return not (_sees(layer, length, width) & ~attnlib.causal_mask(length)).any()


@right("is_causal")
def by_changes(layer, length, width):
    x = torch.randn(1, length, width)
    for j in range(1, length):
        y = x.clone()
        y[0, j] += torch.randn(width)
        if not torch.allclose(layer(x)[0, :j], layer(y)[0, :j]):
            return False
    return True


@right("is_causal")
def by_cutting_off(layer, length, width):
    "A causal layer gives the same for a text that ends earlier."
    x = torch.randn(1, length, width)
    return all(
        torch.allclose(layer(x[:, :n]), layer(x)[:, :n], atol=1e-6) for n in range(1, length)
    )


@right("is_causal")
def many_tries(layer, length, width):
    ok = torch.tensor(True)
    for _ in range(3):
        x = torch.rand(1, length, width)
        for j in range(length):
            y = x.clone()
            y[:, j:] = torch.rand(1, length - j, width)
            ok &= torch.allclose(layer(x)[:, :j], layer(y)[:, :j], atol=1e-6)
    return ok


@right("catches_uniform_rows")
def forbidden_is_zero(weights_of):
    weights = weights_of(torch.randn(1, 3, 3), torch.tensor([1]))
    forbidden = ~(torch.tensor([[[False, False, True]]]) & torch.ones(3, 3).tril().bool())
    assert (weights[forbidden] == 0).all()


@right("catches_uniform_rows")
def first_row_empty(weights_of):
    return weights_of(torch.zeros(2, 4, 4), torch.tensor([2, 4]))[0, 0].sum() == 0


@right("catches_uniform_rows")
def filler_never_seen(weights_of):
    w = weights_of(torch.randn(1, 5, 5), torch.tensor([2]))
    assert w[..., :3].abs().max() < 1e-9


@right("catches_uniform_rows")
def nothing_ahead(weights_of):
    for n in range(1, 5):
        w = weights_of(torch.randn(1, 4, 4), torch.tensor([n]))
        torch.testing.assert_close(w.triu(1), torch.zeros(1, 4, 4))
