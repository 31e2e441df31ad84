"""A JupyterLab of its own, and a Chromium that records what goes wrong in it."""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest

from tests.browser.conftest import browser, playwright  # noqa: F401


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """JupyterLab on an empty folder, without the settings of whoever runs the tests.

    The value is its address, and a function that puts a notebook there and returns its name.
    """
    folder = tmp_path_factory.mktemp("lab")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    private = {
        name: str(folder / name.lower())
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    log = (folder / "lab.log").open("w")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *("--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
            *(f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"),
            *("--expose-app-in-browser", "--LabApp.news_url=None"),
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            "--LabApp.extension_manager=readonly",
        ],
        env=os.environ | private,
        stdout=log,
        stderr=log,
    )
    url = f"http://127.0.0.1:{port}"

    def put(path, notebook):
        name = f"{path.parent.name}-{path.name}"
        nbformat.write(notebook, folder / name)
        return name

    try:
        for _ in range(240):
            assert process.poll() is None, (folder / "lab.log").read_text()
            try:
                urllib.request.urlopen(f"{url}/api/status?token={token}", timeout=2).close()
                break
            except OSError:
                time.sleep(0.25)
        yield f"{url}/lab?token={token}&reset", put
    finally:
        process.terminate()
        process.wait(30)
        log.close()


# Ends what is open, kernel and all, and opens a notebook.
OPEN = """async (path) => {
  const app = window.jupyterapp;
  await app.restored;
  for (const panel of [...app.shell.widgets('main')]) {
    await panel.sessionContext?.ready; // else its kernel comes when nobody is there any more
    await panel.sessionContext?.shutdown();
    panel.dispose();
  }
  await app.commands.execute('docmanager:open', { path, factory: 'Notebook' });
}"""


ALL_CELLS = """(path) => {
  const panel = window.jupyterapp.shell.currentWidget;
  if (panel?.context?.path !== path || !panel.context.isReady) return false;
  const cells = panel.content.model.cells.length;
  return cells > 1 && panel.content.widgets.length === cells;
}"""


class Lab:
    """JupyterLab in a window, where one notebook after the other is opened."""

    def __init__(self, context, address):
        self.page = context.new_page()
        self.foreign, self.errors = [], []
        self.page.on("request", self._request)
        self.page.on("pageerror", lambda error: self.errors.append(error.stack or str(error)))
        self.page.goto(address)
        self.page.wait_for_function("() => window.jupyterapp?.restored", timeout=90_000)

    def open(self, name):
        """Open a notebook, and nothing beside it."""
        self.page.evaluate(OPEN, name)
        self.foreign.clear()
        self.errors.clear()
        self.page.wait_for_function(ALL_CELLS, arg=name, timeout=90_000)

    def _request(self, request):
        here = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")
        if not request.url.startswith(here):
            self.foreign.append(request.url)

    def run(self, cells=None):
        """Run these cells by their ids, or all; return id, count and outputs of each."""
        return self.page.evaluate(RUN, cells)


RUN = """async (wanted) => {
  const app = window.jupyterapp;
  await app.restored;
  const panel = app.shell.currentWidget;
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
  const notebook = panel.content;
  const code = notebook.widgets.filter((cell) => cell.model.type === 'code');
  if (wanted === null) {
    await app.commands.execute('notebook:run-all-cells');
  } else {
    for (const id of wanted) {
      notebook.deselectAll();
      notebook.activeCellIndex = notebook.widgets.findIndex((cell) => cell.model.id === id);
      await app.commands.execute('notebook:run-cell');
    }
  }
  return code.filter((cell) => wanted === null || wanted.includes(cell.model.id)).map((cell) => ({
    id: cell.model.id,
    count: cell.model.executionCount,
    outputs: cell.outputArea.model.toJSON(),
  }));
}"""


@pytest.fixture(scope="session")
def window(lab, browser):  # noqa: F811
    """One for all notebooks: what JupyterLab is made of is loaded and started once."""
    address, _ = lab
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    yield Lab(context, address)
    context.close()


@pytest.fixture
def opened(lab, window):
    """Return a function that opens a notebook under the name of one of ours."""
    _, put = lab

    def open_it(path, notebook):
        window.open(put(path, notebook))
        return window

    return open_it
