"""What the record of each notebook says beside what nbval compares (strict_nbval.py)."""

import asyncio

import pytest
from packaging.utils import canonicalize_name

from tests.colab.runtimes import pins
from tools.proof import records, runner
from tools.proof.records import ROOT
from tools.proof.solutions import CALL

UNITS = {unit.name: unit for unit in records.units()}


@pytest.fixture(params=UNITS, scope="module")
def unit(request):
    return UNITS[request.param]


@pytest.fixture(scope="module")
def record(unit):
    return asyncio.run(runner.record(unit, runner.here()))


def test_there_are_notebooks():
    assert len(UNITS) >= 7


def test_every_language_has_its_part(unit, record):
    assert list(record.editions) == list(unit.texts)
    for edition in record.editions.values():
        assert list(edition["cells"]) == [cell for cell, _ in unit.code]


def test_no_cell_fails_or_warns(record):
    """Above all no glyph is missing from the font."""
    for edition in record.editions.values():
        for cell, shown in edition["cells"].items():
            for output in shown["outputs"]:
                assert output["output_type"] != "error", (cell, output["evalue"])
                assert output.get("name") != "stderr", (cell, output["text"])
                assert "Glyph" not in output.get("text", ""), cell


def test_it_ran_on_the_pins_and_with_the_library_of_this_copy(record):
    installed = {canonicalize_name(k): v for k, v in record.before["packages"].items()}
    wanted = pins(ROOT / "requirements.txt")
    for name in ("torch", "numpy", "matplotlib", "ipywidgets", "anywidget", "jaxtyping"):
        assert installed[name].partition("+")[0] == wanted[name], name
    assert record.after["packages"] == record.before["packages"]
    assert record.after["loaded"]["attnlib"][0] == str(ROOT / "attnlib" / "__init__.py")
    assert "attnlib" not in record.before["loaded"], "it is the notebook that imports it"


def test_nothing_is_left_beside_the_notebook(record):
    assert record.left == [f"{record.notebook}.ipynb"]


def test_solutions_pass_their_checks_in_their_notebook(unit, record):
    calls = [call[0] for _, source in unit.code for call in CALL.finditer(source)]
    assert list(record.solutions) == (list(unit.texts) if calls else [])
    for results in record.solutions.values():
        assert [result["call"] for result in results] == calls
        for result in results:
            assert result["passed"] is True, (result["cell"], result["said"])
            assert result["faults"] == [], result["cell"]


def test_progress_then_holds_all_for_done(unit, record):
    assert bool(record.progress) == bool(record.solutions)
    for progress in record.progress.values():
        assert progress["done"]
        assert set(progress["done"].values()) == {True}


def test_chapters_have_solutions():
    """So that the two tests above are about something."""
    made = [asyncio.run(runner.record(unit, runner.here())) for unit in UNITS.values()]
    solved = [len(each.solutions[language]) for each in made for language in each.solutions]
    assert len(solved) >= 6
    assert min(solved) >= 3
