"""Where the book stands with both editions, once `python -m tests.editions.pseudo` has run."""

from pathlib import Path

from tools.build_book import STAMP
from tools.editions import ROOT

COPY = ROOT / ".cache" / "derived"
SITE = COPY / "book" / "_build" / "html"


def built_site() -> Path:
    """Return the folder of the built site.

    Raises:
        RuntimeError: If it has not been built.
    """
    if not (SITE / STAMP).is_file():
        raise RuntimeError(
            f"{SITE.relative_to(ROOT)} is not built: run `python -m tests.editions.pseudo`"
        )
    return SITE
