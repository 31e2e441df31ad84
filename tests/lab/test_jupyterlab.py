"""The notebooks in a real JupyterLab: cells run, nothing warns, figures move with sliders.

One notebook is run whole. What cells show elsewhere is in the records of their runs
(tests/notebooks); so each other notebook is opened, and runs what its live figure needs, but for
what its run has trained (tools/proof/long_cells.py). Of a translated one the text is looked at
alone, since its code is that of the original (tests/translations), and so are its figures
(tests/site/test_twins.py).
"""

import json

import nbformat
import pytest
import torch
from playwright.sync_api import TimeoutError

import attnlib
from tests.figures.stage import nudge
from tests.lab.needed import needed
from tests.lab.trained import take_what_was_trained
from tools.editions import editions

WHOLE = [editions()[0].chapters[0]]
OTHERS = [path for each in editions() for path in each.notebooks if path not in WHOLE]
# Of those that several editions have.
FIRST = {path.name: path for path in reversed([*WHOLE, *OTHERS])}
ORIGINALS = [path for path in OTHERS if path in FIRST.values()]
TRANSLATED = [path for path in OTHERS if path not in ORIGINALS]

# JupyterLab reads its own files and the notebook, which is copied by the test, and nothing else.
pytestmark = pytest.mark.watched


def name_of(path):
    return f"{path.parent.name}-{path.stem}"


UPSTREAM = (
    # anywidget gives a model 2 s to initialise, and says so when a busy machine took longer. That
    # the figure lives all the same is what each test here sees: it moves it.
    "[anywidget] Failed to initialize model.",
)


def assert_quiet(window, cells):
    for cell in cells:
        for output in cell["outputs"]:
            assert output["output_type"] != "error", (cell["id"], output)
            assert output.get("name") != "stderr", (cell["id"], output)
    assert not window.foreign
    own = [error for error in window.errors if not any(known in error for known in UPSTREAM)]
    assert own == []


@pytest.mark.parametrize("path", WHOLE, ids=name_of)
def test_a_whole_notebook_runs(opened, path):
    window = opened(path, nbformat.read(path, 4))
    cells = window.run()
    assert [cell["count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert_text_is_rendered(window.page)
    assert_headings_are_listed(window.page)
    go_to_the_figure(window.page)
    move_the_query(window.page)
    assert_quiet(window, cells)


@pytest.mark.parametrize("path", TRANSLATED, ids=name_of)
def test_a_translated_text_is_shown(opened, path):
    window = opened(path, nbformat.read(path, 4))
    assert_text_is_rendered(window.page)
    assert_headings_are_listed(window.page)
    assert_quiet(window, [])


@pytest.mark.parametrize("path", ORIGINALS, ids=name_of)
def test_a_live_figure_moves(opened, path):
    notebook = nbformat.read(path, 4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    place = next(order for order, cell in enumerate(code) if cell.id == "live-figure")
    before = [cell.source for cell in code[:place]]
    wanted = sorted({0, *needed(code[place].source, before), place})  # 0: the first cell
    take_what_was_trained(path.stem, code)
    window = opened(path, notebook)
    cells = window.run([code[order].id for order in wanted])
    assert [cell["id"] for cell in cells] == [code[order].id for order in wanted]
    assert [cell["count"] for cell in cells] == list(range(1, len(wanted) + 1))
    assert_text_is_rendered(window.page)
    assert_headings_are_listed(window.page)
    go_to_the_figure(window.page)
    move_a_slider(window.page)
    assert_quiet(window, cells)


# For each cell of text: boxes, folded parts and formulas, as they are written and as they are
# shown; and what is left of their marks.
TEXT = """() => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets
    .filter((cell) => cell.model.type === 'markdown');
  const count = (text, pattern) => (text.match(pattern) ?? []).length;
  return cells.map((cell) => {
    const source = cell.model.sharedModel.source.replace(/^```[^]*?^```/gm, '');
    const rendered = cell.node.querySelector('.jp-RenderedMarkdown');
    if (!rendered) return { id: cell.model.id, left: true };  // Lab renders far cells later
    const shown = rendered.cloneNode(true);
    shown.querySelectorAll('code').forEach((code) => code.remove());
    const places = ['blockquote', 'details', 'mjx-container'];
    const written = [/^> \\*\\*/gm, /<details>/g, /\\$\\$[^$]+\\$\\$|\\$[^$]+\\$/g];
    return {
      id: cell.model.id,
      written: written.map((pattern) => count(source, pattern)),
      shown: places.map((tag) => shown.querySelectorAll(tag).length),
      left: shown.innerText.includes('$') || shown.innerText.includes('**'),
    };
  });
}"""
ALL_SHOWN = f"() => ({TEXT})().every((e) => !e.left && String(e.written) === String(e.shown))"
FOLDS = """() => [...document.querySelectorAll('.jp-RenderedMarkdown details')].map((fold) => ({
  mark: getComputedStyle(fold.firstElementChild).listStyleType,
  pointer: getComputedStyle(fold.firstElementChild).cursor,
  paragraphs: fold.querySelectorAll(':scope > :is(p, pre, ul, ol)').length,
  plain: fold.querySelectorAll('pre code:not(:has(span))').length,
}))"""


def assert_text_is_rendered(page):
    """Quotations are boxes, formulas are set, and hints and solutions are parts that unfold."""
    try:
        page.wait_for_function(ALL_SHOWN, timeout=60_000, polling=250)  # it looks at every cell
    except TimeoutError:
        cells = page.evaluate(TEXT)
        pytest.fail(str([e for e in cells if e["left"] or e["written"] != e["shown"]]))
    boxes = sum(cell["shown"][0] for cell in page.evaluate(TEXT))
    assert boxes >= 1
    folds = page.evaluate(FOLDS)
    for fold in folds:
        assert fold == {
            "mark": "disclosure-closed",
            "pointer": "pointer",
            "paragraphs": max(1, fold["paragraphs"]),
            "plain": 0,
        }
    if folds:
        hint = page.locator("details").first
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


GO_TO_THE_FIGURE = """() => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  const index = notebook.widgets.findIndex((cell) => cell.model.id === 'live-figure');
  notebook.activeCellIndex = index;
  return notebook.scrollToItem(index, 'center');
}"""


def go_to_the_figure(page):
    page.evaluate(GO_TO_THE_FIGURE)
    page.locator(".attn-figure").first.wait_for(timeout=30_000)


def move_a_slider(page):
    """Push the first slider of a live figure: what the figure shows must change."""
    before = page.locator(".attn-figure").first.get_attribute("data-numbers")
    nudge(page.locator(".widget-slider .noUi-handle").first)
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
