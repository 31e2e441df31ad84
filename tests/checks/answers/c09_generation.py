"""Chapter 9: generation. Right answers and wrong ones, as readers write them."""

import copy
import math

import numpy as np
import torch
import torch.nn.functional as F

import attnlib
from tests.checks.answers.filed import RIGHT, WRONG, right, wrong

# --- 9.1 ---

RIGHT["cache_numbers"] = [
    [60, 14, 240],
    (60, 14, 240),
    [10 + 11 + 12 + 13 + 14, 10 + 4, 2 * 3 * 40],
    [60.0, 14.0, 240.0],
    np.array([60, 14, 240]),
    torch.tensor([60, 14, 240]),
    [sum(range(10, 15)), 14, 3 * 2 * 5 * 8],
    [torch.tensor(60), 14, 240],
]
WRONG["cache_numbers"] = [
    ("last_token_read", [60, 15, 240]),
    ("last_token_read", [75, 15, 240]),
    ("written_token_counted", [65, 14, 240]),
    ("cache_prompt_forgotten", [60, 5, 240]),
    ("prompt_not_read", [15, 5, 240]),
    ("prompt_only_each_time", [50, 14, 240]),
    ("prompt_token_by_token", [105, 14, 240]),
    ("counts_swapped", [14, 60, 240]),
    ("keys_alone", [60, 14, 120]),
    ("one_block_alone", [60, 14, 80]),
    ("heads_counted_twice", [60, 14, 1200]),
    ("one_head_alone", [60, 14, 48]),
    ("bytes_given", [60, 14, 960]),
    ("whole_text_held", [60, 14, 3360]),
    ("queries_kept", [60, 14, 360]),
    ("wrong_shape", [60, 14]),
]

# --- 9.2 ---


@right("temperature")
def with_an_if(logits, temperature):
    if temperature == 0:
        return F.one_hot(logits.argmax(dim=-1), logits.shape[-1]).float()
    return (logits / temperature).softmax(dim=-1)


@right("temperature")
def with_zeros(logits, temperature):
    if temperature > 0:
        return torch.softmax(logits / temperature, -1)
    p = torch.zeros_like(logits)
    p[torch.arange(len(logits)), logits.argmax(-1)] = 1.0
    return p


@right("temperature")
def very_cold(logits, temperature):
    return F.softmax(logits / max(temperature, 1e-6), dim=-1)


@right("temperature")
def by_powers(logits, temperature):
    p = logits.double().softmax(-1)
    if temperature == 0:
        return (p == p.max(-1, keepdim=True).values).float()
    logs = logits.double().log_softmax(-1) / temperature
    return (logs - logs.logsumexp(-1, keepdim=True)).exp().float()


@right("temperature")
def scattered(logits, temperature):
    if not temperature:
        return torch.zeros(logits.shape).scatter_(1, logits.argmax(1, keepdim=True), 1)
    scaled = logits / temperature
    scaled = scaled - scaled.amax(dim=1, keepdim=True)
    return scaled.exp() / scaled.exp().sum(dim=1, keepdim=True)


@right("temperature")
def row_by_row(logits, temperature):
    rows = []
    for row in logits:
        if temperature == 0:
            rows.append((torch.arange(len(row)) == row.argmax()).float())
        else:
            rows.append(torch.softmax(row * (1 / temperature), dim=0))
    return torch.stack(rows)


@right("temperature")
def compared(logits, temperature):
    if temperature == 0:
        return (logits == logits.amax(-1, keepdim=True)).to(logits.dtype)
    return logits.div(temperature).softmax(-1)


@right("temperature")
def by_the_identity(logits, temperature):
    if temperature < 1e-9:
        return torch.eye(logits.shape[-1])[logits.argmax(-1)]
    return torch.exp(torch.log_softmax(logits / temperature, dim=-1))


@right("temperature")
def with_infinity(logits, temperature):
    if temperature == 0:
        return logits.masked_fill(logits < logits.max(-1, True)[0], -math.inf).softmax(-1)
    return nn_softmax(logits / temperature)


nn_softmax = torch.nn.Softmax(dim=-1)


@right("temperature")
def a_clamped_tensor(logits, temperature):
    return (logits / torch.tensor(temperature).clamp(min=1e-5)).softmax(-1)


def _best(logits):
    return F.one_hot(logits.argmax(-1), logits.shape[-1]).float()


for said, answer in (
    ("temperature_multiplied", lambda x, t: (x * t).softmax(-1)),
    ("temperature_multiplied", lambda x, t: _best(x) if t == 0 else F.softmax(x * t, dim=-1)),
    ("temperature_after_softmax", lambda x, t: _best(x) if t == 0 else x.softmax(-1) / t),
    ("temperature_ignored", lambda x, t: x.softmax(-1)),
    ("temperature_ignored", lambda x, t: _best(x) if t == 0 else x.softmax(-1)),
    ("temperature_inside_twice", lambda x, t: _best(x) if t == 0 else (x.softmax(-1) / t).softmax(-1)),
    ("divided_by_zero", lambda x, t: (x / t).softmax(-1)),
    ("divided_by_zero", lambda x, t: torch.softmax(x / torch.tensor(t), dim=-1)),
    ("zero_taken_for_one", lambda x, t: (x / (t or 1)).softmax(-1)),
    ("zero_taken_for_one", lambda x, t: (x / t if t else x).softmax(-1)),
    ("zero_taken_for_even", lambda x, t: (x / t).softmax(-1) if t else torch.ones_like(x) / x.shape[-1]),
    ("smallest_chosen", lambda x, t: (x / t).softmax(-1) if t else _best(-x)),
    ("logits_left_at_zero", lambda x, t: (x / t).softmax(-1) if t else x),
    ("one_chosen_of_all", lambda x, t: (x / t).softmax(-1) if t else (x == x.max()).float()),
    ("softmax_over_rows", lambda x, t: (x / t).softmax(0) if t else _best(x)),
    ("always_certain", lambda x, t: _best(x)),
    ("logs_of_probabilities", lambda x, t: (x / t).log_softmax(-1) if t else _best(x)),
    ("logits_returned", lambda x, t: x / t if t else _best(x)),
    ("temperature_squared", lambda x, t: (x / t**2).softmax(-1) if t else _best(x)),
    ("unlikeliest_favoured", lambda x, t: (-x / t).softmax(-1) if t else _best(x)),
    ("wrong_shape", lambda x, t: (x / t).softmax(-1) if t else x.argmax(-1)),
    ("exponential_overflows", lambda x, t: _best(x) if t == 0 else (x / t).exp() / (x / t).exp().sum(-1, keepdim=True)),
    ("softmax_over_rows", lambda x, t: (x / t).softmax(0) if t else x * math.nan),
):  # fmt: skip
    wrong("temperature", said)(answer)

# --- 9.3 ---


@right("top_k")
def above_the_kth(logits, k):
    smallest = logits.topk(k, dim=-1).values[..., -1:]
    return logits.masked_fill(logits < smallest, -math.inf).softmax(-1)


@right("top_k")
def above_the_kth_in_place(logits, k):
    values, _ = torch.topk(logits, k)
    x = logits.clone()
    x[x < values[:, [-1]]] = -float("inf")
    return F.softmax(x, dim=-1)


@right("top_k")
def with_where(logits, k):
    limit = logits.sort(dim=-1, descending=True)[0][:, k - 1 : k]
    return torch.where(logits >= limit, logits, torch.tensor(-torch.inf)).softmax(dim=1)


@right("top_k")
def shares_divided(logits, k):
    p = logits.softmax(-1)
    p = p * (logits >= logits.topk(k).values.amin(-1, keepdim=True))
    return p / p.sum(-1, keepdim=True)


@right("top_k")
def by_kthvalue(logits, k):
    n = logits.shape[-1]
    limit = logits.kthvalue(n - k + 1, dim=-1, keepdim=True).values
    return (logits + torch.zeros_like(logits).masked_fill(logits < limit, -1e9)).softmax(-1)


@right("top_k")
def by_counting(logits, k):
    larger = (logits[:, None, :] > logits[:, :, None]).sum(-1)
    return logits.masked_fill(larger >= k, -torch.inf).softmax(-1)


@right("top_k")
def rows(logits, k):
    out = torch.zeros_like(logits)
    for row, p in zip(logits, out):
        inside = row >= sorted(row.tolist())[-k]
        p[inside] = row[inside].softmax(0)
    return out


@right("top_k")
def finite_minimum(logits, k):
    x = logits.double()
    limit = x.topk(k, -1).values.min(-1, keepdim=True).values
    return x.masked_fill(x < limit, torch.finfo(x.dtype).min).softmax(-1)


@right("top_k")
def exponentials(logits, k):
    limit = torch.sort(logits, -1).values[:, -k].unsqueeze(-1)
    e = (logits - logits.amax(-1, keepdim=True)).exp() * (logits >= limit)
    return e / e.sum(-1, keepdim=True)


@right("top_k")
def by_the_library_of_masks(logits, k):
    inside = logits >= logits.topk(k).values[:, -1, None]
    return attnlib.masked_softmax(logits, inside)


def _cut(logits, k):
    values, indices = logits.topk(k)
    return torch.full_like(logits, -math.inf).scatter(-1, indices, values).softmax(-1)


def _limit(logits, k):
    return logits.topk(k).values[:, -1:]


for said, answer in (
    ("ties_cut", _cut),
    ("ties_cut", lambda x, k: torch.zeros_like(x).scatter(1, x.topk(k).indices, x.topk(k).values.softmax(-1))),
    ("ties_cut", lambda x, k: x.masked_fill(x.argsort(-1, descending=True).argsort(-1) >= k, -math.inf).softmax(-1)),
    ("kth_dropped", lambda x, k: x.masked_fill(x <= _limit(x, k), -math.inf).softmax(-1)),
    ("kth_dropped", lambda x, k: x.masked_fill(x <= _limit(x, k), -math.inf).softmax(-1).nan_to_num()),
    ("one_too_many", lambda x, k: x.masked_fill(x < x.sort(-1, descending=True).values[:, min(k, x.shape[1] - 1), None], -math.inf).softmax(-1)),
    ("smallest_kept", lambda x, k: x.masked_fill(x > x.sort(-1).values[:, k - 1, None], -math.inf).softmax(-1)),
    ("everything_kept", lambda x, k: x.softmax(-1)),
    ("limit_of_the_batch", lambda x, k: x.masked_fill(x < _limit(x, k).min(), -math.inf).softmax(-1)),
    ("limit_of_the_batch", lambda x, k: x.masked_fill(x < x[0].topk(k).values[-1], -math.inf).softmax(-1)),
    ("order_for_ranks", lambda x, k: x.masked_fill(x.argsort(-1, descending=True) >= k, -math.inf).softmax(-1)),
    ("order_for_ranks", lambda x, k: x.masked_fill(x.argsort(-1) < x.shape[1] - k, -math.inf).softmax(-1)),
    ("sorted_order_left", lambda x, k: F.pad(x.topk(k).values.softmax(-1), (0, x.shape[1] - k))),
    ("first_k_kept", lambda x, k: torch.cat((x[:, :k].softmax(-1), torch.zeros_like(x[:, k:])), 1)),
    ("zero_for_minus_infinity", lambda x, k: x.masked_fill(x < _limit(x, k), 0).softmax(-1)),
    ("zero_for_minus_infinity", lambda x, k: (x * (x >= _limit(x, k))).softmax(-1)),
    ("shares_not_renormalised", lambda x, k: x.softmax(-1).masked_fill(x < _limit(x, k), 0)),
    ("logits_returned", lambda x, k: x.masked_fill(x < _limit(x, k), -math.inf)),
    ("even_among_kept", lambda x, k: (x >= _limit(x, k)).float() / (x >= _limit(x, k)).sum(-1, keepdim=True)),
    ("softmax_twice", lambda x, k: x.softmax(-1).masked_fill(x < _limit(x, k), -math.inf).softmax(-1)),
    ("wrong_shape", lambda x, k: x.topk(k).values.softmax(-1) if k < x.shape[1] else x.softmax(-1)),
    ("softmax_over_rows", lambda x, k: x.masked_fill(x < _limit(x, k), -math.inf).softmax(0)),
    (("ties_cut", "shares_not_renormalised"), lambda x, k: torch.zeros_like(x).scatter(1, x.topk(k).indices, x.softmax(-1).topk(k).values)),
):  # fmt: skip
    wrong("top_k", said)(answer)

# --- 9.4 ---


@right("top_p")
def shifted(logits, p):
    values, order = logits.sort(dim=-1, descending=True)
    shares = values.softmax(-1)
    out = shares.cumsum(-1) - shares >= p
    return logits.masked_fill(out.scatter(-1, order, out), -math.inf).softmax(-1)


@right("top_p")
def as_in_well_known_code(logits, p):
    values, order = torch.sort(logits, descending=True)
    remove = torch.cumsum(F.softmax(values, dim=-1), dim=-1) > p
    remove[..., 1:] = remove[..., :-1].clone()
    remove[..., 0] = False
    remove = torch.zeros_like(remove).scatter(1, order, remove)
    return logits.masked_fill(remove, -float("inf")).softmax(-1)


@right("top_p")
def from_the_small_end(logits, p):
    values, order = torch.sort(logits, descending=False)
    remove = values.softmax(-1).cumsum(-1) <= 1 - p
    remove[:, -1] = False
    return logits.masked_fill(remove.scatter(1, order, remove), -torch.inf).softmax(-1)


@right("top_p")
def in_a_loop(logits, p):
    out = torch.zeros_like(logits)
    for row, to in zip(logits, out):
        shares, total = row.softmax(0), 0.0
        for i in shares.argsort(descending=True):
            to[i] = shares[i]
            total += float(shares[i])
            if total >= p:
                break
    return out / out.sum(-1, keepdim=True)


@right("top_p")
def by_larger_ones(logits, p):
    shares = logits.softmax(-1)
    larger = (shares[:, None, :] * (shares[:, None, :] > shares[:, :, None])).sum(-1)
    shares = shares * (larger < p)
    return shares / shares.sum(-1, keepdim=True)


@right("top_p")
def by_a_threshold(logits, p):
    shares = logits.softmax(-1)
    falling = shares.sort(-1, descending=True).values
    count = (falling.cumsum(-1) - falling < p).sum(-1, keepdim=True)
    return shares.where(shares >= falling.gather(-1, count - 1), 0).div(
        shares.where(shares >= falling.gather(-1, count - 1), 0).sum(-1, keepdim=True)
    )


@right("top_p")
def sorted_and_back(logits, p):
    values, order = logits.sort(-1, descending=True)
    shares = values.softmax(-1)
    kept = values.masked_fill(shares.cumsum(-1) - shares >= p, -torch.inf).softmax(-1)
    return torch.empty_like(kept).scatter_(-1, order, kept)


@right("top_p")
def gathered_back(logits, p):
    order = logits.argsort(-1, descending=True)
    shares = logits.softmax(-1).gather(-1, order)
    shares = shares * (shares.cumsum(-1) - shares < p)
    return (shares / shares.sum(-1, keepdim=True)).gather(-1, order.argsort(-1))


@right("top_p")
def by_numpy(logits, p):
    rows = []
    for row in logits.double().numpy():
        shares = np.exp(row - row.max())
        shares /= shares.sum()
        order = np.argsort(-shares)
        n = np.searchsorted(np.cumsum(shares[order]), p - 1e-9) + 1
        kept = np.zeros_like(shares)
        kept[order[:n]] = shares[order[:n]]
        rows.append(kept / kept.sum())
    return torch.tensor(np.stack(rows)).float()


@right("top_p")
def with_masked_softmax(logits, p):
    order = logits.argsort(-1, descending=True)
    shares = logits.gather(-1, order).softmax(-1)
    before = F.pad(shares.cumsum(-1)[:, :-1], (1, 0))
    inside = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, order, before < p)
    return attnlib.masked_softmax(logits, inside)


def _nucleus(logits, p, crossing=True):
    values, order = logits.sort(dim=-1, descending=True)
    shares = values.softmax(-1)
    inside = shares.cumsum(-1) - shares < p if crossing else shares.cumsum(-1) <= p
    return torch.zeros_like(inside).scatter(-1, order, inside)


def _sorted_kept(logits, p):
    shares = logits.softmax(-1).sort(-1, descending=True).values
    shares = shares * (shares.cumsum(-1) - shares < p)
    return shares / shares.sum(-1, keepdim=True)


for said, answer in (
    ("crossing_dropped", lambda x, p: x.masked_fill(~_nucleus(x, p, False), -math.inf).softmax(-1)),
    ("crossing_dropped", lambda x, p: x.masked_fill(~_nucleus(x, p, False), -math.inf).softmax(-1).nan_to_num()),
    ("crossing_dropped", lambda x, p: x.masked_fill(~(_nucleus(x, p, False) | (x == x.amax(-1, True))), -math.inf).softmax(-1)),
    ("limit_on_each", lambda x, p: x.masked_fill((x.softmax(-1) < p) & (x < x.amax(-1, True)), -math.inf).softmax(-1)),
    ("limit_on_each", lambda x, p: (lambda s: s / s.sum(-1, keepdim=True))(x.softmax(-1) * (x.softmax(-1) >= p))),
    ("smallest_first", lambda x, p: x.masked_fill(~_nucleus(-x, 0, True) & ~(lambda o: torch.zeros_like(x, dtype=torch.bool).scatter(-1, o, x.softmax(-1).gather(-1, o).cumsum(-1) - x.softmax(-1).gather(-1, o) < p))(x.argsort(-1)), -math.inf).softmax(-1)),
    ("not_sorted", lambda x, p: x.masked_fill(x.softmax(-1).cumsum(-1) - x.softmax(-1) >= p, -math.inf).softmax(-1)),
    ("not_sorted", lambda x, p: x.masked_fill(x.softmax(-1).cumsum(-1) > p, -math.inf).softmax(-1)),
    ("ranks_for_places", lambda x, p: x.masked_fill(x.sort(-1, descending=True).values.softmax(-1).cumsum(-1) > p, -math.inf).softmax(-1)),
    ("limit_on_the_rest", lambda x, p: x.masked_fill(~_nucleus(x, 1 - p), -math.inf).softmax(-1)),
    ("everything_kept", lambda x, p: x.softmax(-1)),
    ("rest_kept", lambda x, p: x.masked_fill(_nucleus(x, p), -math.inf).softmax(-1)),
    ("only_the_best", lambda x, p: F.one_hot(x.argmax(-1), x.shape[-1]).float()),
    ("share_of_tokens", lambda x, p: x.masked_fill(x < x.topk(math.ceil(p * x.shape[-1])).values[:, -1:], -math.inf).softmax(-1)),
    ("zero_for_minus_infinity", lambda x, p: x.masked_fill(~_nucleus(x, p), 0).softmax(-1)),
    ("shares_not_renormalised", lambda x, p: x.softmax(-1) * _nucleus(x, p)),
    ("sorted_order_left", _sorted_kept),
    ("order_for_ranks", lambda x, p: _sorted_kept(x, p).gather(-1, x.argsort(-1, descending=True))),
    ("order_for_ranks", lambda x, p: x.masked_fill(x.argsort(-1, descending=True) >= (_sorted_kept(x, p) > 0).sum(-1, keepdim=True), -math.inf).softmax(-1)),
    ("logits_returned", lambda x, p: x.masked_fill(~_nucleus(x, p), -math.inf)),
    ("softmax_twice", lambda x, p: x.softmax(-1).masked_fill(~_nucleus(x, p), -math.inf).softmax(-1)),
    (("crossing_dropped", "shares_not_renormalised"), lambda x, p: x.softmax(-1) * _nucleus(x, p, False)),
):  # fmt: skip
    wrong("top_p", said)(answer)

# --- 9.5 ---


@right("cached_step")
def in_the_open(x, w_q, w_k, w_v, keys, values):
    keys = torch.cat([keys, x @ w_k], dim=1)
    values = torch.cat([values, x @ w_v], dim=1)
    scores = (x @ w_q) @ keys.transpose(1, 2) / math.sqrt(x.shape[-1])
    new, every = scores.shape[1:]
    mask = torch.ones(new, every, dtype=torch.bool).tril(every - new)
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1) @ values


@right("cached_step")
def by_the_library(x, w_q, w_k, w_v, keys, values):
    key, value = torch.cat((keys, x @ w_k), 1), torch.cat((values, x @ w_v), 1)
    return attnlib.scaled_dot_product_attention(x @ w_q, key, value, is_causal=True)[0]


@right("cached_step")
def by_torch(x, w_q, w_k, w_v, keys, values):
    key, value = torch.cat((keys, x @ w_k), 1), torch.cat((values, x @ w_v), 1)
    mask = attnlib.causal_mask(x.shape[1], key.shape[1])
    return F.scaled_dot_product_attention(x @ w_q, key, value, attn_mask=mask)


@right("cached_step")
def token_by_token(x, w_q, w_k, w_v, keys, values):
    found = []
    for i in range(x.shape[1]):
        token = x[:, i : i + 1]
        keys, values = torch.cat((keys, token @ w_k), 1), torch.cat((values, token @ w_v), 1)
        found.append(attnlib.scaled_dot_product_attention(token @ w_q, keys, values)[0])
    return torch.cat(found, 1)


@right("cached_step")
def with_einsum(x, w_q, w_k, w_v, keys, values):
    k = torch.cat((keys, torch.einsum("bnd,de->bne", x, w_k)), 1)
    v = torch.cat((values, torch.einsum("bnd,de->bne", x, w_v)), 1)
    scores = torch.einsum("bnd,bmd->bnm", x @ w_q, k) * x.shape[-1] ** -0.5
    own = torch.arange(x.shape[1]) + keys.shape[1]
    scores = scores.where(torch.arange(k.shape[1]) <= own[:, None], -1e9)
    return torch.einsum("bnm,bmd->bnd", scores.softmax(-1), v)


@right("cached_step")
def two_parts(x, w_q, w_k, w_v, keys, values):
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    past = q @ keys.mT
    own = (q @ k.mT).masked_fill(torch.ones(x.shape[1], x.shape[1]).triu(1).bool(), -math.inf)
    p = (torch.cat((past, own), -1) / math.sqrt(x.shape[-1])).softmax(-1)
    n = keys.shape[1]
    return p[..., :n] @ values + p[..., n:] @ v


@right("cached_step")
def preallocated(x, w_q, w_k, w_v, keys, values):
    past, new = keys.shape[1], x.shape[1]
    k, v = (x.new_empty(len(x), past + new, x.shape[-1]) for _ in range(2))
    k[:, :past], v[:, :past] = keys, values
    k[:, past:], v[:, past:] = x @ w_k, x @ w_v
    return attnlib.scaled_dot_product_attention(
        x @ w_q, k, v, attnlib.causal_mask(new, past + new)
    )[0]


@right("cached_step")
def with_an_added_mask(x, w_q, w_k, w_v, keys, values):
    k, v = torch.hstack((keys, x @ w_k)), torch.hstack((values, x @ w_v))
    future = torch.full((x.shape[1], k.shape[1]), -math.inf).triu(keys.shape[1] + 1)
    return torch.softmax((x @ w_q) @ k.mT / k.shape[-1] ** 0.5 + future, -1) @ v


@right("cached_step")
def scaled_queries(x, w_q, w_k, w_v, keys, values):
    q = x @ w_q / math.sqrt(w_q.shape[1])
    k, v = torch.cat((keys, x @ w_k), 1), torch.cat((values, x @ w_v), 1)
    e = (q @ k.mT - (q @ k.mT).amax(-1, keepdim=True)).exp()
    e = e * attnlib.causal_mask(x.shape[1], k.shape[1])
    return e @ v / e.sum(-1, keepdim=True)


@right("cached_step")
def in_double(x, w_q, w_k, w_v, keys, values):
    return in_the_open(*(t.double() for t in (x, w_q, w_k, w_v, keys, values))).float()


def _attend(x, q, k, v, mask=None, scale=None):
    scores = q @ k.mT * (x.shape[-1] ** -0.5 if scale is None else scale)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return scores.softmax(-1) @ v


def _appended(x, w, cached):
    return torch.cat((cached, x @ w), 1)


for said, answer in (
    ("upper_left", lambda x, a, b, c, k, v: F.scaled_dot_product_attention(x @ a, _appended(x, b, k), _appended(x, c, v), is_causal=True)),
    ("future_seen", lambda x, a, b, c, k, v: _attend(x, x @ a, _appended(x, b, k), _appended(x, c, v))),
    ("cache_forbidden", lambda x, a, b, c, k, v: _attend(x, x @ a, x @ b, x @ c, torch.ones(x.shape[1], x.shape[1]).tril().bool())),
    ("new_forbidden", lambda x, a, b, c, k, v: _attend(x, x @ a, k, v)),
    ("mask_after_softmax", lambda x, a, b, c, k, v: ((x @ a) @ _appended(x, b, k).mT / x.shape[-1] ** 0.5).softmax(-1) * attnlib.causal_mask(x.shape[1], x.shape[1] + k.shape[1]) @ _appended(x, c, v)),
    ("mask_inverted", lambda x, a, b, c, k, v: _attend(x, x @ a, _appended(x, b, k), _appended(x, c, v), ~attnlib.causal_mask(x.shape[1], x.shape[1] + k.shape[1]))),
    ("scores_zeroed", lambda x, a, b, c, k, v: ((x @ a) @ _appended(x, b, k).mT / x.shape[-1] ** 0.5).tril(k.shape[1]).softmax(-1) @ _appended(x, c, v)),
    ("own_key_hidden", lambda x, a, b, c, k, v: _attend(x, x @ a, _appended(x, b, k), _appended(x, c, v), torch.ones(x.shape[1], x.shape[1] + k.shape[1]).tril(k.shape[1] - 1).bool())),
    ("keys_projected_again", lambda x, a, b, c, k, v: by_the_library(x, a, b, c, k @ b, v @ c)),
    ("keys_projected_again", lambda x, a, b, c, k, v: attnlib.scaled_dot_product_attention(x @ a, torch.cat((k, x), 1) @ b, torch.cat((v, x), 1) @ c, is_causal=True)[0]),
    ("keys_for_values", lambda x, a, b, c, k, v: attnlib.scaled_dot_product_attention(x @ a, _appended(x, b, k), _appended(x, b, k), is_causal=True)[0]),
    ("new_not_projected", lambda x, a, b, c, k, v: attnlib.scaled_dot_product_attention(x @ a, torch.cat((k, x), 1), torch.cat((v, x), 1), is_causal=True)[0]),
    ("query_key_swapped", lambda x, a, b, c, k, v: by_the_library(x, b, a, c, k, v)),
    ("input_added", lambda x, a, b, c, k, v: x + by_the_library(x, a, b, c, k, v)),
    ("new_put_first", lambda x, a, b, c, k, v: attnlib.scaled_dot_product_attention(x @ a, torch.cat((x @ b, k), 1), torch.cat((x @ c, v), 1), is_causal=True)[0]),
    ("scale_missing", lambda x, a, b, c, k, v: attnlib.scaled_dot_product_attention(x @ a, _appended(x, b, k), _appended(x, c, v), is_causal=True, scale=1.0)[0]),
    ("scale_by_width", lambda x, a, b, c, k, v: attnlib.scaled_dot_product_attention(x @ a, _appended(x, b, k), _appended(x, c, v), is_causal=True, scale=1 / x.shape[-1])[0]),
    ("softmax_over_queries", lambda x, a, b, c, k, v: ((x @ a) @ _appended(x, b, k).mT / x.shape[-1] ** 0.5).masked_fill(~attnlib.causal_mask(x.shape[1], x.shape[1] + k.shape[1]), -math.inf).softmax(-2) @ _appended(x, c, v)),
    ("wrong_shape", lambda x, a, b, c, k, v: by_the_library(x, a, b, c, k, v)[:, -1]),
    ("returned_pair", lambda x, a, b, c, k, v: (by_the_library(x, a, b, c, k, v), k, v)),
    (("future_seen", "scale_missing"), lambda x, a, b, c, k, v: _attend(x, x @ a, _appended(x, b, k), _appended(x, c, v), scale=1)),
):  # fmt: skip
    wrong("cached_step", said)(answer)

# --- 9.6 ---


@right("rotary_scores")
def offset_of_the_past(query, key, cached, rotary):
    past = cached.shape[-2]
    keys = torch.cat([cached, rotary(key, offset=past)], dim=-2)
    return rotary(query, offset=past) @ keys.mT / math.sqrt(query.shape[-1])


@right("rotary_scores")
def with_filler_in_front(query, key, cached, rotary):
    past = cached.shape[2]
    q = rotary(F.pad(query, (0, 0, past, 0)))[:, :, past:]
    k = rotary(F.pad(key, (0, 0, past, 0)))[:, :, past:]
    return q @ torch.cat((cached, k), 2).transpose(-2, -1) * query.shape[-1] ** -0.5


@right("rotary_scores")
def token_by_token_turned(query, key, cached, rotary):
    keys, rows = cached, []
    for i in range(query.shape[2]):
        keys = torch.cat((keys, rotary(key[:, :, i : i + 1], cached.shape[2] + i)), 2)
    for i in range(query.shape[2]):
        rows.append(rotary(query[:, :, i : i + 1], cached.shape[2] + i) @ keys.mT)
    return torch.cat(rows, 2) / query.shape[-1] ** 0.5


@right("rotary_scores")
def in_two_parts(query, key, cached, rotary):
    n = cached.size(-2)
    q, k = rotary(query, offset=n), rotary(key, offset=n)
    return torch.cat((q @ cached.mT, q @ k.mT), -1) / math.sqrt(q.size(-1))


@right("rotary_scores")
def relative_among_new(query, key, cached, rotary):
    # Among the new ones only the distance counts.
    n = cached.size(-2)
    past, own = rotary(query, offset=n) @ cached.mT, rotary(query) @ rotary(key).mT
    return torch.cat((past, own), -1) / math.sqrt(query.size(-1))


@right("rotary_scores")
def with_einsum_turned(query, key, cached, rotary):
    n = cached.shape[-2]
    keys = torch.cat((cached, rotary(key, offset=n)), -2)
    return torch.einsum("bhqd,bhkd->bhqk", rotary(query, offset=n), keys) / query.shape[-1] ** 0.5


@right("rotary_scores")
def stacked(query, key, cached, rotary):
    q, k = rotary(torch.stack((query, key)), offset=cached.shape[-2])
    return (q / math.sqrt(q.shape[-1])) @ torch.cat((cached, k), -2).mT


@right("rotary_scores")
def into_room(query, key, cached, rotary):
    batch, heads, new, d = key.shape
    past = cached.shape[2]
    room = key.new_zeros(batch, heads, past + new, d)
    room[:, :, :past], room[:, :, past:] = cached, rotary(key, offset=past)
    return rotary(query, offset=past) @ room.mT / d**0.5


@right("rotary_scores")
def flattened(query, key, cached, rotary):
    n = cached.shape[-2]
    q = rotary(query, offset=n).flatten(0, 1)
    k = torch.cat((cached, rotary(key, offset=n)), -2).flatten(0, 1)
    scores = torch.bmm(q, k.transpose(1, 2)) / math.sqrt(q.shape[-1])
    return scores.unflatten(0, query.shape[:2])


@right("rotary_scores")
def at_the_end_of_all(query, key, cached, rotary):
    new, every = key.shape[-2], cached.shape[-2] + key.shape[-2]
    q, k = rotary(query, offset=every - new), rotary(key, offset=every - new)
    return q.matmul(torch.cat((cached, k), dim=2).transpose(2, 3)).div(q.shape[3] ** 0.5)


def _scores(q, k):
    return q @ k.mT / math.sqrt(q.shape[-1])


for said, answer in (
    ("offset_forgotten", lambda q, k, c, r: _scores(r(q), torch.cat((c, r(k)), -2))),
    ("offset_of_query_forgotten", lambda q, k, c, r: _scores(r(q), torch.cat((c, r(k, offset=c.shape[-2])), -2))),
    ("offset_of_key_forgotten", lambda q, k, c, r: _scores(r(q, offset=c.shape[-2]), torch.cat((c, r(k)), -2))),
    ("one_place_off", lambda q, k, c, r: _scores(r(q, offset=c.shape[-2] - 1), torch.cat((c, r(k, offset=c.shape[-2] - 1)), -2))),
    ("one_place_off", lambda q, k, c, r: _scores(r(q, offset=c.shape[-2] + 1), torch.cat((c, r(k, offset=c.shape[-2] + 1)), -2))),
    ("offset_of_another_axis", lambda q, k, c, r: _scores(r(q, offset=len(c)), torch.cat((c, r(k, offset=len(c))), -2))),
    ("offset_of_another_axis", lambda q, k, c, r: _scores(r(q, offset=c.shape[-1]), torch.cat((c, r(k, offset=c.shape[-1])), -2))),
    ("cache_turned_again", lambda q, k, c, r: _scores(r(q, offset=c.shape[-2]), r(torch.cat((c, k), -2)))),
    (("offset_forgotten", "cache_turned_again"), lambda q, k, c, r: _scores(r(q), r(torch.cat((c, k), -2)))),
    ("new_not_turned", lambda q, k, c, r: _scores(q, torch.cat((c, k), -2))),
    ("query_not_turned", lambda q, k, c, r: _scores(q, torch.cat((c, r(k, offset=c.shape[-2])), -2))),
    ("key_not_turned", lambda q, k, c, r: _scores(r(q, offset=c.shape[-2]), torch.cat((c, k), -2))),
    ("new_put_first", lambda q, k, c, r: _scores(r(q, offset=c.shape[-2]), torch.cat((r(k, offset=c.shape[-2]), c), -2))),
    ("cache_left_out", lambda q, k, c, r: _scores(r(q, offset=c.shape[-2]), r(k, offset=c.shape[-2]))),
    ("new_left_out", lambda q, k, c, r: _scores(r(q, offset=c.shape[-2]), c)),
    ("scale_missing", lambda q, k, c, r: r(q, offset=c.shape[-2]) @ torch.cat((c, r(k, offset=c.shape[-2])), -2).mT),
    ("softmax_not_asked", lambda q, k, c, r: offset_of_the_past(q, k, c, r).softmax(-1)),
    ("offset_by_new", lambda q, k, c, r: _scores(r(q, offset=q.shape[-2]), torch.cat((c, r(k, offset=q.shape[-2])), -2))),
    ("offset_by_new", lambda q, k, c, r: _scores(r(q, offset=q.shape[-2] + c.shape[-2]), torch.cat((c, r(k, offset=q.shape[-2] + c.shape[-2])), -2))),
    (("offset_forgotten", "scale_missing"), lambda q, k, c, r: r(q) @ torch.cat((c, r(k)), -2).mT),
):  # fmt: skip
    wrong("rotary_scores", said)(answer)

# --- 9.7 ---


@right("left_positions")
def counted(real):
    return (real.cumsum(dim=1) - 1).clamp(min=0)


@right("left_positions")
def counted_and_masked(real):
    return (real.long().cumsum(-1) - 1).masked_fill(~real, 0)


@right("left_positions")
def shifted_places(real):
    padding = (~real).sum(dim=1, keepdim=True)
    return (torch.arange(real.shape[1]) - padding).clamp(min=0)


@right("left_positions")
def by_first_real(real):
    first = real.int().argmax(dim=1)
    return torch.relu(torch.arange(real.shape[1]) - first[:, None])


@right("left_positions")
def with_loops(real):
    positions = torch.zeros(real.shape, dtype=torch.long)
    for b, row in enumerate(real):
        n = 0
        for j, is_real in enumerate(row):
            if is_real:
                positions[b, j] = n
                n += 1
    return positions


@right("left_positions")
def from_lengths(real):
    length = real.shape[1]
    return torch.stack(
        [torch.cat((torch.zeros(length - n), torch.arange(n))).long() for n in real.sum(1).tolist()]
    )


@right("left_positions")
def exclusive_sum(real):
    return (real.cumsum(-1) - real.long()) * real


@right("left_positions")
def as_int32(real):
    return ((real.int().cumsum(-1, dtype=torch.int32) - 1) * real).int()


@right("left_positions")
def with_where_zero(real):
    return torch.where(real, real.cumsum(-1) - 1, 0)


@right("left_positions")
def with_maximum(real):
    shift = torch.arange(real.shape[-1]) - (real.shape[-1] - real.sum(-1, keepdim=True))
    return torch.maximum(shift, torch.tensor(0))


for said, answer in (
    ("padding_counted", lambda real: torch.arange(real.shape[1]).repeat(len(real), 1)),
    ("padding_counted", lambda real: torch.arange(real.shape[1]) * real),
    ("counted_from_one", lambda real: real.cumsum(1)),
    ("counted_from_one", lambda real: real.long().cumsum(-1).masked_fill(~real, 0)),
    ("padding_negative", lambda real: real.cumsum(1) - 1),
    ("padding_negative", lambda real: torch.arange(real.shape[1]) - (~real).sum(1, keepdim=True)),
    ("padding_not_zero", lambda real: (real.long().cumsum(-1) - 1).masked_fill(real == 0, 1)),
    ("padding_counted_instead", lambda real: (~real).cumsum(1)),
    ("counted_from_the_end", lambda real: torch.arange(real.shape[1]).flip(0) * real),
    ("padding_at_the_right", lambda real: torch.where(torch.arange(real.shape[1]) < real.sum(1, keepdim=True), torch.arange(real.shape[1]), 0)),
    ("counted_over_the_batch", lambda real: (real.cumsum(0) - 1).clamp(min=0)),
    ("mask_returned", lambda real: real.long()),
    ("one_shift_for_all", lambda real: (torch.arange(real.shape[1]) - (~real).sum(1).max()).clamp(min=0).repeat(len(real), 1)),
    ("wrong_shape", lambda real: torch.arange(real.shape[1])),
    ("one_shift_for_all", lambda real: (torch.arange(real.shape[1]) - (~real[0]).sum()) * real),
    ("positions_not_whole", lambda real: torch.relu(real.double().cumsum(1) - 1)),
    ("counted_from_one", lambda real: real.float().cumsum(1)),
    ("wrong_type", lambda real: (real.cumsum(1) - 1).clamp(min=0).tolist()),
):  # fmt: skip
    wrong("left_positions", said)(answer)

# --- 9.8 ---


def _x(length=5, width=8, batch=1, seed=0):
    return torch.randn(batch, length, width, generator=torch.Generator().manual_seed(seed))


@right("catches_restart")
def all_against_each(read):
    assert torch.allclose(read(_x(), [5]), read(_x(), [1, 1, 1, 1, 1]), atol=1e-5)


@right("catches_restart")
def by_assert_close(read):
    x = _x(6, 4, 2)
    torch.testing.assert_close(read(x, [4, 2]), read(x, [6]), atol=1e-4, rtol=1e-4)


@right("catches_restart")
def last_token(read):
    x = _x(7)
    return bool((read(x, [7])[:, -1] - read(x, [6, 1])[:, -1]).abs().max() < 1e-4)


@right("catches_restart")
def several_ways(read):
    x = _x(6, 8, 3)
    whole = read(x, [6])
    for chunks in ([3, 3], [1, 5], [5, 1], [2, 2, 2]):
        assert (whole - read(x, chunks)).abs().max() < 1e-4, chunks


@right("catches_restart")
def against_by_hand(read):
    x = _x(4)
    turned = attnlib.RotaryPositionalEncoding(8)(x)
    found, _ = attnlib.scaled_dot_product_attention(turned, turned, x, is_causal=True)
    assert torch.allclose(read(x, [2, 2]), found, atol=1e-5)


@right("catches_restart")
def two_chunkings(read):
    x = _x(5)
    return torch.allclose(read(x, [1, 4]), read(x, [4, 1]), atol=1e-4)


@right("catches_restart")
def with_numpy(read):
    x = _x(5, 8, 2)
    np.testing.assert_allclose(read(x, [5]).numpy(), read(x, [2, 3]).numpy(), atol=1e-4)


@right("catches_restart")
def with_raise(read):
    x = _x(8)
    if (read(x, [8]) - read(x, [4, 4])).norm() > 1e-3:
        raise AssertionError("cached differs from uncached")


@right("catches_restart")
def with_hand_made_tokens(read):
    x = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]])
    assert torch.allclose(read(x, [3]), read(x, [1, 1, 1]), atol=1e-4)


@right("catches_restart")
def prefix_then_rest(read):
    x = copy.deepcopy(_x(6))
    assert torch.allclose(read(x, [4, 1, 1])[:, 4:], read(x, [6])[:, 4:], atol=1e-4)


for said, test in (
    ("read_at_once", lambda read: read(_x(), [5]).shape == (1, 5, 8)),
    ("read_at_once", lambda read: torch.allclose(read(_x(), [5]), read(_x(), [5]))),
    ("read_at_once", lambda read: read(_x(), [5]).isfinite().all()),
    ("chunks_alike", lambda read: torch.equal(read(_x(), [2, 3]), read(_x(), [2, 3]))),
    ("tokens_alike", lambda read: torch.allclose(read(torch.ones(1, 4, 8), [4]), read(torch.ones(1, 4, 8), [2, 2]))),
    ("test_misses_bug", lambda read: torch.allclose(read(_x(), [5])[:, :3], read(_x(), [3, 2])[:, :3], atol=1e-5)),
    ("test_reversed", lambda read: not torch.allclose(read(_x(), [5]), read(_x(), [1] * 5), atol=1e-4)),
    ("test_rejects_right", lambda read: torch.allclose(read(_x(), [2, 3]), _x(), atol=1e-4)),
    ("test_raises", lambda read: read(_x(), 5)),
):  # fmt: skip
    wrong("catches_restart", said)(test)
