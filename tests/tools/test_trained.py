"""Trained models that do the same keep the committed weights, and with them their pictures."""

import copy

import pytest
from ipywidgets.embed import dependency_state

from attnlib.widgets import (
    CacheLab,
    DateTranslator,
    MultiHeadView,
    PhraseReader,
    translator_example,
)
from attnlib.widgets.reading_example import example
from tools.figure_pictures import stamp_of
from tools.proof.trained import keep


def states(*figures):
    """Return the widget models of figures, as a notebook carries them."""
    return copy.deepcopy(dependency_state(list(figures), drop_defaults=False))


def drawing(models, place=0):
    return [m["state"] for m in models.values() if "_anywidget_id" in m["state"]][place]


def trained(off=0.0, name="output.weight", **options):
    """The example, as another processor would train it: one kind of weight is off by so much."""
    weights, characters, readings, counts, heads = example()
    weights[name] = weights[name] * (1 + off)
    return PhraseReader(weights, characters, readings, counts, num_heads=heads, **options)


def test_other_last_bits_keep_the_committed_weights():
    stored, fresh = states(trained()), states(trained(0.01))
    assert drawing(stored)["weights"] != drawing(fresh)["weights"]
    before = copy.deepcopy(fresh)
    kept = keep(stored, fresh)
    assert drawing(kept)["weights"] == drawing(stored)["weights"]
    assert list(kept) == list(fresh)  # and everything else is that of the run
    drawing(kept)["weights"] = drawing(fresh)["weights"]
    assert kept == fresh == before  # nor was anything changed in place


def test_the_stamp_of_the_picture_stays_valid():
    stored, fresh = states(trained()), states(trained(0.01))

    def stamp(models):
        (root,) = [name for name, m in models.items() if m["model_name"] == "VBoxModel"]
        return stamp_of(models, root)

    assert stamp(stored) != stamp(fresh)
    assert stamp(keep(stored, fresh)) == stamp(stored)


@pytest.mark.parametrize(
    "figure",
    [
        lambda: trained(-0.9),  # reads otherwise
        lambda: trained(0.01, examples=["好"]),
        lambda: trained(0.01, phrase="好"),
    ],
)
def test_what_does_something_else_is_that_of_the_run(figure):
    stored, fresh = states(trained()), states(figure())
    kept = keep(stored, fresh)
    for trait in ("phrase", "examples"):
        assert drawing(kept)[trait] == drawing(fresh)[trait]
    if (
        drawing(fresh)["phrase"] == drawing(stored)["phrase"]
        and len(drawing(fresh)["examples"]) > 1
    ):
        assert kept == fresh


def test_weights_that_are_the_same_stay():
    fresh = states(trained())
    assert keep(states(trained()), fresh) == fresh


def test_damaged_weights_are_replaced():
    stored, fresh = states(trained()), states(trained(0.01))
    packed = drawing(stored)["weights"]
    packed["norm.bias"]["steps"] = "abc"
    assert keep(stored, fresh) == fresh
    del packed["norm.bias"]
    assert keep(stored, fresh) == fresh
    drawing(stored)["weights"] = None
    assert keep(stored, fresh) == fresh


def test_figures_are_compared_with_their_twins():
    """The n-th of a kind with the n-th, whatever stands between them; others are left alone."""
    stored = states(trained(), MultiHeadView(), trained(name="embed.weight"))
    fresh = states(MultiHeadView(), trained(0.01), trained(0.01, "embed.weight"), trained(0.02))
    kept = keep(stored, fresh)
    assert drawing(kept, 1)["weights"] == drawing(stored, 0)["weights"]
    assert drawing(kept, 2)["weights"] == drawing(stored, 2)["weights"]
    assert drawing(kept, 3) == drawing(fresh, 3)  # one more than there was
    assert drawing(kept, 0) == drawing(fresh, 0)


@pytest.mark.parametrize("figure", [DateTranslator, CacheLab])
def test_translators_are_compared_by_what_they_write(figure):
    weights, characters, symbols, heads = translator_example.example()
    stored, output = states(figure()), weights["output.weight"]
    unread = weights["source.weight"].clone()
    unread[2] += 1  # the row of the end, which no text that is read has
    for other, same in (({"source.weight": unread}, True), ({"output.weight": -1 * output}, False)):
        fresh = states(figure(weights | other, characters, symbols, num_heads=heads))
        assert drawing(stored)["weights"] != drawing(fresh)["weights"]
        kept = drawing(keep(stored, fresh))["weights"]
        assert kept == drawing(stored if same else fresh)["weights"]


def test_nothing_committed_and_nothing_made():
    fresh = states(trained())
    assert keep({}, fresh) == fresh
    assert keep(fresh, {}) == {}
