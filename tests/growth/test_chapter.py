"""Adding a chapter touches the files that CONTRIBUTING.md lists, and no others."""

import re
import sys

import nbformat
import pytest

from tests.growth import example_chapter as example
from tests.growth.house import House, assert_passed, assert_touched
from tools.site import sources

NUMBER = example.NUMBER
ROW = f"\n| {NUMBER} | [{example.TITLE}]({example.NAME}.ipynb) | what if only one key counts? |"


def with_all_chapters(house):
    """Return the editions that have all chapters before it."""
    return [each for each in house.editions if len(each.chapters) >= NUMBER - 1]


def link_to_it(house, edition, folder=""):
    """List it where readers begin."""
    start = edition.notebooks[0]
    first = nbformat.read(start, as_version=4)
    table = first.cells[0]
    row = re.findall(r"(?m)^\| \d+ \| .*$", table.source)[-1]
    table.source = table.source.replace(row, row + ROW.replace("](", f"]({folder}"))
    nbformat.write(first, start)


def add_the_example(house):
    """Do what somebody does who adds a chapter."""
    house.write(f"attnlib/checks/chapters/c{example.NAME}.py", example.CHECKS)
    house.write(f"tests/checks/answers/c{example.NAME}.py", example.ANSWERS)
    house.say(example.WORDS)
    default, *others = house.editions
    for edition in others:
        if len(edition.chapters) < NUMBER - 1:  # it follows later: only a link leads to it
            link_to_it(house, edition, f"../{default.language}/")
    for edition in with_all_chapters(house):
        before = edition.notebooks[-1]
        last = nbformat.read(before, as_version=4)
        bootstrap = next(cell for cell in last.cells if cell.id == "bootstrap")
        chapter = example.notebook(edition.phrases, bootstrap)
        nbformat.write(chapter, edition.chapters_folder / f"{example.NAME}.ipynb")
        following = f"**{edition.phrases['next']}**"
        link = f"{following} [chapter {NUMBER}]({example.NAME}.ipynb) and"
        recap = last.cells[-1]
        recap.source = recap.source.replace(following, link)
        nbformat.write(last, before)
        link_to_it(house, edition)
    described = f'{example.NAME} = "What remains of attention when only one key counts."\n'
    named = f'{example.NAME} = ["One key", "a softmax without the others"]\n\n'
    for edition in house.editions:  # each lists the chapters of the whole book, and maps them
        folder = edition.pages_folder.relative_to(house.root)
        house.insert(f"{folder}/edition.toml", described, "notation = ")
        house.insert(f"{folder}/edition.toml", named, "# How the terms")
    done = house.run(sys.executable, "-m", "tools.draw_map")
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("chapter"), built=["book/_static/vendor"])
    add_the_example(house)
    return house


@pytest.fixture(scope="module")
def run(house):
    """Run the notebooks of the chapter, as an author does."""
    names = [f"notebooks/{each.language}/{example.NAME}.ipynb" for each in with_all_chapters(house)]
    done = house.run(sys.executable, "-m", "tools.run_notebooks", *names)
    assert done.returncode == 0, done.stdout
    return names


def test_it_touches_the_files_that_are_listed(house):
    _, *_, before, own = house.editions[0].chapters
    names = {own.stem: "NN_slug", before.stem: "MM_slug_before"}
    assert_touched(house, "chapter", "A chapter", names)


def test_its_notebook_holds_what_every_chapter_holds(house, run):
    """What the run has shown is compared, and the exercises' solutions pass their checks."""
    done = house.pytest(
        "--nbval", "-p", "tests.notebooks.strict_nbval", *run, "tests/notebooks",
        "tests/tools/test_map.py",
        "-k", f"{example.NAME} or {NUMBER - 1:02}_ and next_chapter or numbered or every_chapter "
        "or text_names",
    )  # fmt: skip
    assert_passed(
        done, ("figure-pictures", 1), ("test_committed.py", 15), ("test_chapters.py", 10),
        ("test_records.py", 6), ("is_listed", 2), ("test_map.py", 1),
    )  # fmt: skip


def test_its_checks_hold_what_every_check_holds(house, run):
    done = house.pytest(
        "tests/checks", "-k", f"hard_ or {example.NAME} or every_check or every_message",
    )  # fmt: skip
    assert_passed(done, ("[hard_weights]", 6), ("[hard_row]", 4), ("test_exercises.py", 5))


def test_the_site_has_it_in_its_place(house, tmp_path):
    """The build itself stops at a page without a description: see tests/site."""
    for edition in with_all_chapters(house):
        folder = tmp_path / edition.language
        sources.lay_out(edition, house.editions, folder)
        pages = sources.contents(edition)
        assert pages.index(example.NAME) == pages.index(edition.chapters[-2].stem) + 1
        assert set(pages) == set(edition.descriptions)
        assert (folder / f"{example.NAME}.ipynb").is_file()
        assert f"- file: {example.NAME}\n" in (folder / "_toc.yml").read_text(encoding="utf-8")


def test_without_its_line_where_readers_begin_a_test_fails(house):
    name = "notebooks/en/00_start.ipynb"
    text = (house.root / name).read_bytes()
    house.restore(name)
    try:
        done = house.pytest("tests/notebooks/test_chapters.py", "-k", "is_listed and en")
    finally:
        (house.root / name).write_bytes(text)
    assert done.stdout.count("\nFAILED ") == 1, done.stdout
