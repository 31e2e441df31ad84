"""The live figure of chapter 1 in the rendered page: every way to move it, and its numbers."""

import json
import re

import pytest
import torch

from attnlib import scaled_dot_product_attention
from tests.figures.stage import follow
from tests.site.built import address

PAGE = address("01_query_key_value")
KEYS = torch.tensor([[1, 1], [2, -1], [1, -1]], dtype=torch.float64)
VALUES = torch.tensor([[1, 3], [-1, 3], [-1, 1]], dtype=torch.float64)


class Figure:
    """The figure as its reader meets it."""

    def __init__(self, window, page):
        self.window, self.page = window, page
        self.root = page.locator(".live .attn-figure").first
        self.handle = self.root.locator(".attn-handle[role=slider]")
        self.sliders = page.locator(".live .widget-slider .noUi-handle")
        self.readouts = page.locator(".live .widget-readout")

    def query(self):
        """Return the query as the handle tells a screen reader, which the sliders must repeat."""
        text = self.handle.get_attribute("aria-valuetext").replace("−", "-")
        told = [float(number) for number in re.findall(r"-?\d+\.?\d*", text)]
        shown = [float(text.replace("−", "-")) for text in self.readouts.all_inner_texts()]
        assert told == shown
        return told

    def check_numbers(self):
        """Compare all that the figure shows with attnlib, for the query that it shows."""
        query = torch.tensor([self.query()], dtype=torch.float64)
        output, weights = scaled_dot_product_attention(
            query, KEYS, VALUES, scale=1.0, need_weights=True
        )
        shown = json.loads(self.root.get_attribute("data-numbers"))
        library = {"scores": (query @ KEYS.mT)[0], "weights": weights[0], "output": output[0]}
        for name, expected in library.items():
            torch.testing.assert_close(
                torch.tensor(shown[name], dtype=torch.float64), expected, atol=1e-5, rtol=0
            )
        rows = self.root.locator(".attn-table tbody tr").all()
        for row, weight in zip(rows, weights[0].tolist(), strict=True):
            assert f"{weight:.3f}" in row.inner_text()

    def moves(self, act):
        """Act; the query must have changed, the numbers with it; return where it went."""
        before = self.query()
        act()
        follow(self.page)
        after = self.query()
        assert after != before
        self.check_numbers()
        return [b - a for a, b in zip(before, after, strict=True)]


@pytest.fixture(scope="module", params=["http", "file"])
def opened(request, lasting_visit):
    window = lasting_visit(request.param)
    page = window.open(PAGE)
    window.come_near_all_figures()
    assert set(window.states()) == {"alive"}
    return Figure(window, page)


@pytest.fixture
def figure(opened):
    """The figure as it opens: what the test before has moved is put back."""
    yield opened
    assert opened.window.problems == []
    opened.root.locator("button.attn-button").click()
    follow(opened.page)


def test_it_opens_with_the_example_of_the_book(figure):
    assert figure.query() == [1, 1]
    figure.check_numbers()
    shown = json.loads(figure.root.get_attribute("data-numbers"))
    assert [round(weight, 3) for weight in shown["weights"]] == [0.665, 0.245, 0.09]


def test_sliders_move_it_by_keyboard(figure):
    for axis in (0, 1):
        for key, sign in (("ArrowRight", 1), ("ArrowLeft", -1)):
            figure.sliders.nth(axis).focus()
            way = figure.moves(lambda key=key: [figure.page.keyboard.press(key) for _ in range(3)])
            assert way[axis] * sign > 0
            assert way[1 - axis] == 0


@pytest.mark.parametrize("axis", [0, 1])
def test_sliders_move_it_by_dragging(figure, axis):
    handle, track = figure.sliders.nth(axis), figure.page.locator(".live .noUi-base").nth(axis)
    handle.scroll_into_view_if_needed()
    box, line = handle.bounding_box(), track.bounding_box()

    def drag():
        mouse = figure.page.mouse
        mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        mouse.down()
        mouse.move(line["x"] + 0.1 * line["width"], line["y"] + line["height"] / 2, steps=8)
        mouse.up()

    assert figure.moves(drag)[axis] < -2


def test_a_number_can_be_typed(figure):
    def write():
        figure.readouts.first.fill("-2")
        figure.page.keyboard.press("Enter")

    assert figure.moves(write) == [-3, 0]


@pytest.mark.parametrize(
    ("key", "way"),
    [("ArrowRight", (1, 0)), ("ArrowLeft", (-1, 0)), ("ArrowUp", (0, 1)), ("ArrowDown", (0, -1))],
)
def test_arrow_keys_move_the_query(figure, key, way):
    figure.handle.focus()
    small = figure.moves(lambda: figure.page.keyboard.press(key))
    large = figure.moves(lambda: figure.page.keyboard.press(f"Shift+{key}"))
    assert small == pytest.approx([0.1 * step for step in way])
    assert large == pytest.approx([0.5 * step for step in way])


def test_the_query_can_be_dragged(figure):
    figure.handle.scroll_into_view_if_needed()
    box = figure.handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse = figure.page.mouse

    def drag():
        mouse.move(x, y)
        mouse.down()
        mouse.move(x - 60, y + 45, steps=6)
        mouse.up()

    right, up = figure.moves(drag)
    assert right < -0.5
    assert up < -0.3


def test_a_finger_can_drag_the_query(visit):
    window = visit(has_touch=True, is_mobile=True, viewport={"width": 360, "height": 740})
    page = window.open(PAGE)
    window.come_near_all_figures()
    figure = Figure(window, page)
    figure.handle.scroll_into_view_if_needed()
    box = figure.handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = window.context.new_cdp_session(page)

    def touch(kind, *points):
        session.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]},
        )

    def drag():
        touch("touchStart", (x, y))
        for step in range(1, 6):
            touch("touchMove", (x - 8 * step, y + 6 * step))
        touch("touchEnd")

    scrolled = page.evaluate("scrollY")
    right, up = figure.moves(drag)
    assert right < 0
    assert up < 0
    assert page.evaluate("scrollY") == scrolled, "the page scrolled under the finger"


def test_another_phrase_meets_the_same_query(figure):
    buttons = figure.page.locator(".live .widget-toggle-button")
    buttons.filter(has_text="爱好").click()
    follow(figure.page)
    shown = json.loads(figure.root.get_attribute("data-numbers"))
    assert figure.query() == [1, 1]
    assert (shown["phrase"], shown["scores"]) == (1, [1, 0])  # of 爱, whose key is (−1, 2), and 好
    assert [round(number, 3) for number in shown["output"]] == [1.193, 0.269]
    assert figure.root.locator(".attn-table tbody tr").count() == 2
    assert figure.handle.count() == 1, "the other phrase is gone"
    figure.root.locator("button.attn-button").click()
    follow(figure.page)
    figure.check_numbers()
    assert figure.root.locator(".attn-table tbody tr").count() == 3


def test_reset_brings_it_back(figure):
    figure.sliders.first.focus()
    figure.moves(lambda: figure.page.keyboard.press("End"))
    figure.moves(figure.root.locator("button.attn-button").click)
    assert figure.query() == [1, 1]


def test_controls_have_names(figure):
    named = figure.page.locator(".live").get_by_role("slider")
    names = [
        each.evaluate("e => e.ariaLabel || e.getAttribute('aria-labelledby')")
        for each in named.all()
    ]
    assert len(names) == 3
    assert all(names)
    for name in ("query x", "query y"):
        assert figure.page.get_by_role("slider", name=name).count() == 1
        assert figure.page.get_by_role("textbox", name=name).count() == 1
