"""The built book, as the checks of the site and the browser tests read it."""

from functools import cache
from pathlib import Path

from bs4 import BeautifulSoup

ROOT = Path(__file__).parent.parent.parent
SITE = ROOT / "book" / "_build" / "html"
BARE = {"index.html", "404.html"}  # they only lead to the others, without the theme


def pages() -> list[str]:
    """Return the paths of all pages below the site, or fail: no page must not mean no test."""
    found = [path.relative_to(SITE).as_posix() for path in sorted(SITE.rglob("*.html"))]
    found = [page for page in found if not page.startswith("_static/")]  # the theme's templates
    if "index.html" not in found or not any(page.startswith("notebooks/") for page in found):
        raise RuntimeError(f"the book is not built in {SITE.relative_to(ROOT)}: run `make book`")
    return found


@cache
def soup(page: str) -> BeautifulSoup:
    """Parse a page; nobody may change the result."""
    return BeautifulSoup((SITE / page).read_text(encoding="utf-8"), "html.parser")


def prose(page: str) -> str:
    """Return what the page says to a reader: no scripts, no code, no sources of formulas."""
    parsed = BeautifulSoup((SITE / page).read_text(encoding="utf-8"), "html.parser")
    for element in parsed.select("script, style, noscript, pre, code, .math"):
        element.decompose()
    return parsed.get_text(" ")
