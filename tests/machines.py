"""Machines with a Chinese font, and without: what Chromium finds installed on one, under Linux."""

import os
from pathlib import Path

from fontTools.ttLib import TTFont

from tools.build_fonts import BOOK_FONTS, ROOT

FAMILY, NAME = "Noto Sans CJK SC", "NotoSansCJKsc"  # as many such machines have it
LATIN = ("truetype/dejavu", "dejavu", "TTF")  # where distributions keep DejaVu
FOLDERS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include ignore_missing="yes">/etc/fonts/conf.d</include>{}<cachedir>{}</cachedir></fontconfig>"""


def environment(folder: Path, *, chinese: bool) -> dict[str, str]:
    """Return the environment of a browser that finds Latin fonts, and one for Chinese or none.

    Args:
        folder: An empty one, for what is installed.
        chinese: Whether the book's font is among that, regular and bold, under another's name.
    """
    for style, path in BOOK_FONTS.items() if chinese else ():
        font = TTFont(ROOT / path)
        said = {1: FAMILY, 2: style, 4: f"{FAMILY} {style}", 6: f"{NAME}-{style}"}
        for record in font["name"].names:
            record.string = said.get(record.nameID, str(record))
        font.flavor = None
        font.save(folder / f"{NAME}-{style}.ttf")
    places = [*(f"/usr/share/fonts/{each}" for each in LATIN), str(folder)]
    rules = "".join(f"<dir>{place}</dir>" for place in places)
    settings = folder / "fonts.conf"
    settings.write_text(FOLDERS.format(rules, folder / "cache"), encoding="utf-8")
    return {**os.environ, "FONTCONFIG_FILE": str(settings)}
