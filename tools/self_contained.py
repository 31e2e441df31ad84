"""Write the notebooks so that one file is enough: `make colab`.

The first code cell of such a notebook carries the wheel of `attnlib`, as xz and base85, and
makes it importable without a network; pictures that lie beside the notebook are in its text; the
rest is the chapter, cell for cell. Upload the file to
Colab or Kaggle, or open it in any Jupyter with torch. `make book` puts them behind the download
buttons.

    python -m tools.self_contained       # into dist/colab/<language>
"""

import base64
import copy
import io
import lzma
import re
import sys
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

import nbformat
from hatchling.builders.wheel import WheelBuilder
from nbformat import NotebookNode

from tools import atomic_write
from tools.editions import ROOT, Edition, editions

TARGET = ROOT / "dist" / "colab"
DOWNLOADS = "_sources"  # where Sphinx puts what the buttons of a page offer
WIDTH = 76  # of the lines in which it carries the library
LIMIT = 450_000  # bytes of the first cell: a notebook stays quick to upload, and to open
# What only notebooks in one language need: its words, and the font of its words.
OF_A_LANGUAGE = re.compile(
    r"attnlib/(?:words/(\w+)\.toml|fonts/NotoSansSC-(?!attnlib\.)(\w+)\.woff2)"
)
PICTURE = re.compile(r"(!\[[^\]]*\]\()([\w-]+\.png)\)")  # a file beside the notebook
FETCHING = re.compile(r"(?s).*?\n(?=from attnlib import words\n)")  # what the cell does otherwise

CELL = '''\
# @title attnlib {version}, carried by this notebook
# Makes `attnlib` importable where only this notebook exists (Colab, Kaggle,
# any Jupyter); does nothing where it is installed. This cell holds the library
# itself: a wheel of {size} kB, as xz and base85. It is unpacked into a temporary
# folder, without a network, and no package of the runtime changes. Only where one
# is missing that attnlib needs, pip installs it, and says so.
from importlib.util import find_spec

if find_spec("attnlib") is None:
    import base64
    import io
    import lzma
    import sys
    import tempfile
    import zipfile

    WHEEL = """
{wheel}"""
    unpacked = tempfile.TemporaryDirectory(prefix="attnlib-")  # goes when the kernel ends
    unfolded = io.BytesIO(lzma.decompress(base64.b85decode(WHEEL.replace("\\n", ""))))
    with zipfile.ZipFile(unfolded) as archive:
        archive.extractall(unpacked.name)
    sys.path.append(unpacked.name)

    NEEDED = {needed}
    MISSING = " ".join(repr(each) for each in NEEDED if find_spec(each.split(">=")[0]) is None)
    if MISSING:
        %pip install {{MISSING}}

'''
# Collapsed until somebody wants to see it: in Colab, in JupyterLab and VS Code.
COLLAPSED = {"cellView": "form", "jupyter": {"source_hidden": True}}


@dataclass(frozen=True)
class Wheel:
    """A wheel of the library, the same bytes for the same files.

    Attributes:
        version: Version of the library.
        content: The file, its parts stored without compression.
        needed: What a notebook needs beside it, "torch>=2.6".
    """

    version: str
    content: bytes
    needed: list[str]

    def speaking(self, language: str) -> Self:
        """Return the wheel without what only other languages need."""
        kept = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(self.content)) as old, zipfile.ZipFile(kept, "w") as new:
            for each in old.infolist():
                match = OF_A_LANGUAGE.fullmatch(each.filename)
                if match is None or language in match.groups():
                    new.writestr(each, old.read(each), zipfile.ZIP_STORED)
        return replace(self, content=kept.getvalue())


def project(root: Path = ROOT) -> dict[str, Any]:
    """Return what the library says of itself."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text)["project"])


def uncompressed(wheel: bytes) -> bytes:
    """Return a wheel whose files are stored as they are: compressed as a whole it gets smaller."""
    stored = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(wheel)) as old, zipfile.ZipFile(stored, "w") as new:
        for each in old.infolist():
            new.writestr(each, old.read(each), zipfile.ZIP_STORED)
    return stored.getvalue()


def build_wheel(root: Path = ROOT) -> Wheel:
    """Build the wheel of the library in this copy of the book."""
    about = project(root)
    extras = about["optional-dependencies"].values()
    needed = [each for part in (about["dependencies"], *extras) for each in part]
    with tempfile.TemporaryDirectory() as folder:
        (path,) = WheelBuilder(str(root)).build(directory=folder)
        content = uncompressed(Path(path).read_bytes())
    return Wheel(about["version"], content, [each for each in needed if "[" not in each])


@cache
def packed(content: bytes) -> bytes:
    """Compress a wheel: all notebooks of an edition carry the same one."""
    return lzma.compress(content, preset=9)


def carrying(source: str, wheel: Wheel) -> str:
    """Return the source of a first cell that carries the library instead of fetching it.

    Raises:
        ValueError: If the cell is none that makes the library importable.
    """
    carried = packed(wheel.content)
    letters = base64.b85encode(carried).decode()  # no quotes, no backslashes among them
    lines = "".join(f"{letters[i : i + WIDTH]}\n" for i in range(0, len(letters), WIDTH))
    size = round(len(carried) / 1000)
    cell = CELL.format(version=wheel.version, size=size, wheel=lines, needed=wheel.needed)
    whole, found = FETCHING.subn(lambda _: cell, source, count=1)
    if not found:
        raise ValueError("the first cell must have a line `from attnlib import words`")
    return whole


def with_pictures(source: str, folder: Path) -> str:
    """Return the text of a cell with the pictures that it shows from its notebook's folder."""

    def inside(match: re.Match[str]) -> str:
        picture = base64.b64encode((folder / match[2]).read_bytes()).decode()
        return f"{match[1]}data:image/png;base64,{picture})"

    return PICTURE.sub(inside, source)


def self_contained(notebook: NotebookNode, wheel: Wheel, folder: Path) -> NotebookNode:
    """Return a notebook of a folder that needs no other file, otherwise unchanged.

    Its first code cell carries the library, its texts the pictures that they show.
    """
    notebook = copy.deepcopy(notebook)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    first.source = carrying(first.source, wheel)
    first.metadata.update(COLLAPSED)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = with_pictures(cell.source, folder)
    return notebook


def write(path: Path, wheel: Wheel, target: Path) -> None:
    """Write a notebook into the file `target`, with all it needs inside.

    Raises:
        ValueError: If its first cell grows too large.
    """
    notebook = self_contained(nbformat.read(path, as_version=4), wheel, path.parent)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    if (length := len(first.source)) > LIMIT:
        most, has = round(LIMIT / 1000), round(length / 1000)
        raise ValueError(f"the first cell of {path.name} must stay under {most} kB, it has {has}")
    atomic_write.write(target, f"{nbformat.writes(notebook)}\n")


def write_downloads(edition: Edition, wheel: Wheel, pages: Path) -> None:
    """Let the pages of an edition offer its notebooks with the library inside."""
    wheel = wheel.speaking(edition.language)
    for path in edition.notebooks:
        if (pages / DOWNLOADS / path.name).is_file():
            write(path, wheel, pages / DOWNLOADS / path.name)


def write_all(root: Path, target: Path) -> list[Path]:
    """Write all notebooks of the book at `root` below the folder `target`; return their paths."""
    library, written = build_wheel(root), []
    for edition in editions(root):
        wheel = library.speaking(edition.language)
        folder = target / edition.language
        folder.mkdir(parents=True, exist_ok=True)
        for path in edition.notebooks:
            write(path, wheel, folder / path.name)
            written.append(folder / path.name)
    return written


def main() -> int:
    """Write the notebooks of this book."""
    try:
        written = write_all(ROOT, TARGET)
    except ValueError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    for path in written:
        print(f"▸ {path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
