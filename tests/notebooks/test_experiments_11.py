"""What chapter 11 says about seeds is what `make experiments` has measured, seed by seed."""

import json
import re

import pytest

from tests.notebooks.cells import cells_of
from tools.experiments import c11_inside as experiments

TABLE = json.loads(experiments.TABLE.read_text(encoding="utf-8"))
ROWS, VARIANTS = TABLE["rows"], TABLE["variants"]
LEARNED = experiments.learned(ROWS)
CHAPTERS = cells_of("11_inside")


@pytest.fixture(params=CHAPTERS)
def cells(request):
    return CHAPTERS[request.param]


def test_there_are_ten_seeds_and_all_but_one_have_learned_their_task():
    assert [row["seed"] for row in ROWS] == list(experiments.SEEDS)
    assert len(ROWS) == 10
    assert [row["seed"] for row in ROWS if row not in LEARNED] == [9]
    assert {row["variant"] for row in VARIANTS} == {*experiments.VARIANTS}
    assert len(VARIANTS) == len(experiments.VARIANTS) * len(experiments.VARIANT_SEEDS)


@pytest.mark.parametrize("row", LEARNED, ids=lambda row: f"seed {row['seed']}")
def test_what_the_chapter_says_of_its_own_seed_holds_for_each_that_learned(row):
    assert row["below 3"] < row["below 1"]
    assert row["right"][1] < 0.15
    assert row["first"] > 4.16 + 0.3
    assert max(row["previous"][0]) > 0.8 > 0.15 > max(row["induction"][0])
    assert min(row["induction"][1]) > 0.8 > 0.15 > max(row["previous"][1])
    off = {name: right for name, (right, _) in row["off"].items()}
    assert off["finder"] < 0.5 < 0.95 < off["idle"]
    assert off["1.0 1.1"] < 0.05 < 0.6 < min(off["1.0"], off["1.1"])
    through = row["through"]
    assert through["key"] < 0.5 < 0.99 < min(through["query"], through["value"])
    assert row["untold"][0] > 0.97
    assert row["shuffled"][0] < 0.2
    assert row["shuffled"][1] > 4.16 + 1
    right, agree, elsewhere = row["two models"]
    assert min(right, agree) > 0.98
    assert elsewhere > 0.6


def test_what_the_chapter_says_of_single_seeds(cells):
    said = cells["seeds-reading"].source
    drops = {row["seed"]: row["below 1"] - row["below 3"] for row in LEARNED}
    fast = sorted(steps for steps in drops.values() if steps < 60)
    slow = sorted(steps for steps in drops.values() if steps >= 60)
    assert (len(fast), len(slow)) == (6, 3)
    for number in (fast[0], fast[-1], slow[0], slow[-1], ROWS[9]["below 1"]):
        assert str(number) in said
    two = [row for row in LEARNED if min(row["previous"][0]) > 0.4]
    assert [row["seed"] for row in two] == [1, 2]
    for row in two:
        assert f"{min(row['previous'][0]):.2f}" in said
        assert f"{row['off']['finder'][0]:.2f}" in said
    assert all(row["off"]["finder"][0] < 0.11 for row in LEARNED if row not in two)
    least = min(ROWS, key=lambda row: row["morning"])
    assert (least["seed"], f"{least['morning']:.2f}" in said) == (1, True)
    one_head = [row["right"][0] > 0.97 for row in VARIANTS if row["variant"] == "heads=1"]
    assert sum(one_head) == 2


def test_the_committed_table_is_as_the_tool_writes_it():
    assert experiments.written(ROWS, VARIANTS) == experiments.TABLE.read_text(encoding="utf-8")


def test_the_chapter_shows_the_table(cells):
    lines = re.findall(r"^\| (.+) \|$", cells["seeds-table"].source, re.MULTILINE)
    shown = [[part.strip() for part in line.split(" | ")] for line in lines[1:]]
    wanted = [*experiments.summary(ROWS), *experiments.variant_summary(VARIANTS)]
    assert [line[-1] for line in shown] == [line[-1] for line in wanted]


def test_the_chapters_own_seed_is_the_first(cells):
    assert f"SEED = {experiments.SEEDS[0]}\n" in cells["fit"].source


def test_the_tool_runs_cells_that_are_there(cells):
    assert [id_ for id_ in cells if id_ in experiments.CELLS] == list(experiments.CELLS)
