"""Where answers are filed under the name of their check; the files of all chapters are found here.

A chapter's file holds right answers and wrong ones, as readers write them.
"""

import importlib
import pkgutil
from pathlib import Path

RIGHT: dict[str, list] = {}
# With the misconception that each has to be told, or several; None: wrong in a way without a name.
WRONG: dict[str, list[tuple[str | tuple[str, ...] | None, object]]] = {}


def right(check):
    """File the function below as a right answer."""

    def file(answer):
        RIGHT.setdefault(check, []).append(answer)
        return answer

    return file


def wrong(check, misconception):
    """File the function below as a wrong answer."""

    def file(answer):
        WRONG.setdefault(check, []).append((misconception, answer))
        return answer

    return file


def load():
    """Read the answers of all chapters."""
    for module in pkgutil.walk_packages([str(Path(__file__).parent)], "tests.checks.answers."):
        importlib.import_module(module.name)
