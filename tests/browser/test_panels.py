"""What opens over a page (contents, menus, search): on a phone, in large letters, by keyboard."""

from contextlib import contextmanager

import pytest

from tests.browser.reach import beside_its_icon, large_letters, out_of_reach, sized
from tests.browser.reader import PHONE
from tests.site.built import EDITIONS, chapters

PANELS = {  # the button that opens it, and what opens
    ".primary-toggle": "#pst-primary-sidebar-modal",
    ".secondary-toggle": "#pst-secondary-sidebar-modal",
    ".header-article-items__end .search-button": "#pst-search-dialog",
    ".dropdown-launch-buttons > button": ".dropdown-launch-buttons > .dropdown-menu.show",
    ".dropdown-download-buttons > button": ".dropdown-download-buttons > .dropdown-menu.show",
}
ONE = pytest.mark.parametrize("button", PANELS)


@pytest.fixture(scope="module", params=[chapters(each)[0] for each in EDITIONS])
def page(request, lasting_visit):
    window = lasting_visit(**PHONE)
    window.page.set_default_timeout(4000)
    yield window.open(request.param)
    assert window.problems == []


@contextmanager
def opened(page, button):
    page.locator(button).click()
    page.locator(PANELS[button]).wait_for()
    try:
        yield
    finally:
        page.keyboard.press("Escape")
        page.locator(PANELS[button]).wait_for(state="hidden")


@ONE
def test_all_of_it_can_be_brought_into_view(page, button):
    for size in ((360, 780), (320, 256)):
        with sized(page, *size), large_letters(page), opened(page, button):
            if button.endswith("search-button"):
                assert beside_its_icon(page, PANELS[button])
            else:
                assert out_of_reach(page, PANELS[button]) == []


@ONE
def test_escape_gives_the_focus_back(page, button):
    page.locator(button).focus()
    page.keyboard.press("Enter")
    page.locator(PANELS[button]).wait_for()
    page.keyboard.press("Escape")
    page.locator(PANELS[button]).wait_for(state="hidden")
    page.wait_for_function("(button) => document.activeElement.matches(button)", arg=button)


def test_the_contents_close_when_an_entry_is_tapped(page):
    page.locator(".secondary-toggle").tap()
    entry = page.locator("#pst-secondary-sidebar-modal a.nav-link").nth(3)
    anchor = entry.get_attribute("href").removeprefix("#")
    entry.tap()
    page.locator("#pst-secondary-sidebar-modal").wait_for(state="hidden")
    page.wait_for_function("(id) => document.activeElement.id === id", arg=anchor)
    heading = page.locator(f"[id='{anchor}'] > :is(h2, h3)")
    assert 0 <= heading.bounding_box()["y"] < 400
    # Whoever goes on with Tab goes on from there.
    page.keyboard.press("Tab")
    assert page.evaluate(
        """(id) => !(document.getElementById(id).compareDocumentPosition(document.activeElement)
          & Node.DOCUMENT_POSITION_PRECEDING)""",
        anchor,
    )
    # And the contents are whole when they are opened again.
    page.locator(".secondary-toggle").tap()
    assert page.locator("#pst-secondary-sidebar-modal a.nav-link").count() > 5
    page.keyboard.press("Escape")
