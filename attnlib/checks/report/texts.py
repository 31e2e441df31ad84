"""What the report says, from the catalogue of words."""

from attnlib.checks.engine import texts


def say(key: str, **facts: object) -> str:
    """Return the words of the report with this key, with facts."""
    return texts.say(f"report.{key}", **facts)
