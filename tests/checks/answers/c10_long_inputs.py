"""Chapter 10: long inputs. Right answers and wrong ones, as readers write them."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tests.checks.answers.filed import RIGHT, WRONG, right, wrong

# --- 10.1 ---

RIGHT["four_times"] = [
    [16, 16, 4, 4, 1],
    (16, 16, 4, 4, 1),
    [16.0, 16.0, 4.0, 4.0, 1.0],
    np.array([16, 16, 4, 4, 1]),
    torch.tensor([16, 16, 4, 4, 1]).tolist(),
    [4**2, 4**2, 4, 4, 1],
    [4 * 4, 16.0, 4, 8 / 2, 1],
]
WRONG["four_times"] = [
    ("pairs_grow_with_length", [4, 4, 4, 4, 1]),
    ("pairs_grow_with_length", [4, 2, 4, 4, 1]),
    ("half_grows_half", [16, 8, 4, 4, 1]),
    ("half_grows_half", (16, 4, 4, 4, 1)),
    ("fours_added", [8, 8, 4, 4, 1]),
    ("window_stays", [16, 16, 1, 4, 1]),
    ("window_full", [16, 16, 16, 4, 1]),
    ("cache_of_pairs", [16, 16, 4, 16, 1]),
    ("cache_stays", [16, 16, 4, 1, 1]),
    ("cache_of_two", [16, 16, 4, 8, 1]),
    ("state_grows", [16, 16, 4, 4, 4]),
    ("state_grows", [16, 16, 4, 4, 16]),
    (None, [2, 2, 2, 2, 2]),
    ("wrong_shape", [16, 16, 4, 4]),
]

# --- 10.2 ---


@right("online_softmax")
def with_splits(scores, values, tile):
    top = torch.full((len(scores), 1), -math.inf)
    total = torch.zeros(len(scores), 1)
    out = torch.zeros(len(scores), values.shape[1])
    for s, v in zip(scores.split(tile, 1), values.split(tile), strict=True):
        new = torch.maximum(top, s.amax(1, keepdim=True))
        shrink = (top - new).exp()
        w = (s - new).exp()
        total = total * shrink + w.sum(1, keepdim=True)
        out = out * shrink + w @ v
        top = new
    return out / total


@right("online_softmax")
def first_tile_begins(scores, values, tile):
    top = scores[:, :tile].amax(1)
    w = torch.exp(scores[:, :tile] - top[:, None])
    total, out = w.sum(1), w @ values[:tile]
    for i in range(tile, scores.shape[1], tile):
        s, v = scores[:, i : i + tile], values[i : i + tile]
        new = torch.max(top, s.max(1).values)
        w = torch.exp(s - new[:, None])
        total = total * torch.exp(top - new) + w.sum(1)
        out = out * torch.exp(top - new)[:, None] + w @ v
        top = new
    return out / total[:, None]


@right("online_softmax")
def output_always_divided(scores, values, tile):
    top = torch.full((scores.shape[0], 1), -torch.inf)
    total = torch.zeros_like(top)
    out = torch.zeros(scores.shape[0], values.shape[1])
    for i in range(0, scores.shape[1], tile):
        s = scores[:, i : i + tile]
        new = torch.maximum(top, s.amax(1, keepdim=True))
        w = torch.exp(s - new)
        kept = total * torch.exp(top - new)
        total = kept + w.sum(1, keepdim=True)
        out = (out * kept + w @ values[i : i + tile]) / total
        top = new
    return out


@right("online_softmax")
def row_by_row(scores, values, tile):
    rows = []
    for row in scores:
        top, total, out = -math.inf, 0.0, torch.zeros(values.shape[1])
        for i in range(0, len(row), tile):
            new = max(top, row[i : i + tile].max().item())
            shrink = math.exp(top - new)
            total, out = total * shrink, out * shrink
            for s, v in zip(row[i : i + tile], values[i : i + tile], strict=True):
                e = math.exp(s.item() - new)
                total, out = total + e, out + e * v
            top = new
        rows.append(out / total)
    return torch.stack(rows)


@right("online_softmax")
def with_numpy(scores, values, tile):
    s, v = scores.double().numpy(), values.double().numpy()
    m, l, o = np.full(len(s), -np.inf), np.zeros(len(s)), np.zeros((len(s), v.shape[1]))
    for i in range(0, s.shape[1], tile):
        new = np.maximum(m, s[:, i : i + tile].max(axis=1))
        p = np.exp(s[:, i : i + tile] - new[:, None])
        alpha = np.exp(m - new)
        l, o, m = alpha * l + p.sum(1), alpha[:, None] * o + p @ v[i : i + tile], new
    return torch.tensor(o / l[:, None]).float()


@right("online_softmax")
def whole_tiles_first(scores, values, tile):
    state = None
    start = 0
    while start < values.shape[0]:
        stop = min(start + tile, values.shape[0])
        s = scores[:, start:stop]
        m = s.max(dim=1, keepdim=True)[0]
        p = torch.exp(s - m)
        part = (m, p.sum(dim=1, keepdim=True), torch.einsum("qk,kv->qv", p, values[start:stop]))
        if state is None:
            state = part
        else:  # merge two finished parts
            (m1, l1, o1), (m2, l2, o2) = state, part
            m = torch.max(m1, m2)
            a, b = torch.exp(m1 - m), torch.exp(m2 - m)
            state = (m, a * l1 + b * l2, a * o1 + b * o2)
        start = stop
    return state[2] / state[1]


@right("online_softmax")
def with_logarithms(scores, values, tile):
    lse = torch.full((len(scores), 1), -math.inf)
    out = torch.zeros(len(scores), values.shape[1])
    for s, v in zip(scores.split(tile, -1), values.split(tile, 0), strict=True):
        m = s.amax(-1, keepdim=True)
        mine = m + (s - m).exp().sum(-1, keepdim=True).log()
        both = torch.logaddexp(lse, mine)
        out = out * (lse - both).exp() + (s - both).exp() @ v
        lse = both
    return out


def loop(scores, values, tile, body, end=lambda m, l, o: o / l):
    m = torch.full((len(scores), 1), -math.inf)
    l, o = torch.zeros(len(scores), 1), torch.zeros(len(scores), values.shape[1])
    for s, v in zip(scores.split(tile, 1), values.split(tile), strict=True):
        m, l, o = body(m, l, o, s, v)
    return end(m, l, o)


def new_max(m, s):
    return torch.maximum(m, s.amax(1, keepdim=True))


def no_rescale(m, l, o, s, v):
    n = new_max(m, s)
    p = (s - n).exp()
    return n, l + p.sum(1, keepdim=True), o + p @ v


def old_over_new(m, l, o, s, v):
    n = new_max(m, s)
    p, a = (s - n).exp(), torch.where(m.isinf(), 0, (n - m).exp())
    return n, l * a + p.sum(1, keepdim=True), o * a + p @ v


def sum_forgotten(m, l, o, s, v):
    n = new_max(m, s)
    p = (s - n).exp()
    return n, l + p.sum(1, keepdim=True), o * (m - n).exp() + p @ v


def output_forgotten(m, l, o, s, v):
    n = new_max(m, s)
    p = (s - n).exp()
    return n, l * (m - n).exp() + p.sum(1, keepdim=True), o + p @ v


def own_maximum(m, l, o, s, v):
    n = s.amax(1, keepdim=True)
    p = (s - n).exp()
    return n, l + p.sum(1, keepdim=True), o + p @ v


def own_maximum_rescaled(m, l, o, s, v):
    n = s.amax(1, keepdim=True)
    p, a = (s - n).exp(), (m - n).exp()
    return n, l * a + p.sum(1, keepdim=True), o * a + p @ v


def rescaled_at_the_end(m, l, o, s, v):
    n = new_max(m, s)
    p, a = (s - n).exp(), (m - n).exp()
    return n, (l + p.sum(1, keepdim=True)) * a, (o + p @ v) * a


def divided_each_time(m, l, o, s, v):
    n = new_max(m, s)
    p, a = (s - n).exp(), (m - n).exp()
    l = l * a + p.sum(1, keepdim=True)
    return n, l, (o * a + p @ v) / l


def right_step(m, l, o, s, v):
    n = new_max(m, s)
    p, a = (s - n).exp(), (m - n).exp()
    return n, l * a + p.sum(1, keepdim=True), o * a + p @ v


def old_maximum_for_the_new(m, l, o, s, v):
    n = new_max(m, s)
    p, a = (s - torch.where(m.isinf(), n, m)).exp(), (m - n).exp()
    return n, l * a + p.sum(1, keepdim=True), o * a + p @ v


def no_maximum(m, l, o, s, v):
    return m, l + s.exp().sum(1, keepdim=True), o + s.exp() @ v


for said, body in (
    ("rescaling_forgotten", no_rescale),
    ("factor_flipped", old_over_new),
    ("sum_not_rescaled", sum_forgotten),
    ("output_not_rescaled", output_forgotten),
    ("tile_maximum_only", own_maximum),
    ("exponential_overflows", own_maximum_rescaled),
    ("exponential_overflows", no_maximum),
    ("new_tile_rescaled", rescaled_at_the_end),
    ("new_tile_measured_otherwise", old_maximum_for_the_new),
    ("divided_after_each_tile", divided_each_time),
):
    wrong("online_softmax", said)(lambda s, v, t, body=body: loop(s, v, t, body))

for said, answer in (
    ("division_of_tiles_missing", lambda s, v, t: loop(s, v, t, right_step, lambda m, l, o: o)),
    ("returned_pair", lambda s, v, t: loop(s, v, t, right_step, lambda m, l, o: (m, l, o))),
    ("wrong_shape", lambda s, v, t: loop(s, v, t, right_step, lambda m, l, o: l)),
    ("tiles_averaged", lambda s, v, t: sum(a.softmax(1) @ b for a, b in zip(s.split(t, 1), v.split(t))) / math.ceil(len(v) / t)),
    ("tiles_added", lambda s, v, t: sum(a.softmax(1) @ b for a, b in zip(s.split(t, 1), v.split(t)))),
    ("last_tile_dropped", lambda s, v, t: right_parts(s, v, t, range(max(1, len(v) // t)))),
    ("first_tile_only", lambda s, v, t: s[:, :t].softmax(1) @ v[:t]),
    ("last_tile_only", lambda s, v, t: s.split(t, 1)[-1].softmax(1) @ v.split(t)[-1]),
    ("uses_softmax", lambda s, v, t: s.softmax(-1) @ v),
    ("uses_softmax", lambda s, v, t: torch.softmax(s, dim=1) @ v),
    ("uses_softmax", lambda s, v, t: s.log_softmax(1).exp() @ v),
    ("uses_softmax", lambda s, v, t: merged(s, v, t, nn.Softmax(dim=1))),
    ("row_at_once", lambda s, v, t: (s - s.logsumexp(1, keepdim=True)).exp() @ v),
    ("row_at_once", lambda s, v, t: by_hand_at_once(s, v)),
    ("row_at_once", lambda s, v, t: sum((a - s.logsumexp(1, True)).exp() @ b for a, b in zip(s.split(t, 1), v.split(t)))),
    ("row_at_once", lambda s, v, t: maximum_first(s, v, t)),
    ("row_at_once", lambda s, v, t: torch.stack([(row - row.max()).exp() @ v / (row - row.max()).exp().sum() for row in s])),
    ("row_at_once", lambda s, v, t: F.scaled_dot_product_attention(s, torch.eye(s.shape[1]), v, scale=1.0)),
    ("scores_added", lambda s, v, t: s @ v),
    ("raises", lambda s, v, t: s.view(len(s), -1, t, 7).exp()),
):  # fmt: skip
    wrong("online_softmax", said)(answer)


def merged(s, v, t, weigh):
    """Tiles by themselves, and then together by the logarithms of their sums."""
    logs = torch.stack([a.logsumexp(1, keepdim=True) for a in s.split(t, 1)])
    parts = torch.stack([weigh(a) @ b for a, b in zip(s.split(t, 1), v.split(t))])
    shares = (logs - logs.amax(0)).exp()
    return (shares * parts).sum(0) / shares.sum(0)


@right("online_softmax")
def tiles_put_together(s, v, t):
    return merged(s, v, t, lambda a: (a - a.logsumexp(1, keepdim=True)).exp())


@right("online_softmax")
def all_tiles_side_by_side(s, v, t):
    # Filled up to whole tiles, which are an axis of their own; nothing goes over a whole row.
    more = -s.shape[1] % t
    s = F.pad(s, (0, more), value=-math.inf).unflatten(1, (-1, t))
    v = F.pad(v, (0, 0, 0, more)).unflatten(0, (-1, t))
    m = s.amax(2, keepdim=True)
    e = (s - m).exp()
    scale = (m - m.amax(1, keepdim=True)).exp()
    out = torch.einsum("qnt,ntv->qnv", e, v)
    return (scale * out).sum(1) / (scale[..., 0] * e.sum(2)).sum(1, keepdim=True)


def by_hand_at_once(s, v):
    e = (s - s.max(dim=1, keepdim=True).values).exp()
    return e @ v / e.sum(dim=1, keepdim=True)


def maximum_first(s, v, t):
    m = s.amax(1, keepdim=True)
    e = [(a - m).exp() for a in s.split(t, 1)]
    return sum(a @ b for a, b in zip(e, v.split(t))) / sum(a.sum(1, keepdim=True) for a in e)


def right_parts(s, v, t, which):
    parts = [(s[:, i * t : (i + 1) * t], v[i * t : (i + 1) * t]) for i in which]
    m = torch.cat([a for a, _ in parts], 1).amax(1, keepdim=True)
    e = [(a - m).exp() for a, _ in parts]
    total = sum(x.sum(1, keepdim=True) for x in e)
    return sum(x @ b for x, (_, b) in zip(e, parts, strict=True)) / total


# --- 10.3 ---


@right("window_mask")
def distances(length, window):
    i = torch.arange(length)
    distance = i[:, None] - i
    return (distance >= 0) & (distance < window)


@right("window_mask")
def triangles(length, window):
    ones = torch.ones(length, length, dtype=torch.bool)
    return ones.tril() & ones.triu(1 - window)


@right("window_mask")
def difference_of_triangles(length, window):
    ones = torch.ones(length, length)
    return (ones.tril() - ones.tril(-window)).bool()


@right("window_mask")
def with_loops(length, window):
    mask = torch.zeros(length, length, dtype=torch.bool)
    for i in range(length):
        mask[i, max(0, i - window + 1) : i + 1] = True
    return mask


@right("window_mask")
def with_lists(length, window):
    return torch.tensor([[i - window < j <= i for j in range(length)] for i in range(length)])


@right("window_mask")
def summed_diagonals(length, window):
    return sum(
        (torch.diag(torch.ones(length - k), -k) for k in range(1, min(window, length))),
        torch.eye(length),
    ).bool()


@right("window_mask")
def with_meshgrid(length, window):
    q, k = torch.meshgrid(torch.arange(length), torch.arange(length), indexing="ij")
    return q.ge(k) & (q - k).le(window - 1)


@right("window_mask")
def with_numpy_triangles(length, window):
    m = np.tril(np.ones((length, length), bool)) & ~np.tril(
        np.ones((length, length), bool), -window
    )
    return torch.from_numpy(m)


def d(length):
    i = torch.arange(length)
    return i[:, None] - i


for said, answer in (
    ("window_one_too_many", lambda n, w: (d(n) >= 0) & (d(n) <= w)),
    ("window_one_too_many", lambda n, w: torch.ones(n, n).tril().triu(-w).bool()),
    ("window_one_too_few", lambda n, w: (d(n) >= 0) & (d(n) < w - 1)),
    ("window_one_too_few", lambda n, w: torch.ones(n, n).tril().triu(2 - w).bool()),
    ("window_without_itself", lambda n, w: (d(n) > 0) & (d(n) <= w)),
    ("window_without_itself", lambda n, w: (d(n) > 0) & (d(n) < w)),
    ("window_both_sides", lambda n, w: d(n).abs() < w),
    (("window_both_sides", "window_one_too_many"), lambda n, w: d(n).abs() <= w),
    ("window_centred", lambda n, w: d(n).abs() <= w // 2),
    ("window_ahead", lambda n, w: (d(n) <= 0) & (d(n) > -w)),
    ("window_ahead", lambda n, w: (-d(n) >= 0) & (-d(n) < w)),
    ("window_ignored", lambda n, w: torch.ones(n, n).tril().bool()),
    ("window_ignored", lambda n, w: d(n) > -w),
    ("window_hidden", lambda n, w: d(n) >= w),
    ("blocks_not_windows", lambda n, w: (d(n) >= 0) & (torch.arange(n)[:, None] // w == torch.arange(n) // w)),
    ("window_stands_still", lambda n, w: (d(n) >= 0) & (torch.arange(n) < w)),
    ("mask_inverted", lambda n, w: (d(n) < 0) | (d(n) >= w)),
    (("mask_inverted", "window_one_too_many"), lambda n, w: (d(n) < 0) | (d(n) > w)),
    ("everything_allowed", lambda n, w: torch.ones(n, n).bool()),
    ("additive_mask", lambda n, w: torch.zeros(n, n).masked_fill((d(n) < 0) | (d(n) >= w), -math.inf)),
    ("mask_not_boolean", lambda n, w: torch.ones(n, n).tril().triu(1 - w)),
    ("wrong_shape", lambda n, w: ((d(n) >= 0) & (d(n) < w))[None]),
):  # fmt: skip
    wrong("window_mask", said)(answer)

# --- 10.4 ---


@right("grouped_queries")
def interleaved(query, key, value):
    share = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(share, 1), value.repeat_interleave(share, 1)
    return (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1) @ value


@right("grouped_queries")
def with_torch(query, key, value):
    return F.scaled_dot_product_attention(query, key, value, enable_gqa=True)


@right("grouped_queries")
def unflattened(query, key, value):
    grouped = query.unflatten(1, (key.shape[1], -1))
    scores = grouped @ key[:, :, None].mT / math.sqrt(query.shape[-1])
    return (scores.softmax(-1) @ value[:, :, None]).flatten(1, 2)


@right("grouped_queries")
def with_expand(query, key, value):
    b, h, _, d = query.shape
    g = key.shape[1]

    def wide(x):
        return x[:, :, None].expand(b, g, h // g, *x.shape[2:]).reshape(b, h, *x.shape[2:])

    return torch.softmax(query @ wide(key).transpose(-2, -1) / math.sqrt(d), dim=-1) @ wide(value)


@right("grouped_queries")
def head_by_head(query, key, value):
    share = query.shape[1] // key.shape[1]
    heads = []
    for h in range(query.shape[1]):
        s = query[:, h] @ key[:, h // share].mT / query.shape[-1] ** 0.5
        heads.append(s.softmax(-1) @ value[:, h // share])
    return torch.stack(heads, dim=1)


@right("grouped_queries")
def with_einsum(query, key, value):
    b, h, q, d = query.shape
    query = query.reshape(b, key.shape[1], -1, q, d)
    w = torch.einsum("bgsqd,bgkd->bgsqk", query, key).div(d**0.5).softmax(-1)
    return torch.einsum("bgsqk,bgkv->bgsqv", w, value).reshape(b, h, q, -1)


@right("grouped_queries")
def indexed(query, key, value):
    who = torch.arange(query.shape[1]) // (query.shape[1] // key.shape[1])
    return F.scaled_dot_product_attention(query, key[:, who], value[:, who])


@right("grouped_queries")
def group_by_group(query, key, value):
    share = query.shape[1] // key.shape[1]
    parts = query.split(share, dim=1)
    return torch.cat(
        [
            (p @ key[:, g : g + 1].mT * query.shape[-1] ** -0.5).softmax(-1) @ value[:, g : g + 1]
            for g, p in enumerate(parts)
        ],
        dim=1,
    )


def wide(x, q, how="interleave"):
    share = q.shape[1] // x.shape[1]
    return x.repeat(1, share, 1, 1) if how == "tile" else x.repeat_interleave(share, 1)


for said, answer in (
    ("heads_dealt_out", lambda q, k, v: F.scaled_dot_product_attention(q, wide(k, q, "tile"), wide(v, q, "tile"))),
    ("heads_dealt_out", lambda q, k, v: F.scaled_dot_product_attention(q, torch.cat([k] * (q.shape[1] // k.shape[1]), 1), torch.cat([v] * (q.shape[1] // v.shape[1]), 1))),
    ("heads_dealt_out", lambda q, k, v: torch.stack([F.scaled_dot_product_attention(q[:, h], k[:, h % k.shape[1]], v[:, h % k.shape[1]]) for h in range(q.shape[1])], 1)),
    ("keys_dealt_out", lambda q, k, v: F.scaled_dot_product_attention(q, wide(k, q, "tile"), wide(v, q))),
    ("values_dealt_out", lambda q, k, v: F.scaled_dot_product_attention(q, wide(k, q), wide(v, q, "tile"))),
    ("first_head_for_all", lambda q, k, v: F.scaled_dot_product_attention(q, k[:, :1].expand(-1, q.shape[1], -1, -1), v[:, :1].expand(-1, q.shape[1], -1, -1))),
    ("kv_heads_averaged", lambda q, k, v: F.scaled_dot_product_attention(q, k.mean(1, keepdim=True).expand(-1, q.shape[1], -1, -1), v.mean(1, keepdim=True).expand(-1, q.shape[1], -1, -1))),
    ("scale_missing", lambda q, k, v: (q @ wide(k, q).mT).softmax(-1) @ wide(v, q)),
    ("scale_by_width", lambda q, k, v: (q @ wide(k, q).mT / q.shape[-1]).softmax(-1) @ wide(v, q)),
    ("scale_by_whole_embed_dim", lambda q, k, v: (q @ wide(k, q).mT / math.sqrt(q.shape[1] * q.shape[-1])).softmax(-1) @ wide(v, q)),
    (("heads_dealt_out", "scale_missing"), lambda q, k, v: (q @ wide(k, q, "tile").mT).softmax(-1) @ wide(v, q, "tile")),
    ("softmax_over_queries", lambda q, k, v: (q @ wide(k, q).mT / q.shape[-1] ** 0.5).softmax(-2) @ wide(v, q)),
    ("softmax_over_heads", lambda q, k, v: (q @ wide(k, q).mT / q.shape[-1] ** 0.5).softmax(1) @ wide(v, q)),
    ("softmax_missing", lambda q, k, v: (q @ wide(k, q).mT / q.shape[-1] ** 0.5) @ wide(v, q)),
    ("groups_averaged", lambda q, k, v: F.scaled_dot_product_attention(q.unflatten(1, (k.shape[1], -1)).mean(2), k, v)),
    ("groups_averaged", lambda q, k, v: wide(F.scaled_dot_product_attention(q[:, :: q.shape[1] // k.shape[1]], k, v), q)),
    ("mask_not_asked", lambda q, k, v: F.scaled_dot_product_attention(q, wide(k, q), wide(v, q), attn_mask=torch.ones(q.shape[2], k.shape[2]).tril(k.shape[2] - q.shape[2]).bool())),
    ("heads_out_of_order", lambda q, k, v: torch.cat([F.scaled_dot_product_attention(q[:, i :: q.shape[1] // k.shape[1]], k, v) for i in range(q.shape[1] // k.shape[1])], 1)),
    ("raises", lambda q, k, v: F.scaled_dot_product_attention(q, k.repeat_interleave(q.shape[1], 1), v.repeat_interleave(q.shape[1], 1)).view(q.shape[0], 1000, -1)),
    ("returned_pair", lambda q, k, v: (F.scaled_dot_product_attention(q, wide(k, q), wide(v, q)), None)),
):  # fmt: skip
    wrong("grouped_queries", said)(answer)

# --- 10.5 ---


@right("linear_attention")
def parallel(query, key, value):
    scores = (query @ key.mT).tril()
    return scores @ value / scores.sum(-1, keepdim=True)


@right("linear_attention")
def weights_first(query, key, value):
    w = (query @ key.transpose(1, 2)) * torch.ones(key.shape[1], key.shape[1]).tril()
    w = w / w.sum(dim=-1, keepdim=True)
    return w @ value


@right("linear_attention")
def step_by_step(query, key, value):
    state = torch.zeros(len(key), key.shape[2], value.shape[2])
    total = torch.zeros(len(key), key.shape[2])
    rows = []
    for i in range(key.shape[1]):
        state = state + key[:, i, :, None] * value[:, i, None, :]
        total = total + key[:, i]
        read = (query[:, i, None] @ state).squeeze(1)
        rows.append(read / (query[:, i] * total).sum(-1, keepdim=True))
    return torch.stack(rows, dim=1)


@right("linear_attention")
def with_cumsum(query, key, value):
    state = torch.einsum("bnd,bnv->bndv", key, value).cumsum(1)
    total = key.cumsum(1)
    up = torch.einsum("bnd,bndv->bnv", query, state)
    return up / torch.einsum("bnd,bnd->bn", query, total)[..., None]


@right("linear_attention")
def one_more_value(query, key, value):
    value = torch.cat([value, torch.ones_like(value[..., :1])], -1)
    mixed = (query @ key.mT).tril() @ value
    return mixed[..., :-1] / mixed[..., -1:]


@right("linear_attention")
def scaled(query, key, value):
    scores = (query @ key.mT / math.sqrt(query.shape[-1])).tril()
    return scores @ value / scores.sum(2, keepdim=True)


@right("linear_attention")
def masked_filled(query, key, value):
    later = torch.ones(key.shape[1], key.shape[1]).triu(1).bool()
    scores = (query @ key.mT).masked_fill(later, 0)
    return torch.bmm(F.normalize(scores, p=1, dim=-1), value)


@right("linear_attention")
def logs(query, key, value):
    later = torch.ones(key.shape[1], key.shape[1]).triu(1).bool()
    return (query @ key.mT).log().masked_fill(later, -math.inf).softmax(-1) @ value


@right("linear_attention")
def in_loops(query, key, value):
    out = torch.zeros(value.shape)
    for b in range(len(query)):
        for i in range(query.shape[1]):
            w = key[b, : i + 1] @ query[b, i]
            out[b, i] = (w[:, None] * value[b, : i + 1]).sum(0) / w.sum()
    return out


def up(q, k, v):
    return (q @ k.mT).tril() @ v


for said, answer in (
    ("normaliser_missing", up),
    ("normaliser_missing", lambda q, k, v: torch.einsum("bnd,bndv->bnv", q, torch.einsum("bnd,bnv->bndv", k, v).cumsum(1))),
    ("normaliser_of_everything", lambda q, k, v: up(q, k, v) / (q @ k.sum(1, keepdim=True).mT)),
    ("normaliser_of_everything", lambda q, k, v: ((q @ k.mT) / (q @ k.mT).sum(-1, keepdim=True)).tril() @ v),
    ("normaliser_counts", lambda q, k, v: up(q, k, v) / torch.arange(1, k.shape[1] + 1)[:, None]),
    ("normaliser_of_own_key", lambda q, k, v: up(q, k, v) / (q * k).sum(-1, keepdim=True)),
    ("normaliser_without_query", lambda q, k, v: up(q, k, v) / k.cumsum(1).sum(-1, keepdim=True)),
    ("state_divided_by_keys", lambda q, k, v: torch.einsum("bndv,bnd->bnv", (k[..., None] * v[..., None, :]).cumsum(1) / k.cumsum(1)[..., None], q)),
    ("normaliser_multiplied", lambda q, k, v: up(q, k, v) * (q * k.cumsum(1)).sum(-1, keepdim=True)),
    ("future_read", lambda q, k, v: q @ (k.mT @ v) / (q @ k.sum(1, keepdim=True).mT)),
    ("future_read_undivided", lambda q, k, v: q @ (k.mT @ v)),
    ("future_read_undivided", lambda q, k, v: q @ k.mT @ v),
    ("itself_left_out", lambda q, k, v: ((q @ k.mT).tril(-1) @ v / (q @ k.mT).tril(-1).sum(-1, keepdim=True)).nan_to_num()),
    ("itself_left_out", lambda q, k, v: (q @ k.mT).tril(-1) @ v / (q @ k.mT).tril(-1).sum(-1, keepdim=True)),
    ("itself_counted_only", lambda q, k, v: (q @ k.mT).tril(-1) @ v / (q @ k.mT).tril().sum(-1, keepdim=True)),
    ("softmax_kept", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True)),
    ("divided_over_queries", lambda q, k, v: F.normalize((q @ k.mT).tril(), p=1, dim=1) @ v),
    ("features_taken_twice", lambda q, k, v: parallel(F.elu(q) + 1, F.elu(k) + 1, v)),
    ("wrong_shape", lambda q, k, v: (q @ k.mT).tril()),
    ("raises", lambda q, k, v: up(q, k, v) / (q @ k.mT).tril().sum(-1)[:, None, None, :, 9]),
):  # fmt: skip
    wrong("linear_attention", said)(answer)

# --- 10.6 ---


@right("catches_forgotten_factor")
def rising_scores(attend):
    scores, values = torch.arange(6.0)[None], torch.randn(6, 3)
    torch.testing.assert_close(attend(scores, values, 2), scores.softmax(-1) @ values)


@right("catches_forgotten_factor")
def any_tile(attend):
    torch.manual_seed(0)
    scores, values = 3 * torch.randn(4, 12), torch.randn(12, 5)
    for tile in (1, 2, 3, 4):
        assert torch.allclose(attend(scores, values, tile), attend(scores, values, 12), atol=1e-5)


@right("catches_forgotten_factor")
def any_order(attend):
    scores, values = torch.tensor([[0.0, 5.0]]), torch.tensor([[1.0], [2.0]])
    one = attend(scores, values, 1)
    return torch.allclose(one, attend(scores.flip(1), values.flip(0), 1), atol=1e-5)


@right("catches_forgotten_factor")
def largest_wins(attend):
    scores = torch.tensor([[0.0, 0.0, 30.0, 30.0]])
    values = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
    assert abs(attend(scores, values, 2).item() - 1) < 1e-4


@right("catches_forgotten_factor")
def by_hand(attend):
    scores = torch.tensor([[1.0, 3.0, 6.0, 2.0]]).log()
    values = torch.tensor([[6.0], [2.0], [4.0], [12.0]])
    assert abs(attend(scores, values, 2).item() - 5) < 1e-4


@right("catches_forgotten_factor")
def random_rows(attend):
    for seed in range(5):
        torch.manual_seed(seed)
        scores, values = torch.randn(5, 9), torch.randn(9, 2)
        expected = torch.softmax(scores, -1) @ values
        assert (attend(scores, values, 3) - expected).abs().max() < 1e-5


@right("catches_forgotten_factor")
def shares(attend):
    weights = attend(torch.tensor([[0.0, 10.0]]), torch.eye(2), 1)
    return bool(weights[0, 0] < 0.01)


@wrong("catches_forgotten_factor", "only_one_tile")
def whole_row_only(attend):
    scores, values = torch.randn(2, 6), torch.randn(6, 3)
    assert torch.allclose(attend(scores, values, 6), scores.softmax(-1) @ values, atol=1e-5)


@wrong("catches_forgotten_factor", "largest_in_first_tile")
def falling(attend):
    scores, values = torch.arange(6.0).flip(0)[None], torch.randn(6, 3)
    assert torch.allclose(attend(scores, values, 2), scores.softmax(-1) @ values, atol=1e-5)


@wrong("catches_forgotten_factor", "largest_in_first_tile")
def all_zero(attend):
    values = torch.randn(6, 3)
    assert torch.allclose(attend(torch.zeros(1, 6), values, 2), values.mean(0), atol=1e-5)


@wrong("catches_forgotten_factor", "all_values_alike")
def ones(attend):
    assert torch.allclose(attend(torch.randn(3, 6), torch.ones(6, 2), 2), torch.ones(3, 2))


@wrong("catches_forgotten_factor", "test_misses_bug")
def shape_only(attend):
    assert attend(torch.arange(6.0)[None], torch.randn(6, 3), 2).shape == (1, 3)


@wrong("catches_forgotten_factor", "test_misses_bug")
def no_nan(attend):
    assert attend(100 * torch.randn(4, 8), torch.randn(8, 2), 2).isfinite().all()


@wrong("catches_forgotten_factor", "test_reversed")
def must_differ(attend):
    scores, values = torch.arange(6.0)[None], torch.randn(6, 3)
    assert not torch.allclose(attend(scores, values, 2), scores.softmax(-1) @ values, atol=1e-4)


@wrong("catches_forgotten_factor", "test_rejects_right")
def never(attend):
    raise AssertionError


@wrong("catches_forgotten_factor", "test_rejects_right")
def mean_expected(attend):
    scores, values = torch.arange(6.0)[None], torch.randn(6, 3)
    assert torch.allclose(attend(scores, values, 2), values.mean(0))


@wrong("catches_forgotten_factor", "test_raises")
def two_arguments(attend):
    assert attend(torch.randn(2, 4), torch.randn(4, 2)).isfinite().all()


@wrong("catches_forgotten_factor", "test_raises")
def wrong_lengths(attend):
    assert attend(torch.randn(2, 4), torch.randn(5, 2), 2).isfinite().all()


# --- 10.7 ---


@right("cache_bytes")
def product(layers, kv_heads, head_dim, itemsize, length, window):
    return 2 * layers * kv_heads * head_dim * itemsize * min(length, window)


@right("cache_bytes")
def with_prod(layers, kv_heads, head_dim, itemsize, length, window):
    return math.prod((2, layers, kv_heads, head_dim, itemsize, min(window, length)))


@right("cache_bytes")
def by_token(layers, kv_heads, head_dim, itemsize, length, window):
    token = (kv_heads * head_dim + kv_heads * head_dim) * itemsize * layers
    return token * (window if length > window else length)


@right("cache_bytes")
def with_tensors(layers, kv_heads, head_dim, itemsize, length, window):
    key = torch.empty(layers, kv_heads, min(length, window), head_dim, dtype=torch.int8)
    return 2 * key.numel() * itemsize


@right("cache_bytes")
def with_float(layers, kv_heads, head_dim, itemsize, length, window):
    return float(np.prod([layers, kv_heads, head_dim, itemsize]) * 2 * np.minimum(length, window))


@right("cache_bytes")
def in_a_loop(layers, kv_heads, head_dim, itemsize, length, window):
    total = 0
    for _ in range(layers):
        for _ in ("key", "value"):
            total += min(length, window) * kv_heads * head_dim * itemsize
    return total


for said, answer in (
    ("keys_or_values", lambda y, g, d, b, n, w: y * g * d * b * min(n, w)),
    ("numbers_not_bytes", lambda y, g, d, b, n, w: 2 * y * g * d * min(n, w)),
    ("bits_counted", lambda y, g, d, b, n, w: 8 * 2 * y * g * d * b * min(n, w)),
    ("one_layer_only", lambda y, g, d, b, n, w: 2 * g * d * b * min(n, w)),
    ("one_kv_head_only", lambda y, g, d, b, n, w: 2 * y * d * b * min(n, w)),
    ("whole_length_kept", lambda y, g, d, b, n, w: 2 * y * g * d * b * n),
    ("window_always_full", lambda y, g, d, b, n, w: 2 * y * g * d * b * w),
    ("longer_taken", lambda y, g, d, b, n, w: 2 * y * g * d * b * max(n, w)),
    ("window_added", lambda y, g, d, b, n, w: 2 * y * g * d * b * (n + w)),
    ("pairs_kept", lambda y, g, d, b, n, w: 2 * y * g * d * b * n * n),
    ("own_token_not_kept", lambda y, g, d, b, n, w: 2 * y * g * d * b * (min(n, w) - 1)),
    ("own_token_not_kept", lambda y, g, d, b, n, w: 2 * y * g * d * b * min(n - 1, w)),
    ("window_one_too_many", lambda y, g, d, b, n, w: 2 * y * g * d * b * min(n, w + 1)),
    ("reach_kept", lambda y, g, d, b, n, w: 2 * y * g * d * b * min(n, w * y)),
    ("pairs_kept", lambda y, g, d, b, n, w: 2 * y * g * d * b * n * min(n, w)),
    (("keys_or_values", "numbers_not_bytes"), lambda y, g, d, b, n, w: y * g * d * min(n, w)),
    (("keys_or_values", "whole_length_kept"), lambda y, g, d, b, n, w: y * g * d * b * n),
    ("wrong_type", lambda y, g, d, b, n, w: f"{2 * y * g * d * b * min(n, w)} B"),
    ("no_return", lambda y, g, d, b, n, w: print(2 * y * g * d * b * min(n, w))),
):  # fmt: skip
    wrong("cache_bytes", said)(answer)
