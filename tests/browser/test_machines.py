"""Machines with and without a Chinese font: what they load, and what they draw with."""

import pytest

from tests import machines
from tests.browser.conftest import FLAGS, Contexts, Visit
from tests.browser.drawn import fonts_of_chinese
from tests.site.built import EDITIONS, SITE, address, chinese_sheet
from tools.find_browser import find_browser

FILES = ("NotoSansSC-400.woff2", "NotoSansSC-700.woff2")


@pytest.fixture(scope="module", params=["with", "without"])
def machine(request, tmp_path_factory, playwright, server):
    """A machine that has a Chinese font, or none: whether it has, and how to open a window."""
    has_one = request.param == "with"
    environment = machines.environment(tmp_path_factory.mktemp("machine"), chinese=has_one)
    browser = playwright.chromium.launch(
        executable_path=find_browser(), args=FLAGS, env=environment
    )
    contexts, origins = Contexts(browser), {"http": server, "file": f"{SITE.as_uri()}/"}
    yield has_one, lambda origin: Visit(contexts, origins[origin])
    browser.close()


@pytest.mark.parametrize("origin", ["http", "file"])
@pytest.mark.parametrize("path", [address("intro", each.language) for each in EDITIONS])
def test_chinese_is_drawn_with_the_machines_font_or_with_a_loaded_one(machine, origin, path):
    has_one, visit = machine
    window = visit(origin)
    loaded = set()
    window.page.on("requestfinished", lambda request: loaded.add(request.url.split("?")[0]))
    window.open(path)
    window.page.evaluate("document.fonts.ready.then(() => true)")
    drawn = fonts_of_chinese(window)
    name = machines.NAME if has_one else "NotoSansSC"
    assert set(drawn) == {f"{name}-Regular", f"{name}-Bold"}
    sheet = chinese_sheet(path).relative_to(SITE)
    brought = {f"{window.root}{sheet.with_name(each)}" for each in FILES}
    assert brought & loaded == (set() if has_one else brought)
    assert window.problems == []
    window.close()
