"""Pictures as files: few colours, chosen to fit what they show, and a narrow form for phones.

Notebooks and pages carry every one.
"""

import io

from PIL import Image
from PIL.PngImagePlugin import PngInfo

NARROW = b"naRw"  # a private part of a PNG, which other programs pass over


def with_palette(picture: Image.Image, colours: int) -> bytes:
    """Return a picture as PNG in this many colours, with nothing else in the file."""
    file = io.BytesIO()
    picture.convert("RGB").quantize(
        colours, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
    ).save(file, format="png", optimize=True)
    return file.getvalue()


def with_narrow(wide: bytes, narrow: bytes) -> bytes:
    """Return a picture, a PNG, with its narrow form in the same file (`narrow_pictures.py`)."""
    file, info = io.BytesIO(), PngInfo()
    info.add(NARROW, narrow, after_idat=True)
    with Image.open(io.BytesIO(wide)) as picture:
        picture.save(file, format="png", optimize=True, pnginfo=info)
    return file.getvalue()
