"""Adding a check touches the files that CONTRIBUTING.md lists, and no others."""

import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from attnlib import words
from tests.growth.example_chapter import FOLD
from tests.growth.house import House, assert_passed, assert_touched

CHECK = '''

@check(
    "3.9",
    wrong={"window_too_narrow": lambda q_len, k_len, window: _band(q_len, k_len, window - 1)},
    inputs=[lambda: [(q, k, w) for k in (2, 4) for q in (1, 2) for w in (2, 3)]],
)
def band_mask(q_len: int, k_len: int, window: int) -> Tensor:
    """Check exercise 3.9: the causal window.

    Args:
        answer: Called as answer(q_len, k_len, window), with three whole numbers; returns a boolean
            tensor of shape (q_len, k_len).

    Returns:
        A result that shows itself.

    >>> check_band_mask(lambda q_len, k_len, window: None)
    ○ Exercise 3.9: not attempted yet
    """
    return _band(q_len, k_len, window)


def _band(q_len: int, k_len: int, window: int) -> Tensor:
    behind = torch.arange(k_len - q_len, k_len)[:, None] - torch.arange(k_len)
    return (behind >= 0) & (behind < window)
'''
WORDS = """
[checks.misconception.window_too_narrow]
text = "The window is too narrow by one: the own position counts."
see = "3: Windows, and several masks at once"
"""
ANSWERS = """

@right("band_mask")
def band_of_two_masks(q_len, k_len, window):
    near = torch.ones(q_len, k_len, dtype=torch.bool).triu(k_len - q_len - window + 1)
    return attnlib.causal_mask(q_len, k_len) & near


@right("band_mask")
def band_of_two_triangles(q_len, k_len, window):
    ones, offset = torch.ones(q_len, k_len, dtype=torch.bool), k_len - q_len
    return ones.tril(offset) & ones.triu(offset - window + 1)


@right("band_mask")
def band_of_distances(q_len, k_len, window):
    behind = torch.arange(k_len - q_len, k_len)[:, None] - torch.arange(k_len)
    return (behind >= 0) & (behind < window)


@right("band_mask")
def band_in_loops(q_len, k_len, window):
    rows = [[0 <= i + k_len - q_len - j < window for j in range(k_len)] for i in range(q_len)]
    return torch.tensor(rows)


@wrong("band_mask", "window_too_narrow")
def band_without_oneself(q_len, k_len, window):
    return band_of_distances(q_len, k_len, window - 1)
"""
STUB = """def my_band_mask(q_len, k_len, window): ...


checks.check_band_mask(my_band_mask)"""
SOLUTION = """```python
def my_band_mask(q_len, k_len, window):
    behind = torch.arange(k_len - q_len, k_len)[:, None] - torch.arange(k_len)
    return (behind >= 0) & (behind < window)
```
"""


def add_to(notebook, edition):
    """Write the exercise into a notebook, as an author does who has run it."""
    phrases, said = edition.phrases, words.catalogue(edition.language)["checks"]["headline"]
    headline = said["not_attempted"].format(exercise="3.9")
    html = f'<div class="attnlib-check"><strong>○ {headline}</strong></div>'
    kind, hint, solution = (phrases[key] for key in ("kind_code", "hint", "solution"))
    name = phrases["exercise"].format(number="3.9")
    folds = [(hint, "Two comparisons.\n"), (solution, SOLUTION)]
    shown = new_output(
        "execute_result", {"text/plain": f"○ {headline}", "text/html": html}, execution_count=1
    )
    text = f"### {name} ★ {kind}\n\nWrite the causal window."
    folded = "\n".join(f"{FOLD}{name}</summary>\n\n{body}\n</details>\n" for name, body in folds)
    end = [cell.id for cell in notebook.cells].index("recap") - 1  # before the progress
    notebook.cells[end].outputs[0].data = progress_with_one_more(notebook.cells[end].outputs[0])
    notebook.cells[end:end] = [
        new_markdown_cell(text, id="exercise-3-9-task"),
        new_code_cell(STUB, id="exercise-3-9", outputs=[shown], execution_count=1),
        new_markdown_cell(folded, id="exercise-3-9-solution"),
    ]


def progress_with_one_more(output):
    """Return what `checks.progress()` shows with one exercise more."""
    text = output.data["text/plain"]
    lines = text.splitlines()
    count = len(lines) - 1
    lines[0] = lines[0].replace(str(count), str(count + 1))
    return output.data | {"text/plain": "\n".join([*lines, lines[-1].replace("3.8", "3.9")])}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("check"))
    house.append("attnlib/checks/chapters/c03_masks.py", CHECK)
    house.say(WORDS)
    house.append("tests/checks/answers/c03_masks.py", ANSWERS)
    for edition in house.editions:
        path = next(path for path in edition.chapters if path.name.startswith("03_"))
        notebook = nbformat.read(path, as_version=4)
        add_to(notebook, edition)
        nbformat.write(notebook, path)
    return house


def test_it_touches_the_files_that_are_listed(house):
    assert_touched(house, "check", "A check of a reader's answer", {"03_masks": "NN_slug"})


def test_what_holds_for_every_check_finds_it_and_passes(house):
    chosen = (
        "band_mask or every_check or every_message or every_candidate or "
        "(masks and (progress or exercise or stubs or solution))"
    )
    done = house.pytest("tests/checks", "--deselect", "tests/checks/test_progress.py", "-k", chosen)
    assert_passed(done, ("[band_mask]", 7), ("test_exercises.py", 5))


def test_it_is_in_every_list(house):
    script = (
        "import attnlib, pathlib; from attnlib import checks; from attnlib.checks import *;"
        "assert pathlib.Path(attnlib.__file__).parent == pathlib.Path('attnlib').resolve();"
        "assert 'check_band_mask' in dir(checks) and 'check_band_mask' in checks.__all__;"
        "check_band_mask(lambda q, k, w: None); print(checks.progress())"
    )
    assert "○ 3.9  not attempted" in house.run(sys.executable, "-c", script).stdout
