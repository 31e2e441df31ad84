"""Chapters are plain Markdown: they read well where nobody knows MyST (Colab, GitHub, VS Code).

Formulas are taken out first, as all of these do.
"""

import re

import nbformat
import pytest
from bs4 import BeautifulSoup, NavigableString
from markdown_it import MarkdownIt

from tools.editions import editions

NOTEBOOKS = {f"{e.language}-{p.stem}": p for e in editions() for p in e.notebooks}
PLAIN = MarkdownIt("commonmark", {"html": True}).enable("table")
CODE_OR_FORMULA = re.compile(
    r"(?P<code>^```.*?^```$|(?P<ticks>`+)[^`].*?(?P=ticks))|\$\$[^$]+\$\$|\$[^$]+\$",
    re.DOTALL | re.MULTILINE,
)
# Marks that a reader would see as they were written.
LEFTOVER = re.compile(
    r":::|```|\*\*|__|\$|`|\]\(|\[\^|\{[\w:.#-]+\}"  # fences, roles, attributes, emphasis, links
    r"|^\([\w-]+\)=|^:[\w-]+:|^%|^\+\+\+|^\||\|\s*:?-{3}|^#+ |^> ",  # targets, options, comments
    re.MULTILINE,
)
SUMMARY = re.compile(r'<summary style="cursor: pointer">[^<]+</summary>')


def rendered(source):
    """Return what a plain viewer makes of a cell."""
    source = CODE_OR_FORMULA.sub(lambda match: match["code"] or "formula", source)
    return BeautifulSoup(PLAIN.render(source), "html.parser")


def leftovers(source):
    """List what a cell would show as it was written, and what is folded but no Markdown."""
    page = rendered(source)
    found = [str(code) for code in page.select('code[class*="{"]')]  # a fence of MyST
    for code in page.select("code"):
        code.decompose()
    for text in page.find_all(string=LEFTOVER):
        found += LEFTOVER.findall(text)
    for fold in page.select("details"):
        found += [str(t) for t in fold if isinstance(t, NavigableString) and t.strip()]
    return found


@pytest.fixture(params=NOTEBOOKS)
def texts(request):
    path = NOTEBOOKS[request.param]
    cells = nbformat.read(path, 4).cells
    return path, {cell.id: cell.source for cell in cells if cell.cell_type == "markdown"}


def test_no_mark_is_left_in_a_plain_viewer(texts):
    _, sources = texts
    found = {name: leftovers(source) for name, source in sources.items()}
    assert {name: marks for name, marks in found.items() if marks} == {}
    assert sources


def test_boxes_have_a_title_and_something_to_say(texts):
    _, sources = texts
    boxes = 0
    for source in sources.values():
        for box in rendered(source).select("blockquote"):
            assert box.p.find(True).name == "strong"
            title = box.p.find("strong").get_text()
            assert box.p.get_text().startswith(title)
            assert len(box.get_text()) > len(title) + 5
            boxes += 1
    assert boxes


def test_folds_say_that_they_unfold(texts):
    _, sources = texts
    for source in sources.values():
        folds = rendered(source).select("details")
        assert len(folds) == source.count("<details>") == len(SUMMARY.findall(source))
        for fold in folds:
            assert fold.find(True).name == "summary"
            assert fold.select(":scope > :is(p, pre, ul, ol)"), fold


def test_links_lead_to_notebooks_beside_or_into_the_web(texts):
    path, sources = texts
    for name, source in sources.items():
        for link in rendered(source).select("a"):
            address = link["href"]
            assert address.startswith("https://") or (path.parent / address).is_file(), name


@pytest.mark.parametrize(
    "source",
    [
        ":::{admonition} Try\n:class: tip\nPull.\n:::",
        "```{note}\nPull.\n```",
        "{ref}`there`",
        "(there)=\n## There",
        "% a comment",
        "bold**(so)**it is",
        "{.wide}\nPull.",
        "a note[^1]",
        "<details><summary>Hint</summary>\nPull `x`.\n</details>",
    ],
)
def test_marks_of_myst_are_found(source):
    assert leftovers(source)
