"""Checks of the rows on writing a text."""

import pytest
import torch
from torch import nn

import attnlib
from attnlib import KeyValueCache, sampling_probabilities
from tests.pages import restated
from tests.pages.names_page import BATCH, EMBED, HEADS, LENGTH, WIDTH, heads, row, same

PAST = 4
TIED = torch.tensor([4.0, 3.0, 3.0, 1.0]).log()  # .36, .27, .27, .09


def kept(probabilities):
    return int((probabilities > 0).sum())


@row("keys and values of the past")
def _(ours, torch_, d2l, hf):
    layer = attnlib.MultiHeadAttention(EMBED, HEADS).eval()
    x, cache = torch.randn(BATCH, LENGTH, EMBED), KeyValueCache(BATCH, HEADS, LENGTH, WIDTH)
    query, key, value = (
        attnlib.split_heads(part, HEADS) for part in layer.in_proj(x).chunk(3, dim=-1)
    )
    past = restated.HfDynamicCache()
    for part in (slice(0, PAST), slice(PAST, LENGTH)):
        with torch.no_grad():
            output, _ = layer(x[:, part], is_causal=True, **{ours.one(): cache})
        keys, values = past.update(key[:, :, part], value[:, :, part], layer_idx=0)
        theirs, _ = attnlib.scaled_dot_product_attention(
            query[:, :, part], keys, values, is_causal=True
        )
        same(output, layer.out_proj(attnlib.merge_heads(theirs)))
    past.update(key, value, layer_idx=1)
    ours.says("one for each layer")
    hf.says("one for all layers; formerly")
    assert hf.names() == ["cache", "past_key_values"]
    assert not torch_


@row("how many tokens are kept")
def _(ours, torch_, d2l, hf):
    _, key, value = heads(PAST, PAST, PAST)
    cache, past = KeyValueCache(BATCH, HEADS, LENGTH, WIDTH), restated.HfDynamicCache()
    cache.append(key, value)
    past.update(key, value, layer_idx=0)
    assert eval(ours.one(), {"cache": cache}) == PAST
    assert getattr(past, hf.one().removesuffix("()"))() == PAST


@row("the last two forgotten")
def _(ours, torch_, d2l, hf):
    _, key, value = heads(PAST, PAST, PAST)
    cache, past = KeyValueCache(BATCH, HEADS, LENGTH, WIDTH), restated.HfDynamicCache()
    cache.append(key, value)
    past.update(key, value, layer_idx=0)
    eval(f"cache.{ours.one()}", {"cache": cache, "length": cache.length})
    eval(f"past.{hf.one()}", {"past": past})
    assert cache.length == past.get_seq_length() == PAST - 2
    ours.says("how many stay")
    hf.says("how many go, with a minus")


@row("always the most probable")
def _(ours, torch_, d2l, hf):
    same(
        sampling_probabilities(TIED, **{ours.one(): 0}),
        nn.functional.one_hot(TIED.argmax(), len(TIED)).float(),
    )
    assert d2l.one() == "predict_step"  # which takes the argmax
    greedy, temperature = hf.names()
    assert greedy == "do_sample"
    with pytest.raises(ValueError, match=temperature):
        restated.hf_temperature(TIED, **{temperature: 0.0})
    assert "**an error**" in hf


@row("the k most probable, several as probable as the last")
def _(ours, torch_, d2l, hf):
    mine = sampling_probabilities(TIED, **{ours.one(): 2})
    same(mine, restated.hf_top_k(TIED, **{hf.one(): 2}).softmax(dim=-1))
    assert kept(mine) == 3
    ours.says("all of them")
    hf.says("all of them")


@row("the token with which the sum reaches p")
def _(ours, torch_, d2l, hf):
    scores = torch.tensor([4.0, 3.0, 2.0, 1.0]).log()  # .4, .7, .9, 1
    mine = sampling_probabilities(scores, **{ours.one(): 0.6})
    same(mine, restated.hf_top_p(scores, **{hf.one(): 0.6}).softmax(dim=-1))
    assert kept(mine) == 2
    ours.says("stays in")
    hf.says("stays in")


@row("…, several as probable as that one")
def _(ours, torch_, d2l, hf):
    assert kept(sampling_probabilities(TIED, **{ours.one(): 0.6})) == 3
    assert kept(restated.hf_top_p(TIED, **{hf.one(): 0.6}).softmax(dim=-1)) == 2
    ours.says("all of them")
    hf.says("no more than it takes")
