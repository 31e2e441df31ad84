"""What an answer does with its input, seen while it runs: where its source does not tell."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from attnlib.checks.engine.inputs import Arguments
from attnlib.checks.engine.running import Runner

Note = Callable[[str, Any, Any], None]  # the name of a step, what went in, what came out

# Steps that go over an axis: the axis is gone afterwards, or each entry knows of the others.
_OVER = {
    "addmm", "amax", "aminmax", "bmm", "dot", "einsum", "inner", "linear", "logsumexp", "matmul",
    "max", "mean", "mm", "mv", "nansum", "norm", "prod", "rmatmul", "sum", "tensordot", "topk",
}  # fmt: skip
_ALONG = {
    "argsort", "cummax", "cumprod", "cumsum", "log_softmax", "logcumsumexp", "normalize",
    "scaled_dot_product_attention", "softmax", "softmin", "sort",
}  # fmt: skip


def _watched(x: Tensor, note: Note) -> Tensor:
    """Return a tensor that notes each step taken with it, and with all that comes of it."""
    parent: Any = Tensor

    class Watched(parent):
        @classmethod
        def __torch_function__(
            cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            made = super().__torch_function__(func, types, args, kwargs or {})
            with torch._C.DisableTorchFunctionSubclass():  # to look is no step
                note(func.__name__.strip("_"), (args, kwargs), made)
            return made

    return x.as_subclass(Watched)


def _has(length: int, some: Any) -> bool:
    """Say whether a tensor among these has an axis of this length."""

    def tensors(each: Any) -> Iterator[Tensor]:
        if isinstance(each, Tensor):
            yield each
        elif isinstance(each, tuple | list):
            for part in each:
                yield from tensors(part)
        elif isinstance(each, dict):
            yield from tensors(list(each.values()))

    return any(length in tensor.shape for tensor in tensors(some))


def over_whole_rows(run: Runner, case: Arguments) -> str | None:
    """Find a step that goes over whole rows of the first argument at once: its name.

    Args:
        run: Runs the answer.
        case: Arguments in which nothing else is as long as those rows.

    Returns:
        The name of the first such step; None if there is none, or where torch does not see it.
    """
    length = case[0].shape[-1]
    steps: list[str] = []

    def note(step: str, taken: Any, made: Any) -> None:
        gone = step in _OVER and not _has(length, made)
        if (gone or step in _ALONG) and _has(length, taken):
            steps.append(step)

    run((_watched(case[0], note), *case[1:]))
    return steps[0] if steps else None
