"""What a reader of a committed notebook relies on, without running it.

That the outputs are true is nbval's business (strict_nbval.py); here is what nbval doesn't look at.
"""

import ast
import itertools
import re

import nbformat
import pytest

from tools.editions import DEFAULT, editions
from tools.proof.records import LANGUAGE

EDITIONS = editions()
NOTEBOOKS = {f"{e.language}-{path.stem}": (e, path) for e in EDITIONS for path in e.notebooks}
DEFAULT_EDITION = [path for each, path in NOTEBOOKS.values() if each.language == DEFAULT]
# A panel's: the upper left corner of one stays where it is, and a score is read from right to left.
SIDE = re.compile(r"(?:^|[.:;,(] |\bin the )(?:left|right)\b(?! to )|\bbeside it\b", re.IGNORECASE)
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(params=NOTEBOOKS)
def place(request):
    return NOTEBOOKS[request.param]


@pytest.fixture
def edition(place):
    return place[0]


@pytest.fixture
def notebook(place):
    return nbformat.read(place[1], as_version=4)


@pytest.fixture
def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 2


def test_the_file_is_valid(notebook):
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)


def test_cells_ran_in_order(code_cells):
    assert [cell.execution_count for cell in code_cells] == list(range(1, len(code_cells) + 1))


def test_cell_ids_are_meaningful_and_unique(notebook):
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for cell_id in ids:
        assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", cell_id), cell_id
        assert not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){0,3}.*", cell_id), f"{cell_id}: random"


def test_no_cell_wrote_to_stderr_or_failed(code_cells):
    for cell in code_cells:
        for output in cell.outputs:
            assert output.get("name") != "stderr", (cell.id, output.text)
            assert output.output_type != "error", (cell.id, output.evalue)


def test_a_printout_is_in_one_piece(code_cells):
    """Where a slow cell's printout is cut differs from run to run."""
    for cell in code_cells:
        names = [output.get("name") for output in cell.outputs]
        assert all(a != b for a, b in itertools.pairwise(names) if a), cell.id


def test_no_cell_opts_out_of_comparison(code_cells):
    for cell in code_cells:
        assert not re.search(r"#\s*(NBVAL|PYTEST_VALIDATE)_", cell.source), cell.id
        assert not {tag for tag in cell.metadata.get("tags", []) if "nbval" in tag}, cell.id


def test_the_bootstrap_cell_is_the_same_everywhere_but_for_the_language(code_cells, edition):
    firsts = [
        next(cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code").source
        for _, path in NOTEBOOKS.values()
    ]
    (_,) = {LANGUAGE.sub("", source) for source in firsts}
    bootstrap = code_cells[0]
    assert bootstrap.id == "bootstrap"
    assert LANGUAGE.findall(bootstrap.source) == [edition.language]
    assert "remove-cell" in bootstrap.metadata["tags"]
    assert bootstrap.outputs == []


def test_every_picture_has_an_alternative_text(code_cells):
    for cell in code_cells:
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt) > 40, f"{cell.id}: a figure needs metadata mystnb.image.alt"


def test_every_picture_is_followed_by_a_caption(notebook, edition):
    caption = rf"\*\*{edition.naming('figure')}\.?\*\*\s?\S"
    for cell, following in zip(notebook.cells, notebook.cells[1:], strict=False):
        outputs = cell.get("outputs", [])
        if any("image/png" in output.get("data", {}) for output in outputs):
            assert re.match(caption, following.source), following.id


def stacks(output):
    """Whether what stands side by side on a desk stands below each other on a phone."""
    wide, narrow = (output.metadata.get(each) for each in ("image/png", "narrow"))
    return WIDGET_VIEW in output.data or (narrow and wide["height"] != narrow["height"])


@pytest.mark.parametrize("path", DEFAULT_EDITION, ids=lambda path: path.stem)
def test_no_words_tell_panels_by_a_side_that_they_do_not_have_on_a_phone(path):
    """Those of other editions are its translations."""
    cells = nbformat.read(path, as_version=4).cells
    for cell, following in itertools.pairwise(cells):
        pictures = [each for each in cell.get("outputs", []) if "image/png" in each.get("data", {})]
        if any(map(stacks, pictures)):
            caption = following.source.split("\n\n")[0]
            for text in (cell.metadata.mystnb.image.alt, caption):
                assert not SIDE.search(text), f"{cell.id}: {text}"


def test_captions_count_up(notebook, edition):
    figure = edition.naming("figure", r"(\d+)\.(\d+)")
    numbers = [
        tuple(map(int, match))
        for cell in notebook.cells
        for match in re.findall(rf"^\*\*{figure}\.?\*\*", cell.source, re.MULTILINE)
    ]
    chapter = int(re.match(r"# (\d+)\. ", notebook.cells[0].source)[1])
    assert numbers == [(chapter, count) for count in range(1, len(numbers) + 1)]


def test_figures_are_portable_png(code_cells):
    """SVG output differs from run to run, and an Output widget cannot be kept still."""
    for cell in code_cells:
        for output in cell.outputs:
            assert "image/svg+xml" not in output.get("data", {}), cell.id
            assert "Output()" not in output.get("data", {}).get("text/plain", ""), cell.id


def test_widgets_carry_state_and_a_still(notebook, code_cells):
    views = [
        output.data
        for cell in code_cells
        for output in cell.outputs
        if WIDGET_VIEW in output.get("data", {})
    ]
    state = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    assert bool(views) == bool(state)
    for data in views:
        assert data[WIDGET_VIEW]["model_id"] in state
        assert "image/png" in data, "a live figure needs a still picture beside it"
        assert "0x" not in data["text/plain"]


def test_code_prints_no_prose(code_cells):
    """A Chinese edition shares the code cells byte for byte, so that nothing in them is English."""
    for cell in code_cells[1:]:
        source = re.sub(r"^\s*%.*$", "", cell.source, flags=re.MULTILINE)
        for call in ast.walk(ast.parse(source)):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "print":
                for text in ast.walk(call):
                    if isinstance(text, ast.Constant) and isinstance(text.value, str):
                        assert not re.search(r"[A-Za-z]{3,} [A-Za-z]{2,}", text.value), cell.id


def test_no_machine_paths_or_secrets(notebook):
    text = nbformat.writes(notebook)
    assert not re.search(r"/(home|root|Users|tmp|work)/", text)
    assert not re.search(r"(api[_-]?key|token|password)\s*[=:]\s*['\"]\w{12,}", text, re.IGNORECASE)


def test_links_to_other_files_resolve(notebook, edition):
    folder = edition.chapters_folder
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", cell.source):
                assert (folder / target).exists(), f"{cell.id}: {target}"


def test_prose_keeps_to_the_voice(notebook, edition):
    """No filler: words that tell a stuck reader that they should not be stuck."""
    filler = re.compile(rf"(?<![A-Za-z])(?:{edition.phrases['filler']})(?![A-Za-z])")
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            found = filler.search(cell.source)
            assert found is None, f"{cell.id}: {found[0]!r}"
