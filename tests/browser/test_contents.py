"""The list of contents beside a page: it marks the section that is read, and follows it."""

import pytest

from tests.site.built import address

PAGE = address("11_inside")  # with the longest list
# The section that is read: the last one that has begun in the upper third of the window.
READ = """() => {
  const links = [...document.querySelectorAll('#pst-page-toc-nav a')];
  const begun = links.findLast(({ hash }) =>
    document.getElementById(hash.slice(1)).getBoundingClientRect().top <= 0.3 * innerHeight);
  return begun?.textContent ?? null;
}"""
MARKED = """() => {
  const [marked, ...more] = document.querySelectorAll('#pst-page-toc-nav a.active');
  if (!marked || more.length) return more.length ? 'several' : null;
  const { top, bottom } = marked.getBoundingClientRect();
  const list = marked.closest('.bd-sidebar-secondary').getBoundingClientRect();
  if (top < list.top || bottom > Math.min(list.bottom, innerHeight)) return 'out of view';
  return marked.getAttribute('aria-current') === 'true' ? marked.textContent : 'not told';
}"""


@pytest.fixture
def page(visit):
    window = visit(viewport={"width": 1300, "height": 600})
    window.open(PAGE)
    window.come_near_all_figures()
    yield window.page
    assert window.problems == []


def assert_marked(page, expected):
    page.wait_for_function(f"expected => ({MARKED})() === expected", arg=expected, timeout=5000)
    page.wait_for_timeout(1200)  # the theme marks anew within a second after a jump
    assert page.evaluate(MARKED) == expected


def test_the_section_that_is_read_is_marked(page):
    whole = page.evaluate("document.documentElement.scrollHeight")
    seen = set()
    for share in (0.1, 0.6, 0.3, 0.8, 0.2, 0.02):  # downwards and upwards, over many headings
        page.evaluate("y => scrollTo({ top: y, behavior: 'instant' })", share * whole)
        expected = page.evaluate(READ)
        assert_marked(page, expected)
        seen.add(expected)
    assert len(seen) >= 5


def test_a_section_that_is_left_upwards_is_marked_no_longer(page):
    page.locator("#pst-page-toc-nav a").nth(6).click()
    page.wait_for_timeout(1200)
    page.mouse.move(500, 300)
    page.mouse.wheel(0, -500)
    page.wait_for_timeout(500)
    expected = page.evaluate(READ)
    assert expected != page.locator("#pst-page-toc-nav a").nth(6).text_content()
    assert_marked(page, expected)


def test_the_last_sections_are_marked_when_they_are_asked_for(page):
    links = page.locator("#pst-page-toc-nav a")
    for each in (-1, -2):
        link = links.nth(links.count() + each)
        link.click()
        assert_marked(page, link.text_content())
