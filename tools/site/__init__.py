"""How the editions of the book become one site: `tools/build_book.py` goes through these steps."""

from pathlib import Path

STAMP = ".complete"  # written last: a site without it was interrupted


def is_complete(site: Path) -> bool:
    """Return whether the site in this folder was built to its end."""
    return (site / STAMP).is_file()
