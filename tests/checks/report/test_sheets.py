"""Whose a notebook is, however a class hands in."""

import pytest

from attnlib.checks.report.sheets import find

CHAPTERS = ["03_masks", "04_multi_head"]


def given(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    return find(folder, CHAPTERS)


@pytest.mark.parametrize(
    ("name", "student", "chapter"),
    [
        ("anna/03_masks.ipynb", "anna", "03_masks"),
        ("anna/week 3/04_multi_head.ipynb", "anna", "04_multi_head"),
        ("anna/mine.ipynb", "anna", None),
        ("anna.ipynb", "anna", None),
        ("anna_03_masks.ipynb", "anna", "03_masks"),
        ("03_masks-Anna Bell.ipynb", "Anna Bell", "03_masks"),
        ("anna_03_masks (1).ipynb", "anna", "03_masks"),
        ("anna_03_masks-Copy1.ipynb", "anna", "03_masks"),
        ("03_masks.ipynb", "03_masks", "03_masks"),
        ("李雷_03_masks.ipynb", "李雷", "03_masks"),
        ("anna_17_assignsubmission_file/03_masks.ipynb", "anna_17_assignsubmission_file",
         "03_masks"),
    ],
)  # fmt: skip
def test_names(name, student, chapter, tmp_path):
    (sheet,) = given(tmp_path, name).sheets
    assert (sheet.student, sheet.chapter, sheet.name) == (student, chapter, name)


def test_what_is_none_of_theirs_is_left_out(tmp_path):
    names = ["a/.ipynb_checkpoints/x.ipynb", "__MACOSX/a/x.ipynb", ".trash/x.ipynb", "a/x.ipynb"]
    assert [sheet.name for sheet in given(tmp_path, *names).sheets] == ["a/x.ipynb"]


def test_a_student_without_a_notebook_is_not_forgotten(tmp_path):
    handed_in = given(tmp_path, "a/x.ipynb", "b/x.pdf", "__MACOSX/x.txt")
    assert handed_in.without == ("b",)
    assert handed_in.students == ["a", "b"]


def test_a_folder_named_like_a_notebook_is_none(tmp_path):
    assert len(given(tmp_path, "a/x.ipynb/y.ipynb").sheets) == 1


def test_there_has_to_be_something(tmp_path):
    with pytest.raises(ValueError, match=r"FOLDER must hold notebooks, got .*without any"):
        find(tmp_path, CHAPTERS)
    with pytest.raises(ValueError, match=r"FOLDER must be a folder, got .*nothing"):
        find(tmp_path / "nothing", CHAPTERS)
