"""Every section that a message names is in the book."""

import re
from pathlib import Path

import nbformat
import pytest

import attnlib
from attnlib import words
from attnlib.checks.wording import notebook, section

ROOT = Path(attnlib.__file__).parent.parent


@pytest.mark.parametrize("language", words.languages())
def test_sections_are_in_the_book(language):
    said = words.catalogue(language)["checks"]
    for entry in said["misconception"].values():
        if "see" in entry:
            chapter, _, heading = entry["see"].partition(": ")
            name = said["chapters"][chapter]
            cells = nbformat.read(ROOT / f"notebooks/{language}/{name}.ipynb", as_version=4).cells
            text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
            assert re.search(rf"^##+ {re.escape(heading)}$", text, re.MULTILINE), entry["see"]


def test_names_of_notebooks_and_sections():
    assert notebook(3) == "03_masks"
    assert section("upper_left") == (3, "One new query, many old keys")
    assert section("raises") is None
