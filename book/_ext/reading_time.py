"""Below the title of a chapter: how long it takes to read, measured on its notebook.

Words of prose, lines of code and pictures, up to the exercises, at two paces: those of somebody who
skims the code, and of somebody to whom all is new.
"""

import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.typing import ExtensionMetadata

# A minute: words of prose, lines of code, pictures.
PACES = ((220, 40, 4), (130, 15, 2))
CHINESE = re.compile(r"[\u3400-\u9fff]")  # two of them are read like a word
WORD = re.compile(r"[^\s\u3400-\u9fff]*\w[^\s\u3400-\u9fff]*")


def sizes(notebook: dict[str, Any], exercises: str) -> tuple[float, int, int] | None:
    """Return the words, lines of code and pictures in front of the exercises; None without any."""
    words, lines, pictures = 0.0, 0, 0
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            if source.startswith(f"## {exercises}\n"):
                return words, lines, pictures
            words += len(WORD.findall(source)) + len(CHINESE.findall(source)) / 2
            continue
        tags = cell.get("metadata", {}).get("tags", [])
        if not {"remove-cell", "remove-input"} & {*tags}:
            lines += sum(bool(line.strip()) for line in source.splitlines())
        if cell["cell_type"] == "code":
            pictures += sum("image/png" in each.get("data", {}) for each in cell["outputs"])
    return None


def minutes(words: float, lines: int, pictures: int) -> tuple[int, int]:
    """Return the least and the most minutes, in steps of five."""
    least, most = (words / w + lines / c + pictures / p for w, c, p in PACES)
    return 5 * max(1, round(least / 5)), 5 * max(2, round(most / 5))


class ReadingTime(SphinxTransform):
    """Put the line below the title of each notebook that has exercises."""

    default_priority = 500

    def apply(self, **kwargs: object) -> None:
        """Run over one document."""
        path, edition = Path(self.env.doc2path(self.env.docname)), self.config.edition
        if path.suffix != ".ipynb":
            return
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if (measured := sizes(notebook, edition["phrases"]["exercises"])) is None:
            return
        least, most = minutes(*measured)
        said = edition["site"]["reading_time"].format(least=least, most=most)
        title = next(iter(self.document.findall(nodes.title)))
        place = title.parent.index(title) + 1
        title.parent.insert(place, nodes.paragraph("", said, classes=["reading-time"]))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the transform."""
    app.setup_extension("edition_settings")
    app.add_transform(ReadingTime)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
