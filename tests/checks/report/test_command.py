"""`python -m attnlib.checks report`: what it asks for, refuses and writes."""

import subprocess
import sys

import pytest

from attnlib import words
from attnlib.checks import __main__ as command
from tests.checks.report import hostile

LANGUAGES = ", ".join(words.languages())


@pytest.fixture
def report(monkeypatch, capsys):
    """Return a function that runs the command: what it returned, printed, and complained."""

    def ran(*arguments):
        monkeypatch.setattr(sys, "argv", ["attnlib.checks", "report", *map(str, arguments)])
        try:
            code = command.main()
        except SystemExit as stop:
            code = stop.code
        return (code, *capsys.readouterr())

    return ran


def test_it_writes_a_page_and_a_table_whatever_was_handed_in(report, tmp_path):
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "anna_03_masks.ipynb").write_text(hostile.BROKEN["cut_off.ipynb"])
    code, said, complained = report(tmp_path / "class", "--out", tmp_path / "new" / "out")
    assert (code, complained) == (0, "")
    assert said.startswith("1 of 1: anna_03_masks.ipynb: It is no notebook")
    assert "This is no sandbox." in said
    html = (tmp_path / "new/out/report.html").read_text(encoding="utf-8")
    assert "<h1>Report on a class</h1>" in html
    table = (tmp_path / "new/out/report.csv").read_text(encoding="utf-8-sig")
    assert table.splitlines()[1].startswith("anna,03_masks,3.2,causal_mask,never_ran")
    assert [each.name for each in (tmp_path / "class").iterdir()] == ["anna_03_masks.ipynb"]


def test_a_folder_that_is_none_is_refused(report, tmp_path):
    code, _, complained = report(tmp_path / "nothing")
    assert code == 2
    assert complained == f"FOLDER must be a folder, got {str(tmp_path / 'nothing')!r}\n"


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--seconds", "0", "--seconds must be above 0, got 0"),
        ("--cell-seconds", "nan", "--cell-seconds must be above 0, got nan"),
        ("--memory", "-1", "--memory must be above 0, got -1"),
        ("--jobs", "0", "--jobs must be above 0, got 0"),
        ("--language", "tlh", f"--language must be one of {LANGUAGES}, got tlh"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(report, tmp_path, option, value, said):
    code, _, complained = report(tmp_path, option, value)
    assert code == 2
    assert said in complained


def test_what_is_missing_is_named(report, monkeypatch, tmp_path):
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "nbclient" else name)
    assert report(tmp_path) == (
        2, "", 'The report needs nbclient. Install it with: pip install "attnlib[report]"\n',
    )  # fmt: skip


def test_checks_do_not_need_what_a_report_needs():
    script = (
        "import sys\nfor name in ('nbclient', 'ipykernel', 'psutil', 'jupyter_client'): "
        "sys.modules[name] = None\nfrom attnlib.checks import __main__ as command\n"
        "sys.argv[1:] = ['report', 'x']\nsys.exit(command.main())"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stderr.startswith("The report needs nbclient, ipykernel, psutil.")
