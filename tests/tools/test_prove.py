"""`make test`: stages side by side, in order, each to its end, and one summary."""

import os
import sys
import time
from pathlib import Path

import pytest

from tools import prove
from tools.stages import STAGES, Stage, waiting


@pytest.fixture(autouse=True)
def _logs(monkeypatch, tmp_path):
    monkeypatch.setattr(prove, "LOGS", tmp_path)


def stage(name, code="pass", seconds=1, after=()):
    return Stage(name, (sys.executable, "-c", code), seconds, after)


def test_the_table_of_stages_is_sound():
    names = [each.name for each in STAGES]
    assert len(set(names)) == len(names)
    for order, each in enumerate(STAGES):
        assert set(each.after) <= set(names[:order]), "what is waited for stands before"
        for folder in each.command:
            assert (
                not folder.startswith("tests/") or "*" in folder or (prove.ROOT / folder).is_dir()
            )
    folders = {
        path.name for path in (prove.ROOT / "tests").iterdir() if any(path.glob("test_*.py"))
    }
    proven = {part.removeprefix("tests/") for each in STAGES for part in each.command}
    assert folders - {"speed"} <= proven, "a folder of tests that no stage runs"


def test_the_longest_chain_begins_first_and_nothing_before_what_it_waits_for(capsys):
    note = f"open({str(prove.LOGS / 'order')!r}, 'a').write"
    stages = [
        stage("short", f"{note}('short ')", 1),
        stage("last", f"{note}('last ')", 9, ("first",)),
        stage("first", f"{note}('first ')", 2),
    ]
    outcomes = prove.Lanes(stages, lanes=1).run()
    assert (prove.LOGS / "order").read_text() == "first last short "
    assert all(outcome.passed for outcome in outcomes)
    assert capsys.readouterr().out.count("passed") == 3


def test_two_lanes_run_side_by_side():
    """Each waits for the file that the other one makes."""
    code = (
        "import pathlib, sys, time\n"
        "mine, other = map(pathlib.Path, {})\n"
        "mine.touch()\n"
        "while not other.exists(): time.sleep(0.01)\n"
    )
    a, b = str(prove.LOGS / "a"), str(prove.LOGS / "b")
    stages = [stage("a", code.format((a, b))), stage("b", code.format((b, a)))]
    assert all(outcome.passed for outcome in prove.Lanes(stages).run())


def test_a_stage_may_take_as_long_as_it_likes_while_it_says_something():
    code = "import time\nfor _ in range(8): time.sleep(0.5); print('.', flush=True)"
    outcome = prove.run(stage("slow", code), silence=2)
    assert outcome.passed
    assert outcome.seconds > 4


def test_a_stage_that_stands_still_is_ended_with_all_it_started():
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    outcome = prove.run(stage("still", code), silence=3)
    assert not outcome.passed
    assert "it stood still" in outcome.text
    child = int(outcome.text.split()[0])
    for _ in range(100):
        try:
            os.kill(child, 0)
            if Path(f"/proc/{child}/stat").read_text().split()[2] == "Z":
                return
        except (OSError, ProcessLookupError):
            return
        time.sleep(0.1)
    pytest.fail("what the stage had started goes on")


def test_a_failure_shows_its_whole_output_and_the_others_still_run(capsys):
    stages = [
        stage("bad", "print('why it failed'); raise SystemExit(3)", 2),
        stage("good", "print('tests: proved 2, reused 5')", 1, ("bad",)),
    ]
    outcomes = prove.Lanes(stages).run()
    printed = capsys.readouterr().out
    assert "why it failed" in printed
    assert [outcome.passed for outcome in outcomes] == [False, True]
    text = prove.summary(outcomes, 7)
    assert "tests: proved 2, reused 5" in text
    assert "FAILED: bad" in text
    assert text.splitlines()[-1] == "stages: 1 passed, 1 failed"


def test_counts_are_added_over_stages():
    said = "print('tests: proved 2, reused 5\\nrecords: proved 1, reused 0')"
    outcomes = prove.Lanes([stage("a", said), stage("b", said)]).run()
    assert "records: proved 2, reused 0\ntests: proved 4, reused 10\n" in prove.summary(outcomes, 7)


def test_a_program_that_is_not_there_is_a_failure():
    outcome = prove.run(Stage("none", ("no-such-program",), 1))
    assert not outcome.passed
    assert "no-such-program" in outcome.text


def test_an_unknown_stage_is_named(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["prove", "speling"])
    with pytest.raises(SystemExit, match="no such stage: speling"):
        prove.main()


def test_what_waits_counts():
    (book,) = (each for each in STAGES if each.name == "book")
    assert waiting(book) > book.seconds
