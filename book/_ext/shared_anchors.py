"""Anchors that editions share, so that a reader who changes the language keeps the place.

A heading's own anchor is made from its words, which differ from language to language. In front of
it comes here an anchor that stays: in a notebook the id of the cell in which the heading stands
(with -2, -3 for further headings of the cell), on another page the explicit target above it,
``(three-ways)=``. The anchors made of words keep working; what docutils does not make of letters
that are not Latin is added, for the report on a class names sections by their headings.
"""

import json
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata

from attnlib.checks.report.page import anchor as made_of_words

LINES_OF_A_CELL = 10_000  # MyST-NB gives the first line of cell i the number (i + 1) · 10 000 + 1

logger = logging.getLogger(__name__)


def words_of(section: nodes.section) -> str:
    """Return the anchor of a section that is made of its heading's words."""
    return made_of_words(section[0].astext())


class SharedAnchors(SphinxTransform):
    """Runs when targets have found the sections that they stand above (docutils: 260)."""

    default_priority = 550

    def apply(self, **kwargs: object) -> None:
        """Run over one document."""
        sections = list(self.document.findall(nodes.section))
        source = Path(self.env.doc2path(self.env.docname))
        if source.suffix == ".ipynb":
            wanted = self.of_cells(source, sections)
        else:
            wanted = [self.of_target(section) for section in sections]
        for section, anchor in zip(sections, wanted, strict=True):
            if anchor is None:
                logger.warning(
                    "a heading without a target: write (name)= above it, the same in each edition",
                    location=section,
                )
                continue
            for other in sections:
                if other is not section and anchor in other["ids"]:
                    logger.warning("two headings have the anchor %r", anchor, location=section)
            taken = {each for other in sections if other is not section for each in other["ids"]}
            more = dict.fromkeys([*section["ids"], words_of(section)])
            section["ids"] = [anchor, *(each for each in more if each not in {"", anchor, *taken})]
            self.document.ids[anchor] = section

    def of_cells(self, source: Path, sections: list[nodes.section]) -> list[str]:
        """Return the anchors of a notebook's sections."""
        cells = json.loads(source.read_text(encoding="utf-8"))["cells"]
        anchors: list[str] = []
        seen: dict[str, int] = {}
        for section in sections:
            cell = cells[section.line // LINES_OF_A_CELL - 1]["id"]
            seen[cell] = seen.get(cell, 0) + 1
            anchors.append(cell if seen[cell] == 1 else f"{cell}-{seen[cell]}")
        return anchors

    def of_target(self, section: nodes.section) -> str | None:
        """Return the anchor of the explicit target above a section."""
        for name in section["names"]:
            if self.document.nametypes.get(name):
                anchor: str = self.document.nameids[name]
                return anchor
        return None


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.add_transform(SharedAnchors)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
