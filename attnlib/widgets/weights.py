"""A model's weights as text, small enough to travel in the state of a figure.

Each row of a matrix is stored as whole numbers and one scale for the row:

    weight[i, j] ≈ scale[i] · step[i, j]    with -steps <= step <= steps

so no weight is off by more than half a scale, which is 1 / (2 · steps) of the largest in its row
(but for the rounding of the scale). A vector (a bias, a gain) is one row.

A step is one digit of base64, so there are at most 31 to either side. In a page, which is sent
compressed, that takes 5.8 bits, and 5.1 with 15 steps: a digit for each number shows how often each
occurs, where bytes in base64 hide it and take 8.0. A scale is
stored as the upper half of a float32 (bfloat16), rounded up: so the largest weight of a row stays
within its steps, and a browser reads it without any arithmetic.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
STEPS = 31  # whole numbers above 0, and as many below; 0 is the digit in the middle
MIDDLE = STEPS + 1
_VALUES = {digit: value - MIDDLE for value, digit in enumerate(DIGITS)}

Packed = dict[str, dict[str, Any]]
"""Name of a tensor -> its `shape`, its `scales` as base64, and its `steps`, a digit each."""


def pack(tensors: Mapping[str, Tensor], *, steps: int = STEPS) -> Packed:
    """Return named tensors, such as a state dict, as plain JSON.

    Args:
        tensors: Matrices and vectors by name.
        steps: How many whole numbers there are above 0, and as many below.

    Raises:
        ValueError: If a tensor is neither matrix nor vector, is empty or not finite, or `steps` is
            none of 1 to 31.
    """
    if steps not in range(1, STEPS + 1):
        raise ValueError(f"steps must be a whole number from 1 to {STEPS}, got {steps!r}")
    packed = {}
    for name, tensor in tensors.items():
        rows = _rows(name, tensor)
        scales = _rounded_up(np.abs(rows).max(axis=1, keepdims=True) / steps)
        taken = np.rint(np.divide(rows, scales, where=scales > 0, out=np.zeros_like(rows)))
        packed[name] = {
            "shape": list(tensor.shape),
            "scales": base64.b64encode((scales.view("<u4") >> 16).astype("<u2").tobytes()).decode(),
            "steps": bytes(DIGITS[step] for step in taken.astype(int).ravel() + MIDDLE).decode(),
        }
    return packed


def unpack(packed: Packed) -> dict[str, Tensor]:
    """Return the tensors, rounded, as the browser has them.

    Raises:
        ValueError: If a text is damaged, or has not as many numbers as the shape asks for.
    """
    if not isinstance(packed, Mapping):
        raise ValueError(f"packed weights must be tensors by name, got {packed!r}")
    tensors = {}
    for name, parts in packed.items():
        shape, rows, columns = _shape(name, parts)
        scales = _scales(name, parts, rows).astype("<u4") << 16
        steps = _steps(name, parts, rows * columns).reshape(rows, columns)
        weights = scales.view("<f4")[:, None] * steps.astype("<f4")
        if not np.isfinite(weights).all():
            raise ValueError(f"the scales of {name} must be finite numbers")
        tensors[name] = torch.from_numpy(weights).reshape(shape)
    return tensors


def check_shapes(
    tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], sizes: str
) -> None:
    """Refuse tensors that are not those of a model.

    Args:
        tensors: The trained weights, by name.
        shapes: Names and shapes of those of the model.
        sizes: What the shapes are for: "9 characters".

    Raises:
        ValueError: If a name is missing, one is too much, or a shape is another.
    """
    for word, names in (
        ("must hold", [name for name in shapes if name not in tensors]),
        ("must not hold", [name for name in tensors if name not in shapes]),
    ):
        if names:
            raise ValueError(f"state_dict {word} {', '.join(names)}")
    for name, shape in shapes.items():
        if tuple(tensors[name].shape) != shape:
            raise ValueError(
                f"{name} must have shape {shape} for {sizes}, got {tuple(tensors[name].shape)}"
            )


def rounding(tensors: Mapping[str, Tensor], packed: Packed) -> dict[str, float]:
    """Return how far off each packed tensor is: its largest error, over its largest entry.

        rounding[name] = max |weight - unpack(packed)[name]| / max |weight|

    At most 1 / (2 · steps), but for the rounding of the scale.
    """
    back = unpack(packed)
    found = {}
    for name, tensor in tensors.items():
        largest = tensor.abs().max().item()
        off = (tensor.detach().float().cpu() - back[name]).abs().max().item()
        found[name] = off / largest if largest else 0.0
    return found


def _rows(name: str, tensor: Tensor) -> np.ndarray[Any, Any]:
    if tensor.ndim not in (1, 2) or tensor.numel() == 0:
        shape = tuple(tensor.shape)
        raise ValueError(f"{name} must be a matrix or a vector with entries, got shape {shape}")
    array = tensor.detach().cpu().to(torch.float32).numpy().astype("<f4")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)][0]}")
    return array.reshape(-1, tensor.shape[-1])


def _rounded_up(scale: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Round positive float32 numbers up to those that have nothing in their lower half."""
    bits = scale.astype("<f4").view("<u4")
    return ((bits + 0xFFFF) & 0xFFFF0000).astype("<u4").view("<f4")


def _shape(name: str, parts: Any) -> tuple[list[int], int, int]:
    shape = parts.get("shape") if isinstance(parts, Mapping) else None
    if not (
        isinstance(shape, list)
        and len(shape) in (1, 2)
        and all(isinstance(length, int) and length > 0 for length in shape)
    ):
        raise ValueError(f"{name} must have a shape of one or two lengths, got {shape!r}")
    return shape, math.prod(shape[:-1]), shape[-1]


def _scales(name: str, parts: Mapping[str, Any], count: int) -> np.ndarray[Any, Any]:
    try:
        found = np.frombuffer(base64.b64decode(parts["scales"], validate=True), dtype="<u2")
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        got = str(parts.get("scales"))[:20]
        raise ValueError(f"scales of {name} must be numbers in base64, got {got!r}") from error
    if len(found) != count:
        raise ValueError(f"scales of {name} must be {count} numbers, got {len(found)}")
    return found


def _steps(name: str, parts: Mapping[str, Any], count: int) -> np.ndarray[Any, Any]:
    text = parts.get("steps")
    if not isinstance(text, str) or set(text.encode()) - set(DIGITS):
        raise ValueError(f"steps of {name} must be digits of base64, got {str(text)[:20]!r}")
    if len(text) != count:
        raise ValueError(f"steps of {name} must be {count} digits, got {len(text)}")
    return np.array([_VALUES[digit] for digit in text.encode()])
