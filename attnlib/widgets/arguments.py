"""Checks of what a figure is made of: what is wrong is named, with its value."""

from __future__ import annotations

import unicodedata
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


def characters_of(text: str) -> list[str]:
    """Return what was typed as characters."""
    return list(unicodedata.normalize("NFC", text).strip())


def typed(name: str, text: Any, most: int) -> str:
    """Return a text of 1 to `most` characters.

    Raises:
        ValueError: If it is none, or has more, or none.
    """
    if not isinstance(text, str) or not 1 <= len(characters_of(text)) <= most:
        raise ValueError(f"{name} must have 1 to {most} characters, got {text!r}")
    return text


def typed_examples(name: str, examples: Any, most: int, characters: int) -> list[str]:
    """Return up to `most` texts of 1 to `characters` characters.

    Raises:
        ValueError: If they are others.
    """
    if isinstance(examples, str) or len(examples) > most:
        raise ValueError(f"{name} must be up to {most} texts, got {examples!r}")
    return [typed(name, each, characters) for each in examples]


def distinct_characters(name: str, text: Any) -> str:
    """Return a text in which no character occurs twice.

    Raises:
        ValueError: If one does, or there is none.
    """
    if not isinstance(text, str) or not text or len(set(text)) < len(text):
        raise ValueError(f"{name} must be a text of different characters, got {text!r}")
    return text
