"""Chapter 9: generation. Answers by writers who had not seen the checks."""

import math

import torch
from torch.nn import functional as F

from tests.checks.answers.filed import right, wrong

# ---------------------------------------------------------------- 9.1
# anew 10 + 11 + 12 + 13 + 14 = 60, cached 10 + 4 = 14, numbers 2 * 3 * 40 = 240

right("cache_numbers")((60, 14, 240))
right("cache_numbers")(torch.tensor([60, 14, 240]))
right("cache_numbers")([60.0, 14.0, 240.0])

# sends the last written token through the blocks as well, though nothing is asked after it
wrong("cache_numbers", "last_token_read")([75, 15, 240])
# counts each pass with the token that it writes: 11 to 15, and all 15 with a cache
wrong("cache_numbers", "written_token_counted")([65, 15, 240])
# numbers a token: keys and values of one block only, the three blocks forgotten
wrong("cache_numbers", "one_block_alone")([60, 14, 80])
# numbers a token: only one of key and value is counted
wrong("cache_numbers", "keys_alone")([60, 14, 120])
# with a cache counts the five written tokens only, as if the prompt did not pass
wrong("cache_numbers", "cache_prompt_forgotten")([60, 5, 240])
# believes that queries are kept too: three vectors instead of two
wrong("cache_numbers", "queries_kept")([60, 14, 360])
# multiplies by the five heads, although they share the 40 numbers of the width
wrong("cache_numbers", "heads_counted_twice")([60, 14, 1200])


# ---------------------------------------------------------------- 9.2


@right("temperature")
def temperature_rows(logits, temperature):
    rows = []
    for row in logits:
        if temperature == 0:
            p = torch.zeros_like(row)
            p[row.argmax()] = 1
        else:
            e = torch.exp((row - row.max()) / temperature)
            p = e / e.sum()
        rows.append(p)
    return torch.stack(rows)


@right("temperature")
def temperature_logsumexp(logits, temperature):
    if not temperature:
        return (logits == logits.max(dim=1, keepdim=True).values).to(logits.dtype)
    scaled = logits / temperature
    return torch.exp(scaled - scaled.logsumexp(dim=1, keepdim=True))


@right("temperature")
def temperature_power_in_double(logits, temperature):
    # p ** (1 / T), divided by its sum, in logarithms and double precision
    log_p = logits.double().log_softmax(dim=-1)
    if temperature == 0:
        return torch.eye(logits.shape[-1], dtype=torch.float64)[log_p.argmax(dim=-1)]
    return (log_p * (1 / temperature)).softmax(dim=-1)


# multiplies by the temperature instead of dividing
@wrong("temperature", "temperature_multiplied")
def temperature_multiplied(logits, temperature):
    if temperature == 0:
        return F.one_hot(logits.argmax(dim=-1), logits.shape[-1]).to(logits.dtype)
    return (logits * temperature).softmax(dim=-1)


# no case for temperature 0: divides by it
@wrong("temperature", "divided_by_zero")
def temperature_no_case(logits, temperature):
    return (logits / temperature).softmax(dim=-1)


# softmax over the batch instead of the vocabulary
@wrong("temperature", "softmax_over_rows")
def temperature_over_batch(logits, temperature):
    if temperature == 0:
        return F.one_hot(logits.argmax(dim=-1), logits.shape[-1]).to(logits.dtype)
    return (logits / temperature).softmax(dim=0)


# divides the probabilities instead of the logits, then takes a second softmax
@wrong("temperature", "temperature_inside_twice")
def temperature_of_probabilities(logits, temperature):
    if temperature == 0:
        return F.one_hot(logits.argmax(dim=-1), logits.shape[-1]).to(logits.dtype)
    return (logits.softmax(dim=-1) / temperature).softmax(dim=-1)


# takes temperature 0 for 'switched off' and returns the plain softmax
@wrong("temperature", "zero_taken_for_one")
def temperature_zero_is_off(logits, temperature):
    if temperature > 0:
        logits = logits / temperature
    return logits.softmax(dim=-1)


# returns the chosen token's number at temperature 0 instead of probabilities
@wrong("temperature", "wrong_shape")
def temperature_token_not_probabilities(logits, temperature):
    if temperature == 0:
        return logits.argmax(dim=-1)
    return (logits / temperature).softmax(dim=-1)


# takes the largest logit of the whole batch at temperature 0: the other rows are empty
@wrong("temperature", "one_chosen_of_all")
def temperature_global_largest(logits, temperature):
    if temperature == 0:
        return (logits == logits.max()).to(logits.dtype)
    return (logits / temperature).softmax(dim=-1)


# ---------------------------------------------------------------- 9.3


@right("top_k")
def top_k_python(logits, k):
    out = torch.zeros_like(logits)
    for b, row in enumerate(logits.tolist()):
        limit, top = sorted(row, reverse=True)[k - 1], max(row)
        e = [math.exp(v - top) if v >= limit else 0.0 for v in row]
        out[b] = torch.tensor([v / sum(e) for v in e], dtype=logits.dtype)
    return out


@right("top_k")
def top_k_by_counting(logits, k):
    # stays in: fewer than k tokens are strictly larger
    larger = (logits.unsqueeze(1) > logits.unsqueeze(2)).sum(dim=-1)
    e = (logits - logits.amax(dim=-1, keepdim=True)).exp()
    e = torch.where(larger < k, e, torch.zeros_like(e))
    return e / e.sum(dim=-1, keepdim=True)


@right("top_k")
def top_k_kthvalue_renormalised(logits, k):
    logits = logits.double()
    limit = logits.kthvalue(logits.shape[-1] - k + 1, dim=-1, keepdim=True).values
    p = logits.softmax(dim=-1) * (logits >= limit)
    return p / p.sum(dim=-1, keepdim=True)


# keeps exactly k: who ties with the k-th is dropped
@wrong("top_k", "ties_cut")
def top_k_exactly_k(logits, k):
    values, index = logits.topk(k, dim=-1)
    kept = torch.full_like(logits, -math.inf).scatter(-1, index, values)
    return kept.softmax(dim=-1)


# sets the others' logits to 0 instead of minus infinity
@wrong("top_k", "zero_for_minus_infinity")
def top_k_zero_logits(logits, k):
    limit = logits.topk(k, dim=-1).values[:, -1:]
    return logits.masked_fill(logits < limit, 0.0).softmax(dim=-1)


# zeroes the others after the softmax and does not renormalise: rows sum to less than 1
@wrong("top_k", "shares_not_renormalised")
def top_k_not_renormalised(logits, k):
    limit = logits.topk(k, dim=-1).values[:, -1:]
    return logits.softmax(dim=-1) * (logits >= limit)


# returns the k probabilities alone, (batch, k), not those of the vocabulary
@wrong("top_k", "wrong_shape")
def top_k_only_k_columns(logits, k):
    return logits.topk(k, dim=-1).values.softmax(dim=-1)


# off by one: the limit is the (k+1)-th largest, so k + 1 stay in
@wrong("top_k", "one_too_many")
def top_k_one_too_many(logits, k):
    falling = logits.sort(dim=-1, descending=True).values
    limit = falling[:, k : k + 1]
    return logits.masked_fill(logits < limit, -math.inf).softmax(dim=-1)


# one limit for the whole batch (the smallest) instead of one for each row
@wrong("top_k", "limit_of_the_batch")
def top_k_limit_of_batch(logits, k):
    limit = logits.topk(k, dim=-1).values.min()
    return logits.masked_fill(logits < limit, -math.inf).softmax(dim=-1)


# takes the first of topk's values, the largest, as the limit: only the likeliest stays
@wrong("top_k", "only_the_best")
def top_k_limit_is_largest(logits, k):
    limit = logits.topk(k, dim=-1).values[:, :1]
    return logits.masked_fill(logits < limit, -math.inf).softmax(dim=-1)


# ---------------------------------------------------------------- 9.4


@right("top_p")
def top_p_loop(logits, p):
    shares = logits.softmax(dim=-1)
    kept = torch.zeros_like(shares)
    for b in range(len(shares)):
        total = 0.0
        for n in shares[b].argsort(descending=True).tolist():
            kept[b, n] = shares[b, n]
            total += shares[b, n].item()
            if total >= p:
                break
    return kept / kept.sum(dim=-1, keepdim=True)


@right("top_p")
def top_p_by_rank(logits, p):
    falling, order = logits.softmax(dim=-1).sort(dim=-1, descending=True)
    needed = (falling.cumsum(dim=-1) < p).sum(dim=-1, keepdim=True) + 1
    rank = order.argsort(dim=-1)
    return logits.masked_fill(rank >= needed, -math.inf).softmax(dim=-1)


@right("top_p")
def top_p_pairwise(logits, p):
    # What do all likelier tokens have together? (Ties: the earlier one first.)
    q = logits.double().softmax(dim=-1)
    mine, other = q[:, :, None], q[:, None, :]
    place = torch.arange(q.shape[-1])
    first = (other > mine) | ((other == mine) & (place[None, :] < place[:, None]))
    before = (first * other).sum(dim=-1)
    kept = q * (before < p)
    return (kept / kept.sum(dim=-1, keepdim=True)).to(logits.dtype)


# drops the token with which the sum crosses p: those kept have less than p (or nothing is left)
@wrong("top_p", "crossing_dropped")
def top_p_crossing_dropped(logits, p):
    falling, order = logits.sort(dim=-1, descending=True)
    out = falling.softmax(dim=-1).cumsum(dim=-1) > p
    out = out.scatter(-1, order, out)
    return logits.masked_fill(out, -math.inf).softmax(dim=-1)


# applies the mask of the sorted tokens to the unsorted ones: not brought back to their places
@wrong("top_p", "ranks_for_places")
def top_p_not_back(logits, p):
    shares = logits.softmax(dim=-1).sort(dim=-1, descending=True).values
    out = shares.cumsum(dim=-1) - shares >= p
    return logits.masked_fill(out, -math.inf).softmax(dim=-1)


# does not sort: adds up in the order of the vocabulary
@wrong("top_p", "not_sorted")
def top_p_unsorted(logits, p):
    shares = logits.softmax(dim=-1)
    out = shares.cumsum(dim=-1) - shares >= p
    return logits.masked_fill(out, -math.inf).softmax(dim=-1)


# takes p for a threshold on each token's own probability
@wrong("top_p", "limit_on_each")
def top_p_threshold(logits, p):
    shares = logits.softmax(dim=-1)
    return logits.masked_fill(shares < p, -math.inf).softmax(dim=-1)


# zeroes the rest after the softmax and does not renormalise
@wrong("top_p", "shares_not_renormalised")
def top_p_not_renormalised(logits, p):
    shares, order = logits.softmax(dim=-1).sort(dim=-1, descending=True)
    out = shares.cumsum(dim=-1) - shares >= p
    return torch.zeros_like(logits).scatter(-1, order, shares.masked_fill(out, 0.0))


# uses gather with the order of sorting where scatter (the inverse order) is needed
@wrong("top_p", "order_for_ranks")
def top_p_gathered(logits, p):
    falling, order = logits.sort(dim=-1, descending=True)
    shares = falling.softmax(dim=-1)
    out = shares.cumsum(dim=-1) - shares >= p
    return logits.masked_fill(out.gather(-1, order), -math.inf).softmax(dim=-1)


# sorts ascending: begins with the least likely tokens
@wrong("top_p", "smallest_first")
def top_p_ascending(logits, p):
    rising, order = logits.sort(dim=-1)
    shares = rising.softmax(dim=-1)
    out = shares.cumsum(dim=-1) - shares >= p
    out = out.scatter(-1, order, out)
    return logits.masked_fill(out, -math.inf).softmax(dim=-1)


# ---------------------------------------------------------------- 9.5


@right("cached_step")
def step_by_sdpa(x, w_q, w_k, w_v, keys, values):
    past, new = keys.shape[1], x.shape[1]
    keys = torch.cat((keys, x @ w_k), dim=1)
    values = torch.cat((values, x @ w_v), dim=1)
    mask = torch.ones(new, past + new, dtype=torch.bool).tril(past)
    return F.scaled_dot_product_attention(x @ w_q, keys, values, attn_mask=mask)


@right("cached_step")
def step_one_by_one(x, w_q, w_k, w_v, keys, values):
    rows = []
    for token in x.split(1, dim=1):  # each is the last one: no mask
        keys = torch.cat([keys, token @ w_k], dim=1)
        values = torch.cat([values, token @ w_v], dim=1)
        scores = (token @ w_q) @ keys.transpose(1, 2) * keys.shape[-1] ** -0.5
        rows.append(torch.softmax(scores, -1) @ values)
    return torch.cat(rows, dim=1)


@right("cached_step")
def step_two_parts_einsum(x, w_q, w_k, w_v, keys, values):
    project = lambda w: torch.einsum("btw,wd->btd", x, w)
    q, k, v = map(project, (w_q, w_k, w_v))
    old = torch.einsum("bqd,bkd->bqk", q, keys)
    own = torch.einsum("bqd,bkd->bqk", q, k)
    own = own + torch.full(own.shape[1:], -math.inf).triu(1)
    weights = (torch.cat([old, own], dim=-1) / math.sqrt(q.shape[-1])).softmax(-1)
    past = keys.shape[1]
    return weights[..., :past] @ values + weights[..., past:] @ v


# no mask: new tokens see later new tokens
@wrong("cached_step", "future_seen")
def step_without_mask(x, w_q, w_k, w_v, keys, values):
    keys = torch.cat([keys, x @ w_k], dim=1)
    values = torch.cat([values, x @ w_v], dim=1)
    scores = (x @ w_q) @ keys.mT / math.sqrt(x.shape[-1])
    return scores.softmax(dim=-1) @ values


# causal mask aligned at the upper left: the first new token sees the first cached key only
@wrong("cached_step", "upper_left")
def step_upper_left(x, w_q, w_k, w_v, keys, values):
    keys = torch.cat([keys, x @ w_k], dim=1)
    values = torch.cat([values, x @ w_v], dim=1)
    return F.scaled_dot_product_attention(x @ w_q, keys, values, is_causal=True)


# does not append the new keys and values: new tokens see the past only, not themselves
@wrong("cached_step", "new_forbidden")
def step_past_only(x, w_q, w_k, w_v, keys, values):
    scores = (x @ w_q) @ keys.mT / math.sqrt(x.shape[-1])
    return scores.softmax(dim=-1) @ values


# projects the cached keys and values a second time
@wrong("cached_step", "keys_projected_again")
def step_projected_twice(x, w_q, w_k, w_v, keys, values):
    past = keys.shape[1]
    keys = torch.cat([keys, x], dim=1) @ w_k
    values = torch.cat([values, x], dim=1) @ w_v
    scores = (x @ w_q) @ keys.mT / math.sqrt(x.shape[-1])
    mask = torch.ones_like(scores, dtype=torch.bool).tril(past)
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1) @ values


# masks the weights after the softmax, so that rows no longer sum to 1
@wrong("cached_step", "mask_after_softmax")
def step_masked_after_softmax(x, w_q, w_k, w_v, keys, values):
    past = keys.shape[1]
    keys = torch.cat([keys, x @ w_k], dim=1)
    values = torch.cat([values, x @ w_v], dim=1)
    weights = ((x @ w_q) @ keys.mT / math.sqrt(x.shape[-1])).softmax(dim=-1)
    return weights.tril(past) @ values


# scores are not divided by the root of the width
@wrong("cached_step", "scale_missing")
def step_unscaled(x, w_q, w_k, w_v, keys, values):
    past = keys.shape[1]
    keys = torch.cat([keys, x @ w_k], dim=1)
    values = torch.cat([values, x @ w_v], dim=1)
    scores = (x @ w_q) @ keys.mT
    mask = torch.ones_like(scores, dtype=torch.bool).tril(past)
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1) @ values


# puts the new keys before the cached ones, so that the mask hides the wrong ones
@wrong("cached_step", "new_put_first")
def step_new_first(x, w_q, w_k, w_v, keys, values):
    past = keys.shape[1]
    keys = torch.cat([x @ w_k, keys], dim=1)
    values = torch.cat([x @ w_v, values], dim=1)
    scores = (x @ w_q) @ keys.mT / math.sqrt(x.shape[-1])
    mask = torch.ones_like(scores, dtype=torch.bool).tril(past)
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1) @ values


# ---------------------------------------------------------------- 9.6


@right("rotary_scores")
def scores_in_two_parts(query, key, cached, rotary):
    past = cached.size(-2)
    turned = rotary(query, offset=past) * query.size(-1) ** -0.5
    old = torch.einsum("bhqd,bhkd->bhqk", turned, cached)
    new = torch.einsum("bhqd,bhkd->bhqk", turned, rotary(key, offset=past))
    return torch.cat([old, new], dim=-1)


@right("rotary_scores")
def scores_token_by_token(query, key, cached, rotary):
    past, new = cached.shape[2], query.shape[2]
    at = range(new)
    q = torch.cat([rotary(query[:, :, i : i + 1], offset=past + i) for i in at], dim=2)
    k = torch.cat([rotary(key[:, :, i : i + 1], offset=past + i) for i in at], dim=2)
    keys = torch.cat([cached, k], dim=2)
    return (q[:, :, :, None] * keys[:, :, None]).sum(-1) / math.sqrt(query.shape[3])


@right("rotary_scores")
def scores_by_filling_up(query, key, cached, rotary):
    # filler in front takes the places 0 ... past - 1
    past = cached.shape[-2]

    def turn(x):
        return rotary(F.pad(x, (0, 0, past, 0)))[..., past:, :]

    keys = torch.cat([cached, turn(key)], dim=-2)
    return turn(query) @ keys.transpose(-2, -1) / query.shape[-1] ** 0.5


# forgets the offset: new queries and keys are turned from position 0
@wrong("rotary_scores", "offset_forgotten")
def scores_no_offset(query, key, cached, rotary):
    keys = torch.cat([cached, rotary(key)], dim=-2)
    return rotary(query) @ keys.mT / math.sqrt(query.shape[-1])


# offset for the query only: new keys are turned from position 0
@wrong("rotary_scores", "offset_of_key_forgotten")
def scores_key_at_zero(query, key, cached, rotary):
    past = cached.shape[-2]
    keys = torch.cat([cached, rotary(key)], dim=-2)
    return rotary(query, offset=past) @ keys.mT / math.sqrt(query.shape[-1])


# turns the cached keys a second time, with all keys together
@wrong("rotary_scores", "cache_turned_again")
def scores_turned_twice(query, key, cached, rotary):
    keys = rotary(torch.cat([cached, key], dim=-2))
    turned = rotary(query, offset=cached.shape[-2])
    return turned @ keys.mT / math.sqrt(query.shape[-1])


# off by one: the first new token is placed at past + 1
@wrong("rotary_scores", "one_place_off")
def scores_one_too_far(query, key, cached, rotary):
    at = cached.shape[-2] + 1
    keys = torch.cat([cached, rotary(key, offset=at)], dim=-2)
    return rotary(query, offset=at) @ keys.mT / math.sqrt(query.shape[-1])


# scores are not divided by the root of d_k
@wrong("rotary_scores", "scale_missing")
def scores_unscaled(query, key, cached, rotary):
    past = cached.shape[-2]
    keys = torch.cat([cached, rotary(key, offset=past)], dim=-2)
    return rotary(query, offset=past) @ keys.mT


# turns keys only: the query stays unturned
@wrong("rotary_scores", "query_not_turned")
def scores_query_unturned(query, key, cached, rotary):
    keys = torch.cat([cached, rotary(key, offset=cached.shape[-2])], dim=-2)
    return query @ keys.mT / math.sqrt(query.shape[-1])


# takes the number of heads (axis 1) for the number of past tokens
@wrong("rotary_scores", "offset_of_another_axis")
def scores_past_of_wrong_axis(query, key, cached, rotary):
    past = cached.shape[1]
    keys = torch.cat([cached, rotary(key, offset=past)], dim=-2)
    return rotary(query, offset=past) @ keys.mT / math.sqrt(query.shape[-1])


# ---------------------------------------------------------------- 9.7


@right("left_positions")
def positions_loop(real):
    rows = []
    for row in real.tolist():
        count, places = 0, []
        for is_real in row:
            places.append(count if is_real else 0)
            count += is_real
        rows.append(places)
    return torch.tensor(rows)


@right("left_positions")
def positions_by_subtracting_padding(real):
    padding = (~real).sum(dim=1, keepdim=True)
    return (torch.arange(real.shape[1]) - padding) * real


@right("left_positions")
def positions_int32(real):
    counted = real.int().cumsum(dim=1, dtype=torch.int32) - 1
    return torch.where(real, counted, torch.zeros_like(counted))


# counts from 1 instead of 0
@wrong("left_positions", "counted_from_one")
def positions_from_one(real):
    return real.cumsum(dim=-1)


# padding gets position -1 instead of 0
@wrong("left_positions", "padding_negative")
def positions_minus_one(real):
    return real.cumsum(dim=-1) - 1


# positions in the row: padding is counted as well
@wrong("left_positions", "padding_counted")
def positions_of_row(real):
    return torch.arange(real.shape[1]).expand(real.shape)


# sets padding to 0, but the text does not begin at 0: still positions of the row
@wrong("left_positions", "padding_counted")
def positions_of_row_masked(real):
    return torch.arange(real.shape[1]) * real


# returns floating-point numbers instead of whole ones
@wrong("left_positions", "positions_not_whole")
def positions_float(real):
    return (real.float().cumsum(dim=-1) - 1).clamp(min=0)


# padding gets position 1 (as Hugging Face fills it) instead of 0
@wrong("left_positions", "padding_not_zero")
def positions_padding_one(real):
    return (real.long().cumsum(dim=-1) - 1).masked_fill(~real, 1)


# shifts all rows by the padding of the first row
@wrong("left_positions", "one_shift_for_all")
def positions_first_rows_padding(real):
    padding = (~real[0]).sum()
    return (torch.arange(real.shape[1]) - padding).clamp(min=0) * real


# ---------------------------------------------------------------- 9.8


@right("catches_restart")
def cache_token_by_token(read):
    torch.manual_seed(3)
    x = torch.randn(1, 7, 8)
    whole, single = read(x, [7]), read(x, [1] * 7)
    assert (whole - single).abs().max() < 1e-4, "chunks change what is found"


@right("catches_restart")
def cache_every_cut(read):
    generator = torch.Generator().manual_seed(11)
    x = torch.randn(3, 5, 16, generator=generator)
    expected = read(x, [5])
    for cut in range(1, 5):
        found = read(x, [cut, 5 - cut])
        if not torch.allclose(found, expected, rtol=1e-4, atol=1e-4):
            raise AssertionError(f"wrong when cut at {cut}")


@right("catches_restart")
def cache_two_ways_of_cutting(read):
    # never the whole at once: two ways of cutting against each other
    torch.manual_seed(5)
    x = torch.randn(2, 8, 8)
    one, other = read(x, [3, 1, 4]), read(x, [1, 6, 1])
    assert one.shape == other.shape == x.shape
    torch.testing.assert_close(one[:, -1], other[:, -1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


# compares the first chunk only, whose positions are right anyway
@wrong("catches_restart", "test_misses_bug")
def cache_first_chunk(read):
    torch.manual_seed(0)
    x = torch.randn(2, 6, 8)
    whole, parts = read(x, [6]), read(x, [3, 3])
    torch.testing.assert_close(parts[:, :3], whole[:, :3], atol=1e-4, rtol=1e-4)


# all tokens are alike, so that every weighting finds the same and positions do not matter
@wrong("catches_restart", "tokens_alike")
def cache_tokens_alike(read):
    x = torch.ones(2, 6, 8)
    torch.testing.assert_close(read(x, [3, 1, 2]), read(x, [6]), atol=1e-4, rtol=1e-4)


# asks for equality to the last bit and rejects a right function for its rounding
@wrong("catches_restart", "test_rejects_right")
def cache_exactly_equal(read):
    torch.manual_seed(0)
    x = torch.randn(4, 64, 8)
    assert torch.equal(read(x, [13, 1, 30, 20]), read(x, [64]))


# tests causality only (a later token changes nothing earlier), which the bug does not break
@wrong("catches_restart", "chunks_alike")
def cache_leak_test(read):
    torch.manual_seed(0)
    x = torch.randn(2, 6, 8)
    changed = x.clone()
    changed[:, -1] += 10
    before, after = read(x, [3, 1, 2]), read(changed, [3, 1, 2])
    torch.testing.assert_close(before[:, :-1], after[:, :-1], atol=1e-4, rtol=1e-4)


# returns the comparison instead of asserting it: that speaks, too
@right("catches_restart")
def cache_returns(read):
    torch.manual_seed(0)
    x = torch.randn(2, 6, 8)
    return torch.allclose(read(x, [3, 1, 2]), read(x, [6]), atol=1e-4)


# looks at the shape and for NaN only
@wrong("catches_restart", "test_misses_bug")
def cache_shape(read):
    torch.manual_seed(0)
    x = torch.randn(2, 6, 8)
    found = read(x, [3, 1, 2])
    assert found.shape == x.shape
    assert found.isfinite().all()


# compares with attention without any positions, and rejects a right function, which turns
@wrong("catches_restart", "test_rejects_right")
def cache_reference_without_positions(read):
    torch.manual_seed(0)
    x = torch.randn(2, 6, 8)
    expected = F.scaled_dot_product_attention(x, x, x, is_causal=True)
    torch.testing.assert_close(read(x, [3, 1, 2]), expected, atol=1e-4, rtol=1e-4)
