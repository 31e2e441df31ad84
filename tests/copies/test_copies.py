"""The book to take away: the zip opens from a disk and lives, the PDF is complete and readable."""

import re
import zipfile
from functools import cached_property

import pytest
from bs4 import BeautifulSoup
from pypdf import PdfReader
from pypdf.generic import DecodedStreamObject, NameObject

from tests.browser.conftest import Visit
from tests.site.built import EDITIONS, SITE, address, chapters, content, soup
from tools import book_pdf, offline_book, paper

CHAPTER = address("01_query_key_value")
MM = 72 / 25.4  # in the points of a PDF


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Return the zip."""
    target = tmp_path_factory.mktemp("packed") / "good-morning-attention.zip"
    assert offline_book.pack(SITE, target) > 100
    return target


@pytest.fixture(scope="module")
def unzipped(packed, tmp_path_factory):
    """Return the folder that a reader gets, on a path with a blank and Chinese in it."""
    folder = tmp_path_factory.mktemp("读者 folder")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder)  # and fails where a checksum is wrong
    return folder / "good-morning-attention"


@pytest.fixture
def away(contexts, unzipped):
    window = Visit(contexts, f"{unzipped.as_uri()}/")
    yield window
    window.close()


def test_the_same_pages_give_the_same_zip(packed, tmp_path):
    offline_book.pack(SITE, tmp_path / packed.name)
    assert (tmp_path / packed.name).read_bytes() == packed.read_bytes()


def test_an_unbuilt_book_is_not_packed(tmp_path):
    with pytest.raises(FileNotFoundError, match="make book"):
        offline_book.pack(tmp_path, tmp_path / "book.zip")


def test_the_offline_book_opens_and_its_figures_live(away):
    away.open("index.html").wait_for_url(f"**/{address('intro')}")
    page = away.open(CHAPTER)
    away.come_near_all_figures()
    assert away.states()
    assert set(away.states()) == {"alive"}
    score = page.locator(".live .attn-figure").first
    before = score.inner_text()
    page.locator(".live .noUi-handle").first.press("ArrowRight")
    page.wait_for_function(
        "before => document.querySelector('.live .attn-figure').innerText !== before", arg=before
    )
    assert away.problems == []


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
def test_the_offline_book_can_be_searched(away, edition):
    page = away.open(f"{edition.language}/search.html?q=早上")
    page.wait_for_selector("#search-results li a")
    page.locator("#search-results li a").first.click()
    page.wait_for_load_state("load")
    assert "早上" in page.locator("article").inner_text()
    assert away.problems == []


class Printed(PdfReader):
    """The PDF of an edition."""

    def __init__(self, path, edition):
        super().__init__(path)
        self.edition = edition

    @cached_property
    def sheets(self):
        """What each page says, how much of it is used, and where its pictures are."""
        return [filled(lean(page)) for page in self.pages]

    def said(self, start, end):
        """What some pages say."""
        return "\n".join(text for text, _, _ in self.sheets[start:end])


@pytest.fixture(scope="module", params=EDITIONS, ids=lambda each: each.language)
def assembled(request):
    return request.param, book_pdf.assemble(request.param)


@pytest.fixture(scope="module")
def pdf(assembled, browser, tmp_path_factory):
    edition, html = assembled
    target = tmp_path_factory.mktemp("pdf") / book_pdf.target_of(edition).name
    book_pdf.print_book(browser, edition, html, target)
    return Printed(target, edition)


def test_the_pdf_has_every_page_in_its_outline_at_its_place(pdf):
    titles = {
        item.title: pdf.get_destination_page_number(item)
        for item in pdf.outline
        if not isinstance(item, list)
    }
    headings = [
        soup(page).select_one("article h1").get_text().rstrip("#") for page in content(pdf.edition)
    ]
    listed = [title for title in titles if title in headings]
    assert listed == headings
    assert sorted(titles.values()) == list(titles.values())
    for heading in headings:
        assert heading.split()[0] in pdf.said(titles[heading], titles[heading] + 1)


def test_the_pdf_names_its_title_and_author(pdf):
    about = pdf.metadata
    assert about.title == f"{pdf.edition.title}: {pdf.edition.subtitle}"
    assert about.author == pdf.edition.author


def test_the_contents_of_the_pdf_name_the_right_pages(pdf):
    text = pdf.said(1, 5)
    for page in content(pdf.edition):
        heading = soup(page).select_one("article h1").get_text().rstrip("#")
        place = pdf.named_destinations[f"/{paper.anchor(page)}"]
        number = pdf.get_destination_page_number(place) + 1
        letters = map(re.escape, "".join(heading.split()))  # a long one takes two lines
        said = r"\s*".join([*letters, str(number)])
        assert re.search(rf"{said}\b", text), (heading, number)


def test_chinese_in_the_pdf_is_text_in_an_embedded_font(pdf):
    text = "".join(text for text, _, _ in pdf.sheets)
    for words in ("早上好", "爱好", "注意力", "缩放点积注意力"):
        assert words in text
    printed = "".join(soup(page).get_text() for page in content(pdf.edition))
    assert text.count("\ufffd") == printed.count("\ufffd")  # pieces of characters, in chapter 11
    for page in pdf.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            inner = font.get_object()
            if inner["/Subtype"] == "/Type3":
                continue  # drawn glyph by glyph: always inside
            inner = (
                inner["/DescendantFonts"][0].get_object() if "/DescendantFonts" in inner else inner
            )
            descriptor = inner["/FontDescriptor"].get_object()
            assert {"/FontFile2", "/FontFile3", "/FontFile"} & set(descriptor), inner["/BaseFont"]


def test_every_picture_is_in_the_pdf(pdf):
    wanted = sum(len(soup(page).select("article img")) for page in content(pdf.edition))
    drawn = sum(
        kind.get_object()["/Subtype"] == "/Image"
        for page in pdf.pages
        for kind in page["/Resources"].get("/XObject", {}).values()
    )
    assert drawn >= wanted > 15


def test_links_of_the_pdf_lead_inside_it_or_to_the_web(pdf):
    inside = outside = 0
    for page in pdf.pages:
        for link in page.get("/Annots", []):
            action, place = link.get_object().get("/A", {}), link.get_object().get("/Dest")
            if "/URI" in action:
                assert re.match(r"https?://", action["/URI"]), action["/URI"]
                outside += 1
            else:
                assert place in pdf.named_destinations, place
                inside += 1
    assert inside > 300
    assert outside > 50


# As Chromium writes them: paths, colours and marks, a line each; and steps from letter to letter.
NO_TEXT = re.compile(
    rb"^(?:[-.\d ]*(?:[clmyhfSn]|re|rg|RG|W\*? n)|[^\n]*(?: rg| gs|BDC)|EMC)\n", re.MULTILINE
)
STEP = re.compile(rb"> Tj\n[-.\d]+ 0 Td <")


def lean(page):
    """Leave out what draws neither text nor pictures, and join letters: to read the rest is quick.

    What the page says, and where, stays the same.
    """
    stream = DecodedStreamObject()
    stream.set_data(STEP.sub(b"", NO_TEXT.sub(b"", page.get_contents().get_data())))
    page[NameObject("/Contents")] = stream
    return page


def filled(page):
    """Return a printed page's text, how much of it is used from its top, and its pictures' ends."""
    heights, pictures = [], []
    top, bottom = (297 - 22) * MM, 20 * MM

    def text(said, matrix, text_matrix, font, size):
        y = matrix[1] * text_matrix[4] + matrix[3] * text_matrix[5] + matrix[5]
        if said.strip() and bottom - 2 < y < top:
            heights.append(y)

    def operand(name, operands, matrix, text_matrix):
        kinds = page["/Resources"].get("/XObject", {})
        if name == b"Do" and kinds[operands[0]].get_object()["/Subtype"] == "/Image":
            ends = sorted((matrix[5], matrix[5] + matrix[3]))
            pictures.append(ends)
            heights.append(max(ends[0], bottom))

    said = page.extract_text(visitor_text=text, visitor_operand_before=operand)
    return said, (top - min(heights, default=top)) / (top - bottom), pictures


def test_no_page_of_the_pdf_is_nearly_empty_and_no_picture_torn(pdf):
    torn, empty, pictures = [], [], 0
    # How much is left for the last sheet of a page of the book, or of the hints, is chance.
    solutions = [name for name in pdf.named_destinations if name.startswith("/solution--")]
    begin = [pdf.named_destinations[f"/{paper.anchor(page)}"] for page in content(pdf.edition)]
    lasts = {*map(pdf.get_destination_page_number, begin), len(pdf.sheets)}  # counted from 0 there
    lasts.add(min(pdf.get_destination_page_number(pdf.named_destinations[s]) for s in solutions))
    for number, (_, share, there) in enumerate(pdf.sheets, 1):
        pictures += len(there)
        torn += [number for ends in there if ends[0] < 20 * MM - 2 or ends[1] > 275 * MM + 2]
        empty += [number] if share < 0.12 and number not in lasts else []
    assert pictures > 15
    assert torn == []
    assert empty == []


def test_hints_and_solutions_are_at_the_end_of_the_pdf(pdf):
    numbers = {
        name: pdf.get_destination_page_number(place) + 1
        for name, place in pdf.named_destinations.items()
    }
    last = max(numbers[f"/{paper.anchor(page)}"] for page in content(pdf.edition))
    places = [name for name in numbers if name.startswith("/hint--")]
    assert len(places) > 30
    for hint in places:
        exercise = hint.removeprefix("/hint--")
        solution = f"/solution--{exercise}"
        assert last < numbers[hint] < numbers[solution]
        said = [
            pdf.edition.site["on_page"].format(what=pdf.edition.phrases[kind], page=numbers[place])
            for kind, place in (("hint", hint), ("solution", solution))
        ]
        # Where the exercise stands, its line may be on the next page.
        page = numbers[f"/{exercise}"]
        text = "".join("".join(text.split()) for text, _, _ in pdf.sheets[page - 1 : page + 1])
        assert all("".join(each.split()) in text for each in said), exercise


def bare(element):
    """Return the letters of a fold, or of a hint or solution on paper without its heading."""
    parsed = BeautifulSoup(str(element), "html.parser")
    for each in parsed.select(".katex-mathml, button, h3"):
        each.decompose()
    return re.sub(r"\W", "", parsed.get_text())


def test_what_has_no_place_on_paper_is_not_there(assembled, browser, tmp_path):
    edition, html = assembled
    html = book_pdf.with_room(html)
    book = BeautifulSoup(html, "html.parser")
    assert not book.select(".attnlib-check, details, summary, button, script")
    for page in chapters(edition):
        folds = soup(page).select("details")
        on_screen = soup(page).select_one("#exercises p").get_text()
        section = book.find(id=paper.anchor(page, "exercises"))
        assert section.p.get_text() == edition.site["exercises_printed"] != on_screen
        assert len(section.select(".folded")) == len(folds) / 2
        for number, kind in enumerate(paper.KINDS):
            texts = book.select(f"#{kind}s--{paper.anchor(page)} > section")
            for fold, text in zip(folds[number::2], texts, strict=True):
                assert bare(fold).removeprefix(edition.phrases[kind]) == bare(text)
    window = browser.new_page(viewport={"width": 643, "height": 900})  # as wide as the text
    window.emulate_media(media="print")
    (tmp_path / "book.html").write_text(html, encoding="utf-8")
    window.goto((tmp_path / "book.html").as_uri())
    narrow = window.evaluate(
        """() => [...document.querySelectorAll('tbody tr:has(> :nth-child(5)) > :first-child')]
          .filter((cell) => {
            const words = cell.textContent.trim().split(/\\s+/);
            const range = document.createRange();
            range.selectNodeContents(cell);
            const ends = [...range.getClientRects()].map((r) => r.bottom).sort((a, b) => a - b);
            const lines = ends.filter((end, i) => i === 0 || end - ends[i - 1] > 6);
            return words.length > 2 && lines.length >= words.length && !cell.querySelector('.math');
          }).map((cell) => cell.textContent)"""
    )
    window.close()
    assert narrow == []
