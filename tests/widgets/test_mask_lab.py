"""MaskLab: masks and weights as in the library, traits, the still picture, errors."""

import base64
import re
import warnings

import matplotlib as mpl
import numpy as np
import pytest
import torch
import traitlets

from attnlib.functional import masked_softmax
from attnlib.masks import causal_mask, padding_mask, sliding_window_mask
from attnlib.widgets import MaskLab
from attnlib.widgets import live_figure as shared
from attnlib.widgets import mask_lab as module
from attnlib.widgets import mask_lab_still as still

mpl.use("agg")
NAN = float("nan")
SOURCE = shared.module("mask_lab.js")


def zeros(n: int) -> list[list[float]]:
    return [[0.0] * n for _ in range(n)]


# --- masks and weights


def test_it_opens_with_the_example_of_the_book():
    figure = MaskLab()
    x = torch.tensor([[2.0, 1], [1, 2], [0, 1], [0, 2], [0, 2]])
    query = x @ torch.tensor([[1.0, -1], [0, 1]])
    key = x @ torch.tensor([[0.0, 1], [1, -1]])
    assert figure.drawing.scores == (query @ key.T).tolist()
    assert repr(figure) == "MaskLab('早上好□□', valid_len=3, is_causal=True, window=None)"
    mask = padding_mask(torch.tensor([3]), 5)[0] & causal_mask(5)
    assert torch.equal(figure.mask, mask)
    torch.testing.assert_close(
        figure.weights, masked_softmax(query @ key.T, mask), check_dtype=False
    )


@pytest.mark.parametrize("valid_len", [0, 2, 5])
@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("window", [1, 3, None])
def test_the_mask_is_that_of_the_library_with_paint_on_top(valid_len, is_causal, window):
    painted = {(0, 4): True, (2, 0): False, (3, 3): True}
    figure = MaskLab(valid_len=valid_len, is_causal=is_causal, window=window, painted=painted)
    expected = padding_mask(torch.tensor([valid_len] * 5), 5)[:, 0]
    if is_causal:
        expected &= causal_mask(5)
    if window is not None:
        expected &= sliding_window_mask(5, window=window)
    expected[0, 4], expected[2, 0], expected[3, 3] = True, False, True
    assert torch.equal(figure.mask, expected)
    scores = torch.tensor(module.SCORES, dtype=torch.float64)
    assert torch.equal(figure.weights, masked_softmax(scores, expected))


def test_mask_and_weights_follow_the_reader():
    figure = MaskLab()
    figure.drawing.painted = [[1, 0, 0], [1, 1, 0]]
    assert not figure.mask[1].any()
    assert figure.weights[1].tolist() == [0.0] * 5
    figure.drawing.is_causal = False
    assert figure.mask[1].tolist() == [False, False, True, False, False]
    assert figure.weights[1].tolist() == [0, 0, 1, 0, 0]


# --- the figure


def test_controls_stand_where_the_drawing_does():
    figure = MaskLab("早上好", zeros(3), valid_len=2, is_causal=False, window=2)
    valid_len, window, causal, convention = figure.controls
    assert (valid_len.value, valid_len.min, valid_len.max) == (2, 0, 3)
    assert causal.value is False
    assert (window.value, window.min, window.max) == (2, 1, 3)
    assert (convention.index, convention.options) == (0, ("attnlib", "SDPA", "MHA", "additive"))
    drawing = figure.drawing
    assert drawing.start == {
        "valid_len": drawing.valid_len,
        "is_causal": drawing.is_causal,
        "window": drawing.window,
        "painted": drawing.painted,
        "convention": drawing.convention,
    }


def test_a_phrase_of_the_readers_own_has_no_padding_and_no_window():
    figure = MaskLab(["a", "b"], torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True))
    assert (figure.drawing.valid_len, figure.drawing.window) == (2, 2)
    assert figure.drawing.scores == [[1.0, 2.0], [3.0, 4.0]]
    assert repr(figure) == "MaskLab('ab', valid_len=2, is_causal=True, window=None)"


@pytest.mark.parametrize(("n", "convention"), [(1, 0), (5, 1), (6, 2), (7, 0), (12, 3)])
def test_every_state_gives_a_picture(n, convention):
    figure = MaskLab([f"{i}" for i in range(n)], zeros(n), valid_len=0)
    figure.drawing.convention = convention
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data, metadata = figure._repr_mimebundle_()
    assert data == figure._repr_mimebundle_()[0]
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert metadata["image/png"] == {"width": 640, "height": 410}


@pytest.mark.parametrize(
    ("convention", "allowed", "forbidden"),
    [(0, "True", "False"), (1, "True", "False"), (2, "False", "True"), (3, "0", "-inf")],
)
def test_the_picture_writes_the_mask_in_each_convention(convention, allowed, forbidden):
    figure = MaskLab()
    figure.drawing.convention = convention
    left, right = figure.still().axes
    entries = [t.get_text() for t in right.texts if t.get_text() not in module.TOKENS]
    assert entries == [allowed if may else forbidden for may in figure.mask.flatten()]
    numbers = [t.get_text() for t in left.texts]
    assert numbers == [f"{weight:.2f}" for weight in figure.weights.flatten()]


def test_the_conventions_of_the_picture_are_those_of_torch():
    torch.manual_seed(0)
    figure = MaskLab()
    query, key, value = (torch.randn(5, 2) for _ in range(3))
    read = {"True": True, "False": False, "0": 0.0, "-inf": -torch.inf}
    written = {
        name: torch.tensor([[read[texts[int(may)]] for may in row] for row in figure.mask])
        for name, (_, _, texts) in still.WRITTEN.items()
    }
    sdpa = torch.nn.functional.scaled_dot_product_attention
    expected = sdpa(query, key, value, attn_mask=written["SDPA"])
    torch.testing.assert_close(sdpa(query, key, value, attn_mask=written["additive"]), expected)
    assert torch.equal(written["attnlib"], figure.mask)
    layer = torch.nn.MultiheadAttention(2, num_heads=1, bias=False, batch_first=True)
    with torch.no_grad():
        layer.in_proj_weight.copy_(torch.eye(2).repeat(3, 1))
        layer.out_proj.weight.copy_(torch.eye(2))
        by_layer, _ = layer(query[None], key[None], value[None], attn_mask=written["MHA"])
    torch.testing.assert_close(by_layer[0], expected)


def test_an_empty_row_is_named_with_what_a_finite_fill_would_do():
    figure = MaskLab(painted={(0, 0): False})
    status = figure.still().get_supxlabel().replace("\n", " ")
    assert status == (
        "11 of 25 cells are allowed. Nobody is left for 早 ∅: zeros. "
        "Had −10⁶ been filled in instead of −∞, each key would get 0.20."
    )
    filled = torch.tensor(module.SCORES[0]).double().masked_fill(~figure.mask[0], -1e6)
    np.testing.assert_allclose(filled.softmax(dim=0), 0.2)
    assert "Nobody" not in MaskLab().still().get_supxlabel()


# --- errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tokens": []}, "tokens must be 1 to 12 names, got 0"),
        ({"tokens": ["a"] * 200}, "tokens must be 1 to 12 names, got 200"),
        ({"tokens": "早上"}, r"scores must be numbers of shape \(2, 2\), got shape \(5, 5\)"),
        ({"scores": [[1, 2], [3]]}, r"scores must be numbers of shape \(5, 5\), got \[\[1, 2\]"),
        ({"scores": [[NAN] * 5] * 5}, "scores must be finite, got .*nan"),
        ({"valid_len": 6}, "valid_len must be one of 0 to 5, got 6"),
        ({"valid_len": -1}, "valid_len must be one of 0 to 5, got -1"),
        ({"valid_len": 2.5}, "valid_len must be one of 0 to 5, got 2.5"),
        ({"window": 0}, "window must be one of 1 to 5, or None, got 0"),
        ({"window": 6}, "window must be one of 1 to 5, or None, got 6"),
        ({"painted": {(0, 5): True}}, r"painted must hold pairs .* below 5, got \[\(0, 5\)\]"),
        ({"painted": {(-1, 0): True}}, r"painted must hold pairs .* got \[\(-1, 0\)\]"),
        ({"words": {"wieghts": "x"}}, "words must be among .*'wieghts'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        MaskLab(**arguments)


@pytest.mark.parametrize(
    ("trait", "value", "error"),
    [
        ("scores", [[1.0, 2.0], [3.0]], ValueError),
        ("scores", [[NAN] * 5] * 5, ValueError),
        ("valid_len", -1, traitlets.TraitError),
        ("window", 0, traitlets.TraitError),
        ("convention", 4, traitlets.TraitError),
    ],
)
def test_bad_traits(trait, value, error):
    drawing = MaskLab().drawing
    before = getattr(drawing, trait)
    with pytest.raises(error, match=trait):
        setattr(drawing, trait, value)
    assert getattr(drawing, trait) == before


def test_python_and_javascript_agree_on_sizes_words_and_conventions():
    assert f"const MOST_TOKENS = {module.MOST_TOKENS};" in SOURCE
    used = set(re.findall(r"words\.(\w+)", SOURCE))
    meanings = re.findall(r"name: '([\w.]+)',\s+meaning: '(\w+)'", SOURCE)
    assert meanings == [(where, meaning) for where, meaning, _ in still.WRITTEN.values()]
    controls = {"valid_len", "is_causal", "window", "convention"}
    assert used | controls | {meaning for _, meaning in meanings} == set(module.WORDS)


def test_another_language_replaces_the_words():
    figure = MaskLab(words={"window": "窗口", "weights": "权重"})
    assert figure.controls[1].description == "窗口"
    assert figure.still().axes[0].get_title(loc="left") == "权重"
