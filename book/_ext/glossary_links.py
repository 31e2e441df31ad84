"""Link the first use of each glossary term on each page to its entry, which shows as a tooltip.

The text stays as its author wrote it: no markup in chapters, none to translate. A term is found
as a whole word, also in the plural, outside headings, links, code, formulas and outputs. Some words
are everyday words as well; ``MEANT`` says how those are recognised, ``NOT_MEANT`` what is no use of
a term at all. An entry in Chinese is never searched for: the pages explain their Chinese in place.
"""

import re
from collections.abc import Iterator

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.typing import ExtensionMetadata

CLOSED = (
    nodes.title,
    nodes.literal,
    nodes.literal_block,
    nodes.doctest_block,
    nodes.math,
    nodes.math_block,
    nodes.raw,
    nodes.reference,
    nodes.thead,
    nodes.citation,
    nodes.label,
    addnodes.desc,
    addnodes.pending_xref,
)
MEANT = {
    "bias": r"attention bias|ALiBi bias|bias(?= is added to the scores)",
    "character": r"characters?(?! vector)",
    "head": r"attention heads?|heads|head(?= \d)|(?:(?<=one )|(?<=each )|(?<=per )|(?<=\ba ))head",
    "key-value cache": r"key-value cache|cache",
    "sliding window": r"sliding windows?|window(?= masks?)",
    "query": r"query|queries",
    "matrix": r"matrix|matrices",
    "weight": r"attention weights?|weights",
    "key": r"keys?",
}
NOT_MEANT = re.compile(
    r"arrow keys?|in (?:your|the) head|initial weights|(?:nn\.\w+|model|module|layer)'s weights"
    r"|weights (?:of a model|that were trained|from a uniform)|stored with the weights"
    r"|one value along",
    re.IGNORECASE,
)


def pattern(term: str) -> re.Pattern[str]:
    """Return what finds a term in a text."""
    found = MEANT.get(term, re.escape(term).replace(r"\ ", r"[\s-]") + "s?")
    return re.compile(rf"(?<![\w-])(?:{found})(?![\w-])", re.IGNORECASE)


def open_texts(document: nodes.document) -> Iterator[nodes.Text]:
    """Yield the texts in which a link may stand, in the order of reading."""
    for text in list(document.findall(nodes.Text)):
        above, closed = text.parent, False
        while above is not None and not closed:
            closed = isinstance(above, CLOSED) or "nb_element" in getattr(above, "attributes", {})
            closed = closed or "cell_output" in getattr(above, "attributes", {}).get("classes", ())
            above = above.parent
        if not closed:
            yield text


class GlossaryLinks(SphinxPostTransform):
    """Runs on one page at a time, after references have been resolved (priority 10)."""

    default_priority = 12
    formats = ("html",)

    def entries(self) -> dict[str, tuple[str, str, str]]:
        """Return term -> (page, anchor, explanation), the longest first: it may hold others."""
        found = {}
        objects = self.env.get_domain("std").get_objects()
        terms = {(o[3], o[4]): o[0] for o in objects if o[2] == "term" and o[0].isascii()}
        for page in {page for page, _ in terms}:
            for item in self.env.get_doctree(page).findall(nodes.definition_list_item):
                explained = " ".join(item[-1].astext().split())
                for each in item.findall(nodes.term):
                    if (key := (page, each["ids"][0])) in terms:
                        found[terms[key]] = (*key, explained)
        return dict(sorted(found.items(), key=lambda entry: (-len(entry[0]), entry[0])))

    def run(self, **kwargs: object) -> None:
        """Link the page's first uses."""
        here = self.env.docname
        entries = self.entries()
        if any(page == here for page, _, _ in entries.values()):
            return
        left = {term: pattern(term) for term in entries}
        for text in open_texts(self.document):
            pieces = self.pieces(text.astext(), left, entries)
            if len(pieces) > 1:
                text.parent.replace(text, pieces)

    def pieces(
        self, text: str, left: dict[str, re.Pattern[str]], entries: dict[str, tuple[str, str, str]]
    ) -> list[nodes.Node]:
        """Cut a text at the first uses in it, and take their terms out of `left`."""
        taken = [match.span() for match in NOT_MEANT.finditer(text)]
        links = []
        for term, found in list(left.items()):
            for match in found.finditer(text):
                if all(match.end() <= start or end <= match.start() for start, end in taken):
                    taken.append(match.span())
                    links.append((*match.span(), term))
                    del left[term]
                    break
        result: list[nodes.Node] = []
        position = 0
        for start, end, term in sorted(links):
            page, anchor, explained = entries[term]
            address = self.app.builder.get_relative_uri(self.env.docname, page)
            link = nodes.reference(
                "", text[start:end], internal=True, refuri=f"{address}#{anchor}", reftitle=explained
            )
            link["classes"].append("glossary-link")
            result += [nodes.Text(text[position:start]), link]
            position = end
        return [*result, nodes.Text(text[position:])]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.add_post_transform(GlossaryLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
