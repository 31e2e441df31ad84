"""The numbers of the live figures in the rendered page, after moving controls, are attnlib's.

Each figure writes what it shows, in full precision, into `data-numbers`. The figure of
chapter 1 has a file of its own.
"""

import json
import math

import pytest
import torch

import attnlib
from attnlib.widgets import multi_head, scaling
from attnlib.widgets.mask_lab import SCORES

PAGES = {
    "scaling": "notebooks/en/02_scaled_dot_product.html",
    "mask_lab": "notebooks/en/03_masks.html",
    "multi_head": "notebooks/en/04_multi_head.html",
    "positional_encoding": "notebooks/en/05_positional_encoding.html",
    "rotary": "notebooks/en/06_relative_positions.html",
}


def close(shown, expected):
    torch.testing.assert_close(
        torch.tensor(shown, dtype=torch.float64),
        torch.as_tensor(expected, dtype=torch.float64),
        atol=1e-5,
        rtol=0,
    )


def check_scaling(shown):
    exponent = int(math.log2(shown["d"]))
    rows = scaling.dot_products()[exponent].double() / shown["divisor"]
    weights = rows.softmax(dim=-1).sort(dim=-1, descending=True).values
    close(sorted(shown["weights"], reverse=True), weights[shown["query"] - 1])
    close(shown["mean"], weights.mean(dim=0))
    close(shown["slope"], (weights * (1 - weights)).mean())


def check_mask_lab(shown):
    mask = torch.tensor(shown["mask"], dtype=torch.bool)
    scores = torch.tensor(SCORES, dtype=torch.float64)
    close(shown["weights"], attnlib.masked_softmax(scores, mask))


def check_multi_head(shown):
    weights, _ = multi_head.example()
    weights = torch.as_tensor(weights)
    weights = weights[0] if weights.ndim == 4 else weights
    close(shown["weights"], weights[:, shown["query"]])
    close(shown["mean"], weights.mean(dim=0)[shown["query"]])


def check_positional_encoding(shown):
    encoding = attnlib.sinusoidal_encoding(
        60, shown["dim"], base=float(shown["base"]), dtype=torch.float64
    )
    close(shown["rows"], encoding[[shown["m"], shown["n"]]])
    close(shown["product"], encoding[shown["m"]] @ encoding[shown["n"]])
    for column, values in shown["columns"].items():
        close(values, encoding[:, int(column)])


def check_rotary(shown):
    # With one speed, the second arrow of a rotary encoding of width 4 turns by θ per step.
    assert len(shown["scores"]) == 1
    rope = attnlib.RotaryPositionalEncoding(4, base=shown["theta"] ** -2)
    query = torch.tensor([[1, 1, 1, 1]], dtype=torch.float64)
    key = torch.tensor([[2, -1, 2, -1]], dtype=torch.float64)
    turned = rope(query, offset=shown["n"])[0, 2:], rope(key, offset=shown["m"])[0, 2:]
    close(shown["queries"][0], turned[0])
    close(shown["keys"][0], turned[1])
    close(shown["score"], turned[0] @ turned[1])


CHECKS = {
    name.removeprefix("check_"): check for name, check in globals().items() if "check_" in name
}


@pytest.mark.parametrize("name", PAGES)
def test_numbers_follow_every_slider(visit, name):
    window = visit()
    page = window.open(PAGES[name])
    window.come_near_all_figures()
    root = page.locator(".live .attn-figure").first

    def shown():
        return json.loads(root.get_attribute("data-numbers"))

    CHECKS[name](shown())
    sliders = page.locator(".live .widget-slider .noUi-handle")
    assert sliders.count() > 0
    for index in range(sliders.count()):
        before = shown()
        for key in ("ArrowLeft", "ArrowRight", "ArrowRight"):
            sliders.nth(index).press(key)
            page.wait_for_timeout(60)
            CHECKS[name](shown())
        if shown() == before:  # a slider that stood at its end, or one step back and forth
            sliders.nth(index).press("ArrowLeft")
            page.wait_for_timeout(60)
        assert shown() != before, f"slider {index} moves nothing"
        CHECKS[name](shown())
    assert window.problems == []


def test_mask_lab_combines_what_its_controls_say(visit):
    window = visit()
    page = window.open(PAGES["mask_lab"])
    window.come_near_all_figures()
    root = page.locator(".live .attn-figure").first

    def mask():
        return torch.tensor(json.loads(root.get_attribute("data-numbers"))["mask"]).bool()

    padding = attnlib.padding_mask(torch.tensor([3]), k_len=5)[0]
    assert torch.equal(mask(), attnlib.causal_mask(5) & padding)
    page.locator(".live .widget-checkbox input").first.uncheck()
    page.wait_for_timeout(100)
    assert torch.equal(mask(), padding.expand(5, 5))
    window_slider = page.locator(".live .widget-slider .noUi-handle").nth(1)
    for _ in range(3):
        window_slider.press("ArrowLeft")
    page.wait_for_timeout(100)
    assert torch.equal(mask(), padding & attnlib.sliding_window_mask(5, window=2))
    root.locator(".attn-scroller [role=gridcell]").first.click()
    page.wait_for_timeout(100)
    assert not mask()[0, 0]
    root.locator("button.attn-button").click()
    page.wait_for_timeout(100)
    assert torch.equal(mask(), attnlib.causal_mask(5) & padding)
