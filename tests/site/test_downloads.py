"""What a chapter's page offers to download: a notebook that carries the library of this copy."""

import base64
import io
import lzma
import zipfile
from functools import cache

import nbformat
import pytest

from tests.site.built import CHAPTERS, ROOT, SITE, edition_of, notebook_of, soup

FIRST = "bootstrap"


def offered(page):
    """Return the notebook behind the download button of a page."""
    (link,) = soup(page).select("a.btn-download-source-button")
    return nbformat.read((SITE / page).parent / link["href"], as_version=4)


def carried(notebook):
    """Return what is in the wheel that a notebook carries."""
    (cell,) = [cell for cell in notebook.cells if cell.id == FIRST]
    return unpacked("".join(cell.source.split('"""')[1].split()))


@cache  # the wheel is the same in each
def unpacked(text):
    packed = io.BytesIO(lzma.decompress(base64.b85decode(text)))
    with zipfile.ZipFile(packed) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist() if "dist-info" not in name}


@pytest.mark.parametrize("page", CHAPTERS)
def test_it_is_the_chapter_cell_for_cell_and_carries_the_library(page):
    chapter = nbformat.v4.reads(notebook_of(page).read_text(encoding="utf-8"))
    notebook = offered(page)
    for mine, theirs in zip(notebook.cells, chapter.cells, strict=True):
        assert (mine == theirs) == (theirs.id != FIRST), mine.id
    assert notebook.metadata == chapter.metadata
    there = carried(notebook)
    for name, content in there.items():
        assert content == (ROOT / name).read_bytes(), name
    assert {"attnlib/__init__.py", "attnlib/py.typed"} <= set(there)
    assert f"attnlib/words/{edition_of(page).language}.toml" in there
