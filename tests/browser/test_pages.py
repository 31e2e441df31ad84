"""What the site does: first page, search, dark mode, fonts; that the tests' own eyes are open."""

import pytest

from tests.browser.policy import policy
from tests.browser.reach import out_of_reach
from tests.browser.reader import SHIFTS
from tests.browser.test_every_page import PAGES
from tests.site.built import EDITIONS, SITE, address, content

FIGURES = address("01_query_key_value")
ALL = pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)


def test_every_page_is_served_under_a_strict_policy(visit, server):
    """The tests of each page find no violation: here is that there is something to violate."""
    window = visit()
    page = window.open(FIGURES)
    header = page.request.get(server + FIGURES).headers["content-security-policy"]
    assert header == policy((SITE / FIGURES).read_text(encoding="utf-8"))
    assert "unsafe-inline" not in header.replace("style-src-attr 'unsafe-inline'", "")
    assert "unsafe-eval" not in header
    page.evaluate(
        """() => {
          const script = document.createElement('script');
          script.textContent = 'window.hit = 1';
          document.head.append(script);
        }"""
    )
    assert page.evaluate("window.hit") is None
    assert len(window.problems) == 1
    assert "Content Security Policy" in window.problems[0]


def test_the_record_of_problems_works(visit, server):
    window = visit()
    page = window.open(PAGES[0])
    page.evaluate(
        """() => {
          console.warn('a warning');
          setTimeout(() => { throw new Error('thrown'); });
          new Image().src = 'missing.png';
          new Image().src = 'http://127.0.0.1:9/foreign.png';
        }"""
    )
    page.wait_for_timeout(300)
    kinds = {problem.split()[0] for problem in window.problems}
    assert kinds == {"console", "error", "status", "failed", "foreign"}


@pytest.mark.parametrize("origin", ["http", "file"])
def test_a_window_knows_nothing_of_the_one_before(visit, origin):
    """Although both may have been lent the same context."""
    for _ in range(2):
        window = visit(origin)
        page = window.open(FIGURES)
        assert page.evaluate("[localStorage.past ?? null, document.cookie]") == [None, ""]
        page.evaluate("localStorage.past = 'one'; document.cookie = 'past=one'")
        assert page.evaluate("localStorage.past") == "one"
        window.close()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("origin", ["http", "file"])
def test_first_page_leads_to_the_introduction(visit, origin, script):
    window = visit(origin, java_script_enabled=script, locale="eo")
    window.open("index.html").wait_for_url(f"**/{address('intro')}")
    assert [p for p in window.problems if not p.endswith(" csp")] == []


@ALL
@pytest.mark.parametrize("origin", ["http", "file"])
def test_first_page_leads_to_the_readers_language(visit, origin, edition):
    window = visit(origin, locale=edition.tag)
    window.open("index.html").wait_for_url(f"**/{content(edition)[0]}")
    assert window.problems == []


@ALL
def test_the_folder_of_an_edition_leads_to_its_introduction(visit, edition):
    window = visit()
    window.open(address("index", edition.language)).wait_for_url(f"**/{content(edition)[0]}")
    assert window.problems == []


def test_nothing_jumps_at_a_figure_that_is_in_view_at_once(visit):
    window = visit()
    window.page.add_init_script(SHIFTS)
    page = window.open(f"{FIGURES}#move-the-query")
    page.wait_for_selector('.live-figure[data-state="alive"]')
    page.wait_for_timeout(300)
    assert page.evaluate("window.shift") < 0.05


@ALL
def test_a_copied_example_can_be_run(visit, edition):
    """No prompt, no output; what has no prompt is copied whole."""
    window = visit(permissions=["clipboard-read", "clipboard-write"])
    page = window.open(address("api", edition.language))
    examples = page.locator("div.highlight:has(.gp)")
    assert examples.count() > 10
    for example in examples.all()[:12]:
        shown = example.locator("pre").inner_text().splitlines()
        example.hover()
        example.locator("button.copybtn").click()
        copied = page.evaluate("navigator.clipboard.readText()").splitlines()
        assert copied == [line[4:] for line in shown if line.startswith((">>> ", "... "))]
    assert window.problems == []


def background(page):
    """Return how bright the page's ground is, from 0 to 255."""
    color = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, color.strip("rgb()").split(","))) / 3


def test_dark_follows_the_system_and_the_button(visit):
    for scheme, dark in (("light", False), ("dark", True)):
        page = visit(color_scheme=scheme).open(FIGURES)
        assert (background(page) < 60) is dark
        assert (background(page) > 200) is not dark
    page = visit(color_scheme="light").open(FIGURES)
    button = page.locator(".theme-switch-button").first
    seen = set()
    for _ in range(3):
        button.click()
        seen.add((page.evaluate("document.documentElement.dataset.mode"), background(page) < 60))
    assert seen == {("light", False), ("dark", True), ("auto", False)}


def test_dark_needs_no_script_of_the_theme(visit):
    """It is there with the first paint; the theme's own script comes later."""
    window = visit(color_scheme="dark")
    window.page.route("**/pydata-sphinx-theme.js*", lambda route: route.abort())
    page = window.open(FIGURES)
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert background(page) < 60


def test_the_print_button_prints(visit):
    window = visit()
    window.page.add_init_script("window.print = () => { window.printed = true; }")
    page = window.open(FIGURES)
    page.locator(".dropdown-download-buttons > button").first.click()
    page.locator("[data-print]").first.click()
    assert page.evaluate("window.printed")
    assert window.problems == []


def test_pictures_lie_on_a_white_card_in_the_dark(visit):
    page = visit(color_scheme="dark").open(FIGURES)
    for picture in page.locator(".cell_output img").all():
        style = picture.evaluate(
            "e => ['backgroundColor', 'filter', 'padding'].map((name) => getComputedStyle(e)[name])"
        )
        assert style == ["rgb(255, 255, 255)", "none", "10px"]


def test_checks_have_the_colours_of_the_page(visit):
    """The theme lays HTML outputs on a bright card in the dark, and code in them is bright too."""
    page = visit(color_scheme="dark").open(FIGURES)
    output = page.locator(".text_html:has(.attnlib-check)").first
    colours = output.evaluate(
        "(e) => [getComputedStyle(e), getComputedStyle(document.body)].map((s) => s.color)"
    )
    assert colours[0] == colours[1]
    assert output.evaluate("(e) => getComputedStyle(e).backgroundColor") == "rgba(0, 0, 0, 0)"


def test_figure_turns_dark_with_the_page(visit):
    window = visit(color_scheme="light")
    page = window.open(FIGURES)
    window.come_near_all_figures()
    paper = "getComputedStyle(document.querySelector('.live .attn-live')).backgroundColor"
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert page.evaluate(paper) != "rgb(255, 255, 255)"


def test_text_is_shown_although_the_fonts_fail(visit):
    window = visit()
    window.page.add_init_script("document.fonts.load = () => new Promise(() => {})")
    page = window.open(address("intro"))
    page.locator("h1").wait_for(timeout=3000)  # visible, that is


def test_what_scrolls_once_its_font_has_come_is_a_tab_stop(visit):
    """A formula may fit until the letters it is made for arrive."""
    window = visit(viewport={"width": 360, "height": 780})
    held = []
    window.page.route("**/KaTeX_*.woff2", lambda route: held.append(route))
    page = window.page
    page.goto(window.root + address("02_scaled_dot_product"), wait_until="domcontentloaded")
    page.wait_for_selector("div.math .katex")
    window.open_all_boxes()
    page.wait_for_timeout(300)
    assert held
    page.unroute("**/KaTeX_*.woff2")  # lets them go
    page.evaluate("document.fonts.ready.then(() => true)")
    assert out_of_reach(page) == []


def test_who_prints_a_page_gets_hints_and_solutions(visit):
    window = visit().open(FIGURES)
    texts = "article details > :not(summary)"
    hidden = f"[...document.querySelectorAll('{texts}')].filter((e) => !e.checkVisibility())"
    assert window.evaluate(f"{hidden}.length") > 10
    window.emulate_media(media="print")
    assert window.evaluate(f"{hidden}.length") == 0
    heights = f"[...document.querySelectorAll('{texts}')].map((e) => e.offsetHeight)"
    assert min(window.evaluate(heights)) > 10
