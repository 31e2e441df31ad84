"""The built book with an ear in each page, and a window of each engine."""

import pytest

from tests.browser.conftest import Host, serving
from tests.engines.chromium import chromium
from tests.engines.firefox import firefox
from tests.engines.tour import arrive, listening, through
from tests.engines.webkit import webkit
from tests.site.built import SITE


class Ear(Host):
    """Sends pages that remember what goes wrong in them."""

    change = staticmethod(listening)


@pytest.fixture(scope="session")
def server():
    """Serve the site with an ear in each page; the value is its address."""
    yield from serving(Ear)


@pytest.fixture
def from_disk(tmp_path):
    """Return a function that puts a page with an ear into a copy of the site: its address."""

    def address(page):
        for path in SITE.rglob("*"):
            target = tmp_path / path.relative_to(SITE)
            if "_static" in target.parts[:-1]:
                continue
            if path.name == "_static" or (path.is_file() and path != SITE / page):
                target.symlink_to(path)
            elif path.is_dir():
                target.mkdir()
        html = listening((SITE / page).read_text(encoding="utf-8"))
        (tmp_path / page).write_text(html, encoding="utf-8")
        return (tmp_path / page).as_uri()

    return address


@pytest.fixture(scope="session")
def expected(server):
    """Return a function: what a figure of a page shows in Chromium, move by move."""
    known = {}
    with chromium() as window:

        def shown(page, facts, called):
            if (page, called) not in known:
                assert set(arrive(window, server + page)) == {"alive"}
                known[page, called] = through(window, facts, called)
            return known[page, called]

        yield shown


ENGINES = {"firefox": firefox, "webkit": webkit}


@pytest.fixture(scope="session", params=ENGINES)  # so that none starts twice
def window(request, tmp_path_factory):
    """A window of each engine, one engine after the other."""
    with ENGINES[request.param](tmp_path_factory.mktemp(request.param)) as opened:
        yield opened
