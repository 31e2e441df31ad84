"""CacheLab in the page: each bug writes what torch says, step by step."""

import json

import pytest

from attnlib.widgets import CacheLab
from attnlib.widgets.cache_lab_model import BUGS
from attnlib.widgets.translator_model import Translation
from book._ext import plain_code
from tests.browser.axe import violations
from tests.figures.stage import Stage, follow, put_back, shown
from tests.figures.typed import TYPE
from tests.widgets.test_cache_lab import agrees
from tests.widgets.test_translator import random_translator, sample_texts

BEFORE = "14 February 1998"
NAMES = [
    "none",
    "position 0",
    "no turn",
    "turned twice",
    "upper left",
    "prompt not kept",
    "not emptied",
]


@pytest.fixture(scope="module")
def lab(lasting_visit):
    figure = random_translator(CacheLab, before=BEFORE)
    window = lasting_visit()
    Stage([figure])(window)
    yield window, Translation(figure.drawing.get_state())
    assert window.problems == []


@pytest.fixture
def page(lab):
    return put_back(lab[0].page)


def row(page, table, name):
    """Return the cells of a row of a table, by its heading."""
    found = page.locator(".attn-cache-table").nth(table).locator("tr", has_text=name)
    return found.first.locator("td").all_inner_texts()


@pytest.mark.parametrize(("bug", "name"), list(zip(BUGS, NAMES, strict=True)))
def test_each_bug_writes_what_torch_says(page, lab, bug, name):
    page.locator(".widget-toggle-button", has_text=name).click()
    follow(page)
    assert shown(page)["bug"] == bug
    about = page.locator(".attn-cache-about").inner_text()
    assert (BEFORE in about) is (bug == "stale")
    for seen in page.evaluate(TYPE, sample_texts(8)[3:]):
        agrees(seen, lab[1], BEFORE)
    if bug in (BUGS[0], "stale"):  # the fewest parts, and the most
        assert violations(page) == []


def test_its_tables_say_what_its_numbers_say(page):
    page.locator(".widget-toggle-button", has_text="upper left").click()
    slider = page.get_by_role("slider", name="tokens fed")
    slider.press("Home")
    for _ in range(3):
        slider.press("ArrowRight")
    follow(page)
    seen = shown(page)
    assert seen["step"] == 4
    symbols = {i + 3: each for i, each in enumerate("-0123456789")} | {0: "∅", 1: "⊢", 2: "⊣"}
    made = [symbols[i] for i in seen["made"]]
    right = [symbols[i] for i in seen["right"]]
    blank = [""] * (len(made) - 4)
    assert row(page, 0, "fed") == ["⊢", *made[:3], *blank]
    assert row(page, 0, "written anew") == [*right[:4], *blank]
    marked = [a if a == b else f"{a} ≠" for a, b in zip(made[:4], right[:4], strict=True)]
    assert row(page, 0, "with the cache") == [*marked, *blank]
    assert row(page, 1, "token") == ["⊢", *made[:3]]
    assert row(page, 1, "turned by") == ["0", "1", "2", "3"]
    assert row(page, 1, "head 2") == ["1.00", "×", "×", "×"]
    cost = page.locator(".live .attn-note").last.inner_text()
    assert cost == (
        f"Kept: 4 keys and values of width 32, {seen['bytes']} bytes as float32. "
        "Keys computed so far: 4 with the cache, 10 without."
    )


def test_without_a_bug_it_says_that_all_is_the_same(page):
    page.locator(".widget-toggle-button", has_text="none").click()
    follow(page)
    verdict = page.locator(".attn-cache-verdict").inner_text()
    assert verdict.startswith("Same text, and the scores differ by rounding alone: ")
    assert page.locator(".attn-cache-wrong").count() == 0
    assert set(row(page, 0, "scores differ by")) == {"0.0"}


def test_a_bug_that_the_text_hides_is_told_by_the_scores(page):
    """After the first step or two: there many texts are still right."""
    slider = page.get_by_role("slider", name="tokens fed")
    slider.press("Home")
    slider.press("ArrowRight")
    verdicts = set()
    for text in sample_texts(30):
        (seen,) = page.evaluate(TYPE, [text])
        same = seen["made"][:2] == seen["right"][:2]
        hidden = same and max(seen["off"][:2]) > 1e-4
        verdict = page.locator(".attn-cache-verdict").inner_text()
        said = "Same text so far" if hidden else "Same text, and" if same else "Another text from"
        assert verdict.startswith(said), text
        verdicts.add(said)
    assert len(verdicts) >= 2


def test_two_figures_of_a_model_live_on_one_copy_of_its_weights(visit):
    first = random_translator(text="17 Nov")
    second = random_translator(CacheLab, text="17 Nov", before=BEFORE)
    stage = Stage([first, second])
    whole = len(json.dumps(stage.state))
    plain_code.share(stage.state["state"])
    models = stage.state["state"].values()
    assert sum("same_as" in (m["state"].get("weights") or {}) for m in models) == 1
    assert len(json.dumps(stage.state)) < whole - len(json.dumps(first.drawing.weights)) + 200
    window = visit()
    page = stage(window)
    assert window.states() == ["alive"] * 2
    numbers = page.locator(".live .attn-figure").evaluate_all(
        "all => all.map((each) => JSON.parse(each.dataset.numbers))"
    )
    assert numbers[0]["made"] == numbers[1]["right"]
    assert window.problems == []


def test_what_is_typed_is_text(page):
    (seen,) = page.evaluate(TYPE, ["<img src=x onerror='window.hit = 1'><b>17</b>"])
    assert len(seen["read"]) == 40
    assert page.locator(".attn-cache-note").inner_text() == "Only the first 40 characters are read."
    (seen,) = page.evaluate(TYPE, [" "])
    assert page.locator(".attn-cache-note").inner_text() == "Type a date."
    assert seen["made"] == []
    assert not page.locator(".attn-cache-verdict").is_visible()
    assert page.locator(".live b, .live img").count() == 0
    assert page.evaluate("window.hit") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_widest_tables_fit_a_phone(visit, scheme):
    figure = random_translator(CacheLab, bug="stale", before=BEFORE)
    window = visit(
        viewport={"width": 360, "height": 780}, color_scheme=scheme, has_touch=True, is_mobile=True
    )
    page = Stage([figure])(window)
    assert len(shown(page)["slots"]) > 12
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert violations(page) == []
    assert window.problems == []
