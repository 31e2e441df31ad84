"""Cut what the pages of the site load to what they show, and complete the style.

The theme's icon font (156 kB, and 20 kB of style) holds some 1400 icons, of which the pages show
about twenty; its JavaScript twin (540 kB) is replaced by an empty file,
`book/_static/scripts/fontawesome.js`. Of its style (45 kB gzipped) more than half is for what the
book does not have (`used_rules.py`). Of the text face's part for Latin letters with rare marks
(60 kB), pinyin needs a dozen letters; the formulas need a third of their fonts, and each edition
its own Chinese (`fonts.py`). What nearly every page needs at once travels inside the stylesheet.
The pictures of notebooks lose a sixth of their weight with a quarter of their colours.
"""

import logging
import re
from html import unescape
from pathlib import Path

from PIL import Image

from tools.palette import with_palette
from tools.site import fonts
from tools.site.kept import forget_old, kept
from tools.site.used_rules import Names, used_rules

RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
ICON_NAME = re.compile(r"\bfa-[a-z0-9-]+")
ICON_RULE = re.compile(r"(\.fa-[a-z0-9-]+:before,?)+")
GLYPH = re.compile(r"\\([ef][0-9a-f]{3})\b|([\ue000-\uf8ff])")

COLOURS = 36  # of a picture: lines, letters and the cells of heat maps need no more
CONTROLS = "vendor/controls.css"  # of the standard controls; book.css overrides some of it
CODE = "pygments.css"  # the pages leave out marks that its rules would colour like all text

# Files next to book.css. Loaded after it, they would break lines anew in front of the reader.
INSIDE_THE_STYLE = (
    "vendor/fonts/source-sans-3-latin-wght-normal.woff2",
    "vendor/fonts/source-sans-3-latin-wght-italic.woff2",
    "vendor/fonts/source-sans-3-latin-ext-wght-normal.woff2",
    "vendor/fonts/source-sans-3-latin-ext-wght-italic.woff2",
)


def cut_icons(site: Path, pages: str) -> None:
    """Leave of the theme's icons, in style and font, those that a page or a script names."""
    scripts = "".join(each.read_text("utf-8") for each in site.glob("_static/**/*.js"))
    used = set(ICON_NAME.findall(pages + scripts))
    codes: set[int] = set()

    def keep(rule: re.Match[str]) -> str:
        selector, body = rule.groups()
        if ICON_RULE.fullmatch(selector.strip()) and not used.intersection(
            ICON_NAME.findall(selector)
        ):
            return ""
        codes.update(int(code, 16) if code else ord(glyph) for code, glyph in GLYPH.findall(body))
        return rule[0]

    for style in site.glob("_static/styles/*.css"):
        style.write_text(RULE.sub(keep, style.read_text("utf-8")), "utf-8")
    for path in site.glob("_static/vendor/fontawesome/webfonts/*.woff2"):
        fonts.cut_font(path, codes)


def cut_rules(site: Path, pages: list[str]) -> None:
    """Leave of each stylesheet the rules that some page can need."""
    scripts = [*site.glob("_static/**/*.js"), *site.glob("*/_static/*.js")]
    names = Names(pages, (each.read_text("utf-8") for each in scripts))
    for style in site.glob("_static/**/*.css"):
        if style.name != CODE:
            style.write_text(used_rules(style.read_text("utf-8"), names), "utf-8")


def cut_colours(path: Path) -> None:
    """Rewrite a picture that has a palette with fewer colours, if that makes it smaller."""
    with Image.open(path) as picture:
        if picture.mode != "P":
            return
        whole = path.read_bytes()
        small = kept(lambda: with_palette(picture, COLOURS), "picture", whole)
    if len(small) < len(whole):
        path.write_bytes(small)


def cut_fonts(static: Path, pages: list[str]) -> None:
    """Leave of text face and formulas the characters that some page shows."""
    letters = set(map(ord, unescape("".join(pages))))
    for path in static.glob("vendor/fonts/*-latin-ext-*.woff2"):
        fonts.cut_font(path, letters)
    for path in static.glob("vendor/fonts/*-latin-wght-*.woff2"):
        fonts.cut_font(path, letters | fonts.LATIN)
    letters = set(map(ord, "".join(map(fonts.formulas, pages))))
    for path in static.glob("vendor/katex/fonts/*.woff2"):
        fonts.cut_font(path, letters)


def complete_style(source: Path, static: Path) -> None:
    """Write the stylesheet anew: behind that of the controls, with fonts, not their addresses."""
    css = fonts.CHINESE.sub("", source.read_text("utf-8"))
    for name in INSIDE_THE_STYLE:
        css = fonts.inlined(css, name, (static / name).read_bytes())
    controls = (static / CONTROLS).read_text("utf-8")
    (static / source.name).write_text(controls + css, "utf-8")


def cut(site: Path, style: Path) -> None:
    """Cut what the pages of `site` load, and complete the stylesheet of the book, `style`."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    static = site / "_static"
    editions = sorted({path.parent for path in site.glob("*/*.html")} - {static})
    pages = [each.read_text("utf-8") for folder in editions for each in folder.glob("*.html")]
    cut_icons(site, "".join(pages))
    cut_rules(site, pages)
    cut_fonts(static, pages)
    for path in site.glob("*/_images/*.png"):
        cut_colours(path)
    complete_style(style, static)
    for folder in editions:
        fonts.give_chinese(folder, style.read_text("utf-8"), static)
    for path in static.glob("fonts/*.woff2"):  # each edition has its part
        path.unlink()
    forget_old()
