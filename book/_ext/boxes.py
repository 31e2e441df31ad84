"""A quotation that opens in bold is a box: "> **Predict, then run.** How large is …?".

Chapters are written in the Markdown that every viewer of notebooks knows (tests/notebooks holds
them to it): there a box is a quotation. What is bold is its title, which stands in the line of the
first words or, as in Chinese, in a line of its own; the full stop after it is for that line only.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.typing import ExtensionMetadata

STOPS = ".。:："


def opening(quotation: nodes.block_quote) -> nodes.strong | None:
    """Return what is bold at the very beginning of a quotation."""
    if not isinstance(quotation[0], nodes.paragraph):
        return None
    # The parser puts an empty text in front of bold words.
    first = next((child for child in quotation[0] if child.astext()), None)
    return first if isinstance(first, nodes.strong) else None


class Boxes(SphinxTransform):
    """Make admonitions of such quotations, with the class ``tip``, which ``book.css`` styles."""

    default_priority = 500

    def apply(self, **kwargs: object) -> None:
        """Run over one document."""
        for quotation in list(self.document.findall(nodes.block_quote)):
            if (bold := opening(quotation)) is None:
                continue
            paragraph = bold.parent
            # Behind them, too.
            said = [each for each in paragraph[paragraph.index(bold) + 1 :] if each.astext()]
            if said and isinstance(said[0], nodes.Text):
                said[0] = nodes.Text(said[0].lstrip())
            title = nodes.title("", bold.astext().rstrip(STOPS))
            first = [nodes.paragraph("", "", *said)] if said else []
            box = nodes.admonition("", title, *first, *quotation[1:], classes=["tip"])
            box.source, box.line = quotation.source, quotation.line
            quotation.replace_self(box)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.add_transform(Boxes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
