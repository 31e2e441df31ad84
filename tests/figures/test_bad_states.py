"""What a figure does with traits that Python would have refused, and with names like HTML."""

import pytest
import torch

from attnlib import words
from attnlib.widgets import MaskLab, MultiHeadView, QueryKeyValueExplorer
from tests.figures.stage import Stage, nudge
from tests.widgets.facts import all_facts

# What is wrong, and what the reader is told about it.
BAD = [(facts.kind, *bad) for facts in all_facts() for bad in facts.bad]
MARKUP = '<img src=x onerror="window.hit = 1">'


def attacked(entry):
    if isinstance(entry, dict):
        return {name: attacked(each) for name, each in entry.items()}
    return f"{MARKUP}{entry}"


@pytest.fixture(scope="module")
def bad(lasting_visit):
    """One page: every bad figure, then one of each that is whole."""
    kinds = list(dict.fromkeys(kind for kind, _, _ in BAD))
    figures = [kind() for kind, _, _ in BAD] + [kind() for kind in kinds]

    window = lasting_visit()
    Stage(figures, [traits for _, traits, _ in BAD])(window)
    return window


@pytest.fixture(scope="module")
def told(bad):
    """What stands in the place of each figure: its messages that are seen, and how many parts."""
    return bad.page.locator(".live-figure").evaluate_all(
        """all => all.map((figure) => [
          [...figure.querySelectorAll('.live .attn-error')]
            .filter((each) => each.checkVisibility({ visibilityProperty: true }))
            .map((each) => each.innerText),
          figure.querySelectorAll('.live .attn-figure > *').length,
        ])"""
    )


@pytest.mark.parametrize(
    "number", range(len(BAD)), ids=[f"{kind.__name__}-{next(iter(t))}" for kind, t, _ in BAD]
)
def test_the_message_names_what_is_wrong(told, number):
    (message,), parts = told[number]
    assert message.startswith("This figure cannot be drawn: ")
    assert BAD[number][2] in message
    assert parts == 1  # and nothing half drawn


def test_the_others_on_the_page_live_on(bad):
    assert set(bad.states()) == {"alive"}
    whole = bad.page.locator(".live-figure").all()[len(BAD) :]
    assert len(whole) == len(all_facts())
    for figure in whole:
        root = figure.locator(".attn-figure")
        before = root.get_attribute("data-numbers")
        nudge(figure.locator(".noUi-handle").first)
        bad.page.wait_for_function(
            "([e, before]) => e.dataset.numbers !== before", arg=[root.element_handle(), before]
        )
    assert bad.problems == []


@pytest.fixture(scope="module")
def marked(lasting_visit):
    """Each figure, with markup in all names that can be given, and in all of its words."""
    english = words.catalogue("en")
    attack = {**english, "figures": attacked(english["figures"])}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "catalogue", lambda _: attack)
        figures = [facts.marked(MARKUP) for facts in all_facts()]
    window = lasting_visit()
    Stage(figures)(window)
    return window


def test_names_and_words_are_text(marked):
    assert marked.states() == ["alive"] * len(all_facts())
    assert marked.page.locator(".live img, .live b, .live script").count() == 0
    assert marked.page.evaluate("window.hit") is None
    for figure in marked.page.locator(".live .attn-figure").all():
        assert MARKUP in figure.locator(".attn-hint").inner_text()
        assert figure.locator(".attn-error").count() == 0
    texts = marked.page.locator(".live tbody th").all_inner_texts()
    assert texts.count(MARKUP) >= 3
    assert {"<b>上</b>", "<b>", "&amp;"} <= set(texts)
    assert marked.problems == []


def test_long_names_push_nothing_off_the_page(visit):
    names = [f"a-name-that-is-far-too-long-for-a-token-{i}" for i in range(5)]
    figures = [
        QueryKeyValueExplorer(names, torch.eye(5, 2), torch.eye(5, 2)),
        MaskLab(names, torch.zeros(5, 5)),
        MultiHeadView(torch.eye(5).expand(3, 5, 5), names, head_names=names[:3]),
    ]
    window = visit(viewport={"width": 360, "height": 780})
    page = Stage(figures)(window)
    assert window.states() == ["alive"] * 3
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
