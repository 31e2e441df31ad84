"""Checks of the rows on masks."""

import inspect

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.attention import varlen
from torch.nn.attention.bias import causal_lower_right

import attnlib
from tests.pages import restated
from tests.pages.names_page import (
    BATCH,
    EMBED,
    HEADS,
    LENGTH,
    MAY,
    MUST_NOT,
    WIDTH,
    heads,
    layers,
    one_head,
    polarity,
    row,
    same,
)


@row("boolean mask, function")
def _(ours, torch_, d2l, hf):
    ours.says(
        polarity(
            lambda q, k, v, m: attnlib.scaled_dot_product_attention(q, k, v, **{ours.one(): m})[0]
        )
    )
    torch_.says(
        polarity(lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, **{torch_.one(): m}))
    )
    words = polarity(
        lambda q, k, v, m: restated.hf_sdpa_attention(q, k, v, **{hf.one(): m}, scaling=1.0)[0]
    )
    assert hf.names() == ["attention_mask", "sdpa"]
    hf.says(f"prepared for {words}")
    real = torch.tensor([[0, 1, 1]])
    assert restated.hf_prepare_sdpa_mask(real, 1)[0, 0].tolist() == [[False, True, True]]


@row("boolean mask, layer")
def _(ours, torch_, d2l, hf):
    mine = one_head(attnlib.MultiHeadAttention(1, 1))
    theirs = one_head(nn.MultiheadAttention(1, 1, bias=False, batch_first=True))
    ours.says(polarity(lambda q, k, v, m: mine(q[0], k[0], v[0], **{ours.one(): m})[0]))
    torch_.says(polarity(lambda q, k, v, m: theirs(q[0], k[0], v[0], **{torch_.one(): m})[0]))


@row("padding, given to the layer")
def _(ours, torch_, d2l, hf):
    layer, theirs, other = layers()
    x, valid_lens = torch.randn(BATCH, LENGTH, EMBED), torch.tensor([3, 5])
    real = torch.arange(LENGTH) < valid_lens[:, None]
    expected = layer(x, **{ours.one(): attnlib.padding_mask(valid_lens, LENGTH)})[0]
    same(expected, theirs(x, x, x, **{torch_.one(): ~real})[0])
    same(expected, other(x, x, x, **{d2l.one(): valid_lens}))
    ours.says(MAY)
    torch_.says(MUST_NOT)
    d2l.says("how many are real")
    prepared = restated.hf_prepare_mask(real.long(), 1)  # the last query: no future to hide
    assert torch.equal(prepared[:, 0, 0] == 0, real)
    assert hf == "`attention_mask`: 1 = may attend"


@row("added to the scores")
def _(ours, torch_, d2l, hf):
    inputs, bias = heads(), torch.randn(LENGTH, LENGTH)
    expected, _ = attnlib.scaled_dot_product_attention(*inputs, **{ours.one(): bias})
    same(expected, F.scaled_dot_product_attention(*inputs, **{torch_.one(): bias}))
    same(
        expected,
        restated.hf_attention(*inputs, **{hf.one(): bias}, scaling=WIDTH**-0.5)[0].transpose(1, 2),
    )
    values = set(restated.hf_prepare_mask(torch.ones(1, LENGTH), LENGTH).unique().tolist())
    assert values == {0.0, torch.finfo(torch.float32).min}
    assert hf.names() == ["attention_mask", "eager"]
    hf.says("prepared for 0 or the lowest float")
    torch_.says("of floats")


@row("the future hidden")
def _(ours, torch_, d2l, hf):
    inputs = heads()
    expected, _ = attnlib.scaled_dot_product_attention(*inputs, **{ours.one(): True})
    same(expected, F.scaled_dot_product_attention(*inputs, **{torch_.one(): True}))
    flat = [each.flatten(0, 1) for each in inputs]
    steps = torch.arange(1, LENGTH + 1).expand(BATCH * HEADS, LENGTH)
    same(expected.flatten(0, 1), restated.D2lDotProductAttention(0.0)(*flat, **{d2l.one(): steps}))
    d2l.says("1, 2, 3, … for each query")
    hf.says("done by the model")
    mask = restated.hf_prepare_mask(torch.ones(BATCH, LENGTH), LENGTH)
    same(expected, restated.hf_attention(*inputs, mask, WIDTH**-0.5)[0].transpose(1, 2))


@row("fewer queries than keys, causal")
def _(ours, torch_, d2l, hf):
    query, key, value = heads(3, LENGTH, LENGTH)
    plain = F.scaled_dot_product_attention
    corners = {
        "upper left": plain(query, key, value, attn_mask=torch.ones(3, LENGTH).tril().bool()),
        "lower right": plain(query, key, value, attn_mask=causal_lower_right(3, LENGTH)),
    }
    mask = restated.hf_prepare_mask(torch.ones(BATCH, LENGTH), 3)
    answers = {
        ours: attnlib.scaled_dot_product_attention(query, key, value, is_causal=True)[0],
        torch_: plain(query, key, value, is_causal=True),
        hf: restated.hf_attention(query, key, value, mask, WIDTH**-0.5)[0].transpose(1, 2),
    }
    for cell, answer in answers.items():
        (corner,) = (
            name for name, each in corners.items() if torch.allclose(each, answer, atol=1e-6)
        )
        cell.says(corner)


def describe_window(mask, w):
    """Say which keys the query in the middle sees."""
    middle = len(mask) // 2
    seen = mask[middle].nonzero().flatten() - middle
    sides = {
        (w - 1, w - 1): "itself and w − 1 to each side",
        (w - 1, 0): "itself and w − 1 before",
        (w // 2, w // 2): "w/2 to each side",
    }
    return sides[-seen.min().item(), seen.max().item()]


@row("a window of width w")
def _(ours, torch_, d2l, hf):
    w, length = 4, 13
    mask = attnlib.sliding_window_mask(length, **{ours.one(): w})
    ours.says(describe_window(mask, w))
    function, argument = torch_.names()
    parameter = inspect.signature(getattr(varlen, function)).parameters[argument]
    assert parameter.default == (-1, -1)
    assert "(left, right)" in varlen.varlen_attn.__doc__  # it needs a GPU: restated
    assert "(-1, 0) for causal attention" in varlen.varlen_attn.__doc__
    flash = restated.flash_window(length, (w - 1, w - 1))
    assert torch.equal(flash, mask)
    assert torch.equal(restated.flash_window(length, (-1, 0)), torch.ones_like(mask).tril())
    torch_.says("FlashAttention: left and right, itself not counted")
    causal = attnlib.causal_mask(length, length)
    llama_like = restated.hf_sliding_window(length, w) & causal
    assert torch.equal(llama_like, mask & causal)
    longformer = restated.hf_longformer_window(length, w)
    assert hf.names() == ["sliding_window", "attention_window"]
    hf.says(f"{describe_window(llama_like, w)}; Longformer: {describe_window(longformer, w)}")


def describe(answer, value):
    """Say what a query got that had nothing to look at."""
    if answer.isnan().all():
        return "NaN"
    if (answer == 0).all():
        return "zeros"
    torch.testing.assert_close(answer, value.mean(dim=-2))
    return "equal weights"


@row("a query with nothing to look at")
def _(ours, torch_, d2l, hf):
    query, key, value = heads()
    mask = torch.ones(LENGTH, LENGTH, dtype=torch.bool)
    mask[4] = False
    ours.says(
        describe(attnlib.scaled_dot_product_attention(query, key, value, mask)[0][..., 4, :], value)
    )
    by_function = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)[..., 4, :]
    x = torch.randn(BATCH, LENGTH, EMBED)
    by_layer = layers()[1](x, x, x, attn_mask=~mask, need_weights=True)[0][:, 4]
    even = nn.MultiheadAttention(2 * WIDTH, 2, batch_first=True).eval()
    wide = torch.randn(BATCH, LENGTH, 2 * WIDTH)
    with torch.no_grad():  # with an odd number of heads there is no fast path
        on_fast_path = even(wide, wide, wide, attn_mask=~mask, need_weights=False)[0][:, 4]
    assert describe(on_fast_path, wide) == describe(by_layer, x)
    got = [describe(by_function, value), describe(by_layer, x)]
    torch_.says("function: {}; layer, asked for weights or on its fast path: {}".format(*got))
    flat = [each.flatten(0, 1) for each in (query, key, value)]
    by_d2l = restated.D2lDotProductAttention(0.0)(*flat, torch.zeros(BATCH * HEADS))
    d2l.says(describe(by_d2l[:, 4], flat[2]))
    lowest = torch.zeros(LENGTH, LENGTH).masked_fill(~mask, torch.finfo(torch.float32).min)
    by_hf = restated.hf_attention(query, key, value, lowest, WIDTH**-0.5)[0].transpose(1, 2)
    by_default = restated.hf_sdpa_attention(query, key, value, mask, WIDTH**-0.5)[0]
    assert hf.names() == ["sdpa", "eager"]
    got = [describe(each[..., 4, :], value) for each in (by_default.transpose(1, 2), by_hf)]
    hf.says("{}; {}".format(*got))
