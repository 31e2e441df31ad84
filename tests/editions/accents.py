"""Write prose with accented twins of all letters, and leave alone what is no prose.

"Hello `mask`" becomes "Ĥēļļō `mask`": who can read the one can read the other, and a word that was
not replaced, because it comes from somewhere else, stands out.
"""

import re
from collections.abc import Callable

LANGUAGE = "xx"
PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
TWINS = "āƀçđēḟğĥīĵķļṁñōṗǫŕšŧūṿŵẏŷžĀƁÇĐĒḞĞĤĪĴĶĻṀÑŌṖǪŔŠŦŪṾŴẎŶŽ"
TABLE = str.maketrans(PLAIN, TWINS)

# What is no prose inside a text: code, formulas, addresses, tags, entities, places for facts.
CODE = r"(?P<ticks>`+)(?:(?!`).|(?<!`)`(?!`))*?(?P=ticks)(?!`)"
MARKUP = re.compile(
    rf"{CODE}|\{{[\w:+-]+\}}(?=`)|\$\$.*?\$\$|\$[^$]+\$|\]\([^)\s]*\)|<!--.*?-->"
    r"|</?[a-zA-Z][^>]*>|https?://[^\s)>]+|&[a-zA-Z]+;|^\([\w-]+\)=$|%\(\w+\)s|%[a-z]\b|\$?\{[^}]*\}",
    re.DOTALL | re.MULTILINE,
)
FENCE = re.compile(r"(?P<fence>`{3,}|:{3,})(?:\{(?P<directive>[\w-]+)\})?(?P<argument>.*)")
PROSE_INSIDE = {"admonition", "container", "glossary"}  # directives that hold paragraphs
PROSE_ARGUMENT = {"admonition"}
OPTION = re.compile(r"(:(?P<name>[\w-]+):)(?P<value>.*)")


def accented(text: str, kept: re.Pattern[str] = MARKUP) -> str:
    """Return a text with accents, except what `kept` finds."""
    done, start = "", 0
    for match in kept.finditer(text):
        done += text[start : match.start()].translate(TABLE) + match[0]
        start = match.end()
    return done + text[start:].translate(TABLE)


def accented_markdown(text: str) -> str:
    """Return a page or a cell of MyST Markdown with accents."""
    done: list[str] = []
    paragraph: list[str] = []
    open_fences: list[tuple[str, bool]] = []

    def end_paragraph() -> None:
        if paragraph:
            done.append(accented("\n".join(paragraph)))
            paragraph.clear()

    for line in text.split("\n"):
        fence = FENCE.fullmatch(line)
        prose = all(inside for _, inside in open_fences)
        if fence and open_fences and line.strip() == open_fences[-1][0]:
            end_paragraph()
            open_fences.pop()
            done.append(line)
        elif fence and prose:
            end_paragraph()
            name, argument = fence["directive"], fence["argument"]
            open_fences.append((fence["fence"], name in PROSE_INSIDE))
            said = accented(argument) if name in PROSE_ARGUMENT else argument
            done.append(line[: len(line) - len(argument)] + said)
        elif option := open_fences and OPTION.fullmatch(line):
            end_paragraph()
            said = option["value"]
            done.append(option[1] + (accented(said) if option["name"] == "alt" else said))
        elif prose:
            paragraph.append(line)
        else:
            done.append(line)
    end_paragraph()
    return "\n".join(done)


def every_text(thing: object, change: Callable[[str], str]) -> object:
    """Return lists and tables with each text in them changed, not their keys."""
    if isinstance(thing, str):
        return change(thing)
    if isinstance(thing, list):
        return [every_text(each, change) for each in thing]
    if isinstance(thing, dict):
        return {key: every_text(each, change) for key, each in thing.items()}
    return thing
