"""Files that are made of nothing but other files, kept under the hash of those: `.cache/site`.

Cutting pictures and fonts costs more than building the pages, and comes to the same each time. What
was altered on the disk is made anew; where nothing may be reused (`COLD=1`, CI), so is what stood
before this proof began.
"""

import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tools.digest import digest
from tools.environment import PINS, ROOT
from tools.reuse import cold, proving_since

FOLDER = ROOT / ".cache" / "site"
PROGRAMS = (*Path(__file__).parent.glob("*.py"), ROOT / "tools" / "palette.py", *PINS)
LONGEST = 30 * 24 * 3600  # seconds that anything is kept
SIZE = hashlib.sha256().digest_size

_programs = digest(sys.version, *(path.read_bytes() for path in sorted(PROGRAMS)))


def _usable_since() -> float:
    if cold():
        return proving_since()
    return time.time() - LONGEST


def kept(make: Callable[[], bytes], *of: str | bytes) -> bytes:
    """Return what `make` returns, or returned before.

    Args:
        make: Makes the file.
        of: All that it depends on, beside the programs of this folder and the pins.
    """
    path = FOLDER / digest(_programs, *of)
    try:
        if path.stat().st_mtime >= _usable_since():
            whole = path.read_bytes()
            if hashlib.sha256(whole[SIZE:]).digest() == whole[:SIZE]:
                return whole[SIZE:]
    except FileNotFoundError:
        pass
    made = make()
    FOLDER.mkdir(parents=True, exist_ok=True)
    path.write_bytes(hashlib.sha256(made).digest() + made)  # a half would not be used
    return made


def forget_old() -> None:
    """Delete what has been kept for long."""
    for path in FOLDER.glob("*"):
        if path.stat().st_mtime < time.time() - LONGEST:
            path.unlink(missing_ok=True)
