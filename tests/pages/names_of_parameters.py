"""Checks of the rows on shapes, parameters and positions."""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

import attnlib
from tests.pages import restated
from tests.pages.names_page import BATCH, EMBED, HEADS, LENGTH, WIDTH, heads, layers, row, same


@row("input of the layer")
def _(ours, torch_, d2l, hf):
    layer, theirs, other = layers()
    x = torch.randn(BATCH, LENGTH, EMBED)
    expected = layer(x)[0]
    same(expected, theirs(x, x, x)[0], other(x, x, x, None))
    default = nn.MultiheadAttention(EMBED, HEADS, bias=False).eval()
    default.load_state_dict(theirs.state_dict())
    turned = x.transpose(0, 1)
    same(expected.transpose(0, 1), default(turned, turned, turned)[0])
    assert ours == d2l == hf == "(batch, length, width)"
    torch_.says("(length, batch, width) unless")
    assert torch_.one() == "batch_first"


@row("heads, split")
def _(ours, torch_, d2l, hf):
    x = torch.randn(BATCH, LENGTH, EMBED)
    split = attnlib.split_heads(x, HEADS)
    assert split.shape == (BATCH, HEADS, LENGTH, WIDTH)
    assert F.scaled_dot_product_attention(split, split, split).shape == split.shape
    same(split.flatten(0, 1), restated.D2lMultiHeadAttention(EMBED, HEADS, 0.0).transpose_qkv(x))
    same(split, x.view(BATCH, LENGTH, -1, WIDTH).transpose(1, 2))  # as LlamaAttention.forward
    assert ours == torch_ == hf == "(batch, heads, length, width)"
    d2l.says("(batch · heads, length, width)")


@row("output of the function")
def _(ours, torch_, d2l, hf):
    inputs = heads()
    assert attnlib.scaled_dot_product_attention(*inputs)[0].shape == (BATCH, HEADS, LENGTH, WIDTH)
    assert F.scaled_dot_product_attention(*inputs).shape == (BATCH, HEADS, LENGTH, WIDTH)
    assert restated.hf_attention(*inputs, None, 1.0)[0].shape == (BATCH, LENGTH, HEADS, WIDTH)
    assert ours == torch_ == "(batch, heads, length, width)"
    hf.says("(batch, length, heads, width)")


@row("projections in")
def _(ours, torch_, d2l, hf):
    layer, theirs, other = layers()
    ours_weight = layer.get_parameter(ours.one())
    same(ours_weight, theirs.get_parameter(torch_.one()))
    same(ours_weight, torch.cat([other.get_submodule(name).weight for name in d2l.names()]))
    gpt2 = restated.HfConv1D(3 * EMBED, EMBED)
    x = torch.randn(BATCH, LENGTH, EMBED)
    with torch.no_grad():
        gpt2.weight.copy_(ours_weight.T)
    same(layer.in_proj(x), gpt2(x))
    ours.says("q, k, v in one")
    torch_.says("q, k, v in one")
    assert hf == "`q_proj`, `k_proj`, `v_proj`; GPT-2: `c_attn`, **transposed**"


@row("projection out")
def _(ours, torch_, d2l, hf):
    layer, theirs, other = layers()
    weight = layer.get_submodule(ours.one()).weight
    same(weight, theirs.get_submodule(torch_.one()).weight, other.get_submodule(d2l.one()).weight)
    assert hf == "`o_proj`; GPT-2: `c_proj`"


@row("biases unless asked")
def _(ours, torch_, d2l, hf):
    ours.says("no" if attnlib.MultiHeadAttention(EMBED, HEADS).in_proj.bias is None else "yes")
    torch_.says("no" if nn.MultiheadAttention(EMBED, HEADS).in_proj_bias is None else "yes")
    d2l.says("no" if restated.D2lMultiHeadAttention(EMBED, HEADS, 0.0).W_q.bias is None else "yes")
    assert restated.HfConv1D(1, 1).bias is not None
    hf.says("Llama: no; GPT-2: yes")


# ---------- positions ----------


@row("sines and cosines")
def _(ours, torch_, d2l, hf):
    encoding = attnlib.sinusoidal_encoding(11, 14)
    same(encoding, restated.d2l_positional_encoding(14)[0, :11])
    halves = torch.cat([encoding[:, 0::2], encoding[:, 1::2]], dim=-1)
    same(halves, restated.hf_marian_positions(11, 14))
    assert ours == d2l == "in turn"
    hf.says("Marian: sines first, then cosines")


@row("longest input of the sinusoids")
def _(ours, torch_, d2l, hf):
    assert attnlib.SinusoidalPositionalEncoding(2)(torch.zeros(1, 1001, 2)).shape == (1, 1001, 2)
    assert f"`max_len={restated.d2l_positional_encoding(2).shape[1]}`" == d2l
    ours.says("none")


@row("pairs turned by rotary encoding")
def _(ours, torch_, d2l, hf):
    x = torch.randn(BATCH, HEADS, LENGTH, 6)
    places = torch.arange(LENGTH).expand(BATCH, LENGTH)
    assert ours.startswith("`interleaved=True`")
    neighbours = attnlib.RotaryPositionalEncoding(6, **{ours.one(): True})(x)
    apart = attnlib.RotaryPositionalEncoding(6, **{ours.one(): False})(x)
    untouched = torch.zeros(1, 1, 2, 6)
    untouched[..., 0] = 1.0  # turns into column 1, or into the column half the width away
    turned = attnlib.RotaryPositionalEncoding(6)(untouched)[0, 0, 1]
    assert turned.nonzero().flatten().tolist() == [0, 1]
    same(apart, restated.hf_rotary(x, places))
    assert not torch.allclose(neighbours, apart, atol=0.1)
    ours.says("neighbours")
    hf.says("Llama: half the width apart")


@row("ALiBi")
def _(ours, torch_, d2l, hf):
    query, key, value = heads()
    slopes = attnlib.alibi_slopes(HEADS)
    bias = attnlib.alibi_bias(HEADS, LENGTH)
    distance = (torch.arange(LENGTH)[:, None] - torch.arange(LENGTH)).abs()
    same(bias, -slopes[:, None, None] * distance)
    bloom = restated.hf_alibi(torch.ones(BATCH, LENGTH), slopes)
    same(bloom, (slopes[:, None, None] * torch.arange(LENGTH)).expand(BATCH, -1, -1, -1))
    results = [
        attnlib.scaled_dot_product_attention(query, key, value, attn_bias=each, is_causal=True)[0]
        for each in (bias, bloom)
    ]
    same(*results)
    ours.says("minus slope · distance")
    hf.says("BLOOM: plus slope · position")


@row("position of the first new token")
def _(ours, torch_, d2l, hf):
    x = torch.randn(BATCH, HEADS, 2, 6)
    rotary = attnlib.RotaryPositionalEncoding(6, interleaved=False)
    places = torch.arange(10, 12).expand(BATCH, 2)
    same(rotary(x, **{ours.one(): 10}), restated.hf_rotary(x, **{hf.one(): places}))
    assert not torch.allclose(rotary(x), rotary(x, offset=10), atol=0.1)


@row("learned positions")
def _(ours, torch_, d2l, hf):
    learned = getattr(attnlib, ours.one())(max_len=11, embed_dim=5)
    table = getattr(nn, torch_.one().removeprefix("nn."))(11, 5, _weight=learned.weight)
    x = torch.randn(BATCH, LENGTH, 5)
    same(learned(x), x + table(torch.arange(LENGTH)))
    assert hf == "GPT-2: `wpe`"
