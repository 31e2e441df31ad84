"""The first cell of a published notebook, word for word, on an untouched runtime."""

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.colab import runtimes

pytestmark = pytest.mark.parametrize("runtime", runtimes.NAMES)


def packages(environment):
    return {canonicalize_name(name): each for name, each in environment["packages"].items()}


def test_the_cell_passes_and_says_nothing_of_its_own(installation):
    (cell,) = installation.editions["en"]["cells"].values()
    texts = [output.get("text") for output in cell["outputs"]]
    assert texts == ["Note: you may need to restart the kernel to use updated packages.\n"]


def test_it_installs_attnlib_and_changes_nothing(installation):
    before, after = packages(installation.before), packages(installation.after)
    assert "attnlib" not in before
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"attnlib"}
    loaded = installation.after["loaded"]
    assert "site-packages" in loaded["attnlib"][0]
    assert loaded["numpy"] == installation.before["loaded"]["numpy"]
    assert loaded["numpy"][1] == after["numpy"]


def test_the_runtime_is_the_one_that_it_says(installation, runtime):
    wanted = runtimes.COLAB | {"torch": runtimes.TORCH}
    if runtime == "lowest":
        wanted |= runtimes.lowest()
    before = packages(installation.before)
    for name, version in wanted.items():
        assert Version(before[name].partition("+")[0]) == Version(version), name


def test_nothing_is_left_beside_the_notebook(installation):
    assert installation.left == ["bootstrap.ipynb"]
