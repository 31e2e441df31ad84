"""The browser and the servers of tests/browser."""

from tests.browser.conftest import (  # noqa: F401
    browser,
    playwright,
    pytest_terminal_summary,
    report,
    server,
    slow_server,
)
