"""Colab's versions and its Python, as far as they can be judged without running a notebook."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.colab import runtimes
from tests.colab.conftest import UNITS, trained_here
from tests.colab.runtimes import ROOT
from tools.editions import editions
from tools.proof import runner

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIRED = [
    Requirement(each)
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for each in group
]

COMPILE = """
import json, sys, warnings
warnings.simplefilter("error")
for name, source in json.load(sys.stdin):
    compile(source, name, "exec")
print(sys.version_info[:2])
"""


def newer_pythons():
    """Return the Pythons of this machine from 3.12 on: on the PATH, or in pyenv's folder."""
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    paths = [shutil.which(f"python3.{minor}") for minor in range(12, 20)]
    paths += sorted(map(str, folder.glob("3.*/bin/python3")))
    found = {}
    for path in filter(None, paths):
        done = subprocess.run([path, "-V"], capture_output=True, text=True)
        if match := re.match(r"Python 3\.(\d+)", done.stdout):
            found.setdefault(int(match[1]), path)
    return {f"3.{minor}": path for minor, path in found.items() if minor >= 12}


@pytest.mark.parametrize(("version", "python"), newer_pythons().items())
def test_a_newer_python_reads_all_code_without_a_warning(version, python):
    sources = [
        (str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
        for path in sorted(ROOT.glob("attnlib/**/*.py"))
    ]
    for path in (path for edition in editions() for path in edition.notebooks):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                code = re.sub(r"(?m)^(\s*)%.*$", r"\1pass", "".join(cell["source"]))
                sources.append((f"{path.name}: {cell['id']}", code))
    assert len(sources) > 50
    command = [python, "-I", "-c", COMPILE]
    done = subprocess.run(command, input=json.dumps(sources), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"(3, {version[2:]})"


def test_what_colab_has_is_enough():
    """So pip has nothing to replace there, whatever else it knows."""
    judged = [each for each in REQUIRED if each.name in runtimes.COLAB]
    assert {"torch", "numpy", "matplotlib", "ipywidgets", "anywidget"} <= {
        each.name for each in judged
    }
    for each in judged:
        assert each.specifier.contains(runtimes.COLAB[each.name]), str(each)


def test_nothing_newer_than_colab_can_be_required():
    """An upper bound, or `ipywidgets>=8`, would break the notebooks there some day."""
    for each in REQUIRED:
        assert {bound.operator for bound in each.specifier} <= {">="}, str(each)
    (widgets,) = [each for each in REQUIRED if each.name == "ipywidgets"]
    assert widgets.specifier.contains("7.7.1")


def test_the_versions_that_the_book_is_proven_with_are_allowed():
    ours = runtimes.pins(ROOT / "requirements.txt")
    for each in REQUIRED:
        if each.name in ours:
            assert each.specifier.contains(ours[each.name]), str(each)
            floor = min(Version(bound.version) for bound in each.specifier)
            assert floor <= Version(ours[each.name])


def test_what_is_trained_here_is_lent_to_the_same_python_and_torch_alone(monkeypatch):
    monkeypatch.setattr(runner, "standing", lambda unit, _: SimpleNamespace(notebook=unit.name))
    monkeypatch.setattr(runtimes, "PYTHON", sys._base_executable)
    monkeypatch.setattr(runtimes, "TORCH", runtimes.OURS["torch"])
    assert list(trained_here()) == UNITS
    for name in ("PYTHON", "TORCH"):
        with monkeypatch.context() as other:
            other.setattr(runtimes, name, "another")
            assert trained_here() == {}
