"""What a page of the book becomes on paper: no buttons, no folds, no word to whoever runs it.

Hints and solutions are taken out of their exercises and stand at the end of the book; an exercise
says on which page.
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

from tools.editions import Edition

NOT_ON_PAPER = (
    "script, style, noscript, button, .headerlink, .live > *, .live-figure-note, .katex-mathml, "
    ".toctree-wrapper, .prev-next-area, template"
)
SAID_BY_A_CHECK = ".attnlib-check"  # to whoever ran it
PROGRESS = "checks.progress()"
EXERCISES = "exercises"  # id of their cell, in every chapter and edition
LONG = 20  # lines: code that is longer may be parted by the end of a sheet
KINDS = ("hint", "solution")  # in the order of their folds in an exercise

PAGE_OF = re.compile(r"%page of ([^%]+)%")


def page_of(place: str) -> str:
    """Return what stands for the number of the page on which a place is, until it is known."""
    return f"%page of {place}%"


def anchor(page: str, fragment: str = "") -> str:
    """Return the id that stands for a page, or for a place on it, in the one long page."""
    stem = page.removesuffix(".html").replace("/", "-")
    return f"{stem}--{fragment}" if fragment else stem


def article(site: Path, page: str, pages: list[str]) -> Tag:
    """Return the text of a page, with ids and links as the one long page needs them.

    Args:
        site: Folder of the built book.
        page: Path of the page below it.
        pages: All pages that are printed.
    """
    parsed = BeautifulSoup((site / page).read_text(encoding="utf-8"), "html.parser")
    found = parsed.select_one("article.bd-article")
    assert found is not None, page
    for element in found.select(NOT_ON_PAPER):
        element.decompose()
    for element in found.select("[id]"):
        element["id"] = anchor(page, str(element["id"]))
    for element in found.select("[aria-labelledby], [aria-describedby]"):
        del element["aria-labelledby"], element["aria-describedby"]
    for image in found.select("img[src]"):
        del image["loading"]  # what waits until it is scrolled to would never be printed
        image["src"] = (site / page).parent.joinpath(unquote(str(image["src"]))).resolve().as_uri()
    for link in found.select("a[href]"):
        parts = urlsplit(str(link["href"]))
        if parts.scheme or parts.netloc:
            continue
        target = page
        if parts.path:
            target = posixpath.normpath(posixpath.join(posixpath.dirname(page), parts.path))
        if target in pages:
            link["href"] = "#" + anchor(target, unquote(parts.fragment))
        else:
            link.unwrap()  # a file beside the pages: there is none beside a PDF
    for code in found.select("pre"):
        if code.get_text().count("\n") > LONG:
            code["class"] = "long"
    leave_out_answers(found)
    found.name = "section"
    found["id"] = anchor(page)
    found["style"] = f"page: {anchor(page)}"
    return found


def leave_out_answers(found: Tag) -> None:
    """Take out what checks have said, and the cell that asks them how far the reader is."""
    for said in found.select(f".cell:has({SAID_BY_A_CHECK})"):
        code = said.select_one(".cell_input")
        if code is not None and code.get_text().strip() == PROGRESS:
            said.decompose()
            continue
        for output in said.select(".cell_output"):
            output.decompose()


@dataclass
class Folded:
    """What was folded in the exercises of a book: kind -> chapter -> texts, as HTML."""

    texts: dict[str, dict[tuple[str, str], list[str]]] = field(
        default_factory=lambda: {kind: {} for kind in KINDS}
    )

    def take(self, chapter: Tag, edition: Edition) -> None:
        """Take the folds out of a chapter, and say in each exercise where they are now.

        Args:
            chapter: Its text; it is changed.
            edition: In whose words that is said.
        """
        if chapter.h1 is None:
            return
        title = (str(chapter["id"]), chapter.h1.get_text().strip())
        for exercise in chapter.select("section:has(> h3):has(> details)"):
            assert exercise.h3 is not None
            heading = escape(exercise.h3.get_text().strip())
            places = []
            for kind, fold in zip(KINDS, exercise.select("details"), strict=True):
                assert fold.summary is not None
                fold.summary.decompose()
                place = f"{kind}--{exercise['id']}"
                back = f'<h3><a href="#{exercise["id"]}">{heading}</a></h3>'
                text = f'<section id="{place}">{back}{fold.decode_contents()}</section>'
                self.texts[kind].setdefault(title, []).append(text)
                said = edition.site["on_page"].format(
                    what=edition.phrases[kind], page=page_of(place)
                )
                places.append(f'<a href="#{place}">{escape(said)}</a>')
            first, *others = exercise.select("details")
            line = f'<p class="folded">{" · ".join(places)}</p>'
            first.replace_with(BeautifulSoup(line, "html.parser"))
            for other in others:
                other.decompose()
        for section in chapter.select(f'section[id$="--{EXERCISES}"]'):
            # How to fill in a cell and how to unfold a hint: on paper there is neither.
            if section.p is not None:
                section.p.string = edition.site["exercises_printed"]

    def parts(self, edition: Edition) -> Iterator[Tag]:
        """Yield the part of the book for each kind."""
        for kind, chapters in self.texts.items():
            inner = "".join(
                f'<section id="{kind}s--{chapter}"><h2>{escape(title)}</h2>'
                f"{''.join(texts)}</section>"
                for (chapter, title), texts in chapters.items()
            )
            name = escape(edition.site[f"{kind}s"])
            whole = BeautifulSoup(
                f'<section class="bd-article folds" id="{kind}s" style="page: {kind}s">'
                f"<h1>{name}</h1>{inner}</section>",
                "html.parser",
            )
            assert whole.section is not None
            yield whole.section
