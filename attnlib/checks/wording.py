"""What checks say, in the reader's language: all texts are in `messages/<language>.toml`.

The language is that of the environment variable ATTNLIB_LANGUAGE, English unless it is set to one
that is there.
"""

import os
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "messages"


def language() -> str:
    """Return the language in use, by the name of its file."""
    wanted = os.environ.get("ATTNLIB_LANGUAGE", "en")
    return wanted if wanted in languages() else "en"


def languages() -> list[str]:
    """List the languages that are there."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


@cache
def messages(language: str) -> dict[str, Any]:
    """Read all texts of a language."""
    return tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


def say(key: str, **facts: object) -> str:
    """Return the text with this dotted key, with the facts put in."""
    entry: Any = messages(language())
    for part in key.split("."):
        entry = entry[part]
    text: str = entry
    # Not str.format: texts may hold braces, and facts come from readers' programs.
    for name, fact in facts.items():
        text = text.replace("{" + name + "}", str(fact))
    return " ".join(text.split())


def section(key: str) -> tuple[int, str] | None:
    """Return chapter and heading of the section to which a misconception leads, if any."""
    see = messages(language())["misconception"][key].get("see")
    if see is None:
        return None
    chapter, _, heading = see.partition(": ")
    return int(chapter), heading


def notebook(chapter: int) -> str:
    """Return the name of a chapter's notebook, without folder and ending."""
    name: str = messages(language())["chapters"][str(chapter)]
    return name
