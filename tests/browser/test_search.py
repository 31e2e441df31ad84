"""Full-text search, in both languages, over http and from the disk."""

import re

import pytest

from tests.site.built import pages, soup

ARTICLES = {
    page: " ".join(soup(page).select_one("article").get_text(" ").split())
    for page in pages()
    if soup(page).select_one("article") and page != "search.html"
}
SEARCHED = [
    "早上好",
    "早上",
    "上好",
    "好",
    "注意力",
    "狗咬人",
    "causal",
    "softmax",
    "masks",
    "causal_mask",
]


def holding(words):
    """Return the pages whose text holds these words as they stand."""
    return {page for page, text in ARTICLES.items() if words.lower() in text.lower()}


def found(page, words):
    page.goto("about:blank")
    page.goto(f"{words[0]}search.html?q={words[1]}")
    page.locator(".search-summary").filter(has_text=re.compile(r"\S")).wait_for()
    page.wait_for_load_state("networkidle")  # the search fetches the pages that it has found
    links = page.locator("#search-results li a").evaluate_all("all => all.map((a) => a.pathname)")
    return {path.split("/html/")[-1].lstrip("/") for path in links}


@pytest.mark.parametrize("words", SEARCHED)
@pytest.mark.parametrize("origin", ["http", "file"])
def test_search_finds_every_page_that_holds_the_words(visit, origin, words):
    wanted = holding(words)
    assert wanted
    window = visit(origin)
    assert wanted <= found(window.page, (window.root, words))
    assert window.problems == []


@pytest.mark.parametrize("words", ["上早好", "注意人", "causalx"])
def test_search_finds_nothing_where_there_is_nothing(visit, words):
    assert holding(words) == set()
    window = visit()
    assert found(window.page, (window.root, words)) == set()


def test_chinese_is_found_in_order():
    assert not re.search("上早好", " ".join(ARTICLES.values()))
