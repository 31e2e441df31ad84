"""`make experiments`: write the tables of all chapters, or of those that are named."""

import sys
from importlib import import_module
from pathlib import Path

import torch

from tools import atomic_write

HERE = Path(__file__).parent
ROOMS = sorted(path.stem for path in HERE.glob("c[0-9][0-9]_*.py"))


def main(named: list[str]) -> int:
    """Write the tables."""
    if unknown := set(named) - set(ROOMS):
        print(f"✗ no experiments called {', '.join(sorted(unknown))}; there are {', '.join(ROOMS)}")
        return 1
    torch.set_num_threads(1)
    for room in named or ROOMS:
        print(f"▸ {room}", flush=True)
        table = import_module(f"tools.experiments.{room}").table()
        atomic_write.write(HERE / f"{room}.json", table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
