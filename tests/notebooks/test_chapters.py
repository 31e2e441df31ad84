"""What every chapter of the English edition has: see "A chapter" in CONTRIBUTING.md."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

import attnlib

ROOT = Path(attnlib.__file__).parent.parent
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# 00_start is no chapter: it leads to them.
CHAPTERS = sorted(p for p in ROOT.glob("notebooks/en/*.ipynb") if not p.name.startswith("00_"))
PREDICT = ":::{admonition} Predict, then run"
EXERCISE = re.compile(r"^### Exercise (\d+)\.(\d+) ★+ (predict|code|spot the bug|think)$", re.M)
PAPERS = {6: {"2104.09864", "2108.12409"}}  # the others: "Attention Is All You Need"


def prose(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def text_of(notebook):
    return "\n\n".join(cell.source for cell in prose(notebook))


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def chapter(request):
    return nbformat.read(request.param, as_version=4)


@pytest.fixture
def number(chapter):
    return int(re.match(r"# (\d+)\. ", chapter.cells[0].source)[1])


def test_chapters_are_numbered_as_their_files():
    titles = [nbformat.read(path, 4).cells[0].source for path in CHAPTERS]
    assert [int(re.match(r"# (\d+)\. ", title)[1]) for title in titles] == [
        int(path.name[:2]) for path in CHAPTERS
    ]


def test_a_chapter_opens_with_its_question_and_what_it_teaches(chapter):
    opening = chapter.cells[0].source
    assert re.search(r"\*\*[^*]+\?\*\*", opening), "the question, in bold"
    _, _, able = opening.partition("When you have worked through the chapter, you can\n")
    assert len(re.findall(r"^- ", able, re.MULTILINE)) >= 3
    assert re.search(r"^You need ", able, re.MULTILINE)


def test_a_prediction_stands_right_before_the_cell_that_answers_it(chapter):
    found = 0
    for cell, following in zip(chapter.cells, chapter.cells[1:], strict=False):
        if cell.cell_type == "markdown" and PREDICT in cell.source:
            found += cell.source.count(PREDICT)
            assert following.cell_type == "code", cell.id
    assert found >= 3


def test_a_chapter_has_one_live_figure_and_says_what_to_try(chapter):
    live = [
        index
        for index, cell in enumerate(chapter.cells)
        if any(WIDGET_VIEW in output.get("data", {}) for output in cell.get("outputs", []))
    ]
    assert len(live) == 1
    assert ":::{admonition} Try\n" in chapter.cells[live[0] - 1].source
    assert any(cell.id.startswith("live-answers") for cell in chapter.cells)


def test_sections_that_every_chapter_ends_with(chapter):
    headings = re.findall(r"^## (.+)$", text_of(chapter), re.MULTILINE)
    assert headings[-3:] == ["What goes wrong", "Exercises", "Recap"] or (
        # a chapter may have one more section between the last two of them
        headings[-2:] == ["Exercises", "Recap"] and headings.count("What goes wrong") == 1
    )
    assert len(set(headings)) == len(headings)


def test_exercises(chapter, number):
    text = text_of(chapter).partition("\n## Exercises\n")[2].partition("\n## Recap\n")[0]
    found = list(EXERCISE.finditer(text))
    assert len(found) == text.count("\n### Exercise ")
    assert [(int(m[1]), int(m[2])) for m in found] == [
        (number, count) for count in range(1, len(found) + 1)
    ]
    kinds = [m[3] for m in found]
    assert len(kinds) >= 5
    assert set(kinds) == {"predict", "code", "spot the bug", "think"}
    assert kinds.count("code") >= 2
    ends = [*(m.start() for m in found[1:]), len(text)]
    for exercise, end in zip(found, ends, strict=True):
        assert "<summary>Solution</summary>" in text[exercise.end() : end], exercise[0]
    assert text.count("<details>") == text.count("</details>") == text.count("<summary>")


def test_the_recap_has_other_names_the_paper_and_the_next_chapter(chapter, number):
    recap = text_of(chapter).partition("\n## Recap\n")[2]
    assert "\n| this book | elsewhere |\n" in recap
    papers = set(re.findall(r"\]\(https://arxiv\.org/abs/(\d{4}\.\d{5})\)", recap))
    assert papers == PAPERS.get(number, {"1706.03762"})
    following = [path.name for path in CHAPTERS if int(path.name[:2]) == number + 1]
    target = rf"\[chapter {number + 1}\]\({following[0]}\)" if following else ""
    assert re.search(rf"^\*\*Next:\*\* {target}", recap, re.MULTILINE)


def test_figures_exercises_and_chapters_that_the_text_names_exist():
    texts = {int(path.name[:2]): text_of(nbformat.read(path, 4)) for path in CHAPTERS}
    there = {
        "figure": set(re.findall(r"^\*\*Figure (\d+\.\d+)\.\*\*", "\n".join(texts.values()), re.M)),
        "exercise": {f"{m[1]}.{m[2]}" for text in texts.values() for m in EXERCISE.finditer(text)},
        "chapter": {str(number) for number in texts},
    }
    for number, text in texts.items():
        for kind, name in re.findall(r"\b([Ff]igure|[Ee]xercise|[Cc]hapter) (\d+(?:\.\d+)?)", text):
            assert name in there[kind.lower()], f"chapter {number} names {kind} {name}"
        for label, target in re.findall(r"\[(?:chapter )?(\d)\]\((\d\d)_\w+\.ipynb\)", text):
            assert int(label) == int(target), f"chapter {number}: [{label}]({target}…)"


def test_the_idea_is_built_in_place_and_compared_with_the_library(chapter):
    code = "\n".join(cell.source for cell in chapter.cells if cell.cell_type == "code")
    assert "assert_close(" in code
    assert len(re.findall(r"^def \w+|^class \w+", code, re.MULTILINE)) >= 2
    assert "attnlib." in code or "from attnlib import" in code


def test_the_running_example_is_in_every_chapter(chapter):
    assert "早上好" in text_of(chapter)


NO_WORDS = {"loc", "ha", "va", "linestyle", "color", "fontfamily"}


def test_labels_of_figures_are_symbols_or_names_in_the_code(chapter):
    for cell in chapter.cells:
        if cell.cell_type != "code" or cell.id == "bootstrap":
            continue
        for call in ast.walk(ast.parse(cell.source)):
            if not isinstance(call, ast.Call):
                continue
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if not re.fullmatch(r"set\w*|text|annotate|plot\w*|legend|suptitle", name):
                continue
            words = [*call.args, *(k.value for k in call.keywords if k.arg not in NO_WORDS)]
            for part in (part for word in words for part in ast.walk(word)):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    text = re.sub(r"\$[^$]*\$", "", part.value)
                    phrase = re.search(r"[A-Za-z]{2,} [A-Za-z]{2,}", text)
                    assert not phrase, (cell.id, part.value)


def test_pictures_stay_small(chapter):
    for cell in chapter.cells:
        for output in cell.get("outputs", []):
            png = output.get("data", {}).get("image/png", "")
            assert len(png) * 3 / 4 < 80_000, cell.id
