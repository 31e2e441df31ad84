"""The browser, the windows and the server of tests/browser."""

from tests.browser.conftest import (  # noqa: F401
    browser,
    contexts,
    lasting_visit,
    playwright,
    pytest_terminal_summary,
    report,
    server,
    visit,
)
