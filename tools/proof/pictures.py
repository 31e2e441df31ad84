"""Whether two pictures show the same: machines round a few pixels differently."""

import base64
import io

import numpy as np
from PIL import Image, UnidentifiedImageError

# Two machines may round one anti-aliased pixel differently; a changed digit or bar moves far more.
PIXEL_LEVELS = 32  # of 255: how far one channel of a pixel may be off before the pixel counts
PIXELS_ALLOWED = 12  # how many such pixels a figure may have


def image_difference(stored: str, computed: str) -> str | None:
    """Say how two base64 PNGs differ beyond rounding; None if they show the same."""
    try:
        old, new = (
            np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA"), dtype=int)
            for png in (stored, computed)
        )
    except (ValueError, OSError, SyntaxError, UnidentifiedImageError) as error:
        return f"the stored picture cannot be read: {error}"
    if old.shape != new.shape:
        return f"size {old.shape[1]} × {old.shape[0]} became {new.shape[1]} × {new.shape[0]}"
    off = int((np.abs(old - new).max(axis=-1) > PIXEL_LEVELS).sum())
    return f"{off} pixels differ" if off > PIXELS_ALLOWED else None
