"""A page with one live figure, as it stands in the book's pages, for a browser to picture.

Styles, fonts and loader are the book's; nothing is asked of anybody else.
"""

import json
from math import ceil
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "book" / "_static"
LOADER = STATIC / "vendor" / "book-widgets.js"
STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"

# A figure's place in the page, in CSS pixels, and the window around it: on a desk, on a phone.
WIDE, DESK = 704, {"viewport": {"width": 1300, "height": 900}}
NARROW, PHONE = (
    328,
    {"viewport": {"width": 360, "height": 780}, "is_mobile": True, "has_touch": True},
)
SETTLED = 150  # ms after which a figure that lives asks for nothing more, and stands still
ADDRESS = "http://book.invalid/"  # nobody answers there: all that is asked for is handed over here
PAGE = """<!doctype html>
<html lang="en" data-theme="light">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="vendor/controls.css">
<link rel="stylesheet" href="book.css">
<style>
  body { margin: 0; background: #fff; line-height: 1.65; }
  .live-figure { margin: 0; }
  /* as in the theme */
  button, input, select { font: inherit; }
  sub { position: relative; bottom: -0.25em; vertical-align: baseline; }
  sub { font-size: 0.75em; line-height: 0; }
  .live *, .live *::before, .live *::after { transition: none !important; }
</style>
<div class="live-figure" style="width: WIDTHpx"><script type="VIEW_TYPE">VIEW_JSON</script></div>
<script type="STATE_TYPE">STATE_JSON</script>
<script src="vendor/book-widgets.js"></script>
"""


class NoPictureError(RuntimeError):
    """A figure could not be drawn; the message says which and why."""


def show(page: Page, cell: str, models: dict[str, Any], root: str, width: int) -> int:
    """Build a figure on an empty page, in a place of that width; return how high it is."""
    problems: list[str] = []
    view = json.dumps({"version_major": 2, "version_minor": 0, "model_id": root})
    state = {"version_major": 2, "version_minor": 0, "state": models}
    html = (  # what comes from the notebook goes in last, so that nothing is replaced in it
        PAGE.replace("WIDTH", str(width))
        .replace("VIEW_TYPE", VIEW)
        .replace("STATE_TYPE", STATE)
        .replace("VIEW_JSON", view)
        .replace("STATE_JSON", json.dumps(state).replace("</", "<\\/"))
    )

    def answer(route: Route) -> None:
        address = route.request.url
        file = STATIC / address.removeprefix(ADDRESS)
        if address == ADDRESS:
            route.fulfill(body=html, content_type="text/html")
        elif address.startswith(ADDRESS) and file.is_file():
            route.fulfill(path=file)
        else:
            problems.append(f"it asked for {address}")
            route.abort()

    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.route("**/*", answer)
    page.goto(ADDRESS)
    page.wait_for_selector(".live-figure[data-state]:not([data-state=starting])")
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(SETTLED)
    problems += page.locator(".attn-error").all_inner_texts()
    if problems or page.locator("[data-state=alive]").count() == 0:
        raise NoPictureError(f"{cell}: the live figure cannot be pictured: {problems}")
    box = page.locator(".live > *").bounding_box()
    assert box is not None
    return ceil(box["height"])
