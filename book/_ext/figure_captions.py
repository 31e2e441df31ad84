"""A paragraph that opens with a bold "Figure 1.2" is the caption of the figure above it.

How an edition says "Figure" is among its phrases.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.typing import ExtensionMetadata


class FigureCaptions(SphinxTransform):
    """Mark such paragraphs with the class ``figure-caption``, which ``book.css`` styles."""

    default_priority = 500

    def apply(self, **kwargs: object) -> None:
        """Run over one document."""
        number = re.compile(rf"{re.escape(self.config.edition['phrases']['figure'])} ?\d+\.\d+")
        for paragraph in self.document.findall(nodes.paragraph):
            # The parser puts an empty text in front of bold words.
            first = next((child for child in paragraph if child.astext()), None)
            if isinstance(first, nodes.strong) and number.match(first.astext()):
                paragraph["classes"].append("figure-caption")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.setup_extension("edition_settings")
    app.add_transform(FigureCaptions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
