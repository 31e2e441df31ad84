"""Every page opens and every figure moves in Firefox and WebKit; its numbers are Chromium's.

A figure is moved in one edition: in the others it is the same (tests/site/test_twins.py).
"""

from urllib.parse import unquote

import pytest

from tests.engines import tour
from tests.figures.test_figure_numbers import FIGURES, MOVED
from tests.site.built import BARE, EDITIONS, SITE, address, chapters, originals, pages, soup

# These browsers show what the server reads, or what is read for them; see tests/evidence.py.
pytestmark = pytest.mark.watched
COLLECTS_NAMES = True  # a test of a page depends on that page
WITH_FIGURES = dict.fromkeys(page for page, *_ in FIGURES)
# What is known of the figures of each page that are moved, and what they are called there.
MOVED_ON = {page: [rest for at, *rest in MOVED if at == page] for page in originals(WITH_FIGURES)}
# Pages of other editions bring the same scripts and figures: of each, the first chapter and a page
# without figures are opened. Those that are moved first: pytest groups the tests of a page by its
# place in both lists.
ONCE = originals(page for page in pages() if page not in BARE)
SAMPLES = [page for each in EDITIONS for page in (chapters(each)[0], address("faq", each.language))]
PAGES = list(dict.fromkeys([*MOVED_ON, *ONCE, *SAMPLES]))
CLOSE = 1e-12
# What links in the text are told by, whatever their colour.
LINKS = """() => [...document.querySelectorAll('article p a.reference.internal')]
  .filter((link) => !link.closest('.figure-gallery'))
  .map((link) => getComputedStyle(link).textDecorationLine)"""


def figures_on(page):
    return len(soup(page).select(".live-figure"))


@pytest.fixture(scope="module", params=PAGES)
def page(request, window, server):
    """A page, in the window: the tests of a page share it, since loading it takes longest."""
    read_pictures(request.param)
    tour.arrive(window, server + request.param)
    return request.param


def read_pictures(page):
    """Read what a page shows beside what all pages share, which a browser may have kept."""
    for image in soup(page).select("img[src]"):
        (SITE / page).parent.joinpath(unquote(image["src"])).read_bytes()


def test_it_opens_without_a_complaint(window, page):
    assert window.ask(tour.STATES) == ["alive"] * figures_on(page)
    assert figures_on(page) == [at for at, *_ in FIGURES].count(page)
    assert window.ask("() => document.querySelector('h1').checkVisibility()")
    assert window.ask(tour.COMPLAINTS) == []


def test_its_links_are_seen(window, page):
    links = window.ask(LINKS)
    assert bool(links) is bool(soup(page).select("article p a.reference.internal"))
    assert set(links) <= {"underline"}


@pytest.mark.parametrize("page", MOVED_ON, indirect=True)
def test_keys_move_its_figures_and_the_numbers_are_chromiums(window, page, expected):
    for facts, called in MOVED_ON[page]:
        shown, wanted = tour.through(window, facts, called), expected(page, facts, called)
        assert list(shown) == list(wanted)
        for name, numbers in shown.items():
            apart = tour.difference(numbers, wanted[name])
            assert apart is not None, name
            assert apart <= CLOSE, name
    assert window.ask(tour.COMPLAINTS) == []


@pytest.mark.parametrize("page", MOVED_ON, indirect=True)
def test_a_mouse_moves_a_slider_of_each(window, page):
    """The first one; each is moved by a finger in Chromium, and by keys above."""
    for _, called in MOVED_ON[page]:
        assert window.ask(tour.TURN_TO, called)
        assert window.ask(tour.SLIDERS)
        before = window.ask(tour.NUMBERS)
        window.drag(*window.ask(tour.TRACK, 0))
        window.wait(tour.OTHER_NUMBERS, before)
    assert window.ask(tour.COMPLAINTS) == []


@pytest.mark.parametrize("path", list(MOVED_ON)[:1])
def test_a_figure_lives_in_a_page_from_the_disk(window, from_disk, path):
    read_pictures(path)
    assert set(tour.arrive(window, from_disk(path))) == {"alive"}
    assert window.ask(tour.COMPLAINTS) == []
