"""Whether what came out is what was expected, and if not, in which respect."""

import math
from dataclasses import dataclass
from numbers import Number
from typing import Any

import torch
from torch import Tensor

from attnlib.checks.engine.running import Outcome
from attnlib.checks.engine.texts import say

# Other orders of summation differ by some 1e-6 in float32; every named mistake by 0.05 at least
# somewhere (a test holds both).
TOLERANCE = 1e-3


_LENGTH = 300  # characters of an error's text that are shown


@dataclass(frozen=True)
class Difference:
    """How an outcome misses what was expected: the id of the message, and what it fills in."""

    id: str
    facts: dict[str, str]


def difference(expected: Any, outcome: Outcome, tolerance: float = TOLERANCE) -> Difference | None:
    """Compare an outcome with the value that was expected; None if they are the same."""
    if outcome.timed_out:
        return Difference("never_ends", {})
    if outcome.error is not None:
        line = f" (`{outcome.error_line}`)" if outcome.error_line else ""
        return Difference("raises", {"error": describe_error(outcome.error) + line})
    try:
        return _difference(expected, outcome.value, tolerance)
    except Exception:  # what came out only looks like a tensor or a number
        return _wrong_type(expected, outcome.value)


def _difference(expected: Any, value: Any, tolerance: float) -> Difference | None:
    if value is None:
        return Difference("no_return", {})
    if isinstance(expected, Tensor):
        if isinstance(value, tuple) and value and isinstance(value[0], Tensor):
            return Difference("returned_pair", {"count": str(len(value))})
        if not isinstance(value, Tensor):
            return _wrong_type(expected, value)
        value = value.detach().to("cpu")
        value = value.to_dense() if value.layout != torch.strided else value
        if value.is_complex():
            return Difference("complex_left", {"got": str(value.dtype)})
        if value.shape != expected.shape:
            facts = {"got": str(tuple(value.shape)), "expected": str(tuple(expected.shape))}
            return Difference("wrong_shape", facts)
        if (value.dtype == torch.bool) != (expected.dtype == torch.bool):
            kind = "mask_not_boolean" if expected.dtype == torch.bool else "wrong_dtype"
            return Difference(kind, {"got": str(value.dtype)})
        return None if _close(expected, value, tolerance) else Difference("wrong_value", {})
    if isinstance(expected, list):
        numbers = value.tolist() if hasattr(value, "tolist") else value
        if not isinstance(numbers, list | tuple) or not all(map(_is_number, numbers)):
            return _wrong_type(expected, value)
        if len(numbers) != len(expected):
            facts = {"got": f"({len(numbers)},)", "expected": f"({len(expected)},)"}
            return Difference("wrong_shape", facts)
        pairs = zip(expected, map(_number, numbers), strict=True)
        same = all(_near(a, b, tolerance) for a, b in pairs)
        return None if same else Difference("wrong_value", {})
    if not _is_number(value):
        return _wrong_type(expected, value)
    if isinstance(expected, bool):
        same = _number(value) == expected
    else:
        same = not isinstance(value, bool) and _near(expected, _number(value), tolerance)
    return None if same else Difference("wrong_value", {})


def describe_error(error: BaseException) -> str:
    """Name an exception, with the first line of what it says."""
    try:
        first_line = str(error)[:_LENGTH].strip().split("\n")[0]
    except Exception:
        first_line = ""
    return f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__


def equal(one: Any, other: Any) -> bool:
    """Say whether two values that came out are the same, to the last bit."""
    try:
        if isinstance(one, Tensor) and isinstance(other, Tensor):
            if one.shape != other.shape or one.dtype != other.dtype:
                return False
            return torch.allclose(one, other, rtol=0.0, atol=0.0, equal_nan=True)
        if isinstance(one, list | tuple) and isinstance(other, list | tuple):
            return len(one) == len(other) and all(map(equal, one, other))
        return bool(one == other)
    except Exception:  # what cannot be compared is not called different
        return True


def _close(expected: Tensor, value: Tensor, tolerance: float) -> bool:
    # Signs of infinity and places of NaN have to agree; numbers only nearly.
    return torch.allclose(
        value.double(), expected.double(), rtol=tolerance, atol=tolerance, equal_nan=True
    )


def _near(expected: float, value: float, tolerance: float) -> bool:
    return math.isclose(value, expected, rel_tol=tolerance, abs_tol=tolerance)


def _is_number(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.numel() == 1  # `x.nonzero()[0]` is as good as its only entry
    return isinstance(value, Number) or getattr(value, "ndim", None) == 0


def _number(value: Any) -> float:
    return float(value)


def _wrong_type(expected: Any, value: Any) -> Difference:
    keys = {Tensor: "tensor", list: "list", bool: "bool"}
    wanted = next((key for kind, key in keys.items() if isinstance(expected, kind)), "number")
    return Difference(
        "wrong_type", {"got": type(value).__name__, "expected": say(f"type.{wanted}")}
    )
