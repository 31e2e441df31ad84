"""From one edition to the other: the switch, the first page, what search engines are told."""

from functools import cache

import pytest
from bs4 import BeautifulSoup

from tests.browser.axe import violations
from tests.editions.accents import LANGUAGE
from tests.editions.built import COPY
from tools.editions import DEFAULT, editions
from tools.site.sources import contents

PAGES = contents(editions()[0])
BOTH = pytest.mark.parametrize(
    ("here", "there"), [(DEFAULT, LANGUAGE), (LANGUAGE, DEFAULT)], ids=[DEFAULT, LANGUAGE]
)


def test_both_editions_stand_there_and_no_other(site):
    assert [each.language for each in editions(COPY)] == [DEFAULT, LANGUAGE]
    assert sorted(path.parent.name for path in site.glob("*/intro.html")) == [DEFAULT, LANGUAGE]


@cache
def parsed(path):
    """Parse a page; nobody may change the result."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@BOTH
@pytest.mark.parametrize("name", [*PAGES, "search"])
def test_every_page_has_a_switch_to_its_twin(site, here, there, name):
    page = parsed(site / here / f"{name}.html")
    mine, other = editions(COPY) if here == DEFAULT else reversed(editions(COPY))
    (switch,) = page.select("nav.language-switch")
    assert switch["aria-label"] == mine.site["language"]
    (link,) = switch.select("a")
    assert (link["lang"], link["hreflang"]) == (other.tag, other.tag)
    assert link.get_text(strip=True) == other.name
    assert (site / here / link["href"]).resolve() == site / there / f"{name}.html"
    (shown,) = switch.select("[aria-current]")
    assert (shown["lang"], shown.get_text(strip=True)) == (mine.tag, mine.name)


@BOTH
@pytest.mark.parametrize("name", PAGES)
def test_search_engines_are_told_of_both(site, here, there, name):
    page = parsed(site / here / f"{name}.html")
    assert page.html["lang"] == here
    links = {link["hreflang"]: link["href"] for link in page.select("link[rel=alternate]")}
    assert links == {
        DEFAULT: f"../{DEFAULT}/{name}.html",
        LANGUAGE: f"../{LANGUAGE}/{name}.html",
        "x-default": f"../{DEFAULT}/{name}.html",
    }


@pytest.mark.parametrize("name", PAGES)
def test_both_have_the_same_anchors(site, name):
    found = [
        [each["id"] for each in parsed(site / here / f"{name}.html").select("article section[id]")]
        for here in (DEFAULT, LANGUAGE)
    ]
    assert found[0] == found[1]
    assert found[0]


@BOTH
@pytest.mark.parametrize("width", [1300, 360])
def test_the_switch_keeps_the_place(visit, here, there, width):
    window = visit(viewport={"width": width, "height": 780})
    page = window.open(f"{here}/03_masks.html")
    page.locator("#live-text").evaluate("e => e.scrollIntoView({ behavior: 'instant' })")
    link = page.locator(".language-switch a")
    link.focus()
    assert page.evaluate("document.activeElement.hreflang") == there
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{there}/03_masks.html#live-text")
    top = page.locator("#live-text").evaluate("e => e.getBoundingClientRect().top")
    assert -10 < top < 300
    assert window.problems == []


@BOTH
def test_from_the_top_it_leads_to_the_top(visit, here, there):
    page = visit().open(f"{here}/faq.html")
    page.locator(".language-switch a").click()
    page.wait_for_url(f"**/{there}/faq.html")


@BOTH
def test_it_keeps_what_is_searched_for(visit, here, there):
    page = visit().open(f"{here}/search.html?q=早上")
    page.locator(".language-switch a").click()
    page.wait_for_url(f"**/{there}/search.html?q=*")
    page.locator("#search-results li").first.wait_for()


@BOTH
@pytest.mark.parametrize(
    "options",
    [
        {"viewport": {"width": 1300, "height": 900}},
        {"viewport": {"width": 360, "height": 780}, "color_scheme": "dark"},
    ],
    ids=["desk", "phone in the dark"],
)
def test_axe_has_nothing_against_it(visit, here, there, options):
    window = visit(**options)
    page = window.open(f"{here}/notation.html")
    assert page.locator(".language-switch a").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= options["viewport"]["width"]
    # Words with accents are no language that axe could know.
    unknown = ("valid-lang: ", "html-lang-valid: ")
    assert [each for each in violations(page) if not each.startswith(unknown)] == []


def test_a_page_of_one_edition_has_no_switch():
    """The list of an edition's pages decides; see also tests/site for a book of one edition."""
    from book._ext.language_switch import same_page

    both = [{"pages": ["intro", "faq"]}, {"pages": ["intro"]}]
    assert same_page(both, "faq") == both[:1]
    assert same_page(both, "intro") == same_page(both, "search") == both


@pytest.mark.parametrize(
    ("languages", "found"),
    [
        (["eo", LANGUAGE, DEFAULT], LANGUAGE),
        ([f"{LANGUAGE}-ZZ"], LANGUAGE),
        (["eo"], DEFAULT),
        ([DEFAULT, LANGUAGE], DEFAULT),
    ],
)
def test_the_first_page_leads_to_the_readers_language(visit, languages, found):
    window = visit()
    window.page.add_init_script(
        f"Object.defineProperty(navigator, 'languages', {{ get: () => {languages} }})"
    )
    window.open("index.html").wait_for_url(f"**/{found}/intro.html")
    assert window.problems == []
