"""A paragraph that opens with a bold "Figure 1.2" is the caption of the figure above it.

How an edition says "Figure" is among its phrases. The number makes the figure's own anchor,
``#figure-1-2``, the same in every edition; a link to it ends the caption.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import _
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata

OUTPUT = "cell_code_output"  # as MyST-NB marks it

logger = logging.getLogger(__name__)


def figure_above(caption: nodes.paragraph) -> nodes.Element | None:
    """Return what a caption stands below: the output of a cell, or a picture."""
    before = caption.parent.children[: caption.parent.index(caption)]
    above = next((each for each in reversed(before) if isinstance(each, nodes.Element)), None)
    if above is None:
        return None
    outputs = (c for c in above.findall(nodes.container) if c.get("nb_element") == OUTPUT)
    return next(outputs, above)


class FigureCaptions(SphinxTransform):
    """Give captions the class ``figure-caption``, for ``book.css``, and figures an anchor."""

    default_priority = 500

    def apply(self, **kwargs: object) -> None:
        """Run over one document."""
        before, after = self.config.edition["phrases"]["figure"].split("{number}")
        number = re.compile(rf"{re.escape(before)}(\d+)\.(\d+){re.escape(after)}")
        for paragraph in list(self.document.findall(nodes.paragraph)):
            # The parser puts an empty text in front of bold words.
            first = next((child for child in paragraph if child.astext()), None)
            if isinstance(first, nodes.strong) and (named := number.match(first.astext())):
                paragraph["classes"].append("figure-caption")
                self.anchor(paragraph, f"figure-{named[1]}-{named[2]}")

    def anchor(self, caption: nodes.paragraph, name: str) -> None:
        """Give the figure above a caption its anchor."""
        figure = figure_above(caption)
        if figure is None or name in self.document.ids:
            logger.warning("no figure above, or a second one, for %r", name, location=caption)
            return
        figure["ids"].append(name)
        self.document.ids[name] = figure
        title = _("Link to this image")
        link = f'<a class="headerlink" href="#{name}" title="{title}">#</a>'
        caption += nodes.raw("", link, format="html")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.setup_extension("edition_settings")
    app.add_transform(FigureCaptions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
