"""Each page of the site gets the Chinese that it shows, and nobody else's."""

import base64
import json
import re
from io import BytesIO

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
    """Give two editions their Chinese; the value says what a page loads: weight -> letters."""
    written = {
        "en/a.html": page("早 &#x4e0a;", example="好", table="重" * 301),
        "en/b.html": page("no Chinese"),
        "en/search.html": page("search"),
        "zh/a.html": page("早上好，注意力"),
        "zh/search.html": page("早"),
        "en/_static/script.js": r"say('\u610f')",
    }
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    for edition in ("en", "zh"):
        fonts.give_chinese(tmp_path / edition, FACES, STATIC)

    def loaded(name):
        address = re.search(r'href="(_static/fonts/[^"?]*)', (tmp_path / name).read_text("utf-8"))[
            1
        ]
        css = ((tmp_path / name).parent / address).read_text(encoding="utf-8")
        found = re.findall(r"font-weight: (\d+);[^}]*base64,([^\"]+)", css)
        return {
            int(weight): set(map(chr, TTFont(BytesIO(base64.b64decode(font))).getBestCmap()))
            for weight, font in found
        }

    return loaded


def test_a_page_gets_what_its_text_its_figures_and_scripts_show(site):
    assert site("en/a.html")[400] == set("早上好意")
    assert site("en/b.html")[400] == set("意")


def test_no_page_gets_another_editions(site):
    assert site("zh/a.html")[400] == set("早上好，注意力")
    assert not set("，注力") & site("en/search.html")[400]


def test_the_search_shows_pieces_of_all_pages_of_its_edition(site):
    assert site("en/search.html")[400] == set("早上好意")


def test_what_is_bold_somewhere_comes_in_bold_too(site):
    bold = set(map(chr, TTFont(STATIC / "fonts/NotoSansSC-700.woff2").getBestCmap()))
    assert site("zh/a.html")[700] == bold & set("早上好，注意力")
    assert set("早上好") <= bold


def test_formulas_are_read_to_their_end_and_no_further():
    inner = '<span class="mord">x</span><svg><path d="M0"/></svg><span>&lt;</span>'
    formula = f'<span class="katex-html" aria-hidden="true"><span>{inner}</span></span>'
    assert fonts.formulas(f"<p>a {formula} b {formula}</p>") == "x<x<"


def test_a_font_that_the_style_does_not_name_is_an_error():
    with pytest.raises(ValueError, match=r'the stylesheet must name url\("a\.woff2"\)'):
        fonts.inlined("p {}", "a.woff2", b"")
