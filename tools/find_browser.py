"""Find a Chromium for the browser tests, and fetch one where none is installed.

In this order: the path in CHROMIUM; a browser on the PATH; Playwright's own, if it has been
downloaded before; Playwright's, downloaded now; Debian's package, if this user may install it.

    python tools/find_browser.py      # prints the path
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
DOWNLOAD_SECONDS = 300
HELP = (
    "no Chromium was found and none could be fetched: install one (Debian, Ubuntu: `sudo apt-get "
    "install chromium`; elsewhere: `python -m playwright install chromium`), or set CHROMIUM to "
    "the path of an installed one"
)


class NoBrowserError(RuntimeError):
    """No browser was found; the message says which command to run."""


def works(path: str) -> bool:
    """Tell whether `path` is a browser that starts (some distributions put a stub there)."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def attempt(*command: str) -> bool:
    """Run a command that may fetch a browser, say so, and tell whether it succeeded in time."""
    print(f"▸ no browser yet: {' '.join(command)}", file=sys.stderr, flush=True)
    try:
        done = subprocess.run(command, stdout=sys.stderr, timeout=DOWNLOAD_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def of_playwright() -> str:
    """Return where Playwright keeps its Chromium, whether or not it has been downloaded."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return str(playwright.chromium.executable_path)


def may_install() -> bool:
    """Tell whether this is a Debian-like system whose packages this user may install."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def candidates() -> Iterator[str]:
    """Yield paths to try, the cheap ones first; fetching happens between them."""
    yield from filter(None, map(shutil.which, NAMES))
    yield from filter(os.path.exists, MAC)
    own = of_playwright()
    if not Path(own).exists():
        attempt(sys.executable, "-m", "playwright", "install", "chromium")
    yield own
    if may_install() and attempt("apt-get", "update", "--quiet"):
        attempt("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium")
        yield from filter(None, [shutil.which("chromium")])


def find_browser() -> str:
    """Return the path of a Chromium that starts.

    Raises:
        NoBrowserError: If there is none and none can be fetched, or if CHROMIUM names none.
    """
    wanted = os.environ.get("CHROMIUM")
    if wanted and not works(wanted):
        raise NoBrowserError(f"CHROMIUM must be the path of a browser, {wanted} does not start")
    found = wanted or next(filter(works, candidates()), None)
    if found is None:
        raise NoBrowserError(HELP)
    return found


if __name__ == "__main__":
    try:
        print(find_browser())
    except NoBrowserError as error:
        sys.exit(f"✗ {error}")
