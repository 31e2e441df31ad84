"""What a text in Markdown is made of, and what is prose in it."""

import re
from calendar import month_name
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path, PurePosixPath
from posixpath import normpath

from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.attrs import attrs_plugin
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from mdit_py_plugins.myst_role import myst_role_plugin

from tools.editions import editions

PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")
for plugin in (
    *(myst_block_plugin, myst_role_plugin, dollarmath_plugin, colon_fence_plugin),
    attrs_plugin,
):
    PARSER.use(plugin)

LANGUAGES = "|".join(each.language for each in editions())
OF_AN_EDITION = re.compile(rf"(?<=[/.=])(?:{LANGUAGES})(?=/|\.\w+$|$)")
COMMENT = re.compile(r"(?m) *# .*$")  # of a shell
DIRECTIVE = re.compile(r"\{([\w-]+)\}\s*(.*)")
HOLDS_PROSE = {"admonition", "container"}  # directives; `glossary` is a list of its own
SAID_IN_ARGUMENT = {"admonition"}
OPTION = re.compile(r"^:([\w-]+):(.*)\n?", re.MULTILINE)
MARK = re.compile(r"(?:strong|em|link)_")  # bold, italics, links: what they hold is said
HIDDEN = "\ufffc"  # stands for code or a formula
NUMBER = re.compile(r"(?<![A-Za-z\d.])\d[\d,]*(?:\.\d+)*(?![\d])")
MONTH = re.compile(rf"\b({'|'.join(month_name[1:])})\b(?:(?<!May)|(?= \d))")


@dataclass
class Text:
    """A text, taken apart.

    Attributes:
        structure: Kind of thing -> those that there are, in the order of the text. They are the
            same in each language.
        loose: The same, in any order.
        prose: What is said, paragraph by paragraph.
        unquoted: The same without the words of links that lead out of the book, which are titles.
    """

    structure: dict[str, list[str]] = field(default_factory=dict)
    loose: dict[str, Counter[str]] = field(default_factory=dict)
    prose: list[str] = field(default_factory=list)
    unquoted: list[str] = field(default_factory=list)

    def say(self, said: str, unquoted: str | None = None) -> None:
        self.prose.append(said)
        self.unquoted.append(said if unquoted is None else unquoted)

    def add(self, kind: str, thing: str) -> None:
        self.structure.setdefault(kind, []).append(thing)

    def count(self, kind: str, thing: str) -> None:
        self.loose.setdefault(kind, Counter())[thing] += 1


def seen_from_root(address: str, folder: PurePosixPath) -> str:
    """Return where a link leads, as the root of the book sees it."""
    return address if re.match(r"[a-z]+:|#", address) else normpath(folder / address)


def shared(text: str) -> str:
    """Return code or an address with "*" for the language of an edition."""
    return re.sub(r"(?<=README)\.\*(?=\.md)| LANGUAGE=\*", "", OF_AN_EDITION.sub("*", text))


def take(text: Text, source: str, folder: PurePosixPath) -> Text:
    """Take a source apart."""
    for token in PARSER.parse(source):
        if token.type == "heading_open":
            text.add("headings", token.tag)
        elif token.type == "myst_target":
            text.add("targets", token.content)
        elif token.type in ("tr_open", "th_open", "td_open", "bullet_list_open", "dt_open"):
            text.add("rows and lists", token.tag)
        elif token.type in ("fence", "colon_fence"):
            fence(text, token.info.strip(), token.content, folder)
        elif token.type in ("math_block", "amsmath"):
            text.count("formulas", " ".join(token.content.split()))
        elif token.type == "html_block":
            html(text, token.content)
        elif token.type == "inline":
            inline(text, token.children or [], folder)
    return text


def fence(text: Text, info: str, body: str, folder: PurePosixPath) -> None:
    """Take a block between fences: code, or a directive."""
    directive = DIRECTIVE.fullmatch(info)
    if directive is None:
        code = COMMENT.sub("", body) if info == "sh" else body
        text.add("code", f"{info}\n" + "\n".join(shared(line) for line in code.splitlines()))
        return
    name, argument = directive.groups()
    said = name in SAID_IN_ARGUMENT
    address = shared(seen_from_root(argument, folder)) if "/" in argument else argument
    text.add("directives", f"{name} {'' if said else address}".strip())
    if said:
        text.say(argument)
    while option := OPTION.match(body):
        text.add("options", option[1] if option[1] == "alt" else option[0].strip())
        if option[1] == "alt":
            text.say(option[2].strip().strip('"'))
        body = body[option.end() :]
    if name in HOLDS_PROSE:
        take(text, body, folder)
    elif name == "glossary":
        listed = in_glossary(body)
        text.add("entries", str(len(listed)))
        for *terms, explained in listed:
            text.count("terms", str(len(terms)))
            take(text, explained.strip(), folder)
    else:
        text.add("code", body)


def in_glossary(body: str) -> list[list[str]]:
    """Return the entries in the body of a glossary: terms, then what explains them."""
    return [each.split("\n") for each in body.strip().split("\n\n")]


def entries(path: Path) -> list[list[str]]:
    """Return the entries of the page that is a glossary."""
    (body,) = (
        token.content
        for token in PARSER.parse(path.read_text(encoding="utf-8"))
        if token.info.strip() == "{glossary}"
    )
    return in_glossary(body)


def paragraphs(source: str) -> Iterator[str]:
    """Yield the paragraphs of a text, without headings, tables and marks."""
    tokens = PARSER.parse(source)
    for before, token in pairwise(tokens):
        if token.type == "inline" and before.type == "paragraph_open":
            parts = [each for each in token.children or [] if not MARK.match(each.type)]
            yield "".join(each.content if each.type == "text" else HIDDEN for each in parts)


def html(text: Text, source: str) -> None:
    """Take HTML: its elements, and what they say."""
    page = BeautifulSoup(source, "html.parser")
    for element in page.find_all(True):
        text.count("elements", element.name)
    if said := page.get_text(" ", strip=True):
        text.say(said)


def inline(text: Text, tokens: list[Token], folder: PurePosixPath) -> None:
    """Take a paragraph, a heading or a cell of a table."""
    said, unquoted, leads_out = "", "", False
    for token in tokens:
        here = ""
        if token.type == "text":
            here = token.content
        elif token.type in ("softbreak", "hardbreak"):
            here = "\n"
        elif token.type in ("code_inline", "math_inline", "math_inline_double", "myst_role"):
            here = HIDDEN
            kind = "formulas" if token.type.startswith("math") else "code in prose"
            text.count(kind, shared(" ".join(token.content.split())))
        elif token.type in ("em_open", "em_close"):
            here = "*"  # as it was written
        elif token.type == "link_open":
            address = str(token.attrs["href"])
            leads_out = ":" in address
            text.count("links", shared(seen_from_root(address, folder)))
        elif token.type == "link_close":
            leads_out = False
        elif token.type == "image":
            text.count("pictures", shared(seen_from_root(str(token.attrs["src"]), folder)))
            text.say(token.content)
        elif token.type == "html_inline":
            html(text, token.content)
        said += here
        unquoted += HIDDEN if leads_out else here
    text.say(said, unquoted)


def numbers(prose: list[str], units: dict[str, int]) -> Counter[str]:
    """Return the numbers in prose, as digits: with units such as a dozen, and names of months."""
    found: Counter[str] = Counter()
    unit = re.compile(rf"({NUMBER.pattern})\s*({'|'.join(map(re.escape, units)) or '(?!)'})")

    def whole(match: re.Match[str]) -> str:
        return f"{float(match[1].replace(',', '')) * units[match[2]]:.0f}"

    for text in prose:
        text = unit.sub(whole, MONTH.sub(lambda m: str([*month_name].index(m[1])), text))
        found.update(each.replace(",", "").rstrip(".") for each in NUMBER.findall(text))
    return found


def taken(source: str, path: Path) -> Text:
    """Take the text of a file apart, or a part of it.

    Args:
        source: The text.
        path: Its file, from the root of the book.
    """
    return take(Text(), source, PurePosixPath(path.parent.as_posix()))
