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
from tests.site.built import address

PAGES = {
    "scaling": address("02_scaled_dot_product"),
    "mask_lab": address("03_masks"),
    "multi_head": address("04_multi_head"),
    "positional_encoding": address("05_positional_encoding"),
    "rotary": address("06_relative_positions"),
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
    # A head has the speed 1 in its first pair: θ alone is the second pair of a head of two.
    pairs = 4 if len(shown["scores"]) == 4 else 2
    rope = attnlib.RotaryPositionalEncoding(2 * pairs, base=shown["theta"] ** -pairs)
    query, key = (
        torch.tensor(vector, dtype=torch.float64).repeat(1, pairs) for vector in ([1, 1], [2, -1])
    )
    first = 0 if pairs == 4 else 1
    turned = [
        rope(vector, offset=place).view(pairs, 2)[first:]
        for vector, place in ((query, shown["n"]), (key, shown["m"]))
    ]
    close(shown["queries"], turned[0])
    close(shown["keys"], turned[1])
    close(shown["score"], (turned[0] * turned[1]).sum())


CHECKS = {
    name.removeprefix("check_"): check for name, check in globals().items() if "check_" in name
}

# What a figure says before anybody has touched it.
OPENINGS = {
    "scaling": lambda shown: shown["d"] == 64 and shown["mean"][0] > 0.8,  # saturated
    "mask_lab": lambda shown: 0 < sum(map(sum, shown["mask"])) < 25,  # some may, some may not
    "multi_head": lambda shown: (
        len({row.index(max(row)) for row in shown["weights"]}) == 4  # each head looks elsewhere
    ),
    "positional_encoding": lambda shown: 0 < shown["product"] < shown["dim"] / 2,  # less than P·P
    "rotary": lambda shown: shown["score"] * (1 * 2 + 1 * -1) < 0,  # turning has changed its sign
}


class Figure:
    """The first figure of a page, as its reader meets it."""

    def __init__(self, window, name):
        self.window, self.name = window, name
        self.page = window.open(PAGES[name])
        window.come_near_all_figures()
        self.root = self.page.locator(".live .attn-figure").first
        self.live = self.page.locator(".live").first

    def shown(self):
        return json.loads(self.root.get_attribute("data-numbers"))

    def changes(self, act):
        """Act: what is shown must change, and be attnlib's."""
        before = self.root.get_attribute("data-numbers")
        act()
        self.page.wait_for_function(
            "([e, before]) => e.dataset.numbers !== before",
            arg=[self.root.element_handle(), before],
            timeout=15_000,
        )
        CHECKS[self.name](self.shown())


@pytest.fixture(scope="module", params=PAGES)
def figure(request, lasting_visit):
    window = lasting_visit(has_touch=True)
    yield Figure(window, request.param)
    assert window.problems == []
    window.context.close()


def test_it_opens_in_a_state_that_says_something(figure):
    CHECKS[figure.name](figure.shown())
    assert OPENINGS[figure.name](figure.shown())


def test_every_slider_moves_it_by_keyboard(figure):
    sliders = figure.live.get_by_role("slider").filter(has=figure.page.locator(".noUi-touch-area"))
    assert sliders.count() > 0
    for slider in sliders.all():
        low, high, now = (
            float(slider.get_attribute(f"aria-value{name}")) for name in ("min", "max", "now")
        )
        for key in ("ArrowRight", "ArrowLeft") if now == low else ("ArrowLeft", "ArrowRight"):
            figure.changes(lambda slider=slider, key=key: slider.press(key))
        far = "End" if now < high else "Home"
        figure.changes(lambda slider=slider, far=far: slider.press(far))


def test_reset_brings_everything_back(figure):
    figure.page.reload()
    figure.window.come_near_all_figures()
    opening, controls = figure.shown(), texts_of_controls(figure)
    for slider in figure.live.locator(".noUi-handle").all():
        slider.press("ArrowRight")
        slider.press("ArrowRight")
    figure.page.wait_for_timeout(50)
    assert figure.shown() != opening
    figure.changes(lambda: figure.root.locator("button.attn-button").press("Enter"))
    assert figure.shown() == opening
    assert texts_of_controls(figure) == controls


def texts_of_controls(figure):
    return figure.live.locator(".widget-readout").all_inner_texts()


# What else can be pressed, by a finger.
TAPPED = {
    "scaling": [".widget-toggle-button >> nth=1"],
    "mask_lab": [
        ".attn-scroller tbody td >> nth=1",
        ".attn-scroller tbody th >> nth=0",
        ".attn-scroller thead th >> nth=0",
        ".widget-checkbox input",
    ],
    "multi_head": [
        ".attn-heads-token >> nth=0",
        ".attn-heads-title input >> nth=1",
        ".attn-heads-map >> nth=2",
    ],
    "positional_encoding": [".attn-pe-map"],
    "rotary": [".widget-checkbox input"],
}


def test_a_finger_moves_it(figure):
    figure.page.reload()
    figure.window.come_near_all_figures()
    opening = figure.shown()
    for selector in TAPPED[figure.name]:
        figure.page.wait_for_timeout(50)
        figure.changes(figure.live.locator(selector).first.tap)
    session = figure.window.context.new_cdp_session(figure.page)
    for handle in figure.live.locator(".noUi-handle").all():
        figure.page.wait_for_timeout(500)  # a tap right after a drag only ends its glide
        figure.root.locator("button.attn-button").tap()
        figure.page.wait_for_timeout(100)
        assert figure.shown() == opening
        figure.changes(lambda handle=handle: drag(session, handle))


def drag(session, handle):
    """Pull the handle of a slider to the middle of its track; if it is there, to the left."""
    handle.evaluate("e => e.scrollIntoView({ block: 'center', behavior: 'instant' })")
    handle.page.wait_for_timeout(100)
    box, track = handle.bounding_box(), handle.locator("xpath=ancestor::*[2]").bounding_box()
    x, y = (box[side] + box[size] / 2 for side, size in (("x", "width"), ("y", "height")))
    middle = track["x"] + track["width"] / 2
    to = middle if abs(x - middle) > 30 else track["x"]
    touch(session, "touchStart", (x, y))
    for part in range(1, 6):
        touch(session, "touchMove", (x + (to - x) * part / 5, y))
    touch(session, "touchEnd")


def touch(session, kind, *points):
    at = [{"x": x, "y": y} for x, y in points]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})


# By keyboard alone: what to focus, which keys to press.
PRESSED = {
    "scaling": [(".widget-toggle-button >> nth=2", ["Enter"])],
    "mask_lab": [
        (".attn-scroller tbody td >> nth=0", ["ArrowRight", "Space"]),
        (".widget-checkbox input", ["Space"]),
    ],
    "multi_head": [
        (".attn-heads-token[tabindex='0']", ["ArrowUp"]),
        (".attn-heads-title input >> nth=0", ["Space"]),
    ],
    "positional_encoding": [
        (".attn-pe-map", ["ArrowRight", "ArrowRight", "Enter"]),
        (".widget-dropdown select", ["ArrowDown"]),
    ],
    "rotary": [(".widget-checkbox input", ["Space"])],
}


def test_keys_alone_move_it(figure):
    figure.page.reload()
    figure.window.come_near_all_figures()
    for selector, keys in PRESSED[figure.name]:
        figure.live.locator(selector).first.focus()
        figure.changes(lambda keys=keys: [figure.page.keyboard.press(key) for key in keys])


def test_what_changes_is_spoken_and_the_opening_state_is_not(figure):
    figure.page.reload()
    figure.window.come_near_all_figures()
    region = figure.root.locator("[role=status][aria-live=polite]")
    figure.page.wait_for_timeout(900)
    assert region.text_content() == ""
    handle = figure.live.locator(".noUi-handle").first
    handle.press("ArrowLeft")
    figure.page.wait_for_function("e => e.textContent.length > 15", arg=region.element_handle())


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
