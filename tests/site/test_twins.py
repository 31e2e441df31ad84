"""Pages of the same name differ, from edition to edition, in nothing but their words.

So one edition is enough for what figures do when they are moved (tests/figures, tests/engines,
tests/lab), and for colours, focus and motion (tests/browser): see `originals`.
"""

import json
import re
from functools import cache
from pathlib import Path

import pytest

from attnlib import words
from tests.site.built import BARE, edition_of, originals, pages, soup

PAGES = [page for page in pages() if page not in BARE]
ORIGINALS = {Path(page).name: page for page in originals(PAGES)}
TRANSLATED = [page for page in PAGES if page not in ORIGINALS.values()]
WITH_FIGURES = [page for page in TRANSLATED if soup(page).select(".live-figure")]
COLLECTS_NAMES = True  # for tests/evidence.py: a test of a page depends on that page
STATE = "application/vnd.jupyter.widget-state+json"
# The font with the Chinese that the words need stands in the style of each figure.
FACE = re.compile(r"@font-face {[^}]*}\s*")
FACT = re.compile(r"\\{(\w+)\\}")


def flat(entry, key=""):
    """Return the texts of a catalogue, each in one line, by their keys."""
    if isinstance(entry, dict):
        return {
            at: text for name in entry for at, text in flat(entry[name], f"{key}.{name}").items()
        }
    return {key: " ".join(entry.split())}


@cache
def texts(language):
    return flat(words.catalogue(language)["figures"])


@cache
def patterns(language):
    """Return what finds each text of a catalogue, whatever its facts."""
    found = {}
    for key, text in texts(language).items():
        seen = set()

        def group(match, seen=seen):
            again = match[1] in seen
            seen.add(match[1])
            return f"(?P={match[1]})" if again else f"(?P<{match[1]}>.+?)"

        found[key] = re.compile(FACT.sub(group, re.escape(text)))
    return found


@cache
def say_the_same(one, other, language, translation):
    """Whether the catalogues of both languages have these two texts in the same place."""
    one, other = (" ".join(each.split()) for each in (one, other))
    for key, pattern in patterns(language).items():
        if found := pattern.fullmatch(one):
            theirs = texts(translation)[key]
            for name, fact in found.groupdict().items():
                theirs = theirs.replace("{" + name + "}", fact)
            if theirs == other:
                return True
    return False


def labels_the_same(one, other, *languages):
    """The same of labels: a label is a text, or one and a name, "query x"."""
    (text, _, name), (theirs, _, its_name) = (each.rpartition(" ") for each in (one, other))
    if text and name == its_name and say_the_same(text, theirs, *languages):
        return True
    return say_the_same(one, other, *languages)


def differences(one, other, same, at=""):
    """Yield where two states differ otherwise than in words."""
    if type(one) is not type(other):
        yield f"{at}: {one!r}, {other!r}"
    elif isinstance(one, dict | list):
        ones, others = (
            dict(x) if isinstance(x, dict) else dict(enumerate(x)) for x in (one, other)
        )
        if list(ones) != list(others):
            yield f"{at}: {list(ones)}, {list(others)}"
        for name in ones.keys() & others.keys():
            yield from differences(ones[name], others[name], same, f"{at}.{name}")
    elif one != other and not (isinstance(one, str) and same(one, other)):
        yield f"{at}: {str(one)[:80]!r}, {str(other)[:80]!r}"


def figures(page):
    """Return all that a page tells its figures: their models, which of them it shows, and where."""
    models = json.loads(soup(page).find("script", type=STATE).string)
    for model in models["state"].values():
        if "_css" in model["state"]:
            model["state"]["_css"] = FACE.sub("", model["state"]["_css"])
    shown = [
        json.loads(each.string)
        for each in soup(page).select(".live-figure script[type*=widget-view]")
    ]
    assert len(shown) == len(soup(page).select(".live-figure"))
    return {"models": models, "shown": shown}


def differing(original, page):
    """Return how the figures of a page differ from those of another edition, but for words."""
    languages = [edition_of(each).language for each in (original, page)]

    def same(one, other):
        return labels_the_same(one, other, *languages)

    return list(differences(figures(original), figures(page), same))


def brought(page):
    """Return the scripts and styles that a page loads, of those that all editions share."""
    tags = soup(page).select("script[src], link[rel=stylesheet]")
    addresses = [each.get("src") or each["href"] for each in tags]
    return [each for each in addresses if each.startswith("../_static/")]


@pytest.mark.parametrize("page", WITH_FIGURES)
def test_figures_differ_from_the_original_in_words_alone(page):
    assert differing(ORIGINALS[Path(page).name], page) == []


@pytest.mark.parametrize("page", TRANSLATED)
def test_a_page_brings_the_scripts_and_styles_of_the_original(page):
    assert brought(page) == brought(ORIGINALS[Path(page).name])
    assert len(brought(page)) > 8
