"""A forked kernel is a kernel that has just started, but for the packages it has imported."""

import asyncio
import os
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from tools.editions import editions
from tools.proof import fork_server, records, runner, warm
from tools.proof.records import Unit
from tools.proof.session import kernel

pytestmark = pytest.mark.skipif(not warm.POSSIBLE, reason="kernels are forked on Linux alone")

ASKS = """
import atexit, os, random, sys
import numpy
atexit.register(lambda: open("ended", "w").close())
print(os.getpid(), os.getppid(), random.random(), numpy.random.rand(), os.getcwd(), "torch" in sys.modules)
print([name for name in sys.modules if name.startswith("attnlib")], "/proof" in " ".join(sys.path))
"""  # noqa: E501


def run(unit, **options):
    return asyncio.run(runner.run(unit, replace(runner.here(), **options), "key"))


def test_it_shows_what_a_kernel_of_its_own_shows():
    """A whole notebook with a live figure; and names that are not there."""
    path = editions()[0].notebooks[0]
    text = nbformat.read(path, 4)
    for name in ("torch", "np", "plt", "json", "Server"):
        cell = nbformat.v4.new_code_cell(f"print('{name}' in globals())\n{name}", id=f"no-{name}")
        text.cells.insert(0, cell)
    unit = Unit(path.stem, {"en": text})
    forked, alone = run(unit), run(unit, forked=False)
    for record in (forked, alone):
        record.before["loaded"].pop("numpy", None)
    assert forked == alone
    shown = forked.editions["en"]["cells"]
    assert {shown[cell.id]["outputs"][-1].get("ename") for cell in text.cells[:5]} == {"NameError"}


def printed(session_outputs):
    return "".join(each["text"] for each in session_outputs).splitlines()


def test_two_forks_share_nothing(tmp_path):
    async def both():
        async with AsyncExitStack() as stack:
            sessions = []
            for name in ("a", "b"):
                (tmp_path / name / "work").mkdir(parents=True)
                places = tmp_path / name, tmp_path / name / "work"
                started = kernel(sys.executable, runner.ENVIRONMENT, *places, forked=True)
                sessions.append(await stack.enter_async_context(started))
            return [printed(await each.run(ASKS)) for each in sessions]

    one, other = asyncio.run(both())
    facts = [each[0].split() for each in (one, other)]
    assert facts[0][1] == facts[1][1], "one server has forked both"
    assert facts[0][5] == facts[1][5] == "True"
    for place in (0, 2, 3, 4):  # process, random numbers of Python and of numpy, folder
        assert facts[0][place] != facts[1][place]
    assert one[1] == other[1] == "[] False"
    for name in ("a", "b"):
        assert (tmp_path / name / "work" / "ended").exists(), "it has ended as any process does"


def servers_and_kernels(path):
    """Return the server at this socket, and its kernels: they have its command line."""
    found = {}
    for each in Path("/proc").glob("[0-9]*"):
        try:
            command = (each / "cmdline").read_text("utf-8").split("\0")
            stat = (each / "stat").read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if path in command and "-I" not in command and stat[0] != "Z":
            found[int(each.name)] = int(stat[1])
    return set(found) & set(found.values()), {pid for pid, above in found.items() if above in found}


def wait_until(so):
    for _ in range(600):
        if so():
            return True
        time.sleep(0.05)
    return False


def test_it_ends_with_the_process_that_stands_for_it(tmp_path):
    command = warm.launch(sys.executable, runner.ENVIRONMENT)
    options = {"env": os.environ | {"IPYTHONDIR": str(tmp_path)}, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*command, "-f", str(tmp_path / "c.json")], **options) as process:
        try:
            assert wait_until((tmp_path / "c.json").exists)
            servers, kernels = servers_and_kernels(command[-1])
        finally:
            process.kill()
    assert len(servers) == len(kernels) == 1
    assert wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in kernels))
    assert all(Path(f"/proc/{pid}").exists() for pid in servers)


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("import warnings; warnings.warn('old', stacklevel=9)", "warns: ['old']"),
        ("import threading; threading.Thread(target=input, daemon=True).start()", "1 threads"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_server_that_is_no_fresh_start_is_refused(module, said, tmp_path, monkeypatch, capfd):
    for name in fork_server.PACKAGES:
        whole = tmp_path / f"{name.replace('.', '/')}.py"
        whole.parent.mkdir(exist_ok=True)
        for path in {whole.parent / "__init__.py", whole} - {tmp_path / "__init__.py"}:
            path.write_text("", "utf-8")
    (tmp_path / "torch.py").write_text(module, "utf-8")
    environment = runner.ENVIRONMENT | {"PYTHONPATH": str(tmp_path)}
    with pytest.raises(RuntimeError, match="cannot import what notebooks import"):
        warm.launch(sys.executable, environment)
    assert said in capfd.readouterr().err


def test_what_starts_kernels_is_part_of_the_key_of_records():
    assert {Path(fork_server.__file__), Path(warm.__file__)} <= set(
        Path(records.__file__).parent.glob("*.py")
    )
