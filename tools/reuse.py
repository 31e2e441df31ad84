"""What has been made or proven before, and may be used again.

Everything may, unless this is a proof of all: `make test COLD=1`, and wherever CI says that it is
one. Then only what this same proof has made counts: `tools/prove.py` tells its stages since when.
"""

import os


def cold() -> bool:
    """Whether nothing may be used that stood before."""
    return bool(os.environ.get("COLD")) or os.environ.get("CI") == "true"


def proving_since() -> float:
    """Return when this proof began, in seconds since the epoch; without one, never."""
    return float(os.environ.get("PROVING_SINCE", "inf"))
