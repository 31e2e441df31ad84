"""One catalogue a language: the same keys and facts in each, and English where there is none."""

import re

import pytest

from attnlib import words


@pytest.fixture(autouse=True)
def _english_before_and_after():
    words.use("en")
    yield
    words.use("en")
    words.catalogue.cache_clear()


def flat(entry, prefix=""):
    """Return all texts of a table by dotted key."""
    found = {}
    for key, value in entry.items():
        name = f"{prefix}.{key}" if prefix else key
        found |= flat(value, name) if isinstance(value, dict) else {name: value}
    return found


def facts(text):
    return sorted(re.findall(r"\{\w+\}", text))


def differences(english, theirs):
    """List the keys that two catalogues do not share, or whose facts differ."""
    different = sorted(set(english) ^ set(theirs))
    shared = sorted(set(english) & set(theirs))
    return different + [key for key in shared if facts(english[key]) != facts(theirs[key])]


@pytest.mark.parametrize("language", words.languages())
def test_languages_have_the_same_keys_and_facts(language):
    english, theirs = flat(words.catalogue("en")), flat(words.catalogue(language))
    assert len(english) > 300
    assert differences(english, theirs) == []
    assert all(isinstance(text, str) and text.strip() for text in theirs.values())


def test_a_missing_key_and_another_fact_are_found():
    english = {"a": "one {fact}", "b": "two", "c": "three"}
    assert differences(english, {"a": "eins {facts}", "b": "zwei"}) == ["c", "a"]


def test_english_stands_in_for_a_language_without_a_catalogue():
    words.use("tlh")
    assert words.language() == "en"
    assert words.say("plots.key") == "key"


def test_where_one_language_is_all_there_is_it_is_used(monkeypatch, tmp_path):
    """As in a notebook that carries the library: it has no other words."""
    (tmp_path / "zh.toml").write_text('plots.key = "键"', encoding="utf-8")
    monkeypatch.setattr(words, "FOLDER", tmp_path)
    words.catalogue.cache_clear()
    assert words.say("plots.key") == "键"
    words.use("tlh")
    assert words.language() == "zh"


def test_another_language_is_used_when_it_is_there(monkeypatch, tmp_path):
    text = (words.FOLDER / "en.toml").read_text(encoding="utf-8")
    (tmp_path / "en.toml").write_text(text, encoding="utf-8")
    (tmp_path / "zh.toml").write_text(text.replace('key = "key"', 'key = "键"'), encoding="utf-8")
    monkeypatch.setattr(words, "FOLDER", tmp_path)
    words.catalogue.cache_clear()
    words.use("zh")
    assert (words.say("plots.key"), words.language()) == ("键", "zh")
    words.use("en")
    assert words.say("plots.key") == "key"


def test_facts_are_put_in_as_they_are():
    said = words.say("checks.misconception.raises.text", error="{name}: {0}")
    assert said.endswith("error: {name}: {0}")


def test_a_key_that_is_not_there_is_an_error():
    with pytest.raises(KeyError, match="nothing_here"):
        words.say("checks.nothing_here")
