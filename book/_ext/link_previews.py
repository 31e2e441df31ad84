"""What search engines, previews of links and readers with a wrong address get to see.

Each page has a description (``page_descriptions`` in ``_config.yml``) and Open Graph tags. What
needs the book's public address, that is the preview's picture and ``sitemap.xml``, is written once
``html.baseurl`` is set. ``404.html`` works at any depth: it loads nothing, and its links start from
the address's path.
"""

from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata

PICTURE = "_static/social.png"
PICTURE_SIZE = (1200, 630)
PICTURE_ALT = (
    "The title Good Morning, Attention beside 早上好 and a table of attention weights between "
    "its three characters"
)
NOT_FOUND = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<base href="{path}404.html">
<link rel="icon" href="data:,">
<title>This page does not exist - {title}</title>
<style>
  :root {{ color-scheme: light dark; }}
  body {{ margin: 15vh auto; padding: 0 1.5rem; max-width: 36rem;
    font: 1.125rem/1.6 system-ui, sans-serif; color: #1b2733; background: #fff; }}
  a {{ color: #0b62a8; }}
  @media (prefers-color-scheme: dark) {{
    body {{ color: #dfe4ea; background: #14181e; }}
    a {{ color: #6cb6ff; }}
  }}
</style>
</head>
<body><main>
<h1>This page does not exist</h1>
<p>Its address may have changed, or a letter of it is missing. The book is still there:</p>
<ul>{links}</ul>
</main></body>
</html>
"""

logger = logging.getLogger(__name__)


def base(app: Sphinx) -> str:
    """Return the book's public address, with a slash at its end; empty if there is none yet."""
    address: str = app.config.html_baseurl or ""
    return address if not address or address.endswith("/") else f"{address}/"


def describe(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add the description and the tags for previews to the head of a page."""
    if doctree is None:
        return
    description = app.config.page_descriptions.get(page)
    if not description:
        logger.warning("a page without a description: add one to page_descriptions", location=page)
        return
    plain = (
        nodes.Text(context["title"])
        if "<" not in context["title"]
        else doctree.next_node(nodes.title)
    )
    named = {"description": description}
    properties = {
        "og:type": "article" if page.startswith("notebooks/") else "website",
        "og:site_name": app.config.html_title,
        "og:title": plain.astext() if plain else app.config.html_title,
        "og:description": description,
        "og:locale": {"en": "en_GB", "zh": "zh_CN"}.get(app.config.language, app.config.language),
    }
    if base(app):
        properties |= {
            "og:url": urljoin(base(app), app.builder.get_target_uri(page)),
            "og:image": urljoin(base(app), PICTURE),
            "og:image:width": str(PICTURE_SIZE[0]),
            "og:image:height": str(PICTURE_SIZE[1]),
            "og:image:alt": PICTURE_ALT,
        }
        named["twitter:card"] = "summary_large_image"
    tags = [f'<meta name="{name}" content="{escape(text)}">' for name, text in named.items()]
    tags += [f'<meta property="{n}" content="{escape(text)}">' for n, text in properties.items()]
    context["metatags"] = context.get("metatags", "") + "\n" + "\n".join(tags) + "\n"


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Write the page for wrong addresses, and the list of pages for search engines."""
    if exception or app.builder.format != "html":
        return
    site, address = Path(app.outdir), base(app)
    pages = sorted(app.config.page_descriptions.keys() & app.env.found_docs)
    pages.sort(key=lambda page: page != app.config.root_doc)
    names = {page: (app.builder.get_target_uri(page), app.env.titles[page]) for page in pages}
    links = "".join(
        f'<li><a href="{place}">{escape(title.astext())}</a></li>'
        for place, title in names.values()
    )
    (site / "404.html").write_text(
        NOT_FOUND.format(
            language=app.config.language,
            path=escape(urlsplit(address).path or "/"),
            title=escape(app.config.html_title),
            links=links,
        ),
        "utf-8",
    )
    if address:
        places = (urljoin(address, app.builder.get_target_uri(page)) for page in pages)
        urls = "".join(f"<url><loc>{escape(place)}</loc></url>\n" for place in places)
        space = "http://www.sitemaps.org/schemas/sitemap/0.9"
        text = (
            f'<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="{space}">\n{urls}</urlset>\n'
        )
        (site / "sitemap.xml").write_text(text, "utf-8")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the setting and the two steps."""
    app.add_config_value("page_descriptions", {}, "html", dict)
    app.connect("html-page-context", describe)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
