"""Pages of an edition stand while all that they show stands, and no longer."""

import subprocess
from dataclasses import replace

import pytest

from tools import build_book
from tools.editions import editions
from tools.site import sources, stamps

FILES = {
    "_config.yml": "", "pyproject.toml": "", "package-lock.json": "",
    "tools/build_book.py": "", "tools/editions.py": "", "tools/site/merge.py": "",
    "book/_ext/boxes.py": "", "book/_static/book.css": "", "book/references.bib": "",
    "attnlib/masks.py": "", "attnlib/words/zh.toml": "",
    "book/en/intro.md": "", "book/en/edition.toml": "", "book/en/social.png": "",
    "notebooks/en/03_masks.ipynb": "", "notebooks/en/map.png": "",
    "book/zh/intro.md": "", "book/zh/edition.toml": "", "book/zh/social.png": "",
    "notebooks/zh/03_masks.ipynb": "",
    "book/_build/source/en/intro.md": "", "book/_build/source/zh/intro.md": "",
    "book/_build/html/en/intro.html": "", "notebooks/en/mine/kept.ipynb": "",
    "attnlib/__pycache__/masks.pyc": "",
}  # fmt: skip
NOT_OURS = {
    "book/zh/intro.md", "book/zh/edition.toml", "notebooks/zh/03_masks.ipynb",
    "book/_build/source/zh/intro.md", "book/_build/html/en/intro.html",
    "notebooks/en/mine/kept.ipynb", "attnlib/__pycache__/masks.pyc",
}  # fmt: skip


@pytest.fixture
def book(tmp_path):
    """Return a function that hashes what the English pages of a small book are made of."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    english = editions()[0]
    both = [replace(english, root=tmp_path), replace(english, root=tmp_path, language="zh")]
    folder = tmp_path / "book/_build/source/en"
    return lambda: stamps.made_of(both[0], both, folder)


@pytest.mark.parametrize("name", FILES)
def test_what_pages_show_counts_and_nothing_else(book, tmp_path, name):
    before = book()
    (tmp_path / name).write_text("changed", encoding="utf-8")
    assert (book() == before) == (name in NOT_OURS)


def test_a_new_file_counts(book, tmp_path):
    before = book()
    (tmp_path / "book/_templates").mkdir()
    (tmp_path / "book/_templates/layout.html").touch()
    assert book() != before


def test_pages_stand_that_are_made_of_the_same(tmp_path, monkeypatch):
    for name in ("COLD", "CI"):
        monkeypatch.delenv(name, raising=False)
    assert not stamps.stands(tmp_path, "this")
    stamps.stamp(tmp_path, "this")
    assert stamps.stands(tmp_path, "this")
    assert not stamps.stands(tmp_path, "that")
    for name, value in (("COLD", "1"), ("CI", "true")):
        with monkeypatch.context() as cold:
            cold.setenv(name, value)
            assert not stamps.stands(tmp_path, "this")


@pytest.fixture
def built(tmp_path, monkeypatch):
    """Return a function that builds English pages by a program that notes it and ends so."""
    monkeypatch.setattr(sources, "lay_out", lambda *_: {})
    for name in ("COLD", "CI"):
        monkeypatch.delenv(name, raising=False)
    ran = []

    def build(made_of, status=0):
        ran.clear()
        code = "import os, sys; folder = sys.argv[sys.argv.index('--path-output') + 1]; "
        code += f"os.makedirs(folder, exist_ok=True); sys.exit({status})"
        monkeypatch.setattr(stamps, "made_of", lambda *_: made_of)
        monkeypatch.setattr(build_book, "JUPYTER_BOOK", code)
        real = subprocess.Popen
        with monkeypatch.context() as counted:
            counted.setattr(subprocess, "Popen", lambda *a, **k: ran.append(1) or real(*a, **k))
            folder = build_book.build(editions()[0], editions(), tmp_path, quiet=True)
        assert (folder is None) == bool(status)
        return bool(ran)

    return build


def test_an_edition_is_built_when_its_pages_do_not_stand(built):
    assert [built("a"), built("a"), built("b"), built("b")] == [1, 0, 1, 0]


def test_what_had_a_warning_never_stands(built):
    assert [built("a", 1), built("a", 1), built("a"), built("b", 1), built("a")] == [1] * 5
