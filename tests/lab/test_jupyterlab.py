"""The notebooks in a real JupyterLab: every cell runs, nothing warns, figures move with sliders."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import torch

import attnlib

ROOT = Path(__file__).parent.parent.parent
NOTEBOOKS = sorted(ROOT.glob("notebooks/*/*.ipynb"))
RUN_ALL = """async () => {
  const app = window.jupyterapp;
  await app.restored;
  const panel = app.shell.currentWidget;
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
  await app.commands.execute('notebook:run-all-cells');
  return panel.content.widgets.filter((cell) => cell.model.type === 'code').map((cell) => ({
    id: cell.model.id,
    count: cell.model.executionCount,
    outputs: cell.outputArea.model.toJSON(),
  }));
}"""

GO_TO_THE_FIGURE = """() => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  const index = notebook.widgets.findIndex((cell) => cell.model.id === 'live-figure');
  notebook.activeCellIndex = index;
  return notebook.scrollToItem(index, 'center');
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on copies of the notebooks, without the settings of whoever runs the tests."""
    folder = tmp_path_factory.mktemp("lab")
    for path in NOTEBOOKS:
        shutil.copy(path, folder)
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
    try:
        for _ in range(240):
            assert process.poll() is None, (folder / "lab.log").read_text()
            try:
                urllib.request.urlopen(f"{url}/api/status?token={token}", timeout=2).close()
                break
            except OSError:
                time.sleep(0.25)
        yield lambda name: f"{url}/lab/tree/{name}?token={token}&reset"
    finally:
        process.terminate()
        process.wait(30)
        log.close()


# JupyterLab's own toolbar of cells measures the rendered part of a Markdown cell, and a cell of
# jupyterlab-myst has none in the place where it looks. The error is thrown inside JupyterLab 4.6.
UPSTREAM = "_markdownOverlapsToolbar"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_run_all(lab, browser, path):
    page = browser.new_page(viewport={"width": 1280, "height": 1400})
    foreign, errors = [], []
    page.on(
        "request",
        lambda request: (
            foreign.append(request.url)
            if not request.url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:"))
            else None
        ),
    )
    page.on("pageerror", lambda error: errors.append(error.stack or str(error)))
    try:
        page.goto(lab(path.name))
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=90_000)
        cells = page.evaluate(RUN_ALL)
        assert [cell["count"] for cell in cells] == list(range(1, len(cells) + 1))
        for cell in cells:
            for output in cell["outputs"]:
                assert output["output_type"] != "error", (cell["id"], output)
                assert output.get("name") != "stderr", (cell["id"], output)

        assert_myst_is_rendered(page)
        assert_headings_are_listed(page)
        page.evaluate(GO_TO_THE_FIGURE)
        page.locator(".attn-figure").first.wait_for(timeout=30_000)
        if path.stem == "01_query_key_value":
            move_the_query(page)
        else:
            move_a_slider(page)
        assert not foreign
        assert [error for error in errors if UPSTREAM not in error] == []
    finally:
        page.close()


# For each cell of text: boxes and folded parts, as they are written and as they are shown.
MYST = """() => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets
    .filter((cell) => cell.model.type === 'markdown');
  const count = (text, pattern) => (text.match(pattern) ?? []).length;
  return cells.map((cell) => {
    const source = cell.model.sharedModel.source;
    return {
      written: [count(source, /^:::\\{/gm), count(source, /<details>/g)],
      shown: ['aside', 'details'].map((tag) => cell.node.querySelectorAll(tag).length),
    };
  });
}"""
ALL_SHOWN = f"() => ({MYST})().every((e) => String(e.written) === String(e.shown))"


def assert_myst_is_rendered(page):
    """Directives become boxes, hints and solutions are folded parts."""
    page.wait_for_function(ALL_SHOWN, timeout=60_000)
    boxes, folded = zip(*(cell["shown"] for cell in page.evaluate(MYST)), strict=True)
    assert sum(boxes) >= 1
    hint = page.locator("details").first
    if sum(folded):
        assert not hint.evaluate("e => e.open")
        hint.locator("summary").click()
        assert hint.evaluate("e => e.open")


def assert_headings_are_listed(page):
    headings = page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.content.widgets
          .filter((cell) => cell.model.type === 'markdown')
          .flatMap((cell) => cell.model.sharedModel.source.match(/^##? .+$/gm) ?? [])"""
    )
    page.evaluate("window.jupyterapp.shell.activateById('table-of-contents')")
    page.locator(".jp-TableOfContents-tree").first.get_by_text(
        headings[-1].lstrip("# "), exact=True
    ).wait_for(timeout=30_000)
    listed = page.locator(".jp-TableOfContents-tree").first.inner_text()
    assert [each for each in headings if each.lstrip("# ") not in listed] == []


def move_a_slider(page):
    """Push the first slider of a live figure: what the figure shows must change."""
    before = page.locator(".attn-figure").first.get_attribute("data-numbers")
    page.locator(".widget-slider .noUi-handle").first.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(
        "before => document.querySelector('.attn-figure').dataset.numbers !== before", arg=before
    )


def move_the_query(page):
    """Push the slider of the first live figure; its numbers must be attnlib's for the new query."""
    page.locator(".widget-slider .noUi-handle").first.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "() => JSON.parse(document.querySelector('.attn-figure').dataset.numbers).query[0] > 1.45"
    )
    shown = json.loads(page.locator(".attn-figure").first.get_attribute("data-numbers"))
    query = torch.tensor([shown["query"]], dtype=torch.float64)
    assert query.tolist() == [[1.5, 1.0]]
    keys = torch.tensor([[1.0, 1.0], [2.0, -1.0], [1.0, -1.0]], dtype=torch.float64)
    values = torch.tensor([[1.0, 3.0], [-1.0, 3.0], [-1.0, 1.0]], dtype=torch.float64)
    output, _ = attnlib.scaled_dot_product_attention(query, keys, values, scale=1.0)
    torch.testing.assert_close(
        torch.tensor(shown["output"], dtype=torch.float64), output[0], atol=1e-5, rtol=0
    )
