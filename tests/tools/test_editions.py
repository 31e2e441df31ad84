"""Editions are found by their folders."""

import shutil
import subprocess
import sys

import pytest

from tools.editions import DEFAULT, ROOT, edition, editions


@pytest.fixture
def three(tmp_path):
    """A book with the default edition and two others."""
    source = editions()[0]
    for language in (DEFAULT, "aa", "yy"):
        folder = tmp_path / "book" / language
        folder.mkdir(parents=True)
        shutil.copy(source.pages_folder / "edition.toml", folder)
    return tmp_path


def test_the_default_edition_comes_first(three):
    (three / "book" / "_static").mkdir()
    assert [each.language for each in editions(three)] == [DEFAULT, "aa", "yy"]


def test_an_edition_knows_its_files():
    found = editions()[0]
    assert found.notebooks[0].name == "00_start.ipynb"
    assert found.chapters == found.notebooks[1:]
    assert len(found.chapters) > 5
    assert "intro.md" in [path.name for path in found.pages]


def test_an_unknown_edition_is_named_with_those_that_exist(three):
    with pytest.raises(ValueError, match=f"LANGUAGE must be one of {DEFAULT}, aa, yy, got 'zz'"):
        edition("zz", three)


@pytest.mark.parametrize(("line", "said"), [("", "'tag'"), ('tog = "en"', "'tog'")])
def test_what_an_edition_lacks_or_has_too_much_is_named(three, line, said):
    path = three / "book" / "yy" / "edition.toml"
    tag = next(each for each in path.read_text("utf-8").splitlines() if each.startswith("tag ="))
    path.write_text(path.read_text("utf-8").replace(tag, line), encoding="utf-8")
    with pytest.raises(ValueError, match=r"book/yy/edition\.toml") as raised:
        edition("yy", three)
    assert said in str(raised.value)


@pytest.mark.parametrize("each", editions(), ids=lambda each: each.language)
def test_every_edition_says_what_the_default_one_says(each):
    default = editions()[0]
    assert each.site.keys() == default.site.keys()
    assert each.phrases.keys() == default.phrases.keys()
    assert each.descriptions.keys() >= {path.stem for path in [*each.notebooks, *each.pages]}


@pytest.mark.parametrize("each", editions(), ids=lambda each: each.language)
def test_the_start_page_is_found_by_language(each):
    command = [sys.executable, "-m", "tools.editions", each.language]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(each.chapters_folder / "00_start.ipynb")


def test_a_language_of_the_system_is_none_of_ours():
    """Many systems set LANGUAGE; only the command line of make counts."""
    asked = 'print-edition:\n\t@echo "[$$EDITION]"\n'
    for arguments, said in ((["LANGUAGE=yy"], "[yy]"), ([], "[]")):
        done = subprocess.run(
            ["make", "-s", "-f", "Makefile", "-f", "-", "print-edition", *arguments],
            cwd=ROOT,
            input=asked,
            env={"LANGUAGE": "en_US:en", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == said
