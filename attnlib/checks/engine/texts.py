"""What checks say: the part `checks` of the catalogue in `attnlib.words`."""

from attnlib import words


def say(key: str, **facts: object) -> str:
    """Return the text with this dotted key, with the facts put in."""
    return words.say(f"checks.{key}", **facts)


def section(misconception: str) -> tuple[int, str] | None:
    """Return chapter and heading of the section to which a misconception leads, if any."""
    see = words.entry(f"checks.misconception.{misconception}").get("see")
    if see is None:
        return None
    chapter, _, heading = see.partition(": ")
    return int(chapter), heading
