"""Texts in one place per language, and every section that they name is in the book."""

import re
from pathlib import Path

import nbformat
import pytest

import attnlib
from attnlib import checks
from attnlib.checks import wording
from attnlib.checks.wording import language, languages, messages, notebook, say, section

ROOT = Path(attnlib.__file__).parent.parent


def flat(entry, prefix=""):
    """Return all texts of a language by dotted key."""
    found = {}
    for key, value in entry.items():
        name = f"{prefix}.{key}" if prefix else key
        found |= flat(value, name) if isinstance(value, dict) else {name: value}
    return found


@pytest.mark.parametrize("other", languages())
def test_languages_have_the_same_keys_and_facts(other):
    english, theirs = flat(messages("en")), flat(messages(other))
    assert set(theirs) == set(english)
    for key, text in english.items():
        assert sorted(re.findall(r"\{\w+\}", theirs[key])) == sorted(re.findall(r"\{\w+\}", text))


@pytest.mark.parametrize("each", languages())
def test_sections_are_in_the_book(each):
    for entry in messages(each)["misconception"].values():
        if "see" in entry:
            chapter, _, heading = entry["see"].partition(": ")
            name = messages(each)["chapters"][chapter]
            cells = nbformat.read(ROOT / f"notebooks/{each}/{name}.ipynb", as_version=4).cells
            text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
            assert re.search(rf"^##+ {re.escape(heading)}$", text, re.MULTILINE), entry["see"]


def test_english_stands_in_for_a_language_that_is_not_there(monkeypatch):
    monkeypatch.setenv("ATTNLIB_LANGUAGE", "tlh")
    assert language() == "en"


def test_another_language_is_used_when_it_is_there(monkeypatch, tmp_path):
    text = (wording.FOLDER / "en.toml").read_text(encoding="utf-8")
    (tmp_path / "en.toml").write_text(text, encoding="utf-8")
    (tmp_path / "zh.toml").write_text(
        text.replace("Exercise {exercise}: not attempted yet", "练习 {exercise}"), encoding="utf-8"
    )
    monkeypatch.setattr(wording, "FOLDER", tmp_path)
    messages.cache_clear()
    monkeypatch.setenv("ATTNLIB_LANGUAGE", "zh")
    assert repr(checks.check_attention(None)) == "○ 练习 2.2"
    messages.cache_clear()


def test_facts_are_put_in_as_they_are():
    assert say("misconception.raises.text", error="{name}: {0}").endswith("error: {name}: {0}")


def test_names_of_notebooks_and_sections():
    assert notebook(3) == "03_masks"
    assert section("upper_left") == (3, "One new query, many old keys")
    assert section("raises") is None
