"""Anchors that editions share: cell ids in notebooks, explicit targets on other pages."""

import json
import re

import pytest

from tests.site.built import CHAPTERS, CONTENT, EDITIONS, edition_of, identified, soup

FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} .+$", re.MULTILINE)


def source_of(page):
    edition, name = edition_of(page), page.split("/")[1].removesuffix(".html")
    notebook = edition.chapters_folder / f"{name}.ipynb"
    return notebook if notebook.is_file() else edition.pages_folder / f"{name}.md"


def anchors_of_cells(path):
    """Return what the anchors of a notebook's headings have to be."""
    found = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "markdown":
            count = len(HEADING.findall(FENCE.sub("", "".join(cell["source"]))))
            found += [cell["id"] if n == 0 else f"{cell['id']}-{n + 1}" for n in range(count)]
    return found


def anchors_of_targets(path):
    """Return the targets above a page's headings; a heading without one is an error."""
    found = []
    lines = FENCE.sub("", path.read_text(encoding="utf-8")).splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if HEADING.fullmatch(line):
            target = re.fullmatch(r"\(([a-z0-9-]+)\)=", before)
            assert target, f"{path.name}: no target above {line!r}"
            found.append(target[1])
    return found


@pytest.mark.parametrize("page", CONTENT)
def test_the_first_anchor_of_each_heading_is_the_shared_one(page):
    path = source_of(page)
    wanted = anchors_of_cells(path) if path.suffix == ".ipynb" else anchors_of_targets(path)
    sections = [heading.parent for heading in soup(page).select("section > :is(h1, h2, h3, h4)")]
    assert [section["id"] for section in sections] == wanted
    assert wanted
    links = [section.select_one("a.headerlink")["href"] for section in sections]
    assert links == [f"#{anchor}" for anchor in wanted]


@pytest.mark.parametrize("page", CONTENT)
def test_no_anchor_stands_twice(page):
    ids = [element["id"] for element in soup(page).select("[id]")]
    assert len(ids) == len(set(ids)) > 1


def test_anchors_made_of_words_still_lead_to_their_headings():
    for page, words, anchor in (
        ("en/01_query_key_value.html", "move-the-query", "live-text"),
        ("en/03_masks.html", "the-future", "padding-keys-2"),
        ("en/faq.html", "masks", "faq-masks"),
    ):
        assert identified(page)[words].find_parent("section")["id"] == anchor


def test_editions_have_the_same_anchors():
    for page in CONTENT:
        twins = [f"{each.language}/{page.split('/')[1]}" for each in EDITIONS]
        twins = [twin for twin in twins if twin in CONTENT]
        assert page in twins
        found = {
            twin: [section["id"] for section in soup(twin).select("article section[id]")]
            for twin in twins
        }
        assert all(each == found[page] for each in found.values()), found


@pytest.mark.parametrize("page", CHAPTERS)
def test_each_figure_has_an_anchor_and_a_link_to_it(page):
    parsed = soup(page)
    captions = parsed.select(".figure-caption")
    assert captions
    for caption in captions:
        number = re.search(r"(\d+)\.(\d+)", caption.strong.get_text())
        anchor = f"figure-{number[1]}-{number[2]}"
        assert caption.select_one("a.headerlink")["href"] == f"#{anchor}"
        figure = identified(page)[anchor]
        assert figure.find("img"), anchor
        assert figure.find_next(class_="figure-caption") is caption
