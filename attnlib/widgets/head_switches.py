"""Heads that are switched off, in torch; in the browser transformer.js does it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def kept(projection: Tensor, on: Sequence[bool]) -> Tensor:
    """Return an output projection to which a head that is off adds nothing: its columns are zero.

    Args:
        projection: The weight of `out_proj`, of shape (width, width).
        on: For each head whether it is on.
    """
    columns = torch.tensor(list(on)).repeat_interleave(projection.shape[1] // len(on))
    return projection * columns.to(projection.dtype)
