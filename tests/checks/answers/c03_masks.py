"""Chapter 3: masks. Right answers and wrong ones, as readers write them."""

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F

import attnlib
from tests.checks.answers.filed import RIGHT, WRONG, right, wrong

INF = float("inf")

# --- right ---


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


@wrong("masked_softmax", "divided_afterwards")
def exp_and_sum(scores, mask):
    e = torch.exp(scores - scores.max(dim=-1, keepdim=True).values) * mask
    return e / e.sum(dim=-1, keepdim=True).clamp(min=1e-12)


@wrong("masked_softmax", "divided_afterwards")
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


@wrong("masked_softmax", "exponential_overflows")
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


# --- wrong ---


@wrong("causal_mask", "upper_left")
def plain_tril(q_len, k_len):
    return torch.tril(torch.ones(q_len, k_len)) > 0


@wrong("causal_mask", "diagonal_masked")
def strictly_before(q_len, k_len):
    return torch.arange(k_len)[None, :] < (torch.arange(q_len) + k_len - q_len)[:, None]


@wrong("causal_mask", "mask_inverted")
def triu_one(q_len, k_len):
    return torch.triu(torch.ones(q_len, k_len), diagonal=1 + k_len - q_len).bool()


@wrong("causal_mask", "mask_inverted")
def triu_upper_left(q_len, k_len):
    return torch.ones(q_len, k_len).triu(1).bool()


@wrong("causal_mask", "triangle_mirrored")
def row_0_sees_the_future(q_len, k_len):
    return torch.ones(q_len, k_len).triu(k_len - q_len).bool()


@wrong("causal_mask", "additive_mask")
def minus_infinity(q_len, k_len):
    return torch.full((q_len, k_len), -INF).triu(k_len - q_len + 1)


@wrong("causal_mask", "mask_not_boolean")
def ones_and_zeros(q_len, k_len):
    return torch.ones(q_len, k_len).tril(k_len - q_len)


@wrong("causal_mask", "everything_allowed")
def everyone(q_len, k_len):
    return torch.ones(q_len, k_len) == 1


@wrong("causal_mask", "lengths_swapped")
def columns_first(q_len, k_len):
    return torch.ones(k_len, q_len).tril(q_len - k_len).bool()


@wrong("causal_mask", "wrong_signature")
def one_length(length):
    return torch.ones(length, length).tril().bool()


@wrong("causal_mask", "wrong_shape")
def batch_in_front(q_len, k_len):
    return torch.ones(1, q_len, k_len).tril(k_len - q_len).bool()


@wrong("causal_mask", None)
def every_other(q_len, k_len):
    return (torch.arange(q_len)[:, None] + torch.arange(k_len)) % 2 == 0


@wrong("padding_mask", "mask_inverted")
def filler_true(valid_lens, k_len):
    return torch.arange(k_len) >= valid_lens.view(-1, 1, 1)


@wrong("padding_mask", "one_key_too_many")
def up_to_and_including(valid_lens, k_len):
    return torch.arange(k_len)[None, None] <= valid_lens[:, None, None]


@wrong("padding_mask", "query_axis_missing")
def two_axes(valid_lens, k_len):
    return torch.arange(k_len)[None] < valid_lens[:, None]


@wrong("padding_mask", "queries_masked")
def column(valid_lens, k_len):
    return torch.arange(k_len)[None, :, None] < valid_lens[:, None, None]


@wrong("padding_mask", "queries_masked_too")
def both_sides(valid_lens, k_len):
    real = torch.arange(k_len) < valid_lens[:, None]
    return real.unsqueeze(1) * real.unsqueeze(2)


@wrong("padding_mask", "padding_in_front")
def front(valid_lens, k_len):
    return torch.arange(k_len) >= k_len - valid_lens[:, None, None]


@wrong("padding_mask", "mask_not_boolean")
def as_floats(valid_lens, k_len):
    return (torch.arange(k_len) < valid_lens[:, None, None]).float()


@wrong("padding_mask", "raises")
def misses_an_axis(valid_lens, k_len):
    return torch.zeros(2, 3)[k_len + 5] < valid_lens


@wrong("masked_softmax", "mask_inverted")
def fills_the_allowed(scores, mask):
    return scores.masked_fill(mask, -INF).softmax(-1)


@wrong("masked_softmax", "mask_inverted")
def fills_the_allowed_finite(scores, mask):
    return torch.where(mask, -1e9, scores).softmax(-1)


@wrong("masked_softmax", "mask_after_softmax")
def zeroes_weights(scores, mask):
    return F.softmax(scores, -1).masked_fill(~mask, 0)


@wrong("masked_softmax", "softmax_over_queries")
def over_dim_1(scores, mask):
    return scores.masked_fill(~mask, -1e9).softmax(dim=1)


@wrong("masked_softmax", "softmax_over_batch")
def over_dim_0(scores, mask):
    return torch.softmax(scores.masked_fill(~mask, -INF), dim=0)


@wrong("masked_softmax", "scores_zeroed")
def times_mask(scores, mask):
    return (scores * mask.float()).softmax(-1)


@wrong("masked_softmax", "scores_zeroed")
def filled_with_0(scores, mask):
    return scores.masked_fill(~mask, 0).softmax(-1)


@wrong("masked_softmax", "mask_added")
def plus_mask(scores, mask):
    return F.softmax(scores + mask.float(), dim=-1)


@wrong("masked_softmax", "mask_ignored")
def result_unused(scores, mask):
    scores.masked_fill(~mask, -INF)
    return scores.softmax(-1)


@wrong("masked_softmax", "empty_row_nan")
def minus_inf(scores, mask):
    return torch.where(mask, scores, torch.tensor(-INF)).softmax(-1)


@wrong("masked_softmax", "finite_fill")
def d2l_style(scores, mask):
    scores = scores.clone()
    scores[~mask] = -1e6
    return scores.softmax(-1)


@wrong("masked_softmax", "finite_fill")
def additive_9(scores, mask):
    return (scores + (~mask).float() * -1e9).softmax(-1)


@wrong("masked_softmax", "finite_fill")
def additive_4(scores, mask):
    return (scores + torch.where(mask, 0.0, -10000.0)).softmax(-1)


@wrong("masked_softmax", "input_mutated")
def fills_in_place(scores, mask):
    scores.masked_fill_(~mask, -INF)
    return scores.softmax(-1).nan_to_num()


@wrong("masked_softmax", "queries_masked")
def transposed_mask(scores, mask):
    return scores.masked_fill(~mask.transpose(-2, -1), -INF).softmax(-1)


@wrong("masked_softmax", "exponential_missing")
def shares(scores, mask):
    kept = torch.where(mask, scores, 0)
    return kept / kept.sum(-1, keepdim=True)


@wrong("masked_softmax", "zero_times_infinity")
def exponentials_of_infinity(scores, mask):
    filled = scores.masked_fill(~mask, -INF)
    return filled.exp() * filled / (filled.exp() * filled).sum(-1, keepdim=True)


@wrong("masked_attention", "divided_after_fill")
def fill_then_divide(query, key, value, mask):
    s = (query @ key.transpose(1, 2)).masked_fill(~mask, -1e9)
    return F.softmax(s / math.sqrt(query.size(-1)), -1) @ value


@wrong("masked_attention", "divided_after_fill")
def fill_then_divide_4(query, key, value, mask):
    s = torch.where(mask, query @ key.mT, -1e4) / query.shape[-1] ** 0.5
    return s.softmax(-1) @ value


@wrong("masked_attention", "finite_fill")
def minus_1e9(query, key, value, mask):
    s = (query @ key.mT / math.sqrt(query.shape[-1])).masked_fill(~mask, -1e9)
    return s.softmax(-1) @ value


@wrong("masked_attention", "finite_fill")
def finfo_min(query, key, value, mask):
    s = query @ key.mT / math.sqrt(query.shape[-1])
    return s.masked_fill(~mask, torch.finfo(s.dtype).min).softmax(-1) @ value


@wrong("masked_attention", "empty_row_nan")
def as_in_the_chapter(query, key, value, mask):
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1) @ value


@wrong("masked_attention", "scale_missing")
def no_scale(q, k, v, mask):
    return (q @ k.mT).masked_fill(~mask, -INF).softmax(-1).nan_to_num() @ v


@wrong("masked_attention", "mask_inverted")
def mha_polarity(q, k, v, mask):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=~mask)


@wrong("masked_attention", "mask_after_softmax")
def mask_on_weights(q, k, v, mask):
    return (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) * mask @ v


@wrong("masked_attention", "mask_ignored")
def forgets_mask(q, k, v, mask=None):
    return F.scaled_dot_product_attention(q, k, v)


@wrong("causal_mask", "additive_mask")
def torch_square_subsequent(q_len, k_len):
    return torch.nn.Transformer.generate_square_subsequent_mask(k_len)[-q_len:]


@wrong("causal_mask", "additive_mask")
def times_minus_1e6(q_len, k_len):
    return torch.ones(q_len, k_len).triu(1) * -1e6


@wrong("causal_mask", "lengths_swapped")
def transposed_in_the_end(q_len, k_len):
    return attnlib.causal_mask(q_len, k_len).T


@wrong("causal_mask", "nothing_allowed")
def nobody(q_len, k_len):
    return torch.zeros(q_len, k_len, dtype=torch.bool)


@wrong("padding_mask", "additive_mask")
def minus_ten_thousand(valid_lens, k_len):
    return (torch.arange(k_len) >= valid_lens[:, None, None]) * -10000.0


@wrong("masked_softmax", "mask_after_softmax")
def infinity_on_weights(scores, mask):
    return scores.softmax(-1).masked_fill(~mask, -INF)


@wrong("masked_softmax", "softmax_over_everything")
def one_total(scores, mask):
    e = scores.exp() * mask
    return e / e.sum()


@wrong("masked_softmax", "division_missing")
def exponentials_only(scores, mask):
    return scores.masked_fill(~mask, -INF).exp()


@wrong("masked_softmax", "no_return")
def returns_in_one_branch(scores, mask):
    if len(scores) == 1:
        return scores.masked_fill(~mask, -INF).softmax(-1).nan_to_num()


@wrong("masked_softmax", "wrong_type")
def generator(scores, mask):
    for s, m in zip(scores, mask, strict=True):
        yield s.masked_fill(~m, -INF).softmax(-1)


@wrong("masked_softmax", "input_mutated")
def turns_the_mask_over(scores, mask):
    mask.logical_not_()
    return scores.masked_fill(mask, -INF).softmax(-1).nan_to_num()


@wrong("masked_softmax", "empty_row_nan")
def logarithm_of_the_mask(scores, mask):
    return (scores + mask.float().log()).softmax(-1)


@wrong("masked_softmax", "dropout_active")
def drops_out(scores, mask):
    return F.dropout(scores.masked_fill(~mask, -1e9).softmax(-1), 0.1)


@wrong("masked_attention", ("scale_missing", "mask_after_softmax"))
def neither(q, k, v, mask):
    return (q @ k.mT).softmax(-1).masked_fill(~mask, 0) @ v


def _finite(fill, *, divided=False, added=False, cleaned=False):
    def answer(query, key, value, mask):
        root = math.sqrt(query.shape[-1])
        scores = query @ key.mT / (1 if divided else root)
        scores = scores + fill * ~mask if added else scores.masked_fill(~mask, fill)
        weights = (scores / root if divided else scores).softmax(-1)
        return (weights * mask if cleaned else weights) @ value

    return answer


# As they are found in programs, and between the fills that the check knows.
for fill in (-9999.0, -65504.0, -1e6, -1e9, -(2.0**32) + 1):
    for options in ({}, {"cleaned": True}):
        WRONG["masked_attention"] += [
            ("fill_beaten" if options else "finite_fill", _finite(fill, **options)),
            ("divided_after_fill", _finite(fill, divided=True, **options)),
        ]
for fill in (-1e4, -1e9):
    WRONG["masked_attention"] += [
        ("finite_fill", _finite(fill, added=True)),
        ("divided_after_fill", _finite(fill, added=True, divided=True)),
    ]
for fill in (-100.0, -1e15, -1e20, -1e30, torch.finfo(torch.float32).min):
    WRONG["masked_attention"].append(("finite_fill", _finite(fill)))


@wrong("is_causal", "always_true")
def compares_with_itself(layer, length, width):
    x = torch.randn(1, length, width)
    return torch.allclose(layer(x), layer(x))


@wrong("is_causal", "past_taken_for_future")
def wrong_triangle(layer, length, width):
    x = torch.randn(1, length, width)
    for j in range(length):
        y = x.clone()
        y[0, j] += 1
        if not torch.allclose(layer(x)[0, j + 1 :], layer(y)[0, j + 1 :]):
            return False
    return True


@wrong("is_causal", "own_token_taken_for_future")
def includes_itself(layer, length, width):
    x = torch.randn(1, length, width)
    for j in range(length):
        y = x.clone()
        y[0, j] += 1
        if not torch.allclose(layer(x)[0, : j + 1], layer(y)[0, : j + 1]):
            return False
    return True


@wrong("is_causal", "only_last_token_changed")
def last_token(layer, length, width):
    x = torch.randn(1, length, width)
    y = x.clone()
    y[0, -1] = 0
    return torch.allclose(layer(x)[:, :-1], layer(y)[:, :-1])


@wrong("is_causal", "verdict_reversed")
def leaks(layer, length, width):
    x = torch.randn(1, length, width)
    return any(
        not torch.allclose(layer(x)[:, :n], layer(x[:, :n]), atol=1e-6) for n in range(1, length)
    )


@wrong("is_causal", "wrong_type")
def returns_table(layer, length, width):
    return torch.ones(length, length)


@wrong("catches_uniform_rows", "never_filled_up")
def rows_add_up_or_not(weights_of):
    w = weights_of(torch.randn(1, 3, 3), torch.tensor([3]))
    assert torch.allclose(w.sum(-1), torch.ones(1, 3))


@wrong("catches_uniform_rows", "test_reversed")
def rows_add_up(weights_of):
    w = weights_of(torch.randn(1, 3, 3), torch.tensor([1]))
    assert torch.allclose(w.sum(-1), torch.ones(1, 3))


# --- more of both, tried later: what is plausible, not what is known ---

for said, answer in (
    ("triangle_mirrored", lambda q, k: torch.ones(q, k).triu(k - q).bool()),
    ("triangle_mirrored", lambda q, k: torch.arange(k) >= torch.arange(q)[:, None] + k - q),
    ("triangle_mirrored", lambda q, k: torch.triu(torch.ones(q, k)) == 1),
    ("square", lambda q, k: torch.ones(k, k).tril().bool()),
    ("square", lambda q, k: torch.ones(q, q).tril().bool()),
    ("only_oneself", lambda q, k: torch.arange(k) == torch.arange(q)[:, None] + k - q),
    ("one_ahead", lambda q, k: torch.arange(k) <= torch.arange(q)[:, None] + k - q + 1),
    ("offset_reversed", lambda q, k: torch.arange(k) <= torch.arange(q)[:, None] + q - k),
    ("offset_too_large", lambda q, k: torch.arange(k) <= torch.arange(q)[:, None] + q),
    ("lengths_swapped", lambda q, k: torch.arange(k)[:, None] <= torch.arange(q) + k - q),
    ("everything_allowed", lambda q, k: torch.arange(k).expand(q, k) <= k),
    ("wrong_shape", lambda q, k: torch.arange(k) <= torch.arange(q + 7)[: k + 7] + k - q),
):
    wrong("causal_mask", said)(answer)
for answer in (
    lambda q, k: torch.arange(k)[None] - (k - q) <= torch.arange(q)[:, None],
    lambda q, k: attnlib.causal_mask(k)[k - q :],
    lambda q, k: torch.arange(k - q, k)[:, None] >= torch.arange(k),
):
    right("causal_mask")(answer)

for said, answer in (
    ("axis_in_front", lambda n, k: (torch.arange(k) < n[:, None])[None]),
    ("one_axis_too_many", lambda n, k: torch.arange(k) < n[:, None, None, None]),
    ("stretched_already", lambda n, k: (torch.arange(k) < n[:, None, None]).expand(-1, k, -1)),
    ("longest_for_all", lambda n, k: (torch.arange(k) < n.max()).expand(len(n), 1, k)),
    ("trimmed", lambda n, k: torch.arange(n.max()) < n[:, None, None]),
    ("causal_not_asked", lambda n, k: attnlib.padding_mask(n, k) & attnlib.causal_mask(k)),
    ("only_last_real_key", lambda n, k: torch.arange(k) == n[:, None, None] - 1),
    ("one_key_too_few", lambda n, k: torch.arange(1, k + 1) < n[:, None, None]),
    ("key_zero_lost", lambda n, k: (torch.arange(k) < n[:, None, None]) & (torch.arange(k) != 0)),
    ("nothing_allowed", lambda n, k: torch.arange(k) < 0 * n[:, None, None]),
    (("padding_in_front", "mask_inverted"), lambda n, k: torch.arange(k) < k - n[:, None, None]),
):
    wrong("padding_mask", said)(answer)
for answer in (
    lambda n, k: torch.arange(k)[None, None, :] < n.reshape(-1, 1, 1),
    lambda n, k: ~(torch.arange(k) >= n[:, None, None]),
    lambda n, k: n[:, None, None] > torch.arange(k),
    lambda n, k: (torch.arange(k) < n[:, None]).unsqueeze(1),
):
    right("padding_mask")(answer)

for said, answer in (
    ("fill_too_small", lambda s, m: s.masked_fill(~m, -1).softmax(-1)),
    ("scores_ignored", lambda s, m: m.float() / m.sum(-1, keepdim=True).clamp(min=1)),
    ("logarithm_left", lambda s, m: F.log_softmax(s.masked_fill(~m, -INF), -1)),
    ("softmax_missing", lambda s, m: torch.where(m, s, 0.0)),
    ("division_missing", lambda s, m: torch.where(m, s.exp(), 0.0)),
    ("divided_afterwards", lambda s, m: F.normalize(s.softmax(-1) * m, p=1, dim=-1)),
    ("exponential_overflows", lambda s, m: (s.exp() * m / (s.exp() * m).sum(-1, True)).nan_to_num()),
    ("fill_beaten", lambda s, m: s.masked_fill(~m, -50.0).softmax(-1) * m),
    ("empty_row_nan", lambda s, m: (s + torch.zeros(s.shape).masked_fill(~m, -INF)).softmax(-1)),
    ("finite_fill", lambda s, m: s.masked_fill(~m, torch.finfo(s.dtype).min).softmax(-1)),
    ("mask_inverted", lambda s, m: s.masked_fill(m, -1e9).softmax(-1)),
    ("raises", lambda s, m: (s - m * m).softmax(-1).masked_fill(m == "x", 0)),
):  # fmt: skip
    wrong("masked_softmax", said)(answer)
for answer in (
    lambda s, m: torch.where(m, s, -INF).softmax(-1).nan_to_num(),
    lambda s, m: s.masked_fill(~m, -1e30).softmax(-1) * m,
    lambda s, m: torch.where(m.any(-1, True), s.masked_fill(~m, -INF).softmax(-1), 0.0),
):
    right("masked_softmax")(answer)


def _masked(weights):
    return lambda q, k, v, m: weights(q @ k.mT / q.shape[-1] ** 0.5, m) @ v


for said, weights in (
    ("fill_too_small", lambda s, m: s.masked_fill(~m, -1).softmax(-1)),
    ("scores_ignored", lambda s, m: m.float() / m.sum(-1, keepdim=True).clamp(min=1)),
    ("divided_afterwards", lambda s, m: F.normalize(s.softmax(-1) * m, p=1, dim=-1)),
    ("exponential_overflows", lambda s, m: (s.exp() * m / (s.exp() * m).sum(-1, True)).nan_to_num()),
    ("softmax_missing", lambda s, m: s * m),
    ("softmax_over_queries", lambda s, m: s.masked_fill(~m, -INF).softmax(1).nan_to_num()),
    ("queries_masked", lambda s, m: s.masked_fill(~m.mT, -INF).softmax(-1).nan_to_num()),
    ("mask_added", lambda s, m: (s + m).softmax(-1)),
    ("scores_zeroed", lambda s, m: (s * m).softmax(-1)),
):  # fmt: skip
    wrong("masked_attention", said)(_masked(weights))
wrong("masked_attention", "returned_weights")(
    lambda q, k, v, m: infinity_then_zeros(q @ k.mT / q.shape[-1] ** 0.5, m)
)
wrong("masked_attention", ("scale_missing", "mask_ignored"))(
    lambda q, k, v, m: (q @ k.mT).softmax(-1) @ v
)
right("masked_attention")(lambda q, k, v, m: attnlib.scaled_dot_product_attention(q, k, v, m)[0])
right("masked_attention")(_masked(lambda s, m: attnlib.masked_softmax(s, m)))


@wrong("is_causal", "exact_mask_demanded")
def equals_the_mask(layer, length, width):
    return torch.equal(_sees(layer, length, width), attnlib.causal_mask(length))


@wrong("is_causal", "any_influence_counts")
def anybody_else(layer, length, width):
    return not (_sees(layer, length, width) & ~torch.eye(length).bool()).any()


@wrong("is_causal", "always_false")
def equal_to_the_last_bit(layer, length, width):
    return torch.equal(layer(torch.randn(1, length, width)), layer(torch.randn(1, length, width)))


@wrong("is_causal", "only_next_token_changed")
def neighbours(layer, length, width):
    return not _sees(layer, length, width).diagonal(1).any()


@wrong("is_causal", "only_first_output_watched")
def first_output(layer, length, width):
    return not _sees(layer, length, width)[0, 1:].any()


@wrong("is_causal", "always_true")
def only_its_shape(layer, length, width):
    return layer(torch.randn(1, length, width)).shape == (1, length, width)


@wrong("is_causal", "no_return")
def asserts_only(layer, length, width):
    assert layer(torch.randn(1, length, width)) is not None


@right("is_causal")
def upper_triangle_empty(layer, length, width):
    return not _sees(layer, length, width).triu(1).any()


@wrong("catches_uniform_rows", "never_filled_up")
def causal_only(weights_of):
    assert (weights_of(torch.randn(2, 4, 4), torch.tensor([4, 4])).triu(1) == 0).all()


@wrong("catches_uniform_rows", "test_rejects_right")
def all_positive(weights_of):
    assert (weights_of(torch.randn(1, 3, 3), torch.tensor([1])) > 0).all()


@wrong("catches_uniform_rows", "test_misses_bug")
def no_nan(weights_of):
    assert not weights_of(torch.randn(1, 3, 3), torch.tensor([1])).isnan().any()


@wrong("catches_uniform_rows", "test_misses_bug")
def last_row_only(weights_of):
    w = weights_of(torch.randn(1, 3, 3), torch.tensor([1]))
    assert (w[0, -1, :2] == 0).all()


@right("catches_uniform_rows")
def sums_of_rows(weights_of):
    sums = weights_of(torch.randn(1, 4, 4), torch.tensor([2])).sum(-1)
    assert torch.allclose(sums, torch.tensor([[0.0, 0.0, 1.0, 1.0]]))


# --- catches_uniform_rows, more ---


def _at_the_end(scores, valid_lens):
    length = scores.shape[-1]
    real = torch.arange(length) >= length - valid_lens[:, None, None]
    return real & torch.ones(length, length).tril().bool()


@right("catches_uniform_rows")
def masked_positions(weights_of):
    s, l = torch.randn(3, 5, 5), torch.tensor([1, 3, 5])
    assert weights_of(s, l)[~_at_the_end(s, l)].abs().sum() == 0


@right("catches_uniform_rows")
def empty_rows_are_zero(weights_of):
    w = weights_of(torch.randn(1, 4, 4), torch.tensor([2]))
    torch.testing.assert_close(w[0, :2], torch.zeros(2, 4))


@right("catches_uniform_rows")
def loops(weights_of):
    w = weights_of(torch.zeros(1, 3, 3), torch.tensor([2]))
    for i in range(3):
        for j in range(3):
            if j > i or j < 1:
                assert w[0, i, j] == 0, (i, j)


@right("catches_uniform_rows")
def count_nonzero(weights_of):
    w = weights_of(torch.ones(1, 4, 4), torch.tensor([2]))
    return int((w > 1e-6).sum()) == 3


@right("catches_uniform_rows")
def multiply_with_mask(weights_of):
    s, l = torch.randn(2, 4, 4), torch.tensor([2, 3])
    w = weights_of(s, l)
    assert torch.allclose(w * _at_the_end(s, l), w)


@wrong("catches_uniform_rows", "never_filled_up")
def lens_full(weights_of):
    n = 4
    w = weights_of(torch.randn(2, n, n), torch.full((2,), n))
    assert (w[torch.ones(2, n, n).triu(1).bool()] == 0).all()


@wrong("catches_uniform_rows", "test_rejects_right")
def sums_are_one_and_zero(weights_of):
    s, l = torch.randn(2, 4, 4), torch.tensor([2, 3])
    w = weights_of(s, l)
    assert (w[~_at_the_end(s, l)] == 0).all() and torch.allclose(w.sum(-1), torch.ones(2, 4))


@wrong("catches_uniform_rows", "test_misses_bug")
def last_rows_only(weights_of):
    w = weights_of(torch.randn(1, 4, 4), torch.tensor([2]))
    assert (w[0, 2:, :2] == 0).all()


@wrong("catches_uniform_rows", "test_reversed")
def wrong_sign(weights_of):
    s, l = torch.randn(2, 4, 4), torch.tensor([1, 3])
    return bool((weights_of(s, l)[~_at_the_end(s, l)] > 0).any())


@wrong("catches_uniform_rows", "test_rejects_right")
def padded_at_the_back(weights_of):
    s, l = torch.randn(2, 4, 4), torch.tensor([2, 3])
    mask = attnlib.padding_mask(l, 4) & attnlib.causal_mask(4)
    assert (weights_of(s, l)[~mask] == 0).all()


@wrong("catches_uniform_rows", "test_raises")
def lens_as_list(weights_of):
    assert (weights_of(torch.randn(2, 4, 4), [2, 3])[0, 0] == 0).all()


@wrong("catches_uniform_rows", "test_misses_bug")
def finite(weights_of):
    assert torch.isfinite(weights_of(torch.randn(2, 4, 4), torch.tensor([1, 3]))).all()


# --- is_causal, more ---


@right("is_causal")
def nan_probe(layer, length, width):
    x = torch.randn(1, length, width)
    for j in range(1, length):
        y = x.clone()
        y[:, j:] = 100 * torch.randn(1, length - j, width)
        if (layer(x)[:, :j] - layer(y)[:, :j]).abs().max() > 1e-4:
            return False
    return True


@right("is_causal")
def jacobian(layer, length, width):
    J = torch.autograd.functional.jacobian(layer, torch.randn(1, length, width))
    J = J[0, :, :, 0].abs().sum(dim=(1, 3))
    return bool((J.triu(1) == 0).all())


@right("is_causal")
def prefix_of_longer(layer, length, width):
    x = torch.randn(1, length, width)
    out = layer(x)
    for i in range(length - 1):
        z = x.clone()
        z[:, i + 1 :] = 0
        if not torch.allclose(layer(z)[:, : i + 1], out[:, : i + 1], atol=1e-5):
            return False
    return True


@right("is_causal")
def reversed_loop(layer, length, width):
    x = torch.rand(1, length, width)
    leaks = []
    for j in reversed(range(length)):
        y = x.clone()
        y[0, j] = torch.rand(width) * 3
        leaks.append(bool(((layer(x) - layer(y))[0, :j].abs() > 1e-6).any()))
    return not any(leaks)


@wrong("is_causal", "features_changed_alike")
def raised_alike(layer, length, width):
    x = torch.randn(1, length, width)
    for j in range(1, length):
        y = x.clone()
        y[:, j] += 1.0
        if not torch.allclose(layer(x)[:, :j], layer(y)[:, :j], atol=1e-6):
            return False
    return True


@wrong("is_causal", "only_last_token_changed")
def last_one_zeroed(layer, length, width):
    x = torch.rand(1, length, width)
    y = torch.cat([x[:, :-1], torch.rand(1, 1, width)], 1)
    return bool(torch.allclose(layer(x)[0, :-1], layer(y)[0, :-1], atol=1e-6))


@wrong("is_causal", "past_taken_for_future")
def first_changed_others_must_stay(layer, length, width):
    x = torch.rand(1, length, width)
    for i in range(length - 1):
        y = x.clone()
        y[:, i] += 1
        if not torch.allclose(layer(x)[:, i + 1 :], layer(y)[:, i + 1 :], atol=1e-6):
            return False
    return True


@wrong("is_causal", "verdict_reversed")
def returns_has_leak(layer, length, width):
    x = torch.rand(1, length, width)
    for j in range(1, length):
        y = x.clone()
        y[:, j] += 1
        if not torch.allclose(layer(x)[:, :j], layer(y)[:, :j], atol=1e-6):
            return True
    return False


@wrong("is_causal", "own_token_taken_for_future")
def up_to_and_including_again(layer, length, width):
    x = torch.rand(1, length, width)
    for j in range(length):
        y = x.clone()
        y[:, j:] += torch.rand(1, length - j, width)
        if not torch.allclose(layer(x)[:, : j + 1], layer(y)[:, : j + 1], atol=1e-6):
            return False
    return True


@wrong("is_causal", "only_first_output_watched")
def row_zero(layer, length, width):
    x = torch.rand(1, length, width)
    y = x.clone()
    y[:, 1:] += torch.rand(1, length - 1, width)
    return torch.allclose(layer(x)[:, 0], layer(y)[:, 0], atol=1e-6)


@wrong("is_causal", "no_return")
def asserts(layer, length, width):
    x = torch.rand(1, length, width)
    for j in range(1, length):
        y = x.clone()
        y[:, j:] = 0
        assert layer(y).shape == layer(x).shape


@wrong("is_causal", "always_true")
def mutates_same_tensor(layer, length, width):
    x = torch.rand(1, length, width)
    for j in range(1, length):
        y = x
        y[:, j:] = torch.rand(1, length - j, width)
        if not torch.allclose(layer(x)[:, :j], layer(y)[:, :j]):
            return False
    return True


@wrong("is_causal", "raises")
def wrong_shape_input(layer, length, width):
    x = torch.rand(length, width)
    y = x.clone()
    y[:, 5] = 0
    return torch.allclose(layer(x), layer(y))


@wrong("is_causal", "only_next_token_changed")
def step_by_step(layer, length, width):
    x = torch.rand(1, length, width)
    for i in range(length - 1):
        y = x.clone()
        y[:, i + 1] = torch.rand(width)
        if not torch.allclose(layer(x)[:, i], layer(y)[:, i], atol=1e-6):
            return False
    return True
