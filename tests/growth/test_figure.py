"""Adding a live figure touches the files that CONTRIBUTING.md lists, and no others.

Tests that hold for every figure must find the example by themselves, and pass.
"""

import shutil

import nbformat
import pytest

from tests.growth.house import House, assert_passed, assert_touched
from tests.widgets.test_live_figure import node
from tools.working_copy import ROOT

EXAMPLE = ROOT / "tests/widgets/example_figure"
TESTS = [
    "tests/widgets",
    "tests/house/test_import_graph.py",
    "--ignore=tests/widgets/example_figure",
]


def add_the_example(house):
    """Do what somebody does who adds a figure."""
    widgets, tests = house.root / "attnlib/widgets", house.root / "tests/widgets"
    source = (EXAMPLE / "temperature.py").read_text(encoding="utf-8")
    source = source.replace('module(Path(__file__).parent / "static" / ', "module(")
    source = source.replace("style()", 'style("temperature.css")')
    source = source.replace("from pathlib import Path\n", "")
    house.write("attnlib/widgets/temperature.py", source)
    shutil.copy(EXAMPLE / "static/temperature.js", widgets / "static")
    rule = ".attn-figure .attn-temperature { color: inherit; }\n"
    house.write("attnlib/widgets/static/temperature.css", rule)
    imported = "from attnlib.widgets.temperature import TemperatureExplorer\n"
    house.insert("attnlib/widgets/__init__.py", imported, before="\n__all__")
    house.insert("attnlib/widgets/__init__.py", '    "TemperatureExplorer",\n', before="]\n")
    house.say("\n" + (EXAMPLE / "words.toml").read_text(encoding="utf-8"))
    shutil.copy(EXAMPLE / "test_temperature.py.txt", tests / "test_temperature.py")
    shutil.copy(EXAMPLE / "temperature.test.mjs.txt", tests / "static/temperature.test.mjs")
    for edition in house.editions:
        chapter = edition.chapters[1]
        notebook = nbformat.read(chapter, as_version=4)
        cell = nbformat.v4.new_code_cell("TemperatureExplorer()", id="temperature")
        notebook.cells.append(cell)
        nbformat.write(notebook, chapter)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("figure"))
    add_the_example(house)
    return house


def test_it_touches_the_files_that_are_listed(house):
    chapter = house.editions[0].chapters[1].stem
    names = {"temperature": "name", chapter: "NN_slug"}
    assert_touched(house, "figure", "A live figure", names)


def test_what_holds_for_every_figure_finds_it_and_passes(house):
    chosen = "temperature or TemperatureExplorer or known or import_graph or every_file"
    done = house.pytest(*TESTS, "-k", chosen)
    assert_passed(done, ("[temperature]", 7), ("test_temperature.py", 1))
    done = house.run(node(), "--test", "tests/widgets/static/temperature.test.mjs")
    assert done.returncode == 0, done.stdout


def test_without_its_facts_a_test_fails(house):
    file = house.root / "tests/widgets/test_temperature.py"
    text = file.read_bytes()
    file.unlink()
    try:
        done = house.pytest("tests/widgets/test_live_figure.py", "-k", "facts and temperature")
    finally:
        file.write_bytes(text)
    assert done.returncode == 1
    assert "test_temperature" in done.stdout
