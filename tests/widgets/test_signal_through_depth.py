"""SignalThroughDepth: the same stack of blocks in torch, what there is to discover, errors."""

import itertools
import json
import subprocess
from functools import cache

import numpy as np
import pytest
import torch
import traitlets
from torch import nn
from torch.nn import functional as F  # noqa: N812

from attnlib import TransformerBlock, merge_heads, split_heads
from attnlib.widgets import SignalThroughDepth
from attnlib.widgets.live_figure import STATIC
from attnlib.widgets.signal_through_depth import LIMITS, NORMS
from tests.widgets.facts import Facts, close
from tests.widgets.test_live_figure import node

pytestmark = pytest.mark.usefixtures("as_users_call")  # hundreds of blocks: checks take their time

WIDTH, LENGTH, HEADS, HIDDEN = (LIMITS[name] for name in ("width", "length", "heads", "hidden"))
BLOCK = 4 * WIDTH**2 + 2 * WIDTH * HIDDEN  # weights of a block
SEED = LIMITS["depth"] * BLOCK + 2 * LENGTH * WIDTH  # numbers of a seed


# --- the same in torch


def drawn(first, count):
    """Random numbers of variance 1: an integer is scrambled by the last steps of MurmurHash3."""
    h = np.arange(first + 1, first + 1 + count, dtype=np.uint32) * np.uint32(0x9E3779B9)
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return torch.from_numpy(((h.astype(np.float64) + 0.5) / 2**31 - 1) * 3**0.5)


def block_of(seed, number, scale, norm_first):
    block = TransformerBlock(WIDTH, HEADS, HIDDEN, norm_first=norm_first).double()
    numbers = drawn((seed - 1) * SEED + number * BLOCK, BLOCK) * scale
    attention, feed_forward = block.self_attention, block.feed_forward
    linears = (attention.in_proj, attention.out_proj, feed_forward.linear1, feed_forward.linear2)
    parts = numbers.split([linear.weight.numel() for linear in linears])
    for linear, part in zip(linears, parts, strict=True):
        linear.weight = nn.Parameter(part.view_as(linear.weight) / linear.in_features**0.5)
        nn.init.zeros_(linear.bias)
    return block


class CarefulSoftmax(torch.autograd.Function):
    """The softmax with another way back, for scores of 10²⁰.

    torch subtracts the mean slope. Where one weight is nearly 1, the difference is rounding alone,
    and enormous keys make more of it than of all else.
    """

    @staticmethod
    def forward(context, scores):
        weights = scores.softmax(dim=-1)
        context.save_for_backward(weights)
        return weights

    @staticmethod
    def backward(context, slopes):
        (weights,) = context.saved_tensors
        differences = slopes[..., :, None] - slopes[..., None, :]
        return weights * (weights[..., None, :] * differences).sum(dim=-1)


def careful_attention(attention, x):
    q, k, v = split_heads(attention.in_proj(x), 3 * HEADS).chunk(3, dim=1)
    weights = CarefulSoftmax.apply(q @ k.mT / (WIDTH / HEADS) ** 0.5)
    return attention.out_proj(merge_heads(weights @ v))


def normed(x):
    return F.layer_norm(x, (WIDTH,))


def by_parts(block, x, residual, norm):
    for part in (lambda x: careful_attention(block.self_attention, x), block.feed_forward):
        found = part(normed(x) if norm == "pre" else x)
        x = x + found if residual else found
        x = normed(x) if norm == "post" else x
    return x


@cache
def measure(depth, residual, norm, final_norm, scale, seed):
    """Compute what the figure shows: logarithms of root mean squares."""
    start = (seed - 1) * SEED + LIMITS["depth"] * BLOCK
    x, direction = drawn(start, 2 * LENGTH * WIDTH).view(2, 1, LENGTH, WIDTH)
    stream = [x.requires_grad_()]
    for number in range(depth):
        block = block_of(seed, number, scale, norm == "pre")
        if residual and norm != "none":  # as the library has it
            stream.append(block(stream[-1])[0])
        else:
            stream.append(by_parts(block, stream[-1], residual, norm))
    output = normed(stream[-1]) if final_norm else stream[-1]
    gradient = torch.autograd.grad((output * direction).sum(), stream)
    size = lambda x: x.square().mean().sqrt().log10().item()  # noqa: E731
    return {
        "stream": [size(each) for each in stream],
        "output": size(output),
        "gradient": [size(each) for each in gradient],
    }


def check(shown):
    state = {name: shown[name] for name in ("depth", "residual", "norm", "scale", "seed")}
    expected = measure(final_norm=shown["finalNorm"], **state)
    for name in ("stream", "output", "gradient"):
        close(shown[name], expected[name])


FACTS = Facts(
    kind=SignalThroughDepth,
    check=check,
    opening=lambda shown: max(shown["stream"][-1], shown["gradient"][0]) < -4,  # nothing arrives
    tapped=[
        ".widget-toggle-button >> nth=1",
        ".widget-toggle-button >> nth=2",
        "input[type=checkbox] >> nth=0",
        "input[type=checkbox] >> nth=1",
    ],
    pressed=[
        (".widget-toggle-button >> nth=1", ["Enter"]),
        ("input[type=checkbox] >> nth=0", ["Space"]),
        ("input[type=checkbox] >> nth=1", ["Space"]),
    ],
    bad=[
        ({"depth": 0}, "depth must be a whole number from 1 to 24, got 0"),
        ({"depth": None}, "depth must be a finite number, got null"),
        ({"scale": 9}, "scale must be from 0.5 to 1.25, got 9"),
        ({"seed": 9}, "seed must be a whole number from 1 to 8, got 9"),
        ({"norm": 3}, "norm must be a whole number from 0 to 2, got 3"),
        ({"residual": "yes"}, 'residual must be true or false, got "yes"'),
        ({"final_norm": 1}, "final_norm must be true or false, got 1"),
    ],
    marked=lambda _: SignalThroughDepth(),  # nothing in it has a name of the reader's
    special=lambda: [
        SignalThroughDepth(1),
        SignalThroughDepth(scale=0.5),
        SignalThroughDepth(scale=1.25, seed=8),
        SignalThroughDepth(residual=True, scale=1.25, final_norm=True),
        SignalThroughDepth(residual=True, norm="post", final_norm=True),
    ],
    largest=SignalThroughDepth,
)


def test_parts_that_are_careful_with_enormous_scores_are_the_librarys():
    for norm in ("pre", "post"):
        block = block_of(3, 5, 1.2, norm == "pre")
        x = drawn(0, LENGTH * WIDTH).view(1, LENGTH, WIDTH).requires_grad_()
        ours, librarys = by_parts(block, x, True, norm), block(x)[0]
        torch.testing.assert_close(ours, librarys)
        mixture = drawn(7, LENGTH * WIDTH).view_as(x)
        torch.testing.assert_close(
            *(torch.autograd.grad((each * mixture).sum(), x)[0] for each in (ours, librarys))
        )


IN_NODE = """
import { measure, randomNumbers } from '%s';
const [states, limits] = JSON.parse(process.argv[1]);
console.log(JSON.stringify(states.map((state) =>
  ({ ...state, ...measure(randomNumbers(state.seed, limits), state, limits) }))));
"""


def test_the_javascript_computes_the_same_in_every_state():
    states = [
        {"depth": depth, "residual": residual, "norm": norm, "finalNorm": final_norm}
        | {"scale": scale, "seed": seed}
        for residual, norm, final_norm in itertools.product([False, True], NORMS, [False, True])
        for depth, scale, seed in [(1, 0.85, 2), (6, 0.5, 1), (24, 1.25, 8)]
    ]
    script = IN_NODE % (STATIC / "stack.js").as_uri()
    sent = json.dumps([states, LIMITS])
    command = [node(), "--input-type=module", "--eval", script, sent]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    computed = json.loads(run.stdout)
    assert len(computed) == 36
    for shown in computed:
        check(shown)


# --- what there is to discover, with every seed


def every_seed(**state):
    """What is shown with each seed; of 24 blocks with residuals, unless said."""
    state = {"depth": 24, "residual": True, "norm": "none", "final_norm": False} | state
    return [measure(seed=seed, **({"scale": 1.0} | state)) for seed in range(1, 9)]


def way_back(shown, block):
    """How much larger the gradient is there than at the last block, in powers of ten."""
    return shown["gradient"][block] - shown["gradient"][-1]


def test_without_residual_both_die_or_explode_and_a_tenth_of_scale_decides():
    for shown in every_seed(residual=False):
        assert shown["stream"][-1] < -6
        assert way_back(shown, 0) < -6
    for shown in every_seed(residual=False, scale=1.1):
        assert shown["stream"][-1] < -0.5
    for shown in every_seed(residual=False, scale=1.25):
        assert min(shown["stream"][-1], way_back(shown, 0)) > 3


def test_with_residuals_alone_both_explode():
    for shown in every_seed():
        assert min(shown["stream"][-1], way_back(shown, 0)) > 4


def test_pre_norm_grows_with_depth_until_the_final_norm_and_loses_no_gradient():
    ends = []
    for depth in (6, 24):
        every = every_seed(depth=depth, norm="pre", final_norm=True)
        ends.append([shown["stream"][-1] for shown in every])
        for shown in every:
            close(shown["output"], 0.0)
            assert min(shown["gradient"]) > shown["gradient"][-1] - 0.01
            assert 0.3 < way_back(shown, 0) < 1
    assert max(ends[0]) < 0.5 < 0.6 < min(ends[1])
    assert [shown["output"] for shown in every_seed(norm="pre")] == ends[1]


def test_post_norm_keeps_the_stream_and_loses_gradient_to_an_extent_that_the_seed_decides():
    every = every_seed(norm="post")
    for shown in every:
        close(shown["stream"][1:], torch.zeros(24))
        assert way_back(shown, 12) < -0.25  # nearly a half at least
    pre = every_seed(norm="pre", final_norm=True)
    spreads = [np.std([way_back(shown, 0) for shown in each]) for each in (every, pre)]
    assert spreads[0] > 4 * spreads[1]


# --- the figure


def test_it_opens_with_blocks_through_which_nothing_comes():
    figure = SignalThroughDepth()
    assert repr(figure) == (
        "SignalThroughDepth(24, residual=False, norm='none', final_norm=False, scale=1, seed=1)"
    )
    start = {"depth": 24, "scale": 1, "seed": 1, "norm": 0, "residual": False, "final_norm": False}
    assert figure.drawing.start == start
    assert {name: getattr(figure.drawing, name) for name in start} == start


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("flag", [False, True])
def test_controls_stand_where_the_drawing_does(norm, flag):
    figure = SignalThroughDepth(
        5, residual=flag, norm=norm, final_norm=not flag, scale=0.75, seed=3
    )
    depth, scale, seed, place, residual, final_norm = figure.controls
    assert [depth.value, depth.min, depth.max] == [5, 1, 24]
    assert [scale.value, scale.min, scale.max, scale.step] == [0.75, 0.5, 1.25, 0.05]
    assert [seed.value, seed.min, seed.max] == [3, 1, 8]
    assert [place.value, place.options] == [norm, NORMS]
    assert [residual.value, final_norm.value] == [flag, not flag]
    assert figure.drawing.norm == NORMS.index(norm)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 25}, "depth must be a whole number from 1 to 24, got 25"),
        ({"depth": 0}, "depth must be a whole number from 1 to 24, got 0"),
        ({"seed": 9}, "seed must be a whole number from 1 to 8, got 9"),
        ({"seed": 1.5}, r"seed must be a whole number from 1 to 8, got 1\.5"),
        ({"scale": 1.3}, r"scale must be from 0\.5 to 1\.25, got 1\.3"),
        ({"scale": 0.4}, r"scale must be from 0\.5 to 1\.25, got 0\.4"),
        ({"scale": "large"}, "scale must be a number, got 'large'"),
        ({"norm": "both"}, r"norm must be one of \('none', 'pre', 'post'\), got 'both'"),
        ({"residual": 1}, "residual must be True or False, got 1"),
        ({"final_norm": "yes"}, "final_norm must be True or False, got 'yes'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        SignalThroughDepth(**arguments)


@pytest.mark.parametrize(
    ("trait", "value"),
    [("depth", 0), ("depth", 25), ("scale", 1.3), ("seed", 9), ("norm", 3), ("residual", "yes")],
)
def test_bad_traits(trait, value):
    drawing = SignalThroughDepth().drawing
    with pytest.raises(traitlets.TraitError, match=trait):
        setattr(drawing, trait, value)
