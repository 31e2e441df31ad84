"""Pictures with few colours, chosen to fit what they show: notebooks and pages carry every one."""

import io

from PIL import Image


def with_palette(picture: Image.Image, colours: int) -> bytes:
    """Return a picture as PNG in this many colours, with nothing else in the file."""
    file = io.BytesIO()
    picture.convert("RGB").quantize(
        colours, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
    ).save(file, format="png", optimize=True)
    return file.getvalue()
