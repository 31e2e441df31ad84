"""attnlib.widgets.alibi: what it shows, its traits and errors."""

import pytest
import torch

from attnlib.positional import alibi_bias, alibi_slopes
from attnlib.widgets import AlibiExplorer
from tests.widgets.facts import Facts, close

LENGTH = 41


def weights(slope):
    distance = torch.arange(LENGTH, dtype=torch.float64)
    return (-slope * distance).softmax(dim=0)


def check(shown):
    close(shown["weights"], weights(shown["slope"]))
    last = alibi_bias(len(shown["heads"]), LENGTH)[:, -1].flip(-1)  # the last query, nearest first
    close(shown["heads"], last.double().softmax(dim=-1))
    assert sum(shown["weights"][: shown["reach"]]) >= 0.5 - 1e-9
    assert sum(shown["weights"][: shown["reach"] - 1]) < 0.5


FACTS = Facts(
    kind=AlibiExplorer,
    check=check,
    opening=lambda shown: 3 < shown["reach"] < 20,
    tapped=[],
    pressed=[],
    bad=[
        ({"slope": 2}, "slope must be from 0 to 0.5, got 2"),
        ({"slopes": []}, "slopes must be 1 to 4 numbers above 0 and at most 1, got []"),
    ],
    marked=lambda _: AlibiExplorer(),  # nothing in it has a name of the reader's
    special=lambda: [AlibiExplorer(1, slope=0), AlibiExplorer(3, slope=0.5)],
    largest=AlibiExplorer,
)


def test_it_opens_with_the_slopes_of_four_heads():
    figure = AlibiExplorer()
    assert repr(figure) == "AlibiExplorer(4, slope=0.1)"
    assert figure.drawing.slopes == alibi_slopes(4).tolist()
    (slope,) = figure.controls
    assert (slope.value, slope.min, slope.max, slope.step) == (0.1, 0, 0.5, 0.01)
    assert figure.drawing.start == {"slope": 0.1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_heads": 5}, "num_heads must be a whole number from 1 to 4, got 5"),
        ({"slope": 1.5}, r"slope must be from 0 to 0\.5, got 1\.5"),
        ({"slope": "steep"}, "slope must be a number, got 'steep'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        AlibiExplorer(**arguments)


def test_a_bad_trait_is_refused():
    drawing = AlibiExplorer().drawing
    with pytest.raises(ValueError, match=r"slope must be from 0 to 0\.5, got -0\.5"):
        drawing.slope = -0.5
    assert drawing.slope == 0.1
