"""Bring a chapter back to its original state, and keep a copy of what the reader made of it.

    make reset CHAPTER=03                  # of the default edition
    make reset CHAPTER=03 LANGUAGE=zh

The original is the one that git has. The reader's version goes, whole and before anything else,
into the folder `mine` beside it, under the time of the reset. A folder without git (a downloaded
zip) has no original to go back to: then nothing happens, and the message says where to find one.
"""

import argparse
import datetime
import re
import subprocess
import sys
from pathlib import Path

from tools import atomic_write
from tools.editions import DEFAULT, ROOT, edition
from tools.publish_as import address_of


class ResetError(Exception):
    """The chapter is as it was; the message says why, and what to do."""


def git(root: Path, *arguments: str) -> str:
    """Run git in `root`; return what it printed."""
    try:
        done = subprocess.run(
            ["git", "-c", "core.quotepath=off", *arguments],
            cwd=root,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
    except FileNotFoundError:
        raise ResetError("git is not installed, and it keeps the originals: install git") from None
    if done.returncode:
        raise ResetError(done.stderr.strip())
    return done.stdout


def originals(root: Path, language: str) -> dict[str, str]:
    """Return the chapters that git has: their number, and their path.

    Raises:
        ResetError: If this folder is not a checkout of the book.
    """
    folder = f"notebooks/{language}"
    try:
        inside = Path(git(root, "rev-parse", "--show-toplevel").strip()).resolve() == root.resolve()
    except ResetError as error:
        if "not installed" in str(error):
            raise
        inside = False
    if not inside:
        where = address_of(root)
        again = f"{where.url}/tree/{where.ref}/{folder}" if where else "where you got the book"
        raise ResetError(
            f"this folder has no git history, so the originals are not here: fetch the book once "
            f"more ({again}) and take the chapter from its {folder}"
        )
    listed = git(root, "ls-tree", "--name-only", "HEAD", f"{folder}/").splitlines()
    paths = [path for path in listed if re.fullmatch(r"\d\d_\w+\.ipynb", Path(path).name)]
    return {Path(path).name[:2]: path for path in paths}


def reset(root: Path, chapter: str, language: str = DEFAULT) -> tuple[Path, Path | None]:
    """Put the original of a chapter in its place; return its path and that of the reader's copy.

    The copy is None where there was nothing to keep: no file, or one that is the original still.
    """
    known = originals(root, language)
    number = chapter.zfill(2) if chapter.isdecimal() else chapter
    if number not in known:
        raise ResetError(
            f"CHAPTER must be one of {', '.join(sorted(known))}, as in CHAPTER=03, got {chapter!r}"
        )
    path = root / known[number]
    original = git(root, "show", f"HEAD:{known[number]}")
    if not path.exists():
        atomic_write.write(path, original)
        return path, None
    mine = path.read_text(encoding="utf-8")
    if mine == original:
        return path, None
    now = datetime.datetime.now().strftime("%Y-%m-%d_%H.%M.%S.%f")
    copy = path.parent / "mine" / f"{path.stem}_{now}.ipynb"
    copy.parent.mkdir(exist_ok=True)
    atomic_write.write(copy, mine)
    atomic_write.write(path, original)
    return path, copy


def main() -> int:
    """Reset the chapter of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapter", help="its number: 03")
    parser.add_argument("--language", default="", help="name of an edition: zh")
    arguments = parser.parse_args()
    try:
        language = edition(arguments.language or DEFAULT).language
        path, copy = reset(ROOT, arguments.chapter, language)
    except (ResetError, ValueError, OSError) as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    if copy:
        print(f"▸ your version is kept: {copy.relative_to(ROOT)}")
    print(f"✓ {path.relative_to(ROOT)} is the original (reload it where it is open)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
