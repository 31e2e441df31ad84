"""A chapter goes back to its original state, and nothing that a reader wrote is lost."""

import shutil
import subprocess
import sys

import pytest

from tools import atomic_write, reset_chapter
from tools.editions import DEFAULT, ROOT, editions
from tools.reset_chapter import ResetError, reset

ORIGINAL = '{"cells": ["早上好"]}\n'


@pytest.fixture
def book(tmp_path):
    """A checkout with two chapters and a start page."""
    folder = tmp_path / "notebooks" / DEFAULT
    folder.mkdir(parents=True)
    for name in ("00_start", "03_masks", "12_later"):
        (folder / f"{name}.ipynb").write_text(ORIGINAL, encoding="utf-8")
    shutil.copy(ROOT / "_config.yml", tmp_path)
    author = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "The book"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


@pytest.fixture
def chapter(book):
    return book / f"notebooks/{DEFAULT}/03_masks.ipynb"


def copies(book):
    folder = book / f"notebooks/{DEFAULT}/mine"
    return sorted(folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("number", ["3", "03"])
def test_the_original_comes_back_and_the_readers_version_is_kept(book, chapter, number):
    chapter.write_text("mine, 我的", encoding="utf-8")
    path, copy = reset(book, number)
    assert path == chapter
    assert chapter.read_text(encoding="utf-8") == ORIGINAL
    assert copies(book) == [copy]
    assert copy.read_text(encoding="utf-8") == "mine, 我的"
    assert copy.name.startswith("03_masks_20")


def test_each_reset_keeps_its_own_copy(book, chapter):
    for text in ("first", "second"):
        chapter.write_text(text, encoding="utf-8")
        reset(book, "03")
    assert [copy.read_text(encoding="utf-8") for copy in copies(book)] == ["first", "second"]


def test_an_unchanged_chapter_needs_no_copy(book, chapter):
    assert reset(book, "03") == (chapter, None)
    assert copies(book) == []


def test_a_deleted_chapter_comes_back(book, chapter):
    chapter.unlink()
    assert reset(book, "03") == (chapter, None)
    assert chapter.read_text(encoding="utf-8") == ORIGINAL


@pytest.mark.parametrize("number", ["", "07", "masks", "03_masks", "../03", "-1"])
def test_an_unknown_chapter_is_named_with_those_that_exist(book, number):
    with pytest.raises(ResetError, match="CHAPTER must be one of 00, 03, 12") as raised:
        reset(book, number)
    assert repr(number) in str(raised.value)


def test_without_git_nothing_happens_and_the_way_is_told(book, chapter):
    shutil.rmtree(book / ".git")
    chapter.write_text("mine", encoding="utf-8")
    with pytest.raises(ResetError, match=r"no git history.*fetch the book once more"):
        reset(book, "03")
    assert chapter.read_text(encoding="utf-8") == "mine"


def test_a_book_inside_another_repository_is_not_reset_from_that_one(book, chapter, tmp_path):
    """A zip, unpacked below someone's own repository."""
    inner = tmp_path / "downloads"
    (inner / "notebooks").mkdir(parents=True)
    shutil.copy(ROOT / "_config.yml", inner)
    with pytest.raises(ResetError, match="no git history"):
        reset(inner, "03")


def test_git_may_be_missing(book, monkeypatch):
    monkeypatch.setenv("PATH", str(book))
    with pytest.raises(ResetError, match="git is not installed"):
        reset(book, "03")


def test_a_copy_that_cannot_be_written_leaves_the_readers_version(book, chapter, monkeypatch):
    chapter.write_text("mine", encoding="utf-8")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_write, "write", full)
    with pytest.raises(OSError, match="No space left"):
        reset(book, "03")
    assert chapter.read_text(encoding="utf-8") == "mine"


def test_another_edition_is_named(book):
    there = book / "notebooks" / "zh" / "03_masks.ipynb"
    there.parent.mkdir()
    there.write_text(ORIGINAL, encoding="utf-8")
    author = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    for command in (["add", "-A"], [*author, "commit", "-qm", "Another edition"]):
        subprocess.run(["git", *command], cwd=book, check=True)
    there.write_text("mine", encoding="utf-8")
    path, copy = reset(book, "03", "zh")
    assert path == there
    assert copy.parent == there.parent / "mine"


def test_an_unknown_edition_is_named_with_those_that_exist():
    command = [sys.executable, "-m", "tools.reset_chapter", "--language=nowhere", "03"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("✗ LANGUAGE must be one of ")
    assert "'nowhere'" in done.stderr


@pytest.mark.parametrize("edition", editions(), ids=lambda each: each.language)
def test_the_book_itself_has_its_chapters(edition):
    wanted = {path.name[:2] for path in edition.notebooks}
    assert len(wanted) > 6
    assert set(reset_chapter.originals(ROOT, edition.language)) == wanted
