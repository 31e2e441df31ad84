"""The exercises of all chapters: stubs that were not attempted, each check in its place.

That solutions pass their checks, the records of the notebooks say (tests/notebooks).
"""

import re

import nbformat
import pytest

from attnlib import checks, words
from attnlib.checks.engine.registry import all_checks
from tools.editions import editions
from tools.proof.solutions import CALL

# Chapters without an exercise section would be found by nobody: `test_every_check_is_used_once`.
CHAPTERS = [(edition, path) for edition in editions() for path in edition.chapters]


class Chapter:
    """A notebook, its edition, and the cells of its exercises."""

    def __init__(self, edition, path):
        self.edition, self.path = edition, path
        self.notebook = nbformat.read(path, as_version=4)
        ids = [cell.id for cell in self.notebook.cells]
        self.exercises = self.notebook.cells[ids.index("exercises") : ids.index("recap")]
        self.text = "\n".join(cell.source for cell in self.exercises)


@pytest.fixture(params=CHAPTERS, ids=lambda each: f"{each[0].language}-{each[1].stem}")
def chapter(request):
    words.use(request.param[0].language)
    return Chapter(*request.param)


def test_chapters_are_found():
    assert {edition.language for edition, _ in CHAPTERS} == {each.language for each in editions()}
    for edition in editions():
        assert [path for each, path in CHAPTERS if each == edition] == edition.chapters
        assert edition.chapters


def test_each_exercise_is_followed_by_a_hint_and_then_its_solution(chapter):
    phrases = chapter.edition.phrases
    exercises = re.split(rf"\n### {chapter.edition.naming('exercise')}", chapter.text)[1:]
    assert len(exercises) >= 5
    for exercise in exercises:
        folded = re.findall(
            r"<details><summary [^>]+>(.+?)</summary>\n\n.*?\n\n</details>", exercise, re.DOTALL
        )
        assert folded == [phrases["hint"], phrases["solution"]], exercise[:200]
        assert exercise.count("<details") == 2, "none of them is open"
        after = exercise.split("</details>")[2]
        assert "```" not in after, "a solution stands outside its fold"


def test_stubs_were_not_attempted(chapter):
    shown = 0
    for cell in chapter.exercises:
        if cell.cell_type == "code" and "checks.check_" in cell.source:
            (output,) = cell.outputs
            ((name, _),) = CALL.findall(cell.source)
            expected = repr(getattr(checks, f"check_{name}")(None))
            assert output.data["text/plain"] == expected, cell.id
            assert expected in re.sub(r"<[^>]+>", "", output.data["text/html"])
            shown += 1
    assert shown >= 3


def test_the_section_ends_with_progress(chapter):
    last = chapter.exercises[-1]
    assert last.source == "checks.progress()"
    (output,) = last.outputs
    for cell in chapter.exercises:
        for name, _ in CALL.findall(cell.source):
            getattr(checks, f"check_{name}")(None)
    assert output.data["text/plain"] == repr(checks.progress())
    assert set(checks.progress().done.values()) == {None}


def test_each_check_belongs_to_its_exercise(chapter):
    exercises = {check.name: check for check in all_checks()}
    used = 0
    for cell in chapter.exercises:
        for name, _ in CALL.findall(cell.source):
            check = exercises[name]
            assert cell.id.startswith("exercise-" + check.exercise.replace(".", "-")), cell.id
            assert check.notebook == chapter.path.stem
            used += 1
    assert used >= 3


@pytest.mark.parametrize("edition", editions(), ids=lambda each: each.language)
def test_every_check_is_used_once(edition):
    used = []
    for path in edition.chapters:
        for cell in nbformat.read(path, as_version=4).cells:
            used += [name for name, _ in CALL.findall(cell.source)]
    names = {path.stem for path in edition.chapters}
    follow = {path.stem for path in editions()[0].chapters} - names  # not translated yet
    assert sorted(used) == sorted(c.name for c in all_checks() if c.notebook not in follow)
