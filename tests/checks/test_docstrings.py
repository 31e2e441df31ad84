"""What is promised of the checks: docstrings without a gap, examples that run."""

import doctest
import inspect
import re

import pytest
import torch

import attnlib
from attnlib import checks

NAMES = [name for name in checks.__all__ if name[0].islower()]
GLOBALS = {name: getattr(checks, name) for name in checks.__all__} | {
    "torch": torch,
    "attnlib": attnlib,
}


@pytest.mark.parametrize("name", NAMES)
def test_examples_run(name):
    (example,) = doctest.DocTestFinder(recurse=False).find(
        getattr(checks, name), name, globs=dict(GLOBALS)
    )
    assert example.examples, f"{name} has no example"
    report = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=report.append)
    assert report == []


@pytest.mark.parametrize("name", NAMES)
def test_no_part_is_missing(name):
    function = getattr(checks, name)
    text = inspect.getdoc(function)
    assert re.fullmatch(r"[A-Z][^\n]*\.", text.split("\n\n")[0]), "one line says what it does"
    assert "\nReturns:\n" in text
    if name == "progress":
        return
    assert list(inspect.signature(function).parameters) == ["answer"]
    (argument,) = re.findall(
        r"^    (\w+):", text.split("Args:\n")[1].split("\n\n")[0], re.MULTILINE
    )
    assert argument == "answer"
    exercise = re.search(r"^Check exercise (\d+\.\d):", text)
    assert exercise, "it says which exercise it belongs to"
    assert exercise[1] == function(None).exercise, "by its right number"


def test_all_is_sorted():
    assert checks.__all__ == sorted(checks.__all__)
