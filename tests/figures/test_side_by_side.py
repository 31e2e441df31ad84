"""All figures on one page: none restyles another, whichever comes last."""

import pytest

from tests.figures.stage import Stage
from tests.widgets.facts import KINDS

# Places and type of everything in a figure, as seen from its corner.
LAYOUT = """(figure) => {
  const { left, top } = figure.getBoundingClientRect();
  return [...figure.querySelectorAll(':not(option)')].map((element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    const { fontSize, color, margin } = getComputedStyle(element);
    // What draws nothing is nowhere.
    const box = width || height ? [x - left, y - top, width, height].map(Math.round) : [];
    return [element.tagName, ...box, fontSize, color, margin].join(' ');
  });
}"""


@pytest.fixture(scope="module")
def alone(lasting_visit):
    """The layout of each figure on a page of its own."""
    window = lasting_visit()
    found = {}
    for kind in KINDS:
        page = Stage([kind()])(window)
        found[kind] = page.locator(".live > *").evaluate(LAYOUT)
    return found


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "in reverse"])
def test_figures_look_as_they_do_alone(visit, alone, order):
    window = visit()
    kinds = KINDS[::order]
    page = Stage([kind() for kind in kinds])(window)
    for kind, figure in zip(kinds, page.locator(".live > *").all(), strict=True):
        assert figure.evaluate(LAYOUT) == alone[kind], kind
    assert window.problems == []
