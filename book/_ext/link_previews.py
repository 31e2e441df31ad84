"""What search engines and previews of links get to see of each page.

Each page has a description (``descriptions`` of its edition) and Open Graph tags. What needs the
book's public address, that is the preview's picture, is written once ``html.baseurl`` is set.
"""

from html import escape
from typing import Any
from urllib.parse import urljoin

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata

PICTURE = "social.png"  # in the edition's folder
PICTURE_SIZE = (1200, 630)

logger = logging.getLogger(__name__)


def base(app: Sphinx) -> str:
    """Return the edition's public address, with a slash at its end; empty if there is none yet."""
    address: str = app.config.html_baseurl or ""
    return address if not address or address.endswith("/") else f"{address}/"


def describe(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add the description and the tags for previews to the head of a page."""
    if doctree is None:
        return
    edition = app.config.edition
    description = edition["descriptions"].get(page)
    if not description:
        logger.warning(
            "a page without a description: add one to the edition's edition.toml", location=page
        )
        return
    plain = (
        nodes.Text(context["title"])
        if "<" not in context["title"]
        else doctree.next_node(nodes.title)
    )
    chapter = app.env.doc2path(page).endswith(".ipynb")
    named = {"description": description}
    properties = {
        "og:type": "article" if chapter else "website",
        "og:site_name": app.config.html_title,
        "og:title": plain.astext() if plain else app.config.html_title,
        "og:description": description,
        "og:locale": edition["locale"],
    }
    if base(app):
        properties |= {
            "og:url": urljoin(base(app), app.builder.get_target_uri(page)),
            "og:image": urljoin(base(app), PICTURE),
            "og:image:width": str(PICTURE_SIZE[0]),
            "og:image:height": str(PICTURE_SIZE[1]),
            "og:image:alt": edition["site"]["picture"],
        }
        named["twitter:card"] = "summary_large_image"
    tags = [f'<meta name="{name}" content="{escape(text)}">' for name, text in named.items()]
    tags += [f'<meta property="{n}" content="{escape(text)}">' for n, text in properties.items()]
    context["metatags"] = context.get("metatags", "") + "\n" + "\n".join(tags) + "\n"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the step."""
    app.setup_extension("edition_settings")
    app.connect("html-page-context", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
