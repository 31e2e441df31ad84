"""Let a live figure show its picture until (and unless) it comes alive in the reader's page.

A figure's output holds a widget view and a picture of it as it opens (tools/figure_pictures.py).
MyST-NB would keep the view alone, which leaves a hole where JavaScript is off, fails or is still
loading. Here both go into one ``<div class="live-figure">``; ``book/web/main.js`` swaps them,
``book.css`` lays them out in the room that the figure will take. What the reader is told comes in
the edition's words: from its configuration, and to the script by an attribute.
"""

import json
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata

VIEW = "application/vnd.jupyter.widget-view+json"
PICTURES = ("image/png", "image/svg+xml")
STAMP = "live-figure"  # in an output's metadata: tools/figure_pictures.py

logger = logging.getLogger(__name__)


def heights(notebook: Path) -> dict[str, tuple[int, int]]:
    """Return how high each live figure is, on a desk and on a phone, by the id of its model."""
    found = {}
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    for output in (each for cell in cells for each in cell.get("outputs", [])):
        stamp = output.get("metadata", {}).get(STAMP)
        if stamp and VIEW in output["data"]:
            wide = output["metadata"]["image/png"]["height"]
            found[output["data"][VIEW]["model_id"]] = (wide, stamp["narrow"])
    return found


def still_with(
    view: nodes.container,
    picture: nodes.container,
    room: tuple[int, int] | None,
    says: dict[str, str],
) -> list[nodes.Node]:
    """Return the figure's box: picture, note for pages without scripts, widget view."""
    kept = f' style="--wide: {room[0]}; --narrow: {room[1]}"' if room else ""
    failed = escape(says["cannot_start"])
    note = f'<noscript><p class="live-figure-note">{escape(says["without_script"])}</p></noscript>'
    return [
        nodes.raw(
            "", f'<div class="live-figure" data-cannot-start="{failed}"{kept}>', format="html"
        ),
        nodes.container("", *(c.deepcopy() for c in picture.children), classes=["still"]),
        nodes.raw("", note, format="html"),
        *view.children,
        nodes.raw("", "</div>", format="html"),
    ]


class LiveFigures(SphinxPostTransform):
    """Runs before MyST-NB reduces each output to one of its representations (priority 4)."""

    default_priority = 3
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Run over one document; anything that would be a hole in the page is a warning."""
        says = self.config.edition["site"]
        notebook = Path(self.env.doc2path(self.env.docname))
        for bundle in list(self.document.findall(nodes.container)):
            if bundle.get("nb_element") != "mime_bundle":
                continue
            outputs = {each["mime_type"]: each for each in bundle.children}
            picture = next((outputs[kind] for kind in PICTURES if kind in outputs), None)
            if picture is not None and any("alt" not in i for i in picture.findall(nodes.image)):
                logger.warning(
                    "a picture without alt text: say what it shows in the cell's metadata, "
                    "as mystnb.image.alt",
                    location=bundle,
                )
            if VIEW not in outputs:
                continue
            if picture is None:
                logger.warning("a live figure without a still picture", location=bundle)
                continue
            view = outputs[VIEW]
            rooms = heights(notebook)
            room = next((rooms[each] for each in rooms if each in view.astext()), None)
            figure = still_with(view, picture, room, says)
            view.clear()
            view.extend(figure)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.setup_extension("edition_settings")
    app.add_post_transform(LiveFigures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
