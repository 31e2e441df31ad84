"""The report as one page of HTML, which needs no script, no other file and no network."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from attnlib import words
from attnlib.checks.engine import registry, texts
from attnlib.checks.engine.result import Place, marked_up
from attnlib.checks.report.running import Limits, Run
from attnlib.checks.report.summary import NEVER_RAN, STANDINGS, Class, Misconception
from attnlib.checks.report.texts import say

TEMPLATE = Path(__file__).with_name("page.html.jinja")
SIGNS = dict(zip(STANDINGS, "✓✗○!–", strict=True))
_ERRORS = 3  # of a sheet that are named; the others are counted
_FACT = re.compile(r"\{\w+\}")


@dataclass(frozen=True)
class Circumstances:
    """How the sheets were run: within which limits, and whether the system kept to them."""

    limits: Limits
    network_cut: bool
    memory_limited: bool


@dataclass(frozen=True)
class Bar:
    """A misconception as the page shows it."""

    text: Markup
    count: str
    share: float
    students: str
    exercises: str
    place: str
    link: str


@dataclass(frozen=True)
class Trouble:
    """What did not run of a student's sheet."""

    student: str
    sheet: str
    notes: list[str]


def write(report: Class, circumstances: Circumstances, book: str = "") -> str:
    """Write the page.

    Args:
        report: What became of the class.
        circumstances: How its sheets were run.
        book: Address of the book's pages, to which misconceptions lead; empty: to none.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    chapters = report.chapters()
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        say=say,
        language=words.language(),
        report=report,
        counts=say(
            "counts",
            students=len(report.students),
            sheets=len(report.runs),
            exercises=sum(len(exercises) for _, exercises in chapters),
        ),
        chapters=[(int(notebook.split("_")[0]), notebook, each) for notebook, each in chapters],
        signs=SIGNS,
        bars=[_bar(each, len(report.students), book) for each in report.misconceptions()],
        troubles=list(_troubles(report, circumstances.limits)),
        how=list(_how(circumstances)),
    )


def _bar(found: Misconception, students: int, book: str) -> Bar:
    there = texts.section(found.id) if found.id else None
    place = Place(there[0], registry.notebook(there[0]), there[1]) if there else None
    text = texts.say(f"misconception.{found.id}.text") if found.id else say("unnamed")
    count = len(found.students)
    return Bar(
        # What was wrong with one answer alone is left out of what is said to a class.
        Markup(marked_up(_FACT.sub(say("unknown"), text))),
        say("of", count=count, all=students),
        round(100 * count / students, 1),
        ", ".join(found.students),
        say("exercises", exercises=", ".join(found.exercises)),
        str(place) if place else "",
        f"{book.rstrip('/')}/{place.notebook}.html#{anchor(place.section)}"
        if place and book
        else "",
    )


def anchor(heading: str) -> str:
    """Return the anchor of a heading on a page of the book.

    It is what docutils makes of its text. That knows Latin letters alone, so where there are others
    the book has an anchor with all of them as well (`book/_ext/shared_anchors.py`).
    """
    text = unicodedata.normalize("NFKC", heading.lower())
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    if any(each.isalpha() and not unicodedata.name(each).startswith("LATIN") for each in text):
        return re.sub(r"[\W_]+", "-", text).strip("-")
    return re.sub(r"^[-0-9]+|-+$", "", re.sub(r"[^a-z0-9]+", "-", plain))


def _troubles(report: Class, limits: Limits) -> Iterator[Trouble]:
    for student in report.students:
        if student in report.without:
            yield Trouble(student, "", [say("note.no_notebook")])
        for run in (each for each in report.runs if each.sheet.student == student):
            if notes := list(_notes(report, run, limits)):
                yield Trouble(student, run.sheet.name, notes)


def _notes(report: Class, run: Run, limits: Limits) -> Iterator[str]:
    """Say what is to be said of a sheet that did not run as it should."""
    facts = {**asdict(limits), "seconds": f"{limits.seconds:g}"}
    facts["cell_seconds"] = f"{limits.cell_seconds:g}"
    if run.ending != "finished":
        yield ending(run, limits)
    if run.changed is not None:
        yield say("note.changed", name=run.changed)
    for cell, error in run.errors[:_ERRORS]:
        interrupted = {"TooMuchOutput": "note.too_much", "OutOfTime": "note.too_long"}
        yield say(interrupted.get(error, "note.error"), cell=cell, error=error, **facts)
    if len(run.errors) > _ERRORS:
        yield say("note.more", count=len(run.errors) - _ERRORS)
    if run.ending == "finished" and not run.calls:
        yield say("note.no_checks")
    never = [
        line.check.exercise
        for line in report.lines
        if line.standing == NEVER_RAN and line.sheet == run.sheet.name
    ]
    if never and run.calls:
        yield say("note.unchecked", exercises=", ".join(dict.fromkeys(never)))


def ending(run: Run, limits: Limits) -> str:
    """Say how a sheet ended."""
    return say(
        f"ending.{run.ending}",
        detail=run.detail,
        cell=run.cell,
        cells=run.cells,
        seconds=f"{limits.seconds:g}",
        sheet=limits.sheet,
    )


def _how(circumstances: Circumstances) -> Iterator[str]:
    limits = circumstances.limits
    yield say(
        "how_limits",
        seconds=f"{limits.seconds:g}",
        cell_seconds=f"{limits.cell_seconds:g}",
        output=limits.output,
    )
    yield say("best")
    yield say("with_network" if circumstances.network_cut else "without_network")
    yield say(
        "with_memory" if circumstances.memory_limited else "without_memory", memory=limits.memory
    )
    yield say("no_sandbox")
