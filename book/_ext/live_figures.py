"""Let a live figure show its still picture until (and unless) it comes alive in the reader's page.

A figure's output holds a widget view and a PNG of the same thing. MyST-NB would keep the view
alone, which leaves a hole where JavaScript is off, fails or is still loading. Here both go into
one ``<div class="live-figure">``; ``book/web/main.js`` swaps them, ``book.css`` lays them out.
"""

from html import escape

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.typing import ExtensionMetadata

VIEW = "application/vnd.jupyter.widget-view+json"
PICTURES = ("image/png", "image/svg+xml")
NOTE = '<noscript><p class="live-figure-note">{}</p></noscript>'

logger = logging.getLogger(__name__)


def still_with(
    view: nodes.container, picture: nodes.container, name: str, says: dict[str, str]
) -> nodes.container:
    """Return the figure's box: picture, note for pages without scripts, widget view.

    The box has the class ``live-<name>``, by which book.css keeps room for the live figure. What
    the loader says if it cannot start the figure stands beside it, in the edition's language.
    """
    still = nodes.container("", *(c.deepcopy() for c in picture.children), classes=["still"])
    without_script = NOTE.format(escape(says["without_script"]))
    cannot_start = f'<template class="cannot-start">{escape(says["cannot_start"])}</template>'
    notes = nodes.raw("", without_script + cannot_start, format="html")
    box = ["live-figure", f"live-{name}"]
    return nodes.container("", still, notes, *view.children, classes=box)


class LiveFigures(SphinxPostTransform):
    """Runs before MyST-NB reduces each output to one of its representations (priority 4)."""

    default_priority = 3
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Run over one document; anything that would be a hole in the page is a warning."""
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
            text = outputs["text/plain"].astext() if "text/plain" in outputs else ""
            name = text.split("(")[0].strip()
            figure = still_with(outputs[VIEW], picture, name, self.config.edition["site"])
            outputs[VIEW].clear()
            outputs[VIEW].append(figure)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.setup_extension("edition_settings")
    app.add_post_transform(LiveFigures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
