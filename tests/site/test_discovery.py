"""Descriptions, previews of links, the list for search engines, the page for wrong addresses."""

import subprocess
import sys
from xml.etree import ElementTree

import pytest
import yaml
from bs4 import BeautifulSoup
from PIL import Image

from tests.site.built import BARE, ROOT, SITE, pages, soup

CONTENT = [
    page
    for page in pages()
    if soup(page).select_one("article") and page not in BARE and page != "search.html"
]
BASE = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["html"]["baseurl"]


def meta(parsed, **attributes):
    found = parsed.find_all("meta", attrs=attributes)
    assert len(found) <= 1, attributes
    return found[0]["content"] if found else None


def test_every_page_has_its_own_description():
    described = [meta(soup(page), name="description") for page in CONTENT]
    assert all(50 <= len(text) <= 170 for text in described), list(map(len, described))
    assert len(set(described)) == len(CONTENT) > 10


@pytest.mark.parametrize("page", CONTENT)
def test_previews_have_what_they_can_have(page):
    parsed = soup(page)
    assert meta(parsed, property="og:title") in parsed.title.get_text()
    assert meta(parsed, property="og:description") == meta(parsed, name="description")
    canonical = parsed.select_one('link[rel="canonical"]')
    assert bool(BASE) == bool(canonical) == bool(meta(parsed, property="og:image"))


def test_the_list_for_search_engines_needs_an_address():
    assert (SITE / "sitemap.xml").exists() == bool(BASE)


def test_the_picture_of_previews():
    path = SITE / "_static/social.png"
    with Image.open(path) as picture:
        assert picture.size == (1200, 630)
    assert path.stat().st_size < 150_000


CONF = """
import sys
sys.path.insert(0, {ext!r})
extensions = ["discovery"]
html_baseurl = {base!r}
html_title = "A <small> book"
root_doc = "first"
page_descriptions = {{"first": "What it is", "deep/second": 'Quotes " and <tags>'}}
"""


@pytest.mark.parametrize(
    "base", ["https://somebody.example/book/", "https://somebody.example/book"]
)
def test_a_published_book_is_addressed_in_full(tmp_path, base):
    source, site = tmp_path / "source", tmp_path / "site"
    (source / "deep").mkdir(parents=True)
    (source / "conf.py").write_text(CONF.format(ext=str(ROOT / "book/_ext"), base=base), "utf-8")
    (source / "first.rst").write_text("First\n=====\n\n.. toctree::\n\n   deep/second\n", "utf-8")
    (source / "deep/second.rst").write_text("Second *one*\n============\n", "utf-8")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", str(source), str(site)]
    subprocess.run(command, check=True)
    at = "https://somebody.example/book/"
    page = BeautifulSoup((site / "deep/second.html").read_text("utf-8"), "html.parser")
    assert meta(page, property="og:image") == f"{at}_static/social.png"
    assert meta(page, property="og:url") == f"{at}deep/second.html"
    assert meta(page, property="og:title") == "Second one"
    assert meta(page, name="description") == 'Quotes " and <tags>'
    listed = ElementTree.parse(site / "sitemap.xml").getroot()
    places = [url[0].text for url in listed]
    assert places == [f"{at}first.html", f"{at}deep/second.html"]
    wrong = BeautifulSoup((site / "404.html").read_text("utf-8"), "html.parser")
    assert wrong.base["href"] == "/book/404.html"
    assert [a["href"] for a in wrong.select("a")] == ["first.html", "deep/second.html"]


def test_a_page_without_a_description_stops_the_build(tmp_path):
    (tmp_path / "conf.py").write_text(CONF.format(ext=str(ROOT / "book/_ext"), base=""), "utf-8")
    (tmp_path / "first.rst").write_text("First\n=====\n\n.. toctree::\n\n   second\n", "utf-8")
    (tmp_path / "second.rst").write_text("Second\n======\n", "utf-8")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", str(tmp_path), str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "a page without a description" in done.stderr
