"""Machines with and without a Chinese font: what they load, and what they draw with."""

import os

import pytest
from fontTools.ttLib import TTFont

from tests.browser.conftest import FLAGS, Contexts, Visit
from tests.browser.drawn import fonts_of_chinese
from tests.site.built import EDITIONS, ROOT, SITE, address, chinese_sheet
from tools.find_browser import find_browser

FILES = {"Regular": "NotoSansSC-400.woff2", "Bold": "NotoSansSC-700.woff2"}
FOLDERS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<dir>/usr/share/fonts/truetype/dejavu</dir><dir>{0}</dir><cachedir>{0}/cache</cachedir>
</fontconfig>"""


def install(folder, family, name):
    """Put a regular and a bold font of our own into a folder, under the name of another one."""
    for style, file in FILES.items():
        font = TTFont(ROOT / "book/_static/fonts" / file)
        said = {1: family, 2: style, 4: f"{family} {style}", 6: f"{name}-{style}"}
        for record in font["name"].names:
            record.string = said.get(record.nameID, str(record))
        font.flavor = None
        font.save(folder / f"{name}-{style}.ttf")


@pytest.fixture(scope="module", params=["with", "without"])
def machine(request, tmp_path_factory, playwright, server):
    """A machine that has a Chinese font, or none: whether it has, and how to open a window."""
    folder = tmp_path_factory.mktemp("machine")
    if request.param == "with":
        install(folder, "Noto Sans CJK SC", "NotoSansCJKsc")
    (folder / "fonts.conf").write_text(FOLDERS.format(folder), encoding="utf-8")
    environment = {**os.environ, "FONTCONFIG_FILE": str(folder / "fonts.conf")}
    browser = playwright.chromium.launch(
        executable_path=find_browser(), args=FLAGS, env=environment
    )
    contexts, origins = Contexts(browser), {"http": server, "file": f"{SITE.as_uri()}/"}
    yield request.param == "with", lambda origin: Visit(contexts, origins[origin])
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
    name = "NotoSansCJKsc" if has_one else "NotoSansSC"
    assert set(drawn) == {f"{name}-Regular", f"{name}-Bold"}
    sheet = chinese_sheet(path).relative_to(SITE)
    brought = {f"{window.root}{sheet.with_name(each)}" for each in FILES.values()}
    assert brought & loaded == (set() if has_one else brought)
    assert window.problems == []
    window.close()
