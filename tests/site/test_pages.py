"""Each page of the built book: its structure, its pictures, its formulas."""

import base64
import io
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from bs4 import NavigableString, Tag
from PIL import Image

from tests.site.built import (
    BARE,
    CHAPTERS,
    EDITIONS,
    ROOT,
    SITE,
    chapters,
    content,
    edition_of,
    notebook_of,
    pages,
    prose,
    soup,
)

PAGES = pages()
NO_TEXT_NEEDED = ".navbar-brand img"  # the book's name stands beside it


@pytest.mark.parametrize("page", PAGES)
def test_one_language_title_and_heading(page):
    parsed = soup(page)
    assert parsed.html["lang"] == edition_of(page).tag
    assert parsed.title.get_text().strip()
    assert len(parsed.find_all("h1")) == 1


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
def test_titles_differ(edition):
    mine = [page for page in PAGES if edition_of(page) == edition and page not in BARE]
    titles = [soup(page).title.get_text() for page in mine]
    assert len(titles) > 10
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_says_how_long_it_takes(page):
    line = soup(page).select_one("article h1 + .reading-time")
    least, most = map(int, re.findall(r"\d+", line.get_text()))
    assert line.get_text() == edition_of(page).site["reading_time"].format(least=least, most=most)
    text = "".join(before_exercises(page))  # code and labels, too
    words = len(WORD.findall(text)) - len(HAN.findall(text)) / 2  # two of them are like one word
    assert 5 <= least < most
    assert least * 400 > words > most * 50


def before_exercises(page):
    """Yield the texts of a chapter as far as its exercises."""
    for each in soup(page).article.descendants:
        if isinstance(each, Tag) and each.get("id") == "exercises":
            return
        if type(each) is NavigableString:  # a comment is one, too, of a type of its own
            yield each


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_says_what_it_shows(page):
    parsed = soup(page)
    named_beside = {*map(id, parsed.select(NO_TEXT_NEEDED))}
    for picture in parsed.find_all("img"):
        if id(picture) in named_beside:
            assert picture.get("alt") == ""
            continue
        text = picture.get("alt", "").strip()
        assert text, picture
        assert not re.search(r"\.(png|svg|jpe?g)$", text), f"a file name is no alt text: {text}"
        assert len(WORD.findall(text)) >= 3, f"say what the picture shows: {text!r}"


@pytest.mark.parametrize("page", PAGES)
def test_pictures_have_their_space_before_they_load(page):
    for picture in soup(page).select("article img"):
        assert picture.get("width"), picture
        assert picture.get("height"), picture


@pytest.mark.parametrize("page", CHAPTERS)
def test_phones_are_offered_each_picture_that_was_drawn_for_them(page):
    cells = nbformat.read(notebook_of(page), as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    drawn = [each.metadata["narrow"] for each in outputs if "narrow" in each.get("metadata", {})]
    offered = soup(page).select("article picture > source")
    assert [int(each["width"]) for each in offered] == [each["width"] for each in drawn]
    for source, narrow in zip(offered, drawn, strict=True):
        file = (SITE / page).parent / source["srcset"]
        committed, shown = (
            np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=int)
            for png in (base64.b64decode(narrow["png"]), file.read_bytes())
        )
        assert committed.shape == shown.shape
        assert np.abs(committed - shown).mean() < 3, "the page has fewer colours, nothing else"
        assert source.find_next_sibling("img"), "the wide picture, for all others"


def test_some_pictures_were_committedfor_phones():
    assert any(soup(page).select("article picture > source") for page in CHAPTERS)


@pytest.mark.parametrize("page", PAGES)
def test_formulas_are_rendered(page):
    parsed = soup(page)
    assert not parsed.select(".katex-error"), parsed.select(".katex-error")
    for formula in parsed.select(".math"):
        assert formula.select(".katex"), formula
    raw = re.findall(r"\$\$|\\\(|\\\[|\$[^\s$][^$\n]*\$", prose(page))
    assert not raw, f"formulas that nobody rendered: {raw}"


@pytest.mark.parametrize("page", CHAPTERS)
def test_formulas_exist(page):
    assert soup(page).select(".katex")


HAN = re.compile(r"[\u4e00-\u9fff]")
WORD = re.compile(r"[\u4e00-\u9fff]|[^\s\u4e00-\u9fff]+")


@pytest.mark.parametrize("page", CHAPTERS)
def test_captions_are_captions(page):
    number = re.compile(edition_of(page).naming("figure"))
    captions = 0
    for paragraph in soup(page).select("article p"):
        if number.match(paragraph.get_text()) and paragraph.find("strong"):
            starts_bold = paragraph.get_text().startswith(paragraph.find("strong").get_text())
            assert not starts_bold or "figure-caption" in paragraph.get("class", []), paragraph
            captions += starts_bold
    assert captions


@pytest.mark.parametrize("page", PAGES)
def test_live_figures_have_a_still_picture(page):
    parsed = soup(page)
    views = parsed.select('script[type="application/vnd.jupyter.widget-view+json"]')
    figures = parsed.select(".live-figure")
    assert [view.find_parent(class_="live-figure") for view in views] == figures
    for figure in figures:
        assert figure.select(".still img[alt]")
        says = edition_of(page).site
        assert figure.find("noscript").get_text() == says["without_script"]
        assert figure["data-cannot-start"] == says["cannot_start"]


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
def test_every_notebook_has_a_page_and_the_contents_lead_to_it(edition):
    for path in edition.notebooks:
        page = f"{edition.language}/{path.stem}.html"
        assert page in content(edition)
        assert soup(page).select("article .live-figure")
        there = soup(chapters(edition)[0]).select(f'nav a[href$="{path.stem}.html"]')
        assert there or path == edition.chapters[0]


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
def test_the_first_chapter_has_a_live_figure(edition):
    assert soup(chapters(edition)[0]).select(".live-figure")


@pytest.mark.parametrize("page", PAGES)
def test_the_bootstrap_cell_is_hidden(page):
    assert 'find_spec("attnlib")' not in soup(page).get_text()


TEXT_FILES = {".html", ".css", ".js", ".ipynb", ".md", ".inv", ".json", ".txt"}


def test_nothing_names_a_folder_of_this_machine():
    private = (str(ROOT), str(Path.home()), "/site-packages/", "ipykernel_")
    for path in SITE.rglob("*"):
        if path.is_file() and path.suffix in TEXT_FILES:
            text = path.read_text(encoding="utf-8", errors="replace")
            assert not [each for each in private if each in text], path
