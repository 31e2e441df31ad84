"""Extra peak memory of one attention, each measured in a process of its own (Linux).

python -m benchmarks.memory attnlib 8192 forward      # prints megabytes
"""

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from attnlib import chunked_attention, scaled_dot_product_attention


def textbook(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    return scores.softmax(dim=-1) @ value


CONTENDERS: dict[str, Callable[..., Tensor]] = {
    "attnlib": lambda query, key, value: scaled_dot_product_attention(query, key, value)[0],
    "raw torch": torch.nn.functional.scaled_dot_product_attention,
    "chunked": chunked_attention,
    "textbook": textbook,
}
BATCH, HEADS, HEAD_DIM = 1, 4, 64


def in_a_new_process(contender: str, length: int, way: str) -> float:
    """Measure there, in megabytes: what ran before leaves no pages to be used again."""
    command = [sys.executable, "-m", "benchmarks.memory", contender, str(length), way]
    # Tensors get pages of their own, which go back to the system with them. Otherwise glibc keeps
    # freed ones in its heap, more or fewer from run to run, and they would count as used.
    own_pages = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=own_pages)
    return float(run.stdout)


def measure(contender: str, length: int, way: str) -> float:
    """Run once; return the megabytes at the peak above those before."""
    torch.set_num_threads(1)
    attend = CONTENDERS[contender]
    backward = way == "forward and backward"
    _run(attend, _inputs(130, backward))  # loads what is loaded once
    inputs = _inputs(length, backward)
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    _run(attend, inputs)
    return (_resident("VmHWM") - before) / 1e6


def _inputs(length: int, backward: bool) -> list[Tensor]:
    return [torch.randn(BATCH, HEADS, length, HEAD_DIM, requires_grad=backward) for _ in range(3)]


def _run(attend: Callable[..., Tensor], inputs: list[Tensor]) -> None:
    output = attend(*inputs)
    if output.requires_grad:
        output.sum().backward()


def _resident(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")


if __name__ == "__main__":
    print(measure(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
