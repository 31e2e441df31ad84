"""Every section that a message names is in the book."""

import re

import nbformat
import pytest

from attnlib import words
from attnlib.checks.engine.registry import notebook
from attnlib.checks.engine.texts import section
from tools.editions import editions


def text_of(path):
    cells = nbformat.read(path, as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("edition", editions(), ids=lambda each: each.language)
def test_sections_are_in_the_book(edition):
    # What is not translated yet is read in the default edition.
    paths = [*editions()[0].chapters, *edition.chapters]
    texts = {int(path.name[:2]): text_of(path) for path in paths}
    led = 0
    for entry in words.catalogue(edition.language)["checks"]["misconception"].values():
        if "see" in entry:
            chapter, _, heading = entry["see"].partition(": ")
            heading = rf"^##+ {re.escape(heading)}$"
            assert re.search(heading, texts[int(chapter)], re.MULTILINE), entry["see"]
            led += 1
    assert led > 100


@pytest.mark.parametrize("language", words.languages())
def test_headlines_name_what_they_are_about(language):
    said = words.catalogue(language)["checks"]
    assert len(said["headline"]) == 3
    assert all("{exercise}" in text for text in said["headline"].values())
    assert all(fact in said["progress"]["headline"] for fact in ("{done}", "{all}"))
    assert all(fact in said["place"] for fact in ("{chapter}", "{section}"))


def test_names_of_notebooks_and_sections():
    assert notebook(3) == "03_masks"
    assert notebook(99) is None
    assert section("upper_left") == (3, "One new query, many old keys")
    assert section("raises") is None
