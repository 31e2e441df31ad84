"""A published copy of the book, and its notebooks run on each runtime.

The first cell installs `attnlib` word for word on an untouched runtime, once; the notebooks then
share that runtime. What a run has shown stands in its record (tools/proof).
"""

import asyncio
import os
import shutil
import subprocess
from dataclasses import dataclass

import nbformat
import pytest

from tests.colab import runtimes
from tests.colab.runtimes import HERE
from tools import publish_as, working_copy
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


@pytest.fixture(scope="session")
def kernel_environment(published):
    """Variables of a kernel: the book's address leads to its copy, no other leads anywhere."""
    copy, address = published
    base = runtimes.colab()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{copy.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": address.url,
        "GIT_ALLOW_PROTOCOL": "file",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(base.folder / "wheels"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "MPLCONFIGDIR": str(base.folder / "matplotlib"),
    }


def first_cell(notebook):
    return next(cell for cell in notebook.cells if cell.cell_type == "code")


@dataclass(frozen=True)
class Prepared:
    """A runtime on which the first cell has installed attnlib, and the record of that."""

    installation: Record
    runtime: runner.Runtime
    units: dict[str, Unit]


def prepare(name, published, environment):
    """Run the first cell alone on an untouched runtime, unless the outcome of that still stands."""
    base = {"colab": runtimes.colab, "lowest": runtimes.lowest_allowed}[name]()
    units = {unit.name: unit for unit in records.units(published[0])}
    notebook = next(iter(units[UNITS[0]].texts.values()))
    alone = Unit("bootstrap", {"en": nbformat.v4.new_notebook(cells=[first_cell(notebook)])})
    makers = [HERE / "conftest.py", HERE / "runtimes.py", *records.files_below(HERE / "stand_in")]
    contents = runtimes.contents() + records.digest_of_files(makers)
    folder = base.folder.with_name(f"{base.folder.name}-with-attnlib")
    python = str(folder / "bin" / "python")
    untouched = runner.Runtime(name, python, contents, environment, UNTOUCHED)
    stamp = folder / ".installed"
    key = records.key_of(alone, name, contents)
    stands = stamp.is_file() and stamp.read_text() == key and not runner.cold()
    installation = records.load(name, alone.name, key) if stands else None
    if installation is None:
        shutil.rmtree(folder, ignore_errors=True)
        base.layer(folder)
        installation = asyncio.run(runner.run(alone, untouched, key))
        if not installation.failed:
            records.save(installation)
            stamp.write_text(key)
    # One language on the lowest versions: so the two-language runs are held against another kind.
    shared = runner.Runtime(name, python, contents, environment, BEFORE, languages=name != "lowest")
    return Prepared(installation, shared, units)


@pytest.fixture(scope="session")
def everything(request, published, kernel_environment):
    """The runtimes that tests ask for, and the record of each notebook on them."""
    tests = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    wanted = sorted({(p["runtime"], p["name"]) for p in tests if "name" in p and "runtime" in p})
    names = sorted({p["runtime"] for p in tests if "runtime" in p})
    prepared = {name: prepare(name, published, kernel_environment) for name in names}
    made = {}
    for name in names:
        units = [prepared[name].units[unit] for runtime, unit in wanted if runtime == name]
        made[name] = asyncio.run(runner.all_of(units, prepared[name].runtime))
    return prepared, made


@pytest.fixture
def prepared(everything, runtime):
    return everything[0][runtime]


@pytest.fixture
def record(everything, runtime, name):
    made = everything[1][runtime][name]
    if isinstance(made, Exception):
        raise made
    return made
