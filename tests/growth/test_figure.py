"""Adding a live figure touches the files that CONTRIBUTING.md lists, and no others.

The example is added to a copy of the repository. Tests that hold for every figure must find it
there by themselves, and pass.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.widgets.test_live_figure import node

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = Path(__file__).parent / "example_figure"
MOST = 8
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
TESTS = [
    "tests/widgets",
    "tests/words",
    "tests/house/test_import_graph.py",
    "--ignore=tests/widgets/example_figure",
]


def files_of(repository: Path) -> dict[str, bytes]:
    return {
        path.relative_to(repository).as_posix(): path.read_bytes()
        for path in repository.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".pytest_cache" not in path.parts
    }


def put(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def add_to(path: Path, text: str, before: str = "") -> None:
    old = path.read_text(encoding="utf-8")
    put(path, old.replace(before, text + before, 1) if before else old + text)


def add_the_example(repository: Path) -> None:
    """Do what somebody does who adds a figure."""
    widgets, tests = repository / "attnlib/widgets", repository / "tests/widgets"
    source = (EXAMPLE / "temperature.py").read_text(encoding="utf-8")
    source = source.replace('module(Path(__file__).parent / "static" / ', "module(")
    source = source.replace("style()", 'style("temperature.css")')
    put(widgets / "temperature.py", source.replace("from pathlib import Path\n", ""))
    shutil.copy(EXAMPLE / "static/temperature.js", widgets / "static")
    put(widgets / "static/temperature.css", ".attn-figure .attn-temperature { color: inherit; }\n")
    exported = "from attnlib.widgets.temperature import TemperatureExplorer\n"
    add_to(widgets / "__init__.py", exported, before="\n__all__")
    add_to(widgets / "__init__.py", '    "TemperatureExplorer",\n', before="]\n")
    add_to(
        repository / "attnlib/words/en.toml",
        (EXAMPLE / "words.toml").read_text(encoding="utf-8") + "\n",
        before="# --- matrices drawn",
    )
    shutil.copy(EXAMPLE / "test_temperature.py.txt", tests / "test_temperature.py")
    shutil.copy(EXAMPLE / "temperature.test.mjs.txt", tests / "static/temperature.test.mjs")
    chapter = next((repository / "notebooks/en").glob("02_*.ipynb"))
    notebook = nbformat.read(chapter, as_version=4)
    cell = nbformat.v4.new_code_cell("TemperatureExplorer()", id="temperature")
    notebook.cells.append(cell)
    nbformat.write(notebook, chapter)


def run(repository: Path, *command: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(repository), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        list(map(str, command)), cwd=repository, env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the repository with the example added, and the files that this has touched."""
    repository = tmp_path_factory.mktemp("house") / "book"
    for part in ("attnlib", "tests", "tools", "notebooks", "book/web", "book/en"):
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "mine")
        shutil.copytree(ROOT / part, repository / part, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", repository)
    (repository / "tests/widgets" / Path(__file__).name).unlink()  # once is enough
    before = files_of(repository)
    add_the_example(repository)
    after = files_of(repository)
    return repository, sorted(name for name in after if before.get(name) != after[name])


def test_it_touches_few_files(copy):
    _, touched = copy
    assert len(touched) <= MOST, touched
    told = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    told = told.split("## A live figure")[1].split("\n## ")[0].split("\n### ")[0]
    listed = re.findall(r"^\| `([^`]+)`", told, re.MULTILINE)
    names = {path.replace("temperature", "name") for path in touched if ".ipynb" not in path}
    assert sorted(names) == sorted(listed)


def test_what_holds_for_every_figure_finds_it_and_passes(copy):
    repository, _ = copy
    done = run(
        repository, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS, "-rA"
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    found = [line for line in done.stdout.splitlines() if "[temperature]" in line]
    assert len(found) >= 7, "the tests of every figure did not find it"
    assert sum("test_temperature.py" in line for line in done.stdout.splitlines()) >= 1
    done = run(repository, node(), "--test", "tests/widgets/static/temperature.test.mjs")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("path", "fails"),
    [
        ("attnlib/widgets/static/temperature.js", "temperature.js"),
        ("tests/widgets/test_temperature.py", "test_temperature"),
    ],
)
def test_without_one_of_its_files_tests_fail(copy, path, fails):
    repository, _ = copy
    file = repository / path
    text = file.read_bytes()
    file.unlink()
    try:
        done = run(repository, *PYTEST, "tests/widgets/test_live_figure.py")
    finally:
        file.write_bytes(text)
    assert done.returncode != 0
    assert fails in done.stdout + done.stderr
