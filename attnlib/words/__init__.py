"""What checks, figures and errors say to readers: one catalogue a language, `<language>.toml`.

A notebook chooses its language once, in its first cell; whoever chooses none gets English. A
language that has no catalogue falls back to English as a whole, never half. (A notebook that
carries the library brings one catalogue along, and gets that one.)

    from attnlib import words
    words.use("zh")
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
FALLBACK = "en"

_chosen = FALLBACK


def use(language: str) -> None:
    """Choose the language of all that is said from now on.

    Args:
        language: Name of a catalogue, "en"; English is used where there is none of that name.
    """
    global _chosen
    _chosen = language


def language() -> str:
    """Return the language in use, by the name of its catalogue."""
    there = languages()
    return next(each for each in (_chosen, FALLBACK, *there) if each in there)


def languages() -> list[str]:
    """List the languages that have a catalogue."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


@cache
def catalogue(language: str) -> dict[str, Any]:
    """Read all words of a language."""
    return tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


def entry(key: str) -> Any:
    """Return what stands under a dotted key, in the language in use: a text or a table.

    Raises:
        KeyError: If there is nothing.
    """
    found: Any = catalogue(language())
    for part in key.split("."):
        found = found[part]
    return found


def say(key: str, **facts: object) -> str:
    """Return the text with this dotted key, with the facts put in.

    Args:
        key: Its place in the catalogue, "checks.headline.passed".
        **facts: What stands for each `{name}`.

    Returns:
        The text, in one line.
    """
    text: str = entry(key)
    # Not str.format: texts may hold braces, and facts come from readers' programs.
    for name, fact in facts.items():
        text = text.replace("{" + name + "}", str(fact))
    return " ".join(text.split())
