"""The notebooks that `make colab` writes, each run whole on each runtime; and the published book.

What a run has shown stands in its record (tools/proof). No kernel reaches a network: a connection
that leaves this machine is an error of the cell that asks for it.
"""

import asyncio
import os
import subprocess
import sys

import nbformat
import pytest

from tests.colab import runtimes
from tests.colab.runtimes import HERE
from tools import publish_as, self_contained, working_copy
from tools.editions import editions
from tools.proof import records, runner
from tools.proof.records import Record, Unit

ANYWHERE = publish_as.Address.parse("example/good-morning-attention", "v0.0.0")
UNITS = [unit.name for unit in records.units()]

# Colab has imported these before a notebook's first cell: changing numpy would break the session.
BEFORE = "import google.colab.output, numpy"
UNTOUCHED = f"""
import importlib.util
{BEFORE}
assert importlib.util.find_spec("attnlib") is None
"""
CUT = f"{UNTOUCHED}\nexec({(HERE / 'cut_network.py').read_text('utf-8')!r}, {{}})\n"


def git(*arguments, cwd):
    done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """The working tree as a repository of its own, published at its address or at some address."""
    copy = tmp_path_factory.mktemp("published")
    working_copy.copy_files(copy)
    address = publish_as.address_of(copy) or ANYWHERE
    publish_as.publish(copy, address)
    git("init", "--quiet", cwd=copy)
    git("add", "--all", cwd=copy)
    author = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    git(*author, "commit", "--quiet", "--message", "The working tree", cwd=copy)
    git("tag", address.ref, cwd=copy)
    return copy, address


def without_an_index():
    """Return variables of a kernel: pip finds nothing but a few wheels of ours."""
    base = runtimes.colab()
    return {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(base.folder / "wheels"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "MPLCONFIGDIR": str(base.folder / "matplotlib"),
        # pip has compiled nothing: let the first kernel do it, for all that follow.
        "PYTHONDONTWRITEBYTECODE": "",
    }


@pytest.fixture(scope="session")
def kernel_environment(published):
    """The same, and the book's address leads to its copy, no other leads anywhere."""
    copy, address = published
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{copy.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": address.url,
        "GIT_ALLOW_PROTOCOL": "file",
        **without_an_index(),
    }


def first_cell(notebook):
    return next(cell for cell in notebook.cells if cell.cell_type == "code")


BASES = {"colab": runtimes.colab, "lowest": runtimes.lowest_allowed}


def contents(*makers):
    """Return what a runtime is made of, for the key of a record."""
    mine = [HERE / "conftest.py", HERE / "runtimes.py", *records.files_below(HERE / "stand_in")]
    return runtimes.contents() + records.digest_of_files([*mine, *makers])


def installed_from(copy, environment, folder, runtime):
    """Run the first cell of a published notebook alone; return the record of that."""
    notebook = nbformat.read(editions(copy)[0].notebooks[0], as_version=4)
    alone = Unit("bootstrap", {"en": nbformat.v4.new_notebook(cells=[first_cell(notebook)])})
    python = BASES[runtime]().layer(folder).python
    untouched = runner.Runtime(runtime, python, contents(), environment, UNTOUCHED, forked=False)
    return asyncio.run(runner.record(alone, untouched))


@pytest.fixture(scope="session")
def installations(published, kernel_environment, tmp_path_factory):
    """Return a function that installs attnlib as a published notebook does, once on a runtime."""
    made = {}

    def installed(runtime):
        if runtime not in made:
            folder = tmp_path_factory.mktemp("layer") / runtime
            made[runtime] = installed_from(published[0], kernel_environment, folder, runtime)
        return made[runtime]

    return installed


@pytest.fixture
def installation(installations, runtime):
    return installations(runtime)


@pytest.fixture(scope="session")
def carrying():
    """The notebooks of `make colab`, by their names.

    Each carries the words of all languages; that those of its own are enough,
    tests/tools/test_self_contained.py proves.
    """
    library = self_contained.build_wheel()
    folders = {each.language: each.chapters_folder for each in editions()}

    def carries(language, text):
        return self_contained.self_contained(text, library, folders[language])

    return {
        unit.name: Unit(unit.name, {each: carries(each, text) for each, text in unit.texts.items()})
        for unit in records.units()
    }


@pytest.fixture(scope="session")
def everything(request, carrying):
    """The record of each notebook on each runtime that tests ask for."""
    tests = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    wanted = sorted({(p["runtime"], p["name"]) for p in tests if "name" in p and "runtime" in p})
    beside = (runtimes.STAND_IN, *runtimes.data().packages)
    made, trained = {}, trained_here()
    for name in sorted({runtime for runtime, _ in wanted}):
        # Python and torch are the same on both: what is trained on Colab's is not trained again.
        on_colab = {each.notebook: each for each in made.get("colab", {}).values() if lends(each)}
        runtime = runner.Runtime(
            name,
            BASES[name]().python,
            contents(HERE / "cut_network.py"),
            without_an_index() | {"PYTHONPATH": os.pathsep.join(map(str, beside))},
            CUT,
            lent=on_colab | trained,
        )
        units = [in_one_language(carrying[unit], name) for on, unit in wanted if on == name]
        made[name] = asyncio.run(runner.all_of(units, runtime))
    return made


def in_one_language(unit, runtime):
    """Return a notebook as it runs there: in its last language on Colab, else in its first.

    Their code is the same, and with our pins all run in one kernel (test_records); so that is held
    against runs of one language. Colab has no font for Chinese: there the figures have it.
    """
    language = list(unit.texts)[-1 if runtime == "colab" else 0]
    return Unit(unit.name, {language: unit.texts[language]})


def trained_here():
    """Return the records that stand of the runs with our pins, if Python and torch are Colab's."""
    if (sys._base_executable, runtimes.OURS["torch"]) != (runtimes.PYTHON, runtimes.TORCH):
        return {}
    stand = [runner.standing(unit, runner.here()) for unit in records.units()]
    return {record.notebook: record for record in stand if record}


def lends(made):
    return isinstance(made, Record) and not made.failed


@pytest.fixture
def record(everything, runtime, name):
    made = everything[runtime][name]
    if isinstance(made, Exception):
        raise made
    return made
