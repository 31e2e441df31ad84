"""Whether the pages of an edition stand: they are not built anew while all that they show stands.

What belongs to other editions alone does not count, but for what the layout says of them: which
pages they have, and where. Where nothing may be reused (`COLD=1`, CI), nothing stands.
"""

import sys
from pathlib import Path

from tools.digest import digest
from tools.editions import Edition
from tools.environment import PINS
from tools.reuse import cold

STAMP = ".made-of"  # written last: without it the build was interrupted, or had warnings
ROOMS = ("book", "attnlib", "tools/site")
SETTINGS = ("_config.yml", "pyproject.toml", "package-lock.json")
FILES = (*SETTINGS, "tools/build_book.py", "tools/editions.py")
TEXTS = {".md", ".ipynb", ".toml", ".yml"}


def made_of(edition: Edition, all_editions: list[Edition], folder: Path) -> str:
    """Hash all that the pages of an edition are made of.

    Args:
        edition: The edition.
        all_editions: All that stand.
        folder: Where it is laid out.
    """
    root = edition.root
    found = [root / name for name in FILES]
    for room in (*(root / name for name in ROOMS), edition.chapters_folder, folder):
        found += [path for path in room.rglob("*") if path.is_file()]
    others = [each.pages_folder for each in all_editions if each.language != edition.language]
    built = root / "book" / "_build"
    parts: list[str | bytes] = [sys.version, *(path.read_bytes() for path in PINS)]
    for path in sorted(set(found)):
        derived = "__pycache__" in path.parts or "mine" in path.parts
        of_others = path.suffix in TEXTS and any(path.is_relative_to(each) for each in others)
        elsewhere = path.is_relative_to(built) and not path.is_relative_to(folder)
        if not (derived or of_others or elsewhere):
            parts += [path.relative_to(root).as_posix(), path.read_bytes()]
    return digest(*parts)


def stands(output: Path, made_of: str) -> bool:
    """Return whether the pages in this folder are made of this, and may be used again."""
    if cold():
        return False
    try:
        return (output / STAMP).read_text(encoding="utf-8") == made_of
    except FileNotFoundError:
        return False


def stamp(output: Path, made_of: str) -> None:
    """Say of what the pages in this folder are made."""
    (output / STAMP).write_text(made_of, encoding="utf-8")
