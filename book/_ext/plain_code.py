"""Leave out of the pages what changes nothing: both cost time before a figure lives.

That are the marks of code in the colour of all the text, and the Chinese font in each figure's
style, which a figure carries for other places: the page has it, and one more would have the browser
lay out all its text again.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

PLAIN_CODE = re.compile(r'<span class="(?:n|nn|p|w)">([^<]*)</span>')
OWN_FACE = re.compile(r"@font-face \{[^}]*\}\\n")  # in a JSON string
STATE = "application/vnd.jupyter.widget-state+json"


def leave_out(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Shorten one page."""
    if "body" in context:
        context["body"] = PLAIN_CODE.sub(r"\1", context["body"])
    for script in context["script_files"]:
        if script.attributes.get("type") == STATE:
            script.attributes["body"] = OWN_FACE.sub("", script.attributes["body"])


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the step."""
    app.connect("html-page-context", leave_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
