"""Chapter 10: long inputs. Answers by writers who had not seen the checks."""

import math

import torch
from torch.nn import functional as F

from tests.checks.answers.filed import right, wrong

# ---------------------------------------------------------------- 10.1

right("four_times")((16, 16, 4, 4, 1))
right("four_times")([16.0, 16.0, 4.0, 4.0, 1.0])
right("four_times")(torch.tensor([16, 16, 4, 4, 1]))

# half of the pairs is causal, so it grows half as much: 8
wrong("four_times", "half_grows_half")([16, 8, 4, 4, 1])
# the window is of fixed size, so its pairs do not grow at all
wrong("four_times", "window_stays")([16, 16, 1, 4, 1])
# the window's pairs are believed to grow with the square, like the full ones
wrong("four_times", "window_full")([16, 16, 16, 4, 1])
# the cache is believed to hold pairs: grows with the square
wrong("four_times", "cache_of_pairs")([16, 16, 4, 16, 1])
# the state of linear attention is believed to grow with the text
wrong("four_times", "state_grows")([16, 16, 4, 4, 4])
# the cache holds keys and values, so it grows twice as much: 8
wrong("four_times", "cache_of_two")([16, 16, 4, 8, 1])
# pairs are believed to grow in proportion to the length
wrong("four_times", "pairs_grow_with_length")([4, 4, 4, 4, 1])


# ---------------------------------------------------------------- 10.2


@right("online_softmax")
def online_row_by_row(scores, values, tile):
    rows = []
    for row in scores:
        m, total, out = -math.inf, 0.0, torch.zeros_like(values[0])
        for start in range(0, len(row), tile):
            part = row[start : start + tile]
            new = max(m, part.max().item())
            factor = math.exp(m - new)
            w = torch.exp(part - new)
            total = total * factor + w.sum()
            out = out * factor + w @ values[start : start + tile]
            m = new
        rows.append(out / total)
    return torch.stack(rows)


@right("online_softmax")
def online_by_log_sum(scores, values, tile):
    # keeps the finished output and one number a row, log(sum of exp)
    known, out = None, None
    for s, v in zip(scores.split(tile, dim=1), values.split(tile), strict=True):
        here = s.logsumexp(dim=1, keepdim=True)
        found = torch.exp(s - here) @ v
        if known is None:
            known, out = here, found
        else:
            both = torch.logaddexp(known, here)
            out = torch.exp(known - both) * out + torch.exp(here - both) * found
            known = both
    return out


class Reader:
    "Largest score, sum and output of the keys read so far."

    def __init__(self, scores, values):
        self.top = scores.max(dim=1).values
        e = torch.exp(scores - self.top[:, None])
        self.total, self.out = e.sum(dim=1), torch.einsum("qk,kv->qv", e, values)

    def read(self, scores, values):
        other = Reader(scores, values)
        top = torch.maximum(self.top, other.top)
        mine, theirs = (self.top - top).exp(), (other.top - top).exp()
        self.total = mine * self.total + theirs * other.total
        self.out = mine[:, None] * self.out + theirs[:, None] * other.out
        self.top = top


@right("online_softmax")
def online_by_class(scores, values, tile):
    scores, values = scores.double(), values.double()
    reader, at = Reader(scores[:, :tile], values[:tile]), tile
    while at < scores.shape[1]:
        reader.read(scores[:, at : at + tile], values[at : at + tile])
        at += tile
    return (reader.out / reader.total[:, None]).float()


# forgets the factor: sum and output are not brought to the new maximum
@wrong("online_softmax", "rescaling_forgotten")
def online_no_factor(scores, values, tile):
    highest = torch.full((len(scores), 1), -math.inf)
    total, output = 0, 0
    for some, mixed in zip(scores.split(tile, 1), values.split(tile), strict=True):
        highest = torch.maximum(highest, some.amax(dim=1, keepdim=True))
        weights = torch.exp(some - highest)
        total = total + weights.sum(dim=1, keepdim=True)
        output = output + weights @ mixed
    return output / total


# the factor's sign is reversed: exp(new - old) instead of exp(old - new)
@wrong("online_softmax", "factor_flipped")
def online_factor_reversed(scores, values, tile):
    parts = list(zip(scores.split(tile, 1), values.split(tile), strict=True))
    some, mixed = parts[0]
    highest = some.amax(dim=1, keepdim=True)
    weights = torch.exp(some - highest)
    total, output = weights.sum(dim=1, keepdim=True), weights @ mixed
    for some, mixed in parts[1:]:
        before = highest
        highest = torch.maximum(before, some.amax(dim=1, keepdim=True))
        factor = torch.exp(highest - before)
        weights = torch.exp(some - highest)
        total = total * factor + weights.sum(dim=1, keepdim=True)
        output = output * factor + weights @ mixed
    return output / total


# only the sum is rescaled, the output is not
@wrong("online_softmax", "output_not_rescaled")
def online_output_not_rescaled(scores, values, tile):
    highest = torch.full((len(scores), 1), -math.inf)
    total, output = torch.zeros(len(scores), 1), 0
    for some, mixed in zip(scores.split(tile, 1), values.split(tile), strict=True):
        before = highest
        highest = torch.maximum(before, some.amax(dim=1, keepdim=True))
        weights = torch.exp(some - highest)
        total = total * torch.exp(before - highest) + weights.sum(dim=1, keepdim=True)
        output = output + weights @ mixed
    return output / total


# takes a softmax of each tile by itself and averages the tiles
@wrong("online_softmax", "tiles_averaged")
def online_mean_of_tiles(scores, values, tile):
    found = []
    for some, mixed in zip(scores.split(tile, 1), values.split(tile), strict=True):
        weights = torch.exp(some - some.amax(dim=1, keepdim=True))
        found.append(weights @ mixed / weights.sum(dim=1, keepdim=True))
    return torch.stack(found).mean(dim=0)


# leaves out the last tile where it is shorter
@wrong("online_softmax", "last_tile_dropped")
def online_rest_left_out(scores, values, tile):
    highest = torch.full((len(scores), 1), -math.inf)
    total, output = torch.zeros(len(scores), 1), 0
    for n in range(scores.shape[1] // tile):
        some = scores[:, n * tile : (n + 1) * tile]
        mixed = values[n * tile : (n + 1) * tile]
        before = highest
        highest = torch.maximum(before, some.amax(dim=1, keepdim=True))
        factor, weights = torch.exp(before - highest), torch.exp(some - highest)
        total = total * factor + weights.sum(dim=1, keepdim=True)
        output = output * factor + weights @ mixed
    return output / total


# the new tile's weights are taken under its own maximum, not under the running one
@wrong("online_softmax", "new_tile_measured_otherwise")
def online_weights_of_own_maximum(scores, values, tile):
    highest = torch.full((len(scores), 1), -math.inf)
    total, output = torch.zeros(len(scores), 1), 0
    for some, mixed in zip(scores.split(tile, 1), values.split(tile), strict=True):
        before, own = highest, some.amax(dim=1, keepdim=True)
        highest = torch.maximum(before, own)
        factor, weights = torch.exp(before - highest), torch.exp(some - own)
        total = total * factor + weights.sum(dim=1, keepdim=True)
        output = output * factor + weights @ mixed
    return output / total


# applies the factor to the new tile as well: adds first, then rescales
@wrong("online_softmax", "new_tile_rescaled")
def online_factor_on_all(scores, values, tile):
    parts = list(zip(scores.split(tile, 1), values.split(tile), strict=True))
    highest = parts[0][0].amax(dim=1, keepdim=True)
    total, output = 0, 0
    for some, mixed in parts:
        before = highest
        highest = torch.maximum(before, some.amax(dim=1, keepdim=True))
        factor, weights = torch.exp(before - highest), torch.exp(some - highest)
        total = (total + weights.sum(dim=1, keepdim=True)) * factor
        output = (output + weights @ mixed) * factor
    return output / total


# ---------------------------------------------------------------- 10.3


@right("window_mask")
def window_two_triangles(length, window):
    return torch.ones(length, length, dtype=torch.bool).tril().triu(1 - window)


@right("window_mask")
def window_row_by_row(length, window):
    mask = torch.zeros(length, length, dtype=torch.bool)
    for i in range(length):
        mask[i, max(0, i - window + 1) : i + 1] = True
    return mask


@right("window_mask")
def window_diagonals(length, window):
    # the main diagonal, and window - 1 diagonals below it
    total = torch.zeros(length, length, dtype=torch.int64)
    for back in range(min(window, length)):
        ones = torch.ones(length - back, dtype=torch.int64)
        total += torch.diag(ones, -back)
    return total > 0


# the token itself is not counted: sees window tokens before it and itself, one too many
@wrong("window_mask", "window_one_too_many")
def window_one_too_many(length, window):
    place = torch.arange(length)
    distance = place[:, None] - place
    return (distance >= 0) & (distance <= window)


# sees the window tokens before it, but not itself
@wrong("window_mask", "window_without_itself")
def window_without_itself(length, window):
    place = torch.arange(length)
    distance = place[:, None] - place
    return (distance > 0) & (distance <= window)


# rows and columns swapped: each token sees the following ones
@wrong("window_mask", "window_ahead")
def window_future(length, window):
    place = torch.arange(length)
    distance = place - place[:, None]
    return (distance >= 0) & (distance < window)


# not causal: the window reaches to both sides
@wrong("window_mask", "window_both_sides")
def window_both_sides(length, window):
    place = torch.arange(length)
    return (place[:, None] - place).abs() < window


# True where it is forbidden
@wrong("window_mask", "mask_inverted")
def window_inverted(length, window):
    place = torch.arange(length)
    distance = place[:, None] - place
    return (distance < 0) | (distance >= window)


# fixed blocks of window tokens instead of a window that moves along
@wrong("window_mask", "blocks_not_windows")
def window_blocks(length, window):
    place = torch.arange(length)
    same_block = place[:, None] // window == place // window
    return same_block & (place[:, None] >= place)


# an additive mask of 0 and minus infinity instead of True and False
@wrong("window_mask", "additive_mask")
def window_additive(length, window):
    place = torch.arange(length)
    distance = place[:, None] - place
    allowed = (distance >= 0) & (distance < window)
    return torch.zeros(length, length).masked_fill(~allowed, -math.inf)


# ---------------------------------------------------------------- 10.4


@right("grouped_queries")
def grouped_head_by_head(query, key, value):
    share = query.shape[1] // key.shape[1]
    found = []
    for h in range(query.shape[1]):
        k, v = key[:, h // share], value[:, h // share]
        scores = query[:, h] @ k.transpose(1, 2) / math.sqrt(query.shape[-1])
        found.append(scores.softmax(dim=-1) @ v)
    return torch.stack(found, dim=1)


@right("grouped_queries")
def grouped_einsum(query, key, value):
    b, h, q_len, d = query.shape
    kv = key.shape[1]
    grouped = query.reshape(b, kv, h // kv, q_len, d)
    scores = torch.einsum("bgsqd,bgkd->bgsqk", grouped, key) * d**-0.5
    found = torch.einsum("bgsqk,bgkv->bgsqv", scores.softmax(-1), value)
    return found.reshape(b, h, q_len, value.shape[-1])


@right("grouped_queries")
def grouped_by_pytorch(query, key, value):
    return F.scaled_dot_product_attention(query, key, value, enable_gqa=True)


# deals the heads out in turn (repeat) instead of sharing among neighbours
@wrong("grouped_queries", "heads_dealt_out")
def grouped_dealt(query, key, value):
    share = query.shape[1] // key.shape[1]
    key, value = key.repeat(1, share, 1, 1), value.repeat(1, share, 1, 1)
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    return scores.softmax(dim=-1) @ value


# keys are repeated in place, values are dealt out in turn
@wrong("grouped_queries", "values_dealt_out")
def grouped_values_dealt(query, key, value):
    share = query.shape[1] // key.shape[1]
    key = key.repeat_interleave(share, dim=1)
    value = torch.cat([value] * share, dim=1)
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    return scores.softmax(dim=-1) @ value


# scores are not divided by the root of head_dim
@wrong("grouped_queries", "scale_missing")
def grouped_unscaled(query, key, value):
    share = query.shape[1] // key.shape[1]
    key, value = (x.repeat_interleave(share, dim=1) for x in (key, value))
    return (query @ key.mT).softmax(dim=-1) @ value


# all query heads read the first head of keys and values (multi-query)
@wrong("grouped_queries", "first_head_for_all")
def grouped_first_head_for_all(query, key, value):
    scores = query @ key[:, :1].mT / math.sqrt(query.shape[-1])
    return scores.softmax(dim=-1) @ value[:, :1]


# adds a causal mask that was not asked for
@wrong("grouped_queries", "mask_not_asked")
def grouped_causal(query, key, value):
    share = query.shape[1] // key.shape[1]
    key, value = (x.repeat_interleave(share, dim=1) for x in (key, value))
    return F.scaled_dot_product_attention(query, key, value, is_causal=True)


# groups rightly, but returns the heads in another order (group inside share)
@wrong("grouped_queries", "heads_out_of_order")
def grouped_heads_reordered(query, key, value):
    grouped = query.unflatten(1, (key.shape[1], -1))
    scores = grouped @ key[:, :, None].mT / math.sqrt(query.shape[-1])
    found = scores.softmax(dim=-1) @ value[:, :, None]
    return found.transpose(1, 2).flatten(1, 2)


# believes that the queries of a group are shared too: takes their mean
@wrong("grouped_queries", "groups_averaged")
def grouped_mean_of_queries(query, key, value):
    share = query.shape[1] // key.shape[1]
    mean = query.unflatten(1, (-1, share)).mean(dim=2)
    scores = mean @ key.mT / math.sqrt(query.shape[-1])
    return (scores.softmax(dim=-1) @ value).repeat_interleave(share, dim=1)


# ---------------------------------------------------------------- 10.5


@right("linear_attention")
def linear_all_pairs(query, key, value):
    scores = torch.tril(query @ key.transpose(1, 2))
    return (scores @ value).div(scores.sum(dim=2, keepdim=True))


@right("linear_attention")
def linear_token_by_token(query, key, value):
    batch, length, width = key.shape
    state = key.new_zeros(batch, width, value.shape[-1])
    total = key.new_zeros(batch, width)
    rows = []
    for n in range(length):
        state = state + key[:, n, :, None] * value[:, n, None, :]
        total = total + key[:, n]
        top = torch.einsum("bd,bdv->bv", query[:, n], state)
        rows.append(top / (query[:, n] * total).sum(-1, keepdim=True))
    return torch.stack(rows, dim=1)


@right("linear_attention")
def linear_with_a_column_of_ones(query, key, value):
    # the denominator is what comes out for a value of 1
    ones = torch.ones_like(value[..., :1])
    more = torch.cat([value, ones], dim=-1)
    state = torch.cumsum(key.unsqueeze(-1) * more.unsqueeze(-2), dim=1)
    both = (query.unsqueeze(-2) @ state).squeeze(-2)
    return both[..., :-1] / both[..., -1:]


# the denominator is not causal: sums over later keys too
@wrong("linear_attention", "normaliser_of_everything")
def linear_denominator_of_all(query, key, value):
    scores = query @ key.mT
    return scores.tril() @ value / scores.sum(dim=-1, keepdim=True)


# no normaliser
@wrong("linear_attention", "normaliser_missing")
def linear_undivided(query, key, value):
    return (query @ key.mT).tril() @ value


# not causal at all: every token reads the sum over the whole text
@wrong("linear_attention", "future_read")
def linear_everybody(query, key, value):
    state = key.mT @ value
    total = key.sum(dim=1, keepdim=True)
    return query @ state / (query @ total.mT)


# applies ELU + 1 once more, although the features are given
@wrong("linear_attention", "features_taken_twice")
def linear_features_twice(query, key, value):
    query, key = F.elu(query) + 1, F.elu(key) + 1
    scores = (query @ key.mT).tril()
    return scores @ value / scores.sum(dim=-1, keepdim=True)


# stops before the token itself: sees the past only (first row 0 / 0)
@wrong("linear_attention", "itself_left_out")
def linear_without_itself(query, key, value):
    scores = (query @ key.mT).tril(-1)
    return scores @ value / scores.sum(dim=-1, keepdim=True)


# normalises over the wrong axis: columns (queries) instead of rows
@wrong("linear_attention", "divided_over_queries")
def linear_wrong_axis(query, key, value):
    scores = (query @ key.mT).tril()
    return scores / scores.sum(dim=1, keepdim=True) @ value


# divides by the sum of the keys alone, without the query
@wrong("linear_attention", "normaliser_without_query")
def linear_keys_alone(query, key, value):
    state = torch.einsum("bnd,bnv->bndv", key, value).cumsum(dim=1)
    total = key.cumsum(dim=1).sum(dim=-1, keepdim=True)
    return torch.einsum("bnd,bndv->bnv", query, state) / total


# ---------------------------------------------------------------- 10.6


@right("catches_forgotten_factor")
def tiles_against_softmax(attend):
    torch.manual_seed(1)
    scores, values = 3 * torch.randn(5, 13), torch.randn(13, 4)
    expected = scores.softmax(dim=1) @ values
    for tile in (1, 2, 3, 5, 13):
        found = attend(scores, values, tile)
        assert torch.allclose(found, expected, atol=1e-4), f"tile = {tile}"


@right("catches_forgotten_factor")
def tiles_by_hand(attend):
    # the chapter's example: 5, not 4.5
    scores = torch.tensor([[1.0, 3.0, 6.0, 2.0]]).log()
    values = torch.tensor([[6.0], [2.0], [4.0], [12.0]])
    out = attend(scores, values, 2)
    assert out.shape == (1, 1)
    assert abs(out.item() - 5.0) < 1e-4


@right("catches_forgotten_factor")
def tiles_in_either_order(attend):
    # the order of the keys must not matter
    rising = torch.linspace(-2, 4, 12)[None]
    values = torch.arange(24.0).view(12, 2)
    forwards = attend(rising, values, 3)
    backwards = attend(rising.flip(1), values.flip(0), 3)
    if (forwards - backwards).abs().max() > 1e-3:
        raise AssertionError("depends on the order")


# scores that fall: the maximum never rises, so that the factor is always 1
@wrong("catches_forgotten_factor", "largest_in_first_tile")
def tiles_falling(attend):
    scores, values = torch.arange(6.0).flip(0)[None], torch.eye(6)
    expected = scores.softmax(dim=-1) @ values
    torch.testing.assert_close(attend(scores, values, 2), expected)


# one tile holds the whole row, so that nothing has to be rescaled
@wrong("catches_forgotten_factor", "only_one_tile")
def tiles_only_one(attend):
    torch.manual_seed(0)
    scores, values = torch.randn(4, 8), torch.randn(8, 3)
    torch.testing.assert_close(attend(scores, values, 8), scores.softmax(dim=-1) @ values)


# all values are 1: numerator and denominator have the same error, 1 comes out
@wrong("catches_forgotten_factor", "all_values_alike")
def tiles_values_of_one(attend):
    torch.manual_seed(0)
    scores, values = torch.randn(4, 8), torch.ones(8, 3)
    torch.testing.assert_close(attend(scores, values, 2), torch.ones(4, 3))


# all scores are alike: the maximum never changes
@wrong("catches_forgotten_factor", "largest_in_first_tile")
def tiles_scores_alike(attend):
    torch.manual_seed(0)
    scores, values = torch.zeros(4, 8), torch.randn(8, 3)
    expected = values.mean(dim=0).expand(4, 3)
    torch.testing.assert_close(attend(scores, values, 2), expected)


# asks for equality to the last bit, and rejects a right function for its rounding
@wrong("catches_forgotten_factor", "test_rejects_right")
def tiles_exactly_equal(attend):
    torch.manual_seed(0)
    scores, values = torch.randn(16, 64), torch.randn(64, 8)
    assert torch.equal(attend(scores, values, 4), scores.softmax(dim=-1) @ values)


# its reference takes the softmax over the queries, and rejects a right function
@wrong("catches_forgotten_factor", "test_rejects_right")
def tiles_wrong_reference(attend):
    torch.manual_seed(0)
    scores, values = torch.randn(4, 8), torch.randn(8, 3)
    expected = scores.softmax(dim=0) @ values
    torch.testing.assert_close(attend(scores, values, 2), expected, atol=1e-4, rtol=1e-4)


# looks at the shape and for NaN only
@wrong("catches_forgotten_factor", "test_misses_bug")
def tiles_shape(attend):
    scores, values = torch.arange(6.0)[None], torch.eye(6)
    found = attend(scores, values, 2)
    assert found.shape == (1, 6)
    assert not found.isnan().any()


# ---------------------------------------------------------------- 10.7


@right("cache_bytes")
def bytes_layer_by_layer(layers, kv_heads, head_dim, itemsize, length, window):
    kept = length if length < window else window
    total = 0
    for _ in range(layers):
        keys = kept * kv_heads * head_dim
        values = keys
        total += (keys + values) * itemsize
    return total


right("cache_bytes")(
    lambda layers, kv_heads, head_dim, itemsize, length, window: math.prod(
        [2, layers, kv_heads, head_dim, itemsize, sorted([length, window])[0]]
    )
)


@right("cache_bytes")
def bytes_of_tensors(layers, kv_heads, head_dim, itemsize, length, window):
    # tensors without numbers, as large as the real ones
    shape = (layers, kv_heads, min(window, length), head_dim)
    keys, values = (torch.empty(shape, device="meta") for _ in "kv")
    return itemsize * (keys.numel() + values.numel())


# counts one of keys and values only
@wrong("cache_bytes", "keys_or_values")
def bytes_keys_only(layers, kv_heads, head_dim, itemsize, length, window):
    return layers * kv_heads * head_dim * itemsize * min(length, window)


# ignores the window: keeps all tokens
@wrong("cache_bytes", "whole_length_kept")
def bytes_of_all_tokens(layers, kv_heads, head_dim, itemsize, length, window):
    return 2 * layers * kv_heads * head_dim * itemsize * length


# takes the window even where the text is shorter
@wrong("cache_bytes", "window_always_full")
def bytes_always_window(layers, kv_heads, head_dim, itemsize, length, window):
    return 2 * layers * kv_heads * head_dim * itemsize * window


# one cache for all layers: the layers are forgotten
@wrong("cache_bytes", "one_layer_only")
def bytes_one_layer(layers, kv_heads, head_dim, itemsize, length, window):
    return 2 * kv_heads * head_dim * itemsize * min(length, window)


# keeps as many tokens as several layers reach back, n (w - 1) + 1, instead of the window
@wrong("cache_bytes", "reach_kept")
def bytes_of_reach(layers, kv_heads, head_dim, itemsize, length, window):
    tokens = min(length, layers * (window - 1) + 1)
    return 2 * layers * kv_heads * head_dim * itemsize * tokens


# off by one: leaves the token itself out of the window, although its key is kept as well
@wrong("cache_bytes", "own_token_not_kept")
def bytes_window_without_itself(layers, kv_heads, head_dim, itemsize, length, window):
    tokens = min(length, window - 1)
    return 2 * layers * kv_heads * head_dim * itemsize * tokens


# counts pairs: a cache for each of the tokens, length times window
@wrong("cache_bytes", "pairs_kept")
def bytes_of_pairs(layers, kv_heads, head_dim, itemsize, length, window):
    return 2 * layers * kv_heads * head_dim * itemsize * length * min(length, window)
