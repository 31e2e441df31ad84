"""Cells that install data, word for word: with what a reader's network offers, and without one."""

import asyncio
import re
from pathlib import Path

import nbformat
import pytest
from packaging.utils import canonicalize_name

from tests.colab import runtimes
from tests.colab.conftest import BASES, UNTOUCHED, contents, without_an_index
from tools.proof import records, runner
from tools.proof.records import Unit

CELL = "data-packages"
CELLS = {unit.name: cell for unit in records.units() for id_, cell in unit.code if id_ == CELL}
# What each of them installs, by name, with its exact version.
PACKAGES = {name: dict(re.findall(r'"([\w-]+)==([\d.]+)"', cell)) for name, cell in CELLS.items()}
pytestmark = [
    pytest.mark.parametrize("runtime", runtimes.NAMES),
    pytest.mark.parametrize("name", CELLS),
]


def run_alone(name, runtime, folder, environment, network):
    """Run the cell of a chapter on an untouched runtime; return the record of that."""
    cell = nbformat.v4.new_code_cell(CELLS[name], id=CELL)
    alone = Unit(f"{name}-{network}", {"en": nbformat.v4.new_notebook(cells=[cell])})
    python = BASES[runtime]().layer(folder / "layer").python
    made_of = contents(Path(__file__))
    untouched = runner.Runtime(runtime, python, made_of, environment, UNTOUCHED, forked=False)
    return asyncio.run(runner.record(alone, untouched))


def test_the_cell_says_how_much_it_fetches_and_under_which_licence(name, runtime):
    assert re.search(r"# .*\b\d+ MB\b", CELLS[name])
    assert re.search(r"# .*\b(CC BY-SA 4\.0|Apache-2\.0|Unicode-3\.0)\b", CELLS[name])
    assert PACKAGES[name]
    assert PACKAGES[name].items() <= runtimes.OURS.items()


def test_what_cells_install_is_what_stands_ready_here(name, runtime):
    assert set(PACKAGES[name]) <= set(runtimes.DATA)
    assert set().union(*PACKAGES.values()) == set(runtimes.DATA)


def test_it_installs_the_data_and_changes_nothing(name, runtime, tmp_path):
    wheels = str(runtimes.data().folder / "wheels")
    # pip takes what is said of an option that begins with "no" for the option itself: 0 is no.
    offered = without_an_index() | {"PIP_FIND_LINKS": wheels, "PIP_NO_COMPILE": "0"}
    record = run_alone(name, runtime, tmp_path, offered, "offered")
    assert record.editions["en"]["cells"][CELL]["outputs"] == []
    before, after = (
        {canonicalize_name(key): version for key, version in each["packages"].items()}
        for each in (record.before, record.after)
    )
    assert not set(PACKAGES[name]) & set(before)
    assert {key: after[key] for key in before} == before
    assert set(after) - set(before) == set(PACKAGES[name])


def test_without_a_network_it_says_so_in_one_sentence(name, runtime, tmp_path):
    record = run_alone(name, runtime, tmp_path, without_an_index(), "cut")
    (output,) = record.editions["en"]["cells"][CELL]["outputs"]
    assert output["ename"] == "ModuleNotFoundError"
    said = output["evalue"]
    assert said.endswith(".")
    assert said.count(". ") == 0
    assert "\n" not in said
    for package in PACKAGES[name]:
        assert package in said
    shown = "\n".join(output["traceback"])
    assert "During handling" not in shown
    assert "direct cause" not in shown
