"""What is promised of the maths: signatures, examples that run, docstrings without a gap."""

import ast
import doctest
import inspect
import operator
import re
from pathlib import Path

import pytest
import torch

import attnlib

# An example may use torch and all of attnlib; the seed makes it repeatable.
NAMES = {name: getattr(attnlib, name) for name in attnlib.__all__} | {"torch": torch}


@pytest.mark.parametrize("name", attnlib.__all__)
def test_examples_run(name: str) -> None:
    documented = inspect.unwrap(getattr(attnlib, name))
    (example,) = doctest.DocTestFinder(recurse=False).find(documented, name, globs=dict(NAMES))
    assert example.examples, f"{name} has no example"
    report: list[str] = []
    doctest.DocTestRunner().run(example, out=report.append)
    assert report == []


@pytest.mark.parametrize("name", attnlib.__all__)
def test_no_part_is_missing(name: str) -> None:
    documented = inspect.unwrap(getattr(attnlib, name))
    is_record = inspect.isclass(documented) and issubclass(documented, tuple)
    text = inspect.getdoc(documented)
    first, second, *_ = text.split("\n\n")
    assert re.fullmatch(r"[A-Z][^\n]*\.", first), "one line says what it does"
    assert second.startswith("    "), "a formula follows"
    parts = ["Args:"]
    if not is_record:
        parts += ["Raises:"] if inspect.isclass(documented) else ["Returns:", "Raises:"]
    for part in parts:
        assert f"\n{part}\n" in text
    assert "\nSource: " in text
    parameters = [p for p in inspect.signature(documented).parameters if p != "self"]
    arguments = text.split("Args:\n")[1].split("\n\n")[0]
    assert re.findall(r"^    (\w+):", arguments, re.MULTILINE) == parameters


HERE = Path(__file__).parent


def promised(room: str) -> list[str]:
    """Return the signatures that the tests of one room promise: its `SIGNATURES`, a line each."""
    for node in ast.parse((HERE / f"test_{room}.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SIGNATURES":
            return ast.literal_eval(node.value).split("\n")[1:-1]
    return []


CONTRACT = [each for path in HERE.glob("test_*.py") for each in promised(path.stem[5:])]


def test_every_signature_is_promised() -> None:
    assert {re.split(r"[.(]", each)[0] for each in CONTRACT} == set(attnlib.__all__)


@pytest.mark.parametrize("line", CONTRACT)
def test_signatures_are_as_promised(line: str) -> None:
    name = line.split("(")[0]
    signature = inspect.signature(operator.attrgetter(name)(attnlib))
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    assert name + str(inspect.Signature(bare)) == line
