"""The browser of tests/browser."""

from tests.browser.conftest import browser, contexts, playwright  # noqa: F401
