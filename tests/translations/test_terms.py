"""Terms in another language: where a chapter first uses one, its English stands beside it."""

import re
from functools import cache

import pytest

from book._ext.glossary_links import not_meant, pattern
from tests.translations.markdown import entries, paragraphs
from tools.editions import editions
from tools.translations import cells

GLOSSED = {
    f"{each.language}-{path.stem}": (each, path)
    for each in editions()
    if "first_use" in each.translation
    for path in each.chapters
}


@cache
def terms(language):
    """Return what finds each term of a glossary."""
    (edition,) = (each for each in editions() if each.language == language)
    names = [each[0] for each in entries(edition.pages_folder / "glossary.md")]
    return {each: pattern(each, edition.glossary) for each in names}


def uses(edition, text):
    """Return the uses of terms in a text, in its order; of two that overlap, the longer one."""
    closed = [(match, "") for match in not_meant(edition.glossary).finditer(text)]
    found = [
        (m, term) for term, each in terms(edition.language).items() for m in each.finditer(text)
    ]
    taken = []
    for match, term in [*closed, *sorted(found, key=lambda f: f[0].start() - f[0].end())]:
        if all(match.end() <= m.start() or m.end() <= match.start() for m, _ in taken):
            taken.append((match, term))
    return sorted(taken, key=lambda each: each[0].start())


def unexplained(edition, said):
    """List the terms whose first use in these paragraphs has no English beside it."""
    rules = edition.translation["first_use"]
    explained, seen, found = re.compile(rules["explained"]), {"", *rules["known"]}, []
    for text in said:
        for match, term in uses(edition, text):
            if term not in seen and not explained.match(text, match.end()):
                found.append(f"{term}: …{text[max(0, match.start() - 12) : match.end() + 12]}…")
            seen.add(term)
    return found


def said_in(path):
    """Return the paragraphs of a notebook."""
    texts = cells(path.read_text(encoding="utf-8")).values()
    markdown = ["".join(each["source"]) for each in texts if each["cell_type"] == "markdown"]
    return [said for text in markdown for said in paragraphs(text)]


@pytest.mark.parametrize("name", GLOSSED)
def test_the_first_use_of_a_term_has_its_english(name):
    edition, path = GLOSSED[name]
    assert unexplained(edition, said_in(path)) == []


def test_a_term_without_its_english_is_found():
    edition, path = next(iter(GLOSSED.values()))
    bare = [re.sub(r"（[^）]*[A-Za-z]{2}[^）]*）", "", each) for each in said_in(path)]
    assert len(unexplained(edition, bare)) > 5


def test_known_terms_are_terms():
    for each in editions():
        assert {*each.translation.get("first_use", {}).get("known", [])} <= {*terms(each.language)}
