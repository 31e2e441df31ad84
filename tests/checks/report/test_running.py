"""Sheets that never end, die, flood, or cheat: a student loses nothing by what others do."""

import asyncio
import json
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from attnlib.checks.report import running, supervisor
from attnlib.checks.report.running import Limits, Verdict
from attnlib.checks.report.sheets import Sheet
from tests.checks.report import hostile

VIEW = running.view()
INVERTED = Verdict(False, "mask_inverted")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Run all sheets that need a kernel, two at a time."""
    folder = tmp_path_factory.mktemp("class")
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET_TOKEN", "of the teacher")
        port = str(server.getsockname()[1])
        tight = Limits(seconds=150, cell_seconds=5, memory=2000, output=2, sheet=20)
        given = {
            "lively": (hostile.LIVELY, tight, VIEW),
            "patched": (hostile.PATCHED, Limits(seconds=150), VIEW),
            # Here all has to be found and ended without the help of the system.
            "stubborn": (hostile.STUBBORN, Limits(seconds=10, cell_seconds=1), ()),
        }

        def one(name):
            cells, limits, view = given[name]
            path = folder / name / "renamed.ipynb"
            hostile.write(path, [each.replace("PORT", port) for each in cells])
            return running.run(Sheet(name, path, name, None), limits, view, str(folder))

        with ThreadPoolExecutor(2) as pool:
            return dict(zip(given, pool.map(one, given), strict=True))


def test_a_sheet_runs_to_its_end_whatever_its_cells_do(runs):
    run = runs["lively"]
    assert (run.ending, run.cell, run.cells) == ("finished", *[len(hostile.LIVELY)] * 2)


def test_what_counts_is_what_checks_say_last_in_this_run(runs):
    """Not what is printed, nor what stands in the file, which claims that all has passed."""
    assert runs["lively"].verdicts == {
        "causal_mask": Verdict(True),
        "padding_mask": INVERTED,
        "masked_softmax": Verdict(None),
        "is_causal": Verdict(None),
    }


def errors(run):
    """Return the error of each cell that failed, by the cell's last line."""
    return {hostile.LIVELY[cell - 1].split("\n")[-1].strip(): said for cell, said in run.errors}


def test_cells_that_do_not_end_or_flood_are_interrupted(runs):
    said = errors(runs["lively"])
    assert said["pass"] == "OutOfTime"
    assert said["print('x' * 100_000)"] == "TooMuchOutput"
    assert said["display('z' * 100_000)"] == "TooMuchOutput"
    assert said["subprocess.run(['yes'], timeout=0.5)"].startswith("TimeoutExpired")
    assert said["sys.stderr.write('y' * 100_000)"] == "TooMuchOutput"


def test_nobody_answers_a_question(runs):
    assert errors(runs["lively"])["input('Name?')"].startswith("StdinNotImplementedError")


def test_a_cell_that_fails_stops_nothing(runs):
    said = errors(runs["lively"])
    assert said["sys.exit('enough')"] == "SystemExit: enough"
    assert said["this is no Python"].startswith("SyntaxError")


@pytest.mark.skipif(sys.platform != "linux", reason="only there can memory be limited")
def test_memory_and_files_have_limits(runs):
    said = errors(runs["lively"])
    assert said["bytearray(20_000_000_000)"].startswith("MemoryError")
    assert "too large" in said["open('large', 'wb').write(bytes(200_000_000))"]


def test_a_sheet_sees_neither_secrets_nor_the_home_of_the_teacher(runs):
    assert not [line for line in errors(runs["lively"]) if line.startswith("assert")]


def test_the_network_is_cut_off_where_the_system_can(runs):
    reached = not [line for line in errors(runs["lively"]) if line.startswith("socket")]
    assert reached == (VIEW == ())


def test_a_check_that_was_replaced_is_not_believed(runs):
    run = runs["lively"]
    assert "masked_attention" in run.calls
    assert "masked_attention" not in run.verdicts


def test_a_result_that_no_check_gave_is_not_believed(runs):
    assert runs["lively"].changed == "attnlib.checks.engine.latest"
    assert runs["lively"].verdicts["is_causal"] != Verdict(True)


def test_after_the_judge_was_changed_nothing_counts(runs):
    run = runs["patched"]
    assert run.changed == "attnlib.checks.engine.check.difference"
    assert run.verdicts == {"padding_mask": INVERTED, "causal_mask": Verdict(True)}


def test_a_sheet_that_ends_its_python_keeps_what_came_before(runs):
    run = runs["patched"]
    assert (run.ending, run.cell, run.cells) == ("died", 6, 7)
    assert "masked_softmax" not in run.verdicts


def test_a_sheet_that_cannot_be_interrupted_is_ended(runs, tmp_path_factory):
    assert runs["stubborn"].ending == "out_of_time"
    assert runs["stubborn"].verdicts == {}
    kernels = [
        each.info["cmdline"]
        for each in psutil.process_iter(["cmdline"])
        if "ipykernel_launcher" in (each.info["cmdline"] or [])
        and each.parent() not in (None, *psutil.Process().parents())
    ]
    mine = str(psutil.Process().pid)
    assert [line for line in kernels if mine in line] == []


@pytest.mark.parametrize("name", hostile.BROKEN)
def test_what_is_no_notebook_is_said_to_be_none(name, tmp_path):
    sheet, log = tmp_path / name, tmp_path / "log"
    sheet.write_text(hostile.BROKEN[name], encoding="latin-1")
    asyncio.run(supervisor.run({"sheet": str(sheet)}, supervisor.Log(str(log))))
    assert [json.loads(line)["event"] for line in log.read_text().splitlines()] == ["unreadable"]


def test_a_file_that_is_too_large_is_not_opened(tmp_path):
    path = tmp_path / "large.ipynb"
    with path.open("wb") as file:
        os.truncate(file.fileno(), 2 * 2**20)
    run = running.run(Sheet("a", path, "a", None), Limits(sheet=1), (), "")
    assert run.ending == "too_large"


@pytest.mark.parametrize(
    "said",
    [
        {"check": "causal_mask", "passed": 1, "misconception": None, "changed": None},
        {"check": "causal_mask", "passed": "yes", "misconception": None, "changed": None},
        {"check": "causal_mask", "misconception": ["a"], "passed": False, "changed": None},
        {"check": ["causal_mask"], "passed": True, "misconception": None, "changed": None},
        {"check": "no_such_check", "passed": True, "misconception": None, "changed": None},
        {"passed": True},
        {},
    ],
)
def test_a_line_that_is_no_verdict_is_left_out(said):
    run = running._read(Sheet("a", None, "a", None), [], iter([said]), in_time=True)
    assert (run.verdicts, run.ending) == ({}, "killed")


def test_a_misconception_that_nobody_knows_has_no_name():
    said = {"check": "causal_mask", "passed": False, "misconception": "<b>", "changed": None}
    run = running._read(Sheet("a", None, "a", None), [], iter([said]), in_time=True)
    assert run.verdicts == {"causal_mask": Verdict(False)}


def test_without_a_way_to_cut_it_off_the_network_stays(monkeypatch):
    monkeypatch.setattr(running, "_VIEWS", (("false",),))
    assert running.view() == ()
    monkeypatch.setattr(running.shutil, "which", lambda name: None)
    monkeypatch.setattr(running, "_VIEWS", (("true",),))
    assert running.view() == ()
