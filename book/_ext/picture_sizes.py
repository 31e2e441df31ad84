"""Keep the pages light and steady: space reserved for pictures, fonts cut to what is shown.

The theme's icon font (156 kB, and 20 kB of style) holds some 1400 icons, of which the pages show
about twenty; its JavaScript twin (540 kB) is replaced by an empty file,
``_static/scripts/fontawesome.js``. Of the text face's part for Latin letters with rare marks
(60 kB), pinyin needs a dozen letters; the formulas need a third of their fonts. What nearly every
page needs at once travels inside the stylesheet. What each figure carries for other places, and
what marks up code without changing how it looks, is left out: both cost time before a figure lives.
"""

import base64
import logging
import re
from html import escape, unescape
from pathlib import Path
from typing import Any

from docutils import nodes
from fontTools import subset
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.typing import ExtensionMetadata

GALLERIES = ("figures", "bugs")  # folders of book/_static
IMAGE = re.compile(r'<img (?=[^>]*src="(?:[^"]*/)?([^"/]+\.png)")')
EMPTY_HEADING = re.compile(r'<th class="[^"]*">(<p></p>)?</th>')
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
ICON_NAME = re.compile(r"\bfa-[a-z0-9-]+")
ICON_RULE = re.compile(r"(\.fa-[a-z0-9-]+:before,?)+")
PLAIN_CODE = re.compile(r'<span class="(?:n|nn|p|w)">([^<]*)</span>')  # coloured like all the text
# In a figure's style, which is a JSON string here.
OWN_FACE = re.compile(r"@font-face \{[^}]*\}\\n")
STATE = "application/vnd.jupyter.widget-state+json"
GLYPH = re.compile(r"\\([ef][0-9a-f]{3})\b|([\ue000-\uf8ff])")

CONTROLS = "vendor/controls.css"  # of the standard controls; book.css overrides some of it

# Files next to book.css. Loaded after it, they would break lines anew in front of the reader.
INSIDE_THE_STYLE = (
    "vendor/fonts/source-sans-3-latin-wght-normal.woff2",
    "vendor/fonts/source-sans-3-latin-wght-italic.woff2",
    "vendor/fonts/source-sans-3-latin-ext-wght-normal.woff2",
    "vendor/fonts/source-sans-3-latin-ext-wght-italic.woff2",
    "fonts/NotoSansSC-400.woff2",
)

FIRST_PAGE = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="0; url={page}">
<link rel="canonical" href="{page}">
<link rel="icon" href="_static/favicon.svg">
<title>{title}</title>
</head>
<body><main><h1>{title}</h1><p><a href="{page}">Open the book</a></p></main></body>
</html>
"""


def png_size(path: Path) -> tuple[int, int]:
    """Read width and height from a PNG's header."""
    header = path.open("rb").read(24)
    if header[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError(f"path must name a PNG, {path.name} starts with {header[:8]!r}")
    return int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")


def mend(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Give each ``<img>`` its width and height, so that the text does not jump when it loads.

    Make an empty corner of a table a plain cell: a heading has to say something. Leave out the
    marks of code that change nothing, and the Chinese font of each figure: the page has it, and one
    more would have the browser lay out all its text again.
    """
    files = {name: Path(app.srcdir, uri) for uri, name in app.builder.images.items()}

    def with_size(match: re.Match[str]) -> str:
        if match[1] not in files:
            return match[0]
        path = files[match[1]]
        width, height = png_size(path)
        # The galleries stand far down and are long: a reader loads what is scrolled to.
        lazy = 'loading="lazy" ' if path.parent.name in GALLERIES else ""
        return f'<img {lazy}width="{width}" height="{height}" '

    if "body" in context:
        body = IMAGE.sub(with_size, context["body"])
        body = EMPTY_HEADING.sub("<td></td>", body)
        context["body"] = PLAIN_CODE.sub(r"\1", body)
    for script in context["script_files"]:
        if script.attributes.get("type") == STATE:
            script.attributes["body"] = OWN_FACE.sub("", script.attributes["body"])


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
        cut(path, codes)


def cut(path: Path, codes: set[int]) -> None:
    """Rewrite the font at `path` with the characters `codes` alone."""
    options = subset.Options(flavor="woff2", recalc_timestamp=False, name_IDs=["*"])
    font = subset.load_font(path, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)
    subset.save_font(font, path, options)


def complete_style(source: Path, static: Path) -> None:
    """Write the stylesheet anew: behind that of the controls, with fonts, not their addresses."""
    css = source.read_text("utf-8")
    for name in INSIDE_THE_STYLE:
        address = f'url("{name}")'
        if address not in css:
            raise ExtensionError(f"{source.name} must name {address}")
        font = base64.b64encode((static / name).read_bytes()).decode()
        css = css.replace(address, f'url("data:font/woff2;base64,{font}")')
    controls = (static / CONTROLS).read_text("utf-8")
    (static / source.name).write_text(controls + css, "utf-8")


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Cut the fonts, put some into the style, and a first page at the site's root."""
    if exception or app.builder.format != "html":
        return
    site = Path(app.outdir)
    pages = "".join(each.read_text("utf-8") for each in sorted(site.rglob("*.html")))
    cut_icons(site, pages)
    letters = set(map(ord, unescape(pages)))
    for pattern in ("vendor/fonts/*-latin-ext-*.woff2", "vendor/katex/fonts/*.woff2"):
        for path in site.glob(f"_static/{pattern}"):
            cut(path, letters)
    complete_style(Path(app.confdir, "book/_static/book.css"), site / "_static")
    first = {"language": app.config.language, "title": escape(app.config.html_title)}
    page = f"{app.config.root_doc}.html"
    (site / "index.html").write_text(FIRST_PAGE.format(page=page, **first), "utf-8")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the two steps."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    app.connect("html-page-context", mend)
    app.connect("build-finished", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
