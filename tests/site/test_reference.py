"""The pages around the chapters: the library, the glossary, the references."""

import doctest
import inspect
import re

import pytest
from pypinyin import Style, lazy_pinyin

import attnlib
import attnlib.checks
import attnlib.plotting
import attnlib.widgets
from attnlib.plotting import look, matrices
from book._ext.glossary_links import not_meant, pattern
from tests.site.built import (
    CONTENT,
    EDITIONS,
    FOLLOW,
    ROOT,
    address,
    edition_of,
    identified,
    soup,
)

ALL = pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
OTHERS = [path for path in CONTENT if not path.endswith("/glossary.html")]


def api(edition):
    return soup(address("api", edition.language))


def entries(edition):
    """Return the glossary's entries: the first term, by which pages link it, and the others."""
    found = []
    for term in soup(address("glossary", edition.language)).select("dl.glossary > dt"):
        if term.find_previous_sibling() is None or term.find_previous_sibling().name == "dd":
            found.append([])
        found[-1].append(term)
    return found


def text_of(term):
    return term.get_text().rstrip("#")


def public():
    """Yield each public name of the library, as a reader imports it, and what it is."""
    for module in (attnlib, attnlib.checks, attnlib.widgets):
        yield from ((f"{module.__name__}.{name}", getattr(module, name)) for name in module.__all__)
    for name in (*matrices.__all__, *look.__all__):
        thing = getattr(attnlib.plotting, name)
        if inspect.isroutine(thing) or inspect.isclass(thing):  # colours need no entry
            yield f"attnlib.plotting.{name}", thing


@ALL
@pytest.mark.parametrize(("name", "thing"), list(public()), ids=lambda each: str(each)[:60])
def test_every_public_name_is_on_the_page_of_the_library(edition, name, thing):
    entry = identified(address("api", edition.language))[name]
    signature, text = entry.get_text(), entry.find_next_sibling("dd").get_text()
    assert "jaxtyping" not in signature
    assert "object at 0x" not in signature
    for parameter in inspect.signature(thing).parameters.values():
        if parameter.kind is not inspect.Parameter.VAR_POSITIONAL:
            assert re.search(rf"\b{parameter.name}\b", signature), parameter
    first = inspect.getdoc(thing).split("\n")[0]
    assert " ".join(text.split()).startswith(first.replace("`", ""))


@ALL
def test_examples_and_formulas_of_docstrings_are_shown_as_code(edition):
    parsed = api(edition)
    shown = " ".join(block.get_text() for block in parsed.select("dl.py pre"))
    for example in ("padding_mask(torch.tensor([3, 2]), k_len=4)", "mask[i, j] = j <= i + k_len"):
        assert example in shown
    assert "BLANKLINE" not in parsed.get_text()
    assert "`" not in "".join(each.get_text() for each in parsed.select("article p, article li"))


@ALL
def test_what_examples_print_stands_on_the_page_as_in_the_docstring(edition):
    shown = "\n".join(block.get_text() for block in api(edition).select("dl.py pre"))
    printed = 0
    for _, thing in public():
        for example in doctest.DocTestParser().get_examples(inspect.getdoc(thing)):
            for line in example.want.replace("<BLANKLINE>", "").splitlines():
                assert line.rstrip() in shown, line
                printed += bool(line)
    assert printed > 100


@ALL
def test_terms_come_in_pairs_of_two_languages(edition):
    found = [list(map(text_of, entry)) for entry in entries(edition)]
    assert len(found) > 30
    for pair in found:
        assert len(pair) in (2, 3), pair  # the third is what is said instead: ALiBi
        # A name may stay as it is in Chinese, too: Transformer块.
        assert sum(bool(re.search(r"[\u4e00-\u9fff]", term)) for term in pair) == 1, pair
    first = [pair[0] for pair in found]
    assert sorted(first, key=as_spoken) == first


def as_spoken(term):
    """Return by what a term is sorted: Chinese as in its dictionaries, by sound, then by tone."""
    return [each.casefold() for each in lazy_pinyin(term, style=Style.TONE3)]


def linked(edition):
    """Return the anchors of the terms that pages of an edition link, with the pages' names."""
    found = {}
    for path in (path for path in OTHERS if edition_of(path) == edition):
        for link in soup(path).select("a.glossary-link"):
            found.setdefault(link["href"].split("#")[1], set()).add(path.split("/")[1])
    return found


@ALL
def test_every_term_is_linked_from_some_page(edition):
    """Those that only chapters need which the edition has not yet, link in the default one."""
    found, there = linked(edition), linked(EDITIONS[0])
    assert found.keys() <= {entry[0]["id"] for entry in entries(edition)}
    ids = {text_of(entry[0]).casefold(): entry[0]["id"] for entry in entries(EDITIONS[0])}
    follow = {path.split("/")[1] for path in FOLLOW if edition_of(path) == edition}
    for entry in entries(edition):
        if entry[0]["id"] not in found:
            (name,) = {text_of(each).casefold() for each in entry} & ids.keys()
            pages = there[ids[name]]
            assert pages <= follow, text_of(entry[0])


INSIDE = (
    "h1, h2, h3, h4, code, pre, .math, thead, a, .cell_output, dl.py, .citation, script, summary"
)


@pytest.mark.parametrize("path", OTHERS)
def test_the_first_use_of_a_term_is_its_link(path):
    """Go through the page as a reader does: no use of a linked term before its link."""
    edition = edition_of(path)
    words = {entry[0]["id"]: text_of(entry[0]) for entry in entries(edition)}
    article = soup(path).select_one("article")
    links = article.select("a.glossary-link")
    assert len({link["href"] for link in links}) == len(links), "a term is linked twice"
    closed = {id(element) for element in article.select(INSIDE)}
    seen = ""
    for text in article.find_all(string=True):
        link = text.find_parent("a", class_="glossary-link")
        if link:
            found = pattern(words[link["href"].split("#")[1]], edition.glossary)
            earlier = found.search(not_meant(edition.glossary).sub("", seen))
            assert earlier is None, f"{found.pattern} before its link: …{seen[-1:]}{earlier}"
            assert link["title"].strip()
            assert "\\" not in link["title"], "the source of a formula is no text"
        if closed.isdisjoint(map(id, text.parents)):  # links are among the closed
            seen += f" {text} "


@pytest.mark.parametrize(
    ("term", "text", "found"),
    [
        ("ALiBi", "用ALiBi来", "ALiBi"),
        ("softmax", "softmax的", "softmax"),
        ("softmax", "用log-softmax的", None),
        ("mask", "a_mask", None),
        ("mask", "many masks", None),
        ("掩码", "因果掩码的", "掩码"),
    ],
)
def test_a_term_is_a_whole_word_whatever_stands_beside_it(term, text, found):
    match = pattern(term, {}).search(text)
    assert (match and match[0]) == found


KEYS = re.findall(r"^@\w+\{(\w+),", (ROOT / "book/references.bib").read_text("utf-8"), re.MULTILINE)


@ALL
def test_every_reference_is_cited_and_every_citation_has_its_reference(edition):
    assert len(KEYS) > 20
    sources = [path.read_text("utf-8") for path in edition.pages]
    cited = re.findall(r"\{cite:[pt]\}`([^`]+)`", " ".join(sources))
    assert set(cited) == set(KEYS)
    reading = soup(address("further_reading", edition.language))
    assert len(reading.select(".citation")) == len(KEYS)


@ALL
def test_every_reference_says_where_it_is_to_be_read(edition):
    for entry in soup(address("further_reading", edition.language)).select(".citation"):
        outside = [a["href"] for a in entry.select("a") if a["href"].startswith("https://")]
        assert outside, entry.get_text()


@ALL
def test_every_reading_has_its_reason(edition):
    items = soup(address("further_reading", edition.language)).select("article li")
    assert items
    for item in items:
        said = re.sub(r"\[\d+\]", "", item.get_text())
        assert len(re.findall(r"[\u4e00-\u9fff]|[^\W\d_\u4e00-\u9fff]+", said)) >= 12, said
