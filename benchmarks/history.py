"""Attention with weights in a new process, or in one that has used and freed much memory before.

python -m benchmarks.history used 8 128 256 8      # prints seconds of each contender

The weights are large tensors, and what they cost depends on where the allocator finds room for
them: that is a matter of what was freed before, not of the code.
"""

import json
import subprocess
import sys

import torch

from benchmarks.clock import compare
from benchmarks.rivals import Attnlib, TorchLayer

HISTORIES = ("fresh", "used")


def in_a_new_process(history: str, shape: tuple[int, ...]) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.history", history, *map(str, shape)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    times: dict[str, float] = json.loads(run.stdout)
    return times


def measure(history: str, batch: int, length: int, embed_dim: int, heads: int) -> dict[str, float]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if history == "used":
        for size in (2**24, 2**22, 2**20):
            blocks = [torch.ones(size) for _ in range(6)]
            del blocks
    x = torch.randn(batch, length, embed_dim)
    ours, torchs = (layer(embed_dim, heads).eval() for layer in (Attnlib, TorchLayer))
    with torch.no_grad():
        return compare(
            {
                "attnlib": lambda: ours(x, need_weights=True),
                "nn.MultiheadAttention": lambda: torchs(x, need_weights=True),
            }
        )


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], *map(int, sys.argv[2:]))))
