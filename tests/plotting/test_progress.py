"""The bar of a long cell: it passes every step on, grows, and leaves nothing."""

import asyncio
import sys

import pytest

from attnlib.plotting import progress
from tools.proof import session

CODE = """
from attnlib.plotting import progress
for step in progress(range(200)): pass
step
"""


def test_outside_of_a_notebook_it_is_silent(capsys):
    assert list(progress(range(5))) == [0, 1, 2, 3, 4]
    assert list(progress([])) == []
    assert capsys.readouterr() == ("", "")


class Notebook:
    """What an output area has shown, one after the other, and what is in it now."""

    kernel = True

    def __init__(self):
        self.cleared = []

    def clear(self, wait=False):
        self.cleared.append(wait)


@pytest.fixture
def notebook(monkeypatch):
    there = Notebook()
    monkeypatch.setattr("IPython.get_ipython", lambda: there)
    monkeypatch.setattr("IPython.display.clear_output", there.clear)
    return there


def test_in_a_notebook_the_bar_grows_and_goes(notebook, capsys):
    assert list(progress(range(200))) == list(range(200))
    bars = capsys.readouterr().out.split()
    assert [bar.count("█") for bar in bars] == list(range(40))
    assert {len(bar) for bar in bars} == {40}
    assert notebook.cleared == [*[True] * 40, False]


def test_an_error_in_a_step_leaves_no_bar(notebook, capsys):
    steps = progress(range(3))
    with pytest.raises(ZeroDivisionError):
        next(1 / (step - 1) for step in steps if step)
    steps.close()
    assert notebook.cleared[-1] is False


def test_a_kernel_keeps_nothing_of_it(tmp_path):
    async def run():
        async with session.kernel(sys.executable, {}, tmp_path, tmp_path) as kernel:
            return await kernel.run(CODE, 1)

    (shown,) = asyncio.run(run())
    assert shown["data"] == {"text/plain": "199"}
