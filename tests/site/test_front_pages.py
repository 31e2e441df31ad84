"""The pages that lead to the editions, in this book and in one of two editions with an address."""

import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

from tests.site.built import EDITIONS, SITE, content, soup
from tools.site import front_pages

AT = "https://somebody.example/book/"


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
def test_the_page_for_wrong_addresses_speaks_every_language(edition):
    section = soup("404.html").find("section", id=edition.language)
    assert section["lang"] == edition.tag
    assert section.h2.get_text() == edition.site["not_found"]
    path = soup("404.html").main["data-book"]
    assert [link["href"] for link in section.select("a")] == [path + p for p in content(edition)]


@pytest.fixture
def two(tmp_path):
    """A site of two editions, "en" and "yy"; the second one has no page "speed"."""
    first = EDITIONS[0]
    folder = tmp_path / "book" / "yy"
    folder.mkdir(parents=True)
    toc = (first.pages_folder / "_toc.yml").read_text(encoding="utf-8")
    (folder / "_toc.yml").write_text(toc.replace("      - file: speed\n", ""), encoding="utf-8")
    site = {"open_book": "Öffne <es>", "not_found": "Nichts", "not_found_text": "Hier & da"}
    site["not_translated"] = "Noch <nicht>"
    second = replace(first, language="yy", tag="yy-ZZ", title="Ypsilon", site=site, root=tmp_path)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/yy").symlink_to(first.chapters_folder)
    for page in content(second):
        (SITE / "en" / page[3:]).stat()
        (tmp_path / "yy").mkdir(exist_ok=True)
        title = '<meta property="og:title" content="Y &amp; Z">'
        (tmp_path / page).write_text(title, encoding="utf-8")
    (tmp_path / "en").symlink_to(SITE / "en")
    return tmp_path, [first, second]


def test_a_note_leads_to_what_is_not_translated(two):
    site, (first, second) = two
    notes = front_pages.not_translated(site, AT, second, first)
    assert list(notes) == ["yy/speed.html"]
    page = parsed(notes["yy/speed.html"])
    assert page.html["lang"] == "yy-ZZ"
    assert page.h1.get_text() == "Noch <nicht>"
    (link,) = page.select("a")
    assert (link["href"], link["hreflang"]) == ("../en/speed.html", "en")
    assert page.find("link", rel="canonical")["href"] == f"{AT}en/speed.html"
    assert front_pages.not_translated(site, AT, first, first) == {}


def parsed(html):
    return BeautifulSoup(html, "html.parser")


def test_the_first_page_knows_all_editions(two):
    _, both = two
    page = parsed(front_pages.first_page("", both))
    known = re.search(r"\}\)\((\{.*\})\);", page.script.get_text())[1]
    assert json.loads(known) == {"en": "en/intro.html", "yy-ZZ": "yy/intro.html"}
    links = [(a["href"], a["lang"], a["hreflang"], a.get_text()) for a in page.select("main a")]
    assert links[1] == ("yy/intro.html", "yy-ZZ", "yy-ZZ", "Öffne <es>")
    alternates = {a["hreflang"]: a["href"] for a in page.select("[rel=alternate]")}
    assert alternates == {"en": "en/intro.html", "yy-ZZ": "yy/intro.html"}


def test_the_addresses_of_a_published_first_page_are_whole(two):
    _, both = two
    page = parsed(front_pages.first_page(AT, both))
    assert page.select_one("[rel=canonical]")["href"] == AT
    alternates = {a["hreflang"]: a["href"] for a in page.select("[rel=alternate]")}
    assert alternates["yy-ZZ"] == f"{AT}yy/intro.html"
    assert alternates["x-default"] == AT


def test_the_list_of_pages_names_the_same_page_in_other_languages(two):
    _, both = two
    listed = ElementTree.fromstring(front_pages.sitemap(AT, both))
    pages = {
        url[0].text: {link.get("hreflang"): link.get("href") for link in url[1:]} for url in listed
    }
    assert list(pages) == [AT + page for edition in both for page in content(edition)]
    same = {"en": f"{AT}en/03_masks.html", "yy-ZZ": f"{AT}yy/03_masks.html"}
    assert pages[f"{AT}en/03_masks.html"] == pages[f"{AT}yy/03_masks.html"] == same
    assert pages[f"{AT}en/speed.html"] == {}


def test_the_page_for_wrong_addresses_starts_from_the_books_path(two):
    site, both = two
    page = parsed(front_pages.not_found(site, AT, both))
    assert page.base is None  # the book's own policy forbids it
    assert page.main["data-book"] == "/book/"
    assert {link["href"][:9] for link in page.select("main a")} == {"/book/en/", "/book/yy/"}
    assert [each["id"] for each in page.select("section")] == ["en", "yy"]
    second = page.find("section", id="yy")
    assert second.p.get_text() == "Hier & da"
    assert second.a.get_text() == "Y & Z"
    assert len(second.select("a")) == len(content(both[1]))


def test_a_page_without_a_title_is_named(two):
    site, both = two
    (site / "yy/faq.html").write_text("nothing", encoding="utf-8")
    with pytest.raises(ValueError, match=r"yy/faq\.html has no og:title"):
        front_pages.not_found(site, "", both)
