"""static/transformer.js computes what attnlib computes: every part, and whole blocks."""

import json
import subprocess
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

import attnlib
from attnlib.widgets import live_figure as shared
from tests.widgets.test_live_figure import node

DRIVER = "tests/widgets/static/forward.mjs"
WIDTH, HEADS, LENGTH, MEMORY = 24, 6, 7, 3  # heads of width 4: two pairs of the rotary
BASE = 100.0


def shaken(layer: nn.Module) -> nn.Module:
    """Give each parameter random entries: norms start with ones and zeros, which hide mistakes."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.7)
    return layer.eval()


def lists(value):
    return value.tolist() if isinstance(value, torch.Tensor) else value


class Cases:
    """Collects cases with what torch says to them; one start of node computes them all."""

    def __init__(self):
        self.asked, self.expected = [], {}

    def add(self, name, expected, kind, tensors=None, x=None, prefix="", **options):
        tensors = {f"{prefix}{k}": v.tolist() for k, v in (tensors or {}).items()}
        options = {key: lists(value) for key, value in options.items() if value is not None}
        case = {"kind": kind, "tensors": tensors, "x": lists(x), "options": options}
        self.asked.append(case)
        self.expected[name] = expected

    def answers(self):
        text = json.dumps(self.asked)
        done = subprocess.run([node(), DRIVER], input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return dict(zip(self.expected, json.loads(done.stdout), strict=True))


def add_parts(cases):
    x = torch.randn(LENGTH, WIDTH)
    layer = shaken(nn.Linear(WIDTH, 11))
    cases.add("linear", {"x": layer(x)}, "linear", layer.state_dict(), x)
    layer = shaken(nn.LayerNorm(WIDTH))
    wide = x * 3 + 5
    cases.add("norm", {"x": layer(wide)}, "norm", layer.state_dict(), wide, "norm.")
    flat = torch.full((1, WIDTH), 2.0)  # variance 0: eps decides
    cases.add("norm of equals", {"x": layer(flat)}, "norm", layer.state_dict(), flat, "norm.")
    for activation in ("gelu", "relu"):
        layer = shaken(attnlib.FeedForward(WIDTH, 13, activation=activation))
        expected = {"x": layer(x)}
        state = layer.state_dict()
        cases.add(
            f"{activation}", expected, "feedForward", state, x, "part.", activation=activation
        )
    table = torch.randn(9, WIDTH)
    cases.add("embed", {"x": table[[3, 0, 3]]}, "embed", {"weight": table}, ids=[3, 0, 3])
    for width, offset in product((WIDTH, 7), (0, 5)):
        expected = {"x": attnlib.sinusoidal_encoding(LENGTH, width, base=BASE, offset=offset)}
        name = f"sinusoids {width} {offset}"
        options = {"length": LENGTH, "width": width, "base": BASE, "offset": offset}
        cases.add(name, expected, "sinusoids", **options)
    rotary = attnlib.RotaryPositionalEncoding(WIDTH // HEADS, base=BASE)
    for offset in (0, 4):
        turned = rotary(attnlib.split_heads(x[None], HEADS), offset=offset)
        options = {"headDim": WIDTH // HEADS, "base": BASE, "offset": offset}
        expected = {"x": attnlib.merge_heads(turned)[0]}
        cases.add(f"rotate {offset}", expected, "rotate", x=x, **options)


def masks(queries, keys):
    """No mask; one for all heads, with an empty row; one for each head."""
    one = torch.rand(1, queries, keys) < 0.6
    one[0, 1] = False
    return {"no mask": None, "mask": one, "mask a head": torch.rand(HEADS, queries, keys) < 0.6}


def add_attention(cases):
    x, other = torch.randn(LENGTH, WIDTH), torch.randn(MEMORY, WIDTH)
    for bias, kv_heads, base, memory in product(
        (False, True), (HEADS, 2), (None, BASE), (None, other)
    ):
        rotary = attnlib.RotaryPositionalEncoding(WIDTH // HEADS, base=base) if base else None
        layer = shaken(
            attnlib.MultiHeadAttention(
                WIDTH, HEADS, num_kv_heads=kv_heads, bias=bias, rotary=rotary
            )
        )
        keys = x if memory is None else memory
        given = {**masks(LENGTH, len(keys)), "causal": "causal"}
        for name, mask in given.items():
            causal = mask == "causal" if isinstance(mask, str) else False
            output, weights = layer(
                x[None],
                None if memory is None else memory[None],
                mask=None if mask is None or causal else mask[None],
                is_causal=causal,
                need_weights=True,
            )
            cases.add(
                f"attention {name} bias {bias} kv {kv_heads} base {base} memory {len(keys)}",
                {"x": output[0], "weights": weights[0]},
                "multiHead",
                layer.state_dict(),
                x,
                "part.",
                heads=HEADS,
                keyHeads=kv_heads,
                base=base,
                memory=memory,
                causal=causal or None,
                mask=None if causal else mask,
            )


def add_switches(cases):
    """A head that is off adds nothing: its columns of the output projection are zero."""
    x = torch.randn(LENGTH, WIDTH)
    layer = shaken(attnlib.MultiHeadAttention(WIDTH, HEADS, bias=True))
    on = torch.tensor([True, False, True, True, False, True])
    state = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    _, weights = layer(x[None], need_weights=True)
    layer.out_proj.weight.data *= on.repeat_interleave(WIDTH // HEADS)
    output, _ = layer(x[None])
    expected = {"x": output[0], "weights": weights[0]}
    cases.add("switches", expected, "multiHead", state, x, "part.", heads=HEADS, on=on)


def add_blocks(cases):
    x, memory = torch.randn(LENGTH, WIDTH), torch.randn(MEMORY, WIDTH)
    for norm_first, cross, base, causal in product((True, False), repeat=4):
        rotary = attnlib.RotaryPositionalEncoding(WIDTH // HEADS, base=BASE) if base else None
        layer = shaken(
            attnlib.TransformerBlock(
                WIDTH, HEADS, 33, norm_first=norm_first, cross_attention=cross, rotary=rotary
            )
        )
        mask = None if causal else masks(LENGTH, LENGTH)["mask a head"]
        memory_mask = masks(LENGTH, MEMORY)["mask"] if cross else None
        out, weights = layer(
            x[None],
            memory[None] if cross else None,
            mask=None if mask is None else mask[None],
            memory_mask=None if memory_mask is None else memory_mask[None],
            is_causal=causal,
            need_weights=True,
        )
        expected = {"x": out[0], "selfWeights": weights.self_attention[0]}
        if cross:
            expected["crossWeights"] = weights.cross_attention[0]
        cases.add(
            f"block norm_first {norm_first} cross {cross} rotary {base} causal {causal}",
            expected,
            "block",
            layer.state_dict(),
            x,
            "part.",
            heads=HEADS,
            normFirst=norm_first,
            base=BASE if base else None,
            causal=causal or None,
            mask=mask,
            memory=memory if cross else None,
            memoryMask=memory_mask,
        )


@pytest.fixture(scope="module")
def compared():
    torch.manual_seed(20170612)
    cases = Cases()
    with torch.no_grad():
        for add in (add_parts, add_attention, add_switches, add_blocks):
            add(cases)
    return cases.expected, cases.answers()


def test_every_part_and_every_block_is_that_of_torch(compared):
    expected, answers = compared
    assert len(expected) == 12 + 64 + 1 + 16
    for name, tensors in expected.items():
        for part, tensor in tensors.items():
            np.testing.assert_allclose(
                answers[name][part], tensor.numpy(), 1e-5, 1e-4, err_msg=f"{name}, {part}"
            )


def test_the_cases_would_show_a_mistake(compared):
    """Switches, masks, norms and positions change what comes out: no two blocks are alike."""
    expected, _ = compared
    found = [tensors["x"] for name, tensors in expected.items() if name.startswith("block")]
    assert len(found) == 16
    for i, one in enumerate(found):
        assert all((one - other).abs().max() > 0.01 for other in found[:i])


def test_it_is_small_and_knows_no_page():
    lines = (shared.STATIC / "transformer.js").read_text("utf-8").splitlines()
    assert len(lines) < 200
    imports = [line for line in lines if line.startswith("import ")]
    assert imports == ["import { erf } from './erf.js';"]
    assert not [line for line in lines if "document" in line]
