"""Cut the fonts of the site to what its pages show, and give each edition its Chinese.

An edition in Chinese has ten times as much of it as another one. So each has fonts of its own,
`_static/fonts` in its folder, with the characters of its pages: those in their texts and in the
texts of their figures, not those of the tables that a model knows. What a reader types beyond them
the reader's machine has to show. A machine with a Chinese font loads none of this, and any other
one loads it once: all pages ask for the same files.
"""

import base64
import functools
import html
import json
import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from fontTools import subset
from fontTools.ttLib import TTFont

from tools.digest import digest
from tools.site.kept import kept

STATE = re.compile(
    r'<script type="application/vnd\.jupyter\.widget-state\+json">(.*?)</script>', re.DOTALL
)
LONGEST_TEXT = 300  # of a figure: what is longer is a table
TAG = re.compile(r"<(/?)\w[^>]*?(/?)>|[^<]+")
ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")

CHINESE = re.compile(r'@font-face \{\s*font-family: "Book Chinese";[^}]*\}\n*')
ADDRESS = re.compile(r'url\("([^"]+)"\)')
STYLE = re.compile(r'<link [^>]*\bhref="[^"]*_static/book\.css\b[^>]*>')
SHEET = "chinese.css"  # an edition's, beside its fonts

LATIN = set(range(0x20, 0x7F)) | set(range(0xA0, 0x100))  # a reader may type any of these


@functools.cache
def uncompressed(font: bytes) -> bytes:
    """Return a font as a program reads it at once: each page is given a part of the same one."""
    file = BytesIO()
    with TTFont(BytesIO(font), recalcTimestamp=False) as opened:
        opened.flavor = None
        opened.save(file)
    return file.getvalue()


def subset_of(font: Path, codes: Iterable[int]) -> bytes:
    """Return a font with the characters `codes` alone, as woff2."""
    whole, wanted = font.read_bytes(), sorted(codes)
    return kept(lambda: _subset_of(uncompressed(whole), wanted), "font", whole, str(wanted))


def _subset_of(font: bytes, codes: list[int]) -> bytes:
    options = subset.Options(flavor="woff2", recalc_timestamp=False, name_IDs=["*"])
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=codes)
    file = BytesIO()
    with subset.load_font(BytesIO(font), options) as opened:
        subsetter.subset(opened)
        subset.save_font(opened, file, options)
    return file.getvalue()


def cut_font(path: Path, codes: Iterable[int]) -> None:
    """Rewrite the font at `path` with the characters `codes` alone."""
    path.write_bytes(subset_of(path, codes))


def inlined(css: str, name: str, font: bytes) -> str:
    """Return a stylesheet with a font in the place of its address.

    Raises:
        ValueError: If the stylesheet does not name it.
    """
    address = f'url("{name}")'
    if address not in css:
        raise ValueError(f"the stylesheet must name {address}")
    return css.replace(address, f'url("data:font/woff2;base64,{base64.b64encode(font).decode()}")')


def formulas(page: str) -> str:
    """Return the characters that the formulas of a page show."""
    shown = ""
    for start in re.finditer(r'<span class="katex-html"[^>]*>', page):
        depth = 1
        for part in TAG.finditer(page, start.end()):
            if part[1] is None:
                shown += part[0]
            elif not part[2]:
                depth += -1 if part[1] else 1
            if not depth:
                break
    return html.unescape(shown)


def texts(state: Any) -> Iterator[str]:
    """Yield the texts in a saved state that a figure may show."""
    if isinstance(state, dict | list):
        for each in state.values() if isinstance(state, dict) else state:
            yield from texts(each)
    elif isinstance(state, str) and len(state) <= LONGEST_TEXT:
        yield state


def letters(text: str) -> set[int]:
    """Return the characters of a text, those that scripts and HTML write as escapes, too."""
    return set(map(ord, html.unescape(ESCAPED.sub(lambda code: chr(int(code[1], 16)), text))))


def shown_by(page: str) -> str:
    """Return what a page may show: its text and that of its figures, attributes and all."""
    figures = (text for state in STATE.findall(page) for text in texts(json.loads(state)))
    return STATE.sub("", page) + "".join(figures)


def give_chinese(edition: Path, faces: str, static: Path) -> None:
    """Cut the Chinese fonts to what an edition shows, and name them in its pages.

    Args:
        edition: The folder of the edition in the site.
        faces: The stylesheet with the rules of the Chinese faces, which name their fonts.
        static: The folder to which these names belong.
    """
    pages = {path: path.read_text("utf-8") for path in sorted(edition.glob("*.html"))}
    scripts = [each.read_text("utf-8") for each in edition.glob("_static/*.js")]
    wanted = letters("".join([*map(shown_by, pages.values()), *scripts]))
    folder = edition / "_static" / "fonts"
    folder.mkdir(parents=True, exist_ok=True)
    css = "".join(CHINESE.findall(faces))
    for name in sorted({*ADDRESS.findall(css)}):
        source = static / name
        font = subset_of(source, wanted.intersection(TTFont(source).getBestCmap()))
        (folder / source.name).write_bytes(font)
        css = css.replace(f'"{name}"', f'"{source.name}?v={digest(font)[:8]}"')
    (folder / SHEET).write_text(css, "utf-8")
    link = f'<link rel="stylesheet" href="_static/fonts/{SHEET}?v={digest(css)[:8]}" />'
    for path, text in pages.items():
        linked = STYLE.sub(rf"\g<0>\n{link}", text)
        if linked != text:
            path.write_text(linked, "utf-8")
