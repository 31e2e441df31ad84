"""Progress: the exercises of the chapter at hand, in this session, nowhere else."""

import subprocess
import sys

import torch

from attnlib import checks
from attnlib.checks.engine.registry import all_checks
from tools.editions import editions


def test_nothing_yet():
    assert repr(checks.progress()) == "Nothing was checked in this session yet."
    assert "Nothing was checked" in checks.progress()._repr_html_()


def test_a_chapter_shows_as_soon_as_one_of_its_checks_ran():
    checks.check_attention(None)
    progress = checks.progress()
    assert progress.done == {"2.1": None, "2.2": None, "2.4": None, "2.6": None}
    assert progress.headline == "0 of 4 exercises with a check are done"


def test_the_latest_result_counts():
    checks.check_attention(torch.nn.functional.scaled_dot_product_attention)
    assert checks.progress().done["2.2"] is True
    checks.check_attention(lambda q, k, v: q)
    assert checks.progress().done["2.2"] is False
    checks.check_attention(None)
    assert checks.progress().done["2.2"] is None


def test_an_exercise_with_two_checks_needs_both():
    checks.check_split_heads(lambda x, h: x.unflatten(-1, (h, -1)).transpose(1, 2))
    assert checks.progress().done["4.2"] is False
    checks.check_merge_heads(lambda x: x.transpose(1, 2).flatten(2))
    assert checks.progress().done["4.2"] is True


def test_the_html_lists_every_exercise():
    checks.check_doubled_query([0.87, 0.12, 0.02])
    checks.check_spread([4, 1])
    html = checks.progress()._repr_html_()
    assert html.count("<li>") == len(checks.progress().done) == 8
    assert "✓ 1.1" in html
    assert "✗ 2.1" in html
    assert "○ 2.2" in html


def test_every_chapter_has_three_exercises_with_a_check():
    exercises = {check.exercise for check in all_checks()}
    for path in editions()[0].chapters:
        assert sum(each.startswith(f"{int(path.name[:2])}.") for each in exercises) >= 3


def test_a_fresh_session_knows_nothing_and_writes_nothing(tmp_path):
    script = (
        "from attnlib import checks; print(checks.progress()); checks.check_spread([2, 1]); "
        "print(checks.progress().done['2.1'])"
    )
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path,
            encoding="utf-8", env={"HOME": str(tmp_path), "PYTHONUTF8": "1", "PATH": ""},
        )  # fmt: skip
        assert run.stdout.splitlines() == ["Nothing was checked in this session yet.", "True"], run
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
