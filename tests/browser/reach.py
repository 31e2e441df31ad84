"""What a reader cannot get to see, in whatever size and spacing the letters are."""

from contextlib import contextmanager
from pathlib import Path

JUDGE = Path(__file__).with_name("out_of_reach.js").read_text("utf-8")

SETTLE = """() => {
  for (const motion of document.getAnimations()) motion.finish();
  return new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
}"""

# WCAG 2.2, 1.4.12: what a reader may set, without loss.
SPACING = """
  * { line-height: 1.5 !important; }
  * { letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }
  p { margin-bottom: 2em !important; }
"""


def out_of_reach(page, within="body"):
    """Return a line for each text that is cut off for good, and for what no keyboard scrolls."""
    for _ in range(2):  # a page ends its motions, and follows a new size, in the frame after
        page.evaluate(SETTLE)
    return page.evaluate(JUDGE, within)


def resize(page, width, height):
    """Give the window another size, and wait until the page has it: a phone's comes later."""
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_function("(width) => matchMedia(`(width: ${width}px)`).matches", arg=width)


@contextmanager
def sized(page, width, height):
    """Give the window another size for a while."""
    before = page.viewport_size
    resize(page, width, height)
    yield
    resize(page, **before)


@contextmanager
def styled(page, css):
    """Add a stylesheet of the reader's to the page for a while."""
    page.evaluate(
        """(css) => {
          window.added = new CSSStyleSheet();
          window.added.replaceSync(css);
          document.adoptedStyleSheets.push(window.added);
        }""",
        css,
    )
    yield
    page.evaluate(
        "document.adoptedStyleSheets = document.adoptedStyleSheets.filter((e) => e !== added)"
    )


def wide_spacing(page):
    """Set letters, words, lines and paragraphs apart, as readers may."""
    return styled(page, SPACING)


@contextmanager
def large_letters(page, size=24):
    """Set the size of letters in the browser's settings, which is 16 pixels otherwise."""
    session = page.context.new_cdp_session(page)
    session.send("Page.setFontSizes", {"fontSizes": {"standard": size, "fixed": size}})
    yield
    session.send("Page.setFontSizes", {"fontSizes": {"standard": 16, "fixed": 13}})
    session.detach()


def beside_its_icon(page, within):
    """Whether the words in a field of the search begin behind the magnifying glass."""
    return page.evaluate(
        """(within) => {
          const field = document.querySelector(`${within} input`);
          const icon = document.querySelector(`${within} i`).getBoundingClientRect();
          const words = field.getBoundingClientRect().left + field.clientLeft
            + parseFloat(getComputedStyle(field).paddingLeft);
          return words >= icon.right && field.getBoundingClientRect().right <= innerWidth;
        }""",
        within,
    )
