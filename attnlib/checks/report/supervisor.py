"""Run one answer sheet in a kernel; a program of its own, started once for each sheet.

It imports nothing of attnlib, which would load torch a second time. All that cells show is
thrown away; what the checks say comes from inside the kernel (`in_kernel.py`). What happens is
written down line by line, so that it is there also if this process ends suddenly.
"""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete, DeadKernelError
from nbformat import read
from nbformat.v4 import new_code_cell, new_notebook

_CALL = re.compile(r"\bcheck_(\w+)\s*\(")
_ERROR = 300  # characters that are kept of what an error says
_ERRORS = 20  # errors that are kept


class Log:
    """Events of this run, a line of JSON for each."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def say(self, event: str, **facts: Any) -> None:
        """Write down that something happened."""
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"event": event, **facts}) + "\n")


class Client(NotebookClient):
    """Keeps nothing of what cells show."""

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> None:
        """See whether the cell has ended."""
        if msg["msg_type"] == "status" and msg["content"]["execution_state"] == "idle":
            raise CellExecutionComplete


def limit(memory: int, file: int) -> None:
    """Limit this process and all that it starts, where the system has such limits."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_FSIZE, file),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(kind, (most, most))
        except (ValueError, OSError):  # not on this system
            continue


def manager(folder: Path) -> AsyncKernelManager:
    """Return the manager of a kernel of this very Python, whatever others are installed."""
    spec = folder / "kernels" / "sheet"
    spec.mkdir(parents=True)
    launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    about = {"argv": launch, "display_name": "sheet", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(about), encoding="utf-8")
    # Sockets of the file system: they work without any network, and nobody else can reach them.
    transport = "tcp" if sys.platform == "win32" else "ipc"
    km = AsyncKernelManager(
        kernel_name="sheet", transport=transport, connection_file=str(folder / "kernel.json")
    )
    km.kernel_spec_manager.kernel_dirs = [str(folder / "kernels")]
    return km


async def run(given: dict[str, Any], log: Log) -> None:
    """Run the sheet."""
    try:
        notebook = read(given["sheet"], as_version=4)
        cells = [
            cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()
        ]
        sources = [str(cell.source) for cell in cells]
    except Exception:  # what was handed in may be anything
        log.say("unreadable")
        return
    calls = sorted({name for source in sources for name in _CALL.findall(_plain(source))})
    log.say("read", cells=len(sources), calls=calls)
    empty = new_notebook(cells=[new_code_cell()])
    client = Client(
        empty,
        km=manager(Path(given["folder"])),
        timeout=given["seconds"],
        startup_timeout=given["seconds"],
        interrupt_on_timeout=True,
        allow_errors=True,
        record_timing=False,
        resources={"metadata": {"path": given["workplace"]}},
    )
    client.owns_km, client.shutdown_kernel = True, "immediate"
    async with client.async_setup_kernel():
        module = "attnlib.checks.report.in_kernel"
        arguments = f"{given['verdicts']!r}, {given['output']}"
        setup = f"__import__({module!r}, fromlist=['watch']).watch({arguments})"
        if said := await execute(client, setup, visible=False):
            raise RuntimeError(f"the kernel cannot be watched: {said}")
        client.timeout = given["cell_seconds"]
        errors = 0
        for number, source in enumerate(sources, start=1):
            log.say("cell", number=number)
            if said := await execute(client, source):
                errors += 1
                if errors <= _ERRORS:
                    log.say("error", number=number, text=said)
        log.say("finished")


async def execute(client: Client, source: str, *, visible: bool = True) -> str | None:
    """Run a cell, in the history of the kernel or out of sight; return what its error says."""
    replies: list[dict[str, Any]] = []
    client.on_cell_executed = lambda execute_reply, **_: replies.append(execute_reply["content"])
    await client.async_execute_cell(new_code_cell(source), 0, store_history=visible)
    reply = replies[0]
    if reply["status"] == "ok":
        return None
    if reply.get("ename") == "TooMuchOutput":
        return "TooMuchOutput"
    if reply.get("ename") == "KeyboardInterrupt":
        return "OutOfTime"
    return f"{reply.get('ename', '')}: {reply.get('evalue', '')}"[:_ERROR]


def _plain(source: str) -> str:
    """Leave out the lines of a cell that are comments."""
    return "\n".join(line for line in source.splitlines() if not line.lstrip().startswith("#"))


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0][:_ERROR]


def main() -> int:
    """Run the sheet that the first argument tells of."""
    given = json.loads(sys.argv[1])
    log = Log(given["log"])
    limit(given["memory"], given["file"])
    try:
        asyncio.run(run(given, log))
    except DeadKernelError:
        log.say("died")
    except MemoryError:
        log.say("memory")
    except Exception as error:
        log.say("broken", text=_first_line(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
