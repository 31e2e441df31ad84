"""Link the first use of each glossary term on each page to its entry, which shows as a tooltip.

The text stays as its author wrote it: no markup in chapters, none to translate. A term is found
as a whole word, outside headings, links, code, formulas and outputs. Of an entry with several terms
the first one counts: an English page explains its Chinese in place. What a language needs beyond
that is in its ``edition.toml`` (``glossary``): how terms may end, how those are recognised that are
everyday words as well (``meant``), and what is no use of a term at all (``not_meant``).
"""

import re
from collections.abc import Iterator
from typing import Any

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
ROOT = re.compile(r"\\sqrt\{(\w+)\}")  # a tooltip is plain text
HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff"  # Chinese stands without spaces around its words


def pattern(term: str, settings: dict[str, Any]) -> re.Pattern[str]:
    """Return what finds a term in a text."""
    plain = re.escape(term).replace(r"\ ", r"[\s-]") + settings.get("ending", "")
    found = settings.get("meant", {}).get(term, plain)
    letter = rf"(?:(?![{HAN}])[\w-])"
    before = "" if re.match(f"[{HAN}]", term) else f"(?<!{letter})"
    after = "" if re.search(f"[{HAN}]$", term) else f"(?!{letter})"
    return re.compile(rf"{before}(?:{found}){after}", re.IGNORECASE)


def not_meant(settings: dict[str, Any]) -> re.Pattern[str]:
    """Return what finds the words that are no use of a term; without a setting, nothing."""
    return re.compile("|".join(settings.get("not_meant", ["(?!)"])), re.IGNORECASE)


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
        terms = {(o[3], o[4]): o[0] for o in objects if o[2] == "term"}
        for page in {page for page, _ in terms}:
            for item in self.env.get_doctree(page).findall(nodes.definition_list_item):
                explained = ROOT.sub(r"√\1", " ".join(item[-1].astext().split()))
                first = next(iter(item.findall(nodes.term)))
                if (key := (page, first["ids"][0])) in terms:
                    found[terms[key]] = (*key, explained)
        return dict(sorted(found.items(), key=lambda entry: (-len(entry[0]), entry[0])))

    def run(self, **kwargs: object) -> None:
        """Link the page's first uses."""
        here = self.env.docname
        entries = self.entries()
        if any(page == here for page, _, _ in entries.values()):
            return
        left = {term: pattern(term, self.config.edition["glossary"]) for term in entries}
        for text in open_texts(self.document):
            pieces = self.pieces(text.astext(), left, entries)
            if len(pieces) > 1:
                text.parent.replace(text, pieces)

    def pieces(
        self, text: str, left: dict[str, re.Pattern[str]], entries: dict[str, tuple[str, str, str]]
    ) -> list[nodes.Node]:
        """Cut a text at the first uses in it, and take their terms out of `left`."""
        closed = not_meant(self.config.edition["glossary"])
        taken = [match.span() for match in closed.finditer(text)]
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
    app.setup_extension("edition_settings")
    app.add_post_transform(GlossaryLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
