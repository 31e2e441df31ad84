"""DateTranslator in the page: it translates as torch does, whatever is typed is data."""

import pytest

from attnlib.widgets import DateTranslator
from attnlib.widgets.translator_model import Translation
from tests.browser.axe import violations
from tests.figures.stage import Stage, follow, put_back, shown
from tests.figures.typed import MOST, TYPE, dearest
from tests.widgets.test_translator import (
    agrees,
    chapter_figure,
    dates,
    random_translator,
    sample_texts,
)


@pytest.fixture(scope="module")
def large(lasting_visit):
    """A figure of the size that the chapter's has, with random weights."""
    figure = random_translator(examples=["17 Nov", "1. 2. 2003"])
    window = lasting_visit()
    Stage([figure])(window)
    yield window, figure
    assert window.problems == []


@pytest.fixture
def page(large):
    return put_back(large[0].page)


def note(page):
    return page.locator(".live .attn-translator-note").inner_text()


def test_two_hundred_dates_of_all_locales_are_translated_as_torch_does(lasting_visit):
    """By the model of the chapter: it knows half of the locales, and writes something anyway."""
    figure = chapter_figure(DateTranslator)
    window = lasting_visit()
    page = Stage([figure])(window)
    texts = dates()
    seen = page.evaluate(TYPE, texts)
    assert [each["text"] for each in seen] == texts
    agrees(seen, Translation(figure.drawing.get_state()))
    assert len({tuple(each["made"]) for each in seen}) > 100
    assert window.problems == []


def test_a_text_costs_less_than_thirty_milliseconds(large, report):
    window, _ = large
    cost = dearest(window, sample_texts(40)[-3:])  # the longest
    report(f"DateTranslator: at most {cost:.1f} ms of script and layout for a text typed")
    assert cost <= MOST


def test_characters_of_the_answer_are_chosen_by_pointer_keys_and_slider(page):
    radios = page.get_by_role("radiogroup").get_by_role("radio")
    assert radios.count() == len(shown(page)["made"])
    radios.nth(2).click()
    follow(page)
    assert shown(page)["at"] == 2
    page.keyboard.press("ArrowRight")
    follow(page)
    assert shown(page)["at"] == 3
    assert page.evaluate("document.activeElement.getAttribute('aria-checked')") == "true"
    page.keyboard.press("Home")
    follow(page)
    assert shown(page)["at"] == 0
    page.get_by_role("slider", name="character").press("ArrowRight")
    follow(page)
    assert radios.nth(1).get_attribute("aria-checked") == "true"
    assert violations(page) == []


def test_arcs_lead_to_where_each_head_looks(page):
    seen = shown(page)
    paths = page.locator(".attn-translator-arcs g").evaluate_all(
        "all => all.map((g) => [...g.children].map((p) => p.getAttribute('d')).join(''))"
    )
    assert len(paths) == 4
    for head, path in enumerate(paths):
        visible = [weight for weight in seen["weights"][head] if weight >= 0.05]
        assert path.count("M") == len(visible) > 0
    page.get_by_role("checkbox", name="head 1").uncheck()
    follow(page)
    assert shown(page)["on"] == [True, False, True, True]
    hidden = page.locator(".attn-translator-arcs g").evaluate_all(
        "all => all.map((g) => g.getAttribute('display'))"
    )
    assert hidden == ["inline", "none", "inline", "inline"]
    assert page.locator(".attn-translator-head").nth(1).inner_text().strip().endswith("off")


def test_bars_are_the_probabilities(page):
    seen = shown(page)
    heights = page.locator(".attn-translator-bar").evaluate_all(
        "all => all.map((each) => each.getBoundingClientRect().height)"
    )
    assert len(heights) == len(seen["probabilities"]) == 14
    assert heights.index(max(heights)) == seen["made"][seen["at"]]
    best = page.locator(".attn-translator-best")
    assert best.count() == 1
    assert f"{max(seen['probabilities']):.2f}" in best.inner_text()


def test_a_button_puts_its_text_into_the_field_and_reset_takes_it_out(page):
    field = page.locator(".live .widget-text input")
    page.get_by_role("button", name="17 Nov", exact=True).click()
    follow(page)
    assert field.input_value() == shown(page)["text"] == "17 Nov"
    page.locator(".live .attn-button").click()
    follow(page)
    assert field.input_value() == shown(page)["text"] == "Tuesday, 17 November 2026"


def test_markup_is_text(page):
    (seen,) = page.evaluate(TYPE, ["<img src=x onerror='window.hit = 1'><b>17</b>"])
    assert seen["text"] == "<img src=x onerror='window.hit = 1'><b>1"[:40]
    assert note(page) == "Only the first 40 characters are read."
    assert page.locator(".live b, .live img").count() == 0
    assert page.evaluate("window.hit") is None


def test_unknown_characters_are_shown_as_such(page):
    page.evaluate(TYPE, ["1\u202e年 2"])
    cells = page.locator(".attn-translator-source > span")
    assert cells.all_inner_texts() == ["1", "␣", "年", "␣", "2"]
    assert page.locator(".attn-translator-unknown").all_inner_texts() == ["␣", "年"]
    assert note(page).startswith("Dashed: characters that the model does not know.")


@pytest.mark.parametrize("text", ["", " \t "])
def test_where_there_is_nothing_to_read_it_says_so(page, text):
    (seen,) = page.evaluate(TYPE, [text])
    assert seen["made"] == []
    assert note(page) == "Type a date."
    assert not page.locator(".attn-translator-parts").is_visible()
    (seen,) = page.evaluate(TYPE, ["17 Nov"])
    assert seen["made"]  # and goes on
    assert page.locator(".attn-translator-parts").is_visible()


def test_it_is_spoken(page):
    page.evaluate(TYPE, ["17 Nov"])
    region = page.locator(".live [role=status]")
    page.wait_for_function(
        "e => /^17 Nov → .*: head 0: . 0\\.\\d\\d, head 1: /.test(e.textContent)",
        arg=region.element_handle(),
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_longest_text_fits_a_phone(visit, scheme):
    figure = DateTranslator(text="Wednesday, 30 September 2026, or later..")
    window = visit(
        viewport={"width": 360, "height": 780}, color_scheme=scheme, has_touch=True, is_mobile=True
    )
    page = Stage([figure])(window)
    assert page.locator(".attn-translator-source > span").count() == 40
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert violations(page) == []
    assert window.problems == []
