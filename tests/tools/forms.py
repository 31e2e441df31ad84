"""The wide and the narrow form of a picture in one file, and how far two pictures differ."""

import io

import numpy as np
from PIL import Image

from tools.palette import NARROW


def forms(path):
    """Return the wide form and the narrow one, PNGs."""
    with Image.open(path) as picture:
        picture.load()
        (narrow,) = [part for name, part, *_ in picture.private_chunks if name == NARROW]
    return path.read_bytes(), narrow


def differing(one, other):
    """Return how many pixels of two PNGs differ to the eye; all of them if their sizes do."""
    a, b = (np.asarray(Image.open(io.BytesIO(e)).convert("RGB"), dtype=int) for e in (one, other))
    return (np.abs(a - b).max(axis=-1) > 32).sum() if a.shape == b.shape else a.size
