"""The exercises of the chapters: stubs that were not attempted, solutions that pass their check."""

import ast
import builtins
import contextlib
import io
import re
from pathlib import Path

import nbformat
import pytest

import attnlib
from attnlib.checks.progress import ALL_CHECKS

ROOT = Path(attnlib.__file__).parent.parent
CHAPTERS = sorted(ROOT.glob("notebooks/*/0[1-6]_*.ipynb"))
HEADING = re.compile(
    r"^### Exercise (\d\.\d+) (★{1,2}) (predict|code|spot the bug|think)$", re.MULTILINE
)
CALL = re.compile(r"^checks\.check_(\w+)\((\w+)\)$", re.MULTILINE)


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def cells(request):
    """Return the cells of an Exercises section, and the ones that come before it."""
    notebook = nbformat.read(request.param, as_version=4)
    ids = [cell.id for cell in notebook.cells]
    start, end = ids.index("exercises"), ids.index("recap")
    return notebook.cells[:start], notebook.cells[start:end]


def test_every_chapter_has_five_exercises_of_all_kinds(cells):
    found = HEADING.findall("\n".join(cell.source for cell in cells[1]))
    assert len(found) >= 5
    assert {kind for _, _, kind in found} == {"predict", "code", "spot the bug", "think"}
    numbers = [number for number, _, _ in found]
    chapter = numbers[0].split(".")[0]
    assert numbers == [f"{chapter}.{count}" for count in range(1, len(found) + 1)]
    assert "\n".join(c.source for c in cells[1]).count("### ") == len(found)


def test_each_exercise_is_followed_by_a_hint_and_then_its_solution(cells):
    text = "\n".join(cell.source for cell in cells[1])
    for exercise in HEADING.split(text)[1:][3::4]:
        folded = re.findall(
            r"<details><summary>(\w+)</summary>\n\n.*?\n\n</details>", exercise, re.DOTALL
        )
        assert folded == ["Hint", "Solution"], exercise[:200]
        assert exercise.count("<details") == 2, "none of them is open"
        after = exercise.split("</details>")[2]
        assert "```" not in after, "a solution stands outside its fold"


def test_stubs_were_not_attempted(cells):
    shown = 0
    for cell in cells[1]:
        if cell.cell_type == "code" and "checks.check_" in cell.source:
            (output,) = cell.outputs
            assert "not attempted yet" in output.data["text/plain"], cell.id
            assert output.data["text/plain"] in re.sub(r"<[^>]+>", "", output.data["text/html"])
            shown += 1
    assert shown >= 3


def test_the_section_ends_with_progress(cells):
    last = cells[1][-1]
    assert last.source == "checks.progress()"
    (output,) = last.outputs
    lines = output.data["text/plain"].splitlines()
    assert lines[0].startswith("0 of ")
    assert all(line.endswith("not attempted") for line in lines[1:])


def test_each_check_belongs_to_its_exercise(cells):
    exercises = {check.name: check.exercise for check in ALL_CHECKS}
    for cell in cells[1]:
        for name, _ in CALL.findall(cell.source):
            assert cell.id.startswith("exercise-" + exercises[name].replace(".", "-")), cell.id


def test_every_check_is_used_once():
    used = []
    for path in CHAPTERS:
        for cell in nbformat.read(path, as_version=4).cells:
            used += [name for name, _ in CALL.findall(cell.source)]
    assert sorted(used) == sorted(check.name for check in ALL_CHECKS)


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


def run(source, names):
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(source, "<chapter>", "exec"), names)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # matplotlib given tensors
def test_solutions_pass_their_checks(cells, as_users_call):
    """Each solution is taken out of the page and run after the cells that it relies on."""
    before = [
        cell.source for cell in cells[0] if cell.cell_type == "code" and cell.id != "bootstrap"
    ]
    names, passed = {"__name__": "chapter"}, 0
    for order, cell in enumerate(cells[1]):
        for name, argument in CALL.findall(cell.source):
            check = next(each for each in ALL_CHECKS if each.name == name)
            if not check.names:
                continue  # a prediction: its solution is prose
            solution = next(c for c in cells[1][order:] if c.id.endswith("-solution")).source
            folded = solution.split("<summary>Solution</summary>")[1]
            blocks = re.findall(r"```python\n(.*?)```", folded, re.DOTALL)
            for source in [*needed("\n".join(blocks), before), *blocks]:
                run(source, names)
            result = check(names[argument])
            assert result.passed is True, (cell.id, result)
            passed += 1
    assert passed >= 3
