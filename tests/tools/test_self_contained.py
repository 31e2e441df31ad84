"""A notebook that carries the library: the same wheel each time, and nothing else changes."""

import base64
import io
import lzma
import os
import random
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from tools import self_contained, working_copy
from tools.editions import ROOT, editions
from tools.publish_as import Address, bootstrap_source
from tools.self_contained import LIMIT, Wheel, build_wheel, carrying, uncompressed, write

EDITION = editions()[0]
FETCHING = next(
    cell.source
    for cell in nbformat.read(EDITION.notebooks[0], as_version=4).cells
    if cell.cell_type == "code"
)


@pytest.fixture(scope="module")
def wheel():
    return build_wheel()


def test_the_wheel_is_that_of_make_wheel_and_the_same_elsewhere(wheel, tmp_path):
    """Whenever it is built, by whom, and whatever is lying about."""
    done = subprocess.run(
        ["make", "--no-print-directory", "wheel", f"DIST={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("*.whl")
    assert uncompressed(path.read_bytes()) == wheel.content
    copy = tmp_path / "copy"
    working_copy.copy_files(copy)
    for each in filter(Path.is_file, copy.rglob("*")):
        each.chmod(0o600)
        os.utime(each, (1, 10**9))
    (copy / "attnlib" / "__pycache__").mkdir()
    (copy / "attnlib" / "__pycache__" / "masks.cpython-313.pyc").write_bytes(b"old")
    assert build_wheel(copy) == wheel


@pytest.mark.parametrize("each", editions(), ids=lambda each: each.language)
def test_it_speaks_the_language_of_its_edition_and_no_other(wheel, each):
    """Words and fonts of another one are a fifth of the library."""
    names = [
        set(zipfile.ZipFile(io.BytesIO(one.content)).namelist())
        for one in (wheel, wheel.speaking(each.language))
    ]
    left_out = {name.split("/")[-1] for name in names[0] - names[1]}
    others = {other.language for other in editions()} - {each.language}
    files = {name for other in others for name in (f"{other}.toml", f"NotoSansSC-{other}.woff2")}
    assert left_out == files & {name.split("/")[-1] for name in names[0]}
    assert f"attnlib/words/{each.language}.toml" in names[1]
    assert "attnlib/fonts/NotoSansSC-attnlib.woff2" in names[1]


@pytest.mark.parametrize("each", editions(), ids=lambda each: each.language)
def test_the_cell_says_how_large_the_wheel_is_and_stays_small(wheel, each):
    wheel = wheel.speaking(each.language)
    cell = carrying(FETCHING, wheel)
    said = int(re.search(r"a wheel of (\d+) kB", cell)[1])
    assert abs(said - len(lzma.compress(wheel.content, preset=9)) / 1000) <= 0.5
    assert f"attnlib {wheel.version}," in cell
    assert len(cell.encode()) < LIMIT <= 450_000


def test_a_library_that_has_grown_too_large_is_refused(wheel, tmp_path):
    path = EDITION.notebooks[0]
    large = Wheel(wheel.version, random.Random(0).randbytes(LIMIT), wheel.needed)
    with pytest.raises(ValueError, match=rf"{path.name} must stay under 450 kB, it has 57\d"):
        write(path, large, tmp_path / path.name)


def test_a_cell_that_does_something_else_is_refused(wheel):
    with pytest.raises(ValueError, match="must have a line `from attnlib import words`"):
        carrying("import attnlib", wheel)


def test_an_address_makes_no_difference(wheel):
    """What was downloaded before the book had an address is what is downloaded after it."""
    address = Address.parse("owner/name", "v1.0.0")
    assert carrying(bootstrap_source(FETCHING, address), wheel) == carrying(FETCHING, wheel)


def test_every_notebook_is_written(tmp_path, wheel):
    written = self_contained.write_all(ROOT, tmp_path)
    assert len(written) == sum(len(each.notebooks) for each in editions())
    for path in written:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
        carried = lzma.decompress(base64.b85decode("".join(cell.source.split('"""')[1].split())))
        assert carried == wheel.speaking(path.parent.name).content
        assert cell.metadata.jupyter.source_hidden, "who wants to see it unfolds it"
        shown = [each.source for each in notebook.cells if each.cell_type == "markdown"]
        assert re.findall(r"!\[[^\]]*\]\((?!data:)", "".join(shown)) == [], "pictures come along"


def test_a_picture_beside_a_notebook_travels_in_its_text(tmp_path):
    (tmp_path / "map.png").write_bytes(b"dots")
    text = "![A map](map.png), [the same](map.png), ![far](a/map.png)"
    inside = "![A map](data:image/png;base64,ZG90cw==)"
    assert self_contained.with_pictures(text, tmp_path) == text.replace("![A map](map.png)", inside)


# Runs a cell as a notebook does, where some packages are missing, and prints what goes to pip.
RUNTIME = """
import importlib.util, sys
root, missing, cell = sys.argv[1], sys.argv[2:], sys.stdin.read()
sys.path[:] = [each for each in sys.path if each != root]
really = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name in missing else really(name)
class Shell:
    def run_line_magic(self, magic, line):
        print(magic, line.format(**names))
names = {"get_ipython": Shell}
exec(compile(cell, "cell", "exec"), names)
print(sys.modules["attnlib"].__file__)
"""


def asked_of_pip(wheel, tmp_path, *missing, root=ROOT, then=""):
    """Run the cell, and what comes after it, in an empty folder, without this copy's library.

    Returns:
        What the cell asks of pip, and where attnlib then is.
    """
    code = TransformerManager().transform_cell(carrying(FETCHING, wheel) + then)
    done = subprocess.run(
        [sys.executable, "-c", RUNTIME, str(root), *missing],
        cwd=tmp_path,
        input=code,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    *asked, place = done.stdout.splitlines()
    return [shlex.split(line) for line in asked], place


def test_where_nothing_is_missing_pip_is_not_asked(wheel, tmp_path):
    asked, place = asked_of_pip(wheel, tmp_path)
    assert asked == []
    unpacked = Path(place).parents[1]
    assert unpacked.name.startswith("attnlib-")
    assert not unpacked.exists(), "it goes when the kernel ends"


@pytest.mark.parametrize("each", editions(), ids=lambda each: each.language)
def test_what_it_carries_is_enough_to_speak(wheel, tmp_path, each):
    """No other language is there, and none is missed before the last line of the cell."""
    said = "\nimport attnlib.checks, attnlib.plotting, attnlib.widgets\nattnlib.widgets.MaskLab()"
    asked, place = asked_of_pip(wheel.speaking(each.language), tmp_path, then=said)
    assert asked == [], place


def test_where_attnlib_is_installed_nothing_happens(wheel, tmp_path):
    asked, place = asked_of_pip(wheel, tmp_path, "anywidget", root="")
    assert (asked, place) == ([], str(ROOT / "attnlib/__init__.py"))


def test_pip_is_asked_for_what_is_missing_and_for_nothing_else(wheel, tmp_path):
    asked, _ = asked_of_pip(wheel, tmp_path, "anywidget", "matplotlib")
    assert asked == [["pip", "install", "matplotlib>=3.9", "anywidget>=0.9.18"]]
