"""Characters outside the book's fonts: drawn by a font of the system, or named once."""

import warnings

import matplotlib as mpl
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager

from attnlib import plotting
from attnlib.plotting import glyphs

mpl.use("agg")
from matplotlib import pyplot as plt

RARE = "\ua000"  # Yi: in none of the fonts that this project uses


@pytest.fixture(autouse=True)
def _nothing_named_yet(monkeypatch):
    monkeypatch.setattr(glyphs, "_named", set())
    glyphs.family_with.cache_clear()
    glyphs.characters.cache_clear()
    yield
    plt.close("all")
    glyphs.family_with.cache_clear()


def font_file(path, family, character):
    """Write a font with one glyph, a full square."""
    pen = TTGlyphPen(None)
    for step, point in ((pen.moveTo, (0, 0)), (pen.lineTo, (0, 900)), (pen.lineTo, (900, 900))):
        step(point)
    pen.lineTo((900, 0))
    pen.closePath()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", "square"])
    font.setupCharacterMap({ord(character): "square"})
    font.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "square": pen.glyph()})
    font.setupHorizontalMetrics({".notdef": (1000, 0), "square": (1000, 0)})
    font.setupHorizontalHeader(ascent=900, descent=-100)
    font.setupNameTable({"familyName": family, "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(path)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Let this machine have a font that can draw the rare character."""
    monkeypatch.setattr(fontManager, "ttflist", [*fontManager.ttflist])
    font_file(tmp_path / "rare.ttf", "Rare Sans", RARE)
    fontManager.addfont(tmp_path / "rare.ttf")
    return "Rare Sans"


def test_a_font_of_the_system_draws_what_the_books_lack(installed):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = plotting.plot_attention([[1.0]], query_labels=[RARE], title=f"a {RARE}")
        known, _ = plotting.plot_attention([[1.0]], query_labels=["上"]).figure.png()
        drawn, _ = ax.figure.png()
    (label,) = ax.get_yticklabels()
    assert label.get_fontfamily() == [*plotting.FONT, installed]
    assert installed in ax._left_title.get_fontfamily()
    assert drawn != known


def test_a_title_that_is_set_later_is_drawn_too(installed):
    figure, ax = plotting.subplots()
    ax.set_title(RARE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.png()
    assert installed in ax.title.get_fontfamily()


def test_what_no_font_has_is_named_once_with_what_to_install():
    with pytest.warns(
        UserWarning, match=f"no font here has {RARE}:.*Install.*Noto Sans CJK"
    ) as told:
        ax = plotting.plot_attention([[1.0, 0.0]], query_labels=[RARE], key_labels=["上", RARE])
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax.figure.png()
        plotting.plot_numbers([[1]], groups=[[0]], row_labels=[RARE]).figure.png()


def test_the_axes_of_somebody_else_are_completed_too(installed):
    _, ax = plt.subplots()
    plotting.plot_attention([[1.0]], query_labels=[RARE], ax=ax)
    assert installed in ax.get_yticklabels()[0].get_fontfamily()


@pytest.mark.parametrize("text", ["早上好", "−1.5 √θ²", "abc", "$\\sqrt{d}$", "a\nb"])
def test_what_the_fonts_have_stays_as_it_is(text):
    figure, ax = plotting.subplots()
    ax.set_title(text, loc="left", fontfamily=plotting.FONT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        glyphs.complete(figure)
    assert ax._left_title.get_fontfamily() == plotting.FONT


def test_a_font_that_cannot_be_read_has_no_characters(tmp_path):
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    assert glyphs.characters(str(tmp_path / "broken.ttf")) == frozenset()
    assert glyphs.characters(str(tmp_path / "missing.ttf")) == frozenset()
