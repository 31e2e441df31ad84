"""The scripts behind the Makefile: what they promise about interruptions and bad machines."""

import asyncio
import base64
import copy
import dataclasses
import importlib.util
import io
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from attnlib.plotting import subplots
from tools import figure_pictures, run_notebooks
from tools.editions import edition
from tools.proof import records, runner

ROOT = Path(__file__).parent.parent.parent


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


environment = load("environment")  # not as part of a package: it runs before there is one


@pytest.mark.parametrize(
    ("printed", "advice"),
    [
        ("ERROR: [Errno 28] No space left on device", "disk is full"),
        ("npm error code ENOTFOUND", "network"),
        ("Failed to establish a new connection: [Errno -3] Temporary failure", "network"),
        ("ERROR: Could not find a version that satisfies x==1 (from versions: none)", "network"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no build for this Python"),
        ("npm error code EINTEGRITY", "not the one that the lock file names"),
        ("OSError: [Errno 13] Permission denied: '.venv'", "cannot be written"),
        ("something else entirely", "last lines above"),
    ],
)
def test_a_failed_install_ends_in_one_sentence(printed, advice, capfd):
    script = f"import sys; print({printed!r}); sys.exit(1)"
    with pytest.raises(SystemExit) as ended:
        environment.run_shown([sys.executable, "-c", script], "Installing", "$^")
    assert advice in str(ended.value)
    assert str(ended.value).count("\n") == 0
    assert printed in capfd.readouterr().err  # the installer's own words are not hidden


def test_a_missing_program_is_named():
    with pytest.raises(SystemExit, match="no-such-program"):
        environment.run_shown(["no-such-program"], "Fetching", "$^")


def test_an_old_python_is_told_so():
    old = (
        "import sys; sys.version_info = (3, 9); "
        f"exec(compile(open({str(ROOT / 'tools' / 'environment.py')!r}).read(), 'e', 'exec'))"
    )
    done = subprocess.run([sys.executable, "-c", old], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Python 3.9 is too old" in done.stderr
    assert "3.11" in done.stderr


def test_an_old_python_can_read_the_script():
    import ast

    source = (ROOT / "tools" / "environment.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 7))


def test_a_missing_venv_module_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SystemExit, match="python3-venv"):
        environment.set_up_python()


def test_a_full_disk_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "DISK_NEEDED", 10**18)
    with pytest.raises(SystemExit, match="too full"):
        environment.set_up_python()
    assert not (tmp_path / ".venv").exists()


@pytest.fixture
def installs(monkeypatch, tmp_path):
    """`set_up_python` in an empty folder, its installer replaced by a record of calls."""
    calls = []
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(
        environment.venv, "create", lambda path, **_: Path(path).mkdir(exist_ok=True)
    )
    monkeypatch.setattr(environment, "run_shown", lambda command, *_: calls.append(command))
    return calls


def test_nothing_is_installed_twice(installs):
    environment.set_up_python()
    assert len(installs) == 2
    environment.set_up_python()
    assert len(installs) == 2


def test_an_interrupted_install_starts_afresh(installs, monkeypatch):
    def interrupted(*_):
        (environment.VENV / "half-installed").touch()
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(environment, "run_shown", interrupted)
        with pytest.raises(KeyboardInterrupt):
            environment.set_up_python()
    environment.set_up_python()
    assert len(installs) == 2
    assert not (environment.VENV / "half-installed").exists()


def test_changed_pins_are_installed(installs):
    environment.set_up_python()
    (environment.VENV / ".ready").write_text("the digest of other pins")
    environment.set_up_python()
    assert len(installs) == 4


@pytest.mark.parametrize("whole", [True, False])
def test_the_environment_is_not_set_up_by_its_own_python(tmp_path, whole):
    """It is on PATH while make runs, whole or as an interrupted rebuild has left it."""
    folder = tmp_path / ".venv"
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python3"
    base = Path(sys._base_executable).resolve()
    python.symlink_to(base)
    if whole:
        (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "environment.py", tmp_path / "tools")
    ask = tmp_path / "tools" / "ask.py"
    ask.write_text(
        "import sys, environment\nenvironment.leave_the_environment()\nprint(sys.executable)\n"
    )
    answer = subprocess.run([python, ask], capture_output=True, text=True, check=True)
    assert Path(answer.stdout.strip()) == base


@pytest.fixture
def small_notebook(tmp_path):
    path = tmp_path / "small.ipynb"
    cell = nbformat.v4.new_code_cell("import ipywidgets\nipywidgets.IntSlider()")
    cell["id"] = "slider"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    return path


def execute(path):
    """Run a notebook anew, whatever record there is; return its canonical JSON."""
    unit = records.unit_of(path)
    record = asyncio.run(runner.run(unit, runner.here(), "key"))
    with figure_pictures.Studio() as studio:
        return run_notebooks.written(unit.texts["en"], record.editions["en"], studio)


def test_a_second_run_of_a_notebook_changes_nothing(small_notebook):
    first = execute(small_notebook)
    small_notebook.write_text(first, encoding="utf-8")
    assert "IntSliderModel" in first
    assert '"image/png"' in first
    assert execute(small_notebook) == first


def with_a_pixel(png, at, color):
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    picture.paste(color, at)
    drawn = io.BytesIO()
    picture.save(drawn, "PNG")
    return base64.b64encode(drawn.getvalue()).decode()


@pytest.mark.parametrize("changed", [(5, 5, 6, 6), (5, 5, 15, 15)], ids=["a pixel", "a hundred"])
def test_pictures_that_differ_by_rounding_are_kept_wide_and_narrow(changed):
    data, metadata = subplots(width=5)[0]._repr_mimebundle_()
    old = nbformat.v4.new_output("display_data", data, metadata=metadata)
    new = copy.deepcopy(old)
    new.data["image/png"] = with_a_pixel(new.data["image/png"], changed, "black")
    new.metadata["narrow"]["png"] = with_a_pixel(new.metadata["narrow"]["png"], changed, "black")
    before = copy.deepcopy(new)
    run_notebooks.keep_pictures([new], nbformat.v4.new_code_cell(outputs=[old]))
    assert new == (old if changed == (5, 5, 6, 6) else before)


def test_a_printout_that_comes_in_pieces_is_kept_whole(small_notebook):
    notebook = nbformat.read(small_notebook, 4)
    notebook.cells[0].source = "import time\nprint(1, flush=True)\ntime.sleep(0.3)\nprint(2)"
    nbformat.write(notebook, small_notebook)
    cell = nbformat.reads(execute(small_notebook), 4).cells[0]
    assert [output.text for output in cell.outputs] == ["1\n2\n"]


def test_a_failing_cell_leaves_the_notebook_alone(small_notebook, monkeypatch, capsys):
    notebook = nbformat.read(small_notebook, 4)
    notebook.cells[0].source = "1 / 0"
    nbformat.write(notebook, small_notebook)
    before = small_notebook.read_bytes()
    monkeypatch.setattr(sys, "argv", ["run_notebooks.py", str(small_notebook)])
    assert run_notebooks.main() == 1
    assert small_notebook.read_bytes() == before
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_one_run_writes_a_notebook_in_every_edition(tmp_path, monkeypatch, capsys):
    there = [
        dataclasses.replace(edition("en"), root=tmp_path, language=language)
        for language in ("en", "xx")
    ]
    says = "print(words._chosen, len(words.say('checks.headline.passed')) > 0)"
    for each in there:
        each.chapters_folder.mkdir(parents=True)
        sources = f'from attnlib import words\n\nwords.use("{each.language}")', says
        cells = [nbformat.v4.new_code_cell(s, id=f"cell-{i}") for i, s in enumerate(sources)]
        text = nbformat.v4.new_markdown_cell(f"prose in {each.language}", id="prose")
        notebook = nbformat.v4.new_notebook(cells=[*cells, text])
        nbformat.write(notebook, each.chapters_folder / "01_small.ipynb")
    monkeypatch.setattr(records, "editions", lambda *_: there)
    monkeypatch.setattr(run_notebooks, "editions", lambda *_: there)
    monkeypatch.setattr(records, "FOLDER", tmp_path / "records")
    monkeypatch.setattr(sys, "argv", ["run_notebooks.py"])
    assert run_notebooks.main() == 0
    for each in there:
        notebook = nbformat.read(each.chapters_folder / "01_small.ipynb", 4)
        assert notebook.cells[1].outputs[0].text == f"{each.language} True\n"
        assert notebook.cells[2].source == f"prose in {each.language}"
    assert capsys.readouterr().out.count("updated") == 2
    assert run_notebooks.main() == 0
    assert capsys.readouterr().out.count("unchanged") == 2
