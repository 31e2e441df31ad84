"""Cells that train bind what their run has kept; all others stay as they are."""

import pickle
from types import SimpleNamespace

import pytest
from nbformat.v4 import new_code_cell

from tests.lab.trained import take_what_was_trained
from tools.editions import editions
from tools.proof import long_cells, runner

NAME = editions()[0].notebooks[0].stem


@pytest.fixture
def cells(monkeypatch, tmp_path):
    monkeypatch.setattr(long_cells, "place_of", lambda *of: tmp_path / f"{of[-1]}.pickle")
    kept = pickle.dumps(({"weights": [1, 2]}, {"torch": "state"}))
    (tmp_path / "train.pickle").write_bytes(kept)
    long = "import math\ndef half(x): return x / 2\nweights = train_for_minutes()"
    return [new_code_cell(long, id="train"), new_code_cell("x = 1", id="other")]


def test_a_long_cell_binds_what_was_kept(monkeypatch, cells):
    monkeypatch.setattr(runner, "standing", lambda *_: SimpleNamespace(runtime="here", key="k"))
    take_what_was_trained(NAME, cells)
    names = {}
    exec(cells[0].source, names)
    assert names["weights"] == [1, 2]
    assert (names["half"](3), names["math"].pi > 3) == (1.5, True)
    assert cells[1].source == "x = 1"


def test_without_a_record_it_trains(monkeypatch, cells):
    before = cells[0].source
    monkeypatch.setattr(runner, "standing", lambda *_: None)
    take_what_was_trained(NAME, cells)
    assert cells[0].source == before
