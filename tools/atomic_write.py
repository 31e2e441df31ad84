"""Write a file whole or not at all.

A reader's or an author's notebook must never be left half-written, whatever interrupts the writer:
a kill, a full disk, a power cut. The text goes into a file beside the old one, to the disk, and
only then, by renaming, into its place. All that a killed writer can leave behind is that second
file, whose name ends in `.unfinished`; git ignores it and the next writer replaces it.
"""

import os
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Replace `path` by a file that holds `text`.

    Raises:
        OSError: If the disk is full or the folder cannot be written; the old file stays.
    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            unfinished.chmod(path.stat().st_mode & 0o777)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
