"""Every link inside the book leads somewhere, and nothing a page loads lies outside it."""

import re
from urllib.parse import unquote, urlsplit

import pytest

from tests.site.built import BARE, CHAPTERS, EDITIONS, FOLLOW, SITE, identified, pages, soup

PAGES = pages()
LOADS = {  # what a browser fetches by itself, with the attribute that says from where
    "script": ["src"],
    "link": ["href"],
    "img": ["src", "srcset"],
    "source": ["src", "srcset"],
    "video": ["src", "poster"],
    "audio": ["src"],
    "iframe": ["src"],
    "embed": ["src"],
    "object": ["data"],
    "input": ["src"],
    "form": ["action"],
}
CSS_ADDRESS = re.compile(r"""url\(\s*(?:"([^"]*)"|'([^']*)'|([^)]*?))\s*\)""")
CSS_IMPORT = re.compile(r"""@import\s+(?:url\()?\s*["']?([^"';)\s]+)""")


def is_local(address: str) -> bool:
    parts = urlsplit(address)
    return (not parts.scheme and not parts.netloc) or parts.scheme in ("data", "blob")


def test_is_local():
    for address in ("a.css", "../b/c.js?v=1", "#d", "data:font/woff2;base64,AA=="):
        assert is_local(address)
    for address in ("https://x.org/a.js", "//x.org/a.js", "http://localhost/", "HTTP://x.org"):
        assert not is_local(address)


def addresses_in_css(css: str) -> list[str]:
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    found = ["".join(groups) for groups in CSS_ADDRESS.findall(css)]
    return found + CSS_IMPORT.findall(css)


def test_addresses_in_css():
    css = """@import "a.css"; @import url(b.css); /* url(c) */
    p { background: url( "d.png" ) } q { background: url(e.svg), url('f') }"""
    assert sorted(set(addresses_in_css(css))) == ["a.css", "b.css", "d.png", "e.svg", "f"]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    parsed = soup(page)
    broken = []
    # Seen at any depth, the page for wrong addresses has the book's path in front of its links.
    path = parsed.main.get("data-book", "") if parsed.main else ""
    for element in parsed.select("[href], [src]"):
        address = (element.get("href") or element.get("src")).removeprefix(path)
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        target = (SITE / page).parent / unquote(parts.path) if parts.path else SITE / page
        if not target.is_file():
            broken.append(address)
        elif parts.fragment and target.suffix == ".html":
            there = identified(target.resolve().relative_to(SITE).as_posix())
            if unquote(parts.fragment) not in there:
                broken.append(address)
    assert not broken


@pytest.mark.parametrize("page", PAGES)
def test_pages_load_nothing_foreign(page):
    parsed = soup(page)
    loads = [
        element[attribute]
        for name, attributes in LOADS.items()
        for element in parsed.find_all(name)
        for attribute in attributes
        if element.has_attr(attribute) and element.get("rel") not in (["canonical"], ["alternate"])
    ]
    for element in parsed.find_all(style=True):
        loads += addresses_in_css(element["style"])
    for element in parsed.find_all("style"):
        loads += addresses_in_css(element.get_text())
    assert not [address for address in loads if not is_local(address)]


STYLES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.css"))


@pytest.mark.parametrize("style", STYLES)
def test_styles_load_nothing_foreign_and_nothing_missing(style):
    for address in addresses_in_css((SITE / style).read_text(encoding="utf-8")):
        assert is_local(address), address
        parts = urlsplit(address)
        if not parts.scheme and parts.path:
            assert ((SITE / style).parent / unquote(parts.path)).is_file(), address


@pytest.mark.parametrize("page", sorted(BARE - FOLLOW - {"404.html"}))
def test_first_pages_lead_into_the_book(page):
    parsed = soup(page)
    links = [link["href"] for link in parsed.select("main a")]
    assert len(links) == (len(EDITIONS) if page == "index.html" else 1)
    refresh = parsed.select_one('meta[http-equiv="refresh"]')["content"]
    assert refresh.endswith(f"url={links[0]}")
    for link in links:
        assert (SITE / page).parent.joinpath(link).is_file()


@pytest.mark.parametrize("page", CHAPTERS)
def test_chapters_can_be_downloaded(page):
    language, name = page.split("/")
    notebook = f"_sources/{name.replace('.html', '.ipynb')}"
    assert soup(page).select_one(f'a[href$="{notebook}"]'), page
    assert (SITE / language / notebook).is_file()


@pytest.mark.parametrize("page", [page for page in PAGES if page not in BARE])
def test_what_editions_share_stands_once(page):
    """Only what is of one language lies in its folder."""
    own = [
        unquote(urlsplit(element.get("href") or element.get("src")).path)
        for element in soup(page).select('[href^="_static/"], [src^="_static/"]')
    ]
    assert own
    assert set(own) <= {
        f"_static/{name}.js"
        for name in ("copybutton", "documentation_options", "language_data", "translations")
    } | {"_static/fonts/chinese.css"}


def test_editions_are_not_linked_but_by_the_switch():
    """A page of an edition leads to another edition's pages through the switch alone."""
    for page in PAGES:
        if page in BARE:
            continue
        language = page.split("/")[0]
        for element in soup(page).select("body [href]"):
            target = (SITE / page).parent.joinpath(urlsplit(element["href"]).path).resolve()
            if SITE not in target.parents or target.suffix != ".html":
                continue
            inside = target.relative_to(SITE).parts[0] == language
            follows = f"{language}/{target.name}" in FOLLOW  # not translated yet
            switch = element.find_parent(class_="language-switch")
            assert inside or follows or switch, (page, element)
