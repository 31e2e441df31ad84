"""The parts of an edition that were translated, each beside what it was made from.

Editions are translated from the default one. A translation keeps the hash of its original: a cell
in its metadata (`translates`; a cell of code that of its alternative text), a page in its front
matter, a README in a comment. Where the original has changed since, the hash tells.

    python -m tools.translations                          # what is stale, and what has changed
    python -m tools.translations --done PLACE [PLACE …]   # translated again: keep the new hash
"""

import argparse
import difflib
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools import atomic_write
from tools.editions import ROOT, Edition, editions

KEY = "translates"
IN_PAGE = re.compile(rf"\A---\n(?:.*\n)*?{KEY}: (\w+)\n(?:.*\n)*?---\n")
ADDRESS = re.compile(r"(?s)<!-- address: .*?<!-- /address -->\n")
IN_README = re.compile(rf"\A<!-- {KEY}: (\w+) -->\n")


def digest(text: str) -> str:
    """Return what a translation keeps of its original."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Part:
    """A text that was translated.

    Attributes:
        path: Its file, from the root of the book.
        original_path: The file of what it was made from.
        cell: The cell's id in a notebook; empty where the file is the part.
        is_picture: Whether it is the alternative text of a picture that the cell draws.
        original: What it was made from, as it reads now.
        text: What it says.
        hash: Of the original at the time; empty if it keeps none.
    """

    path: Path
    original_path: Path
    cell: str
    is_picture: bool
    original: str
    text: str
    hash: str

    @property
    def place(self) -> str:
        """Its name in lists: "notebooks/yy/03_masks.ipynb padding"."""
        return f"{self.path.as_posix()} {self.cell}".rstrip()

    @property
    def is_stale(self) -> bool:
        """Whether the original has changed since."""
        return digest(self.original) != self.hash


def alternative_text(cell: dict[str, Any]) -> str:
    """Return what a cell says of the picture that it draws."""
    said: str = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
    return said


def said_by(cell: dict[str, Any]) -> str:
    """Return what there is to translate of a cell."""
    return "".join(cell["source"]) if cell["cell_type"] == "markdown" else alternative_text(cell)


def cells(text: str) -> dict[str, dict[str, Any]]:
    """Return the cells of a notebook by their ids."""
    return {cell["id"]: cell for cell in json.loads(text)["cells"]}


def without_hash(text: str) -> str:
    """Return a page or a README without the lines in which it keeps the hash."""
    return IN_README.sub("", IN_PAGE.sub("", text))


def with_hash(text: str, original: str, is_readme: bool = False) -> str:
    """Return a page, or a README, with the hash of its original."""
    kept = f"{KEY}: {digest(original)}"
    return f"<!-- {kept} -->\n{text}" if is_readme else f"---\n{kept}\n---\n{text}"


def in_notebook(path: Path, original: Path, root: Path) -> Iterator[Part]:
    """Yield the parts of a notebook, in its order."""
    sources = cells(original.read_text(encoding="utf-8"))
    for name, cell in cells(path.read_text(encoding="utf-8")).items():
        source = said_by(sources[name]) if name in sources else ""
        if said_by(cell) or source:
            yield Part(
                path.relative_to(root), original.relative_to(root), name,
                cell["cell_type"] == "code", source, said_by(cell),
                cell["metadata"].get(KEY, ""),
            )  # fmt: skip


def without_address(text: str) -> str:
    """Return a README without what `tools/publish_as.py` writes into it."""
    return ADDRESS.sub("", text)


def in_page(path: Path, original: Path, root: Path) -> Part:
    """Return the part that is a page, or a README."""
    text = path.read_text(encoding="utf-8")
    kept = IN_PAGE.search(text) or IN_README.search(text)
    return Part(
        path.relative_to(root), original.relative_to(root), "", False,
        without_address(original.read_text(encoding="utf-8")), without_hash(text),
        kept[1] if kept else "",
    )  # fmt: skip


def translated(edition: Edition, source: Edition) -> list[Part]:
    """Return all parts of an edition that were made from another one's."""
    root, found = edition.root, list[Part]()
    for path in edition.notebooks:
        found += in_notebook(path, source.chapters_folder / path.name, root)
    for path in edition.pages:
        found.append(in_page(path, source.pages_folder / path.name, root))
    if edition.readme.is_file():
        found.append(in_page(edition.readme, source.readme, root))
    return found


def all_translated(root: Path = ROOT) -> list[Part]:
    """Return the parts of all editions but the default one."""
    source, *others = editions(root)
    return [part for each in others for part in translated(each, source)]


def part_of(file: str, part: Part) -> str:
    """Return what a version of the original's file had to translate there."""
    if not part.cell:
        return without_address(file)
    cell = cells(file).get(part.cell)
    return said_by(cell) if cell else ""


def git(root: Path, *arguments: str) -> str:
    """Ask git; what it does not know is nothing."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def original_then(part: Part, root: Path = ROOT) -> str | None:
    """Return the original at the time of the translation; None if git has none of this hash."""
    name = part.original_path.as_posix()
    for commit in git(root, "log", "--format=%H", "--", name).split():
        file = git(root, "show", f"{commit}:{name}")
        if file and digest(was := part_of(file, part)) == part.hash:
            return was
    return None


def changes(part: Part, root: Path = ROOT) -> str:
    """Return what has changed in the original, and what the translation says."""
    then = original_then(part, root)
    if then is None:
        return f"  (git knows no original {part.hash or 'without a hash'})\n"
    lines = difflib.unified_diff(
        then.splitlines(), part.original.splitlines(), "then", "now", lineterm="", n=1
    )
    return "".join(f"  {line}\n" for line in lines)


def keep_hash(part: Part, root: Path = ROOT) -> None:
    """Write down that a part is the translation of the original as it reads now."""
    path, new = root / part.path, digest(part.original)
    text = path.read_text(encoding="utf-8")
    if part.cell:
        notebook = json.loads(text)
        (cell,) = (each for each in notebook["cells"] if each["id"] == part.cell)
        cell["metadata"][KEY] = new
        written = json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"
    else:
        written = with_hash(part.text, part.original, is_readme=path.parent == root)
    atomic_write.write(path, written)


def main() -> int:
    """List what is stale, or keep the hashes of what was translated again."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--done", nargs="+", default=[], metavar="PLACE", help='"notebooks/yy/03_masks.ipynb cell"'
    )
    done = parser.parse_args().done
    stale = {part.place: part for part in all_translated() if part.is_stale}
    if unknown := [place for place in done if place not in stale]:
        print(f"✗ PLACE must be stale, got {unknown[0]!r}", file=sys.stderr)
        return 2
    for place in done:
        keep_hash(stale.pop(place))
    for place, part in stale.items():
        print(f"▸ {place}\n{changes(part)}")
    print(f"{'✗' if stale else '✓'} {len(stale)} stale")
    return 1 if stale and not done else 0


if __name__ == "__main__":
    sys.exit(main())
