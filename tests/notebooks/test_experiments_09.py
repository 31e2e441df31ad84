"""What chapter 9 says about seeds is what `make experiments` has measured, seed by seed.

Margins are wide enough for seeds 10, 11 and 12 as well, which the chapter does not show.
"""

import json

import pytest

from tests.notebooks.cells import cells_of
from tools.experiments import c09_generation as experiments

ROWS = json.loads(experiments.TABLE.read_text(encoding="utf-8"))["rows"]
CHAPTERS = cells_of("09_generation")
BY_SEED = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"seed {row['seed']}")


@pytest.fixture(params=CHAPTERS)
def cells(request):
    return CHAPTERS[request.param]


def numbers(table):
    """Return the rows of a Markdown table without its heading, cell by cell."""
    return [
        [cell.strip() for cell in line.strip("| ").split("|")] for line in table.split("\n")[2:]
    ]


def test_there_are_several_seeds_and_the_chapters_own_is_one(cells):
    assert [row["seed"] for row in ROWS] == list(experiments.SEEDS)
    assert len(set(experiments.SEEDS)) >= 3
    assert f"SEED = {experiments.SEEDS[0]}" in cells["split"].source


def test_the_tables_of_the_chapter_are_those_of_the_runs(cells):
    summary = experiments.summary(ROWS)
    kinds = [name for name in summary if not name.startswith("`")]
    assert [row[1] for row in numbers(cells["seeds-table"].source)] == [summary[k] for k in kinds]
    for bug, share, _ in numbers(
        cells["bugs-table"].source[: cells["bugs-table"].source.index("\n\n")]
    ):
        assert share == summary[bug], bug


@BY_SEED
def test_rotary_encoding_is_worth_some_dates_in_a_hundred(row):
    assert row["exact"]["rotary"] > 0.99
    assert 0.015 < row["exact"]["rotary"] - row["exact"]["no rotary"] < 0.06
    assert row["swapped"] > 0.4


@BY_SEED
def test_a_low_loss_and_no_text(row):
    for bug in experiments.BROKEN:
        assert row["broken"][bug]["loss"] < 0.05
        assert row["broken"][bug]["exact"] < 0.01
    together, alone = (row["exact"][f"no padding mask{each}"] for each in ("", ", alone"))
    assert together > 0.93
    assert alone < together - 0.1


@BY_SEED
def test_languages_that_were_not_in_training(row):
    assert row["unseen"]["nl"] > 0.8
    assert row["unseen"]["pl"] < 0.4
    assert row["unseen"]["ko"] < 0.02


@BY_SEED
def test_logits_tell_every_bug_and_texts_do_not(row):
    for bug, found in row["bugs"].items():
        assert (found["apart"] < 1e-4) == (bug == "none")
        assert bug == "none" or found["apart"] > 5
    for bug in ("position", "upper_left", "stale"):
        assert row["bugs"][bug]["exact"] < 0.01


def test_which_bug_a_text_hides_depends_on_the_seed():
    for bug in ("twice", "forget"):
        shares = [row["bugs"][bug]["exact"] for row in ROWS]
        assert max(shares) > 0.5
        assert min(shares) < 0.01


def test_the_committed_table_is_as_the_tool_writes_it():
    assert experiments.written(ROWS) == experiments.TABLE.read_text(encoding="utf-8")


def test_the_tool_runs_cells_that_are_there(cells):
    assert [id_ for id_ in cells if id_ in experiments.CELLS] == list(experiments.CELLS)
