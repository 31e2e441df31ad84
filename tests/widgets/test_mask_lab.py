"""MaskLab: masks and weights as in the library, traits, errors."""

import pytest
import torch
import traitlets

from attnlib.functional import masked_softmax
from attnlib.masks import causal_mask, padding_mask, sliding_window_mask
from attnlib.widgets import MaskLab
from attnlib.widgets import mask_lab as module
from tests.widgets.facts import Facts, close

NAN = float("nan")


def zeros(n: int) -> list[list[float]]:
    return [[0.0] * n for _ in range(n)]


def check(shown):
    mask = torch.tensor(shown["mask"], dtype=torch.bool)
    scores = torch.tensor(module.SCORES, dtype=torch.float64)
    close(shown["weights"], masked_softmax(scores, mask))


FACTS = Facts(
    kind=MaskLab,
    check=check,
    opening=lambda shown: 0 < sum(map(sum, shown["mask"])) < 25,  # some may, some may not
    tapped=[
        ".attn-scroller tbody td >> nth=1",
        ".attn-scroller tbody th >> nth=0",
        ".attn-scroller thead th >> nth=0",
        ".widget-checkbox input",
    ],
    pressed=[
        (".attn-scroller tbody td >> nth=0", ["ArrowRight", "Space"]),
        (".widget-checkbox input", ["Space"]),
    ],
    bad=[
        ({"scores": [[1, 2, 3, 4, None]] * 5}, "scores[0] must be 5 finite numbers"),
        ({"scores": [[1, 2], [3]]}, "scores must have 5 rows, one for each token, got 2"),
        ({"tokens": []}, "tokens must be a list of one or more texts, got []"),
        ({"tokens": ["a"] * 200}, "tokens must be at most 12 to be told apart here, got 200"),
        ({"painted": [[0, 9, 1]]}, "painted must hold cells [query, key, 0 or 1] below 5"),
        ({"is_causal": "no"}, 'is_causal must be true or false, got "no"'),
    ],
    marked=lambda text: MaskLab([text, "<b>上</b>", "&amp;"], zeros(3)),
    special=lambda: [
        MaskLab(["$$", "$x$"], zeros(2)),
        *(MaskLab([f"{i}" for i in range(n)], zeros(n), valid_len=0) for n in (1, 7)),
    ],
    largest=lambda: MaskLab([f"token {i}" for i in range(12)], torch.randn(12, 12)),
)


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
