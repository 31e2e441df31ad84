"""A published copy of the book, and its notebooks run on each runtime, two at a time."""

import asyncio
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.colab import runtimes
from tests.colab.runtimes import ROOT, Runtime
from tools import publish_as

NOTEBOOKS = sorted(path.relative_to(ROOT) for path in ROOT.glob("notebooks/*/*.ipynb"))
KEY = ("runtime", "path")
ANYWHERE = publish_as.Address.parse("example/good-morning-attention", "v0.0.0")

# Colab has imported these before a notebook's first cell: changing numpy would break the session.
BEFORE = """
import importlib.util, numpy
import google.colab.output
assert importlib.util.find_spec("attnlib") is None
"""
AFTER = """
import importlib.metadata, json, sys
print(json.dumps({
    "attnlib": sys.modules["attnlib"].__file__,
    "numpy": [numpy.__version__, importlib.metadata.version("numpy")],
}))
"""


@dataclass(frozen=True)
class Run:
    """What came of a notebook on a runtime."""

    committed: nbformat.NotebookNode
    executed: nbformat.NotebookNode
    facts: dict
    left: set[str]
    before: dict[str, str]
    after: dict[str, str]


def git(*arguments, cwd):
    done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """The working tree as a repository of its own, published at its address or at some address."""
    copy = tmp_path_factory.mktemp("published")
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    address = publish_as.address_of(copy) or ANYWHERE
    publish_as.publish(copy, address)
    git("init", "--quiet", cwd=copy)
    git("add", "--all", cwd=copy)
    author = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    git(*author, "commit", "--quiet", "--message", "The working tree", cwd=copy)
    git("tag", address.ref, cwd=copy)
    return copy, address


@pytest.fixture(scope="session")
def kernel_environment(published, tmp_path_factory):
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
        "IPYTHONDIR": str(tmp_path_factory.mktemp("ipython")),
        "MPLCONFIGDIR": str(base.folder / "matplotlib"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
    }


async def execute(notebook, python, environment, workplace: Path, kernels: Path):
    """Run a notebook with this Python in this folder, to its end even if cells fail."""
    name = kernels.name
    spec = kernels / "kernels" / name
    spec.mkdir(parents=True)
    launch = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel = {"argv": launch, "display_name": name, "language": "python", "env": environment}
    (spec / "kernel.json").write_text(json.dumps(kernel), encoding="utf-8")
    client = NotebookClient(
        notebook,
        timeout=300,
        startup_timeout=120,
        kernel_name=name,
        record_timing=False,
        allow_errors=True,
        resources={"metadata": {"path": str(workplace)}},
    )
    client.create_kernel_manager().kernel_spec_manager.kernel_dirs = [str(spec.parent)]
    return await client.async_execute()


async def run_alone(runtime: Runtime, path: Path, environment, published, folder: Path) -> Run:
    """Run a notebook of the published copy alone in an empty folder, on a layer of its own."""
    layer = await asyncio.to_thread(runtime.layer, folder / "layer")
    before = await asyncio.to_thread(layer.installed)
    workplace = folder / "content"
    workplace.mkdir()
    text = (published[0] / path).read_text(encoding="utf-8")
    (workplace / path.name).write_text(text, encoding="utf-8")
    committed, notebook = (nbformat.reads(text, as_version=4) for _ in range(2))
    first, last = (nbformat.v4.new_code_cell(source) for source in (BEFORE, AFTER))
    notebook.cells = [first, *notebook.cells, last]
    await execute(notebook, layer.python, environment, workplace, folder / path.stem)
    notebook.cells = notebook.cells[1:-1]
    assert first.outputs == []
    assert {output.get("name") for output in last.outputs} == {"stdout"}, last.outputs
    facts = json.loads("".join(output.text for output in last.outputs))
    left = {each.name for each in workplace.iterdir()}
    return Run(committed, notebook, facts, left, before, await asyncio.to_thread(layer.installed))


@pytest.fixture(scope="session")
def runs(request, published, kernel_environment, tmp_path_factory):
    """What came of each notebook that a test asks for, on each runtime; two run at a time."""
    make = {"colab": runtimes.colab, "lowest": runtimes.lowest_allowed}
    made = {name: make[name]() for name in runtimes.NAMES}
    tests = [item for item in request.session.items if "run" in item.fixturenames]
    wanted = sorted({tuple(item.callspec.params[key] for key in KEY) for item in tests})

    async def all_of_them():
        slots = asyncio.Semaphore(2)

        async def in_a_slot(name, path):
            async with slots:
                folder = tmp_path_factory.mktemp(f"{name}-{path.stem}")
                return await run_alone(made[name], path, kernel_environment, published, folder)

        started = [in_a_slot(name, path) for name, path in wanted]
        return await asyncio.gather(*started, return_exceptions=True)

    return dict(zip(wanted, asyncio.run(all_of_them()), strict=True))


@pytest.fixture
def run(runs, runtime, path):
    if isinstance(runs[runtime, path], Exception):
        raise runs[runtime, path]
    return runs[runtime, path]
