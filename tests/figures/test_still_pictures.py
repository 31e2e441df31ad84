"""Whatever keeps a figure from living, its reader sees the still picture, and the others live."""

import copy
import io
import json
from functools import cache

import numpy as np
import pytest
from PIL import Image

from tests.figures.stage import FIGURE, PAGE, STATE, serve, with_state
from tests.site.built import BARE, EDITIONS, content, edition_of, originals, pages, soup

PAGES = [page for page in pages() if page not in BARE]
WITH_FIGURES = [page for page in PAGES if soup(page).select(".live-figure")]
COLLECTS_NAMES = True  # for tests/evidence.py: a test of a page depends on that page


def drawing(models):
    return next(m["state"] for m in models.values() if m["model_module"] == "anywidget")


def box(models):
    return next(m["state"] for m in models.values() if m["model_name"] == "VBoxModel")


def esm(source):
    return lambda models: drawing(models).update(_esm=source)


BREAKAGES = {
    "render throws": esm("export default { render() { throw new Error('on purpose') } }"),
    "render rejects": esm("export default { async render() { throw new Error('on purpose') } }"),
    "initialize throws": esm("export default { initialize() { throw new Error('on purpose') } }"),
    "no module": esm("this is no JavaScript"),
    "no default export": esm("export const render = 1"),
    "code from elsewhere": esm("https://example.org/figure.js"),
    "unknown widget": lambda models: next(
        m for m in models.values() if m["model_name"] == "FloatSliderModel"
    ).update(model_name="AccordionModel"),
    "unknown view": lambda models: box(models).update(_view_name="TabView"),
    "a child is missing": lambda models: box(models).update(children=["IPY_MODEL_nobody"]),
    "no state at all": lambda models: models.clear(),
    "none": lambda models: None,
}


def with_twins(html):
    """Put copies of the first figure, with models of their own, in front of it, each broken."""
    bundle, figure = json.loads(STATE.search(html)[2]), FIGURE.search(html)[0]
    twins, state = [], dict(bundle["state"])
    for number, breakage in enumerate(BREAKAGES.values()):
        mark = f"twin{number}x"
        twin = {
            mark + name: json.loads(json.dumps(model).replace("IPY_MODEL_", f"IPY_MODEL_{mark}"))
            for name, model in copy.deepcopy(bundle["state"]).items()
        }
        breakage(twin)
        state.update(twin)
        twins.append(figure.replace('"model_id": "', f'"model_id": "{mark}'))
    assert len(set(twins)) == len(BREAKAGES)
    return with_state(html.replace(figure, "\n".join([*twins, figure])), bundle | {"state": state})


@pytest.fixture(scope="module")
def twins(lasting_visit):
    window = lasting_visit()
    serve(window, with_twins)
    window.come_near_all_figures()
    return window


def test_only_whole_figures_come_alive(twins):
    broken = len(BREAKAGES) - 1
    assert twins.states() == ["failed"] * broken + ["alive", "alive"]
    assert sum("live figure:" in problem for problem in twins.problems) == broken
    assert not [problem for problem in twins.problems if problem.startswith("foreign")]


@pytest.mark.parametrize("number", range(len(BREAKAGES) - 1), ids=list(BREAKAGES)[:-1])
def test_a_broken_figure_stays_still(twins, number):
    broken = twins.page.locator(".live-figure").nth(number)
    assert broken.locator(".still img").is_visible()
    assert broken.bounding_box()["height"] - broken.locator("img").bounding_box()["height"] < 80
    assert broken.locator(".live").count() == 0
    note = broken.locator("p.live-figure-note").last
    assert note.inner_text() == edition_of(PAGE).site["cannot_start"]


def test_those_beside_it_live_each_for_itself(twins):
    first, second = twins.page.locator(".live .attn-handle").all()
    assert not twins.page.locator(".live-figure").last.locator(".still img").is_visible()
    first.focus()
    twins.page.keyboard.press("ArrowRight")
    twins.page.wait_for_function(
        "e => e.getAttribute('aria-valuetext').includes('1.1')", arg=first.element_handle()
    )
    assert "1.1" not in second.get_attribute("aria-valuetext")


def test_when_the_saved_state_is_damaged(visit):
    window = visit()
    serve(window, lambda html: STATE.sub(r'\1{"state": {"a": NaN}}\3', html))
    window.come_near_all_figures()
    assert set(window.states()) == {"failed"}
    assert stills(window.page) == window.page.locator(".live-figure").count()


def stills(page):
    """Count the still pictures; each must fill its place, without a hole below it."""
    figures = page.locator(".live-figure").all()
    for figure in figures:
        figure.scroll_into_view_if_needed()
        picture = figure.locator(".still img")
        assert picture.is_visible()
        box, place = picture.bounding_box(), figure.bounding_box()
        # On a phone the picture is as wide as the page.
        assert box["width"] > min(300, 0.8 * place["width"])
        assert box["height"] > 150
        assert place["height"] - box["height"] < 80
        assert len(picture.get_attribute("alt")) > 40
    return len(figures)


# How each page is built is asked without a browser (tests/site/test_pages.py), and whether all that
# it loads is there by tests/browser; so each figure is looked at here, and of each edition the
# first page with figures and the first one without.
SAMPLES = [
    next(path for path in content(each) if path not in BARE and (path in WITH_FIGURES) is there)
    for each in EDITIONS
    for there in (True, False)
]
WITHOUT_SCRIPTS = [("http", path) for path in dict.fromkeys([*originals(WITH_FIGURES), *SAMPLES])]
WITHOUT_SCRIPTS += [("file", path) for path in SAMPLES]


@pytest.fixture(scope="module")
def without_scripts(lasting_visit):
    @cache
    def opened(origin):
        return lasting_visit(origin, java_script_enabled=False)

    return opened


@pytest.mark.parametrize(("origin", "path"), WITHOUT_SCRIPTS)
def test_without_scripts(without_scripts, origin, path):
    window = without_scripts(origin)
    page = window.open(path)
    assert page.locator("h1").first.is_visible()
    notes = page.locator(".live-figure noscript").all()
    assert stills(page) == len(notes) == len(soup(path).select(".live-figure"))
    assert all(note.is_visible() for note in notes)
    if soup(path).select(".katex-html"):
        assert page.locator(".katex-html").first.is_visible()
    # Chromium counts the scripts that it was told not to load among the failed ones.
    assert [p for p in window.problems if not p.endswith(" csp")] == []


LOADERS = {
    "does not arrive": lambda route: route.abort(),
    "is not understood": lambda route: route.fulfill(
        body="class A { #b = ?; }", content_type="text/javascript"
    ),
}


@pytest.mark.parametrize("failure", LOADERS)
def test_when_the_loader_fails(visit, failure):
    """On one page: what stands in the place of a figure is the same as without any scripts."""
    window = visit()
    window.page.route("**/book-widgets.js*", LOADERS[failure])
    page = window.open(PAGE)
    assert stills(page)
    assert page.locator("h1").is_visible()


def test_a_figure_far_away_costs_nothing(visit):
    window = visit()
    page = window.open(PAGE)
    page.wait_for_timeout(500)
    assert window.states() == [None] * page.locator(".live-figure").count()
    assert page.locator(".live").count() == 0


def coarse(picture, top=0):
    """Return a picture, from a row on, in squares of 8 pixels, which hide how text is smoothed."""
    rows, columns = (picture.height - top) // 8, picture.width // 8
    part = picture.crop((0, top, picture.width, top + rows * 8))
    return np.asarray(part.resize((columns, rows), Image.Resampling.BOX), dtype=int)


def share_off(still, live):
    """Return the share of squares that look different."""
    rows = min(len(still), len(live))
    return (np.abs(still[:rows] - live[:rows]).max(axis=-1) > 48).mean()


# A picture and all that it was made of are held together by its stamp, in every edition
# (tools/figure_pictures.py); that it shows what a page shows is asked of each figure, and of the
# first one in each language.
FIRST = {edition_of(path).language: path for path in reversed(WITH_FIGURES)}


@pytest.fixture(scope="module")
def sharp(lasting_visit):
    return lasting_visit(device_scale_factor=2, reduced_motion="reduce")


@pytest.mark.parametrize("path", dict.fromkeys([*originals(WITH_FIGURES), *FIRST.values()]))
def test_the_picture_is_the_figure_as_it_opens(sharp, path):
    """To the eye: text may be smoothed otherwise on the machine that took the picture."""
    window = sharp
    page = window.open(path)
    window.come_near_all_figures()
    # What floats over the page does not belong to a figure.
    page.evaluate(
        "document.querySelectorAll('.bd-header-article, #pst-back-to-top, .skip-link')"
        ".forEach((each) => each.remove())"
    )
    page.evaluate("document.fonts.ready")
    for figure in page.locator(".live-figure").all():
        source = figure.locator(".still img").evaluate("e => e.src")
        still, live = (
            Image.open(io.BytesIO(png)).convert("RGB")
            for png in (
                page.request.get(source).body(),
                figure.locator(".live > *").screenshot(animations="disabled"),
            )
        )
        assert still.width == live.width
        assert abs(still.height - live.height) <= 4
        # In a page its parts may stand a pixel lower, for places there have fractions.
        off = min(share_off(coarse(still), coarse(live, top)) for top in range(3))
        assert off < 0.01, f"{off:.2%} of the squares"
