"""The built book, as the checks of the site and the browser tests read it.

A page is named by its path below the site: "en/03_masks.html".
"""

import re
from collections.abc import Container, Iterable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, NavigableString, Tag
from fontTools.ttLib import TTFont

from tools.editions import DEFAULT, ROOT, Edition, editions
from tools.site import is_complete
from tools.site.sources import contents

SITE = ROOT / "book" / "_build" / "html"
EDITIONS = editions()
FACE = re.compile(r'font-weight: (\d+);[^}]*url\("([^"?]+)')
FRONT = {"index.html", "404.html"}  # at the root: they lead to the editions


def address(name: str, language: str = DEFAULT) -> str:
    """Return the path of a page of an edition, the default one unless another is named."""
    return f"{language}/{name}.html"


def edition_of(path: str) -> Edition:
    """Return the edition to which a page belongs; the pages at the root are the default one's."""
    language = path.split("/")[0] if "/" in path else DEFAULT
    return next(each for each in EDITIONS if each.language == language)


@cache
def pages() -> list[str]:
    """Return the paths of all pages of the site, or fail: no page must not mean no test."""
    found = [path.relative_to(SITE).as_posix() for path in sorted(SITE.rglob("*.html"))]
    found = [path for path in found if not path.startswith("_static/")]  # the theme's templates
    wanted = FRONT.union(*(content(each) for each in EDITIONS))
    if not is_complete(SITE) or not wanted <= set(found):
        raise RuntimeError(f"the book is not built in {SITE.relative_to(ROOT)}: run `make book`")
    return found


def content(edition: Edition) -> list[str]:
    """Return the pages that an edition's table of contents lists, in its order."""
    return [address(name, edition.language) for name in contents(edition)]


def chapters(edition: Edition) -> list[str]:
    """Return the chapters among them, or fail."""
    names = {path.stem for path in edition.chapters}
    found = [address(name, edition.language) for name in contents(edition) if name in names]
    if not found:
        raise RuntimeError(f"the edition {edition.language} has no chapter")
    return found


def notebook_of(page: str) -> Path:
    """Return the notebook from which a chapter's page was made."""
    return edition_of(page).chapters_folder / Path(page).with_suffix(".ipynb").name


CONTENT = [path for edition in EDITIONS for path in content(edition)]
CHAPTERS = [path for edition in EDITIONS for path in chapters(edition)]
FOLLOW = {  # notes in the place of chapters that an edition has not yet
    address(name, each.language)
    for each in EDITIONS
    for name in {*contents(EDITIONS[0])} - {*contents(each)}
}
INDEX = {address("index", each.language) for each in EDITIONS}
BARE = FRONT | INDEX | FOLLOW  # without the theme


def originals(paths: Iterable[str]) -> list[str]:
    """Return these pages, of those that several editions have only the first one's.

    For tests of what figures do: it is the same in each edition (tests/site/test_twins.py). What
    depends on words, fonts or layout has to be asked in each.
    """
    first: dict[str, str] = {}
    for each in sorted(paths, key=lambda path: EDITIONS.index(edition_of(path))):
        first.setdefault(Path(each).name, each)
    return [each for each in paths if each in first.values()]


@cache
def soup(path: str) -> BeautifulSoup:
    """Parse a page; nobody may change the result."""
    return BeautifulSoup((SITE / path).read_text(encoding="utf-8"), "html.parser")


@cache
def identified(path: str) -> dict[str, Tag]:
    """Return the elements of a page that have an id, the first of each; nobody may change them."""
    found: dict[str, Tag] = {}
    for element in soup(path).find_all(id=True):
        found.setdefault(str(element["id"]), element)
    return found


@cache
def letters(path: str) -> frozenset[str]:
    """Return the characters that a page shows, in text, code or alt text."""
    said = "".join(str(each["alt"]) for each in soup(path).select("[alt]"))
    return frozenset(soup(path).get_text() + said)


def chinese_sheet(path: str) -> Path:
    """Return the stylesheet that brings a page its Chinese."""
    (link,) = soup(path).select('link[rel="stylesheet"][href^="_static/fonts/"]')
    return SITE / path.split("/")[0] / urlsplit(link["href"]).path


@cache
def chinese_in(sheet: Path) -> dict[int, set[str]]:
    """Return the Chinese that such a stylesheet brings: weight -> characters.

    Of several faces of a weight a browser asks the last one first.
    """
    return {
        int(weight): set(map(chr, TTFont(sheet.with_name(name)).getBestCmap()))
        for weight, name in FACE.findall(sheet.read_text(encoding="utf-8"))
    }


def chinese_of(path: str) -> dict[int, set[str]]:
    """Return the Chinese that a page may load: weight -> characters."""
    return chinese_in(chinese_sheet(path))


def prose(path: str) -> str:
    """Return what the page says to a reader: no scripts, no code, no sources of formulas."""
    parsed = soup(path)
    left_out = {*map(id, parsed.select("script, style, noscript, template, pre, code, .math"))}
    return " ".join(texts(parsed, left_out))


def texts(element: Tag, left_out: Container[int]) -> Iterator[str]:
    """Yield the texts in an element, but not those in others, which are named by Python's id."""
    for child in element.children:
        if isinstance(child, Tag):
            if id(child) not in left_out:
                yield from texts(child, left_out)
        elif type(child) is NavigableString:  # a comment is one, too, of a type of its own
            yield str(child)
