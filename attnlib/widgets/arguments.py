"""Checks of what a figure is made of: what is wrong is named, with its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def numbers(name: str, values: Any, shape: tuple[int, ...]) -> Any:
    """Return finite numbers of the given shape as (lists of) floats; tensors are welcome, too.

    Raises:
        ValueError: If there are others.
    """
    wanted = f"numbers of shape {shape}" if shape else "a number"
    try:
        if hasattr(values, "detach"):
            values = values.detach().cpu().double().numpy()
        array = np.array(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be {wanted}, got {values!r}") from error
    if array.shape != shape:
        raise ValueError(f"{name} must be {wanted}, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {array.tolist()}")
    return array.tolist()


def whole(name: str, value: Any, least: int, most: float) -> int:
    """Return a whole number of a range.

    Raises:
        ValueError: If it is none.
    """
    number = numbers(name, value, ())
    if not (number.is_integer() and least <= number <= most):
        raise ValueError(f"{name} must be a whole number from {least} to {most}, got {value!r}")
    return int(number)


def names(name: str, values: Sequence[Any], most: int) -> list[str]:
    """Return 1 to `most` names.

    Raises:
        ValueError: If there are more, or none.
    """
    found = [str(value) for value in values]
    if not 1 <= len(found) <= most:
        raise ValueError(f"{name} must be 1 to {most} names, got {len(found)}")
    return found
