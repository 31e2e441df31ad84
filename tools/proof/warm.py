"""Kernels that have imported the packages of notebooks already: forks of a server for each runtime.

Whoever manages kernels starts a process and watches it, so each fork has one that stands for it: it
asks the server for a kernel, ends when that has ended, and takes it along when it is ended.
"""

import atexit
import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

SERVER = Path(__file__).with_name("fork_server.py")
POSSIBLE = sys.platform == "linux"  # elsewhere what a fork has inherited may not work
STANDS_FOR_IT = """
import json, os, signal, socket, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)  # an idle kernel is interrupted before it is ended
path, *arguments = sys.argv[1:]
request = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}
server = socket.socket(socket.AF_UNIX)
server.connect(path)
server.sendall(json.dumps(request).encode() + b"\\n")
server.recv(1)  # until the kernel has ended
"""


def launch(python: str, environment: Mapping[str, str]) -> list[str]:
    """Return how a kernel is started, but for its arguments.

    Args:
        python: The program of its runtime.
        environment: Variables that it gets beside those of this process.
    """
    path = _server(python, tuple(sorted(environment.items())))
    return [sys.executable, "-I", "-S", "-c", STANDS_FOR_IT, path]


@functools.cache
def _server(python: str, environment: tuple[tuple[str, str], ...]) -> str:
    """Start the server of a runtime; return the path of its socket.

    Raises:
        RuntimeError: If it cannot import what notebooks import, or that warns.
    """
    folder = tempfile.TemporaryDirectory(prefix="kernels-")
    path = str(Path(folder.name) / "socket")
    process = subprocess.Popen(
        [python, str(SERVER), path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **dict(environment)},
    )

    def end() -> None:
        process.communicate()  # it ends when nobody can ask it any more
        folder.cleanup()

    atexit.register(end)
    assert process.stdout is not None
    if process.stdout.readline() != b"ready\n":
        raise RuntimeError(f"{python} cannot import what notebooks import")
    return path
