"""What is seen in forced colours (high contrast), and of the focus."""

import io
from contextlib import contextmanager

import numpy as np
from PIL import Image

from tests.browser.reach import styled

LEAST = 3  # WCAG 2.2, 1.4.11

# Marks what is told by a ground alone: a box with a ground other than the one behind it and no
# words in it, and hatching; first of all the chosen one among buttons.
MARK = """(figure) => {
  const clear = (color) => /^rgba.*, 0\\)$/.test(color);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (!clear(backgroundColor)) return backgroundColor;
    }
    return '';
  };
  for (const element of figure.querySelectorAll('.live *')) {
    if (element instanceof SVGElement || !element.checkVisibility()) continue;
    const { backgroundImage } = getComputedStyle(element);
    const drawn = backgroundImage.includes('gradient');
    const alone = !element.textContent.trim() && ground(element) !== ground(element.parentElement);
    const { width, height } = element.getBoundingClientRect();
    if ((drawn || alone) && width > 2 && height > 2) element.dataset.told = drawn ? 'drawn' : 'box';
  }
}"""
TOLD = """(figure) => {
  const at = figure.getBoundingClientRect();
  const box = (element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    return [x - at.x, y - at.y, width, height];
  };
  const named = (element, ...boxes) => [element.outerHTML.slice(0, 100), ...boxes];
  const all = (selector) => [...figure.querySelectorAll(selector)];
  const chosen = all('.live :is([aria-pressed=true], [aria-checked=true])')
    .filter((element) => element.textContent.trim() && !element.closest('svg'));
  return {
    alone: all('[data-told]').map(
      (element) => [element.dataset.told, ...named(element, box(element))]),
    chosen: chosen.map((element) => named(element, box(element),
      box(element.previousElementSibling ?? element.nextElementSibling))),
  };
}"""
# Names what is drawn in another colour than one of the system's, which alone are sure to be seen.
FOREIGN = """(figure) => {
  const probe = figure.ownerDocument.createElement('i');
  figure.append(probe);
  const names = ['Canvas', 'CanvasText', 'GrayText', 'Highlight', 'HighlightText', 'ButtonBorder'];
  const known = new Set(names.map((name) => {
    probe.style.cssText = `forced-color-adjust: none; color: ${name}`;
    return getComputedStyle(probe).color;
  }));
  probe.remove();
  const drawn = '.live svg :is(line, path, circle, rect, polyline, polygon, ellipse, text)';
  return [...figure.querySelectorAll(drawn)].filter((element) => {
    const { fill, stroke } = getComputedStyle(element);
    return [fill, stroke].some((color) => /^rgb\\(/.test(color) && !known.has(color));
  }).map((element) => element.outerHTML.slice(0, 100));
}"""
WITHOUT_WORDS = """
  .live td { font-size: 0 !important; }
  .live td > :not(:has([data-told])) { visibility: hidden; }
"""


@contextmanager
def forced_colors(page, scheme):
    """Have the system force its colours, on a light ground or on a dark one."""
    page.emulate_media(forced_colors="active", color_scheme=scheme)
    with styled(page, WITHOUT_WORDS):
        yield
    page.emulate_media(forced_colors="none", color_scheme="light")


def luminance(pixels):
    part = pixels / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(pixels):
    """Return the largest contrast between two pixels."""
    light = luminance(np.asarray(pixels))
    return (light.max() + 0.05) / (light.min() + 0.05)


def hardly_seen(figure):
    """Return how many things a figure tells by a ground, and which of them are hardly seen."""
    # In a window that is high enough, or the bar on top of the page would cover a part of it.
    window = figure.page.viewport_size
    figure.page.set_viewport_size(window | {"height": 2000})
    figure.evaluate("(element) => element.scrollIntoView({ block: 'center' })")
    told = figure.evaluate(TOLD)
    shot = figure.screenshot(animations="disabled")
    figure.page.set_viewport_size(window)
    picture = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), dtype=float)
    seen = {}
    for kind, name, (x, y, width, height) in told["alone"]:
        more = -2 if kind == "drawn" else 2  # hatching inside its border, a box with what is around
        rows = slice(max(0, int(y) - more), int(y + height) + more)
        seen[name] = contrast(picture[rows, max(0, int(x) - more) : int(x + width) + more])
    for name, *boxes in told["chosen"]:
        seen[name] = contrast([picture[int(y + h / 2), int(x + 4)] for x, y, _, h in boxes])
    return len(seen), [f"{name}: {ratio:.1f}" for name, ratio in seen.items() if ratio < LEAST]


# Gives the focus to all that can have it, as the Tab key does, and names what then shows no ring.
UNSEEN_FOCUS = """() => {
  const ring = (element) => {
    const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
    const seen = outlineStyle !== 'none' && !/^rgba.*, 0\\)$/.test(outlineColor);
    return seen && parseFloat(outlineWidth) >= 2;
  };
  const stroke = (element) => [...element.querySelectorAll('.attn-focus')]
    .some((each) => getComputedStyle(each).stroke !== 'none');
  const can = 'a[href], button, input, select, summary, [tabindex="0"]';
  const found = [...document.querySelectorAll(can)].filter((element) => element.checkVisibility(
    { visibilityProperty: true, opacityProperty: true }));
  let tried = 0;
  const unseen = found.filter((element) => {
    element.focus({ preventScroll: true });
    if (document.activeElement !== element || !element.matches(':focus-visible')) return false;
    tried += 1;
    return !ring(element) && !stroke(element);
  });
  document.activeElement.blur();
  return [tried, unseen.map((element) => element.outerHTML.slice(0, 120))];
}"""


def unseen_focus(page):
    """Return how many things can have the focus, and which of them do not show it."""
    page.keyboard.press("Tab")  # the browser shows a focus to those who use the keyboard
    return page.evaluate(UNSEEN_FOCUS)
