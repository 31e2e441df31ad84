"""Characters that the book's fonts lack: taken from a font of the system, or named once.

The fonts of `look` have the characters of the book. A reader's own tokens may hold others, rarer
ones or kana, which would be drawn as empty boxes.
"""

from __future__ import annotations

import warnings
from functools import cache

from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text


@cache
def characters(path: str) -> frozenset[int]:
    """Return the characters that a font file can draw; none if it cannot be read."""
    try:
        font = FT2Font(path)
    except (OSError, RuntimeError):
        return frozenset()
    # Fonts of coloured pictures (emoji) come in one size, which matplotlib cannot draw.
    return frozenset(font.get_charmap()) if font.scalable else frozenset()


@cache
def family_with(character: str) -> str | None:
    """Return a font family of this machine that can draw the character, or None."""
    for entry in font_manager.fontManager.ttflist:
        # "Last Resort" draws for each character the name of its block.
        if not entry.name.startswith(("Last Resort", ".")) and ord(character) in characters(
            entry.fname
        ):
            return entry.name
    return None


def lacking(text: Text) -> list[str]:
    """Return the characters of a text that none of its fonts has."""
    written = text.get_text()
    if written.isascii() or (text.get_parse_math() and "$" in written):  # a formula has its own
        return []
    had: set[int] = set()
    for family in text.get_fontfamily():
        like = text.get_fontproperties().copy()
        like.set_family(family)
        had |= characters(font_manager.findfont(like))
    return [c for c in dict.fromkeys(written) if c.isprintable() and ord(c) not in had]


_named: set[str] = set()  # characters that a warning was given about


def complete(artist: Artist) -> None:
    """Let every text in `artist` be drawn: with one more font where its own lack characters.

    What no font of this machine has is named in a warning, once.
    """
    missing: dict[str, None] = {}
    for text in artist.findobj(Text):
        assert isinstance(text, Text)
        found = {character: family_with(character) for character in lacking(text)}
        more = dict.fromkeys(family for family in found.values() if family)
        if more:
            text.set_fontfamily([*text.get_fontfamily(), *more])
        missing |= dict.fromkeys(c for c, family in found.items() if not family)
    new = [character for character in missing if character not in _named]
    if new:
        _named.update(new)
        warnings.warn(
            f"no font here has {' '.join(new)}: drawn as empty boxes. Install a font that has "
            "these characters (for Chinese, Japanese and Korean: Noto Sans CJK), and restart",
            stacklevel=2,
        )
