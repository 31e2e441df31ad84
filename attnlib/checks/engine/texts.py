"""What checks say: the part `checks` of the catalogue in `attnlib.words`."""

from attnlib import words


def say(key: str, **facts: object) -> str:
    """Return the text with this dotted key, with the facts put in."""
    return words.say(f"checks.{key}", **facts)


def section(key: str) -> tuple[int, str] | None:
    """Return chapter and heading of the section to which a misconception leads, if any."""
    see = words.entry(f"checks.misconception.{key}").get("see")
    if see is None:
        return None
    chapter, _, heading = see.partition(": ")
    return int(chapter), heading


def notebook(chapter: int) -> str:
    """Return the name of a chapter's notebook, without folder and ending."""
    return words.say(f"checks.chapters.{chapter}")
