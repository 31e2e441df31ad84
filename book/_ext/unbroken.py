"""Keep together what no line may tear apart: a formula and the signs at it, a number and its unit.

Browsers may break a line on both sides of a formula, even between it and a full stop. A long one
has to stay free, since a phone has little room: it takes the sign into itself. Cells of a table
that hold several words are named, so that a narrow page need not set a word a line.
"""

import re
from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.typing import ExtensionMetadata

LONGEST = 24  # characters of a formula's source
WORDS = 3
BEFORE = re.compile(r"[(\[“‘\"]+$")
BEHIND = re.compile(r"^[.,;:!?)\]”’\"]+")
# 95 %; 13–22 and 0.80–0.81; 1 000 000; ≤ 1.25; 4 × 5
NUMBER = re.compile(
    r"\d+(?:[.,]\d+)?(?:\s%|–\d+(?:[.,]\d+)?(?:\s%)?|(?:[ \u00a0\u202f]\d{3})+\b)"
    r"|[≤≥]\s\d[\d.]*|\d+\s×\s\d+"
)


def together(*parts: nodes.Node) -> nodes.inline:
    """Put some parts of a line into one piece (book.css)."""
    return nodes.inline("", "", *parts, classes=["unbroken"])


def cut(text: str) -> Iterator[nodes.Node]:
    """Cut a text into numbers that stay whole, and what is around them."""
    end = 0
    for number in NUMBER.finditer(text):
        if end < number.start():
            yield nodes.Text(text[end : number.start()])
        yield together(nodes.Text(number[0]))
        end = number.end()
    if end < len(text):
        yield nodes.Text(text[end:])


def taken(parent: nodes.Element, at: int, sign: re.Pattern[str]) -> str:
    """Take the signs that stand at a formula out of the text beside it."""
    text = parent[at] if 0 <= at < len(parent) else None
    if not isinstance(text, nodes.Text) or not (found := sign.search(text)):
        return ""
    parent[at] = nodes.Text(text[: found.start()] + text[found.end() :])
    return found[0]


class Unbroken(SphinxPostTransform):
    """Run over one page, when nothing looks for words any more."""

    default_priority = 900
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Wrap the formulas, then the numbers; name the cells."""
        for formula in list(self.document.findall(nodes.math)):
            parent = formula.parent
            at = parent.index(formula)
            behind = taken(parent, at + 1, BEHIND)
            if len(formula.astext()) > LONGEST:
                if behind:
                    written = f"{formula.astext()}\\text{{{behind}}}"
                    formula.replace_self(nodes.math(written, written))
            else:
                before = taken(parent, at - 1, BEFORE)
                if before or behind:
                    formula.replace_self(
                        together(nodes.Text(before), formula.deepcopy(), nodes.Text(behind))
                    )
        for text in list(self.document.findall(nodes.Text)):
            if isinstance(text.parent, nodes.paragraph | nodes.emphasis | nodes.strong):
                parts = list(cut(text))
                if len(parts) > 1 or not isinstance(parts[0] if parts else text, nodes.Text):
                    text.parent.replace(text, parts)
        for cell in self.document.findall(nodes.entry):
            if len(cell.astext().split()) >= WORDS:
                cell["classes"].append("wordy")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.add_post_transform(Unbroken)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
