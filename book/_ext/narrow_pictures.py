"""Offer phones the pictures that `attnlib.plotting` has drawn for narrow pages.

They are in the metadata of a cell's output (`BookFigure.narrow`), beside the wide picture; those of
other pages are in the same file (`tools/palette.py`).
"""

import base64
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from picture_sizes import png_size
from PIL.PngImagePlugin import PngImageFile
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

NARROW = "(max-width: 600px)"  # as in book.css
IMAGE = re.compile(r'<img (?=[^>]*src="((?:[^"]*/)?)([^"/]+)\.png")[^>]*>')
WIDTH = re.compile(r' style="width: [^"]*"')
DENSITY = 2  # as in attnlib.plotting
CHUNK = b"naRw"  # as in tools/palette.py


def narrow_pictures(notebook: Path) -> dict[str, dict[str, Any]]:
    """Return what a notebook holds of them, by the digest of the wide picture."""
    found = {}
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    for output in (each for cell in cells for each in cell.get("outputs", [])):
        if narrow := output.get("metadata", {}).get("narrow"):
            wide = base64.b64decode("".join(output["data"]["image/png"]))
            found[hashlib.sha256(wide).hexdigest()] = narrow
    return found


def inside(wide: bytes) -> dict[str, Any] | None:
    """Return the narrow form of a picture that is in the same file."""
    with PngImageFile(io.BytesIO(wide)) as picture:
        picture.load()
        parts = dict(each[:2] for each in picture.private_chunks)
    if CHUNK not in parts:
        return None
    with PngImageFile(io.BytesIO(parts[CHUNK])) as picture:
        width, height = (pixels // DENSITY for pixels in picture.size)
    return {"png": base64.b64encode(parts[CHUNK]), "width": width, "height": height}


def offer(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Offer the narrow form of each picture of one page that has one."""
    if "body" not in context:
        return
    notebook = context.get("page_source_suffix") == ".ipynb"
    known = narrow_pictures(Path(app.env.doc2path(page))) if notebook else {}
    files = {Path(name).stem: Path(app.srcdir, uri) for uri, name in app.builder.images.items()}

    def with_narrow(image: re.Match[str]) -> str:
        folder, name = image.groups()
        if name not in files:
            return image[0]
        wide = files[name].read_bytes()
        narrow = known.get(hashlib.sha256(wide).hexdigest()) or inside(wide)
        if narrow is None:
            return image[0]
        target = Path(app.outdir, "_images", f"{name}-narrow.png")
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(base64.b64decode(narrow["png"]))
        size = f'width="{narrow["width"]}" height="{narrow["height"]}"'
        source = f'<source media="{NARROW}" srcset="{folder}{target.name}" {size}>'
        # Each has a width of its own (book.css): a small picture is not to be blown up.
        own = png_size(files[name])[0] // DENSITY
        widths = f'<img style="--wide: {own}px; --narrow: {narrow["width"]}px" '
        shown = WIDTH.sub("", image[0]).replace("<img ", widths, 1)
        return f"<picture>{source}{shown}</picture>"

    context["body"] = IMAGE.sub(with_narrow, context["body"])


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the step."""
    app.connect("html-page-context", offer, priority=600)  # when sizes and suffixes are known
    return {"parallel_read_safe": True, "parallel_write_safe": True}
