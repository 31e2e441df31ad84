"""Leave out of the pages what changes nothing: both cost time before a figure lives.

That are the marks of code in the colour of all the text, and the Chinese font in each figure's
style, which a figure carries for other places: the page has it, and one more would have the browser
lay out all its text again. In the state of figures, Chinese and pinyin are letters, no escapes: so
the fonts that are cut to what pages show keep them, and counts of characters are a tenth smaller.
What several figures of a page share, as the weights of one model, stands in it once.
"""

import json
import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

PLAIN_CODE = re.compile(r'<span class="(?:n|nn|p|w)">([^<]*)</span>')
OWN_FACE = re.compile(r"@font-face \{[^}]*\}\\n")  # in a JSON string
ENDS_A_SCRIPT = "</"  # what no script may hold
STATE = "application/vnd.jupyter.widget-state+json"
LONG = 8000  # characters of a trait that is worth a reference


def share(models: dict[str, Any]) -> None:
    """Let traits that are as an earlier one refer to it; `book/web/main.js` puts them back.

    Args:
        models: The widget models of a page, by id.
    """
    seen: dict[str, list[str]] = {}
    for name, model in models.items():
        for trait, value in model["state"].items():
            text = json.dumps(value)
            if len(text) >= LONG and seen.setdefault(text, [name, trait]) != [name, trait]:
                model["state"][trait] = {"same_as": seen[text]}


def leave_out(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Shorten one page."""
    if "body" in context:
        context["body"] = PLAIN_CODE.sub(r"\1", context["body"])
    for script in context["script_files"]:
        if script.attributes.get("type") == STATE:
            state = json.loads(script.attributes["body"])
            share(state["state"])
            text = json.dumps(state, ensure_ascii=False, separators=(",", ":"))
            text = text.replace(ENDS_A_SCRIPT, "<\\/")
            script.attributes["body"] = OWN_FACE.sub("", text)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the step."""
    app.connect("html-page-context", leave_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
