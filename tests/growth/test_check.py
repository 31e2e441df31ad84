"""To add a check takes four files, and no list: one is added to a copy, and proved there."""

import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tools.editions import ROOT, editions

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
SHOWN = "○ Exercise 3.9: not attempted yet"
HTML = f'<div class="attnlib-check"><strong>{SHOWN}</strong></div>'


def add_to(notebook, phrases):
    """Write the exercise into a notebook, as an author does."""
    kind, hint, solution = (phrases[key] for key in ("kind_code", "hint", "solution"))
    folds = [(hint, "Two comparisons.\n"), (solution, SOLUTION)]
    shown = new_output(
        "execute_result", {"text/plain": SHOWN, "text/html": HTML}, execution_count=1
    )
    text = f"### {phrases['exercise']} 3.9 ★ {kind}\n\nWrite the causal window."
    folded = "\n".join(
        f"<details><summary>{name}</summary>\n\n{body}\n</details>\n" for name, body in folds
    )
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
    """Copy what tests of checks need, and add a check to it."""
    copy = tmp_path_factory.mktemp("house")
    leave = shutil.ignore_patterns("_build", "__pycache__", "vendor", "node_modules")
    for part in ("attnlib", "book", "notebooks", "tests", "tools"):
        shutil.copytree(ROOT / part, copy / part, ignore=leave)
    for file in ("pyproject.toml", "_config.yml"):
        shutil.copy(ROOT / file, copy / file)
    touched = set()

    def append(name, text):
        path = copy / name
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
        touched.add(path)

    append("attnlib/checks/chapters/c03_masks.py", CHECK)
    append("attnlib/words/en.toml", WORDS)
    append("tests/checks/answers/c03_masks.py", ANSWERS)
    for edition in editions(copy):
        path = next(path for path in edition.chapters if path.name.startswith("03_"))
        notebook = nbformat.read(path, as_version=4)
        add_to(notebook, edition.phrases)
        nbformat.write(notebook, path)
        touched.add(path)
    assert len(touched) <= 3 + len(editions(copy))
    return copy


def test_a_check_is_added_by_touching_four_files(house):
    chosen = (
        "band_mask or every_check or every_message or masks or progress or sections or candidate"
    )
    run = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/checks",
            "--deselect", "tests/checks/test_adding_a_check.py",
            "--deselect", "tests/checks/test_progress.py", "-k", chosen,
        ],
        cwd=house, capture_output=True, text=True, encoding="utf-8", env=environment(house),
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-3000:]
    passed = int(run.stdout.split(" passed")[0].split()[-1])
    assert passed > 15, run.stdout


def test_the_new_check_is_in_every_list(house):
    script = (
        "import attnlib, pathlib; from attnlib import checks; from attnlib.checks import *;"
        "assert pathlib.Path(attnlib.__file__).parent == pathlib.Path('attnlib').resolve();"
        "assert 'check_band_mask' in dir(checks) and 'check_band_mask' in checks.__all__;"
        "check_band_mask(lambda q, k, w: None); print(checks.progress())"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=house, capture_output=True, text=True,
        encoding="utf-8", env=environment(house),
    )  # fmt: skip
    assert "○ 3.9  not attempted" in run.stdout, run


def environment(house):
    return os.environ | {"PYTHONPATH": str(house), "PYTHONUTF8": "1"}
