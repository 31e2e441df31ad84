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

from attnlib import (
    causal_mask,
    chunked_attention,
    scaled_dot_product_attention,
    sliding_window_mask,
)


def textbook(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    return scores.softmax(dim=-1) @ value


WINDOW = 128


def windowed(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return chunked_attention(query, key, value, is_causal=True, window=WINDOW)


def masked(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    length = query.shape[-2]
    mask = causal_mask(length) & sliding_window_mask(length, window=WINDOW)
    return scaled_dot_product_attention(query, key, value, mask)[0]


CONTENDERS: dict[str, Callable[..., Tensor]] = {
    "attnlib": lambda query, key, value: scaled_dot_product_attention(query, key, value)[0],
    "raw torch": torch.nn.functional.scaled_dot_product_attention,
    "chunked": chunked_attention,
    "textbook": textbook,
    "window of 128": windowed,
    "window of 128, as a mask": masked,
}
BATCH, HEADS, HEAD_DIM = 1, 4, 64
# Tensors get pages of their own, which go back to the system with them. Otherwise glibc keeps
# freed ones in its heap, more or fewer from run to run, and they would count as used.
OWN_PAGES = {"MALLOC_MMAP_THRESHOLD_": "65536"}


def in_a_new_process(contender: str, length: int, way: str) -> float:
    """Measure there, in megabytes: what ran before leaves no pages to be used again."""
    command = [sys.executable, "-m", "benchmarks.memory", contender, str(length), way]
    run = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | OWN_PAGES
    )
    return float(run.stdout)


def measure(contender: str, length: int, way: str) -> float:
    """Run once; return the megabytes at the peak above those before."""
    torch.set_num_threads(1)
    attend = CONTENDERS[contender]
    backward = way == "forward and backward"
    _run(attend, _inputs(130, backward))  # loads what is loaded once
    inputs = _inputs(length, backward)
    return extra_megabytes(lambda: _run(attend, inputs))


def extra_megabytes(call: Callable[[], object]) -> float:
    """Return the megabytes at the peak of a call above those before it."""
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    call()
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
