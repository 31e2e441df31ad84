"""What the docstrings of the maths promise: every example runs, and no part is missing."""

import doctest
import inspect
import re

import pytest
import torch
from torch import nn

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
    text = inspect.getdoc(documented)
    first, second, *_ = text.split("\n\n")
    assert re.fullmatch(r"[A-Z][^\n]*\.", first), "one line says what it does"
    assert second.startswith("    "), "a formula follows"
    parts = ["Args:", "Raises:"] + ([] if inspect.isclass(documented) else ["Returns:"])
    for part in parts:
        assert f"\n{part}\n" in text
    assert "\nSource: " in text
    parameters = [p for p in inspect.signature(documented).parameters if p != "self"]
    arguments = text.split("Args:\n")[1].split("\n\n")[0]
    assert re.findall(r"^    (\w+):", arguments, re.MULTILINE) == parameters
    if inspect.isclass(documented):
        assert issubclass(documented, nn.Module)
