"""Checks of the rows on blocks."""

import torch
from torch import nn

import attnlib
from tests.pages import restated
from tests.pages.names_page import BATCH, EMBED, HEADS, LENGTH, MAY, MUST_NOT, row, same

HIDDEN, READ = 13, 11
OPTIONS = {"dropout": 0.0, "activation": "gelu", "batch_first": True}


def copy(theirs, ours):
    """Give attnlib's block the weights of one of torch's layers."""
    pairs = [(theirs.self_attn, ours.self_attention)]
    if ours.cross_attention is not None:
        pairs.append((theirs.multihead_attn, ours.cross_attention))
    with torch.no_grad():
        for their, our in pairs:
            our.in_proj.weight.copy_(their.in_proj_weight)
            our.in_proj.bias.copy_(their.in_proj_bias)
            our.out_proj.load_state_dict(their.out_proj.state_dict())
    for name in ("linear1", "linear2"):
        ours.feed_forward.get_submodule(name).load_state_dict(
            theirs.get_submodule(name).state_dict()
        )


def encoder_blocks(**options):
    theirs = nn.TransformerEncoderLayer(EMBED, HEADS, HIDDEN, **OPTIONS, **options)
    ours = attnlib.TransformerBlock(EMBED, HEADS, HIDDEN, norm_first=theirs.norm_first)
    copy(theirs, ours)
    return theirs, ours


def decoder_blocks():
    theirs = nn.TransformerDecoderLayer(EMBED, HEADS, HIDDEN, **OPTIONS)
    ours = attnlib.TransformerBlock(EMBED, HEADS, HIDDEN, norm_first=False, cross_attention=True)
    copy(theirs, ours)
    return theirs, ours, torch.randn(BATCH, LENGTH, EMBED), torch.randn(BATCH, READ, EMBED)


@row("width of the hidden layer")
def _(ours, torch_, d2l, hf):
    block = attnlib.TransformerBlock(EMBED, HEADS, **{ours.one(): HIDDEN})
    theirs = nn.TransformerEncoderLayer(EMBED, HEADS, **{torch_.one(): HIDDEN})
    same(
        torch.tensor(block.feed_forward.linear1.weight.shape),
        torch.tensor(theirs.linear1.weight.shape),
    )
    assert (d2l, hf) == ("`ffn_num_hiddens`", "Llama: `intermediate_size`; GPT-2: `n_inner`")


@row("where the norm stands, unless asked")
def _(ours, torch_, d2l, hf):
    x = torch.randn(BATCH, LENGTH, EMBED)
    theirs, after = encoder_blocks()
    same(theirs(x), after(x)[0])
    torch_.says("after the sum")

    before = attnlib.TransformerBlock(EMBED, HEADS, HIDDEN)
    names = ("self_attention_norm", "feed_forward_norm")

    def parts(block):
        norms = (block.get_submodule(name) for name in names)
        return (lambda x: block.self_attention(x)[0]), block.feed_forward, *norms

    same(before(x)[0], restated.hf_gpt2_block(x, *parts(before)))
    same(after(x)[0], restated.hf_marian_encoder_layer(x, *parts(after)))
    ours.says("before the part")
    hf.says("GPT-2: before the part; Marian: after the sum")
    same(after(x)[0], restated.d2l_transformer_encoder_block(x, *parts(after)))
    d2l.says("after the sum")


@row("the other place")
def _(ours, torch_, d2l, hf):
    x = torch.randn(BATCH, LENGTH, EMBED)
    assert (ours, torch_) == ("`norm_first=False`", "`norm_first=True`")
    theirs, before = encoder_blocks(**{torch_.one(): True})
    same(theirs(x), before(x)[0])
    after = attnlib.TransformerBlock(EMBED, HEADS, HIDDEN, **{ours.one(): False})
    same(after(x)[0].mean(dim=-1), torch.zeros(BATCH, LENGTH))  # as it leaves the norm


@row("what cross-attention reads")
def _(ours, torch_, d2l, hf):
    theirs, block, x, memory = decoder_blocks()
    expected = theirs(x, **{torch_.one(): memory})
    same(expected, block(x, **{ours.one(): memory})[0])
    assert hf == "`encoder_hidden_states`"


@row("its padding")
def _(ours, torch_, d2l, hf):
    theirs, block, x, memory = decoder_blocks()
    lens = torch.tensor([READ, 3])
    real = attnlib.padding_mask(lens, READ)
    expected = theirs(x, memory, **{torch_.one(): ~real[:, 0]})
    same(expected, block(x, memory, **{ours.one(): real})[0])
    ours.says(MAY)
    torch_.says(MUST_NOT)
    assert hf == "`encoder_attention_mask`: 1 = may attend"
