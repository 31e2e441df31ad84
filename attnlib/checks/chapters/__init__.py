"""The checks of each chapter, with its mistakes: `cNN_slug` for the notebook `NN_slug`."""

import importlib
import pkgutil


def load() -> None:
    """Read the files of all chapters, which declare their checks as they are read."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
