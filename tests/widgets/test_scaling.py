"""ScalingExplorer: what the browser is given, the numbers, the still picture, errors."""

import base64
import re
import warnings

import matplotlib as mpl
import numpy as np
import pytest
import torch
import traitlets

from attnlib.functional import attention_weights, masked_softmax
from attnlib.widgets import ScalingExplorer
from attnlib.widgets import live_figure as shared
from attnlib.widgets import scaling as module
from attnlib.widgets import scaling_still as still

mpl.use("agg")
WIDTHS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
SOURCE = shared.module("scaling.js")


# --- the numbers


def test_the_browser_gets_the_very_numbers_of_the_library():
    numbers = [int(text) / 100 for text in ScalingExplorer().drawing.hundredths.split(" ")]
    products = module.dot_products()
    assert products.shape == (11, 64, 10)
    assert products.dtype == torch.float64
    assert torch.equal(torch.tensor(numbers, dtype=torch.float64).view(products.shape), products)


def test_dot_products_are_those_of_growing_pieces_of_the_same_vectors():
    random = np.random.default_rng(5)
    query, key = random.standard_normal((64, 1, 1024)), random.standard_normal((64, 10, 1024))
    for exponent, d in enumerate(WIDTHS):
        by_hand = torch.from_numpy((query[..., :d] @ key[..., :d].swapaxes(1, 2))[:, 0])
        torch.testing.assert_close(
            module.dot_products()[exponent], by_hand, rtol=0, atol=0.00501, msg=f"width {d}"
        )


@pytest.mark.parametrize("exponent", range(11))
def test_the_spread_grows_with_the_root_of_the_width(exponent):
    d = WIDTHS[exponent]
    assert module.measure(exponent, 1.0, 1)["std"] == pytest.approx(d**0.5, rel=0.05)
    assert module.measure(exponent, d**0.5, 1)["std"] == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize(("exponent", "divisor"), [(0, 1.0), (5, 32**0.5), (9, 1.0), (10, 1024.0)])
def test_measure_by_loops_over_the_weights(exponent, divisor):
    numbers = module.measure(exponent, divisor, query=3)
    scores = module.dot_products()[exponent] / divisor
    weights = masked_softmax(scores)
    assert (numbers["d"], numbers["divisor"], numbers["query"]) == (2**exponent, divisor, 3)
    assert numbers["weights"] == weights[2].tolist()
    assert numbers["std"] == pytest.approx(np.std(scores.numpy(), ddof=1))
    largest, slope, entropy, gradient = [], [], [], []
    for row, score in zip(weights.tolist(), scores, strict=True):
        largest.append(max(row))
        slope.extend(w * (1 - w) for w in row)
        entropy.append(-sum(w * np.log(w) for w in row if w))
        jacobian = torch.autograd.functional.jacobian(lambda s: s.softmax(dim=0), score)
        gradient.append(jacobian.norm().item() * 2 ** (exponent / 2) / divisor)
    assert numbers["mean"][0] == pytest.approx(np.mean(largest))
    assert sum(numbers["mean"]) == pytest.approx(1)
    assert numbers["mean"] == sorted(numbers["mean"], reverse=True)
    assert numbers["slope"] == pytest.approx(np.mean(slope))
    assert numbers["entropy"] == pytest.approx(np.mean(entropy))
    np.testing.assert_allclose(
        numbers["gradient"], np.quantile(gradient, [0.1, 0.5, 0.9]), atol=1e-12
    )


@pytest.mark.parametrize("divisor", [1.0, 32.0, 1024.0])
def test_the_gradient_is_about_that_of_real_keys(divisor):
    torch.manual_seed(0)
    d, lengths = 1024, []
    for _ in range(64):
        query, key = torch.randn(1, d, dtype=torch.float64), torch.randn(10, d, dtype=torch.float64)
        jacobian = torch.autograd.functional.jacobian(
            lambda q, k=key: attention_weights(q, k, scale=1 / divisor), query
        )
        weights = attention_weights(query, key, scale=1 / divisor)[0]
        through = (torch.diag(weights) - torch.outer(weights, weights)).norm() * d**0.5 / divisor
        lengths.append([jacobian.norm().item(), through.item()])
    real, shown = np.quantile(lengths, 0.9, axis=0)
    assert real == pytest.approx(shown, rel=0.1)


def test_what_there_is_to_discover():
    """No divisor: one key takes all, slope gone. √d: the same for every d. d: all equal."""
    by = {}
    for name, power in module.DIVISORS.items():
        by[name] = [module.measure(e, d**power, 1) for e, d in enumerate(WIDTHS)]
    assert by["1"][6]["mean"][0] > 0.8
    assert by["1"][10]["mean"][0] > 0.95
    assert by["1"][10]["slope"] < 0.01
    assert by["1"][10]["gradient"][1] < 0.001 < 1 < by["1"][10]["gradient"][2]
    for numbers in by["√d"]:
        assert 0.24 < numbers["mean"][0] < 0.37
        assert 0.29 < numbers["gradient"][0] < numbers["gradient"][2] < 0.39
    assert by["d"][10]["mean"][0] < 0.11
    assert by["d"][10]["entropy"] > 0.999 * np.log(10)
    assert by["d"][10]["gradient"][2] < 0.01


# --- the figure


def test_it_opens_with_a_softmax_that_is_nearly_a_look_up():
    figure = ScalingExplorer()
    drawing = figure.drawing
    assert repr(figure) == "ScalingExplorer(head_dim=64, divisor='1', query=1)"
    assert (drawing.exponent, drawing.divisor, drawing.query) == (6, 0, 1)
    assert drawing.start == {"exponent": 6, "divisor": 0, "query": 1}


@pytest.mark.parametrize("divisor", ["1", "√d", "d"])
@pytest.mark.parametrize("head_dim", [1, 1024])
def test_controls_stand_where_the_drawing_does(head_dim, divisor):
    figure = ScalingExplorer(head_dim, divisor, 64)
    width, query, divide = figure.controls
    assert (2**width.value, divide.value, query.value) == (head_dim, divisor, 64)
    assert (width.min, width.max, query.min, query.max) == (0, 10, 1, 64)
    assert [2**figure.drawing.exponent, divide.index] == [head_dim, figure.drawing.divisor]
    assert divide.options == ("1", "√d", "d")


@pytest.mark.parametrize("state", [(6, 0, 1), (10, 0, 64), (10, 1, 2), (0, 2, 1), (10, 2, 1)])
def test_every_state_gives_a_picture(state):
    figure = ScalingExplorer()
    figure.drawing.exponent, figure.drawing.divisor, figure.drawing.query = state
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data, metadata = figure._repr_mimebundle_()
    assert data == figure._repr_mimebundle_()[0]
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert metadata["image/png"] == {"width": 640, "height": 410}


def test_the_numbers_of_the_picture_are_those_of_the_library(monkeypatch):
    drawn = []
    monkeypatch.setattr(module, "draw_still", lambda *a: drawn.append(a) or still.draw_still(*a))
    figure = ScalingExplorer(256, "√d", 7)
    picture = figure.still()
    formula, scores, numbers, _ = drawn[0]
    assert formula == "d = 256, w = softmax(q · k / √256)"
    np.testing.assert_allclose(scores, module.dot_products()[8] / 16)
    assert numbers == module.measure(8, 16.0, 7)
    texts = [t.get_text() for ax in picture.axes for t in ax.texts]
    assert f"{numbers['mean'][0]:.2f}" in texts
    assert f"{numbers['slope']:.3f}" in texts
    heights = [bar.get_height() for bar in picture.axes[1].patches]
    assert heights == sorted(numbers["weights"], reverse=True)


def test_scores_outside_the_picture_are_counted():
    texts = [t.get_text() for t in ScalingExplorer(1024).still().axes[0].texts]
    scores = module.dot_products()[10]
    low, high = ((scores < -41).double().mean(), (scores >= 41).double().mean())
    assert texts == [f"◂ {100 * low:.0f} %", f"{100 * high:.0f} % ▸"]
    assert low > 0.05


def test_formulas_of_the_three_divisors(monkeypatch):
    drawn = []
    monkeypatch.setattr(module, "draw_still", lambda *a: drawn.append(a[0]))
    for name in ("1", "√d", "d"):
        ScalingExplorer(64, name).still()
    assert [text.partition("w = ")[2] for text in drawn] == [
        "softmax(q · k)",
        "softmax(q · k / √64)",
        "softmax(q · k / 64)",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"head_dim": 48}, r"head_dim must be one of \(1, 2, 4, .*1024\), got 48"),
        ({"head_dim": 0}, "head_dim must be one of .* got 0"),
        ({"divisor": "2d"}, r"divisor must be one of \('1', '√d', 'd'\), got '2d'"),
        ({"divisor": 1}, "divisor must be one of .* got 1"),
        ({"query": 0}, "query must be one of 1 to 64, got 0"),
        ({"query": 65}, "query must be one of 1 to 64, got 65"),
        ({"words": {"entropie": "x"}}, "words must be among .*'entropie'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ScalingExplorer(**arguments)


@pytest.mark.parametrize(
    ("trait", "value"), [("exponent", 11), ("exponent", -1), ("divisor", 3), ("query", 0)]
)
def test_bad_traits(trait, value):
    drawing = ScalingExplorer().drawing
    with pytest.raises(traitlets.TraitError, match=trait):
        setattr(drawing, trait, value)


def test_python_and_javascript_agree_on_sizes_and_words():
    assert "const WIDTHS = Array.from({ length: 11 }, (_, exponent) => 2 ** exponent);" in SOURCE
    assert list(module.WIDTHS) == WIDTHS
    assert f"const [QUERIES, KEYS] = [{module.QUERIES}, {module.KEYS}];" in SOURCE
    controls = {"divide", "query"}
    assert set(re.findall(r"words\.(\w+)", SOURCE)) | controls == set(module.WORDS)


def test_another_language_replaces_the_words():
    figure = ScalingExplorer(words={"query": "查询", "divide": "除以"})
    assert [control.description for control in figure.controls] == ["log₂ d", "查询", "除以"]
