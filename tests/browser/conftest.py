"""A real Chromium, the built book over http and as files, and a record of all that goes wrong."""

import functools
import gzip
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.policy import policy
from tests.site.built import SITE
from tools import find_browser

TEXTS = {".html", ".css", ".js", ".json", ".svg", ".txt"}
FLAGS = [
    *find_browser.FLAGS,
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def playwright():
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright):
    browser = playwright.chromium.launch(executable_path=find_browser.find_browser(), args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def contexts(browser):
    """Return what lends contexts of the browser."""
    return Contexts(browser)


@functools.cache
def packed(path: Path, change=str) -> bytes:
    """Return a file as a host sends it: texts gzipped; pictures and fonts are small already.

    What `change` makes of its text is sent of a page.
    """
    content = path.read_bytes()
    if path.suffix == ".html":
        content = change(content.decode()).encode()
    return gzip.compress(content, 9) if path.suffix in TEXTS else content


class Host(SimpleHTTPRequestHandler):
    """Such a server as books are published on: gzip, lasting connections, a strict policy."""

    protocol_version = "HTTP/1.1"
    change = str  # pages are sent as they are

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if path.is_dir() or not path.exists():
            self.send_error(404)
            return
        body = packed(path, self.change)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Length", str(len(body)))
        if path.suffix in TEXTS:
            self.send_header("Content-Encoding", "gzip")
        if path.suffix == ".html":
            html = self.change(path.read_text(encoding="utf-8"))
            self.send_header("Content-Security-Policy", policy(html))
        self.end_headers()
        self.send_body(body)

    def send_body(self, body):
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class SlowHost(Host):
    """The same behind a line of 10 Mb/s and 40 ms, which all requests share.

    Chromium's own emulation of a slow line stood still in one visit of twenty.
    """

    line = threading.Lock()

    def do_GET(self):
        time.sleep(0.04)
        super().do_GET()

    def send_body(self, body):
        for start in range(0, len(body), 12_500):
            with self.line:
                time.sleep(0.01)
            self.wfile.write(body[start : start + 12_500])


def serving(host=Host, site=SITE):
    """Serve a built book on this machine only; the address ends with a slash."""
    handler = functools.partial(host, directory=site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        httpd.daemon_threads = True
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}/"
        httpd.shutdown()


@pytest.fixture(scope="session")
def server():
    """Serve the built book; the value is its address."""
    yield from serving(Host)


@pytest.fixture(scope="session")
def slow_server():
    """Serve the built book behind a slow line; the value is its address."""
    yield from serving(SlowHost)


class Contexts:
    """Contexts of a browser, lent again and again: to make one takes half a second of a processor.

    What a window leaves behind (cookies, storage) is gone before the next one gets its context.
    """

    def __init__(self, browser):
        self._browser, self._free = browser, {}

    def lend(self, **options):
        """Return a context with these options in which no window is open."""
        free = self._free.setdefault(str(sorted(options.items())), [])
        return free.pop() if free else self._browser.new_context(**options)

    def take_back(self, page, root, **options):
        """Close a window, and make its context one without a past."""
        session, address = page.context.new_cdp_session(page), urlsplit(root)
        origin = f"{address.scheme}://{address.netloc}"
        session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
        page.context.clear_cookies()
        page.close()
        self._free[str(sorted(options.items()))].append(page.context)


# Scrolls to the next figure that is not settled; true when all are, and the last one is in sight.
SETTLED = """() => {
  const figures = [...document.querySelectorAll('.live-figure')];
  const next = figures.find((each) => !['alive', 'failed'].includes(each.dataset.state));
  (next ?? figures.at(-1))?.scrollIntoView({ block: 'center', behavior: 'instant' });
  return !next;
}"""


class Visit:
    """One reader's window, in a context without a past, that remembers what went wrong."""

    def __init__(self, contexts, root, **options):
        self.root = root
        self._contexts = contexts
        self._options = {"viewport": {"width": 1300, "height": 900}} | options
        self.context = contexts.lend(**self._options)
        self.page = self.context.new_page()
        self.problems = []
        self.page.on("request", self._request)
        self.page.on("requestfailed", self._failed)
        self.page.on("response", lambda r: r.status < 400 or self._note("status", r.url, r.status))
        self.page.on("pageerror", lambda error: self._note("error", error))
        self.page.on("console", self._console)

    def close(self):
        """Close the window; closing it once more does nothing."""
        if not self.page.is_closed():
            self._contexts.take_back(self.page, self.root, **self._options)

    def _note(self, *problem):
        self.problems.append(" ".join(map(str, problem)))

    def _request(self, request):
        if not request.url.startswith((self.root, "data:", "blob:")):
            self._note("foreign", request.url)

    def _failed(self, request):
        # Given up because the reader goes on to another page, as may happen to the page's icon.
        if request.failure != "net::ERR_ABORTED":
            self._note("failed", request.url, request.failure)

    def _console(self, message):
        if message.type in ("error", "warning", "assert"):
            self._note("console", message.type, message.text)

    def open(self, path):
        self.page.goto(self.root + path, wait_until="load")
        return self.page

    def come_near_all_figures(self):
        """Scroll to each live figure that is not settled, until all are alive or have failed."""
        self.page.wait_for_function(SETTLED, timeout=120_000)  # a page may have a hundred

    def open_all_boxes(self):
        """Open hints and solutions."""
        self.page.evaluate("document.querySelectorAll('details').forEach((e) => { e.open = true })")

    def states(self):
        return self.page.locator(".live-figure").evaluate_all(
            "all => all.map((each) => each.dataset.state ?? null)"
        )


def opening(contexts, server):
    visits = []

    def opened(origin="http", **options):
        root = server if origin == "http" else f"{Path(SITE).as_uri()}/"
        visits.append(Visit(contexts, root, **options))
        return visits[-1]

    yield opened
    for each in visits:
        each.close()


@pytest.fixture
def visit(contexts, server):
    """Return a function that opens a window: `visit()`, `visit("file", color_scheme="dark")`."""
    yield from opening(contexts, server)


@pytest.fixture(scope="module")
def lasting_visit(contexts, server):
    """The same for windows that the tests of a file share, since loading a page takes longest."""
    yield from opening(contexts, server)


MEASURED = pytest.StashKey[list[str]]()


@pytest.fixture
def report(request):
    """Return a function that adds a line to the table at the end of the run."""
    return request.config.stash.setdefault(MEASURED, []).append


def pytest_terminal_summary(terminalreporter, config):
    lines = config.stash.get(MEASURED, [])
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.line(line)
