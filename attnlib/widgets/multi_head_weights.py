"""Weights and masks on their way from a layer to MultiHeadView: checked, and written as text."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import numpy as np
import torch

LIMITS = {"heads": 12, "tokens": 64}


def encode(weights: np.ndarray[Any, Any]) -> str:
    """Weights as the text that the browser gets."""
    # Six decimals: what one processor computes in another order than the next shall not show.
    return base64.b64encode(np.round(weights, 6).astype("<f4").tobytes()).decode()


def decode(text: str) -> np.ndarray[Any, Any]:
    """The numbers of such a text, one after the other.

    Raises:
        ValueError: If it is no such text.
    """
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4").astype(float)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"weights must be float32 numbers in base64, got {text[:20]!r}") from error


def _array(name: str, values: Any, dtype: torch.dtype | None = None) -> np.ndarray[Any, Any]:
    try:
        return torch.as_tensor(values, dtype=dtype).detach().cpu().numpy()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{name} must be a tensor, an array or lists of one length: {error}"
        ) from error


def check_weights(weights: Any) -> np.ndarray[Any, Any]:
    """Return weights as an array of shape `(num_heads, q_len, k_len)`.

    Raises:
        ValueError: If the shape is another or too large, or a number is no weight.
    """
    wanted = "weights must have the shape (num_heads, q_len, k_len)"
    array = _array("weights", weights, torch.float64)
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    if array.ndim == 2:
        raise ValueError(f"{wanted}, got {array.shape}: a mean over the heads?")
    if array.ndim != 3 or array.size == 0:
        raise ValueError(f"{wanted}, and none of them 0, got {array.shape}")
    if len(array) > LIMITS["heads"] or max(array.shape[1:]) > LIMITS["tokens"]:
        most = f"at most {LIMITS['heads']} heads and {LIMITS['tokens']} tokens"
        raise ValueError(f"weights must have {most}, got the shape {array.shape}")
    check_range(array)
    return array


def check_range(weights: np.ndarray[Any, Any]) -> None:
    """Refuse what is no weight.

    Raises:
        ValueError: If a number is not between 0 and 1.
    """
    wrong = np.argwhere(~((weights >= 0) & (weights <= 1.001)))  # NaN is wrong, too
    if len(wrong):
        at = tuple(wrong[0].tolist())
        raise ValueError(f"weights must lie between 0 and 1, got {weights[at]:g} at {at}")


def check_mask(mask: Any, weights: np.ndarray[Any, Any]) -> list[str]:
    """Return for each query a digit for each key, 1 = may attend; empty if nothing is masked.

    Raises:
        ValueError: If the mask is not boolean, does not fit, or a masked key has a weight.
    """
    shape = weights.shape[1:]
    largest = weights.max(axis=0)
    if mask is None:
        allowed = largest > 0
    else:
        allowed = _array("mask", mask)
        if allowed.dtype != bool:
            raise ValueError(f"mask must be boolean (True = may attend), got {allowed.dtype}")
        while allowed.ndim > 2 and len(allowed) == 1:
            allowed = allowed[0]
        try:
            allowed = np.broadcast_to(allowed, shape)
        except ValueError as error:
            raise ValueError(f"mask must broadcast to {shape}, got {allowed.shape}") from error
        wrong = np.argwhere(~allowed & (largest > 0))
        if len(wrong):
            at = tuple(wrong[0].tolist())
            raise ValueError(
                f"mask is False at {at}, where a weight is {largest[at]:g}: True = may attend"
            )
    if allowed.all():
        return []
    return ["".join("01"[int(cell)] for cell in row) for row in allowed]
