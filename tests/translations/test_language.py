"""The language of an edition keeps to its own rules: `translation` in its edition.toml."""

import re
import tomllib

import pytest

from attnlib import words
from tests.translations.markdown import HIDDEN, taken
from tools.editions import editions
from tools.translations import translated

SOURCE, *OTHERS = editions()
WORD = re.compile(r"[A-Za-z]{2,}")
FACT = re.compile(r"\$?\{[^}]*\}|%\(\w+\)s|%s")  # what a phrase is told
ADDRESS = re.compile(r"https?://[^\s\uff09)]+")


def every_text(thing, name=""):
    """Yield the texts of a table with their places."""
    if isinstance(thing, dict):
        for key, each in thing.items():
            yield from every_text(each, f"{name}.{key}" if name else key)
    elif isinstance(thing, str):
        yield name, thing


def texts_of(edition):
    """Return what an edition says: place -> what stands there, taken apart."""
    found = {part.place: taken(part.text, part.path) for part in translated(edition, SOURCE)}
    path = edition.pages_folder / "edition.toml"
    about = tomllib.loads(path.read_text(encoding="utf-8"))
    said = {key: about[key] for key in ("site", "interface", "descriptions")}
    said |= {"words": words.catalogue(edition.language)}
    for name, text in every_text(said):
        if name.endswith(".see"):
            continue  # a heading: tests/checks
        found[name] = taken(FACT.sub(HIDDEN, text), path.relative_to(edition.root))
    return found


@pytest.fixture(scope="module", params=OTHERS, ids=lambda each: each.language)
def edition(request):
    return request.param


@pytest.fixture(scope="module")
def texts(edition):
    return texts_of(edition)


def offences(text, never):
    """List what stands in a text, though its language never has it, and what to write instead."""
    for pattern, instead in never.items():
        for match in re.finditer(pattern, text):
            around = text[max(0, match.start() - 12) : match.end() + 12]
            yield f"{match[0]!r} in {around!r}: {instead}"


def test_it_never_has_what_its_language_never_has(edition, texts):
    never = edition.translation.get("never", {})
    found = {
        place: [o for said in t.prose for o in offences(said, never)] for place, t in texts.items()
    }
    assert {place: each for place, each in found.items() if each} == {}


def foreign(text, closed):
    """Return the words in Latin letters, but not those in glosses, shapes and addresses."""
    return WORD.findall(closed.sub(HIDDEN, ADDRESS.sub(HIDDEN, text)))


def test_words_in_latin_letters_are_those_that_it_admits(edition, texts):
    rules = edition.translation.get("latin", {"closed": ".*", "words": [], "there": {}})
    closed, everywhere = re.compile(rules["closed"]), set(rules["words"])
    found = {
        place: sorted({w for said in t.unquoted for w in foreign(said, closed)} - everywhere)
        for place, t in texts.items()
    }
    assert {place: each for place, each in found.items() if each} == rules["there"]


def test_every_rule_can_fail(edition):
    """Each has an example of what it forbids, and finds it there."""
    rules = {"never": {}, "examples": {}, **edition.translation}
    for pattern, example in rules["examples"].items():
        assert list(offences(example, {pattern: ""})), pattern
    assert rules["examples"].keys() == {p for p in rules["never"] if re.escape(p) != p}
