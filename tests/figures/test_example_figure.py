"""The example figure lives: what it does not do itself, the shared parts do for every figure."""

import json
import tomllib
from pathlib import Path

import pytest
import torch

from attnlib import words
from tests.browser.axe import violations
from tests.figures.stage import Stage
from tests.widgets.example_figure import temperature

FOLDER = Path(temperature.__file__).parent
FILES = [FOLDER / "temperature.py", FOLDER / "static" / "temperature.js"]


@pytest.fixture(autouse=True)
def _with_its_words(monkeypatch):
    own = tomllib.loads((FOLDER / "words.toml").read_text(encoding="utf-8"))["figures"]
    english = words.catalogue("en")
    known = english | {"figures": english["figures"] | own}
    monkeypatch.setattr(words, "catalogue", lambda _: known)


@pytest.fixture
def window(visit):
    window = visit()
    Stage([temperature.TemperatureExplorer()])(window)
    yield window
    assert window.problems == []


def test_a_figure_takes_less_than_150_lines():
    lengths = [len(file.read_text(encoding="utf-8").splitlines()) for file in FILES]
    assert sum(lengths) < 150


def test_it_lives(window):
    page = window.page
    root = page.locator(".live .attn-figure")

    def shown():
        return json.loads(root.get_attribute("data-numbers"))

    def check():
        expected = (torch.tensor([2.0, 1, 0]).double() / shown()["temperature"]).softmax(dim=0)
        assert shown()["weights"] == pytest.approx(expected.tolist(), abs=1e-5)

    check()
    assert page.get_by_role("group", name="Weights at a temperature").count() == 1
    assert violations(page) == []
    opening = shown()
    page.get_by_role("slider", name="temperature").press("ArrowRight")
    page.wait_for_function(
        "e => JSON.parse(e.dataset.numbers).temperature > 1.05", arg=root.element_handle()
    )
    check()
    assert shown()["temperature"] == pytest.approx(1.1)
    root.locator("[role=status]").filter(has_text="Weights: 0.64").wait_for(state="attached")
    page.get_by_role("button", name="Reset").click()
    page.wait_for_function(
        "e => JSON.parse(e.dataset.numbers).temperature < 1.05", arg=root.element_handle()
    )
    assert shown()["weights"] == pytest.approx(opening["weights"], abs=1e-12)


def test_a_bad_state_is_explained_in_its_words(visit):
    page = Stage([temperature.TemperatureExplorer()], [{"temperature": 9}])(visit())
    assert page.locator(".live .attn-error").inner_text() == (
        "This figure cannot be drawn: temperature must be above 0 and at most 5, got 9."
    )
