"""Forced colours (high contrast) in the text: formulas keep their ink, what scrolls shows it."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import FLAGS, Contexts, Visit
from tests.browser.reader import PHONE
from tests.site.built import address
from tools.find_browser import find_browser

# With hats, fractions and limits of sums: what lies close to a letter.
FORMULAS = [address(name) for name in ("02_scaled_dot_product", "04_multi_head")]
SCROLLS = """() => [...document.querySelectorAll(
    '.bd-article :is(.pst-scrollable-table-container, div.math, pre)')]
  .filter((box) => box.checkVisibility() && box.scrollWidth > box.clientWidth)
  .map((box) => {
    const { borderTopWidth, borderBottomWidth } = getComputedStyle(box);
    const borders = parseFloat(borderTopWidth) + parseFloat(borderBottomWidth);
    return [box.textContent.trim().slice(0, 40), box.offsetHeight - box.clientHeight - borders];
  })"""


# Where the parts of a formula lie in it: letters with hats, fractions, sums with their limits.
PARTS = """(formula) => {
  const at = formula.getBoundingClientRect();
  return [...formula.querySelectorAll('.base :is(.mord, .mop, .mfrac)')].map((part) => {
    const { x, y, width, height } = part.getBoundingClientRect();
    return [part.textContent, x - at.x, y - at.y, width, height];
  }).filter(([, , , width, height]) => width > 1 && height > 1);
}"""


def ink(formula):
    """Return how many pixels of each part of a formula are dark."""
    shot = Image.open(io.BytesIO(formula.screenshot(animations="disabled")))
    dark = np.asarray(shot.convert("L")) < 128
    return [
        (text, int(dark[max(0, int(y)) : int(y + high) + 1, int(x) : int(x + wide) + 1].sum()))
        for text, x, y, wide, high in formula.evaluate(PARTS)
    ]


@pytest.mark.parametrize("path", FORMULAS)
def test_formulas_keep_all_their_ink(visit, path):
    window = visit()
    page = window.open(path)
    formulas = [each for each in page.locator("div.math .katex").all() if each.is_visible()]
    usual = [part for each in formulas for part in ink(each)]
    page.emulate_media(forced_colors="active", color_scheme="light")
    forced = [part for each in formulas for part in ink(each)]
    assert len(usual) > 10
    lost = [
        (text, before, after)
        for (text, before), (_, after) in zip(usual, forced, strict=True)
        if after < 0.9 * before - 2
    ]
    assert lost == []


@pytest.fixture
def with_scroll_bars(playwright, server):
    """A phone, on which bars lie over what scrolls and fade away, unless a page has its own."""
    browser = playwright.chromium.launch(
        executable_path=find_browser(),
        args=FLAGS,
        ignore_default_args=["--hide-scrollbars"],  # which Playwright would add
    )
    yield Visit(Contexts(browser), server, **PHONE, forced_colors="active")
    browser.close()


def test_what_scrolls_sideways_has_a_bar_that_stays(with_scroll_bars):
    """The shadow at its edge is a gradient: forced colours take it away."""
    for name in ("03_masks", "speed", "teachers"):
        boxes = with_scroll_bars.open(address(name)).evaluate(SCROLLS)
        assert boxes, name
        assert [text for text, bar in boxes if bar < 8] == [], name
    assert with_scroll_bars.problems == []
