"""A bar that shows how far a long cell has come, and is gone when it is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

__all__ = ["progress"]

_CELLS = 40

Step = TypeVar("Step")


def progress(steps: Sequence[Step]) -> Iterator[Step]:
    """Go through steps; a notebook shows a bar meanwhile, and nothing of it afterwards.

    What the cell has printed before goes with the bar. Outside of a notebook nothing is shown.

    Args:
        steps: What to go through.

    Yields:
        One step after the other.

    >>> [2 * step for step in progress([1, 2, 3])]
    [2, 4, 6]
    """
    if not _in_a_notebook():
        yield from steps
        return
    from IPython.display import clear_output  # a notebook has it; attnlib does not require it

    shown = None
    try:
        for done, step in enumerate(steps):
            if (full := _CELLS * done // len(steps)) != shown:
                clear_output(wait=True)  # type: ignore[no-untyped-call]
                print("█" * full + "░" * (_CELLS - full), flush=True)
                shown = full
            yield step
    finally:
        clear_output()  # type: ignore[no-untyped-call]


def _in_a_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return hasattr(get_ipython(), "kernel")
