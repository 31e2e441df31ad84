"""The answer sheets in a folder, and whose each is."""

import re
from dataclasses import dataclass
from pathlib import Path

from attnlib.checks.report.texts import say

_NOT_THEIRS = ("__MACOSX",)  # what packing on a Mac leaves; hidden folders hold old copies
_BETWEEN = re.compile(r"[\s_.()-]+")


@dataclass(frozen=True)
class Sheet:
    """One notebook that was handed in.

    Attributes:
        student: Whose it is.
        path: Where it is.
        name: How the report calls it: its path below the folder.
        chapter: The chapter that its file name tells, "03_masks"; None if it tells none.
    """

    student: str
    path: Path
    name: str
    chapter: str | None


@dataclass(frozen=True)
class HandedIn:
    """What lies in the folder of a class.

    Attributes:
        sheets: All notebooks, student by student.
        without: Students whose folder holds no notebook.
    """

    sheets: tuple[Sheet, ...]
    without: tuple[str, ...]

    @property
    def students(self) -> list[str]:
        """All names, sorted."""
        return sorted({sheet.student for sheet in self.sheets} | set(self.without))


def find(folder: Path, chapters: list[str]) -> HandedIn:
    """Find all notebooks below a folder.

    A folder of the class holds a folder for each student, with notebooks in it at any depth, or the
    notebooks themselves, named by student and chapter in any order: `anna_03_masks.ipynb`.

    Args:
        folder: The folder.
        chapters: Names of the notebooks of the book, "03_masks".

    Raises:
        ValueError: If it is no folder, or holds no notebook.
    """
    if not folder.is_dir():
        raise ValueError(say("no_folder", got=repr(str(folder))))
    sheets = []
    for path in sorted(folder.rglob("*.ipynb")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(map(_is_none_of_theirs, parts)):
            chapter, rest = _told_by(path.stem, chapters)
            student = parts[0] if len(parts) > 1 else (rest or path.stem)
            sheets.append(Sheet(student, path, "/".join(parts), chapter))
    if not sheets:
        raise ValueError(say("no_notebooks", got=repr(str(folder))))
    named = {sheet.student for sheet in sheets}
    folders = [each.name for each in sorted(folder.iterdir()) if each.is_dir()]
    without = [each for each in folders if each not in named and not _is_none_of_theirs(each)]
    sheets.sort(key=lambda sheet: (sheet.student, sheet.name))
    return HandedIn(tuple(sheets), tuple(without))


def _is_none_of_theirs(part: str) -> bool:
    return part.startswith(".") or part in _NOT_THEIRS


def _told_by(stem: str, chapters: list[str]) -> tuple[str | None, str]:
    """Return the chapter that a file name mentions, and what is left of it: a student's name."""
    for chapter in chapters:
        if chapter in stem:
            before, _, after = stem.partition(chapter)
            after = re.sub(
                r"^\s*\(\d+\)|^-Copy\d+", "", after
            )  # second copies, as browsers name them
            left = [_BETWEEN.sub(" ", part).strip() for part in (before, after)]
            return chapter, " ".join(filter(None, left))
    return None, _BETWEEN.sub(" ", stem).strip()
