"""Chapter 7: a Transformer's block. Answers by writers who had not seen the checks."""

import functools
import math

import torch
from torch.nn import functional as F

from tests.checks.answers.filed import right, wrong

# ---------------------------------------------------------------- normalised
# (0, 6, 8, 14): mean 7, standard deviation 5

right("normalised")([-7 / 5, -1 / 5, 1 / 5, 7 / 5])
right("normalised")((-1.4, -0.2, 0.2, 1.4))
right("normalised")((torch.tensor([0.0, 6.0, 8.0, 14.0]) - 7) / 5)

# standard deviation with n - 1 (sample variance 100/3) instead of n
wrong("normalised", "unbiased_variance")([-1.212, -0.173, 0.173, 1.212])
# divides by the variance (25), no root taken
wrong("normalised", "divided_by_variance")([-0.28, -0.04, 0.04, 0.28])
# only subtracts the mean, doesn't divide at all
wrong("normalised", "not_divided")([-7, -1, 1, 7])
# only divides by the standard deviation, doesn't subtract the mean
wrong("normalised", "mean_not_subtracted")([0.0, 1.2, 1.6, 2.8])
# root of the sum of the squared distances, not of their mean: a vector of length 1
wrong("normalised", "brought_to_length_one")([-0.7, -0.1, 0.1, 0.7])
# divides by the mean absolute distance (4) instead of the root mean square distance
wrong("normalised", "mean_distance_not_root")([-1.75, -0.25, 0.25, 1.75])
# divides by the largest distance (7), scaling to the range -1 to 1
wrong("normalised", "largest_distance_is_one")([-1.0, -1 / 7, 1 / 7, 1.0])


# ---------------------------------------------------------------- layer_norm


@right("layer_norm")
def layer_norm_by_einsum(x, weight, bias, eps):
    d = x.shape[-1]
    centred = x - torch.einsum("bld->bl", x)[..., None] / d
    variance = torch.einsum("bld,bld->bl", centred, centred) / d
    return torch.einsum("bld,bl,d->bld", centred, (variance + eps).rsqrt(), weight) + bias


@right("layer_norm")
def layer_norm_token_by_token(x, weight, bias, eps):
    def of_token(token):
        n = len(token)
        distances = token - sum(token) / n
        variance = sum(distance**2 for distance in distances) / n
        return weight * distances / torch.sqrt(variance + eps) + bias

    return torch.stack([torch.stack([of_token(token) for token in phrase]) for phrase in x])


@right("layer_norm")
def layer_norm_in_double(x, weight, bias, eps):
    # variance as the mean of squares less the square of the mean
    exact = x.double()
    mean = exact.mean(2, True)
    variance = exact.pow(2).mean(2, True) - mean.pow(2)
    normal = (exact - mean) * (variance.clamp(min=0) + eps) ** -0.5
    return torch.addcmul(bias, normal.to(x.dtype), weight)


# PyTorch's default variance, divided by d - 1 instead of d
@wrong("layer_norm", "unbiased_variance")
def layer_norm_sample_variance(x, weight, bias, eps):
    mean = x.mean(dim=-1, keepdim=True)
    variance = x.var(dim=-1, keepdim=True)
    return weight * (x - mean) / torch.sqrt(variance + eps) + bias


# eps added to the standard deviation, outside the root
@wrong("layer_norm", "eps_outside_root")
def layer_norm_eps_outside(x, weight, bias, eps):
    mean = x.mean(dim=-1, keepdim=True)
    std = x.std(dim=-1, correction=0, keepdim=True)
    return weight * (x - mean) / (std + eps) + bias


# mean and variance over the length (dim 1) instead of over the features
@wrong("layer_norm", "norm_over_length")
def layer_norm_over_length(x, weight, bias, eps):
    mean = x.mean(dim=1, keepdim=True)
    variance = x.var(dim=1, correction=0, keepdim=True)
    return (x - mean) / (variance + eps).sqrt() * weight + bias


# one mean and one variance for a whole phrase: over length and features together
@wrong("layer_norm", "norm_over_phrase")
def layer_norm_over_phrase(x, weight, bias, eps):
    variance, mean = torch.var_mean(x, dim=(1, 2), correction=0, keepdim=True)
    return (x - mean) / (variance + eps).sqrt() * weight + bias


# divides by the variance instead of its root
@wrong("layer_norm", "divided_by_variance")
def layer_norm_no_root(x, weight, bias, eps):
    mean = x.mean(dim=-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(dim=-1, keepdim=True)
    return (x - mean) / (variance + eps) * weight + bias


# adds the shift before the gain, so that the gain multiplies the shift too
@wrong("layer_norm", "shift_before_gain")
def layer_norm_shift_first(x, weight, bias, eps):
    mean = x.mean(dim=-1, keepdim=True)
    variance = x.var(dim=-1, correction=0, keepdim=True)
    return ((x - mean) / (variance + eps).sqrt() + bias) * weight


# variance: the mean of the squares of x itself, not of the distances from the mean
@wrong("layer_norm", "squares_not_of_distances")
def layer_norm_uncentred_variance(x, weight, bias, eps):
    mean = x.mean(dim=-1, keepdim=True)
    variance = x.square().mean(dim=-1, keepdim=True)
    return (x - mean) / (variance + eps).sqrt() * weight + bias


# -------------------------------------------------------------- feed_forward


@right("feed_forward")
def feed_forward_by_einsum(x, w_1, b_1, w_2, b_2):
    hidden = torch.einsum("...d,dh->...h", x, w_1) + b_1
    hidden = torch.maximum(hidden, torch.zeros_like(hidden))
    return torch.einsum("...h,hd->...d", hidden, w_2) + b_2


@right("feed_forward")
def feed_forward_pattern_by_pattern(x, w_1, b_1, w_2, b_2):
    "Is this pattern there? Then add this."
    out = b_2
    for k in range(w_1.shape[1]):
        there = (x * w_1[:, k]).sum(dim=-1, keepdim=True) + b_1[k]
        out = out + there * (there > 0) * w_2[k]
    return out


right("feed_forward")(
    lambda x, w_1, b_1, w_2, b_2: F.linear(torch.relu(F.linear(x, w_1.T, b_1)), w_2.T, b_2)
)


# nothing between the two layers: no ReLU, the whole is linear
@wrong("feed_forward", "nonlinearity_missing")
def feed_forward_linear(x, w_1, b_1, w_2, b_2):
    return (x @ w_1 + b_1) @ w_2 + b_2


# a second ReLU after the second layer, too
@wrong("feed_forward", "nonlinearity_twice")
def feed_forward_two_relus(x, w_1, b_1, w_2, b_2):
    for w, b in ((w_1, b_1), (w_2, b_2)):
        x = torch.relu(x @ w + b)
    return x


# GELU instead of the ReLU asked for
@wrong("feed_forward", "other_activation")
def feed_forward_gelu(x, w_1, b_1, w_2, b_2):
    return F.gelu(x @ w_1 + b_1) @ w_2 + b_2


# ReLU before the first bias is added, which then isn't cut off
@wrong("feed_forward", "shift_after_nonlinearity")
def feed_forward_late_bias(x, w_1, b_1, w_2, b_2):
    return (torch.relu(x @ w_1) + b_1) @ w_2 + b_2


# adds the residual, which belongs to the block and not to the network
@wrong("feed_forward", "input_added")
def feed_forward_residual(x, w_1, b_1, w_2, b_2):
    return x + (torch.relu(x @ w_1 + b_1) @ w_2 + b_2)


# max(0, .) written as clamp(max=0): keeps the negative half instead of the positive one
@wrong("feed_forward", "positive_dropped")
def feed_forward_other_half(x, w_1, b_1, w_2, b_2):
    return (x @ w_1 + b_1).clamp(max=0) @ w_2 + b_2


# treats the matrices as nn.Linear's weights and transposes them (shapes don't fit)
@wrong("feed_forward", "matrices_transposed")
def feed_forward_transposed(x, w_1, b_1, w_2, b_2):
    return torch.relu(x @ w_1.T + b_1) @ w_2.T + b_2


# ------------------------------------------------------------------ pre_norm


@right("pre_norm")
def pre_norm_recursive(x, parts, norms):
    if len(parts) == 0:
        return norms[0](x)
    return pre_norm_recursive(x + parts[0](norms[0](x)), parts[1:], norms[1:])


@right("pre_norm")
def pre_norm_as_a_sum(x, parts, norms):
    found = []
    for i in range(len(parts)):
        found.append(parts[i](norms[i](x + sum(found))))
    return norms[len(parts)](x + sum(found))


right("pre_norm")(
    lambda x, parts, norms: norms[-1](
        functools.reduce(
            lambda stream, pair: pair[0](pair[1](stream)) + stream,
            zip(parts, norms),
            x,
        )
    )
)


# the final norm is missing
@wrong("pre_norm", "final_norm_missing")
def pre_norm_without_final(x, parts, norms):
    for part, norm in zip(parts, norms):
        x = x + part(norm(x))
    return x


# post-norm: normalises the sum after each part, norm(x + part(x))
@wrong("pre_norm", "post_norm")
def pre_norm_is_post(x, parts, norms):
    for part, norm in zip(parts, norms):
        x = norm(x + part(x))
    return norms[-1](x)


# the residual is taken after the norm: x = norm(x); x = x + part(x)
@wrong("pre_norm", "residual_after_norm")
def pre_norm_residual_after(x, parts, norms):
    for part, norm in zip(parts, norms[:-1]):
        x = norm(x)
        x = x + part(x)
    return norms[-1](x)


# no residual connection: x = part(norm(x))
@wrong("pre_norm", "residual_forgotten")
def pre_norm_without_residual(x, parts, norms):
    for part, norm in zip(parts, norms):
        x = part(norm(x))
    return norms[-1](x)


# normalises what a part returns, not what it reads: x + norm(part(x))
@wrong("pre_norm", "norm_of_what_is_added")
def pre_norm_of_output(x, parts, norms):
    *before, final = norms
    for part, norm in zip(parts, before):
        x = x + norm(part(x))
    return final(x)


# adds each part's answer to the first input, not to the running stream: earlier ones get lost
@wrong("pre_norm", "start_added_again")
def pre_norm_first_input(x, parts, norms):
    residual = x
    for i, part in enumerate(parts):
        x = residual + part(norms[i](x))
    return norms[-1](x)


# uses the first norm before every part; each part has its own
@wrong("pre_norm", "one_norm_for_all")
def pre_norm_one_norm(x, parts, norms):
    norm, final = norms[0], norms[-1]
    for part in parts:
        x = x + part(norm(x))
    return final(x)


# ----------------------------------------------------------- cross_attention


@right("cross_attention")
def cross_attention_cropped(x, memory, w_q, w_k, w_v, memory_lens):
    "Each phrase on its own, its memory cut to what is real: no mask needed."
    outputs = []
    for asks, read, n in zip(x, memory, memory_lens):
        read = read[: int(n)]
        scores = (asks @ w_q) @ (read @ w_k).T * w_q.shape[1] ** -0.5
        outputs.append(torch.softmax(scores, 1) @ (read @ w_v))
    return torch.stack(outputs)


@right("cross_attention")
def cross_attention_fused(x, memory, w_q, w_k, w_v, memory_lens):
    query, key, value = (x @ w_q)[:, None], (memory @ w_k)[:, None], (memory @ w_v)[:, None]
    real = torch.arange(memory.shape[1])[None, :] < memory_lens[:, None]
    mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=real[:, None, None, :])
    return mixed[:, 0]


@right("cross_attention")
def cross_attention_by_einsum(x, memory, w_q, w_k, w_v, memory_lens):
    # q, k and v never appear: (x Wq)(m Wk)^T in one go; softmax by hand
    scores = torch.einsum("bid,de,fe,bjf->bij", x, w_q, w_k, memory)
    scores = scores / math.sqrt(w_q.shape[-1])
    filler = torch.stack([torch.arange(memory.shape[1]) >= n for n in memory_lens])[:, None, :]
    scores = scores.masked_fill(filler, -math.inf)
    shares = torch.exp(scores - scores.amax(dim=-1, keepdim=True))
    mixed = torch.einsum("bij,bjf,fv->biv", shares, memory, w_v)
    return mixed / shares.sum(dim=-1, keepdim=True)


# the wrong way round: memory asks (query), keys and values come from x
@wrong("cross_attention", "sides_swapped")
def cross_attention_swapped(x, memory, w_q, w_k, w_v, memory_lens):
    query, key, value = memory @ w_q, x @ w_k, x @ w_v
    real = torch.arange(key.shape[1]) < memory_lens[:, None, None]
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    return scores.masked_fill(~real, -math.inf).softmax(dim=-1) @ value


# memory_lens is ignored: filler is attended to
@wrong("cross_attention", "memory_padding_forgotten")
def cross_attention_unmasked(x, memory, w_q, w_k, w_v, memory_lens):
    query, key, value = x @ w_q, memory @ w_k, memory @ w_v
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    return scores.softmax(dim=-1) @ value


# memory gets the decoder's causal mask as well: token i sees only the first i + 1 of memory
@wrong("cross_attention", "memory_masked_causally")
def cross_attention_causal(x, memory, w_q, w_k, w_v, memory_lens):
    query, key, value = x @ w_q, memory @ w_k, memory @ w_v
    real = torch.arange(memory.shape[1]) < memory_lens[:, None, None]
    past = torch.ones(x.shape[1], memory.shape[1]).tril().bool()
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    return scores.masked_fill(~(real & past), -math.inf).softmax(dim=-1) @ value


# scores are not divided by the root of the width
@wrong("cross_attention", "scale_missing")
def cross_attention_unscaled(x, memory, w_q, w_k, w_v, memory_lens):
    query, key, value = x @ w_q, memory @ w_k, memory @ w_v
    real = torch.arange(memory.shape[1]) < memory_lens[:, None, None]
    scores = query @ key.mT
    return scores.masked_fill(~real, -math.inf).softmax(dim=-1) @ value


# mask after the softmax: the filler's weights are set to 0, the rest no longer sums to 1
@wrong("cross_attention", "mask_after_softmax")
def cross_attention_masked_late(x, memory, w_q, w_k, w_v, memory_lens):
    query, key, value = x @ w_q, memory @ w_k, memory @ w_v
    real = torch.arange(memory.shape[1]) < memory_lens[:, None, None]
    weights = (query @ key.mT / math.sqrt(query.shape[-1])).softmax(dim=-1)
    return (weights * real) @ value


# the filler's scores are set to 0 instead of minus infinity, so it keeps a weight
@wrong("cross_attention", "scores_zeroed")
def cross_attention_zero_scores(x, memory, w_q, w_k, w_v, memory_lens):
    query, key, value = x @ w_q, memory @ w_k, memory @ w_v
    real = torch.arange(memory.shape[1]) < memory_lens[:, None, None]
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    return scores.masked_fill(~real, 0.0).softmax(dim=-1) @ value


# cuts all memories to the longest length of the batch: shorter ones keep their filler
@wrong("cross_attention", "longest_for_all")
def cross_attention_longest(x, memory, w_q, w_k, w_v, memory_lens):
    memory = memory[:, : int(memory_lens.max())]
    query, key, value = x @ w_q, memory @ w_k, memory @ w_v
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    return scores.softmax(dim=-1) @ value


# ----------------------------------------------- catches_residual_after_norm


@right("catches_residual_after_norm")
def stream_plus_constants(block):
    "Parts that add known numbers: nothing else may happen to the stream."
    stream = torch.arange(24.0).reshape(1, 3, 8) ** 1.5
    output = block(
        stream,
        lambda x: torch.ones_like(x),
        lambda x: torch.full_like(x, 2.0),
    )
    torch.testing.assert_close(output, stream + 3)


@right("catches_residual_after_norm")
def stream_jacobian(block):
    "With silent parts a block is the identity, so its derivative is, too."
    torch.manual_seed(3)
    stream = torch.randn(1, 2, 6)
    jacobian = torch.autograd.functional.jacobian(
        lambda x: block(x, torch.zeros_like, torch.zeros_like), stream
    )
    assert torch.allclose(jacobian.reshape(12, 12), torch.eye(12), atol=1e-5)


@right("catches_residual_after_norm")
def stream_many_sizes(block):
    def silent(x):
        return 0.0 * x

    for width in (4, 16):
        for size in (0.1, 1.0, 50.0):
            torch.manual_seed(width)
            stream = size * (torch.rand(2, 3, width) + 2)
            away = (block(stream, silent, silent) - stream).abs().max()
            if away > 1e-4 * size:
                raise AssertionError(f"the stream changed by {away}")


# the stream is normalised already, where a norm changes nothing: misses the bug
@wrong("catches_residual_after_norm", "already_normal")
def stream_already_normal(block):
    torch.manual_seed(0)
    stream = F.layer_norm(torch.randn(2, 5, 8), (8,))
    output = block(stream, torch.zeros_like, torch.zeros_like)
    assert torch.allclose(output, stream, atol=1e-3)


# expects the stream to come out normalised: accepts the bug, rejects the right block
@wrong("catches_residual_after_norm", "test_reversed")
def stream_expected_normal(block):
    torch.manual_seed(0)
    stream = 3 * torch.randn(2, 5, 8) + 1
    output = block(stream, torch.zeros_like, torch.zeros_like)
    assert torch.allclose(output.mean(dim=-1), torch.zeros(2, 5), atol=1e-3)
    assert torch.allclose(output.var(-1, correction=0), torch.ones(2, 5), atol=1e-2)


# a part with nothing to add is taken for the identity, not zeros: rejects the right block
@wrong("catches_residual_after_norm", "parts_never_still")
def stream_identity_parts(block):
    torch.manual_seed(0)
    stream = 3 * torch.randn(2, 5, 8) + 1
    assert torch.allclose(block(stream, lambda x: x, lambda x: x), stream, atol=1e-5)


# Its writer took it for wrong, since it asserts nothing; but a test may return its verdict.
@right("catches_residual_after_norm")
def stream_returned(block):
    torch.manual_seed(0)
    stream = 3 * torch.randn(2, 5, 8) + 1
    return torch.allclose(block(stream, torch.zeros_like, torch.zeros_like), stream)


# the stream is all zeros, which a norm leaves at zero: misses the bug
@wrong("catches_residual_after_norm", "already_normal")
def stream_of_zeros(block):
    stream = torch.zeros(2, 5, 8)
    output = block(stream, torch.zeros_like, torch.zeros_like)
    assert torch.allclose(output, stream)


# tests only that the parts read something normalised, which they do with the bug as well
@wrong("catches_residual_after_norm", "test_misses_bug")
def stream_what_parts_read(block):
    torch.manual_seed(0)
    read = []

    def part(x):
        read.append(x)
        return torch.zeros_like(x)

    block(3 * torch.randn(2, 5, 8) + 1, part, part)
    assert len(read) == 2
    for x in read:
        assert torch.allclose(x.mean(dim=-1), torch.zeros(2, 5), atol=1e-3)
        assert torch.allclose(x.var(-1, correction=0), torch.ones(2, 5), atol=1e-2)


# tests for a leak between positions and for the shape, which the bug doesn't touch
@wrong("catches_residual_after_norm", "test_misses_bug")
def stream_leaks(block):
    torch.manual_seed(0)
    stream = 3 * torch.randn(2, 5, 8) + 1
    other = stream.clone()
    other[:, -1] = torch.randn(2, 8)
    before = block(stream, torch.zeros_like, torch.zeros_like)
    after = block(other, torch.zeros_like, torch.zeros_like)
    assert before.shape == stream.shape
    assert torch.allclose(before[:, :-1], after[:, :-1])


# ----------------------------------------------------------------- multiples

right("multiples")([4, 8, 12, 16])
right("multiples")((4.0, 8.0, 12.0, 16.0))
right("multiples")(torch.tensor([4, 2 * 4, 4 + 2 * 4, 4 + 4 + 2 * 4]))

# attention without its output projection: three matrices
wrong("multiples", "output_matrix_forgotten")([3, 8, 11, 14])
# the decoder's block counted like the encoder's, without cross-attention
wrong("multiples", "cross_attention_forgotten")([4, 8, 12, 12])
# only one of the two matrices of the feed-forward network
wrong("multiples", "one_matrix_of_two")([4, 4, 8, 12])
# attention's matrices counted once for each of eight heads
wrong("multiples", "heads_multiply")([32, 8, 40, 72])
# hidden layer taken as a matrix of 4d times 4d: 16 d² for feed-forward
wrong("multiples", "hidden_squared")([4, 16, 20, 24])
# cross-attention counted with two matrices only (key and value of the memory)
wrong("multiples", "cross_attention_without_queries")([4, 8, 12, 14])
# the decoder's block taken as two whole blocks, with a second feed-forward network
wrong("multiples", "decoder_doubled")([4, 8, 12, 24])
