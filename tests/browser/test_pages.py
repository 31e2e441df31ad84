"""Every page, over http and from the disk: nothing foreign, nothing missing, no complaint."""

import pytest

from tests.site.built import pages, soup

PAGES = [page for page in pages() if page != "index.html"]  # which only leads to another
FIGURES = "notebooks/en/01_query_key_value.html"


@pytest.mark.parametrize("origin", ["http", "file"])
@pytest.mark.parametrize("path", PAGES)
def test_page_loads_without_a_complaint(visit, origin, path):
    window = visit(origin)
    page = window.open(path)
    window.come_near_all_figures()
    page.wait_for_timeout(200)
    assert page.locator("h1").first.is_visible()
    assert window.problems == []
    assert set(window.states()) <= {"alive"}


# Inline: the theme's few lines, the widgets' styles. blob: is how a figure's own code is started.
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'"
)


def test_figures_live_under_a_strict_content_security_policy(visit):
    window = visit()

    def with_policy(route):
        answer = route.fetch()
        route.fulfill(response=answer, headers=answer.headers | {"content-security-policy": POLICY})

    window.page.route("**/*.html", with_policy)
    window.open(FIGURES)
    window.come_near_all_figures()
    assert set(window.states()) == {"alive"}
    assert window.problems == []


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
def test_first_page_leads_to_the_introduction(visit, origin):
    window = visit(origin)
    window.open("index.html").wait_for_url("**/book/en/intro.html")
    # It may be left before its icon has arrived.
    assert [problem for problem in window.problems if "ERR_ABORTED" not in problem] == []


def test_search_finds_words_of_both_languages(visit):
    for origin in ("http", "file"):
        window = visit(origin)
        page = window.open("search.html?q=softmax")
        page.wait_for_selector("#search-results li a")
        page.wait_for_load_state("networkidle")  # the search fetches the pages that it has found
        page = window.open("search.html?q=早上好")
        page.wait_for_selector("#search-results li a")
        page.wait_for_load_state("networkidle")
        assert window.problems == []


@pytest.mark.parametrize("path", PAGES)
def test_no_page_scrolls_sideways(visit, path):
    window = visit()
    page = window.open(path)
    window.come_near_all_figures()
    window.open_all_boxes()
    for width in (1300, 650, 360):  # a desk; a desk at 200 %; a phone
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(150)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert sticking_out(page) == []


def sticking_out(page):
    """Return what the right edge cuts off, unless it can be scrolled into view in its box."""
    return page.evaluate(
        """() => [...document.querySelectorAll('article *')].filter((element) => {
          for (let box = element.parentElement; box; box = box.parentElement) {
            if (getComputedStyle(box).overflowX !== 'visible' && box !== document.body
                && box !== document.documentElement) return false;
          }
          return element.getBoundingClientRect().right > innerWidth + 1;
        }).map((element) => element.outerHTML.slice(0, 120))"""
    )


SHIFTS = """
  window.shift = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
  }).observe({ type: 'layout-shift', buffered: true });
"""


@pytest.mark.parametrize("width", [360, 1300])
@pytest.mark.parametrize("path", PAGES)
def test_nothing_jumps(visit, path, width):
    """Open the page, then read towards each figure, as fast as one can flick (4000 pixels/s)."""
    window = visit(viewport={"width": width, "height": 900})
    window.page.add_init_script(SHIFTS)
    page = window.open(path)
    page.wait_for_timeout(300)
    for figure in page.locator(".live-figure").all():
        top = figure.evaluate("e => e.getBoundingClientRect().top + scrollY")
        for position in range(max(0, int(top) - 3000), int(top) + 800, 200):
            page.evaluate("position => scrollTo(0, position)", position)
            page.wait_for_timeout(50)
    assert page.evaluate("window.shift") < 0.05


@pytest.mark.parametrize("width", [360, 1300])
@pytest.mark.parametrize("path", [page for page in PAGES if soup(page).select(".live-figure")])
def test_the_room_kept_for_a_figure_fits_it(visit, path, width):
    """The numbers stand at the end of book.css: mend them there when a figure has changed."""
    window = visit(viewport={"width": width, "height": 900})
    page = window.open(path)
    window.come_near_all_figures()
    for figure in page.locator(".live-figure").all():
        kept = figure.evaluate("e => parseFloat(getComputedStyle(e).minHeight)")
        needed = figure.locator(".live > *").first.bounding_box()["height"]
        assert kept == pytest.approx(needed, rel=0.05), figure.get_attribute("class")


def test_nothing_jumps_at_a_figure_that_is_in_view_at_once(visit):
    window = visit()
    window.page.add_init_script(SHIFTS)
    page = window.open(f"{FIGURES}#move-the-query")
    page.wait_for_selector('.live-figure[data-state="alive"]')
    page.wait_for_timeout(300)
    assert page.evaluate("window.shift") < 0.05


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


def test_pictures_lie_on_a_white_card_in_the_dark(visit):
    page = visit(color_scheme="dark").open(FIGURES)
    for picture in page.locator(".cell_output img").all():
        style = picture.evaluate(
            "e => ['backgroundColor', 'filter', 'padding'].map((name) => getComputedStyle(e)[name])"
        )
        assert style == ["rgb(255, 255, 255)", "none", "10px"]


def test_figure_turns_dark_with_the_page(visit):
    window = visit(color_scheme="light")
    page = window.open(FIGURES)
    window.come_near_all_figures()
    paper = "getComputedStyle(document.querySelector('.live .attn-figure')).backgroundColor"
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert page.evaluate(paper) != "rgb(255, 255, 255)"


# Puts each piece of text with Chinese into an element of its own, and counts its characters.
MARK_CHINESE = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    if (/[\\u3001-\\u9fff\\uff00-\\uffef]/.test(node.data)) found.push(node);
  }
  for (const node of found) {
    const element = document.createElementNS(node.parentElement.namespaceURI,
      node.parentElement.namespaceURI.endsWith('svg') ? 'tspan' : 'span');
    node.replaceWith(element);
    element.append(node);
    if (!element.checkVisibility()) continue;
    element.dataset.chinese = node.data.match(/[\\u3001-\\u9fff\\uff00-\\uffef]/g).length;
  }
  return found.length;
}"""


@pytest.mark.parametrize("origin", ["http", "file"])
@pytest.mark.parametrize("path", [FIGURES, "book/en/intro.html", "book/en/notation.html"])
def test_chinese_is_drawn_with_the_font_of_the_book(visit, origin, path):
    """Ask the browser which font it really drew with: a machine's own font would not do."""
    window = visit(origin)
    page = window.open(path)
    window.come_near_all_figures()
    page.evaluate("document.fonts.ready")
    assert page.evaluate(MARK_CHINESE) > 1
    session = window.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
    selected = {"nodeId": root, "selector": "[data-chinese]"}
    for node in session.send("DOM.querySelectorAll", selected)["nodeIds"]:
        attributes = session.send("DOM.getAttributes", {"nodeId": node})["attributes"]
        wanted = int(attributes[attributes.index("data-chinese") + 1])
        fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
        drawn = sum(
            font["glyphCount"]
            for font in fonts
            if font["isCustomFont"] and font["familyName"].startswith("Noto Sans SC")
        )
        html = session.send("DOM.getOuterHTML", {"nodeId": node})["outerHTML"]
        assert drawn >= wanted, (html[:200], fonts)


def test_text_is_shown_although_the_fonts_fail(visit):
    window = visit()
    window.page.add_init_script("document.fonts.load = () => new Promise(() => {})")
    page = window.open("book/en/intro.html")
    page.wait_for_timeout(500)
    assert page.locator("h1").is_visible()


def test_print_shows_the_text_and_still_pictures_only(visit):
    window = visit()
    page = window.open(FIGURES)
    window.come_near_all_figures()
    page.emulate_media(media="print")
    assert page.locator("h1").is_visible()
    for figure in page.locator(".live-figure").all():
        assert figure.locator(".still img").is_visible()
        assert not figure.locator(".live").is_visible()
    for hidden in ("#pst-primary-sidebar", "#pst-secondary-sidebar", ".bd-header-article"):
        assert not page.locator(hidden).is_visible(), hidden
