"""The exercises of a chapter: their headings, their checks, and the code of their solutions."""

import re
from dataclasses import dataclass

from nbformat import NotebookNode

from tools.editions import Edition

CALL = re.compile(r"^checks\.check_(\w+)\((\w+)\)$", re.MULTILINE)
KINDS = ("predict", "code", "bug", "think")


@dataclass(frozen=True)
class Solution:
    """The solution of an exercise, as code that a reader would write in the place of the stub.

    Attributes:
        check: The name of the check, `check_<name>`.
        argument: The name of what is handed to the check.
        cell: Id of the cell with the stub and the check.
        blocks: The code, to be run after all cells before the exercises, and after the solutions
            before it.
    """

    check: str
    argument: str
    cell: str
    blocks: tuple[str, ...]


def parts(notebook: NotebookNode) -> tuple[list[NotebookNode], list[NotebookNode]]:
    """Return the cells before a chapter's exercises, and those of the exercises.

    Raises:
        ValueError: If it has no cell `exercises` followed by a cell `recap`.
    """
    ids = [cell.id for cell in notebook.cells]
    start, end = ids.index("exercises"), ids.index("recap")
    return notebook.cells[:start], notebook.cells[start:end]


def heading(edition: Edition) -> re.Pattern[str]:
    """Return what headings of exercises look like: number, stars, kind."""
    kinds = "|".join(re.escape(edition.phrases[f"kind_{kind}"]) for kind in KINDS)
    word = re.escape(edition.phrases["exercise"])
    return re.compile(rf"^### {word} (\d+\.\d+) (★{{1,2}}) ({kinds})$", re.MULTILINE)


def solutions(notebook: NotebookNode, edition: Edition) -> list[Solution]:
    """List the solutions that are code, in the order of the notebook.

    An exercise whose answer is a few numbers is solved in prose, and not listed.

    Raises:
        ValueError: If a check is not followed by a solution.
    """
    summary = f"<summary>{edition.phrases['solution']}</summary>"
    _, cells = parts(notebook)
    found = []
    for order, cell in enumerate(cells):
        for name, argument in CALL.findall(cell.source) if cell.cell_type == "code" else []:
            following = (each.source for each in cells[order:] if summary in each.source)
            folded = next(following, None)
            if folded is None:
                raise ValueError(f"{cell.id}: no solution follows")
            blocks = re.findall(r"```python\n(.*?)```", folded.split(summary)[1], re.DOTALL)
            if blocks:
                found.append(Solution(name, argument, cell.id, tuple(blocks)))
    return found
