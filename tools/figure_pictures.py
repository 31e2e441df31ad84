"""Pictures of the live figures, taken by a browser, for places where nothing moves.

GitHub, print and pages without JavaScript show a notebook's pictures. That of a live figure is the
figure itself as it opens: built from the widget state in the notebook by the loader of the book's
pages, in Chromium. Beside it stands a stamp of what it was made from. A picture whose stamp fits is
left alone, so that another machine, whose browser draws a few pixels otherwise, changes nothing;
one that doesn't is stale, and known to be without a browser.

    with Studio() as studio:
        studio.attach(notebook, committed)      # tools/run_notebooks.py does, after a run
    faults(notebook)                            # tests do
"""

import base64
import io
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nbformat import NotebookNode
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tools.digest import digest
from tools.figure_page import (
    DESK,
    LOADER,
    NARROW,
    PAGE,
    PHONE,
    STATE,
    VIEW,
    WIDE,
    NoPictureError,
    show,
)
from tools.find_browser import FLAGS, find_browser
from tools.palette import with_palette

ROOT = Path(__file__).resolve().parent.parent
STYLE = ROOT / "book" / "web" / "controls.css"  # of the standard controls, in the pages

DENSITY = 2  # pixels of a picture for each CSS pixel
SAME_EVERYWHERE = ("--disable-lcd-text", "--force-color-profile=srgb", "--hide-scrollbars")
COLOURS = 96  # a quarter of the size
STAMP = "live-figure"  # the key in an output's metadata; book/_ext/live_figures.py reads it


def short_digest(*parts: str | bytes) -> str:
    """Return a hash for a stamp, which stands in the notebooks."""
    return digest(*parts)[:20]


def states(notebook: NotebookNode) -> dict[str, Any]:
    """Return the widget models that a notebook carries, by id."""
    found: dict[str, Any] = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    return found


def views(notebook: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    """Yield each output with a live figure, with the id of its cell."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if VIEW in output.get("data", {}):
                yield cell.id, output


def group(models: dict[str, Any], root: str) -> dict[str, Any]:
    """Return the models of one figure in the order in which they were made.

    Links refer to the widgets they join, while no widget refers to a link.
    """
    refers = {
        name: set(re.findall(r"IPY_MODEL_(\w+)", json.dumps(m))) for name, m in models.items()
    }
    found = {root}
    while True:
        near = {name for name, others in refers.items() if others & found}
        near |= {other for name in found for other in refers.get(name, ())}
        if near <= found:
            return {name: models[name] for name in models if name in found}
        found |= near


def stamp_of(models: dict[str, Any], root: str) -> dict[str, str]:
    """Return what the picture of a figure is made from: hashes of its state, module and style.

    Ids of models are random, and versions of ipywidgets say nothing about what is drawn.
    """
    mine = group(models, root)
    state, modules, styles = [], [], [PAGE, STYLE.read_text(encoding="utf-8")]
    for model in mine.values():
        traits = dict(model["state"])
        modules.append(traits.pop("_esm", ""))
        styles.append(traits.pop("_css", ""))
        kept = {k: v for k, v in traits.items() if v is not None and not k.endswith("_version")}
        state.append(json.dumps([model["model_name"], kept], sort_keys=True, ensure_ascii=False))
    text = "\n".join(state)
    for order, name in enumerate(mine):
        text = text.replace(name, f"model-{order}")
    return {
        "state": short_digest(text),
        "module": short_digest(*modules),
        "style": short_digest(*styles),
    }


def key(stamp: dict[str, Any]) -> tuple[Any, ...]:
    """Return the part of a stamp that says what the picture was made from."""
    return tuple(stamp.get(part) for part in ("state", "module", "style"))


def faults(notebook: NotebookNode, state: dict[str, Any] | None = None) -> list[str]:
    """Say which pictures of live figures are missing, stale or altered, and why.

    Args:
        notebook: With its outputs and widget state.
        state: Widget models computed afresh, by id, in the order in which they were made: each
            figure is compared with its twin there, the n-th with the n-th. If left out: those that
            the notebook carries.

    Returns:
        A line for each fault; none if all is well.
    """
    found = []
    carried = states(notebook)
    fresh = carried if state is None else state
    twins = dict(zip(carried, fresh, strict=False))
    for cell, output in views(notebook):
        root = twins.get(output.data[VIEW]["model_id"])
        stamp = output.metadata.get(STAMP)
        if root is None:
            found.append(f"{cell}: there is no state for the live figure")
        elif "image/png" not in output.data:
            found.append(f"{cell}: the picture of the live figure is missing")
        elif not stamp:
            found.append(f"{cell}: the picture of the live figure has no stamp")
        else:
            if short_digest(base64.b64decode(output.data["image/png"])) != stamp.get("picture"):
                found.append(f"{cell}: the picture of the live figure was altered")
            found += [
                f"{cell}: the picture of the live figure is stale, its {part} has changed"
                for part, value in stamp_of(fresh, root).items()
                if stamp.get(part) != value
            ]
    return found


class Studio:
    """Takes the pictures; its one browser starts when the first is needed.

    Playwright belongs to one thread, and wants no event loop in it: it gets a thread of its own.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.submit(self._close).result()
        self._thread.shutdown()

    def attach(self, notebook: NotebookNode, committed: NotebookNode | None = None) -> None:
        """Give each live figure its picture, with a stamp.

        Args:
            notebook: As it has just run; changed in place.
            committed: As it was before, from which pictures are taken over that are still right.
                If left out: the notebook itself.

        Raises:
            NoPictureError: If the loader is not built, or a figure does not come alive.
        """
        known = {}
        for _, output in views(committed or notebook):
            stamp = output.metadata.get(STAMP, {})
            png = output.data.get("image/png")
            if png and short_digest(base64.b64decode(png)) == stamp.get("picture"):
                known[key(stamp)] = (png, output.metadata["image/png"], stamp)
        models = states(notebook)
        for cell, output in views(notebook):
            root = output.data[VIEW]["model_id"]
            stamp = stamp_of(models, root)
            if key(stamp) not in known:
                mine = group(models, root)
                known[key(stamp)] = self._thread.submit(
                    self._take, cell, mine, root, stamp
                ).result()
            png, size, stamp = known[key(stamp)]
            output.data["image/png"] = png
            output.metadata["image/png"] = dict(size)
            output.metadata[STAMP] = dict(stamp)

    def _take(
        self, cell: str, models: dict[str, Any], root: str, stamp: dict[str, str]
    ) -> tuple[str, dict[str, int], dict[str, Any]]:
        if not LOADER.exists():
            raise NoPictureError(f"{LOADER.relative_to(ROOT)} is missing: run `make web`")
        if self._browser is None:
            self._playwright = sync_playwright().start()
            self._browser = self._playwright.chromium.launch(
                executable_path=find_browser(), args=[*FLAGS, *SAME_EVERYWHERE]
            )
        with self._window(PHONE) as page:
            narrow = show(page, cell, models, root, NARROW)
        with self._window(DESK) as page:
            height = show(page, cell, models, root, WIDE)
            shot = page.locator(".live > *").screenshot(animations="disabled")
            png = with_palette(Image.open(io.BytesIO(shot)), COLOURS)
        text = base64.b64encode(png).decode()
        stamped = {**stamp, "picture": short_digest(png), "narrow": narrow}
        return text, {"width": WIDE, "height": height}, stamped

    @contextmanager
    def _window(self, window: dict[str, Any]) -> Iterator[Page]:
        assert self._browser is not None
        context = self._browser.new_context(
            device_scale_factor=DENSITY, color_scheme="light", reduced_motion="reduce", **window
        )
        yield context.new_page()
        context.close()

    def _close(self) -> None:
        if self._playwright is not None:
            self._playwright.stop()
