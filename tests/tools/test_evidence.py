"""Evidence of a test is reused while all it read is unchanged, and not a moment longer."""

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import environment

ROOT = Path(__file__).parent.parent.parent
TESTS = """
import functools
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent.parent.parent


@functools.cache
def kept(name):
    return (HERE / name).read_text()


@pytest.fixture(scope="module", params=["a.txt", "b.txt"])
def page(request):
    return kept(request.param)


def test_page(page):
    assert page.startswith("good")


def test_page_again(page):
    assert "good" in page


def test_from_memory():
    assert kept("a.txt")


def test_program():
    code = "print(open('c.txt').read())"
    assert b"good" in subprocess.run([sys.executable, "-c", code], capture_output=True).stdout


def test_nothing():
    assert True
"""


@pytest.fixture
def house(tmp_path):
    """A small repository with the plugin, and three files that its tests read."""
    for folder in ("attnlib", "tools"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pyc*"))
    (tmp_path / "tests" / "small").mkdir(parents=True)
    (tmp_path / "tests" / "editions").mkdir()
    for name in ("evidence.py", "editions/built.py"):
        shutil.copy(ROOT / "tests" / name, tmp_path / "tests" / name)
    for path in (*environment.PINS, ROOT / ".gitignore", ROOT / "package-lock.json"):
        shutil.copy(path, tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (tmp_path / "tests" / "small" / "test_small.py").write_text(TESTS)
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text("good")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


def prove(house, *options, program="pytest", **variables):
    """Run the tests; return how many were proven and reused, and what failed."""
    command = ["-m", program, "-p", "tests.evidence", "--evidence=small", *options, "tests/small"]
    clean = {name: value for name, value in os.environ.items() if name not in ("COLD", "CI")}
    done = subprocess.run(
        [sys.executable, *command, "--import-mode=importlib", "-p", "no:cacheprovider"],
        cwd=house,
        env=clean | {"PYTHONPATH": str(house), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | variables,
        capture_output=True,
        text=True,
    )
    counts = re.search(r"tests: proved (\d+), reused (\d+)", done.stdout)
    assert counts, done.stdout + done.stderr
    if program == "tests.evidence" and counts[1] == "0" and done.returncode == 0:
        assert done.stdout == f"{counts[0]}\n", "pytest has started"
    assert ("FAILED" in done.stdout) is (done.returncode != 0), done.stdout
    return int(counts[1]), int(counts[2]), sorted(re.findall(r"FAILED .*::(\S+)", done.stdout))


def test_evidence_is_reused_while_its_inputs_stand(house):
    assert prove(house) == (7, 0, [])
    assert prove(house) == (0, 7, [])
    (house / "b.txt").write_text("good, too")
    # both tests of that page; the program might have read it
    assert prove(house) == (3, 4, [])
    (house / "a.txt").write_text("bad")
    # what a function remembers has been read by all whom it tells
    assert prove(house)[2] == ["test_page[a.txt]", "test_page_again[a.txt]"]
    # what is red is not evidence
    assert prove(house)[2] == ["test_page[a.txt]", "test_page_again[a.txt]"]
    (house / "c.txt").write_text("bad")
    assert "test_program" in prove(house)[2]


def test_where_all_stands_pytest_does_not_start(house):
    whole = functools.partial(prove, house, program="tests.evidence")
    prove(house, "-k", "page")  # a part is not the whole
    assert whole() == (3, 4, [])
    assert whole() == (0, 7, [])
    (house / "b.txt").write_text("good, too")
    assert whole()[:2] == (3, 4)
    (house / "d.txt").write_text("a name that was not there")
    assert whole()[:2] == (7, 0)
    assert whole(COLD="1")[:2] == (7, 0)
    (house / "c.txt").write_text("bad")
    for _ in range(2):  # what is red does not stand
        assert whole()[2] == ["test_program"]
    (house / "c.txt").write_text("good")
    (house / "tests" / "small" / "test_small.py").write_text(TESTS.replace("True", "False"))
    assert "test_nothing" in whole()[2]


def test_nothing_is_reused_when_all_depends_on_what_has_changed(house):
    prove(house)
    (house / "attnlib" / "masks.py").write_text("x = 1\n")
    assert prove(house) == (7, 0, [])
    (house / "new.txt").write_text("a name that was not there")
    assert prove(house) == (7, 0, [])
    assert prove(house, COLD="1") == (7, 0, [])
    assert prove(house, CI="true") == (7, 0, [])


def test_programs_may_be_told_not_to_depend_on_prose(house):
    def write(text, code="x = 1"):
        markdown = {"cell_type": "markdown", "source": [text, "```python\n", "y = 2\n", "```"]}
        cells = [markdown, {"cell_type": "code", "source": [code]}]
        chapter.write_text(json.dumps({"cells": cells}))

    chapter = house / "notebooks" / "en" / "01_one.ipynb"
    chapter.parent.mkdir(parents=True)
    write("One sentence.\n")
    assert prove(house, "--blind-to-prose") == (7, 0, [])
    write("Another sentence.\n")
    assert prove(house, "--blind-to-prose") == (0, 7, [])
    write("Another sentence.\n", code="x = 2")
    assert prove(house, "--blind-to-prose") == (1, 6, [])  # the program
    write("Another sentence.\n```python\nz = 3\n```\n", code="x = 2")
    assert prove(house, "--blind-to-prose") == (1, 6, [])
    assert prove(house) == (7, 0, [])  # unless they are told so, they do


def test_all_or_none(house):
    """Coverage is reached by all tests together: it counts where they run, and is 0 elsewhere."""
    together = ("-p", "pytest_cov", "--all-or-none", "--cov=tests/small", "--cov-fail-under=90")
    assert prove(house, *together) == (7, 0, [])
    assert prove(house, *together) == (0, 7, [])
    (house / "b.txt").write_text("good, too")
    assert prove(house, *together) == (7, 0, [])


def test_evidence_that_was_altered_is_none(house):
    prove(house)
    (house / "a.txt").write_text("bad")
    path = house / ".cache" / "evidence" / "small.json"
    kept = json.loads(path.read_text())
    body = json.loads(kept["body"])
    digest = hashlib.sha256(b"bad").hexdigest()
    for reads in body["tests"].values():
        for name in set(reads) & {"a.txt"}:
            reads[name] = digest
    assert digest in json.dumps(body)
    path.write_text(json.dumps(kept | {"body": json.dumps(body)}))
    again = prove(house)
    assert again[1] == 0
    assert again[2] == ["test_page[a.txt]", "test_page_again[a.txt]"]
