"""Chapter 7: a Transformer's block. Right answers and wrong ones, as readers write them."""

import math

import torch
import torch.nn.functional as F
from torch import nn

import attnlib
from tests.checks.answers.filed import RIGHT, WRONG, right, wrong

INF = float("inf")

# --- 7.1 ---

RIGHT["normalised"] = [
    [-1.4, -0.2, 0.2, 1.4],
    (-7 / 5, -1 / 5, 1 / 5, 7 / 5),
    torch.tensor([-1.4, -0.2, 0.2, 1.4]),
    F.layer_norm(torch.tensor([0.0, 6.0, 8.0, 14.0]), (4,)),
    [-1.40, -0.2, 0.2, 1.40],
    [-1.399, -0.2, 0.2, 1.399],
    [torch.tensor(-1.4), -0.2, 0.2, torch.tensor(1.4)],
    [-1.4, -0.2, 0.2, 1.4 + 1e-6],
]
WRONG["normalised"] = [
    ("unbiased_variance", [-1.21, -0.17, 0.17, 1.21]),
    ("divided_by_variance", [-0.28, -0.04, 0.04, 0.28]),
    ("not_divided", [-7, -1, 1, 7]),
    ("mean_not_subtracted", [0, 1.2, 1.6, 2.8]),
    ("mean_not_subtracted", [0, 0.7, 0.93, 1.63]),
    ("brought_to_length_one", [-0.7, -0.1, 0.1, 0.7]),
    ("brought_to_length_one", [0, 0.35, 0.47, 0.81]),
    ("brought_between_zero_and_one", [0, 0.43, 0.57, 1]),
    ("shares_given", [0, 0.21, 0.29, 0.5]),
    ("divided_by_range", [-0.5, -0.07, 0.07, 0.5]),
    ("mean_distance_not_root", [-1.75, -0.25, 0.25, 1.75]),
    ("signs_reversed", [1.4, 0.2, -0.2, -1.4]),
    (None, [0, 0, 0, 1]),
]

# --- 7.2 ---


@right("layer_norm")
def by_mean_and_variance(x, weight, bias, eps):
    mean = x.mean(dim=-1, keepdim=True)
    variance = (x - mean).square().mean(dim=-1, keepdim=True)
    return (x - mean) / (variance + eps).sqrt() * weight + bias


@right("layer_norm")
def by_var(x, weight, bias, eps):
    var = x.var(-1, unbiased=False, keepdim=True)
    return weight * (x - x.mean(-1, keepdim=True)) * torch.rsqrt(var + eps) + bias


@right("layer_norm")
def by_var_mean(x, weight, bias, eps):
    var, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
    return torch.addcmul(bias, (x - mean) / torch.sqrt(var + eps), weight)


@right("layer_norm")
def by_the_module(x, weight, bias, eps):
    norm = nn.LayerNorm(x.shape[-1], eps=eps)
    with torch.no_grad():
        norm.weight.copy_(weight)
        norm.bias.copy_(bias)
    return norm(x)


@right("layer_norm")
def by_the_function(x, weight, bias, eps):
    return F.layer_norm(x, weight.shape, weight, bias, eps)


@right("layer_norm")
def by_squares(x, weight, bias, eps):
    x = x.double()
    mean = x.mean(2, keepdim=True)
    return ((x - mean) / ((x**2).mean(2, keepdim=True) - mean**2 + eps) ** 0.5) * weight + bias


@right("layer_norm")
def token_by_token(x, weight, bias, eps):
    out = torch.empty_like(x)
    for b in range(x.shape[0]):
        for i in range(x.shape[1]):
            row = x[b, i]
            out[b, i] = (row - row.mean()) / math.sqrt(row.var(correction=0) + eps)
    return out * weight + bias


@right("layer_norm")
def by_std(x, weight, bias, eps):
    std = x.std(-1, correction=0, keepdim=True)
    return (x - x.mean(-1, keepdim=True)) / (std.square() + eps).sqrt() * weight + bias


@right("layer_norm")
def by_sums(x, weight, bias, eps):
    d = x.size(-1)
    centred = x - x.sum(-1, keepdim=True) / d
    return centred * (centred.pow(2).sum(-1, keepdim=True) / d + eps).pow(-0.5) * weight + bias


@wrong("layer_norm", "unbiased_variance")
def default_var(x, weight, bias, eps):
    return (x - x.mean(-1, keepdim=True)) / torch.sqrt(
        x.var(-1, keepdim=True) + eps
    ) * weight + bias


@wrong("layer_norm", ("unbiased_variance", "eps_outside_root"))
def annotated(x, a_2, b_2, eps):
    mean = x.mean(-1, keepdim=True)
    std = x.std(-1, keepdim=True)
    return a_2 * (x - mean) / (std + eps) + b_2


@wrong("layer_norm", "eps_outside_root")
def biased_std(x, weight, bias, eps):
    return (x - x.mean(-1, keepdim=True)) / (
        x.std(-1, correction=0, keepdim=True) + eps
    ) * weight + bias


@wrong("layer_norm", "norm_over_length")
def over_tokens(x, weight, bias, eps):
    mean, var = x.mean(1, keepdim=True), x.var(1, keepdim=True, correction=0)
    return (x - mean) / (var + eps).sqrt() * weight + bias


@wrong("layer_norm", ("unbiased_variance", "norm_over_length"))
def over_tokens_default(x, weight, bias, eps):
    return (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True) + eps).sqrt() * weight + bias


@wrong("layer_norm", "norm_over_batch")
def over_phrases(x, weight, bias, eps):
    mean, var = x.mean(0), x.var(0, correction=0)
    return (x - mean) / (var + eps).sqrt() * weight + bias


@wrong("layer_norm", "norm_over_phrase")
def over_the_phrase(x, weight, bias, eps):
    return F.layer_norm(x, x.shape[1:], eps=eps) * weight + bias


@wrong("layer_norm", "norm_over_everything")
def over_all(x, weight, bias, eps):
    return (x - x.mean()) / (x.var(correction=0) + eps).sqrt() * weight + bias


@wrong("layer_norm", "norm_over_everything")
def batch_norm(x, weight, bias, eps):
    flat = x.flatten(0, 1)
    var = flat.var(0, correction=0)
    return (x - flat.mean(0)) / (var + eps).sqrt() * weight + bias


@wrong("layer_norm", "mean_not_subtracted")
def root_mean_square(x, weight, bias, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight + bias


@wrong("layer_norm", "mean_not_subtracted")
def only_divided(x, weight, bias, eps):
    return x / torch.sqrt(x.var(-1, keepdim=True, correction=0) + eps) * weight + bias


for said, answer in (
    ("eps_missing", lambda x, w, b, eps: (x - x.mean(-1, True)) / x.std(-1, correction=0, keepdim=True) * w + b),
    ("divided_by_variance", lambda x, w, b, eps: (x - x.mean(-1, True)) / (x.var(-1, correction=0, keepdim=True) + eps) * w + b),
    ("not_divided", lambda x, w, b, eps: (x - x.mean(-1, True)) * w + b),
    ("gain_missing", lambda x, w, b, eps: F.layer_norm(x, w.shape, None, b, eps)),
    ("shift_missing", lambda x, w, b, eps: F.layer_norm(x, w.shape, w, None, eps)),
    ("gain_and_shift_missing", lambda x, w, b, eps: F.layer_norm(x, w.shape, eps=eps)),
    ("shift_before_gain", lambda x, w, b, eps: w * (F.layer_norm(x, w.shape, eps=eps) + b)),
    ("gain_and_shift_swapped", lambda x, w, b, eps: F.layer_norm(x, w.shape, b, w, eps)),
    ("one_added_to_gain", lambda x, w, b, eps: F.layer_norm(x, w.shape, w + 1, b, eps)),
    ("brought_to_length_one", lambda x, w, b, eps: F.normalize(x, dim=2) * w + b),
    ("softmax_instead", lambda x, w, b, eps: F.softmax(x, -1) * w + b),
    (("eps_outside_root", "norm_over_length"), lambda x, w, b, eps: (x - x.mean(1, True)) / (x.std(1, correction=0, keepdim=True) + eps) * w + b),
    (("unbiased_variance", "gain_and_shift_missing"), lambda x, w, b, eps: (x - x.mean(-1, True)) / (x.var(-1, keepdim=True) + eps) ** 0.5),
    (("unbiased_variance", "axis_dropped"), lambda x, w, b, eps: (x - x.mean(-1)) / (x.var(-1) + eps).sqrt() * w + b),
    ("returned_pair", lambda x, w, b, eps: (F.layer_norm(x, w.shape, w, b, eps), x.mean(-1))),
):  # fmt: skip
    wrong("layer_norm", said)(answer)


@wrong("layer_norm", "input_mutated")
def in_place(x, weight, bias, eps):
    x -= x.mean(-1, keepdim=True)
    x /= (x.square().mean(-1, keepdim=True) + eps).sqrt()
    return x * weight + bias


# --- 7.3 ---


@right("feed_forward")
def two_layers(x, w_1, b_1, w_2, b_2):
    return torch.relu(x @ w_1 + b_1) @ w_2 + b_2


@right("feed_forward")
def clamped(x, w_1, b_1, w_2, b_2):
    return (x @ w_1 + b_1).clamp(min=0) @ w_2 + b_2


@right("feed_forward")
def as_linear(x, w_1, b_1, w_2, b_2):
    return F.linear(F.relu(F.linear(x, w_1.T, b_1)), w_2.T, b_2)


@right("feed_forward")
def in_einsum(x, w_1, b_1, w_2, b_2):
    hidden = torch.einsum("bld,dh->blh", x, w_1) + b_1
    return torch.einsum("blh,hd->bld", hidden * (hidden > 0), w_2) + b_2


@right("feed_forward")
def by_tokens(x, w_1, b_1, w_2, b_2):
    return torch.stack([two_layers(x[:, i], w_1, b_1, w_2, b_2) for i in range(x.shape[1])], dim=1)


@right("feed_forward")
def as_modules(x, w_1, b_1, w_2, b_2):
    up, down = nn.Linear(*w_1.shape), nn.Linear(*w_2.shape)
    with torch.no_grad():
        up.weight.copy_(w_1.T), up.bias.copy_(b_1)
        down.weight.copy_(w_2.T), down.bias.copy_(b_2)
        return nn.Sequential(up, nn.ReLU(), down)(x)


@right("feed_forward")
def maximum_of_zero(x, w_1, b_1, w_2, b_2):
    hidden = torch.maximum(x.matmul(w_1).add(b_1), torch.tensor(0.0))
    return torch.addmm(b_2, hidden.flatten(0, 1), w_2).view(x.shape)


@right("feed_forward")
def in_doubles(x, w_1, b_1, w_2, b_2):
    hidden = x.double() @ w_1.double() + b_1
    return torch.where(hidden > 0, hidden, 0.0) @ w_2.double() + b_2


@right("feed_forward")
def by_convolution(x, w_1, b_1, w_2, b_2):
    hidden = F.conv1d(x.mT, w_1.T[:, :, None], b_1).relu()
    return F.conv1d(hidden, w_2.T[:, :, None], b_2).mT


for said, answer in (
    ("nonlinearity_missing", lambda x, a, b, c, d: (x @ a + b) @ c + d),
    ("nonlinearity_missing", lambda x, a, b, c, d: F.linear(F.linear(x, a.T, b), c.T, d)),
    ("nonlinearity_at_end", lambda x, a, b, c, d: F.relu((x @ a + b) @ c + d)),
    ("nonlinearity_twice", lambda x, a, b, c, d: F.relu(F.relu(x @ a + b) @ c + d)),
    ("nonlinearity_first", lambda x, a, b, c, d: (F.relu(x) @ a + b) @ c + d),
    ("other_activation", lambda x, a, b, c, d: F.gelu(x @ a + b) @ c + d),
    ("other_activation", lambda x, a, b, c, d: F.silu(x @ a + b) @ c + d),
    ("other_activation", lambda x, a, b, c, d: torch.sigmoid(x @ a + b) @ c + d),
    ("other_activation", lambda x, a, b, c, d: torch.tanh(x @ a + b) @ c + d),
    ("signs_dropped", lambda x, a, b, c, d: (x @ a + b).abs() @ c + d),
    ("positive_dropped", lambda x, a, b, c, d: torch.minimum(x @ a + b, torch.zeros(())) @ c + d),
    ("squared", lambda x, a, b, c, d: (x @ a + b) ** 2 @ c + d),
    ("softmax_between", lambda x, a, b, c, d: (x @ a + b).softmax(-1) @ c + d),
    ("transforms_positions", lambda x, a, b, c, d: two_layers(x.mT, a, b, c, d).mT),
    ("transforms_positions", lambda x, a, b, c, d: two_layers(x.transpose(1, 2), a, b, c, d)),
    ("first_shift_missing", lambda x, a, b, c, d: (x @ a).relu() @ c + d),
    ("second_shift_missing", lambda x, a, b, c, d: (x @ a + b).relu() @ c),
    ("both_shifts_missing", lambda x, a, b, c, d: (x @ a).relu() @ c),
    ("shift_after_nonlinearity", lambda x, a, b, c, d: ((x @ a).relu() + b) @ c + d),
    ("input_added", lambda x, a, b, c, d: x + (x @ a + b).relu() @ c + d),
    (("nonlinearity_missing", "input_added"), lambda x, a, b, c, d: x + (x @ a + b) @ c + d),
    (("other_activation", "input_added"), lambda x, a, b, c, d: F.gelu(x @ a + b) @ c + d + x),
    (("nonlinearity_missing", "both_shifts_missing"), lambda x, a, b, c, d: x @ a @ c),
    ("hidden_returned", lambda x, a, b, c, d: F.relu(x @ a + b)),
    ("matrices_transposed", lambda x, a, b, c, d: F.linear(F.relu(F.linear(x, a, b)), c, d)),
    ("matrices_transposed", lambda x, a, b, c, d: F.relu(x @ a + b) @ c.T + d),
    ("dropout_active", lambda x, a, b, c, d: F.dropout((x @ a + b).relu(), 0.1) @ c + d),
):
    wrong("feed_forward", said)(answer)


# --- 7.4 ---


@right("pre_norm")
def my_pre_norm(x, parts, norms):
    for part, norm in zip(parts, norms, strict=False):
        x = x + part(norm(x))
    return norms[-1](x)


@right("pre_norm")
def by_index(x, parts, norms):
    for i in range(len(parts)):
        x = x + parts[i](norms[i](x))
    return norms[len(parts)](x)


@right("pre_norm")
def final_unpacked(x, parts, norms):
    *before, final = norms
    for read, act in zip(before, parts, strict=True):
        x = act(read(x)) + x
    return final(x)


@right("pre_norm")
def by_recursion(x, parts, norms):
    if not parts:
        return norms[0](x)
    return by_recursion(x + parts[0](norms[0](x)), parts[1:], norms[1:])


@right("pre_norm")
def named_residual(x, parts, norms):
    for number, part in enumerate(parts):
        residual = x
        out = norms[number](x)
        out = part(out)
        x = residual + out
    return norms[-1](x)


@right("pre_norm")
def what_was_found(x, parts, norms):
    found = torch.zeros_like(x)
    for part, norm in zip(parts, norms[:-1], strict=True):
        found = found + part(norm(x + found))
    return norms[-1](x + found)


@right("pre_norm")
def with_an_iterator(x, parts, norms):
    norms = iter(norms)
    for part in parts:
        x = torch.add(x, part(next(norms)(x)))
    return next(norms)(x)


@right("pre_norm")
def block_by_block(x, parts, norms):
    for i in range(0, len(parts), 2):
        x = x + parts[i](norms[i](x))
        x = x + parts[i + 1](norms[i + 1](x))
    return norms[-1](x)


@right("pre_norm")
def in_a_copy(x, parts, norms):
    stream = x.clone()
    for part, norm in zip(parts, norms, strict=False):
        stream += part(norm(stream))
    return norms[-1](stream)


def _stream(step, final=True):
    def answer(x, parts, norms):
        start = x
        for part, norm in zip(parts, norms, strict=False):
            x = step(x, part, norm, start)
        return norms[-1](x) if final else x

    return answer


for said, step in (
    ("residual_forgotten", lambda x, f, n, s: f(n(x))),
    ("residual_after_norm", lambda x, f, n, s: n(x) + f(n(x))),
    ("norm_missing", lambda x, f, n, s: x + f(x)),
    ("norm_of_what_is_added", lambda x, f, n, s: x + n(f(x))),
    ("start_added_again", lambda x, f, n, s: s + f(n(x))),
    ("parts_in_parallel", lambda x, f, n, s: x + f(n(s))),
    ("normalised_twice", lambda x, f, n, s: n(x + f(n(x)))),
    ("subtracted", lambda x, f, n, s: x - f(n(x))),
    ("stream_doubled", lambda x, f, n, s: x + x + f(n(x))),
):
    wrong("pre_norm", said)(_stream(step))
    wrong("pre_norm", (said, "final_norm_missing"))(_stream(step, final=False))


@wrong("pre_norm", "final_norm_missing")
def without_final(x, parts, norms):
    for part, norm in zip(parts, norms, strict=False):
        x = x + part(norm(x))
    return x


@wrong("pre_norm", "post_norm")
def as_the_paper(x, parts, norms):
    for i, part in enumerate(parts):
        x = norms[i](x + part(x))
    return x


@wrong("pre_norm", "post_norm")
def as_nn_transformer(x, parts, norms):
    return norms[-1](as_the_paper(x, parts, norms))


@wrong("pre_norm", "residual_after_norm")
def assigned_first(x, parts, norms):
    for part, norm in zip(parts, norms, strict=False):
        x = norm(x)
        x = x + part(x)
    return norms[-1](x)


@wrong("pre_norm", "one_norm_for_all")
def first_norm_only(x, parts, norms):
    for part in parts:
        x = x + part(norms[0](x))
    return norms[0](x)


@wrong("pre_norm", "parts_in_parallel")
def all_at_once(x, parts, norms):
    return norms[-1](x + sum(f(n(x)) for f, n in zip(parts, norms, strict=False)))


@wrong("pre_norm", "final_norm_each_time")
def final_inside(x, parts, norms):
    for part, norm in zip(parts, norms, strict=False):
        x = norms[-1](x + part(norm(x)))
    return x


@wrong("pre_norm", "one_part_only")
def returned_inside(x, parts, norms):
    for part, norm in zip(parts, norms, strict=False):
        x = x + part(norm(x))
        return norms[-1](x)


@wrong("pre_norm", "raises")
def strictly(x, parts, norms):
    for part, norm in zip(parts, norms, strict=True):
        x = x + part(norm(x))
    return norms[-1](x)


@wrong("pre_norm", "input_mutated")
def stream_in_place(x, parts, norms):
    for part, norm in zip(parts, norms, strict=False):
        x += part(norm(x))
    return norms[-1](x)


# --- 7.5 ---


def _padding(memory, lens):
    return torch.arange(memory.shape[1]) < lens[:, None, None]


@right("cross_attention")
def by_the_formula(x, memory, w_q, w_k, w_v, memory_lens):
    q, k, v = x @ w_q, memory @ w_k, memory @ w_v
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    return scores.masked_fill(~_padding(memory, memory_lens), -INF).softmax(dim=-1) @ v


@right("cross_attention")
def by_the_library(x, memory, w_q, w_k, w_v, memory_lens):
    mask = attnlib.padding_mask(memory_lens, k_len=memory.shape[1])
    return attnlib.scaled_dot_product_attention(x @ w_q, memory @ w_k, memory @ w_v, mask)[0]


@right("cross_attention")
def by_torch(x, memory, w_q, w_k, w_v, memory_lens):
    return F.scaled_dot_product_attention(
        x @ w_q, memory @ w_k, memory @ w_v, attn_mask=_padding(memory, memory_lens)
    )


@right("cross_attention")
def phrase_by_phrase(x, memory, w_q, w_k, w_v, memory_lens):
    out = []
    for writer, read, length in zip(x, memory, memory_lens, strict=True):
        read = read[: int(length)]
        out.append(F.scaled_dot_product_attention(writer @ w_q, read @ w_k, read @ w_v))
    return torch.stack(out)


@right("cross_attention")
def finite_fill(x, memory, w_q, w_k, w_v, memory_lens):
    scores = torch.bmm(x @ w_q, (memory @ w_k).transpose(1, 2)) / w_q.shape[1] ** 0.5
    scores = scores.masked_fill(_padding(memory, memory_lens) == 0, -1e9)
    return torch.bmm(F.softmax(scores, -1), memory @ w_v)


@right("cross_attention")
def added_mask(x, memory, w_q, w_k, w_v, memory_lens):
    bias = torch.zeros(len(x), 1, memory.shape[1])
    bias[~_padding(memory, memory_lens)] = -INF
    scores = torch.einsum("bqd,bkd->bqk", x @ w_q, memory @ w_k) / math.sqrt(w_q.size(1))
    return torch.einsum("bqk,bkd->bqd", (scores + bias).softmax(-1), memory @ w_v)


@right("cross_attention")
def scaled_queries(x, memory, w_q, w_k, w_v, memory_lens):
    q = x @ w_q * w_q.shape[-1] ** -0.5
    scores = torch.where(_padding(memory, memory_lens), q @ (memory @ w_k).mT, -INF)
    return scores.softmax(-1) @ (memory @ w_v)


@right("cross_attention")
def by_torchs_layer(x, memory, w_q, w_k, w_v, memory_lens):
    layer = nn.MultiheadAttention(x.shape[-1], 1, bias=False, batch_first=True)
    with torch.no_grad():
        layer.in_proj_weight.copy_(torch.cat([w_q.T, w_k.T, w_v.T]))
        layer.out_proj.weight.copy_(torch.eye(x.shape[-1]))
        ignored = ~_padding(memory, memory_lens)[:, 0]
        return layer(x, memory, memory, key_padding_mask=ignored)[0]


@right("cross_attention")
def values_last(x, memory, w_q, w_k, w_v, memory_lens):
    mask = _padding(memory, memory_lens)
    weights = attnlib.attention_weights(x @ w_q, memory @ w_k, mask)
    return (weights @ memory) @ w_v


def _read(query, read, w_q, w_k, w_v, mask=None, scale=None, dim=-1):
    q, k, v = query @ w_q, read @ w_k, read @ w_v
    scores = q @ k.mT / (scale or math.sqrt(q.shape[-1]))
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e9)
    return scores.softmax(dim) @ v


def _causal(x, memory):
    return torch.ones(x.shape[1], memory.shape[1]).tril().bool()


for said, answer in (
    ("sides_swapped", lambda x, m, q, k, v, n: _read(m, x, q, k, v)),
    ("sides_swapped", lambda x, m, q, k, v, n: F.scaled_dot_product_attention(m @ q, x @ k, x @ v)),
    ("memory_padding_forgotten", lambda x, m, q, k, v, n: _read(x, m, q, k, v)),
    ("memory_padding_forgotten", lambda x, m, q, k, v, n: F.scaled_dot_product_attention(x @ q, m @ k, m @ v)),
    ("memory_masked_causally", lambda x, m, q, k, v, n: _read(x, m, q, k, v, _padding(m, n) & _causal(x, m))),
    (("memory_masked_causally", "memory_padding_forgotten"), lambda x, m, q, k, v, n: _read(x, m, q, k, v, _causal(x, m))),
    (("memory_masked_causally", "memory_padding_forgotten"), lambda x, m, q, k, v, n: F.scaled_dot_product_attention(x @ q, m @ k, m @ v, is_causal=True)),
    ("memory_ignored", lambda x, m, q, k, v, n: _read(x, x, q, k, v)),
    ("memory_ignored", lambda x, m, q, k, v, n: F.scaled_dot_product_attention(x @ q, x @ k, x @ v, is_causal=True)),
    ("writer_ignored", lambda x, m, q, k, v, n: _read(m, m, q, k, v)),
    ("values_from_writer", lambda x, m, q, k, v, n: F.scaled_dot_product_attention(x @ q, m @ k, x @ v)),
    ("mask_inverted", lambda x, m, q, k, v, n: F.scaled_dot_product_attention(x @ q, m @ k, m @ v, attn_mask=~_padding(m, n))),
    ("scale_missing", lambda x, m, q, k, v, n: _read(x, m, q, k, v, _padding(m, n), scale=1.0)),
    ("scale_by_width", lambda x, m, q, k, v, n: _read(x, m, q, k, v, _padding(m, n), scale=x.shape[-1])),
    (("memory_padding_forgotten", "scale_missing"), lambda x, m, q, k, v, n: (x @ q @ (m @ k).mT).softmax(-1) @ (m @ v)),
    ("mask_after_softmax", lambda x, m, q, k, v, n: ((x @ q @ (m @ k).mT / q.shape[0] ** 0.5).softmax(-1) * _padding(m, n)) @ (m @ v)),
    ("matrix_used_twice", lambda x, m, q, k, v, n: _read(x, m, q, k, k, _padding(m, n))),
    ("input_added", lambda x, m, q, k, v, n: x + _read(x, m, q, k, v, _padding(m, n))),
    ("softmax_over_queries", lambda x, m, q, k, v, n: _read(x, m, q, k, v, _padding(m, n), dim=1)),
    ("one_key_too_many", lambda x, m, q, k, v, n: _read(x, m, q, k, v, torch.arange(m.shape[1]) <= n[:, None, None])),
    ("query_key_swapped", lambda x, m, q, k, v, n: _read(x, m, k, q, v, _padding(m, n))),
    ("returned_pair", lambda x, m, q, k, v, n: attnlib.scaled_dot_product_attention(x @ q, m @ k, m @ v, _padding(m, n), need_weights=True)),
):  # fmt: skip
    wrong("cross_attention", said)(answer)


# --- 7.6 ---


def _zero(x):
    return torch.zeros_like(x)


@right("catches_residual_after_norm")
def silent_parts(block):
    x = torch.randn(2, 3, 8) * 3 + 1
    assert torch.allclose(block(x, _zero, _zero), x, atol=1e-5)


@right("catches_residual_after_norm")
def zero_times(block):
    x = torch.arange(12.0).view(1, 3, 4)
    return torch.equal(block(x, lambda t: 0 * t, lambda t: 0 * t), x)


@right("catches_residual_after_norm")
def against_formula(block):
    x = 5 * torch.randn(1, 4, 6)
    y = x + torch.sin(F.layer_norm(x, (6,)))
    y = y + torch.cos(F.layer_norm(y, (6,)))
    torch.testing.assert_close(block(x, torch.sin, torch.cos), y, atol=1e-4, rtol=1e-4)


@right("catches_residual_after_norm")
def same_addition(block):
    x = 4 * torch.randn(2, 5, 4) + 2
    out = block(x, lambda t: torch.ones_like(t), lambda t: torch.ones_like(t))
    assert torch.allclose(out - x, torch.full_like(x, 2.0), atol=1e-4)


@right("catches_residual_after_norm")
def larger_stream(block):
    x = torch.randn(1, 3, 8)
    small, large = block(x, _zero, _zero), block(10 * x, _zero, _zero)
    assert torch.allclose(large, 10 * small, atol=1e-3)


@right("catches_residual_after_norm")
def gradient_passes(block):
    x = (3 * torch.randn(1, 2, 4)).requires_grad_()
    block(x, _zero, _zero).sum().backward()
    assert torch.allclose(x.grad, torch.ones_like(x), atol=1e-5)


@right("catches_residual_after_norm")
def mean_stays(block):
    x = torch.randn(2, 3, 8) + 7
    return bool((block(x, _zero, _zero).mean() > 5).item())


@right("catches_residual_after_norm")
def constant_part(block):
    x = 100 * torch.randn(1, 2, 6)
    added = torch.randn(6)
    out = block(x, lambda t: added.expand_as(t), _zero)
    assert (out - x - added).abs().max() < 1e-3


@wrong("catches_residual_after_norm", "parts_never_still")
def shape_only(block):
    x = torch.randn(2, 3, 8)
    assert block(x, torch.relu, torch.relu).shape == x.shape


@wrong("catches_residual_after_norm", "parts_never_still")
def finite_only(block):
    assert block(torch.randn(1, 3, 4), torch.sin, torch.cos).isfinite().all()


@wrong("catches_residual_after_norm", "parts_never_still")
def input_unchanged(block):
    x = torch.randn(1, 3, 4) * 2
    before = x.clone()
    block(x, torch.relu, torch.relu)
    assert torch.equal(x, before)


@wrong("catches_residual_after_norm", "parts_never_still")
def no_leak(block):
    x = torch.randn(1, 3, 4)
    y = x.clone()
    y[:, -1] += 1
    a, b = block(x, torch.relu, torch.relu), block(y, torch.relu, torch.relu)
    assert torch.allclose(a[:, :-1], b[:, :-1])


@wrong("catches_residual_after_norm", "already_normal")
def normal_already(block):
    x = F.layer_norm(torch.randn(1, 3, 8), (8,))
    assert torch.allclose(block(x, _zero, _zero), x, atol=1e-3)


@wrong("catches_residual_after_norm", "already_normal")
def ones_and_minus_ones(block):
    x = torch.tensor([[[1.0, -1.0, 1.0, -1.0]]])
    assert torch.allclose(block(x, _zero, _zero), x, atol=1e-4)


@wrong("catches_residual_after_norm", "test_reversed")
def must_change(block):
    x = 3 * torch.randn(1, 3, 8)
    assert not torch.allclose(block(x, _zero, _zero), x, atol=1e-3)


@wrong("catches_residual_after_norm", "test_rejects_right")
def output_normal(block):
    out = block(3 * torch.randn(1, 3, 8), _zero, _zero)
    assert torch.allclose(out.mean(-1), torch.zeros(1, 3), atol=1e-3) and out.mean() > 5


@wrong("catches_residual_after_norm", "test_misses_bug")
def silent_shape(block):
    x = 3 * torch.randn(1, 3, 8)
    assert block(x, _zero, _zero).shape == x.shape


@wrong("catches_residual_after_norm", "test_misses_bug")
def order_kept(block):
    x = 3 * torch.randn(1, 3, 8)
    out = block(x, _zero, _zero)
    assert torch.equal(out.argsort(-1), x.argsort(-1))


@wrong("catches_residual_after_norm", "test_raises")
def without_parts(block):
    block(torch.randn(1, 3, 8))


# --- 7.7 ---

RIGHT["multiples"] = [
    [4, 8, 12, 16],
    (4.0, 8.0, 12.0, 16.0),
    torch.tensor([4, 8, 12, 16]),
    [4, 2 * 4, 4 + 8, 4 + 4 + 8],
    torch.tensor([4.0, 8.0, 12.0, 16.0]),
    [4.0, 8, 12.0, 16],
    (4, 8, 12, 16),
    [torch.tensor(4), 8, 12, 16],
]
WRONG["multiples"] = [
    ("output_matrix_forgotten", [3, 8, 11, 14]),
    ("hidden_width_forgotten", [4, 2, 6, 10]),
    ("hidden_width_forgotten", [4, 1, 5, 9]),
    ("one_matrix_of_two", [4, 4, 8, 12]),
    ("cross_attention_forgotten", [4, 8, 12, 12]),
    ("decoder_doubled", [4, 8, 12, 24]),
    ("hidden_squared", [4, 32, 36, 40]),
    ("hidden_squared", [4, 16, 20, 24]),
    ("heads_multiply", [32, 8, 40, 72]),
    ("one_matrix_an_attention", [1, 8, 9, 10]),
    ("cross_attention_without_queries", [4, 8, 12, 15]),
    (None, [1, 1, 2, 3]),
]


# --- tried later ---

for name, said, answer in (
    ("layer_norm", "brought_to_length_one", lambda x, w, b, eps: x / x.norm(dim=-1, keepdim=True) * w + b),
    ("layer_norm", "norm_over_phrase", lambda x, w, b, eps: F.group_norm(x.mT, 1, w, b, eps).mT),
    ("layer_norm", "norm_over_length", lambda x, w, b, eps: F.layer_norm(x.mT, x.shape[1:2], eps=eps).mT * w + b),
    ("layer_norm", "largest_distance_is_one", lambda x, w, b, eps: (x - x.mean(-1, True)) / (x - x.mean(-1, True)).abs().amax(-1, True) * w + b),
    ("layer_norm", "mean_distance_not_root", lambda x, w, b, eps: (x - x.mean(-1, True)) / ((x - x.mean(-1, True)).abs().mean(-1, True) + eps) * w + b),
    ("layer_norm", "brought_between_zero_and_one", lambda x, w, b, eps: (x - x.amin(-1, True)) / (x.amax(-1, True) - x.amin(-1, True) + eps) * w + b),
    ("layer_norm", "squares_not_of_distances", lambda x, w, b, eps: (x - x.mean(-1, True)) / ((x**2).mean(-1, True).sqrt() + eps) * w + b),
    ("feed_forward", "other_activation", lambda x, a, b, c, d: F.relu6(x @ a + b) @ c + d),
    ("feed_forward", "other_activation", lambda x, a, b, c, d: F.hardswish(x @ a + b) @ c + d),
    ("cross_attention", "sides_swapped", lambda x, m, q, k, v, n: _read(m, x, q, k, v, _causal(m, x))),
    ("cross_attention", "sides_swapped", lambda x, m, q, k, v, n: _read(m, x, q, k, v, (torch.arange(m.shape[1]) < n[:, None])[:, :, None])),
    ("cross_attention", "memory_ignored", lambda x, m, q, k, v, n: _read(x, x, q, k, v, _padding(x, n))),
    ("cross_attention", "queries_masked", lambda x, m, q, k, v, n: _read(x, m, q, k, v, (torch.arange(x.shape[1]) < n[:, None])[:, :, None])),
    ("cross_attention", "matrices_transposed", lambda x, m, q, k, v, n: _read(x, m, q.T, k.T, v.T, _padding(m, n))),
    ("cross_attention", "scores_zeroed", lambda x, m, q, k, v, n: (x @ q @ (m @ k).mT / q.shape[0] ** 0.5 * _padding(m, n)).softmax(-1) @ (m @ v)),
    ("cross_attention", "values_not_projected", lambda x, m, q, k, v, n: F.scaled_dot_product_attention(x @ q, m @ k, m, attn_mask=_padding(m, n))),
):  # fmt: skip
    wrong(name, said)(answer)
