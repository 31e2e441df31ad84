"""Chapter 3: wrong answers."""

import math

import numpy as np
import torch
import torch.nn.functional as F

import attnlib
from tests.checks.answers.filing import WRONG, wrong

INF = float("inf")


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


@wrong("causal_mask", "mask_inverted")
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


@wrong("masked_softmax", "nan")
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


@wrong("masked_softmax", "softmax_missing")
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
