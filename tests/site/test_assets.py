"""Fonts, widgets and packages: what the pages rely on is there, and fits together."""

import json
import re

import pytest
from fontTools.ttLib import TTFont
from sphinxcontrib import katex

from tests.site.built import EDITIONS, ROOT, SITE, pages, soup

PAGES = pages()
CHINESE = re.compile(r"[\u2e80-\u2fdf\u3001-\u9fff\uf900-\ufaff\uff00-\uffef]")
PINYIN = re.compile(r"[\u0100-\u02ba\u1e00-\u1eff]")


def characters(pattern):
    """Return all characters of this kind that some page shows, in text, code or alt text."""
    text = ""
    for page in PAGES:
        parsed = soup(page)
        text += parsed.get_text() + "".join(each["alt"] for each in parsed.select("[alt]"))
    return set(pattern.findall(text))


def glyphs(path):
    return {chr(code) for code in TTFont(SITE / "_static" / path).getBestCmap()}


def test_chinese_font_has_every_character_of_the_book():
    """The bold one has what is bold: tests/browser asks each page."""
    wanted = characters(CHINESE)
    assert set("早上好") <= wanted
    missing = wanted - glyphs("fonts/NotoSansSC-400.woff2")
    assert not missing, f"cut the fonts anew (make fonts), they lack {''.join(sorted(missing))}"


@pytest.mark.parametrize("style", ["normal", "italic"])
def test_text_face_has_the_letters_of_pinyin(style):
    wanted = characters(PINYIN)
    assert wanted
    assert wanted <= glyphs(f"vendor/fonts/source-sans-3-latin-ext-wght-{style}.woff2")


def test_icons_in_use_are_left_in_their_font():
    css = (SITE / "_static/styles/pydata-sphinx-theme.css").read_text(encoding="utf-8")
    font = glyphs("vendor/fontawesome/webfonts/fa-solid-900.woff2")
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
        code = re.search(rf"\.{name}:before[^{{]*{{content:\"\\([0-9a-f]+)\"", css)
        assert code, name
        assert chr(int(code[1], 16)) in font, name


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
