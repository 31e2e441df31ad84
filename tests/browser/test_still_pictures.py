"""Whatever keeps a figure from living, its reader sees the still picture, and the others live."""

import copy
import json
import re

import pytest

from tests.site.built import SITE

PAGE = "notebooks/en/01_query_key_value.html"
STATE = re.compile(
    r'(<script type="application/vnd\.jupyter\.widget-state\+json">)(.*?)(</script>)', re.DOTALL
)
FIGURE = re.compile(r'<div class="live-figure [^"]*">.*?</script>\s*</div>', re.DOTALL)


def serve(window, change):
    """Let the window get the page with `change(html)` applied, and go there."""
    html = change((SITE / PAGE).read_text(encoding="utf-8"))
    window.page.route(
        "**/" + PAGE, lambda route: route.fulfill(body=html, content_type="text/html")
    )
    page = window.open(PAGE)
    for figure in page.locator(".live-figure").all():
        figure.scroll_into_view_if_needed()
        page.wait_for_timeout(100)
    return page


def with_a_broken_twin(breakage):
    """Put a copy of the first figure, with models of its own, in front of it, and break it."""

    def change(html):
        bundle = json.loads(STATE.search(html)[2])
        twin = {
            "twin" + name: json.loads(json.dumps(model).replace("IPY_MODEL_", "IPY_MODEL_twin"))
            for name, model in copy.deepcopy(bundle["state"]).items()
        }
        breakage(twin)
        bundle["state"].update(twin)
        text = json.dumps(bundle).replace("</", "<\\/")
        html = STATE.sub(lambda match: match[1] + text + match[3], html)
        figure = FIGURE.search(html)[0]
        broken = figure.replace('"model_id": "', '"model_id": "twin')
        assert broken != figure
        return html.replace(figure, broken + figure)

    return change


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
}


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES.keys())
def test_a_broken_figure_stays_still_and_the_other_lives(visit, breakage):
    window = visit()
    page = serve(window, with_a_broken_twin(breakage))
    page.wait_for_selector('.live-figure[data-state="alive"]')
    page.wait_for_selector('.live-figure[data-state="failed"]')
    assert window.states() == ["failed", "alive"]
    broken, living = page.locator(".live-figure").all()
    assert broken.locator(".still img").is_visible()
    assert broken.bounding_box()["height"] - broken.locator("img").bounding_box()["height"] < 80
    assert broken.locator(".live").count() == 0
    assert "still picture" in broken.locator(".live-figure-note").inner_text()
    assert not living.locator(".still img").is_visible()
    assert living.locator(".attn-handle").is_visible()
    living.locator(".attn-handle").focus()
    page.keyboard.press("ArrowRight")
    living.locator('.attn-handle[aria-valuetext*="1.1"]').wait_for()
    assert any("live figure:" in problem for problem in window.problems)
    assert not [problem for problem in window.problems if problem.startswith("foreign")]


def test_two_of_a_kind_live_side_by_side(visit):
    window = visit()
    page = serve(window, with_a_broken_twin(lambda models: None))
    window.come_near_all_figures()
    assert window.states() == ["alive", "alive"]
    first, second = page.locator(".attn-handle").all()
    first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "e => e.getAttribute('aria-valuetext').includes('1.1')", arg=first.element_handle()
    )
    assert "1.1" not in second.get_attribute("aria-valuetext")
    assert window.problems == []


def shows_its_still(page):
    """Tell whether the picture is there and fills its place, without a hole below it."""
    figure = page.locator(".live-figure").first
    figure.scroll_into_view_if_needed()
    picture = figure.locator(".still img")
    box, place = picture.bounding_box(), figure.bounding_box()
    large = box["width"] > 300 and box["height"] > 200
    return picture.is_visible() and large and place["height"] - box["height"] < 80


@pytest.mark.parametrize("origin", ["http", "file"])
def test_without_scripts(visit, origin):
    window = visit(origin, java_script_enabled=False)
    page = window.open(PAGE)
    assert shows_its_still(page)
    assert page.locator(".live-figure noscript").first.is_visible()
    assert page.locator("h1").is_visible()
    assert page.locator(".katex-html").first.is_visible()
    # Chromium counts the scripts that it was told not to load among the failed ones.
    assert [problem for problem in window.problems if not problem.endswith(" csp")] == []


def test_when_the_loader_does_not_arrive(visit):
    window = visit()
    window.page.route("**/book-widgets.js*", lambda route: route.abort())
    page = window.open(PAGE)
    assert shows_its_still(page)
    assert page.locator("h1").is_visible()


def test_in_a_browser_that_cannot_read_the_loader(visit):
    window = visit()
    window.page.route(
        "**/book-widgets.js*",
        lambda route: route.fulfill(body="class A { #b = ?; }", content_type="text/javascript"),
    )
    assert shows_its_still(window.open(PAGE))


def test_a_figure_far_away_costs_nothing(visit):
    window = visit()
    page = window.open(PAGE)
    page.wait_for_timeout(500)
    assert window.states() == [None] * page.locator(".live-figure").count()
    assert page.locator(".live").count() == 0
