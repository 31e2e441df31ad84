"""Print each edition of the built book as one PDF: `make pdf`.

It has an outline, page numbers and living links. All pages are put into one long page in the order
of the table of contents, as they are on paper (paper.py), where links between them become links
inside it; a headless Chromium prints that twice: the second time with the page numbers that the
first one has shown.

    python -m tools.book_pdf
"""

import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag
from pypdf import PdfReader
from pypdf.generic import DictionaryObject, NameObject, NumberObject, TextStringObject

from tools.editions import ROOT, Edition, editions
from tools.find_browser import FLAGS, NoBrowserError, find_browser
from tools.paper import PAGE_OF, Folded, article, page_of
from tools.site import is_complete
from tools.site.sources import contents as pages_of

SITE = ROOT / "book" / "_build" / "html"
TARGETS = ROOT / "dist"
STYLE = ROOT / "book" / "print.css"
PAGE = """<!DOCTYPE html>
<html lang="{edition.tag}" data-theme="light" data-mode="light">
<head><meta charset="utf-8"><title>{edition.title}: {edition.subtitle}</title>
{styles}
<style>{running}</style>
</head>
<body>
<div class="cover"><p class="cover-chinese" lang="{edition.subtitle_tag}">{edition.subtitle}</p>
<p class="cover-title">{edition.title}</p>
<p>{edition.site[printed]}</p></div>
<nav class="book-contents" aria-label="{edition.site[contents]}">
<h1 id="contents">{edition.site[contents]}</h1>{contents}</nav>
<main class="bd-article-container">{pages}</main>
</body></html>
"""


def order(edition: Edition) -> list[str]:
    """Return the pages below the site as the edition's table of contents has them."""
    return [f"{edition.language}/{name}.html" for name in pages_of(edition)]


def headings(sections: list[Tag]) -> Iterator[tuple[int, str, str]]:
    """Yield level, anchor and text of what the table of contents lists."""
    for section in sections:
        for heading in section.select("h1, h2"):
            holder = heading.find_parent("section")
            assert holder is not None
            place = section if heading.name == "h1" else holder
            yield int(heading.name[1]), str(place["id"]), heading.get_text().strip()


def contents(sections: list[Tag]) -> str:
    """Return the table of contents."""
    rows = (
        f'<p class="level-{level}"><a href="#{escape(place)}"><span>{escape(text)}</span>'
        f"<span>{page_of(place)}</span></a></p>"
        for level, place, text in headings(sections)
    )
    return "".join(rows)


def running_heads(sections: list[Tag]) -> str:
    """Return the style that puts each page's title above its text."""
    return "".join(
        f'@page {section["id"]} {{ @top-left {{ content: "{section.h1.get_text().strip()}" }} }}\n'
        for section in sections
        if section.h1 is not None
    )


def assemble(edition: Edition) -> str:
    """Return an edition as one page of HTML, in which page numbers have to be filled in.

    Raises:
        FileNotFoundError: If the book is not built.
    """
    if not is_complete(SITE):
        raise FileNotFoundError("the book is not built completely: run `make book`")
    pages = order(edition)
    sections = [article(SITE, page, pages) for page in pages]
    folded = Folded()
    for section in sections:
        folded.take(section, edition)
    sections += folded.parts(edition)
    first = SITE / pages[0]
    parsed = BeautifulSoup(first.read_text(encoding="utf-8"), "html.parser")
    sheets = [
        first.parent.joinpath(urlsplit(str(link["href"])).path).resolve()
        for link in parsed.select('link[rel="stylesheet"]')
    ]
    styles = "\n".join(f'<link rel="stylesheet" href="{s.as_uri()}">' for s in [*sheets, STYLE])
    return PAGE.format(
        edition=edition,
        styles=styles,
        running=running_heads(sections),
        contents=contents(sections),
        pages="".join(map(str, sections)),
    )


def with_room(html: str) -> str:
    """Put something that takes its room in the place of each page number, until it is known."""
    return PAGE_OF.sub(r'<span data-page-of="\1">888</span>', html)


FILL_IN = """(numbers) => document.querySelectorAll('[data-page-of]').forEach((place) => {
  place.textContent = numbers[place.dataset.pageOf];
})"""


def print_twice(browser: Any, html: str, target: Path) -> None:
    """Print to `target`, the second time with the page numbers that the first one has shown."""
    source = target.with_suffix(".html")
    source.write_text(with_room(html), encoding="utf-8")
    page = browser.new_page()
    page.goto(source.as_uri(), wait_until="load")
    page.evaluate("document.fonts.ready")
    how = {"prefer_css_page_size": True, "print_background": True, "outline": True, "tagged": True}
    page.pdf(path=target, **how)
    page.evaluate(FILL_IN, page_numbers(PdfReader(target)))
    page.pdf(path=target, **how)
    page.close()


def page_numbers(reader: PdfReader) -> dict[str, int]:
    """Return the page number of every place to which a link leads."""
    found = {}
    for name, destination in reader.named_destinations.items():
        number = reader.get_destination_page_number(destination)
        assert number is not None
        found[name.removeprefix("/")] = number + 1
    return found


def name_author(path: Path, author: str) -> None:
    """Append the author to what a PDF says of itself; Chromium knows its title alone.

    PDF calls it an incremental update. To have all objects written anew takes twenty seconds.
    """
    reader = PdfReader(path)
    place, root = (reader.trailer.raw_get(name) for name in ("/Info", "/Root"))
    about = place.get_object()
    about[NameObject("/Author")] = TextStringObject(author)
    before = path.read_bytes()
    added = BytesIO()
    added.write(f"\n{place.idnum} 0 obj\n".encode())
    about.write_to_stream(added)
    added.write(b"\nendobj\n")
    table = len(before) + added.tell()
    trailer = DictionaryObject(
        {
            NameObject("/Size"): reader.trailer["/Size"],
            NameObject("/Root"): root,
            NameObject("/Info"): place,
            NameObject("/Prev"): NumberObject(before.split()[-2]),
        }
    )
    added.write(f"xref\n{place.idnum} 1\n{len(before) + 1:010} 00000 n \ntrailer\n".encode())
    trailer.write_to_stream(added)
    added.write(f"\nstartxref\n{table}\n%%EOF\n".encode())
    with path.open("ab") as file:
        file.write(added.getvalue())


def print_book(browser: Any, edition: Edition, html: str, target: Path) -> int:
    """Write the PDF of an edition, assembled, to `target` in one step; return its pages' number."""
    # Chromium's trailer counts a few objects too few, which pypdf mends and remarks on.
    logging.getLogger("pypdf").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        printed = Path(folder, "book.pdf")
        print_twice(browser, html, printed)
        name_author(printed, edition.author)
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(".pdf.unfinished")
        shutil.copyfile(printed, unfinished)
        unfinished.replace(target)
        return len(PdfReader(target).pages)


def target_of(edition: Edition) -> Path:
    """Return where the PDF of an edition is written."""
    return TARGETS / f"good-morning-attention-{edition.language}.pdf"


def main() -> None:
    """Print all editions."""
    from playwright.sync_api import sync_playwright

    try:
        path = find_browser()
        with sync_playwright() as playwright:
            flags = [*FLAGS, "--disable-background-networking"]
            browser = playwright.chromium.launch(executable_path=path, args=flags)
            for edition in editions():
                target = target_of(edition)
                count = print_book(browser, edition, assemble(edition), target)
                size = target.stat().st_size / 1e6
                print(f"▸ {target.relative_to(ROOT)}: {count} pages, {size:.1f} MB")
    except (FileNotFoundError, NoBrowserError) as error:
        sys.exit(f"✗ {error}")


if __name__ == "__main__":
    main()
