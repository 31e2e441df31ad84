"""What every chapter of every edition has: see "A chapter" in CONTRIBUTING.md."""

import ast
import re

import nbformat
import pytest

from tools.editions import DEFAULT, ROOT, editions
from tools.site.sources import with_chapters

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
EDITIONS = {edition.language: edition for edition in editions()}
NUMBERED = r"(\d+(?:\.\d+)?)"
KINDS = ("kind_predict", "kind_code", "kind_bug", "kind_think")
REFERENCES = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
LINK = re.compile(r"\[(?:\D*)(\d+)\D*\]\((?:\.\./\w+/)?(\d\d)_\w+\.ipynb\)")
PAPER = re.compile(r"\[([^\]]+)\]\(https://arxiv\.org/abs/(\d{4}\.\d{5})\)")


def prose(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def text_of(notebook):
    return "\n\n".join(cell.source for cell in prose(notebook))


def title_of(paper):
    """Return the title of a paper among the book's references, by its number on arXiv."""
    entries = REFERENCES.split("\n@")
    (entry,) = (each for each in entries if f"arxiv.org/abs/{paper}" in each)
    return re.sub(r"[{}]", "", re.search(r"^ *title *= *\{(.+)\},?$", entry, re.MULTILINE)[1])


def exercise_headings(edition):
    kinds = "|".join(re.escape(edition.phrases[kind]) for kind in KINDS)
    exercise = edition.naming("exercise", r"(\d+)\.(\d+)")
    return re.compile(rf"^### {exercise} ★{{1,2}} ({kinds})$", re.MULTILINE)


@pytest.fixture(params=EDITIONS)
def edition(request):
    return EDITIONS[request.param]


PATHS = {f"{e.language}-{path.stem}": (e, path) for e in EDITIONS.values() for path in e.chapters}


@pytest.fixture(params=PATHS)
def place(request):
    return PATHS[request.param]


@pytest.fixture
def phrases(place):
    return place[0].phrases


@pytest.fixture
def chapter(place):
    return nbformat.read(place[1], as_version=4)


@pytest.fixture
def number(chapter):
    return int(re.match(r"# (\d+)\. ", chapter.cells[0].source)[1])


def test_chapters_are_numbered_as_their_files(edition):
    titles = [nbformat.read(path, 4).cells[0].source for path in edition.chapters]
    numbers = [int(re.match(r"# (\d+)\. ", title)[1]) for title in titles]
    assert numbers == [int(path.name[:2]) for path in edition.chapters]
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers


@pytest.mark.parametrize("page", ["the first notebook", "the introduction"])
def test_where_readers_begin_every_chapter_is_listed(edition, page):
    if page == "the introduction":
        text = (edition.pages_folder / "intro.md").read_text(encoding="utf-8")
        text = text.partition("(the-chapters)=\n")[2].partition("\n(")[0]
        text = with_chapters(text, edition, EDITIONS[DEFAULT])
        item = rf"^(\d+)\. \[([^\]]+)\]\(\S*/{edition.language}/(\w+\.ipynb)\)\\\n +\S"
    else:
        (start,) = set(edition.notebooks) - set(edition.chapters)
        text = nbformat.read(start, 4).cells[0].source
        item = r"^\| (\d+) \| \[([^\]]+)\]\((\w+\.ipynb)\) \| "
    wanted = []
    for number, path in enumerate(edition.chapters, 1):
        heading = nbformat.read(path, 4).cells[0].source.splitlines()[0]
        wanted.append((str(number), heading.removeprefix(f"# {number}. "), path.name))
    assert re.findall(item, text, re.MULTILINE) == wanted
    # To those that it has not yet, it leads in the default edition.
    for path in EDITIONS[DEFAULT].chapters[len(wanted) :]:
        assert f"/{DEFAULT}/{path.name})" in text


def test_a_chapter_opens_with_its_question_and_what_it_teaches(chapter, phrases):
    opening = text_of(chapter).partition("\n## ")[0]
    assert re.search(r"\*\*[^*]+[?？]\*\*", opening), "the question, in bold"
    _, _, able = opening.partition(f"{phrases['able']}\n")
    assert len(re.findall(r"^- ", able, re.MULTILINE)) >= 3
    assert re.search(rf"^{re.escape(phrases['need'])}", able, re.MULTILINE)


def test_a_prediction_stands_right_before_the_cell_that_answers_it(chapter, phrases):
    box = re.compile(rf"^> \*\*{re.escape(phrases['predict'])}\W?\*\*", re.MULTILINE)
    found = 0
    for cell, following in zip(chapter.cells, chapter.cells[1:], strict=False):
        if cell.cell_type == "markdown" and box.search(cell.source):
            found += len(box.findall(cell.source))
            assert following.cell_type == "code", cell.id
    assert found >= 3


def test_a_chapter_has_live_figures_and_says_what_to_try(chapter, phrases):
    live = [
        index
        for index, cell in enumerate(chapter.cells)
        if any(WIDGET_VIEW in output.get("data", {}) for output in cell.get("outputs", []))
    ]
    assert live
    box = rf"(?m)^> \*\*{re.escape(phrases['try'])}\W?\*\*$"
    for index in live:
        assert re.search(box, chapter.cells[index - 1].source), chapter.cells[index].id
    answers = {cell.id for cell in chapter.cells if cell.id.startswith("live-answers")}
    assert len(answers - {"live-answers-reading"}) >= len(live)


def test_sections_that_every_chapter_ends_with(chapter, phrases):
    wrong, exercises, recap = (phrases[key] for key in ("what_goes_wrong", "exercises", "recap"))
    headings = re.findall(r"^## (.+)$", text_of(chapter), re.MULTILINE)
    assert headings[-3:] == [wrong, exercises, recap] or (
        # a chapter may have one more section between the last two of them
        headings[-2:] == [exercises, recap] and headings.count(wrong) == 1
    )
    assert len(set(headings)) == len(headings)


def test_exercises(chapter, number, place):
    edition, phrases = place[0], place[0].phrases
    _, _, text = text_of(chapter).partition(f"\n## {phrases['exercises']}\n")
    text, _, _ = text.partition(f"\n## {phrases['recap']}\n")
    found = list(exercise_headings(edition).finditer(text))
    assert len(found) == len(re.findall(rf"\n### {edition.naming('exercise')}", text))
    assert [(int(m[1]), int(m[2])) for m in found] == [
        (number, count) for count in range(1, len(found) + 1)
    ]
    kinds = [m[3] for m in found]
    assert len(kinds) >= 5
    assert set(kinds) == {phrases[kind] for kind in KINDS}
    assert kinds.count(phrases["kind_code"]) >= 2
    ends = [*(m.start() for m in found[1:]), len(text)]
    solution = f">{phrases['solution']}</summary>"
    for exercise, end in zip(found, ends, strict=True):
        assert solution in text[exercise.end() : end], exercise[0]
    assert text.count("<details>") == text.count("</details>") == text.count("<summary ")


def test_the_recap_has_other_names_the_paper_and_the_next_chapter(chapter, number, place):
    edition, phrases = place[0], place[0].phrases
    recap = text_of(chapter).partition(f"\n## {phrases['recap']}\n")[2]
    assert f"\n| {phrases['this_book']} | {phrases['elsewhere']} |\n" in recap
    papers = PAPER.findall(recap)
    assert papers
    for title, paper in papers:
        if edition.language == DEFAULT:  # a translation may name papers in its own words
            assert title.casefold() in title_of(paper).casefold(), (title, paper)
        else:
            assert title_of(paper)
    link = ""
    if following := [p for p in EDITIONS[DEFAULT].chapters if int(p.name[:2]) == number + 1]:
        name = following[0].name
        there = name if (edition.chapters_folder / name).is_file() else f"../{DEFAULT}/{name}"
        link = rf" *\[[^\]]*{number + 1}[^\]]*\]\({there}\)"
    assert re.search(rf"^\*\*{re.escape(phrases['next'])}\*\*{link}", recap, re.MULTILINE)


def texts_of(edition):
    """Return the texts of an edition's chapters by their numbers."""
    return {int(path.name[:2]): text_of(nbformat.read(path, 4)) for path in edition.chapters}


def what_there_is(edition, texts):
    """Return what chapters have that a text can name, by kind."""
    caption = re.compile(rf"^\*\*{edition.naming('figure', NUMBERED)}\.?\*\*", re.MULTILINE)
    headings = exercise_headings(edition)
    return {
        "figure": set(caption.findall("\n".join(texts.values()))),
        "exercise": {f"{m[1]}.{m[2]}" for text in texts.values() for m in headings.finditer(text)},
        "chapter": {str(number) for number in texts},
    }


def test_figures_exercises_and_chapters_that_the_text_names_exist(edition):
    """Those of chapters that the edition has not yet are in the default one."""
    texts, default = texts_of(edition), EDITIONS[DEFAULT]
    following = {n: text for n, text in texts_of(default).items() if n not in texts}
    there, later = what_there_is(edition, texts), what_there_is(default, following)
    there = {kind: names | later[kind] for kind, names in there.items()}
    named = 0
    for number, text in texts.items():
        for kind in there:
            mention = rf"(?i)(?<![a-z]){edition.naming(kind, NUMBERED)}"
            for name in re.findall(mention, text):
                assert name in there[kind], f"chapter {number} names {kind} {name}"
                named += 1
        for label, target in re.findall(LINK, text):
            assert int(label) == int(target), f"chapter {number}: [{label}]({target}…)"
    assert named > 20


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
