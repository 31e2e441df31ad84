"""What live figures say in the derived language, whatever readers do to them, and if they fail."""

import pytest

from tests.editions.accents import LANGUAGE, accented
from tests.editions.english import left_in_english
from tests.figures.stage import Stage
from tests.site.built import address
from tests.widgets.facts import all_facts

pytestmark = pytest.mark.usefixtures("derived_words")

# Where the words themselves are damaged, one sentence in English is all there is.
BAD = [(facts, *bad) for facts in all_facts() for bad in facts.bad if "words" not in bad[0]]
PAGE = address("01_query_key_value", LANGUAGE)


def words_left(page):
    """Return what is English in the figures."""
    return left_in_english(page, ".live")


@pytest.mark.parametrize("facts", all_facts(), ids=lambda facts: facts.name)
def test_nothing_that_readers_do_brings_english_up(visit, site, facts):
    window = visit()
    page = Stage([facts.kind()])(window, page=PAGE, site=site)
    assert words_left(page) == []
    live = page.locator(".live")
    for handle in live.locator(".noUi-handle").all():
        handle.press("ArrowLeft")
        page.wait_for_timeout(30)
        assert words_left(page) == []
    buttons, nth = live.locator("button, input[type=checkbox]"), 0
    while nth < buttons.count():  # pressing one may bring others, or take some away
        buttons.nth(nth).click()
        page.wait_for_timeout(30)
        assert words_left(page) == []
        nth += 1
    for selector, keys in facts.pressed:
        live.locator(selector).first.focus()
        for key in keys:
            page.keyboard.press(key)
        page.wait_for_timeout(30)
        assert words_left(page) == []
    region = live.locator("[role=status]")
    page.wait_for_function("e => e.textContent.length > 15", arg=region.element_handle())
    assert words_left(page) == []
    assert window.problems == []


def test_rare_states(visit, site):
    figures = [figure for facts in all_facts() for figure in facts.special()]
    page = Stage(figures)(visit(), page=PAGE, site=site)
    assert page.locator(".attn-figure").count() == len(figures)
    assert [each for each in words_left(page) if "token-n" not in each] == []  # names given to it


def test_errors(visit, site):
    """Of a message only the names of traits, and what stood there, are the same everywhere."""
    figures = [facts.kind() for facts, _, _ in BAD]
    page = Stage(figures, [traits for _, traits, _ in BAD])(visit(), page=PAGE, site=site)
    messages = page.locator(".attn-error").all_inner_texts()
    assert len(messages) == len(BAD)
    for message, (_, _, english) in zip(messages, BAD, strict=True):
        assert message.startswith(accented("This figure cannot be drawn: "))
        assert english not in message
