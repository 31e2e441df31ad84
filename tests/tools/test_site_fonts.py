"""Each edition of the site gets the Chinese that it shows, and nobody else's."""

import json
import re

import pytest
from fontTools.ttLib import TTFont

from tools.editions import ROOT
from tools.site import fonts

STATIC = ROOT / "book/_static"
FACES = (STATIC / "book.css").read_text(encoding="utf-8")
HEAD = '<link rel="stylesheet" type="text/css" href="../_static/book.css?v=1" />'
STATE = '<script type="application/vnd.jupyter.widget-state+json">{}</script>'


def page(text, **state):
    """A page with a text, and with one figure's state if there is one."""
    return f"<head>{HEAD}</head><p>{text}</p>" + (STATE.format(json.dumps(state)) if state else "")


@pytest.fixture
def site(tmp_path):
    """Give two editions their Chinese; the value says what one brings: weight -> letters."""
    written = {
        "en/a.html": page("早 &#x4e0a;", example="好", table="重" * 301),
        "en/b.html": page("no Chinese"),
        "en/bare.html": "<p>without a style</p>",
        "zh/a.html": page("早上"),
        "zh/b.html": page("好，注意力"),
        "en/_static/script.js": r"say('\u610f')",
    }
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    for edition in ("en", "zh"):
        fonts.give_chinese(tmp_path / edition, FACES, STATIC)
    return tmp_path


def sheet_of(site, name):
    """Return the stylesheet that a page names for its Chinese, with its version."""
    (address,) = re.findall(r'href="(_static/fonts/[^"]*)"', (site / name).read_text("utf-8"))
    return address


def brought(site, edition):
    """Return what an edition brings: weight -> letters."""
    folder = site / edition / "_static/fonts"
    css = (folder / "chinese.css").read_text(encoding="utf-8")
    found = re.findall(r'font-weight: (\d+);[^}]*url\("([^"?]+)\?v=', css)
    assert len(found) == 3
    return {int(w): set(map(chr, TTFont(folder / name).getBestCmap())) for w, name in found}


def test_an_edition_gets_what_its_texts_its_figures_and_scripts_show(site):
    assert brought(site, "en")[400] == set("早上好意")
    assert brought(site, "zh")[400] == set("早上好，注意力")


def test_all_pages_of_an_edition_share_its_chinese(site):
    assert sheet_of(site, "zh/a.html") == sheet_of(site, "zh/b.html")
    assert "_static" not in (site / "en/bare.html").read_text("utf-8")


def test_what_changes_gets_another_address(site):
    before = sheet_of(site, "zh/a.html")
    for name in ("a", "b"):
        (site / f"zh/{name}.html").write_text(page("早上好，注意力词"), encoding="utf-8")
    fonts.give_chinese(site / "zh", FACES, STATIC)
    assert sheet_of(site, "zh/a.html") != before


def test_what_is_bold_somewhere_comes_in_bold_too(site):
    bold = set(map(chr, TTFont(STATIC / "fonts/NotoSansSC-700.woff2").getBestCmap()))
    assert brought(site, "zh")[700] == bold & set("早上好，注意力")
    assert set("早上好") <= bold


def test_formulas_are_read_to_their_end_and_no_further():
    inner = '<span class="mord">x</span><svg><path d="M0"/></svg><span>&lt;</span>'
    formula = f'<span class="katex-html" aria-hidden="true"><span>{inner}</span></span>'
    assert fonts.formulas(f"<p>a {formula} b {formula}</p>") == "x<x<"


def test_a_font_that_the_style_does_not_name_is_an_error():
    with pytest.raises(ValueError, match=r'the stylesheet must name url\("a\.woff2"\)'):
        fonts.inlined("p {}", "a.woff2", b"")
