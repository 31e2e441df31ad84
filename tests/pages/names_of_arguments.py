"""Checks of the rows on arguments and sizes."""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

import attnlib
from tests.pages import restated
from tests.pages.names_page import BATCH, EMBED, HEADS, LENGTH, WIDTH, heads, layers, row, same


@row("the three inputs")
def _(ours, torch_, d2l, hf):
    inputs = heads()
    expected, _ = attnlib.scaled_dot_product_attention(
        **dict(zip(ours.names(), inputs, strict=True))
    )
    same(expected, F.scaled_dot_product_attention(**dict(zip(torch_.names(), inputs, strict=True))))
    inputs_of_hf = dict(zip(hf.names(), inputs, strict=True))
    same(
        expected,
        restated.hf_attention(**inputs_of_hf, attention_mask=None, scaling=5**-0.5)[0].transpose(
            1, 2
        ),
    )
    x = torch.randn(BATCH, LENGTH, EMBED)
    layer, _, other = layers()
    same(layer(x)[0], other(**dict.fromkeys(d2l.names(), x), valid_lens=None))


@row("width of a token's vector")
def _(ours, torch_, d2l, hf):
    attnlib.MultiHeadAttention(**{ours.one(): EMBED}, num_heads=HEADS)
    nn.MultiheadAttention(**{torch_.one(): EMBED}, num_heads=HEADS)
    restated.D2lMultiHeadAttention(**{d2l.one(): EMBED}, num_heads=HEADS, dropout=0.0)
    assert hf.one() == "hidden_size"


@row("number of heads")
def _(ours, torch_, d2l, hf):
    attnlib.MultiHeadAttention(EMBED, **{ours.one(): HEADS})
    nn.MultiheadAttention(EMBED, **{torch_.one(): HEADS})
    restated.D2lMultiHeadAttention(EMBED, dropout=0.0, **{d2l.one(): HEADS})
    assert hf.one() == "num_attention_heads"


@row("heads of keys and values")
def _(ours, torch_, d2l, hf):
    layer = attnlib.MultiHeadAttention(20, 4, **{ours.one(): 2})
    x = torch.randn(BATCH, LENGTH, 20)
    parts = layer.in_proj(x).split([20, 10, 10], dim=-1)
    query, key, value = (
        attnlib.split_heads(part, heads) for part, heads in zip(parts, (4, 2, 2), strict=True)
    )
    name, option = torch_.names()
    shared = {name: key, "query": query, "value": value, option: True}
    expected = layer.out_proj(attnlib.merge_heads(F.scaled_dot_product_attention(**shared)))
    same(expected, layer(x)[0])
    assert not d2l
    assert hf.one() == "num_key_value_heads"


@row("width of a head")
def _(ours, torch_, d2l, hf):
    assert attnlib.RotaryPositionalEncoding(**{ours.one(): 4}).head_dim == 4
    documented = F.scaled_dot_product_attention.__doc__
    assert all(f"{name}: " in documented for name in ("E", "Ev"))
    assert torch_ == "`E`, `Ev` in the documentation"
    num_hiddens, num_heads = d2l.one().split(" / ")
    layer = restated.D2lMultiHeadAttention(**{num_hiddens: EMBED, num_heads: HEADS}, dropout=0.0)
    assert layer.transpose_qkv(torch.randn(BATCH, LENGTH, EMBED)).shape[-1] == EMBED / HEADS
    assert hf.one() == "head_dim"


@row("factor of the scores")
def _(ours, torch_, d2l, hf):
    inputs = heads()
    for factor in (1.0, 0.3):
        expected, _ = attnlib.scaled_dot_product_attention(*inputs, **{ours.one(): factor})
        same(expected, F.scaled_dot_product_attention(*inputs, **{torch_.one(): factor}))
        same(
            expected, restated.hf_attention(*inputs, None, **{hf.one(): factor})[0].transpose(1, 2)
        )
    default, _ = attnlib.scaled_dot_product_attention(*inputs)
    flat = [each.flatten(0, 1) for each in inputs]
    same(default.flatten(0, 1), restated.D2lDotProductAttention(0.0)(*flat))
    d2l.says(r"always $1/\sqrt{d}$")


@row("dropout of the weights, function")
def _(ours, torch_, d2l, hf):
    inputs = heads()
    calls = {
        ours: lambda p: attnlib.scaled_dot_product_attention(*inputs, **{ours.one(): p})[0],
        torch_: lambda p: F.scaled_dot_product_attention(*inputs, **{torch_.one(): p}),
        hf: lambda p: restated.hf_attention(*inputs, None, 5**-0.5, **{hf.one(): p})[0],
    }
    for cell, call in calls.items():
        acts = not torch.equal(call(0.5), call(0.0))
        cell.says("always active" if acts else "in training")
    training = restated.hf_attention(*inputs, None, 5**-0.5, dropout=0.5, training=True)[0]
    assert not torch.equal(training, calls[hf](0.0))


@row("dropout of the weights, layer")
def _(ours, torch_, d2l, hf):
    x = torch.randn(BATCH, LENGTH, EMBED)
    assert ours == torch_ == d2l == "`dropout`, in training"
    plain = layers()[0](x)[0]
    assert plain.isfinite().all()
    for layer in layers(dropout=0.5):
        call = (
            (lambda m: m(x, x, x, None))
            if "D2l" in type(layer).__name__
            else (lambda m: m(x, x, x)[0])
        )
        torch.testing.assert_close(call(layer), call(layer))
        layer.train()
        assert not torch.equal(call(layer), call(layer))


@row("weights, on request")
def _(ours, torch_, d2l, hf):
    x = torch.randn(BATCH, LENGTH, EMBED)
    layer, theirs, other = layers()
    weights = layer(x, **{ours.one(): True})[1]
    assert weights.shape == (BATCH, HEADS, LENGTH, LENGTH)
    same(weights.mean(dim=1), theirs(x, x, x, **{torch_.one(): True})[1])
    other(x, x, x, None)
    holder = other
    for name in d2l.one().split("."):
        holder = getattr(holder, name)
    same(weights.flatten(0, 1), holder)
    q, k, v = attnlib.split_heads(layer.in_proj(x), 3 * HEADS).chunk(3, dim=1)
    same(weights, restated.hf_attention(q, k, v, None, WIDTH**-0.5)[1])
    for cell, words in ((ours, "each head's"), (torch_, "mean of the heads"), (d2l, "each head's")):
        cell.says(words)
    hf.says("second result: each head's, from only")
    assert hf.one() == "eager"
    assert restated.hf_sdpa_attention(q, k, v, None, WIDTH**-0.5)[1] is None
