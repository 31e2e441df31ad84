"""The exercises of all chapters: stubs that were not attempted, solutions that pass their check."""

import ast
import builtins
import contextlib
import io
import linecache
import re

import nbformat
import pytest

from attnlib import checks, words
from attnlib.checks.engine.registry import all_checks
from tools.editions import editions
from tools.exercises import CALL, KINDS, heading, parts, solutions

# Chapters without an exercise section would be found by nobody: `test_every_check_is_used_once`.
CHAPTERS = [(edition, path) for edition in editions() for path in edition.chapters]


class Chapter:
    """A notebook, its edition, and its cells: those before the exercises, and the exercises."""

    def __init__(self, edition, path):
        self.edition, self.path = edition, path
        self.notebook = nbformat.read(path, as_version=4)
        self.before, self.exercises = parts(self.notebook)
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


def test_every_chapter_has_five_exercises_of_all_kinds(chapter):
    found = heading(chapter.edition).findall(chapter.text)
    assert len(found) >= 5
    assert {kind for _, _, kind in found} == {
        chapter.edition.phrases[f"kind_{kind}"] for kind in KINDS
    }
    numbers = [number for number, _, _ in found]
    own = int(chapter.path.name[:2])
    assert numbers == [f"{own}.{count}" for count in range(1, len(found) + 1)]
    assert chapter.text.count("### ") == len(found)


def test_each_exercise_is_followed_by_a_hint_and_then_its_solution(chapter):
    phrases = chapter.edition.phrases
    exercises = heading(chapter.edition).split(chapter.text)[1:][3::4]
    assert exercises
    for exercise in exercises:
        folded = re.findall(
            r"<details><summary>(.+?)</summary>\n\n.*?\n\n</details>", exercise, re.DOTALL
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
    assert sorted(used) == sorted(check.name for check in all_checks())


def stored(node):
    """Return the names to which something inside a node is assigned, loops included."""
    names = (each for each in ast.walk(node) if isinstance(each, ast.Name))
    return {each.id for each in names if isinstance(each.ctx, ast.Store)}


def bound_by(node):
    """Return the names that a statement binds at the top level of its cell."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.split(".")[0] for alias in node.names}
    return stored(node)


def bound(source):
    """Return the names that a cell binds at its top level."""
    return set().union(*map(bound_by, ast.parse(source).body))


def read(source):
    """Return the names that a cell takes from outside; what it binds before is its own."""
    names, known = set(), set(dir(builtins))
    for node in ast.parse(source).body:
        used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        own = {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)}
        if isinstance(node, ast.Assign):
            used = {each.id for each in ast.walk(node.value) if isinstance(each, ast.Name)}
            own |= stored(node.value)
        elif not isinstance(node, ast.AugAssign):
            own |= stored(node)
        names |= used - own - known
        known |= bound_by(node)
    return names


def needed(source, before):
    """List the cells before that a source relies on, directly or through others, in order."""
    chosen = set()
    wanted = [(name, len(before)) for name in read(source)]
    while wanted:
        name, end = wanted.pop()
        for order in reversed(range(end)):
            if name in bound(before[order]):
                if order not in chosen:
                    chosen.add(order)
                    wanted += [(each, order) for each in read(before[order])]
                break
    return [before[order] for order in sorted(chosen)]


def run(source, names, place):
    """Run code as a cell does: its text stays to be read, for checks that look at it."""
    linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(source, place, "exec"), names)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # matplotlib given tensors
def test_solutions_pass_their_checks(chapter, as_users_call):
    """Each solution is taken out of the page and run after the cells that it relies on."""
    before = [
        cell.source
        for cell in chapter.before
        if cell.cell_type == "code" and cell.id != "bootstrap"
    ]
    names, passed = {"__name__": "chapter"}, []
    for solution in solutions(chapter.notebook, chapter.edition):
        for source in [*needed("\n".join(solution.blocks), before), *solution.blocks]:
            run(source, names, f"<{chapter.path.stem} {len(linecache.cache)}>")
        result = getattr(checks, f"check_{solution.check}")(names[solution.argument])
        assert result.passed is True, (solution.cell, result)
        passed.append(solution.check)
    functions = [c.name for c in all_checks() if c.names and c.notebook == chapter.path.stem]
    assert sorted(passed) == sorted(functions)
