"""How much script a step of a control costs; a table at the end of the run.

The clock is the time that the page's own thread has computed, so that other processes do not count.
How soon a figure lives is judged by `make speed` (tests/speed), weights by test_every_page.py.
"""

import statistics

import pytest
import torch

from tests.figures.stage import Stage
from tests.widgets.facts import all_facts

FRAME = 16  # ms
ROUNDS = 3  # at most


def largest():
    """Each figure as large as it can be."""
    return {facts.kind.__name__: facts.largest() for facts in all_facts()}


# Waits until the browser has painted, the next frame and the task after it; tells whether what the
# figure shows has changed since this was called last.
CHANGED = """async (figure) => {
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const { before } = figure;
  figure.before = figure.dataset.numbers;
  return figure.before !== before;
}"""


class Clock:
    """What the thread of a page has computed so far, in ms."""

    def __init__(self, window):
        self.session = window.context.new_cdp_session(window.page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def __call__(self):
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        spent = {each["name"]: 1000 * each["value"] for each in metrics}
        return spent["ScriptDuration"], spent["LayoutDuration"] + spent["RecalcStyleDuration"]


@pytest.fixture(scope="module")
def large(lasting_visit):
    torch.manual_seed(20170612)
    figures = largest()
    window = lasting_visit()
    Stage(list(figures.values()))(window)
    assert window.states() == ["alive"] * len(figures)
    return window, list(figures)


@pytest.mark.parametrize("number", range(len(all_facts())))
def test_a_control_costs_less_than_a_frame(large, report, number):
    """Each step of each slider, there and back; what another process took is not counted twice.

    Where a step took longer than a frame all are made again, in three rounds at most, and the least
    of its times counts.
    """
    window, names = large
    page, clock = window.page, Clock(window)
    figure = page.locator(".live-figure").nth(number)
    root = figure.locator(".attn-figure")
    costs = {}
    for index, handle in enumerate(figure.locator(".noUi-handle").all()):
        handle.scroll_into_view_if_needed()
        handle.focus()
        root.evaluate(CHANGED)
        for _ in range(ROUNDS):
            before = clock()
            for step, key in enumerate(["ArrowLeft"] * 4 + ["ArrowRight"] * 4):
                page.keyboard.press(key)
                changed, after = root.evaluate(CHANGED), clock()
                if changed:
                    spent = [b - a for a, b in zip(before, after, strict=True)]
                    costs.setdefault((index, step), []).append(spent)
                before = after
            mine = [spent for (slider, _), spent in costs.items() if slider == index]
            if all(min(each[0] for each in spent) <= FRAME for spent in mine):
                break
    assert len(costs) >= 4, "the sliders move nothing"
    script = [min(each[0] for each in spent) for spent in costs.values()]
    layout = [min(each[1] for each in spent) for spent in costs.values()]
    report(
        f"{names[number]}: {statistics.median(script):.1f} ms of script a step, at most "
        f"{max(script):.1f}; {statistics.median(layout):.1f} ms of style and layout"
    )
    assert max(script) <= FRAME
