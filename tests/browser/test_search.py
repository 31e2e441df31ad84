"""Full-text search, in both languages, over http and from the disk."""

import copy
import re

import pytest

from tests.browser.reach import (
    beside_its_icon,
    large_letters,
    out_of_reach,
    sized,
    wide_spacing,
)
from tests.browser.reader import NARROW
from tests.site.built import EDITIONS, content, soup


def text_of(page):
    """Return what a page says; where a long name may break, it is one word all the same."""
    article = copy.copy(soup(page).select_one("article"))
    for each in article.select("wbr"):
        each.decompose()
    article.smooth()
    return " ".join(article.get_text(" ").split())


ARTICLES = {each.language: {page: text_of(page) for page in content(each)} for each in EDITIONS}
SEARCHED = [
    "早上好",
    "早上",
    "上好",
    "好",
    "注意力",
    "狗咬人",
    "causal",
    "softmax",
    "mask",
    "查询",
    "因果掩码",
    "causal_mask",
]


ALL = pytest.mark.parametrize("language", ARTICLES)


def holding(language, words):
    """Return the pages of an edition whose text holds these words as they stand.

    In Latin letters that is a whole word: "causal" does not find what speaks of `my_causal` alone.
    """
    edge = r"\b" if words.isascii() else ""
    pattern = re.compile(f"{edge}{re.escape(words)}{edge}", re.IGNORECASE)
    return {page for page, text in ARTICLES[language].items() if pattern.search(text)}


def found(window, language, words):
    page = window.page
    page.goto("about:blank")
    page.goto(f"{window.root}{language}/search.html?q={words}")
    page.locator(".search-summary").filter(has_text=re.compile(r"\S")).wait_for()
    page.wait_for_load_state("networkidle")  # the search fetches the pages that it has found
    links = page.locator("#search-results li a").evaluate_all("all => all.map((a) => a.pathname)")
    return {path.split("/html/")[-1].lstrip("/") for path in links}


@pytest.fixture(scope="module", params=["http", "file"])
def window(request, lasting_visit):
    return lasting_visit(request.param)


@ALL
def test_the_words_in_its_field_begin_behind_the_icon(window, language):
    window.page.goto(f"{window.root}{language}/search.html")
    for size in ((360, 780), (1300, 900)):
        with sized(window.page, *size):
            assert beside_its_icon(window.page, ".bd-search-container .bd-search")
            with large_letters(window.page):
                assert beside_its_icon(window.page, ".bd-search-container .bd-search")


@ALL
@pytest.mark.parametrize("words", SEARCHED)
def test_search_finds_every_page_that_holds_the_words(window, words, language):
    wanted = holding(language, words)
    assert wanted
    assert wanted <= found(window, language, words)
    assert window.problems == []


@ALL
def test_every_text_of_what_was_found_can_be_brought_into_view(window, language):
    assert found(window, language, "softmax")
    # From the disk a browser fetches no pages to quote from.
    assert window.page.locator("#search-results .context").count() or "file:" in window.root
    for size in NARROW:
        with sized(window.page, *size):
            assert out_of_reach(window.page) == [], size
    with sized(window.page, 360, 780), wide_spacing(window.page):
        assert out_of_reach(window.page) == []
    with sized(window.page, 360, 780), large_letters(window.page):
        assert out_of_reach(window.page) == []


@ALL
@pytest.mark.parametrize("words", ["上好力", "注意人", "causalx"])
def test_search_finds_nothing_where_there_is_nothing(window, words, language):
    assert holding(language, words) == set()
    assert found(window, language, words) == set()


@ALL
def test_chinese_is_found_in_order(language):
    assert not re.search("上好力", " ".join(ARTICLES[language].values()))
