"""Colab's list of packages becomes ours."""

import re

import pytest

from tools import colab_pins

OURS = """# what it listed on 2026-08-19
numpy==2.1.3
jupyter-client==7.4.9
torch==2.11.0
gone==1.0

# What those need
wcwidth==0.9.4
"""
FREEZE = """# Do not modify this file directly
ipywidgets==7.7.1
jupyter_client==7.5.0
matplotlib==3.10.8
numpy==2.2.0
torch @ https://download.pytorch.org/whl/cu128/torch-2.12.1%2Bcu128-cp313-cp313-manylinux_2_28_x86_64.whl
WCwidth==0.2.14
"""


def test_versions_move_and_names_stay():
    text, news = colab_pins.refreshed(OURS, FREEZE, "2027-01-02")
    assert text.splitlines() == [
        "# what it listed on 2027-01-02",
        "numpy==2.2.0",
        "jupyter-client==7.5.0",
        "torch==2.12.1",
        "gone==1.0",
        "",
        "# What those need",
        "wcwidth==0.2.14",
    ]
    assert news == [
        "numpy: 2.1.3 → 2.2.0",
        "jupyter-client: 7.4.9 → 7.5.0",
        "torch: 2.11.0 → 2.12.1",
        "gone: Colab's list has it no more, 1.0 is kept",
        "wcwidth: 0.9.4 → 0.2.14",
    ]


def test_the_committed_list_can_be_refreshed():
    text = colab_pins.PINS.read_text(encoding="utf-8")
    assert len(colab_pins.DATE.findall(text)) == 1
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(colab_pins.LINE.findall(text)) == len(lines)
    freeze = "\n".join([*lines, "einops==9"])
    again, news = colab_pins.refreshed(text, freeze, "2027-01-02")
    assert news == ["einops: 0.8.2 → 9"] or re.match("einops: ", news[0])
    assert "listed on 2027-01-02" in again


def test_a_list_that_is_not_colabs_is_refused():
    with pytest.raises(
        ValueError, match="FREEZE must be Colab's `pip freeze`, it lacks ipywidgets"
    ):
        colab_pins.refreshed(OURS, "numpy==2.2.0\ntorch==2.12.0\nmatplotlib==3.10\n", "2027-01-02")
    with pytest.raises(ValueError, match="matplotlib, numpy, torch"):
        colab_pins.refreshed(OURS, "<html>404: not found</html>", "2027-01-02")
