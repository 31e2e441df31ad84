"""The browser of tests/browser."""

from tests.browser.conftest import browser, contexts  # noqa: F401
