"""The pages around the chapters: the library, the glossary, the references."""

import inspect
import re

import pytest

import attnlib
import attnlib.checks
import attnlib.plotting
import attnlib.widgets
from attnlib.plotting import look, matrices
from book._ext.glossary_links import NOT_MEANT, pattern
from tests.site.built import ROOT, pages, soup

API = soup("book/en/api.html")
GLOSSARY = soup("book/en/glossary.html")
READING = soup("book/en/further_reading.html")
OTHERS = [page for page in pages() if soup(page).select_one("article") and "glossary" not in page]
TERMS = [each.get_text().rstrip("#") for each in GLOSSARY.select("dl.glossary > dt")]
ENGLISH = [term for term in TERMS if term.isascii()]


def public():
    """Yield each public name of the library, as a reader imports it, and what it is."""
    for module in (attnlib, attnlib.checks, attnlib.widgets):
        yield from ((f"{module.__name__}.{name}", getattr(module, name)) for name in module.__all__)
    for name in (*matrices.__all__, *look.__all__):
        thing = getattr(attnlib.plotting, name)
        if inspect.isroutine(thing) or inspect.isclass(thing):  # colours need no entry
            yield f"attnlib.plotting.{name}", thing


@pytest.mark.parametrize(("name", "thing"), list(public()), ids=lambda each: str(each)[:60])
def test_every_public_name_is_on_the_page_of_the_library(name, thing):
    entry = API.find(id=name)
    assert entry is not None
    signature, text = entry.get_text(), entry.find_next_sibling("dd").get_text()
    assert "jaxtyping" not in signature
    assert "object at 0x" not in signature
    for parameter in inspect.signature(thing).parameters.values():
        if parameter.kind is not inspect.Parameter.VAR_POSITIONAL:
            assert re.search(rf"\b{parameter.name}\b", signature), parameter
    first = inspect.getdoc(thing).split("\n")[0]
    assert " ".join(text.split()).startswith(first.replace("`", ""))


def test_examples_and_formulas_of_docstrings_are_shown_as_code():
    shown = " ".join(block.get_text() for block in API.select("dl.py pre"))
    for example in ("padding_mask(torch.tensor([3, 2]), k_len=4)", "mask[i, j] = j <= i + k_len"):
        assert example in shown
    assert "BLANKLINE" not in API.get_text()
    assert "`" not in "".join(each.get_text() for each in API.select("article p, article li"))


def test_terms_come_in_pairs_of_english_and_chinese():
    assert len(ENGLISH) > 30
    for english, chinese in zip(TERMS[::2], TERMS[1::2], strict=True):
        assert english.isascii()
        assert re.fullmatch(r"[\u4e00-\u9fff]+", chinese)
    assert sorted(ENGLISH, key=str.casefold) == ENGLISH


def test_every_term_is_linked_from_some_page():
    linked = {
        link["href"].split("#")[1]
        for page in OTHERS
        for link in soup(page).select("a.glossary-link")
    }
    assert linked == {
        each["id"] for each in GLOSSARY.select("dl.glossary > dt") if each.get_text()[0].isascii()
    }


INSIDE = (
    "h1, h2, h3, h4, code, pre, .math, thead, a, .cell_output, dl.py, .citation, script, summary"
)


@pytest.mark.parametrize("page", OTHERS)
def test_the_first_use_of_a_term_is_its_link(page):
    """Go through the page as a reader does: no use of a linked term before its link."""
    article = soup(page).select_one("article")
    links = article.select("a.glossary-link")
    assert len({link["href"] for link in links}) == len(links), "a term is linked twice"
    closed = {id(element) for element in article.select(INSIDE)}
    seen = ""
    for text in article.find_all(string=True):
        link = text.find_parent("a", class_="glossary-link")
        if link:
            term = link["href"].split("#term-")[1].replace("-", " ")
            earlier = pattern(term).search(NOT_MEANT.sub("", seen))
            assert earlier is None, f"{term} before its link: …{seen[-1:]}{earlier}"
            assert link["title"].strip()
        if closed.isdisjoint(map(id, text.parents)):  # links are among the closed
            seen += f" {text} "


KEYS = re.findall(r"^@\w+\{(\w+),", (ROOT / "book/references.bib").read_text("utf-8"), re.MULTILINE)


def test_every_reference_is_cited_and_every_citation_has_its_reference():
    assert len(KEYS) > 20
    sources = [path.read_text("utf-8") for path in ROOT.glob("book/en/*.md")]
    cited = re.findall(r"\{cite:[pt]\}`([^`]+)`", " ".join(sources))
    assert set(cited) == set(KEYS)
    assert len(READING.select(".citation")) == len(KEYS)


def test_every_reference_says_where_it_is_to_be_read():
    for entry in READING.select(".citation"):
        outside = [a["href"] for a in entry.select("a") if a["href"].startswith("https://")]
        assert outside, entry.get_text()


def test_every_reading_has_its_reason():
    for item in READING.select("article li"):
        words = re.sub(r"\[\d+\]", "", item.get_text()).split()
        assert len(words) >= 12, item.get_text()
