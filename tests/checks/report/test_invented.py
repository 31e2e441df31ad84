"""The report that the page For teachers shows is what comes of its ten sheets today."""

import csv

import nbformat
import numpy as np
import pytest
from PIL import Image

from attnlib.checks.engine import latest
from attnlib.checks.report import running
from attnlib.checks.report.running import Run, Verdict
from tests.checks.report import invented
from tools.editions import editions


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Judge each sheet; only those in trouble need a process of their own for that."""
    found = []
    for sheet in invented.write_all(tmp_path_factory.mktemp("class")).sheets:
        if sheet.student in invented.TROUBLED:
            shared = str(tmp_path_factory.mktemp("shared"))
            found.append(running.run(sheet, invented.LIMITS, running.view(), shared))
            continue
        latest.forget()
        names = {}
        for cell in nbformat.read(sheet.path, as_version=4).cells:
            code = compile(cell.source, f"{sheet.student}-{cell.id}", "exec")
            exec(code, names)
        verdicts = {
            name: Verdict(each.passed, each.misconception)
            for name, each in latest.results().items()
        }
        found.append(Run(sheet, "finished", calls=tuple(verdicts), verdicts=verdicts))
    latest.forget()
    return found


@pytest.mark.parametrize("edition", editions(), ids=lambda each: each.language)
def test_it_is_what_comes_of_the_sheets(edition, runs):
    for ending, text in invented.written(runs, edition.language).items():
        path = invented.PLACE / f"{edition.language}.{ending}"
        assert path.read_text(encoding="utf-8") == text, (
            "run `python -m tests.checks.report.invented`"
        )


@pytest.mark.parametrize("edition", editions(), ids=lambda each: each.language)
def test_its_picture_is_of_this_report(edition):
    html = invented.PLACE / f"{edition.language}.html"
    with Image.open(html.with_suffix(".png")) as picture:
        assert picture.info["report"] == invented.stamp(html.read_bytes()), (
            "run `python -m tests.checks.report.invented`"
        )


@pytest.mark.parametrize("edition", editions(), ids=lambda each: each.language)
def test_its_picture_shows_letters(edition):
    """On a machine that lacks them, all are the same box."""
    with Image.open((invented.PLACE / edition.language).with_suffix(".png")) as picture:
        title = np.asarray(picture.convert("L"))[60:150] < 128
    edges = np.flatnonzero(np.diff(title.any(axis=0)))
    assert np.ptp(edges[1::2] - edges[::2]) > 2, "all letters of the title are equally wide"


def test_it_shows_all_that_a_report_can_show():
    with (invented.PLACE / "en.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len({row["student"] for row in rows}) == 10
    assert {row["verdict"] for row in rows} == {"passed", "failed", "not_attempted", "never_ran"}
    assert len({row["misconception"] for row in rows if row["misconception"]}) >= 8
