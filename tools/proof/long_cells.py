"""Long cells: what one run has computed in them is lent to another with the same Python and torch.

Training depends on these two alone. Where a notebook runs again with other packages around them
(the lowest versions after Colab's, the derived edition after the default one), a cell that has
computed for long, shows nothing but text and calls none of those packages (in_kernel.py) is not
computed again: its definitions run, what else it has bound or changed is put in place, and all
other cells run on that.
"""

import ast
from pathlib import Path

from tools.proof import records
from tools.proof.records import Record
from tools.proof.session import Output, Session

LONG = 1.0  # seconds of the processor: to keep less costs as much as it saves
DEFINING = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def place_of(runtime: str, notebook: str, key: str, cell: str) -> Path:
    """Return where is kept what a cell has computed in the run with this key."""
    return records.place_of(runtime, notebook, key).with_suffix("") / f"{cell}.pickle"


def parsed(source: str) -> ast.Module | None:
    """Parse a cell; None if it has commands of IPython in it."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return None


def definitions(source: str) -> str:
    """Return what a cell imports, and the functions and classes that it defines."""
    tree = ast.parse(source)
    tree.body = [each for each in tree.body if isinstance(each, DEFINING)]
    return ast.unparse(tree)


async def keep(session: Session, path: Path, source: str, outputs: list[Output]) -> None:
    """Keep what the cell that has just run has computed, if that took long."""
    tree = parsed(source)
    if tree is None or any(output["output_type"] == "display_data" for output in outputs):
        return
    results = [output["data"] for output in outputs if output["output_type"] == "execute_result"]
    if any(set(data) != {"text/plain"} for data in results):
        return
    imports = [each for each in ast.walk(tree) if isinstance(each, ast.Import)]
    imported = {alias.name for each in imports for alias in each.names}
    tree.body = [each for each in tree.body if not isinstance(each, DEFINING)]
    names = [each for each in ast.walk(tree) if isinstance(each, ast.Name)]
    bound = sorted({each.id for each in names if isinstance(each.ctx, ast.Store)})
    read = sorted({each.id for each in names} - {*bound} | imported)
    if not bound:  # it changes settings, if anything
        return
    await session.ask("keep", str(path), bound, read, LONG)


async def take(
    session: Session, lender: Record | None, cell: str, source: str
) -> list[Output] | None:
    """Put in place what a lender has computed in a cell.

    Returns:
        What the cell has shown there; None if nothing of it is kept.
    """
    if lender is None:
        return None
    path = place_of(lender.runtime, lender.notebook, lender.key, cell)
    if not path.is_file() or await session.run(definitions(source)):
        return None
    if not await session.ask("take", str(path)):
        return None
    return list(next(iter(lender.editions.values()))["cells"][cell]["outputs"])
