"""Find the browsers of the tests, and fetch those that are not installed.

Chromium, in this order: the path in CHROMIUM; a browser on the PATH; Playwright's own, if it has
been downloaded before; Debian's package, if this user may install it; Playwright's, downloaded now.
Its headless shell comes first, which opens a page with less than half of the work: the same engine
without the window around it, which nobody sees here.
Firefox and WebKit: a browser on the PATH; Debian's packages, if this user may install them.

    python tools/find_browser.py      # prints the path of Chromium
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SHELL = "chromium-headless-shell"
NAMES = (SHELL, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
# For every start: letters are as wide as on a reader's screen, also where there is no screen.
FLAGS = ("--no-sandbox", "--disable-gpu", "--font-render-hinting=none")
DOWNLOAD_SECONDS = 300
HELP = (
    "no Chromium was found and none could be fetched: install one (Debian: `sudo apt-get install "
    "chromium-headless-shell`; elsewhere: `python -m playwright install chromium`), or set "
    "CHROMIUM to the path of an installed one"
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


@contextmanager
def alone() -> Iterator[None]:
    """Wait for other stages that are installing something: Debian's tools give up at once."""
    import fcntl  # not on Windows, which has none of Debian's packages

    with (Path(tempfile.gettempdir()) / "good-morning-attention-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install(*packages: str) -> None:
    """Install packages of Debian."""
    with alone():
        if attempt("apt-get", "update", "--quiet"):
            options = ("--yes", "--quiet", "--no-install-recommends")
            attempt("apt-get", "install", *options, *packages)


def of_debian(names: Sequence[str], packages: Sequence[str], beside: Sequence[str] = ()) -> str:
    """Return the path of a program that Debian has a package of; install that where it is missing.

    Args:
        names: What the program may be called.
        packages: Debian's packages of it.
        beside: Programs that have to be there, too.

    Raises:
        NoBrowserError: If it is not there and cannot be installed.
    """

    def found() -> str | None:
        complete = all(map(shutil.which, beside))
        return next(filter(None, map(shutil.which, names)), None) if complete else None

    path = found()
    if path is None and may_install():
        install(*packages)
        path = found()
    if path is None:
        raise NoBrowserError(
            f"{', '.join((names[0], *beside))} not found: install what the tests of other browsers "
            f"need (Debian, Ubuntu: `sudo apt-get install {' '.join(packages)}`)"
        )
    return path


def find_firefox() -> str:
    """Return the path of Firefox; a NoBrowserError names the command that installs it."""
    return of_debian(("firefox-esr", "firefox"), ("firefox-esr",))


def find_webkit() -> str:
    """Return the path of the driver of WebKitGTK, which needs an X server; see `find_firefox`."""
    return of_debian(("WebKitWebDriver",), ("webkit2gtk-driver", "xvfb"), beside=("Xvfb",))


def candidates() -> Iterator[str]:
    """Yield paths to try, the cheap ones first; fetching happens between them."""
    yield from filter(None, map(shutil.which, NAMES))
    yield from filter(os.path.exists, MAC)
    own = of_playwright()
    if Path(own).exists():
        yield own
    if may_install():
        for package in (SHELL, "chromium"):  # Ubuntu has only the second, and that is a stub
            install(package)
            yield from filter(None, [shutil.which(package)])
    if not Path(own).exists():
        attempt(sys.executable, "-m", "playwright", "install", "chromium")
        yield own


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
