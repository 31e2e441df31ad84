"""What chapter 10 says about seeds is what `make experiments` has measured, seed by seed."""

import json
import re

import pytest

from tests.notebooks.cells import cells_of
from tools.experiments import c10_long_inputs as experiments

TABLE = json.loads(experiments.TABLE.read_text(encoding="utf-8"))
ROWS, RECALL = TABLE["rows"], TABLE["recall"]
LEARNED = [row for row in ROWS if row["48"] > 0.9]
CHAPTERS = cells_of("10_long_inputs")


@pytest.fixture(params=CHAPTERS)
def cells(request):
    return CHAPTERS[request.param]


def test_there_are_several_seeds_and_all_but_one_have_learned_their_task():
    assert [row["seed"] for row in ROWS] == list(experiments.SEEDS)
    assert [row["seed"] for row in RECALL] == list(experiments.RECALL_SEEDS)
    assert [row["seed"] for row in ROWS if row not in LEARNED] == [6]
    assert len(LEARNED) >= 3


@pytest.mark.parametrize("row", LEARNED, ids=lambda row: f"seed {row['seed']}")
def test_what_the_chapter_says_of_its_own_seed_holds_for_each_that_learned(row):
    assert row["384"] < 0.6
    assert row["window 26"] > 0.97
    assert row["layer 0"] > 0.85
    assert row["layer 1"] < row["384"] < row["window 48"] < row["window 26"]
    assert row["384"] + 0.1 < row["sinks"] < row["window 26"] - 0.01
    assert not {*range(48)} & {*row["looks"]}
    assert {120, 177} & {*row["looks"]}
    windows = row["windows"]
    assert windows["8"] < windows["16"] < windows["24"] > windows["96"]
    assert min(windows["24"], windows["32"]) > 0.95
    assert windows["13"] < row["window 26"] - 0.3


@pytest.mark.parametrize("row", RECALL, ids=lambda row: f"seed {row['seed']}")
def test_recall(row):
    assert min(row["softmax"]) > 0.99
    assert row["linear"] == sorted(row["linear"], reverse=True)
    assert row["linear"][0] > 0.95
    assert row["linear"][-1] < 0.7


def test_the_committed_table_is_as_the_tool_writes_it():
    assert experiments.written(ROWS, RECALL) == experiments.TABLE.read_text(encoding="utf-8")


def shown(cell):
    """Return the lines of a cell's table, without its head."""
    lines = re.findall(r"^\| (.+) \|$", cell.source, re.MULTILINE)
    return [[part.strip() for part in line.split(" | ")] for line in lines[1:]]


def test_the_chapter_shows_the_tables(cells):
    assert shown(cells["arrows-reading"]) == experiments.summary(ROWS)
    recall = experiments.recall_summary(RECALL)
    assert [line[1:] for line in shown(cells["recall-reading"])] == [line[1:] for line in recall]


def test_the_chapters_own_seed_is_the_first(cells):
    assert f"SEED = {experiments.SEEDS[0]}\n" in cells["copier-long"].source


def test_the_tool_runs_cells_that_are_there(cells):
    assert [id_ for id_ in cells if id_ in experiments.CELLS] == list(experiments.CELLS)
