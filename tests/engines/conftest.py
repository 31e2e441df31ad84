"""The built book with an ear in each page, and a window of each engine."""

import pytest

from tests.browser.conftest import serving
from tests.engines.chromium import chromium
from tests.engines.firefox import firefox
from tests.engines.tour import arrive, listening, through
from tests.engines.webkit import webkit
from tests.site.built import SITE, pages


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A copy of the site whose pages remember what goes wrong in them; all else is linked."""
    copy = tmp_path_factory.mktemp("site")
    for path in SITE.rglob("*"):
        own = path.relative_to(SITE)
        target = copy / own
        if "_static" in own.parts[:-1]:
            continue
        if path.name == "_static" or path.is_file():
            target.symlink_to(path)
        else:
            target.mkdir()
    for page in pages():
        (copy / page).unlink()
        html = listening((SITE / page).read_text(encoding="utf-8"))
        (copy / page).write_text(html, encoding="utf-8")
    return copy


@pytest.fixture(scope="session")
def server(site):
    """Serve it; the value is its address."""
    yield from serving(site=site)


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
