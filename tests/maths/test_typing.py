"""Shapes in annotations, with jaxtyping and without it: a reader's runtime need not have it."""

import runpy
import sys
from pathlib import Path
from typing import get_args

import jaxtyping
import pytest
from torch import Tensor

from attnlib import _typing

NAMES = _typing.__all__


@pytest.mark.parametrize("name", NAMES)
def test_where_jaxtyping_is_installed_it_reads_them(name: str) -> None:
    assert getattr(_typing, name) is getattr(jaxtyping, name)


@pytest.mark.parametrize("name", NAMES)
def test_without_it_they_are_annotations_and_nothing_more(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jaxtyping", None)
    assert _typing.__file__ is not None
    kind = runpy.run_path(str(Path(_typing.__file__)))[name]
    assert get_args(kind[Tensor, "length head_dim"]) == (Tensor, "length head_dim")
