"""ScalingExplorer: what the browser is given, the numbers, errors."""

import math

import numpy as np
import pytest
import torch
import traitlets

from attnlib.functional import attention_weights, masked_softmax
from attnlib.widgets import ScalingExplorer
from attnlib.widgets import scaling as module
from tests.widgets.facts import Facts, close

WIDTHS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]


def check(shown):
    exponent = int(math.log2(shown["d"]))
    expected = module.measure(exponent, shown["divisor"], shown["query"])
    for name in ("weights", "mean", "std", "entropy", "slope", "gradient"):
        close(shown[name], expected[name])
    rows = module.dot_products()[exponent].double() / shown["divisor"]
    weights = rows.softmax(dim=-1).sort(dim=-1, descending=True).values
    close(sorted(shown["weights"], reverse=True), weights[shown["query"] - 1])
    close(shown["mean"], weights.mean(dim=0))
    close(shown["slope"], (weights * (1 - weights)).mean())


FACTS = Facts(
    kind=ScalingExplorer,
    check=check,
    opening=lambda shown: shown["d"] == 64 and shown["mean"][0] > 0.8,  # saturated
    tapped=[".widget-toggle-button >> nth=1"],
    pressed=[(".widget-toggle-button >> nth=2", ["Enter"])],
    bad=[
        ({"hundredths": "NaN 1"}, "hundredths must be 7040 numbers, got 2"),
        ({"exponent": None}, "exponent must be a finite number, got null"),
        ({"query": 200}, "query must be a whole number from 1 to 64, got 200"),
        ({"divisor": []}, "divisor must be a finite number, got []"),
        ({"limits": {}}, "limits.exponent must be there, got undefined"),
    ],
    marked=lambda _: ScalingExplorer(),  # nothing in it has a name of the reader's
    special=lambda: [ScalingExplorer(1, "d"), ScalingExplorer(1024), ScalingExplorer(1024, "d")],
    largest=lambda: ScalingExplorer(1024),
)


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"head_dim": 48}, r"head_dim must be one of \(1, 2, 4, .*1024\), got 48"),
        ({"head_dim": 0}, "head_dim must be one of .* got 0"),
        ({"divisor": "2d"}, r"divisor must be one of \('1', '√d', 'd'\), got '2d'"),
        ({"divisor": 1}, "divisor must be one of .* got 1"),
        ({"query": 0}, "query must be one of 1 to 64, got 0"),
        ({"query": 65}, "query must be one of 1 to 64, got 65"),
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
