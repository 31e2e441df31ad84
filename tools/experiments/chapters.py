"""What the cells of a chapter define, without what they show."""

import contextlib
import io
from typing import Any

import nbformat

from tools.editions import editions


def names_of(stem: str, cells: tuple[str, ...]) -> dict[str, Any]:
    """Run some cells of a chapter in their order; return the names that they leave."""
    (path,) = (path for path in editions()[0].chapters if path.stem == stem)
    sources = {cell.id: cell.source for cell in nbformat.read(path, as_version=4).cells}
    names: dict[str, Any] = {}
    for cell in cells:
        with contextlib.redirect_stdout(io.StringIO()):  # what the cells print is the chapter's
            exec(compile(sources[cell], f"{path.name}: {cell}", "exec"), names)
    return names


def spread(values: list[float], form: str) -> str:
    """Write the least and the most of some values; one number where they are the same."""
    least, most = format(min(values), form), format(max(values), form)
    return least if least == most else f"{least}–{most}"
