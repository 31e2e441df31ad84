"""Every page opens and every figure moves in Firefox and WebKit; its numbers are Chromium's."""

import pytest

from tests.browser.test_figure_numbers import FIGURES
from tests.engines.tour import (
    FOCUS,
    NUMBERS,
    OTHER_NUMBERS,
    RESET,
    TRACK,
    arrive,
    complaints,
    difference,
    through,
)
from tests.site.built import BARE, pages, soup

PAGES = [page for page in pages() if page not in BARE]
CLOSE = 1e-12


def figures_on(page):
    return len(soup(page).select(".live-figure"))


@pytest.fixture(scope="module", params=FIGURES, ids=lambda each: f"{each[0]}-{each[1].name}")
def figure(request, window, server):
    page, facts = request.param
    assert arrive(window, server + page) == ["alive"]
    return page, facts


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_without_a_complaint(window, server, page):
    assert arrive(window, server + page) == ["alive"] * figures_on(page)
    assert window.ask("() => document.querySelector('h1').checkVisibility()")
    assert complaints(window) == []


@pytest.mark.parametrize("page", PAGES)
def test_it_opens_from_the_disk_too(window, site, page):
    assert arrive(window, (site / page).as_uri()) == ["alive"] * figures_on(page)
    assert complaints(window) == []


def test_keys_move_a_figure_and_its_numbers_are_chromiums(window, figure, expected):
    page, facts = figure
    shown, wanted = through(window, facts), expected(page, facts)
    assert list(shown) == list(wanted)
    for name, numbers in shown.items():
        apart = difference(numbers, wanted[name])
        assert apart is not None, name
        assert apart <= CLOSE, name
    assert complaints(window) == []


def test_a_mouse_moves_every_slider(window, figure):
    sliders = window.ask("() => document.querySelectorAll('.live .noUi-handle').length")
    assert sliders
    for nth in range(sliders):
        before = window.ask(NUMBERS)
        window.drag(*window.ask(TRACK, nth))
        after = window.wait(OTHER_NUMBERS, before)
        window.ask(FOCUS, *RESET)
        window.press("Enter")
        window.wait(OTHER_NUMBERS, after)
    assert complaints(window) == []
