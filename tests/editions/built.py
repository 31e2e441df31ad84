"""Where the book stands with both editions, once `python -m tests.editions.pseudo` has run."""

from pathlib import Path

from tools.editions import ROOT
from tools.site import is_complete

COPY = ROOT / ".cache" / "derived"
SITE = COPY / "book" / "_build" / "html"


def built_site() -> Path:
    """Return the folder of the built site.

    Raises:
        RuntimeError: If it has not been built.
    """
    if not is_complete(SITE):
        raise RuntimeError(
            f"{SITE.relative_to(ROOT)} is not built: run `python -m tests.editions.pseudo`"
        )
    return SITE
