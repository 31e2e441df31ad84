"""Cut icons and fonts to what the pages of the site show, and complete the style.

The theme's icon font (156 kB, and 20 kB of style) holds some 1400 icons, of which the pages show
about twenty; its JavaScript twin (540 kB) is replaced by an empty file,
`book/_static/scripts/fontawesome.js`. Of the text face's part for Latin letters with rare marks
(60 kB), pinyin needs a dozen letters; the formulas need a third of their fonts. What nearly every
page needs at once travels inside the stylesheet. The pictures of notebooks lose a sixth of their
weight with a quarter of their colours.
"""

import base64
import logging
import re
from html import unescape
from pathlib import Path

from fontTools import subset
from PIL import Image

from tools.palette import with_palette

RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
ICON_NAME = re.compile(r"\bfa-[a-z0-9-]+")
ICON_RULE = re.compile(r"(\.fa-[a-z0-9-]+:before,?)+")
GLYPH = re.compile(r"\\([ef][0-9a-f]{3})\b|([\ue000-\uf8ff])")

COLOURS = 36  # of a picture: lines, letters and the cells of heat maps need no more
CONTROLS = "vendor/controls.css"  # of the standard controls; book.css overrides some of it

# Files next to book.css. Loaded after it, they would break lines anew in front of the reader.
INSIDE_THE_STYLE = (
    "vendor/fonts/source-sans-3-latin-wght-normal.woff2",
    "vendor/fonts/source-sans-3-latin-wght-italic.woff2",
    "vendor/fonts/source-sans-3-latin-ext-wght-normal.woff2",
    "vendor/fonts/source-sans-3-latin-ext-wght-italic.woff2",
    "fonts/NotoSansSC-400.woff2",
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
        cut_font(path, codes)


def cut_font(path: Path, codes: set[int]) -> None:
    """Rewrite the font at `path` with the characters `codes` alone."""
    options = subset.Options(flavor="woff2", recalc_timestamp=False, name_IDs=["*"])
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=codes)
    with subset.load_font(path, options) as font:
        subsetter.subset(font)
        subset.save_font(font, path, options)


def cut_colours(path: Path) -> None:
    """Rewrite a picture that has a palette with fewer colours, if that makes it smaller."""
    with Image.open(path) as picture:
        if picture.mode != "P":
            return
        small = with_palette(picture, COLOURS)
    if len(small) < path.stat().st_size:
        path.write_bytes(small)


def complete_style(source: Path, static: Path) -> None:
    """Write the stylesheet anew: behind that of the controls, with fonts, not their addresses.

    Raises:
        ValueError: If the stylesheet does not name one of the fonts.
    """
    css = source.read_text("utf-8")
    for name in INSIDE_THE_STYLE:
        address = f'url("{name}")'
        if address not in css:
            raise ValueError(f"{source.name} must name {address}")
        font = base64.b64encode((static / name).read_bytes()).decode()
        css = css.replace(address, f'url("data:font/woff2;base64,{font}")')
    controls = (static / CONTROLS).read_text("utf-8")
    (static / source.name).write_text(controls + css, "utf-8")


def cut(site: Path, style: Path) -> None:
    """Cut what the pages of `site` load, and complete the stylesheet of the book, `style`."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    pages = "".join(each.read_text("utf-8") for each in sorted(site.glob("*/*.html")))
    cut_icons(site, pages)
    letters = set(map(ord, unescape(pages)))
    for pattern in ("vendor/fonts/*-latin-ext-*.woff2", "vendor/katex/fonts/*.woff2"):
        for path in site.glob(f"_static/{pattern}"):
            cut_font(path, letters)
    for path in site.glob("*/_images/*.png"):
        cut_colours(path)
    complete_style(style, site / "_static")
