"""Mend what Sphinx writes and screen readers stumble over; axe holds every page to it."""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

# The lines of a long signature: a list of definitions that defines nothing.
SIGNATURE = re.compile(r'(<span class="sig-paren">\(</span>\s*)<dl>(.*?)</dl>', re.DOTALL)
# An entry of the references: its role was withdrawn (WAI-ARIA Digital Publishing 1.1).
ENTRY, ITEM = 'role="doc-biblioentry"', 'role="listitem"'
# An empty corner of a table: a heading has to say something.
EMPTY_HEADING = re.compile(r'<th class="[^"]*">(<p></p>)?</th>')


def lines(match: re.Match[str]) -> str:
    """Return the parameters of a signature as lines."""
    inner = match[2].replace("<dd>", '<span class="sig-line">').replace("</dd>", "</span>")
    return f"{match[1]}{inner}"


def mend(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Mend the text of one page."""
    if "body" in context:
        body = SIGNATURE.sub(lines, context["body"]).replace(ENTRY, ITEM)
        context["body"] = EMPTY_HEADING.sub("<td></td>", body)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the step."""
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
