"""Descriptions, previews of links, addresses for search engines."""

import subprocess
import sys

import pytest
import yaml
from bs4 import BeautifulSoup
from PIL import Image

from tests.site.built import CONTENT, EDITIONS, ROOT, SITE, content, edition_of, soup

BASE = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["html"]["baseurl"]


def meta(parsed, **attributes):
    found = parsed.find_all("meta", attrs=attributes)
    assert len(found) <= 1, attributes
    return found[0]["content"] if found else None


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
def test_every_page_has_its_own_description(edition):
    described = [meta(soup(page), name="description") for page in content(edition)]
    assert described == [edition.descriptions[page[3:-5]] for page in content(edition)]
    assert len(set(described)) == len(described) > 10
    # Chinese says in a third of the letters what English says.
    shortest = 20 if edition.tag.startswith("zh") else 50
    assert all(shortest <= len(text) <= 170 for text in described), list(map(len, described))


@pytest.mark.parametrize("page", CONTENT)
def test_previews_have_what_they_can_have(page):
    parsed = soup(page)
    assert meta(parsed, property="og:title") in parsed.title.get_text()
    assert meta(parsed, property="og:description") == meta(parsed, name="description")
    canonical = parsed.select_one('link[rel="canonical"]')
    assert bool(BASE) == bool(canonical) == bool(meta(parsed, property="og:image"))
    assert meta(parsed, property="og:locale") == edition_of(page).locale
    assert canonical is None or canonical["href"] == BASE + page


def test_the_list_for_search_engines_needs_an_address():
    assert (SITE / "sitemap.xml").exists() == bool(BASE)


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
def test_the_picture_of_previews(edition):
    path = SITE / edition.language / "social.png"
    with Image.open(path) as picture:
        assert picture.size == (1200, 630)
    assert path.stat().st_size < 150_000


CONF = """
import sys
sys.path.insert(0, {ext!r})
extensions = ["link_previews"]
html_baseurl = {base!r}
html_title = "A <small> book"
root_doc = "first"
edition = {{
    "tag": "fr", "locale": "fr_CA", "site": {{"picture": "Une image"}},
    "descriptions": {{"first": "What it is", "second": 'Quotes " and <tags>'}},
}}
"""


def small_book(folder, base, second="second"):
    """Write a book of two pages; return the command that builds it into `folder / "site"`."""
    (folder / "conf.py").write_text(CONF.format(ext=str(ROOT / "book/_ext"), base=base), "utf-8")
    (folder / "first.rst").write_text(f"First\n=====\n\n.. toctree::\n\n   {second}\n", "utf-8")
    (folder / f"{second}.rst").write_text("Second *one*\n============\n", "utf-8")
    return [sys.executable, "-m", "sphinx", "-W", "-q", str(folder), str(folder / "site")]


@pytest.mark.parametrize(
    "base", ["https://somebody.example/book/fr/", "https://somebody.example/book/fr"]
)
def test_a_published_book_is_addressed_in_full(tmp_path, base):
    subprocess.run(small_book(tmp_path, base), check=True)
    page = BeautifulSoup((tmp_path / "site/second.html").read_text("utf-8"), "html.parser")
    at = "https://somebody.example/book/fr/"
    assert meta(page, property="og:image") == f"{at}social.png"
    assert meta(page, property="og:image:alt") == "Une image"
    assert meta(page, property="og:url") == f"{at}second.html"
    assert meta(page, property="og:title") == "Second one"
    assert meta(page, property="og:locale") == "fr_CA"
    assert meta(page, name="description") == 'Quotes " and <tags>'
    assert page.html["lang"] == "fr"


def test_a_page_without_a_description_stops_the_build(tmp_path):
    command = small_book(tmp_path, "", second="third")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "a page without a description" in done.stderr
