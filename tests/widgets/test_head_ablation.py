"""attnlib.widgets.head_ablation: what it shows, its traits and errors."""

import pytest
import torch

from attnlib import split_heads
from attnlib.widgets import HeadAblation
from attnlib.widgets.head_ablation import layers_set_by_hand, task
from tests.widgets.facts import Facts, close


def error_of(layer, kept):
    """Add up by hand what the heads that are kept hand on."""
    x, answers = task()
    _, weights = layer(x[:, -1:], x, x, need_weights=True)
    value = split_heads(x @ layer.in_proj.weight[16:].T, num_heads=2)
    parts = layer.out_proj.weight.split(4, dim=1)
    handed_on = [weights[:, head] @ value[:, head] @ parts[head].T for head in (0, 1)]
    output = sum((part for part, on in zip(handed_on, kept, strict=True) if on), 0 * handed_on[0])
    return (output[:, 0, :4] - answers).square().mean()


def check(shown):
    place = sum(2**head for head, on in enumerate(shown["kept"]) if on)
    assert shown["errors"] == [left[place] for left in shown["all"]]
    if shown["all"] == HeadAblation().drawing.errors:  # in the chapter its cells assert the rest
        with torch.no_grad():
            wanted = [error_of(layer, shown["kept"]) for layer in layers_set_by_hand()]
        close(shown["errors"], torch.stack(wanted))
    close(shown["looks"], torch.tensor(shown["looks"]).clamp(0, 1))


FACTS = Facts(
    kind=HeadAblation,
    check=check,
    opening=lambda shown: all(shown["kept"]) and min(shown["errors"]) < 0.1,
    tapped=[".widget-checkbox input >> nth=0"],
    pressed=[(".widget-checkbox input >> nth=1", ["Space"])],
    bad=[
        ({"head_0": 1}, "head_0 must be true or false, got 1"),
        ({"layer": 3}, "layer must be a whole number from 0 to 2, got 3"),
        ({"looks": [[[2, 0]]]}, "looks must hold, for each of 3 layers, 1 to 4 heads of two"),
        ({"errors": [[1, -1]]}, "errors must be 3 rows of 4 numbers, none negative, got [[1,-1]]"),
    ],
    marked=lambda text: HeadAblation(names=[text] * 3),
    special=lambda: [
        HeadAblation([[[0, 0]]], [[0, 0]], layer=0),  # one layer of one head, and no error at all
        HeadAblation([[[1, 0]] * 4] * 2, [range(16)] * 2, names=["token-n", "token-n"]),
    ],
    largest=lambda: HeadAblation([[[0.3, 0.7]] * 4] * 8, [range(16)] * 8, layer=4),
)


@pytest.mark.parametrize("kept", [(0, 0), (1, 0), (0, 1), (1, 1)])
@torch.no_grad()
def test_errors_are_those_of_attnlibs_layers(kept):
    errors = HeadAblation().drawing.errors
    for left, layer in zip(errors, layers_set_by_hand(), strict=True):
        close(left[kept[0] + 2 * kept[1]], error_of(layer, kept))


def test_it_opens_with_all_heads_and_layers_set_by_hand():
    figure = HeadAblation()
    assert repr(figure) == "HeadAblation(3 layers of 2 heads)"
    close(figure.drawing.looks, [[[1, 0], [0, 1]], [[0.5, 0.5], [0, 1]], [[0, 1], [0, 1]]])
    assert [left[3] < 1e-9 for left in figure.drawing.errors] == [True, True, False]
    first, second, row = figure.controls
    assert first.value is second.value is True
    assert (row.value, row.min, row.max) == (1, 0, 2)
    assert figure.drawing.start == {"layer": 1} | {f"head_{head}": True for head in range(4)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"looks": [[1, 0]]}, r"looks must have the shape \(layers, num_heads, 2\)"),
        ({"looks": [[[1, 0]]] * 9}, r"at most 8 layers of 4 heads, got \(9, 1, 2\)"),
        ({"looks": [[[1, 0, 0]]]}, r"looks must be numbers of shape \(1, 1, 2\)"),
        ({"looks": [[[0.8, 0.8]]], "errors": [[0, 0]]}, "looks must be weights"),
        ({"looks": [[[1, 0]]]}, r"errors must be numbers of shape \(1, 2\)"),
        ({"looks": [[[1, 0]]], "errors": [[1, -1]]}, "errors must not be negative"),
        ({"names": "AB"}, "names must have 3 entries, got 2"),
        ({"layer": 3}, "layer must be a whole number from 0 to 2, got 3"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        HeadAblation(**arguments)


def test_a_bad_trait_is_refused():
    drawing = HeadAblation().drawing
    with pytest.raises(ValueError, match="layer must be a whole number from 0 to 2, got 5"):
        drawing.layer = 5
    assert drawing.layer == 1
