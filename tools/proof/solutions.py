"""The solutions of a notebook's exercises, as code: taken out of the text, to be run after it."""

import ast
import re
from dataclasses import dataclass

import nbformat

CALL = re.compile(r"^checks\.check_(?P<name>\w+)\((?P<answer>\w+)\)$", re.MULTILINE)
PROGRESS = "checks.progress()"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Solution:
    """What solves one exercise.

    Attributes:
        cell: Id of the cell with the stub and its check.
        blocks: The code in the solution; none if it is prose.
        calls: The calls of checks in that cell, each with whether the code defines its answer.
    """

    cell: str
    blocks: tuple[str, ...]
    calls: tuple[tuple[str, bool], ...]


def solutions(notebook: nbformat.NotebookNode) -> list[Solution]:
    """Find the solution of each cell that checks an answer: in the next cell `…-solution`.

    Raises:
        ValueError: If an exercise has none, or none that defines what a function's check takes.
    """
    found = []
    for order, cell in enumerate(notebook.cells):
        calls = list(CALL.finditer(cell.source)) if cell.cell_type == "code" else []
        if not calls:
            continue
        texts = [each for each in notebook.cells[order:] if each.id.endswith("-solution")]
        if not texts:
            raise ValueError(f"{cell.id} checks an answer, and no cell after it has a solution")
        # The fold of the solution is the last one of its cell, in whatever language it is called.
        blocks = tuple(BLOCK.findall(texts[0].source.rpartition("<summary")[2]))
        defined = set().union(*(names_defined(block) for block in blocks))
        stubs = names_defined(cell.source, ast.FunctionDef)
        judged = tuple((call[0], call["answer"] in defined) for call in calls)
        if missing := sorted({call["answer"] for call in calls} & (stubs - defined)):
            raise ValueError(f"{texts[0].id} does not define {', '.join(missing)}")
        found.append(Solution(cell.id, blocks, judged))
    return found


def names_defined(source: str, kinds: type[ast.AST] | None = None) -> set[str]:
    """Return the names that a source defines at its top level, or its functions only."""
    names = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif kinds is None:
            stored = (each for each in ast.walk(node) if isinstance(each, ast.Name))
            names |= {each.id for each in stored if isinstance(each.ctx, ast.Store)}
    return names
