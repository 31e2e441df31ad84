"""The same page in other languages: for readers a switch, for search engines ``hreflang``.

Both name only editions that have the page. With one edition there is no switch and nothing to say.
``book/_templates/layout.html`` lets the switch keep the place: anchors are shared by the editions,
see ``shared_anchors.py``.
"""

from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

SEARCH = "search"  # a page of every edition, for readers only


def same_page(editions: list[dict[str, Any]], page: str) -> list[dict[str, Any]]:
    """Return the editions that have a page of this name."""
    return [each for each in editions if page in each["pages"] or page == SEARCH]


def add_languages(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Give the templates the entries of the switch, and the head of the page its links."""
    found = same_page(app.config.editions, page)
    file = app.builder.get_target_uri(page)
    here = app.config.edition["language"]
    others = any(each["language"] != here for each in found)
    context["language_switch"] = [
        {
            "name": each["name"],
            "tag": each["tag"],
            "here": each["language"] == here,
            "address": f"../{each['language']}/{file}",
        }
        for each in (found if others else [])
    ]
    if not others or page == SEARCH:
        return
    # Readers of no language that there is get the first edition, which is the default one.
    links = [(each["tag"], each) for each in found] + [("x-default", found[0])]
    context["metatags"] = context.get("metatags", "") + "".join(
        f'<link rel="alternate" hreflang="{tag}" href="{escape(each["address"] + file)}">\n'
        for tag, each in links
    )


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the step."""
    app.setup_extension("edition_settings")
    app.connect("html-page-context", add_languages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
