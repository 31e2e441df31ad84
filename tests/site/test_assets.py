"""Fonts, widgets and packages: what the pages rely on is there, and fits together."""

import json
import re
from functools import cache
from html import unescape

import pytest
from fontTools.ttLib import TTFont
from sphinxcontrib import katex

from tests.site.built import (
    BARE,
    EDITIONS,
    ROOT,
    SITE,
    chinese_of,
    chinese_sheet,
    edition_of,
    letters,
    pages,
    soup,
)

PAGES = pages()
WITH_THEME = [page for page in PAGES if page not in BARE]
WEB = ROOT / "book/_static/vendor"  # the fonts, uncut
CHINESE = re.compile(r"[\u2e80-\u2fdf\u3001-\u9fff\uf900-\ufaff\uff00-\uffef]")
PINYIN = re.compile(r"[\u0100-\u02ba\u1e00-\u1eff]")


def characters(pattern, page):
    """Return the characters of this kind that a page shows."""
    return set(filter(pattern.fullmatch, letters(page)))


@cache
def signs():
    """Return the characters that formulas show, on all pages."""
    formulas = [each for page in PAGES for each in soup(page).select(".katex-html")]
    return {sign for formula in formulas for sign in formula.get_text()}


def glyphs(font):
    return {chr(code) for code in TTFont(SITE / font).getBestCmap()}


@pytest.mark.parametrize("page", WITH_THEME)
def test_a_page_brings_the_chinese_that_it_shows(page):
    """In bold what is bold: tests/browser asks each page, and each living figure."""
    wanted = characters(CHINESE, page)
    assert set("早上好") <= wanted
    missing = wanted - chinese_of(page)[400]
    assert not missing, f"cut the fonts anew (make fonts), they lack {''.join(sorted(missing))}"


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
def test_an_edition_brings_no_other_chinese(edition):
    mine = [page for page in WITH_THEME if edition_of(page) == edition]
    source = unescape("".join((SITE / page).read_text(encoding="utf-8") for page in mine))
    shown = re.sub(r"\\u(\w{4})", lambda code: chr(int(code[1], 16)), source)  # in figures
    for script in sorted((SITE / edition.language / "_static").glob("*.js")):
        shown += script.read_text(encoding="utf-8")
    assert len({chinese_sheet(page) for page in mine}) == 1, "its pages share one sheet"
    for weight, there in chinese_of(mine[0]).items():
        assert there <= set(shown), weight
    assert not list(SITE.glob("_static/fonts/*.woff2")), "the whole fonts are no longer needed"


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
def test_a_machine_without_chinese_loads_a_bounded_font(edition):
    """Once: all pages of an edition have the same files."""
    fonts = list((SITE / edition.language / "_static/fonts").glob("*.woff2"))
    assert len(fonts) == 2
    assert sum(font.stat().st_size for font in fonts) <= 300_000


@pytest.mark.parametrize("style", ["normal", "italic"])
def test_text_face_has_what_is_shown_and_all_that_is_typed_in_western_europe(style):
    name = f"source-sans-3-latin-wght-{style}.woff2"
    whole, cut = glyphs(WEB / "fonts" / name), glyphs(f"_static/vendor/fonts/{name}")
    shown = set().union(*map(letters, PAGES))
    typed = set(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x100)]))
    assert whole & (shown | typed) <= cut
    assert len(cut) < 0.9 * len(whole)


@pytest.mark.parametrize(
    "font", sorted((WEB / "katex/fonts").glob("*.woff2")), ids=lambda f: f.stem
)
def test_formulas_have_their_signs(font):
    assert set("∑0q") <= signs()
    whole, cut = glyphs(font), glyphs(f"_static/vendor/katex/fonts/{font.name}")
    assert whole & signs() <= cut
    assert len(cut) < 0.9 * len(whole) or len(whole) < 20


@pytest.mark.parametrize("style", ["normal", "italic"])
def test_text_face_has_the_letters_of_pinyin(style):
    wanted = set().union(*(characters(PINYIN, page) for page in PAGES))
    assert wanted
    assert wanted <= glyphs(f"_static/vendor/fonts/source-sans-3-latin-ext-wght-{style}.woff2")


def test_icons_in_use_are_left_in_their_font():
    css = (SITE / "_static/styles/pydata-sphinx-theme.css").read_text(encoding="utf-8")
    font = glyphs("_static/vendor/fontawesome/webfonts/fa-solid-900.woff2")
    assert len(font) < 100, "the icon font has not been cut"
    used = {
        name
        for page in PAGES
        for icon in soup(page).select(".fa-solid, .fas")
        for name in icon["class"]
        if name.startswith("fa-") and name not in ("fa-solid", "fa-lg", "fa-fw")
    }
    assert {"fa-bars", "fa-moon", "fa-sun"} <= used
    for name in used:
        icon = re.search(rf"\.{name}:before[^{{]*{{content:\"(.)\"", css)
        assert icon, name
        assert icon[1] in font, name


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
def test_chapters_with_figures_are_found(edition):
    saved = [json.loads(path.read_text("utf-8"))["metadata"] for path in edition.chapters]
    assert any("widgets" in metadata for metadata in saved)


@pytest.mark.parametrize("page", pages())
def test_pages_leave_out_what_changes_nothing(page):
    """Fonts in the styles of figures, where the page has its own, and marks of uncoloured code."""
    text = (SITE / page).read_text(encoding="utf-8")
    assert "@font-face" not in text
    plain = soup(page).select(".highlight :is(.n, .nn, .p, .w)")
    assert not plain, plain[:3]


def test_uncoloured_code_has_the_colour_of_the_text():
    """Else the pages must not leave out its marks."""
    css = (SITE / "_static/pygments.css").read_text(encoding="utf-8")
    for theme in ("light", "dark"):
        ground = rf'html\[data-theme="{theme}"\] \.highlight'
        text = re.search(rf"{ground} {{[^}}]*[ ;]color: (#\w+)", css)[1]
        for mark in ("n", "nn", "p", "w"):
            rule = re.search(rf"{ground} \.{mark} {{([^}}]*)}}", css)[1]
            assert re.sub(r"/\*.*?\*/", "", rule).strip(" ;") == f"color: {text}", mark


def test_formulas_and_their_style_come_from_one_version_of_katex():
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    assert package["devDependencies"]["katex"] == katex.katex_version


def test_packages_are_pinned_with_integrity_and_without_a_registry():
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    assert "type" not in package, "it would turn scripts below .venv into ES modules"
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    for name, version in package["devDependencies"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
    for name, entry in lock["packages"].items():
        if name:
            assert entry["integrity"].startswith("sha512-"), name
            assert "resolved" not in entry, name


def test_licences_of_bundled_packages_are_there():
    text = (SITE / "_static/vendor/LICENSES.txt").read_text(encoding="utf-8")
    for name in ("@jupyter-widgets/base", "@jupyter-widgets/controls", "katex", "source-sans-3"):
        assert name in text
    assert "Licence:" not in text
    assert "<author>" not in text
