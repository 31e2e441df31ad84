"""Texts that a reader types into a live figure: what is shown of them, and what they cost."""

from tests.figures.test_speed import Clock

MOST = 30  # ms of script and layout for a text that is typed

# Types texts one after another, and tells what is shown of each once it has been painted.
TYPE = """async (texts) => {
  const field = document.querySelector('.live .widget-text input');
  const shown = [];
  for (const text of texts) {
    field.value = text;
    field.dispatchEvent(new Event('input', { bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    shown.push(JSON.parse(document.querySelector('.live .attn-figure').dataset.numbers));
  }
  return shown;
}"""


def dearest(window, texts):
    """Return what the most expensive of some texts costs, in ms of script and layout."""
    clock, costs = Clock(window), []
    for text in texts:
        spent = []
        for _ in range(3):  # what another process took is not counted: the least of three
            window.page.evaluate(TYPE, [""])
            before = clock()
            window.page.evaluate(TYPE, [text])
            spent.append(sum(clock()) - sum(before))
        costs.append(min(spent))
    return max(costs)
