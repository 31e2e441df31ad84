"""Chromium, with which the others are compared."""

from contextlib import contextmanager

from playwright.sync_api import sync_playwright

from tests.browser.conftest import FLAGS
from tests.engines.window import HEIGHT, WIDTH, Window
from tools.find_browser import find_browser


class Chromium(Window):
    """A window of its."""

    def __init__(self, page):
        self._page = page

    def open(self, url):
        self._page.goto(url)

    def evaluate(self, function):
        return self._page.evaluate(function)

    def press(self, key):
        self._page.keyboard.press(key)


@contextmanager
def chromium():
    """Start a Chromium without a past; yield its window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        yield Chromium(browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}))
        browser.close()
