"""404.html, as a server such as GitHub Pages shows it: under the address that was asked for."""

import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import Visit
from tests.browser.policy import policy
from tests.site.built import EDITIONS, SITE, content, soup

PREFIX = soup("404.html").main["data-book"]


class LikePages(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        path = urlsplit(self.path).path.removeprefix(PREFIX)
        if (SITE / path).is_file():
            self.path = f"/{path}"
            super().do_GET()
            return
        body = (SITE / "404.html").read_bytes()
        self.send_response(404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", policy(body.decode()))
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.parametrize(
    ("wrong", "edition"),
    [("nowhere", EDITIONS[0]), ("a/b/c/d/e/", EDITIONS[0])]
    + [(f"{edition.language}/99_missing.html", edition) for edition in EDITIONS],
    ids=lambda each: getattr(each, "language", each),
)
def test_a_wrong_address_leads_back_from_any_depth(contexts, wrong, edition):
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(LikePages, directory=SITE)
    ) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        window = Visit(contexts, f"http://127.0.0.1:{httpd.server_address[1]}{PREFIX}")
        page = window.open(wrong)
        assert page.locator("h1").inner_text() == "404"
        assert page.locator("h2").first.inner_text() == edition.site["not_found"]
        assert [
            problem for problem in window.problems if wrong not in problem and "404" not in problem
        ] == []
        page.locator("main a").first.click()
        page.wait_for_url(f"**/{content(edition)[0]}")
        assert page.locator("h1").inner_text().startswith(edition.title)
        window.close()
        httpd.shutdown()
