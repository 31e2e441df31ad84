"""What an edition says of itself, for the other extensions: settings `edition` and `editions`.

`tools/site/sources.py` writes both into the configuration of each edition, from the `edition.toml`
of all that stand: `edition` is the one that is built, `editions` is a list of all of them.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata


def name_language(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Let the templates use both, and name the language of the page as browsers want it."""
    context["edition"] = app.config.edition
    context["language"] = tag = app.config.edition["tag"]
    if "body" in context and not tag.startswith("en"):
        # Docstrings, and tables that are made by a program, are in English in every edition.
        for start in ('<dl class="py', '<p id="module-', '<div class="in-english'):
            marked = start.replace(" ", ' lang="en" ', 1)
            context["body"] = context["body"].replace(start, marked)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the settings."""
    app.add_config_value("edition", {}, "env", dict)
    app.add_config_value("editions", [], "html", list)
    app.connect("html-page-context", name_language, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
