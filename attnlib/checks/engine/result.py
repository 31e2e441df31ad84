"""What a check says, as a notebook and a terminal show it."""

import re
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from torch import Tensor

from attnlib.checks.engine.texts import say

SIGNS = {True: "✓", False: "✗", None: "○"}


@dataclass(frozen=True)
class Example:
    """One call of an answer: what went in, what came out, what was expected; as text."""

    called: str
    came_out: str
    expected: str


@dataclass(frozen=True)
class Place:
    """A section of the book."""

    chapter: int
    notebook: str | None
    section: str

    def __str__(self) -> str:
        return say("place", chapter=self.chapter, section=self.section)

    @property
    def link(self) -> str:
        """Its address, as JupyterLab names headings: relative to the other chapters."""
        return f"{self.notebook}.ipynb#{self.section.replace(' ', '-')}"


@dataclass(frozen=True)
class Result:
    """The verdict on one answer; the last line of a cell shows it.

    Attributes:
        check: Name of the check, `check_<name>`.
        exercise: Number of the exercise, "3.2".
        passed: True, False, or None if the answer was not attempted.
        misconception: A short id that stays the same in all languages and versions; None if the
            answer is right, not attempted, or wrong in a way that has no name.
        message: What there is to say about it, as text.
        example: The smallest call found on which the answer fails, if it was called at all.
        place: Where in the book to look.
        printed: What the answer printed while it was checked.
    """

    check: str
    exercise: str
    passed: bool | None
    misconception: str | None
    message: str
    example: Example | None = None
    place: Place | None = None
    printed: str = ""

    @property
    def headline(self) -> str:
        """The exercise and the verdict, in one line."""
        verdict = {True: "passed", False: "failed", None: "not_attempted"}[self.passed]
        return f"{SIGNS[self.passed]} {say('headline.' + verdict, exercise=self.exercise)}"

    def _rows(self) -> list[tuple[str, str]]:
        rows = []
        if self.example is not None:
            rows = [
                (say("label.called"), self.example.called),
                (say("label.came_out"), self.example.came_out),
                (say("label.expected"), self.example.expected),
            ]
        if self.printed.strip() and self.passed is False:
            rows.append((say("label.printed"), self.printed.strip()))
        return rows

    def __repr__(self) -> str:
        rows = self._rows() + ([(say("label.place"), str(self.place))] if self.place else [])
        width = max((len(label) for label, _ in rows), default=0)
        lines = [self.headline, *([self.message] if self.passed is not None else [])]
        for label, text in rows:
            first, *more = text.split("\n")
            lines.append(f"  {label:<{width}}  {first}")
            lines += [(" " * (width + 4) + line).rstrip() for line in more]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        # No styles: a published page may forbid them, and plain elements stand on light and dark.
        parts = [f"<strong>{escape(self.headline)}</strong>"]
        if self.passed is not None:
            parts.append(f"<p>{marked_up(self.message)}</p>")
        cells = "".join(
            f'<tr><th scope="row">{escape(label)}</th><td><pre>{escape(text)}</pre></td></tr>'
            for label, text in self._rows()
        )
        if cells:
            parts.append(f"<table>{cells}</table>")
        if self.place is not None:
            there = escape(str(self.place))
            if (
                self.place.notebook and Path(f"{self.place.notebook}.ipynb").exists()
            ):  # on Colab it does not
                there = f'<a href="{escape(self.place.link)}">{there}</a>'
            parts.append(f"<p>{say('label.see', place=there)}</p>")
        return f'<div class="attnlib-check">{"".join(parts)}</div>'


def show(value: Any) -> str:
    """Write a value briefly, a matrix row by row, the same on every machine."""
    try:
        return _show(value)
    except Exception:  # what an answer returns may not even have a repr
        return type(value).__name__


def _show(value: Any) -> str:
    if isinstance(value, Tensor):
        value = value.detach().to("cpu")
        if value.numel() > 24:
            return f"tensor {tuple(value.shape)}, {str(value.dtype).removeprefix('torch.')}"
        return _nested(value.tolist(), value.ndim)
    if isinstance(value, list | tuple) and _count(value) <= 64:
        depth = 2 if any(isinstance(item, list | tuple) for item in value) else 1
        return _nested(list(value), depth)
    if isinstance(value, str | bytes | list | tuple | dict | set) and _count(value) > 200:
        return type(value).__name__  # writing it down would take longer than checking it
    text = _number(value) if isinstance(value, float) else repr(value)
    # An address differs from run to run and says nothing.
    return text if len(text) <= 200 and " at 0x" not in text else type(value).__name__


def show_call(names: tuple[str, ...], arguments: tuple[Any, ...]) -> str:
    """Write the arguments of a call, one to a line."""
    lines = []
    for name, value in zip(names, arguments, strict=True):
        text = getattr(value, "label", None) or show(value)
        lines.append(f"{name} = " + text.replace("\n", "\n" + " " * (len(name) + 3)))
    return "\n".join(lines)


def _count(value: Any, most: int = 1000) -> int:
    """Count the entries of lists within lists; no further than a little beyond `most`."""
    if isinstance(value, str | bytes) or not isinstance(value, list | tuple | dict | set):
        return len(value) if isinstance(value, str | bytes) else 1
    total = len(value)
    for item in value:
        if total > most:
            break
        total += _count(item, most) - 1
    return total


def _nested(values: Any, depth: int, indent: int = 1) -> str:
    if depth <= 1 or not isinstance(values, list | tuple):
        if isinstance(values, list | tuple):
            return "[" + ", ".join(_number(value) for value in values) + "]"
        return _number(values)
    between = "," + "\n" * (depth - 1) + " " * indent
    return "[" + between.join(_nested(v, depth - 1, indent + 1) for v in values) + "]"


def _number(value: Any) -> str:
    if isinstance(value, float):
        # Three decimals, or three digits where those would say little; + 0.0 makes 0 of -0.
        small_or_large = not 0.1 <= abs(value) < 1e4
        return f"{value + 0.0:.3g}" if small_or_large else f"{round(value, 3):g}"
    return show(value) if isinstance(value, Tensor) else str(value)


def marked_up(text: str) -> str:
    """Set what stands between backticks as code, between asterisks as emphasis."""
    parts = escape(text).split("`")
    return "".join(
        f"<code>{part}</code>" if order % 2 else re.sub(r"\*(.+?)\*", r"<em>\1</em>", part)
        for order, part in enumerate(parts)
    )
