"""A model's weights as text, small enough to travel in the state of a figure.

Each row of a matrix is stored as whole numbers of one byte and one scale for the row:

    weight[i, j] ≈ scale[i] · step[i, j]    with -127 <= step <= 127

so no weight is off by more than half a scale, which is 1/254 of the largest in its row (but for the
rounding of the scale). A vector (a bias, a gain) is one row.

A scale is stored as the upper half of a float32 (bfloat16), rounded up: so the largest weight of a
row stays within its steps, and a browser reads it without any arithmetic.
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

STEPS = 127  # whole numbers above 0, and as many below

Packed = dict[str, dict[str, Any]]
"""Name of a tensor -> its `shape`, and `scales` and `steps` as base64."""


def pack(tensors: Mapping[str, Tensor]) -> Packed:
    """Return named tensors, such as a state dict, as plain JSON.

    Args:
        tensors: Matrices and vectors by name.

    Raises:
        ValueError: If a tensor is neither matrix nor vector, is empty or not finite.
    """
    packed = {}
    for name, tensor in tensors.items():
        rows = _rows(name, tensor)
        scales = _rounded_up(np.abs(rows).max(axis=1, keepdims=True) / STEPS)
        steps = np.rint(np.divide(rows, scales, where=scales > 0, out=np.zeros_like(rows)))
        packed[name] = {
            "shape": list(tensor.shape),
            "scales": _text((scales.view("<u4") >> 16).astype("<u2")),
            "steps": _text(steps.astype("i1")),
        }
    return packed


def unpack(packed: Packed) -> dict[str, Tensor]:
    """Return the tensors, rounded, as the browser has them.

    Raises:
        ValueError: If a text is damaged, or has not as many numbers as the shape asks for.
    """
    tensors = {}
    for name, parts in packed.items():
        shape, rows, columns = _shape(name, parts)
        scales = _numbers(name, "scales", parts, "<u2", rows).astype("<u4") << 16
        steps = _numbers(name, "steps", parts, "i1", rows * columns).reshape(rows, columns)
        weights = scales.view("<f4")[:, None] * steps.astype("<f4")
        if not np.isfinite(weights).all():
            raise ValueError(f"the scales of {name} must be finite numbers")
        tensors[name] = torch.from_numpy(weights).reshape(shape)
    return tensors


def rounding(tensors: Mapping[str, Tensor], packed: Packed) -> dict[str, float]:
    """Return how far off each packed tensor is: its largest error, over its largest entry.

        rounding[name] = max |weight - unpack(packed)[name]| / max |weight|

    At most 1/254, but for the rounding of the scale: 0.4 %.
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


def _text(array: np.ndarray[Any, Any]) -> str:
    return base64.b64encode(array.tobytes()).decode()


def _shape(name: str, parts: Any) -> tuple[list[int], int, int]:
    shape = parts.get("shape") if isinstance(parts, Mapping) else None
    if not (
        isinstance(shape, list)
        and len(shape) in (1, 2)
        and all(isinstance(length, int) and length > 0 for length in shape)
    ):
        raise ValueError(f"{name} must have a shape of one or two lengths, got {shape!r}")
    return shape, math.prod(shape[:-1]), shape[-1]


def _numbers(name: str, part: str, parts: Any, kind: str, count: int) -> np.ndarray[Any, Any]:
    try:
        raw = base64.b64decode(parts[part], validate=True)
        found = np.frombuffer(raw, dtype=kind)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        got = str(parts.get(part))[:20]
        raise ValueError(f"{part} of {name} must be numbers in base64, got {got!r}") from error
    if len(found) != count:
        raise ValueError(f"{part} of {name} must be {count} numbers, got {len(found)}")
    return found
