"""Take pictures of the live figures, as they open, for the introduction and the README.

Run it after `make book` when a figure's looks have changed:

    python -m tools.picture_figures
"""

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

from tools.editions import DEFAULT, ROOT, edition
from tools.find_browser import FLAGS, find_browser

PAGES = ROOT / "book" / "_build" / "html" / DEFAULT
TARGET = ROOT / "book" / "_static"
VIEWPORT = ViewportSize(width=768, height=1400)
CARD = (560, 368)  # pixels of a picture in the gallery, which shows it at half its size

INSIDE = ".live .attn-bar + *"  # below the hint: what the gallery shows begins here


def save(png: bytes, name: str, size: tuple[int, int] | None = None) -> None:
    """Write a picture with few colours; cut to `size` if there is one."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    if size:
        picture = picture.crop((0, 0, picture.width, round(picture.width * size[1] / size[0])))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    path = TARGET / name
    few = picture.quantize(
        64, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
    )
    few.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


def take(page: Page, chapter: str, path: Path) -> None:
    """Open a chapter, and save its figure for the gallery; that of chapter 1 also in full."""
    page.goto(path.as_uri())
    page.locator(".live-figure").first.scroll_into_view_if_needed()
    page.wait_for_selector('.live-figure[data-state="alive"]')
    page.wait_for_timeout(300)
    box = page.locator(INSIDE).first.bounding_box()
    if box is None:
        sys.exit(f"✗ {chapter}: no figure is to be seen")
    box["height"] = box["width"] * CARD[1] / CARD[0] + 1
    save(page.screenshot(clip=box), f"figures/{chapter[3:]}.png", CARD)
    if chapter.startswith("01"):
        save(page.locator(".live .attn-live").first.screenshot(), "live-figure.png")


def main() -> None:
    """Take all pictures."""
    (TARGET / "figures").mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        page = browser.new_page(viewport=VIEWPORT, device_scale_factor=2, color_scheme="light")
        # What floats over the page does not belong to a figure.
        page.add_init_script(
            "addEventListener('DOMContentLoaded', () => document.querySelectorAll("
            "'.skip-link, #pst-back-to-top, .bd-header-article').forEach((e) => e.remove()))"
        )
        for chapter in edition(DEFAULT).chapters:
            take(page, chapter.stem, PAGES / f"{chapter.stem}.html")
        browser.close()


if __name__ == "__main__":
    main()
