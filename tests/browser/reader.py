"""A page as a reader opens it, and what is wrong with its layout in windows of all sizes."""

from contextlib import contextmanager

from tests.browser.reach import large_letters, out_of_reach, resize, wide_spacing

DESK = {"viewport": {"width": 1300, "height": 900}, "color_scheme": "light"}
PHONE = {
    "viewport": {"width": 360, "height": 780},
    "color_scheme": "dark",
    "has_touch": True,
    "is_mobile": True,
}

SHIFTS = """
  window.shift = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
  }).observe({ type: 'layout-shift', buffered: true });
"""

# A desk and a tablet; phones, and 1280 pixels at 200 % and at 400 %.
DESKS = [(1300, 900), (768, 900)]
NARROW = [(360, 780), (430, 900), (640, 400), (320, 256)]
MANNERS = {"wide_spacing": wide_spacing, "large_letters": large_letters}

# Lines that begin with a sign that belongs to the formula before it, and numbers in two lines.
TORN = """() => {
  const found = [];
  const rectangles = (node, from, to) => {
    const range = document.createRange();
    range.setStart(node, from);
    range.setEnd(node, to);
    return [...range.getClientRects()].filter(({ width }) => width);
  };
  const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    if (node.parentElement.closest('pre, code, .katex, .live-figure, svg')) continue;
    for (const number of node.data.matchAll(/\\d[\\d.]*(?:\\s%|–\\d[\\d.]*)/g)) {
      const boxes = rectangles(node, number.index, number.index + number[0].length);
      if (new Set(boxes.map(({ y }) => Math.round(y / 8))).size > 1) found.push(number[0]);
    }
    const before = node.previousSibling;
    if (before?.nodeType === 1 && before.matches('.math') && /^[.,;:)!?]/.test(node.data)) {
      const [sign] = rectangles(node, 0, 1);
      const end = [...before.getClientRects()].at(-1);
      if (sign && end && sign.top > end.bottom - 2) found.push(before.textContent.slice(0, 30));
    }
  }
  return found;
}"""


class Reader:
    """Opens a page and reads towards each figure, as fast as one can flick (4000 pixels/s)."""

    def __init__(self, window, path):
        self.window, self.path, self.page = window, path, window.page
        self.loaded = set()
        self.page.on("requestfinished", lambda request: self.loaded.add(request.url))
        self.page.add_init_script(SHIFTS)
        window.open(path)
        self.page.wait_for_timeout(200)
        for figure in self.figures():
            top = figure.evaluate("e => e.getBoundingClientRect().top + scrollY")
            for position in range(max(0, int(top) - 3000), int(top) + 800, 200):
                self.page.evaluate("position => scrollTo(0, position)", position)
                self.page.wait_for_timeout(50)
        window.come_near_all_figures()
        self.page.evaluate("document.fonts.ready")
        self.page.wait_for_timeout(100)
        self.shift = self.page.evaluate("window.shift")

    def figures(self):
        return self.page.locator(".live-figure").all()

    def rooms(self):
        """Return the height kept for each figure, and the height that it has.

        `make notebooks` has measured them; live_figures.py writes them into the figure's box.
        """
        return [
            (
                figure.evaluate("e => parseFloat(getComputedStyle(e).minHeight)"),
                figure.locator(".live > *").first.bounding_box()["height"],
            )
            for figure in self.figures()
        ]


def sticking_out(page):
    """Return what the right edge cuts off, unless it can be scrolled into view in its box."""
    return page.evaluate(
        """() => [...document.querySelectorAll('article *')].filter((element) => {
          if (element.getBoundingClientRect().right <= innerWidth + 1) return false;
          for (let box = element.parentElement; box; box = box.parentElement) {
            if (getComputedStyle(box).overflowX !== 'visible' && box !== document.body
                && box !== document.documentElement) return false;
          }
          return true;
        }).map((element) => element.outerHTML.slice(0, 120))"""
    )


@contextmanager
def no_finger(page):
    """Take the touch screen away from a phone for a while: some things are larger for fingers."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    yield
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    session.detach()


def layouts(reader, sizes):
    """Return what is wrong with a page in each of these sizes, and in each manner in the first.

    Laying a page out anew takes longest: all that depends on it is asked at once.
    """
    reader.window.open_all_boxes()
    before, found = reader.page.viewport_size, {}
    for width, height in sizes:
        resize(reader.page, width, height)
        here = found[width, height] = {
            "cut off": out_of_reach(reader.page),
            "torn": reader.page.evaluate(TORN),
            "sticks out": sticking_out(reader.page),
        }
        if len(found) == 1:
            here["rooms"] = reader.rooms()
            for name, manner in MANNERS.items():
                with manner(reader.page):
                    here[name] = out_of_reach(reader.page)
    resize(reader.page, **before)
    return found
