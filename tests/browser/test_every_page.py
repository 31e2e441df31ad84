"""Every page, on a desk in the light and on a phone in the dark: whole, quiet, light, legible.

Loading a page takes longest, so the tests of a page share a window: a test may leave it scrolled,
yet not in another width, theme or medium than it found it in. Other editions have their pages laid
out by the same rules, with other words in them (tests/site/test_twins.py, tests/translations): they
are asked what depends on words, on a phone that is then made as wide as a desk.
"""

import functools
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pydata_sphinx_theme
import pytest
import tinycss2

from tests.browser.axe import violations
from tests.browser.conftest import packed
from tests.browser.contrast import FOREIGN, MARK, forced_colors, hardly_seen, unseen_focus
from tests.browser.drawn import drawn_otherwise
from tests.browser.reach import sized
from tests.browser.reader import DESK, DESKS, MANNERS, NARROW, PHONE, Reader, layouts, no_finger
from tests.site.built import BARE, SITE, chinese_of, content, edition_of, originals, pages, soup
from tools.site.used_rules import selectors

PAGES = [page for page in pages() if page not in BARE]
ORIGINALS = originals(PAGES)
WITH_FIGURES = [page for page in PAGES if soup(page).select(".live-figure")]
COLLECTS_NAMES = True  # for tests/evidence.py: a test of a page depends on that page
# Gzipped: pages with a trained model, with figures, and with neither.
KILOBYTES = {"model": 690, "figures": 560, "text": 300}
# Beside those: of an edition's Chinese, where the machine has none (tests/site/test_assets.py).
CHINESE_KILOBYTES = 300
MOST_SHIFT = 0.05


def has_model(page):
    """Whether a figure of the page carries packed weights."""
    state = soup(page).find("script", type="application/vnd.jupyter.widget-state+json")
    return bool(state) and '"scales"' in state.string


def reading(visit, path, **options):
    window = visit(**options)
    yield Reader(window, path)
    window.close()


@pytest.fixture(scope="module", params=ORIGINALS)
def desk(request, lasting_visit):
    yield from reading(lasting_visit, request.param, **DESK)


@pytest.fixture(scope="module", params=PAGES)
def phone(request, lasting_visit):
    yield from reading(lasting_visit, request.param, **PHONE)


@pytest.fixture(scope="module")
def desk_layouts(desk):
    return layouts(desk, DESKS)


@pytest.fixture(scope="module")
def phone_layouts(phone):
    """Those of a desk, too, where no desk has opened the page."""
    found = layouts(phone, NARROW)
    if phone.path not in ORIGINALS:
        with no_finger(phone.page):
            found |= layouts(phone, DESKS)
    return found


def loads_without_a_complaint(reader):
    assert reader.page.locator("h1").first.is_visible()
    assert reader.window.states() == ["alive"] * len(reader.figures())
    assert bool(reader.figures()) is (reader.path in WITH_FIGURES)
    assert reader.window.problems == []


def test_a_desk_loads_it_without_a_complaint(desk):
    loads_without_a_complaint(desk)


def test_a_phone_loads_it_without_a_complaint(phone):
    loads_without_a_complaint(phone)


def test_nothing_jumps_on_a_desk(desk, report):
    report(f"{desk.path}: layout shift {desk.shift:.3f} on a desk")
    assert desk.shift < MOST_SHIFT


def test_nothing_jumps_on_a_phone(phone, report):
    report(f"{phone.path}: layout shift {phone.shift:.3f} on a phone")
    assert phone.shift < MOST_SHIFT


def weight_is_in_its_budget(reader, report):
    sizes = {}
    for url in reader.loaded:
        if url.startswith(reader.window.root):
            path = SITE / unquote(urlsplit(url).path).lstrip("/")
            sizes[path.name] = len(packed(path)) / 1000
    weight, heavy = sum(sizes.values()), sorted(sizes, key=sizes.get)[-3:]
    names = ", ".join(f"{name} {sizes[name]:.0f}" for name in heavy)
    report(f"{reader.path}: {weight:.0f} kB gzipped in {len(sizes)} files (most: {names})")
    assert len(sizes) > 8
    kind = "figures" if reader.path in WITH_FIGURES else "text"
    chinese = sum(size for name, size in sizes.items() if name.startswith("NotoSansSC-"))
    assert chinese <= CHINESE_KILOBYTES
    assert weight - chinese <= KILOBYTES["model" if has_model(reader.path) else kind], sizes


def test_its_weight_on_a_desk(desk, report):
    weight_is_in_its_budget(desk, report)


def test_its_weight_on_a_phone(phone, report):
    weight_is_in_its_budget(phone, report)


def each_figure_has_the_room_kept_for_it(layouts):
    for size in (DESKS[0], NARROW[0]):
        for kept, needed in layouts.get(size, {}).get("rooms", []):
            assert kept == pytest.approx(needed, abs=2), size


def test_the_room_kept_for_figures_fits_on_a_desk(desk_layouts):
    each_figure_has_the_room_kept_for_it(desk_layouts)


def test_the_room_kept_for_figures_fits_on_a_phone(phone_layouts):
    each_figure_has_the_room_kept_for_it(phone_layouts)


def nothing_is(wrong, layouts):
    assert {size: found[wrong] for size, found in layouts.items() if found[wrong]} == {}


def test_nothing_sticks_out_on_a_desk(desk_layouts):
    nothing_is("sticks out", desk_layouts)


def test_nothing_sticks_out_on_a_phone(phone_layouts):
    nothing_is("sticks out", phone_layouts)


def test_no_line_tears_a_formula_from_its_full_stop_or_a_number_from_its_unit_on_a_desk(
    desk_layouts,
):
    nothing_is("torn", desk_layouts)


def test_no_line_tears_a_formula_from_its_full_stop_or_a_number_from_its_unit_on_a_phone(
    phone_layouts,
):
    nothing_is("torn", phone_layouts)


def test_every_text_can_be_brought_into_view_on_a_desk(desk_layouts):
    nothing_is("cut off", desk_layouts)


def test_every_text_can_be_brought_into_view_on_a_phone(phone_layouts):
    nothing_is("cut off", phone_layouts)


def nothing_is_cut_off(layouts, manner):
    found = {size: layouts[size][manner] for size in (DESKS[0], NARROW[0]) if size in layouts}
    assert found
    assert not any(found.values()), found


@pytest.mark.parametrize("manner", MANNERS)
def test_every_text_can_be_brought_into_view_in_the_readers_manner_on_a_desk(desk_layouts, manner):
    nothing_is_cut_off(desk_layouts, manner)


@pytest.mark.parametrize("manner", MANNERS)
def test_every_text_can_be_brought_into_view_in_the_readers_manner_on_a_phone(
    phone_layouts, manner
):
    nothing_is_cut_off(phone_layouts, manner)


# Chinese by the weight of the face that it needs. Figures have no bold Chinese of their own.
CHINESE = """() => {
  const found = { 400: new Set(), 700: new Set() };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    if (element.closest('script, style')) continue;
    const light = getComputedStyle(element).fontWeight < 550;
    const regular = light || element.closest('.live, pre, code');
    for (const letter of node.data) {
      if (/[\\u2e80-\\u9fff\\uff00-\\uffef]/.test(letter)) found[regular ? 400 : 700].add(letter);
    }
  }
  return Object.entries(found).map(([weight, letters]) => [weight, [...letters].join('')]);
}"""


def test_the_page_has_brought_the_chinese_that_is_seen(phone):
    phone.window.open_all_boxes()
    has = chinese_of(phone.path)
    for weight, letters in phone.page.evaluate(CHINESE):
        assert set(letters) <= has.get(int(weight), set()), weight


def rules_of(css):
    """Return the selectors of a stylesheet."""
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    for rule in rules:
        inner = rule.content if rule.type == "at-rule" and rule.lower_at_keyword == "media" else []
        for each in [rule, *tinycss2.parse_rule_list(inner or [])]:
            if each.type == "qualified-rule":
                yield from (tinycss2.serialize(part).strip() for part in selectors(each.prelude))


@functools.cache
def cut_selectors():
    """Return what the site's copy of the theme's style has no longer."""
    name = "styles/pydata-sphinx-theme.css"
    whole = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme/static" / name
    there = set(rules_of((SITE / "_static" / name).read_text(encoding="utf-8")))
    cut = sorted(set(rules_of(whole.read_text(encoding="utf-8"))) - there)
    return [each for each in cut if not each.startswith(".fa-")]  # icons: tests/site/test_assets.py


STATES = "before|after|hover|focus[a-z-]*|active|checked|disabled|marker|backdrop"
MATCHED = """(selectors) => selectors.filter((selector) => {
  const plain = selector.replace(/::?(STATES)\\b/g, '') || '*';
  try { return document.querySelector(plain); } catch { return false; }
})""".replace("STATES", STATES)


def cut_rules_match_nothing(reader):
    reader.window.open_all_boxes()
    assert len(cut_selectors()) > 1000
    assert reader.page.evaluate(MATCHED, cut_selectors()) == []


def test_rules_that_were_cut_match_nothing_on_a_desk(desk):
    cut_rules_match_nothing(desk)


def test_rules_that_were_cut_match_nothing_on_a_phone(phone):
    cut_rules_match_nothing(phone)


# Which of the two, and how much wider it is drawn than it is meant to be or than there is room.
SHOWN = """() => [...document.querySelectorAll('article picture img')].map((image) => {
  const room = image.closest('.cell_output, section').clientWidth;
  const meant = Math.min(image.naturalWidth / 2, room);
  return [image.currentSrc.endsWith('-narrow.png'), Math.round(image.clientWidth - meant)];
})"""


# All of them, although they usually load when they come near.
LOADED = """() => Promise.all([...document.querySelectorAll('article picture img')].map((image) => {
  image.loading = 'eager';
  return image.decode();
}))"""


def test_a_desk_gets_the_wide_pictures_and_a_phone_the_narrow_ones(desk):
    desk.window.open_all_boxes()
    pictures = desk.page.locator("article picture img").count()
    for width, narrow in ((360, True), (1300, False)):
        with sized(desk.page, width, 900):
            desk.page.evaluate(LOADED)
            assert desk.page.evaluate(SHOWN) == [[narrow, 0]] * pictures


# Colours do not depend on the width, nor the layout on the colours: two windows see it all.
def test_axe_on_a_desk_in_the_light(desk):
    desk.window.open_all_boxes()
    assert violations(desk.page) == []


@functools.cache
def styled_by(page):
    """Return the names by which rules of style find what stands on a page."""
    return {name for element in soup(page).select("body [class]") for name in element["class"]}


def has_colours_of_its_own(page):
    """Whether rules may style it that no original has tried; of an original no other is asked."""
    if page in ORIGINALS:
        return True
    return not styled_by(page) <= set().union(*map(styled_by, ORIGINALS))


def test_axe_on_a_phone_in_the_dark(phone):
    phone.window.open_all_boxes()
    assert violations(phone.page, colours=has_colours_of_its_own(phone.path)) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_are_seen_in_forced_colours(desk, scheme):
    for figure in desk.figures():
        figure.evaluate(MARK)
    with forced_colors(desk.page, scheme):
        for figure in desk.figures():
            told, hardly = hardly_seen(figure)
            assert told > 0
            assert hardly == []
            assert figure.evaluate(FOREIGN) == []


def test_the_focus_is_seen(desk):
    for forced in ("none", "active"):
        desk.page.emulate_media(forced_colors=forced)
        tried, unseen = unseen_focus(desk.page)
        assert tried > 10
        assert unseen == [], forced
    desk.page.emulate_media(forced_colors="none")


def test_print_shows_text_and_still_pictures_only(desk):
    desk.page.emulate_media(media="print")
    assert desk.page.locator("h1").first.is_visible()
    for figure in desk.figures():
        assert figure.locator(".still img").is_visible()
        assert not figure.locator(".live").is_visible()
    for hidden in ("#pst-primary-sidebar", "#pst-secondary-sidebar", ".bd-header-article"):
        assert not desk.page.locator(hidden).is_visible(), hidden
    desk.page.emulate_media(media="screen")


# What moves by itself in a figure; figures follow the reader's hand all the same.
MOVING = """() => [...document.querySelectorAll('.live *')].filter((element) => {
  const { transitionDuration, animationName } = getComputedStyle(element);
  return animationName !== 'none' || transitionDuration.split(', ').some((time) => time !== '0s');
}).map((element) => element.outerHTML.slice(0, 120))"""


def test_reduced_motion_is_respected(desk):
    desk.page.emulate_media(reduced_motion="reduce")
    assert desk.page.evaluate(MOVING) == []
    desk.page.emulate_media(reduced_motion="no-preference")


def test_chinese_is_drawn_with_the_font_of_the_book(phone):
    """The last but one of a page's tests on a phone: it puts elements of its own into the page."""
    assert drawn_otherwise(phone.window, phone.path) == []


def test_nothing_complained_meanwhile(desk):
    assert desk.window.problems == []


def test_nothing_complained_meanwhile_on_a_phone(phone):
    assert phone.window.problems == []


@pytest.mark.parametrize("path", PAGES)
def test_it_works_from_the_disk(visit, path):
    window = visit("file")
    page = window.open(path)
    if path in ORIGINALS:
        window.come_near_all_figures()
        assert set(window.states()) <= {"alive"}
    if path in content(edition_of(path))[:3]:  # they bring their Chinese in one and the same way
        assert drawn_otherwise(window, path) == []
    page.wait_for_timeout(100)
    assert page.locator("h1").first.is_visible()
    assert window.problems == []
