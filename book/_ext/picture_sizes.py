"""Give each picture its width and height, so that the text does not jump when it loads."""

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

GALLERIES = ("figures", "bugs")  # folders of book/_static
IMAGE = re.compile(r'<img (?=[^>]*src="(?:[^"]*/)?([^"/]+\.png)")')


def png_size(path: Path) -> tuple[int, int]:
    """Read width and height from a PNG's header."""
    header = path.open("rb").read(24)
    if header[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError(f"path must name a PNG, {path.name} starts with {header[:8]!r}")
    return int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")


def give_sizes(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Write the sizes into the text of one page."""
    files = {name: Path(app.srcdir, uri) for uri, name in app.builder.images.items()}

    def with_size(match: re.Match[str]) -> str:
        if match[1] not in files:
            return match[0]
        path = files[match[1]]
        width, height = png_size(path)
        # The galleries stand far down and are long: a reader loads what is scrolled to.
        lazy = 'loading="lazy" ' if path.parent.name in GALLERIES else ""
        return f'<img {lazy}width="{width}" height="{height}" '

    if "body" in context:
        context["body"] = IMAGE.sub(with_size, context["body"])


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the step."""
    app.connect("html-page-context", give_sizes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
