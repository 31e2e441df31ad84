"""Whether two pictures show the same: machines round a few pixels differently.

A picture of what was *measured*, such as times, differs more: the cell that draws it has the tag
`measured`, and its picture is compared coarsely, each mark with the nearest one of its colour.
"""

import base64
import io
from typing import Any

import numpy as np
from PIL import Image, ImageFilter, UnidentifiedImageError

MEASURED = "measured"  # the tag

# Two machines may round one anti-aliased pixel differently; a changed digit or bar moves far more.
PIXEL_LEVELS = 32  # of 255: how far one channel of a pixel may be off before the pixel counts
PIXELS_ALLOWED = 12  # how many such pixels a figure may have

# What was measured: how far a mark may have moved, in pixels of the picture (two for each of a
# page), how many of a colour may be farther off, and from how many on a colour counts at all.
MOVED = 72
STRAYED = 0.05
COLOUR = 400
COVERED = 8  # how near the mark has to be that may hide another
MIXED = 64  # stands for no colour: four steps of each channel make 64 of them
_STEP = 4  # pixels that are looked at as one


def image_difference(stored: str, computed: str, *, measured: bool = False) -> str | None:
    """Say how two base64 PNGs differ; None if they show the same.

    Args:
        stored: The committed picture.
        computed: The one that a run has made.
        measured: Whether they show what was measured, so that marks may have moved.
    """
    try:
        old, new = (
            np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA"), dtype=int)
            for png in (stored, computed)
        )
    except (ValueError, OSError, SyntaxError, UnidentifiedImageError) as error:
        return f"the stored picture cannot be read: {error}"
    if old.shape != new.shape:
        return f"size {old.shape[1]} × {old.shape[0]} became {new.shape[1]} × {new.shape[0]}"
    if measured:
        return _moved(old[..., :3], new[..., :3])
    off = int((np.abs(old - new).max(axis=-1) > PIXEL_LEVELS).sum())
    return f"{off} pixels differ" if off > PIXELS_ALLOWED else None


def _moved(old: np.ndarray[Any, Any], new: np.ndarray[Any, Any]) -> str | None:
    """Say which colour has marks in one picture that the other has nowhere near.

    Where the other picture has any mark at all, the missing one may lie behind it.
    """
    kinds = [_solid((picture // 64) @ [16, 4, 1]) for picture in (old, new)]
    counts = [np.bincount(kind.flat, minlength=MIXED + 1)[:MIXED] for kind in kinds]
    inked = [_patches(kind != np.bincount(kind.flat).argmax()) for kind in kinds]
    for colour in np.flatnonzero(np.maximum(*counts) > COLOUR):
        marks = [_patches(kind == colour) for kind in kinds]
        for one, other in ((0, 1), (1, 0)):
            found = _around(marks[other], MOVED) | _around(inked[other], COVERED)
            lost = int((marks[one] & ~found).sum())
            if lost > STRAYED * marks[one].sum():
                rgb = tuple(int(colour) // part % 4 * 64 for part in (16, 4, 1))
                return f"marks of the colour {rgb} have moved by more than {MOVED} pixels"
    return None


def _solid(kind: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the colours of squares of two pixels.

    One pixel wide are the seams of marks, where colours mix: how much of a mixture there is says
    by which fractions of a pixel marks lie over one another.
    """
    first = kind[:-1, :-1]
    same = (first == kind[1:, :-1]) & (first == kind[:-1, 1:]) & (first == kind[1:, 1:])
    return np.where(same, first, MIXED)


def _patches(marks: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return which squares of a few pixels have a mark."""
    rows, columns = (-side % _STEP for side in marks.shape)
    padded = np.pad(marks, ((0, rows), (0, columns)))
    shape = (padded.shape[0] // _STEP, _STEP, padded.shape[1] // _STEP, _STEP)
    return np.asarray(padded.reshape(shape).any(axis=(1, 3)))


def _around(patches: np.ndarray[Any, Any], pixels: int) -> np.ndarray[Any, Any]:
    """Return which squares have a mark no farther off than so many pixels."""
    picture = Image.fromarray(patches.astype(np.uint8))
    wide = picture.filter(ImageFilter.MaxFilter(2 * (pixels // _STEP) + 1))
    return np.asarray(wide) > 0
