"""The page For teachers names the options that there are, and its cells judge as it says."""

import re
import sys

import pytest
import torch

from attnlib import checks
from attnlib.checks import __main__ as command
from attnlib.checks.report.running import Limits
from tools.editions import editions

EDITIONS = [each for each in editions() if (each.pages_folder / "teachers.md").is_file()]
PAGES = pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)


def page(edition):
    return (edition.pages_folder / "teachers.md").read_text(encoding="utf-8")


@PAGES
def test_the_options_are_those_of_the_command(edition, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["attnlib.checks", "report", "--help"])
    with pytest.raises(SystemExit):
        command.main()
    offered = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    rows = dict(re.findall(r"^\| `(--[a-z-]+)` \| (.+) \|$", page(edition), re.MULTILINE))
    assert set(rows) == offered
    for name, default in (
        ("--seconds", Limits.seconds),
        ("--cell-seconds", Limits.cell_seconds),
        ("--memory", Limits.memory),
    ):
        assert rows[name].endswith(f"{default:g}"), name


@PAGES
def test_the_cells_for_grading_tell_right_from_wrong(edition):
    nbgrader, otter = re.findall(r"```python\n(.*?)```", page(edition), re.DOTALL)

    def right(q_len, k_len):
        return torch.ones(q_len, k_len).tril(k_len - q_len).bool()

    def wrong(q_len, k_len):
        return torch.ones(q_len, k_len).tril().bool()

    exec(nbgrader, {"checks": checks, "my_causal_mask": right})
    with pytest.raises(AssertionError, match="first"):
        exec(nbgrader, {"checks": checks, "my_causal_mask": wrong})
    first, last = otter.strip().split("\n")
    shown = []
    for answer in (right, wrong):
        names = {"checks": checks, "my_causal_mask": answer}
        exec(first, names)
        shown.append(eval(last, names))
    assert shown == [True, "upper_left"]
    assert "'upper_left'" in page(edition)
