"""The numbers of the live figures in the rendered page, after moving controls, are attnlib's.

Each figure writes what it shows, in full precision, into `data-numbers`. What is known of each
stands in its own test file: tests/widgets/facts.py. The query that one drags has a file of its own.
"""

import functools
import json

import pytest
import torch
from playwright.sync_api import TimeoutError

import attnlib
from attnlib.widgets import HeadAblation, mask_lab
from tests.figures.stage import Stage, follow, nudge
from tests.site.built import originals, pages, soup
from tests.widgets.facts import all_facts, facts_of

STATE = "application/vnd.jupyter.widget-state+json"


def figures_of_the_book():
    """Return (page, facts, its name there) for each figure of each page, in all editions."""
    found = []
    for page in pages():
        saved = soup(page).find("script", type=STATE)
        models = json.loads(saved.string)["state"].values() if saved else []
        drawings = [model["state"] for model in models if "_anywidget_id" in model["state"]]
        called = {each["_anywidget_id"].rpartition(".")[0]: each["words"] for each in drawings}
        for facts in all_facts():
            if said := called.get(facts.kind.__module__):
                found.append((page, facts, said["figure"]))
    return found


FIGURES = figures_of_the_book()
ORIGINALS = originals([page for page, *_ in FIGURES])
MOVED = [each for each in FIGURES if each[0] in ORIGINALS]  # their twins do the same
COLLECTS_NAMES = True  # for tests/evidence.py: a test of a page depends on that page


def test_every_figure_stands_in_the_book():
    assert {facts.name for _, facts, _ in FIGURES} == {facts.name for facts in all_facts()}


# Ends when the page has not been scrolled for as many frames.
STANDS_STILL = """async (frames) => {
  for (let still = 0, before; still < frames; still = scrollY === before ? still + 1 : 0) {
    before = scrollY;
    await new Promise(requestAnimationFrame);
  }
}"""
OTHERWISE = "([e, before]) => e.dataset.numbers !== before && e.dataset.numbers"


class Figure:
    """A figure of a page, as its reader meets it."""

    def __init__(self, window, facts, called):
        self.window, self.facts, self.page = window, facts, window.page
        self.live = self.page.locator(".live").filter(
            has=self.page.get_by_role("group", name=called)
        )
        self.root = self.live.locator(".attn-figure")
        self.element = self.root.element_handle()
        self.at_first, self.controls_at_first = self.numbers(), self.controls()

    def numbers(self):
        return self.element.get_attribute("data-numbers")

    def shown(self):
        return json.loads(self.numbers())

    def controls(self):
        return self.live.locator(".widget-readout").all_inner_texts()

    def changes(self, act):
        """Act: what is shown must change, and be attnlib's."""
        before = self.numbers()
        act()
        now = self.page.wait_for_function(OTHERWISE, arg=[self.element, before], timeout=15_000)
        self.facts.check(json.loads(now.json_value()))

    def reset(self, press):
        """Press the button in some way: the figure is as it opened."""
        press(self.root.locator("button.attn-button"))
        self.wait_until_as_at_first()

    def tap_reset(self):
        """Tap the button: a tap right after a drag may only end its glide, then the next counts."""
        self.page.evaluate(STANDS_STILL, 20)
        button = self.root.locator("button.attn-button")
        button.tap()
        try:
            self.wait_until_as_at_first(timeout=3000)
        except TimeoutError:
            button.tap()
            self.wait_until_as_at_first()

    def wait_until_as_at_first(self, **how):
        self.page.wait_for_function(
            "([e, numbers]) => e.dataset.numbers === numbers",
            arg=[self.element, self.at_first],
            **how,
        )
        assert self.controls() == self.controls_at_first


@pytest.fixture(scope="module")
def window_at(lasting_visit):
    """Return a function that opens a page, unless it is open: its figures share it."""
    windows = []

    @functools.cache
    def opened(path):
        while windows:
            windows.pop().close()
        windows.append(lasting_visit(has_touch=True))
        windows[-1].has_waited = False
        windows[-1].open(path)
        windows[-1].come_near_all_figures()
        return windows[-1]

    return opened


@pytest.fixture(scope="module", params=MOVED, ids=lambda each: f"{each[0]}-{each[1].name}")
def met(request, window_at):
    path, *about = request.param
    figure = Figure(window_at(path), *about)
    yield figure
    assert figure.window.problems == []


@pytest.fixture
def figure(met):
    """The figure as it opens: what the test before has moved is put back."""
    if met.numbers() != met.at_first:
        met.reset(lambda button: button.press("Enter"))
    return met


def test_what_changes_is_spoken_and_the_opening_state_is_not(figure):
    """The first test of a figure, since only a new one has said nothing yet.

    The first figure of a page has waited; those beside it have been there longer.
    """
    region = figure.root.locator("[role=status][aria-live=polite]")
    if not figure.window.has_waited:
        figure.page.wait_for_timeout(900)
        figure.window.has_waited = True
    assert region.text_content() == ""
    nudge(figure.live.locator(".noUi-handle").first)
    figure.page.wait_for_function("e => e.textContent.length > 15", arg=region.element_handle())


def test_it_opens_in_a_state_that_says_something(figure):
    figure.facts.check(figure.shown())
    assert figure.facts.opening(figure.shown())


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
    for slider in figure.live.locator(".noUi-handle").all():
        nudge(slider, 2)
    follow(figure.page)
    assert figure.numbers() != figure.at_first
    figure.changes(lambda: figure.reset(lambda button: button.press("Enter")))


def test_a_finger_moves_it(figure):
    tapped = [each for each in figure.facts.tapped if figure.live.locator(each).count()]
    assert tapped or not figure.facts.tapped  # some pages show a figure with fewer controls
    for selector in tapped:
        follow(figure.page)
        figure.changes(figure.live.locator(selector).first.tap)
    session = figure.window.context.new_cdp_session(figure.page)
    for nth, handle in enumerate(figure.live.locator(".noUi-handle").all()):
        if nth == 0:
            figure.tap_reset()
        elif figure.numbers() != figure.at_first:
            figure.reset(lambda button: button.press("Enter"))
        figure.changes(lambda handle=handle: drag(session, handle))


def drag(session, handle):
    """Pull the handle of a slider to the middle of its track; if it is there, to the left."""
    handle.evaluate("e => e.scrollIntoView({ block: 'center', behavior: 'instant' })")
    handle.page.evaluate(STANDS_STILL, 6)
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


def test_keys_alone_move_it(figure):
    for selector, keys in figure.facts.pressed:
        figure.live.locator(selector).first.focus()
        figure.changes(lambda keys=keys: [figure.page.keyboard.press(key) for key in keys])


def test_rare_states_are_drawn(visit):
    """Vectors of length 0, a single token, the widest and the narrowest: whatever Python takes."""
    figures = [figure for facts in all_facts() for figure in facts.special()]
    window = visit()
    page = Stage(figures)(window)
    assert set(window.states()) == {"alive"}
    assert page.locator(".attn-error").count() == 0
    shown = page.locator(".live .attn-figure").evaluate_all(
        "all => all.map((each) => each.dataset.numbers)"
    )
    assert len(shown) == len(figures) > 12
    for numbers in shown:
        assert "null" not in numbers, "NaN, as JSON writes it"
    assert window.problems == []


# --- MaskLab: what its controls say


@pytest.fixture
def lab(visit):
    window = visit()
    page = Stage([mask_lab.MaskLab()])(window)
    yield page
    assert window.problems == []


def mask_of(page):
    root = page.locator(".live .attn-figure").first
    return torch.tensor(json.loads(root.get_attribute("data-numbers"))["mask"]).bool()


def test_mask_lab_combines_what_its_controls_say(lab):
    root = lab.locator(".live .attn-figure").first
    padding = attnlib.padding_mask(torch.tensor([3]), k_len=5)[0]
    assert torch.equal(mask_of(lab), attnlib.causal_mask(5) & padding)
    lab.locator(".live .widget-checkbox input").first.uncheck()
    follow(lab)
    assert torch.equal(mask_of(lab), padding.expand(5, 5))
    padding_slider, window_slider = lab.locator(".live .widget-slider .noUi-handle").all()
    for _ in range(3):
        window_slider.press("ArrowLeft")
    follow(lab)
    assert torch.equal(mask_of(lab), padding & attnlib.sliding_window_mask(5, window=2))
    root.locator(".attn-scroller [role=gridcell]").first.click()
    follow(lab)
    assert not mask_of(lab)[0, 0]
    padding_slider.press("ArrowRight")
    follow(lab)
    assert mask_of(lab)[3, 3]
    root.locator("button.attn-button").click()  # now all that can be moved has been
    follow(lab)
    assert torch.equal(mask_of(lab), attnlib.causal_mask(5) & padding)


def test_mask_lab_writes_masks_as_torch_reads_them(lab):
    read = {"True": True, "False": False, "0": 0.0, "-inf": -torch.inf}
    written = {}
    for name in ("attnlib", "SDPA", "MHA", "additive"):
        lab.get_by_role("button", name=name, exact=True).click()
        follow(lab)
        rows = lab.locator(".attn-lab-written tbody tr").all()
        cells = [row.locator("td").all_inner_texts() for row in rows]
        written[name] = torch.tensor([[read[text] for text in row] for row in cells])
    assert torch.equal(written["attnlib"], mask_of(lab))
    query, key, value = (torch.randn(5, 2) for _ in range(3))
    sdpa = torch.nn.functional.scaled_dot_product_attention
    expected = sdpa(query, key, value, attn_mask=written["SDPA"])
    torch.testing.assert_close(sdpa(query, key, value, attn_mask=written["additive"]), expected)
    layer = torch.nn.MultiheadAttention(2, num_heads=1, bias=False, batch_first=True)
    with torch.no_grad():
        layer.in_proj_weight.copy_(torch.eye(2).repeat(3, 1))
        layer.out_proj.weight.copy_(torch.eye(2))
        by_layer, _ = layer(query[None], key[None], value[None], attn_mask=written["MHA"])
    torch.testing.assert_close(by_layer[0], expected)


def test_mask_lab_says_what_a_finite_fill_would_do_to_an_empty_row(visit):
    page = Stage([mask_lab.MaskLab(painted={(0, 0): False})])(visit())
    assert page.locator(".attn-lab-status").inner_text() == (
        "11 of 25 cells are allowed. Nobody is left for 早 ∅: zeros. "
        "Had −10⁶ been filled in instead of −∞, each key would get 0.20."
    )
    filled = torch.tensor(mask_lab.SCORES[0]).double().masked_fill(~mask_of(page)[0], -1e6)
    torch.testing.assert_close(filled.softmax(dim=0), torch.full((5,), 0.2).double())


# --- HeadAblation: in its chapter are trained layers; here those set by hand, which can be redone


def test_each_choice_of_heads_leaves_the_error_of_attnlibs_layers(visit):
    window = visit()
    page = Stage([HeadAblation()])(window)
    root, boxes = page.locator(".live .attn-figure"), page.locator(".live .widget-checkbox input")
    for nth in (0, 1, 0, 1):
        boxes.nth(nth).click()
        follow(page)
        shown = json.loads(root.get_attribute("data-numbers"))
        assert shown["kept"] == [box.is_checked() for box in boxes.all()]
        assert shown["all"] == HeadAblation().drawing.errors
        facts_of(HeadAblation).check(shown)
    assert window.problems == []
