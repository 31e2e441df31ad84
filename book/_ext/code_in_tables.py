"""Let long code in tables break at its joints: after ``.``, ``_``, ``(``, ``=`` and the like.

A long name would make its column as wide as itself, and push the others off a phone. What is copied
holds nothing of it.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

CELL = re.compile(r"<t[dh]\b.*?</t[dh]>", re.DOTALL)
CODE = re.compile(r'(?<=<span class="pre">)[^<]{12,}')
JOINT = re.compile(r"(?<=\w[._])(?=\w)|(?<=[(\[=,])(?=[\w(\[])")


def with_joints(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Put the places where code may break into the tables of one page."""

    def in_cell(cell: re.Match[str]) -> str:
        return CODE.sub(lambda code: JOINT.sub("<wbr>", code[0]), cell[0])

    if "body" in context:
        context["body"] = CELL.sub(in_cell, context["body"])


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the step."""
    app.connect("html-page-context", with_joints)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
