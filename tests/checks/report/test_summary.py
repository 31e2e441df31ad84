"""What a class comes to, on the page and in the table."""

import csv
import io
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from attnlib import words
from attnlib.checks.report import page, table
from attnlib.checks.report.running import Limits, Run, Verdict
from attnlib.checks.report.sheets import Sheet
from attnlib.checks.report.summary import summarise

RIGHT, NAN = Verdict(True), Verdict(False, "empty_row_nan")
HOW = page.Circumstances(Limits(), network_cut=False, memory_limited=False)


def run(student, ending="finished", *, name="", chapter="03_masks", calls=(), **verdicts):
    sheet = Sheet(student, Path(name), name or f"{student}/03_masks.ipynb", chapter)
    calls = tuple(calls) or tuple(verdicts)
    return Run(sheet, ending, 2, 5, calls=calls, verdicts=verdicts)


def summed(*runs, without=()):
    students = sorted({each.sheet.student for each in runs} | set(without))
    return summarise(students, runs, without)


def shown(report, book=""):
    return BeautifulSoup(page.write(report, HOW, book), "html.parser")


def test_of_several_sheets_the_best_counts():
    first = run("a", name="a/1.ipynb", causal_mask=Verdict(False, "upper_left"), padding_mask=RIGHT)
    second = run("a", name="a/2.ipynb", causal_mask=RIGHT, padding_mask=Verdict(None))
    report = summed(first, second)
    assert [report.standing("a", each) for each in ("3.2", "3.3")] == ["passed", "passed"]
    assert report.misconceptions() == []


def test_an_exercise_with_two_checks_needs_both():
    report = summed(run("a", chapter=None, split_heads=RIGHT, merge_heads=Verdict(None)))
    assert report.standing("a", "4.2") == "failed"
    report = summed(run("a", chapter=None, split_heads=RIGHT, merge_heads=RIGHT))
    assert report.standing("a", "4.2") == "passed"


def test_what_never_ran_and_what_was_not_handed_in_are_told_apart():
    report = summed(
        run("a", causal_mask=RIGHT), run("b", "unreadable"), run("c", spread=RIGHT), without=["d"]
    )
    assert [report.standing(each, "3.2") for each in "abcd"] == [
        "passed", "never_ran", "not_handed_in", "not_handed_in",
    ]  # fmt: skip
    assert [name for name, _ in report.chapters()] == ["02_scaled_dot_product", "03_masks"]


def test_a_sheet_belongs_to_the_chapter_of_its_checks_whatever_it_is_called():
    report = summed(run("a", chapter="04_multi_head", causal_mask=RIGHT))
    assert [name for name, _ in report.chapters()] == ["03_masks"]


def test_misconceptions_are_counted_by_students_the_most_frequent_first():
    nameless = Verdict(False)
    report = summed(
        run("a", masked_softmax=NAN, masked_attention=NAN, causal_mask=nameless),
        run("b", masked_softmax=NAN, causal_mask=nameless),
        run("c", causal_mask=Verdict(False, "upper_left"), padding_mask=nameless),
    )
    found = [(each.id, each.students, each.exercises) for each in report.misconceptions()]
    assert found == [
        ("empty_row_nan", ("a", "b"), ("3.7", "3.8")),
        ("upper_left", ("c",), ("3.2",)),
        (None, ("a", "b", "c"), ("3.2", "3.3")),
    ]


def test_bars_are_as_long_as_the_class_is_large():
    bars = shown(summed(run("a", masked_softmax=NAN), run("b"), run("c"), run("d"))).select(".bar")
    assert [bar.select_one(".count").text for bar in bars] == ["1 of 4"]
    assert bars[0].select_one(".track span")["style"] == "width: 25.0%"


def test_a_bar_leads_to_the_section_that_helps():
    report = summed(run("a", causal_mask=Verdict(False, "upper_left")))
    (link,) = shown(report, "https://book.example/en/").select(".facts a")
    assert link["href"] == "https://book.example/en/03_masks.html#one-new-query-many-old-keys"
    assert link.text == "chapter 3, “One new query, many old keys”"
    assert shown(report).select("a") == []


def test_each_misconception_can_be_said_of_a_class():
    """A class in which every student has another one."""
    ids = [*words.catalogue("en")["checks"]["misconception"], None]
    runs = [run(f"{id_}", causal_mask=Verdict(False, id_)) for id_ in ids]
    report = summed(*runs)
    bars = shown(report, "book").select(".bars p")
    for found, bar in zip(report.misconceptions(), bars, strict=True):
        assert len(bar.text) > 20, found.id
        assert not {"{", "`"} & set(bar.text), (found.id, bar.text)
    assert {found.id for found in report.misconceptions()} == set(ids)


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ("unreadable", "no notebook that can be read"),
        ("too_large", "more than 100 MB"),
        ("out_of_time", "within 600 seconds: stopped in code cell 2 of 5"),
        ("died", "in code cell 2 of 5"),
        ("memory", "no memory left in code cell 2 of 5"),
        ("killed", "The system ended it in code cell 2 of 5"),
        ("broken", "could not be run"),
    ],
)
def test_endings_are_told(ending, said):
    (trouble,) = shown(summed(run("a", ending))).select(".troubles li")
    assert said in trouble.text


def test_all_that_did_not_run_is_told():
    sheet = Sheet("a", Path(), "a/x.ipynb", "03_masks")
    failed = ((3, "OutOfTime"), (4, "TooMuchOutput"), (5, "NameError: q"), (6, "E"), (7, "E"))
    report = summarise(
        ["a", "b", "c", "d"],
        [
            Run(sheet, "finished", calls=("causal_mask",), changed="torch.equal", errors=failed),
            run("b", name="b/letter.ipynb", chapter=None),
            run("d", causal_mask=RIGHT, padding_mask=RIGHT, calls=["causal_mask"]),
        ],
        ["c"],
    )  # fmt: skip
    said = [
        [" ".join(p.text.split()) for p in each.select("p")]
        for each in shown(report).select(".troubles li")
    ]
    assert said == [
        [
            "a a/x.ipynb",
            "It changes torch.equal, by which checks judge: what they said after that does not "
            "count.",
            "Code cell 3 took longer than 120 seconds, and was interrupted.",
            "Code cell 4 showed more than 10 MB, and was ended.",
            "Code cell 5 failed (NameError: q).",
            "2 more cells failed.",
            "Not checked in this run: 3.2, 3.3, 3.4, 3.5, 3.7, 3.8.",
        ],
        ["b b/letter.ipynb", "It calls no check of this book."],
        ["c", "No notebook was handed in."],
        ["d d/03_masks.ipynb", "Not checked in this run: 3.4, 3.5, 3.7, 3.8."],
    ]  # fmt: skip


def test_a_class_without_trouble_is_said_to_have_none():
    checks = ("causal_mask", "padding_mask", "catches_uniform_rows", "is_causal")
    all_right = dict.fromkeys((*checks, "masked_softmax", "masked_attention"), RIGHT)
    text = shown(summed(run("a", **all_right))).text
    assert "No exercise failed." in text
    assert "Every cell ran." in text


def test_what_students_name_is_data():
    name = "<script>alert(1)</script>"
    report = summed(run(name, "broken", causal_mask=NAN, name=f"{name}/x.ipynb"))
    html = page.write(report, HOW)
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_the_page_needs_nothing_but_itself():
    report = summed(run("a", causal_mask=NAN))
    html = page.write(report, HOW)
    assert not re.search(r"<script|@import|url\(|https?:|<img", html)
    assert [each["href"] for each in BeautifulSoup(html, "html.parser").select("link")] == [
        "data:,"
    ]


def test_the_page_says_which_limits_held():
    report = summed(run("a", causal_mask=RIGHT))
    held = page.Circumstances(Limits(seconds=7, memory=321), network_cut=True, memory_limited=True)
    without, with_ = page.write(report, HOW), page.write(report, held)
    assert "could not be cut off" in without
    assert "no limit of memory" in without
    for said in ("The network was cut off.", "limited to 321 MB", "at most 7 seconds"):
        assert said in with_
    assert all("This is no sandbox." in each for each in (without, with_))


def test_the_table_has_a_line_for_each_student_and_check():
    report = summed(run("a", causal_mask=NAN), run("b", causal_mask=RIGHT))
    rows = list(csv.DictReader(io.StringIO(table.write(report))))
    assert len(rows) == 2 * 6
    assert rows[0] == {
        "student": "a", "chapter": "03_masks", "exercise": "3.2", "check": "causal_mask",
        "verdict": "failed", "misconception": "empty_row_nan", "sheet": "a/03_masks.ipynb",
    }  # fmt: skip
    assert [row["verdict"] for row in rows if row["student"] == "b"] == [
        "passed", *["never_ran"] * 5,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@a", "\t=1"])
def test_a_name_is_no_formula(name):
    (row, *_) = csv.DictReader(io.StringIO(table.write(summed(run(name, causal_mask=RIGHT)))))
    assert row["student"] == f"'{name}"
    assert row["sheet"].startswith("'")
