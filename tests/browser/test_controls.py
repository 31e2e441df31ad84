"""Every standard control that a page may hold: it shows, moves, is linked, has a name."""

import json

import ipywidgets as widgets
import pytest

from tests.browser.axe import violations
from tests.browser.stage import Stage
from tests.site.built import ROOT

KNOWN = json.loads((ROOT / "book/web/known_widgets.json").read_text(encoding="utf-8"))


def one_of_each():
    controls = {
        "int": widgets.IntSlider(value=2, min=0, max=10, description="whole"),
        "copy": widgets.IntSlider(value=2, min=0, max=10, description="copy"),
        "float": widgets.FloatSlider(value=0.5, min=0, max=1, step=0.1, description="part"),
        "check": widgets.Checkbox(value=True, description="causal"),
        "drop": widgets.Dropdown(options=["a", "b", "c"], description="choose"),
        "toggle": widgets.ToggleButtons(options=["one", "two", "three"], description="pick"),
        "text": widgets.Text(value="早", description="phrase"),
        "same": widgets.Text(value="早", description="twin"),
        "markup": widgets.Checkbox(
            description="<img src=x onerror='window.hit = 1'>name", description_allow_html=True
        ),
    }
    widgets.jslink((controls["drop"], "index"), (controls["toggle"], "index"))
    widgets.jslink((controls["int"], "value"), (controls["copy"], "value"))
    widgets.jslink((controls["text"], "value"), (controls["same"], "value"))
    return widgets.VBox([*controls.values()])


@pytest.fixture(scope="module")
def stage():
    return Stage([one_of_each()])


@pytest.fixture(scope="module")
def opened(lasting_visit, stage):
    window = lasting_visit()
    stage(window)
    assert window.states() == ["alive"]
    return window


@pytest.fixture
def page(opened):
    yield opened.page
    assert opened.problems == []


def test_the_page_holds_all_known_widgets(stage):
    used = {(m["model_module"], m["model_name"]) for m in stage.state["state"].values()}
    known = {
        (module, name)
        for module, names in KNOWN.items()
        for name in names
        if name.endswith("Model") and module != "anywidget"
    }
    assert known == used


def test_all_are_shown(page):
    for name in ("slider", "checkbox", "dropdown", "toggle-buttons", "text"):
        assert page.locator(f".live .widget-{name}").first.is_visible(), name


def test_all_have_names(page):
    for role, name in [
        ("slider", "whole"),
        ("slider", "part"),
        ("checkbox", "causal"),
        ("combobox", "choose"),
        ("group", "pick"),
        ("textbox", "phrase"),
    ]:
        assert page.locator(".live").get_by_role(role, name=name).count() == 1, name
    assert violations(page) == []


def test_a_label_without_a_tooltip_has_none(page):
    labels = page.locator(".live .widget-label")
    assert labels.count() > 3
    assert set(labels.evaluate_all("all => all.map((each) => each.title)")) == {""}


def test_links_join_them(page):
    chosen = page.locator(".live .widget-toggle-button[aria-pressed=true]")
    assert chosen.all_inner_texts() == ["one"]
    page.get_by_role("combobox", name="choose").select_option("b")
    assert chosen.all_inner_texts() == ["two"]
    page.get_by_role("button", name="three").click()
    assert chosen.all_inner_texts() == ["three"]
    assert page.get_by_role("combobox", name="choose").input_value() == "c"
    page.get_by_role("slider", name="whole").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("textbox", name="copy").inner_text() == "3"


def test_what_is_typed_counts_at_once(page):
    field = page.get_by_role("textbox", name="phrase")
    field.press("End")
    field.press_sequentially("上好")
    assert page.get_by_role("textbox", name="twin").input_value() == "早上好"


def test_checkbox_and_slider_keep_their_bounds(page):
    box = page.get_by_role("checkbox", name="causal")
    assert box.is_checked()
    box.uncheck()
    assert not box.is_checked()
    slider = page.get_by_role("slider", name="part")
    slider.focus()
    for _ in range(9):
        page.keyboard.press("ArrowRight")
    assert page.get_by_role("textbox", name="part").inner_text() == "1.00"


def test_descriptions_are_text(page):
    assert page.evaluate("window.hit") is None
    assert page.locator(".live img").count() == 0
    assert page.get_by_role("checkbox", name="name").count() == 1


def test_controls_are_large_enough_for_a_finger(page):
    for name in ("toggle-button", "dropdown select", "text input"):
        assert page.locator(f".live .widget-{name}").first.bounding_box()["height"] >= 32, name
