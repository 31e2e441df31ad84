"""InductionLab in the page: it goes on as torch does, whatever is typed is data."""

import pytest

from attnlib.widgets import InductionLab
from attnlib.widgets.induction_model import Induction
from attnlib.widgets.weights import unpack
from tests.browser.axe import violations
from tests.figures.stage import Stage, follow, put_back, shown
from tests.figures.typed import MOST, TYPE, dearest
from tests.widgets.facts import chapter_state
from tests.widgets.test_induction import KNOWN, agrees, best, random_lab, sample_texts

FRESH = "早上好早上"


@pytest.fixture(scope="module")
def lab(lasting_visit):
    """The example, whose heads do what their names say."""
    window = lasting_visit()
    Stage([InductionLab(examples=[FRESH, "注意力注"])])(window)
    yield window
    assert window.problems == []


@pytest.fixture
def page(lab):
    return put_back(lab.page)


def note(page):
    return page.locator(".live .attn-induction-note").inner_text()


def candidates(page, nth):
    """Return what a list of the signs that may follow says: its title, and (sign, number)."""
    place = page.locator(".attn-induction-after").nth(nth)
    rows = [row.inner_text().split() for row in place.locator("[role=listitem]").all()]
    return place.locator(".attn-title").inner_text(), [tuple(row) for row in rows if row]


def test_two_hundred_texts_go_on_as_in_torch_with_the_weights_of_the_chapter(lasting_visit):
    state = chapter_state(InductionLab)
    figure = InductionLab(
        unpack(state["weights"]),
        state["signs"],
        num_heads=state["limits"]["heads"],
        base=state["limits"]["base"],
        text=state["text"],
    )
    model = Induction(figure.drawing.get_state())
    window = lasting_visit()
    page = Stage([figure])(window)
    texts = sample_texts()
    for box in (None, 0, 2):
        if box is not None:
            page.locator(".attn-heads-switch input").nth(box).click()
        seen = page.evaluate(TYPE, texts if box is None else texts[150:])
        for each in seen:
            agrees(each, model)
        if box is None:
            assert [each["text"] for each in seen] == texts
            assert len({best(each) for each in seen if each["signs"]}) > 20
    assert window.problems == []


def test_a_text_costs_less_than_thirty_milliseconds(lasting_visit, report):
    window = lasting_visit()
    Stage([random_lab(text=KNOWN[:24] * 2)])(window)
    cost = dearest(window, (KNOWN[2:26] * 2, KNOWN[5:29] * 2, KNOWN[9:33] * 2))
    report(f"InductionLab: at most {cost:.1f} ms of script and layout for a text typed")
    assert cost <= MOST


def test_places_are_chosen_by_pointer_keys_and_maps(page):
    radios = page.get_by_role("radiogroup").get_by_role("radio")
    assert radios.all_inner_texts() == list(FRESH)
    assert radios.nth(4).get_attribute("aria-checked") == "true"
    radios.nth(2).click()
    follow(page)
    assert shown(page)["at"] == 2
    page.keyboard.press("ArrowLeft")
    follow(page)
    assert shown(page)["at"] == 1
    assert page.evaluate("document.activeElement.getAttribute('aria-checked')") == "true"
    heads = page.locator(".attn-induction-head")
    for head in range(4):
        place = (head + 2) % 5
        drawn = heads.nth(head).locator(".attn-heads-map")
        drawn.scroll_into_view_if_needed()
        box = drawn.bounding_box()
        row = box["height"] / 6  # names of the keys on top
        page.mouse.click(box["x"] + 40, box["y"] + (place + 1.5) * row)
        follow(page)
        assert min(shown(page)["at"], 4) == place
        box = drawn.bounding_box()  # what follows the chosen place has come or gone above
        marker = heads.nth(head).locator(".attn-heads-marker").bounding_box()
        assert abs(marker["y"] - box["y"] - (place + 1) * row) < 2
        assert abs(marker["height"] - row) < 2
    assert violations(page) == []


def test_the_last_place_stays_the_last_one_while_a_text_grows(page):
    page.get_by_role("radio").nth(1).click()
    page.keyboard.press("End")
    follow(page)
    for text in ("早上好早上好", "早上"):
        page.evaluate(TYPE, [text])
        checked = page.locator(".attn-induction-sign[aria-checked=true]")
        assert checked.evaluate("e => e.nextElementSibling") is None
        assert len(shown(page)["weights"][0][0]) == len(text)


def test_maps_and_lists_say_what_the_numbers_say(page):
    seen = shown(page)
    title, rows = candidates(page, 1)
    assert title == f"After {FRESH}"
    assert rows[0] == ("好", f"{max(seen['odds'][1]):.2f}")
    assert len(rows) == 5
    assert not page.locator(".attn-induction-after").first.is_visible()  # it would say the same
    looks = page.locator(".attn-induction-top").all_inner_texts()
    assert [each.split()[1] for each in looks] == ["早", "早", "好", "早"]
    assert looks[0].split()[2:] == ["−1:", "1.00"]
    assert looks[2].split()[2:] == ["−2:", "1.00"]
    page.get_by_role("radio").nth(3).click()
    follow(page)
    title, rows = candidates(page, 0)
    assert title == "After 早上好早"
    assert rows[0] == ("上", f"{max(shown(page)['odds'][0]):.2f}")
    follows = page.locator(".attn-induction-after").first
    assert follows.locator(".attn-note").inner_text() == "In the text 上 follows."
    assert follows.locator(".attn-induction-true").inner_text().split()[0] == "上"
    assert candidates(page, 1)[0] == f"After {FRESH}"


def test_the_bar_below_a_sign_is_how_probable_it_was(page):
    widths = page.locator(".attn-induction-sign").evaluate_all(
        "all => all.map((each) => Number(each.style.getPropertyValue('--attn-share')))"
    )
    expected = shown(page)["expected"]
    assert widths == pytest.approx([0, *expected[1:]], abs=6e-4)
    assert expected[4] > 0.97  # 上, once 早 has come again
    assert max(expected[1:4]) < 0.5


def test_a_head_that_is_off_adds_nothing(page):
    before = shown(page)
    page.get_by_role("checkbox", name="layer 0, head 0").uncheck()
    follow(page)
    seen = shown(page)
    assert seen["on"] == [False, True, True, True]
    assert seen["weights"][0] == before["weights"][0]  # it looks all the same
    assert max(seen["weights"][1][0]) < 0.3  # and nobody finds the place any more
    assert page.locator(".attn-induction-top").first.inner_text().split()[1] == "off"
    assert candidates(page, 1)[1][0][0] != "好"
    page.get_by_role("checkbox", name="layer 0, head 0").check()
    page.get_by_role("checkbox", name="layer 1, head 1").uncheck()
    follow(page)
    assert shown(page)["odds"] == before["odds"]  # this one never added anything


def test_copies_are_shuffled_and_put_in_order_again(page):
    page.evaluate(TYPE, ["注意力早上注意力早上注意"])
    slider = page.get_by_role("slider", name="shuffle copies")
    orders = set()
    for order in range(1, 9):
        slider.press("ArrowRight")
        follow(page)
        signs = shown(page)["signs"]
        assert shown(page)["order"] == order
        assert signs[:5] == "注意力早上"
        assert sorted(signs[5:10]) == sorted("注意力早上")
        assert signs[5:10] != "注意力早上"
        assert "".join(page.locator(".attn-induction-sign").all_inner_texts()) == signs
        orders.add(signs)
    assert len(orders) == 8
    assert note(page) == "The first 5 signs are as typed, their copies in other orders."
    page.evaluate(TYPE, ["注意力早上"])
    assert note(page) == "Nothing is repeated here: there are no copies to shuffle."
    assert shown(page)["signs"] == "注意力早上"
    slider.press("Home")
    page.evaluate(TYPE, ["注意力早上注"])
    assert (note(page), shown(page)["signs"]) == ("", "注意力早上注")


def test_what_is_typed_is_text(page):
    (seen,) = page.evaluate(TYPE, ["早<img src=x onerror='window.hit = 1'> 上\u202e早"])
    assert seen["signs"] == "早上早"
    assert note(page).startswith("Left out, since the model does not know it: < i m g ␣ s r c")
    (seen,) = page.evaluate(TYPE, ["早上" * 30])
    assert note(page) == "Only the first 48 signs are read."
    assert len(seen["signs"]) == 48
    assert page.locator(".live b, .live img").count() == 0
    assert page.evaluate("window.hit") is None


@pytest.mark.parametrize("text", ["", " \t ", "x!"])
def test_where_there_is_nothing_to_read_it_says_so(page, text):
    (seen,) = page.evaluate(TYPE, [text])
    assert seen["signs"] == ""
    assert note(page) == "Type a text of the signs that the model knows."
    assert not page.locator(".attn-induction-layers").is_visible()
    (seen,) = page.evaluate(TYPE, ["早上"])
    assert seen["scores"]  # and goes on
    assert page.locator(".attn-induction-layers").is_visible()


def test_a_button_puts_its_text_into_the_field_and_reset_takes_it_out(page):
    field = page.locator(".live .widget-text input")
    page.get_by_role("button", name="注意力注", exact=True).click()
    page.get_by_role("checkbox").first.uncheck()
    page.get_by_role("slider").press("ArrowRight")
    page.get_by_role("radio").first.click()
    follow(page)
    seen = shown(page)
    assert field.input_value() == seen["text"] == "注意力注"
    assert (seen["order"], seen["at"], seen["on"][0]) == (1, 0, False)
    put_back(page)
    seen = shown(page)
    assert field.input_value() == seen["text"] == FRESH
    assert (seen["order"], seen["at"], seen["on"]) == (0, 47, [True] * 4)
    assert page.get_by_role("slider").get_attribute("aria-valuenow") in ("0", "0.0")


def test_it_is_spoken(page):
    page.get_by_role("checkbox", name="layer 0, head 1").uncheck()
    region = page.locator(".live [role=status]")
    page.wait_for_function(
        "e => /^早上好早上 → 好 1\\.00\\. layer 0, head 0: 早 −1: 1\\.00; "
        "layer 0, head 1: off; layer 1, head 0: 好 −2: 1\\.00; /.test(e.textContent)",
        arg=region.element_handle(),
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("length", [12, 48])
def test_long_texts_fit_a_phone(visit, scheme, length):
    figure = random_lab(text=KNOWN[30 : 30 + length // 2] * 2, examples=[KNOWN[:24] * 2])
    window = visit(
        viewport={"width": 360, "height": 780}, color_scheme=scheme, has_touch=True, is_mobile=True
    )
    page = Stage([figure])(window)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert violations(page) == []
    maps = page.locator(".attn-heads-map")
    assert maps.count() == 4
    assert min(each.bounding_box()["width"] for each in maps.all()) > 130
    if length == 12:  # names at the edges, large enough to be read
        size = maps.first.locator("text").first.evaluate(
            "e => e.getScreenCTM().a * parseFloat(getComputedStyle(e).fontSize)"
        )
        assert size > 10
    assert window.problems == []
