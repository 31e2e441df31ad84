"""Attention with weights where memory is new, where much was freed, and where all is kept.

python -m benchmarks.history used 8 128 256 8      # prints seconds and page faults

The weights are large tensors, and what they cost depends on where the allocator finds room for
them: that is a matter of what was freed before, not of the code. A new process gets pages from the
system for nearly each of them, and gives most of them back; every page costs a fault, about as long
as writing to it takes, when it is first written to. How many fall to whom changes from process to
process, and with whose turn it is. Once large blocks were freed, glibc keeps such memory and no
page is new (but tensors of 32 MiB and more always come from the system).

There is no form that escapes. What two layers allocate for a call is nearly the same, and the
weights that are returned are such a tensor by themselves. That it is the pages and nothing else,
the third history shows: the allocator is told to keep all it gets, and a new process costs what a
used one does.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable

import torch

from benchmarks.clock import compare
from benchmarks.rivals import Attnlib, TorchLayer

KEEP_ALL = {
    "MALLOC_MMAP_THRESHOLD_": str(2**31 - 1),
    "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
    "MALLOC_TOP_PAD_": str(2**28),
}
HISTORIES: dict[str, dict[str, str]] = {"fresh": {}, "used": {}, "keeping": KEEP_ALL}
ROUNDS = 10  # over which page faults are counted

Figures = dict[str, float]


def in_a_new_process(history: str, shape: tuple[int, ...]) -> Figures:
    """Measure seconds of each contender, and page faults: "faults of attnlib"."""
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.history", history, *map(str, shape)],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | HISTORIES[history],
    )
    figures: Figures = json.loads(run.stdout)
    return figures


def measure(history: str, batch: int, length: int, embed_dim: int, heads: int) -> Figures:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if history == "used":
        for size in (2**24, 2**22, 2**20):
            blocks = [torch.ones(size) for _ in range(6)]
            del blocks
    x = torch.randn(batch, length, embed_dim)
    ours, torchs = (layer(embed_dim, heads).eval() for layer in (Attnlib, TorchLayer))
    contenders: dict[str, Callable[[], object]] = {
        "attnlib": lambda: ours(x, need_weights=True),
        "nn.MultiheadAttention": lambda: torchs(x, need_weights=True),
    }
    with torch.no_grad():
        times = compare(contenders)
        return times | {f"faults of {name}": mean for name, mean in faults(contenders).items()}


def faults(contenders: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Count the pages that the system provides for a call of each, in turns as `compare` has them.

    Who frees memory and who needs it next is a matter of turns, too.
    """
    counts = dict.fromkeys(contenders, 0)
    for turn in range(ROUNDS):
        for name in list(contenders) if turn % 2 == 0 else list(reversed(contenders)):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            contenders[name]()
            counts[name] += resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    return {name: count / ROUNDS for name, count in counts.items()}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], *map(int, sys.argv[2:]))))
