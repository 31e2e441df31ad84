"""PhraseReader in the page: it reads as torch does, whatever is typed is data, its parts work."""

import pytest

from attnlib.widgets import PhraseReader
from attnlib.widgets.reading_model import Reading
from tests.browser.axe import violations
from tests.figures.stage import Stage, follow, put_back, shown
from tests.figures.typed import MOST, TYPE, dearest
from tests.widgets.test_reading import agrees, phrases, random_reader


@pytest.fixture(scope="module")
def large(lasting_visit):
    """A figure of the size that the chapter's has, with random weights."""
    figure = random_reader(2350, 240)
    window = lasting_visit()
    Stage([figure])(window)
    yield window, figure
    assert window.problems == []


@pytest.fixture(scope="module")
def window(lasting_visit):
    window = lasting_visit()
    Stage([PhraseReader()])(window)
    yield window
    assert window.problems == []


@pytest.fixture
def page(window):
    return put_back(window.page)


def type_(page, text):
    (seen,) = page.evaluate(TYPE, [text])
    return seen


def note(page):
    return page.locator(".live .attn-reading-note").inner_text()


def test_two_hundred_phrases_are_read_as_torch_reads_them(large):
    window, figure = large
    reading = Reading(figure.drawing.get_state())
    some = phrases(figure)[:200]
    for phrase, seen in zip(some, window.page.evaluate(TYPE, some), strict=True):
        assert seen["phrase"] == phrase[:10].strip()
        agrees(seen, reading)


def test_a_phrase_costs_less_than_thirty_milliseconds(large, report):
    window, figure = large
    cost = dearest(window, sorted(phrases(figure), key=len)[-5:])
    report(f"PhraseReader: at most {cost:.1f} ms of script and layout for a phrase typed")
    assert cost <= MOST


def test_a_button_puts_its_phrase_into_the_field_and_reset_takes_it_out(page):
    field = page.locator(".live .widget-text input")
    assert field.input_value() == "音乐"
    page.get_by_role("button", name="中国银行", exact=True).click()
    follow(page)
    assert field.input_value() == shown(page)["phrase"] == "中国银行"
    pressed = page.locator(".attn-typed-example[aria-pressed=true]")
    assert pressed.all_inner_texts() == ["中国银行"]
    field.fill("爱好好")
    follow(page)
    assert pressed.count() == 0
    page.locator(".live .attn-button").click()
    follow(page)
    assert field.input_value() == shown(page)["phrase"] == "音乐"


def test_heads_are_switched_off(page):
    assert shown(page)["readings"][1][1] > 0.97
    page.get_by_role("checkbox", name="head 0").uncheck()
    follow(page)
    seen = shown(page)
    assert seen["on"] == [False, True]
    assert seen["readings"][1][0] > 0.9  # what decided was found by that head
    assert page.locator(".attn-heads-table tbody tr:visible td:nth-child(2)").all_inner_texts() == (
        ["–"] * 4
    )
    assert page.locator(".attn-reading-best").inner_text().startswith("lè")


def test_a_shorter_reach_is_seen(page):
    page.get_by_role("slider", name="reach").press("Home")
    follow(page)
    assert shown(page)["weights"] == [[0, 0, 1, 0], [0, 0, 1, 0]]  # it sees itself alone
    rows = page.locator(".attn-heads-table tbody tr:visible")
    assert rows.locator(".attn-heads-masked").count() == 6
    assert rows.nth(0).locator("td").first.get_attribute("aria-label") == "out of reach"


def test_characters_are_chosen_by_pointer_and_by_keys(page):
    type_(page, "乐快好")
    radios = page.get_by_role("radiogroup").get_by_role("radio")
    assert radios.count() == 2
    assert shown(page)["at"] == 2
    radios.nth(0).click()
    follow(page)
    assert shown(page)["at"] == 0
    assert page.locator(".live .attn-title").all_inner_texts()[0] == "Where 乐 looks"
    page.keyboard.press("ArrowRight")
    follow(page)
    assert shown(page)["at"] == 2
    assert radios.nth(1).get_attribute("aria-checked") == "true"
    assert page.evaluate("document.activeElement.getAttribute('aria-checked')") == "true"
    page.keyboard.press("ArrowRight")
    follow(page)
    assert shown(page)["at"] == 2
    assert violations(page) == []


def test_what_was_counted_is_said(page):
    type_(page, "快乐")
    rows = page.locator(".attn-reading-counts tbody tr")
    assert [row.locator("th, td").all_inner_texts() for row in rows.all()] == [
        ["▸ between 快 and ⊣", "4", "0"],
        ["after 快", "4", "0"],
        ["before ⊣", "6", "0"],
        ["anywhere", "6", "0"],
    ]
    type_(page, "音乐快")
    assert page.locator(".attn-reading-decides").inner_text().startswith("▸ anywhere")
    verdict = page.locator(".attn-reading-verdict").inner_text()
    assert verdict == "The first place with a count decides: anywhere, lè."
    assert page.locator(".attn-reading-counted").inner_text() == "count: lè ≠"


def test_markup_is_text(page):
    seen = type_(page, "<img src=x onerror='window.hit = 1'>")
    assert seen["phrase"] == "<img src=x"
    assert "Only the first 10 characters are read." in note(page)
    seen = type_(page, "<b>乐</b>")
    assert page.locator(".attn-reading-character").all_inner_texts() == list("<b>乐</b>")
    assert page.locator(".live b, .live img").count() == 0
    assert page.evaluate("window.hit") is None
    assert seen["at"] == 3


def test_unknown_characters_are_shown_as_such(page):
    type_(page, "a\u202e乐\u0301龘\U0001f600")
    cells = page.locator(".attn-reading-cell")
    assert [cell.locator(".attn-reading-character").inner_text() for cell in cells.all()] == [
        "a",
        "␣",  # turns the direction of writing, and has no shape
        "乐",
        "␣",  # an accent that has nothing to stand on
        "龘",
        "\U0001f600",
    ]
    assert page.locator(".attn-reading-unknown").count() == 5
    assert page.locator(".attn-reading-unknown .attn-hidden").all_inner_texts() == ["unknown"] * 5
    assert note(page).startswith("Dashed: characters that the model does not know.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Type a phrase in Chinese characters."),
        (" \t ", "Type a phrase in Chinese characters."),
        ("中国", "No character of this phrase has several readings."),
    ],
)
def test_where_there_is_nothing_to_read_it_says_so(page, text, said):
    seen = type_(page, text)
    assert seen["at"] == -1
    assert note(page) == said
    assert not page.locator(".attn-reading-parts").is_visible()
    assert type_(page, "音乐")["at"] == 1  # and goes on
    assert page.locator(".attn-reading-parts").is_visible()


def test_it_is_spoken(page):
    type_(page, "快乐")
    region = page.locator(".live [role=status]")
    page.wait_for_function(
        "e => e.textContent.startsWith('乐: lè 0.99, count: lè. 乐 → head 0: ')",
        arg=region.element_handle(),
    )
    name = page.get_by_role("radio").get_attribute("aria-label")
    assert name == "乐: lè 0.99, yuè 0.01; count: lè"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_longest_phrase_fits_a_phone(visit, scheme):
    figure = random_reader(300, 240, phrase="一万一万一万一万一万")
    window = visit(
        viewport={"width": 360, "height": 780}, color_scheme=scheme, has_touch=True, is_mobile=True
    )
    page = Stage([figure])(window)
    type_(page, figure.drawing.characters[:10])
    assert page.locator(".attn-reading-cell").count() == 10
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert violations(page) == []
    assert window.problems == []
