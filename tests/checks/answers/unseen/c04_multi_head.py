"""Chapter 4: several heads. Answers by writers who had not seen the checks."""

import math

import torch
from torch.nn import functional as F

from tests.checks.answers.filed import right, wrong

# --- 4.1 number_of_weights ---

right("number_of_weights")([heads * 7 * 7 for heads in (1, 3, 12)])
right("number_of_weights")((49.0, 147.0, 588.0))
right("number_of_weights")(7**2 * torch.tensor([1, 3, 12]))

# the number of heads does not matter: one table of 7 x 7 for all heads
wrong("number_of_weights", "heads_share_weights")([49, 49, 49])
# one weight per token and head instead of one per pair of tokens
wrong("number_of_weights", "weights_per_token")([7, 21, 84])
# counts the parameters of the layer (4 d^2) instead of attention weights
wrong("number_of_weights", "parameters_counted")([576, 576, 576])
# gives the widths of a head
wrong("number_of_weights", "widths_given")([12, 4, 1])
# counts only the pairs that a causal mask would allow (28 a head), though there is no mask
wrong("number_of_weights", "half_counted")([28, 84, 336])
# takes the multiplications for the scores (L^2 d) for the weights
wrong("number_of_weights", "weights_grow_with_width")([588, 588, 588])
# a table of embed_dim x embed_dim for each head: pairs of features instead of tokens
wrong("number_of_weights", "features_paired")([144, 432, 1728])


# --- 4.2 split_heads ---


@right("split_heads")
def split_by_chunks(x, num_heads):
    return torch.stack(x.chunk(num_heads, dim=-1), dim=1)


@right("split_heads")
def split_by_unflatten(x, num_heads):
    return x.unflatten(-1, (num_heads, -1)).movedim(-2, -3).contiguous()


@right("split_heads")
def split_by_loop(x, num_heads):
    batch, length, embed_dim = x.size()
    size = embed_dim // num_heads
    result = x.new_zeros(batch, num_heads, length, size)
    for feature in range(embed_dim):
        head, place = divmod(feature, size)
        result[:, head, :, place] = x[:, :, feature]
    return result


# views straight to the shape that is wanted, without a transpose: tokens and features mixed up
@wrong("split_heads", "view_without_transpose")
def split_view_only(x, num_heads):
    batch, length, embed_dim = x.shape
    return x.reshape(batch, num_heads, length, embed_dim // num_heads)


# regroups the features but forgets the swap: (batch, length, heads, width)
@wrong("split_heads", "transpose_missing")
def split_no_swap(x, num_heads):
    batch, length, embed_dim = x.shape
    return x.reshape(batch, length, num_heads, embed_dim // num_heads)


# regroups the last axis as (width, heads): head h gets every H-th feature, not neighbouring ones
@wrong("split_heads", "features_dealt_out")
def split_strided(x, num_heads):
    batch, length, embed_dim = x.shape
    return x.reshape(batch, length, embed_dim // num_heads, num_heads).permute(0, 3, 1, 2)


# swaps length and features first and regroups afterwards: right shape, entries scrambled
@wrong("split_heads", "transposed_too_early")
def split_swap_first(x, num_heads):
    batch, length, embed_dim = x.shape
    swapped = x.transpose(1, 2)
    return swapped.reshape(batch, num_heads, length, embed_dim // num_heads)


# merges batch and heads into one axis (batch * heads, length, width), as d2l's code does
@wrong("split_heads", "heads_in_batch")
def split_heads_into_batch(x, num_heads):
    batch, length, embed_dim = x.shape
    heads = x.reshape(batch, length, num_heads, -1).permute(0, 2, 1, 3)
    return heads.reshape(batch * num_heads, length, -1)


# puts the heads in front of the batch: (heads, batch, length, width)
@wrong("split_heads", "heads_before_batch")
def split_heads_first(x, num_heads):
    width = x.shape[-1] // num_heads
    return torch.stack([x[..., h * width : (h + 1) * width] for h in range(num_heads)])


# each head gets the whole vector of a token: copies x instead of splitting the features
@wrong("split_heads", "heads_copied")
def split_copies(x, num_heads):
    return x[:, None].repeat(1, num_heads, 1, 1)


# --- 4.2 merge_heads ---


@right("merge_heads")
def merge_by_cat(heads):
    return torch.cat(heads.unbind(dim=1), dim=-1)


@right("merge_heads")
def merge_by_einsum(heads):
    return torch.einsum("bhlw->blhw", heads).flatten(start_dim=2)


@right("merge_heads")
def merge_by_loop(heads):
    batch, num_heads, length, width = heads.shape
    merged = torch.empty((batch, length, num_heads * width), dtype=heads.dtype)
    for number in range(num_heads):
        merged[..., number * width : (number + 1) * width] = heads[:, number]
    return merged


# reshapes without swapping heads and tokens back first
@wrong("merge_heads", "merge_without_transpose")
def merge_no_swap(heads):
    batch, num_heads, length, width = heads.shape
    return heads.reshape(batch, length, num_heads * width)


# puts the heads one behind the other along the tokens: (batch, heads * length, width)
@wrong("merge_heads", "heads_as_tokens")
def merge_along_tokens(heads):
    return torch.cat(list(heads.unbind(dim=1)), dim=1)


# adds the heads up instead of writing them side by side: (batch, length, width)
@wrong("merge_heads", "heads_added")
def merge_by_sum(heads):
    return heads.sum(dim=1)


# moves the heads' axis to the very end before flattening: features of the heads alternate
@wrong("merge_heads", "merge_dealt_out")
def merge_alternating(heads):
    return heads.permute(0, 2, 3, 1).flatten(2)


# flattens from axis 1: all tokens of a text become one row, (batch, length * embed_dim)
@wrong("merge_heads", "joined_too_far")
def merge_flattens_too_much(heads):
    return heads.transpose(1, 2).flatten(1)


# calls view on the transposed tensor, which is not contiguous: RuntimeError
@wrong("merge_heads", "raises")
def merge_by_view(heads):
    batch, num_heads, length, width = heads.shape
    return heads.transpose(1, 2).view(batch, length, num_heads * width)


# regroups first, (batch, heads * width, length), and swaps afterwards: entries scrambled
@wrong("merge_heads", "merged_before_swap")
def merge_then_swap(heads):
    batch, num_heads, length, width = heads.shape
    return heads.reshape(batch, num_heads * width, length).transpose(1, 2)


# --- 4.3 multi_head ---


def _split(x, num_heads):
    return torch.stack(x.chunk(num_heads, dim=-1), dim=1)


def _merge(heads):
    return torch.cat(heads.unbind(dim=1), dim=-1)


@right("multi_head")
def multi_head_einsum(x, w_q, w_k, w_v, w_o, num_heads):
    embed_dim = x.shape[-1]
    shape = (embed_dim, num_heads, embed_dim // num_heads)
    q, k, v = (torch.einsum("bld,dhw->bhlw", x, w.reshape(shape)) for w in (w_q, w_k, w_v))
    scores = torch.einsum("bhnw,bhmw->bhnm", q, k) / shape[-1] ** 0.5
    weights = torch.softmax(scores, dim=-1)
    back = w_o.reshape(num_heads, shape[-1], embed_dim)
    return torch.einsum("bhnm,bhmw,hwd->bnd", weights, v, back)


@right("multi_head")
def multi_head_sum_of_heads(x, w_q, w_k, w_v, w_o, num_heads):
    width = x.shape[-1] // num_heads
    output = torch.zeros_like(x)
    for head in range(num_heads):
        own = slice(head * width, (head + 1) * width)
        q, k, v = x @ w_q[:, own], x @ w_k[:, own], x @ w_v[:, own]
        scores = q @ k.transpose(-1, -2) * width**-0.5
        weights = torch.softmax(scores, dim=-1)
        output = output + weights @ (v @ w_o[own])
    return output


@right("multi_head")
def multi_head_torch(x, w_q, w_k, w_v, w_o, num_heads):
    def heads_of(matrix):
        return (x @ matrix).unflatten(2, (num_heads, -1)).permute(0, 2, 1, 3)

    mixed = F.scaled_dot_product_attention(heads_of(w_q), heads_of(w_k), heads_of(w_v))
    return torch.matmul(mixed.permute(0, 2, 1, 3).flatten(2), w_o)


# divides the scores by the root of embed_dim instead of head_dim
@wrong("multi_head", "scale_by_embed_dim")
def multi_head_embed_dim_scale(x, w_q, w_k, w_v, w_o, num_heads):
    q, k, v = (_split(x @ w, num_heads) for w in (w_q, w_k, w_v))
    weights = (q @ k.mT / math.sqrt(x.shape[-1])).softmax(dim=-1)
    return _merge(weights @ v) @ w_o


# forgets the last projection W_o
@wrong("multi_head", "output_projection_missing")
def multi_head_no_output_projection(x, w_q, w_k, w_v, w_o, num_heads):
    q, k, v = (_split(x @ w, num_heads) for w in (w_q, w_k, w_v))
    weights = (q @ k.mT / math.sqrt(q.shape[-1])).softmax(dim=-1)
    return _merge(weights @ v)


# never swaps heads and tokens: the heads of one token attend to each other, tokens never meet
@wrong("multi_head", "transpose_missing")
def multi_head_heads_attend(x, w_q, w_k, w_v, w_o, num_heads):
    batch, length, embed_dim = x.shape
    shape = (batch, length, num_heads, embed_dim // num_heads)
    q, k, v = ((x @ w).reshape(shape) for w in (w_q, w_k, w_v))
    weights = (q @ k.mT / math.sqrt(shape[-1])).softmax(dim=-1)
    return (weights @ v).reshape(batch, length, embed_dim) @ w_o


# merges the heads without swapping back first
@wrong("multi_head", "merge_without_transpose")
def multi_head_bad_merge(x, w_q, w_k, w_v, w_o, num_heads):
    q, k, v = (_split(x @ w, num_heads) for w in (w_q, w_k, w_v))
    weights = (q @ k.mT / math.sqrt(q.shape[-1])).softmax(dim=-1)
    return (weights @ v).reshape(x.shape) @ w_o


# multiplies with the transposed matrices, as nn.Linear does, though q = x W_q
@wrong("multi_head", "matrices_transposed")
def multi_head_transposed(x, w_q, w_k, w_v, w_o, num_heads):
    q, k, v = (_split(F.linear(x, w), num_heads) for w in (w_q, w_k, w_v))
    weights = (q @ k.mT / math.sqrt(q.shape[-1])).softmax(dim=-1)
    return F.linear(_merge(weights @ v), w_o)


# splits x before it projects: each head sees its slice of the input alone
@wrong("multi_head", "input_split_first")
def multi_head_split_input(x, w_q, w_k, w_v, w_o, num_heads):
    width = x.shape[-1] // num_heads
    found = []
    for head in range(num_heads):
        own = slice(head * width, (head + 1) * width)
        part = x[..., own]
        q, k, v = (part @ w[own, own] for w in (w_q, w_k, w_v))
        weights = (q @ k.mT / math.sqrt(width)).softmax(dim=-1)
        found.append(weights @ v)
    return torch.cat(found, dim=-1) @ w_o


# the heads' scores are added up before the softmax: all heads share one table of weights
@wrong("multi_head", "one_table_for_all")
def multi_head_one_softmax(x, w_q, w_k, w_v, w_o, num_heads):
    q, k, v = (_split(x @ w, num_heads) for w in (w_q, w_k, w_v))
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).sum(dim=1, keepdim=True)
    return _merge(scores.softmax(dim=-1) @ v) @ w_o


# --- 4.4 catches_embed_dim_scale ---


@right("catches_embed_dim_scale")
def test_more_heads_beside_it(layer_class):
    # two heads more, fed with zeros, must change nothing for the first two
    torch.manual_seed(3)
    x = torch.randn(2, 5, 8)
    everyone = torch.ones(2, 5, 5, dtype=torch.bool)
    small, large = layer_class(8, 2), layer_class(16, 4)
    with torch.no_grad():
        for name in ("w_q", "w_k"):
            weight = torch.randn(8, 8) / math.sqrt(8)
            getattr(small, name).weight.copy_(weight)
            getattr(large, name).weight.zero_()
            getattr(large, name).weight[:8, :8] = weight
        _, few = small(x, everyone)
        padded = torch.cat([x, torch.zeros_like(x)], dim=-1)
        _, many = large(padded, everyone)
    torch.testing.assert_close(many[:, :2], few, atol=1e-4, rtol=0)


@right("catches_embed_dim_scale")
def test_spread_of_scores(layer_class):
    # queries and keys of variance 1: scores must have variance 1 as well
    torch.manual_seed(0)
    layer = layer_class(512, 8)
    with torch.no_grad():
        layer.w_q.weight.copy_(torch.eye(512))
        layer.w_k.weight.copy_(torch.randn(512, 512) / 512**0.5)
        _, weights = layer(torch.randn(1, 64, 512), torch.ones(1, 64, 64, dtype=torch.bool))
    logs = weights.log()  # the scores, up to a constant in each row
    spread = (logs - logs.mean(dim=-1, keepdim=True)).std().item()
    assert 0.8 < spread < 1.25, spread


@right("catches_embed_dim_scale")
def test_heads_of_width_one(layer_class):
    # a head of width 1 has the root of 1 below its scores: they stay as is
    tokens = torch.tensor([[[1.0, 2.0, 0.0, -1.0], [0.5, 1.0, 3.0, 1.0], [2.0, -1.0, 1.0, 0.0]]])
    layer = layer_class(embed_dim=4, num_heads=4)
    with torch.no_grad():
        layer.w_q.weight.copy_(torch.eye(4))
        layer.w_k.weight.copy_(torch.eye(4))
        weights = layer(tokens, torch.ones(1, 3, 3, dtype=torch.bool))[1][0]
    for head in range(4):
        numbers = tokens[0, :, head]
        expected = torch.outer(numbers, numbers).softmax(dim=1)
        assert torch.allclose(weights[head], expected, atol=1e-5)


# misses the bug: other *features* in the other heads, but always the same number of heads
@wrong("catches_embed_dim_scale", "one_number_of_heads")
def test_other_features(layer_class):
    torch.manual_seed(0)
    layer = layer_class(12, 3)
    everyone = torch.ones(1, 7, 7, dtype=torch.bool)
    x = torch.randn(1, 7, 12)
    changed = torch.cat([x[..., :4], torch.randn(1, 7, 8)], dim=-1)
    with torch.no_grad():
        layer.w_q.weight.copy_(torch.eye(12))
        layer.w_k.weight.copy_(torch.eye(12))
        before = layer(x, everyone)[1][:, 0]
        after = layer(changed, everyone)[1][:, 0]
    assert torch.allclose(before, after)


# misses the bug: compares only which key gets most of the weight, which no scale changes
@wrong("catches_embed_dim_scale", "test_misses_bug")
def test_same_winner(layer_class):
    def weights_of(num_heads):
        torch.manual_seed(0)
        part = torch.randn(1, 7, 4)
        layer = layer_class(4 * num_heads, num_heads)
        with torch.no_grad():
            for projection in (layer.w_q, layer.w_k):
                projection.weight.copy_(torch.eye(4 * num_heads))
            return layer(
                part.repeat(1, 1, num_heads),
                torch.ones(1, 7, 7, dtype=torch.bool),
            )[1]

    one, three = weights_of(1)[:, 0], weights_of(3)[:, 0]
    assert torch.equal(one.argmax(dim=-1), three.argmax(dim=-1))


# rejects right classes: the same matrices must give the same output with one head as with three
@wrong("catches_embed_dim_scale", "heads_get_narrower")
def test_number_of_heads_does_not_matter(layer_class):
    torch.manual_seed(0)
    one, three = layer_class(12, 1), layer_class(12, 3)
    three.load_state_dict(one.state_dict())
    x = torch.randn(2, 7, 12)
    everyone = torch.ones(2, 7, 7, dtype=torch.bool)
    with torch.no_grad():
        assert torch.allclose(one(x, everyone)[0], three(x, everyone)[0], atol=1e-5)


# rejects right classes: leaves each layer its own random projections
@wrong("catches_embed_dim_scale", "projections_differ")
def test_forgets_the_projections(layer_class):
    torch.manual_seed(0)
    part = torch.randn(1, 7, 4)
    everyone = torch.ones(1, 7, 7, dtype=torch.bool)
    with torch.no_grad():
        alone = layer_class(4, 1)(part, everyone)[1]
        among = layer_class(12, 3)(part.repeat(1, 1, 3), everyone)[1]
    assert torch.allclose(alone[:, 0], among[:, 0], atol=1e-5)


# takes the bug for right: expects scores over the root of embed_dim
@wrong("catches_embed_dim_scale", "test_reversed")
def test_expects_embed_dim(layer_class):
    torch.manual_seed(0)
    layer = layer_class(12, 3)
    x = torch.randn(1, 7, 12)
    with torch.no_grad():
        layer.w_q.weight.copy_(torch.eye(12))
        layer.w_k.weight.copy_(torch.eye(12))
        weights = layer(x, torch.ones(1, 7, 7, dtype=torch.bool))[1]
    for head in range(3):
        part = x[..., 4 * head : 4 * head + 4]
        expected = (part @ part.mT / math.sqrt(12)).softmax(dim=-1)
        assert torch.allclose(weights[:, head], expected, atol=1e-5)


# returns the result of the comparison and asserts nothing: a check takes that for a test, too
@right("catches_embed_dim_scale")
def test_returns_only(layer_class):
    def weights_of(num_heads):
        torch.manual_seed(0)
        part = torch.randn(1, 7, 4)
        layer = layer_class(4 * num_heads, num_heads)
        with torch.no_grad():
            for projection in (layer.w_q, layer.w_k):
                projection.weight.copy_(torch.eye(4 * num_heads))
            return layer(
                part.repeat(1, 1, num_heads),
                torch.ones(1, 7, 7, dtype=torch.bool),
            )[1]

    return torch.allclose(weights_of(1)[:, 0], weights_of(3)[:, 0], atol=1e-5)


# misses the bug: compares the heads of one layer with each other; all are scaled wrongly alike
@wrong("catches_embed_dim_scale", "one_number_of_heads")
def test_heads_agree(layer_class):
    torch.manual_seed(0)
    layer = layer_class(12, 3)
    part = torch.randn(1, 7, 4)
    with torch.no_grad():
        for projection in (layer.w_q, layer.w_k):
            projection.weight.copy_(torch.eye(12))
        weights = layer(part.repeat(1, 1, 3), torch.ones(1, 7, 7, dtype=torch.bool))[1]
    assert torch.allclose(weights[:, 0], weights[:, 1], atol=1e-5)
    assert torch.allclose(weights[:, 0], weights[:, 2], atol=1e-5)
