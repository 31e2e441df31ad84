"""Process CPU time of contenders that take turns: what slows one down slows all of them down."""

import gc
import statistics
import time
from collections.abc import Callable

SECONDS = 4.0  # of CPU time, for all rounds of one comparison
FEWEST_ROUNDS = 9
SHORTEST_SAMPLE = 0.004  # a contender that is faster than this is called several times a sample


def compare(
    contenders: dict[str, Callable[[], object]], *, fewest_rounds: int = FEWEST_ROUNDS
) -> dict[str, float]:
    """Return the median seconds of CPU time of a call of each contender."""
    first = {name: _cost(call, 1) for name, call in contenders.items()}
    calls = {
        name: max(1, round(SHORTEST_SAMPLE / _cost(contenders[name], 3))) if cost < 1 else 1
        for name, cost in first.items()
    }
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    gc.collect()
    gc.disable()
    started = time.process_time()
    rounds = 0
    while rounds < fewest_rounds or time.process_time() - started < SECONDS:
        # Every other round runs backwards, so that no contender always follows the same one.
        order = list(contenders) if rounds % 2 == 0 else list(reversed(contenders))
        for name in order:
            samples[name].append(_cost(contenders[name], calls[name]))
        rounds += 1
    gc.enable()
    return {name: statistics.median(times) for name, times in samples.items()}


def _cost(call: Callable[[], object], times: int) -> float:
    started = time.process_time()
    for _ in range(times):
        call()
    return max(time.process_time() - started, 1e-9) / times
