"""A tour through a page: which things there are, what is done to them, what they then show."""

import functools
import json

# Runs before all other scripts of a page and remembers what goes wrong in it.
EAR = """
window.complaints = [];
{
  const hear = (...words) => complaints.push(words.map(String).join(' '));
  addEventListener('error', (event) => {
    const { message, target } = event;
    hear('error', message ?? '', target.src ?? target.href ?? '');
  }, true);
  addEventListener('unhandledrejection', (event) => hear('rejected', event.reason));
  addEventListener('securitypolicyviolation', (event) => hear('forbidden', event.blockedURI));
  for (const kind of ['error', 'warn', 'assert']) {
    const say = console[kind];
    console[kind] = (...words) => { hear(kind, ...words); say.apply(console, words); };
  }
}
"""

COMPLAINTS = "() => window.complaints"
STATES = """() => [...document.querySelectorAll('.live-figure')].map((e) => e.dataset.state)"""
# Scrolls to the next figure that is not settled; true when all of them are.
SETTLED = """() => {
  const next = [...document.querySelectorAll('.live-figure')]
    .find((figure) => !['alive', 'failed'].includes(figure.dataset.state));
  next?.scrollIntoView({ block: 'center', behavior: 'instant' });
  return !next;
}"""
# The figure that all below speak of, by its accessible name.
TURN_TO = """(name) => {
  window.figure = [...document.querySelectorAll('.live')]
    .find((each) => each.querySelector(`[aria-label="${name}"]`));
  return Boolean(window.figure);
}"""
NUMBERS = "() => window.figure.querySelector('.attn-figure').dataset.numbers"
OTHER_NUMBERS = """(before) => {
  const { numbers } = window.figure.querySelector('.attn-figure').dataset;
  return numbers !== before && numbers;
}"""
FOCUS = """(selector, nth) => {
  const found = window.figure.querySelectorAll(selector)[nth];
  found.scrollIntoView({ block: 'center', behavior: 'instant' });
  found.focus();
  return document.activeElement === found;
}"""
SLIDERS = """() => {
  const handles = [...window.figure.querySelectorAll('.noUi-handle')];
  const value = (handle, name) => Number(handle.getAttribute(`aria-value${name}`));
  return handles.map((handle) => ['min', 'max', 'now'].map((name) => value(handle, name)));
}"""
# Opening a list is the system's affair, and looks different in each; choosing in it is the page's.
CHOOSE_NEXT = """(selector, nth) => {
  const list = window.figure.querySelectorAll(selector)[nth];
  list.selectedIndex += 1;
  list.dispatchEvent(new Event('change', { bubbles: true }));
  return true;
}"""
# Where a slider's handle is, and another place on its track.
TRACK = """(nth) => {
  const handle = window.figure.querySelectorAll('.noUi-handle')[nth];
  handle.scrollIntoView({ block: 'center', behavior: 'instant' });
  const own = handle.getBoundingClientRect();
  const track = handle.closest('.noUi-target').getBoundingClientRect();
  const [x, y] = [own.x + own.width / 2, own.y + own.height / 2];
  const middle = track.x + track.width / 2;
  return [[x, y], [Math.abs(x - middle) > 30 ? middle : track.x + 5, y]];
}"""
RESET = (".attn-figure button.attn-button", 0)


def listening(html):
    """Return a page that remembers what goes wrong in it."""
    return html.replace("<head>", f"<head><script>{EAR}</script>", 1)


def arrive(window, url):
    """Open a page and go near all of its figures; return what became of them."""
    window.open(url)
    window.wait(SETTLED)
    return window.ask(STATES)


def place_of(selector):
    """Read a selector as Playwright has it, "td >> nth=1"."""
    css, _, nth = selector.partition(" >> nth=")
    return css, int(nth or 0)


def moves(window, facts):
    """Yield what can be done to a figure: a name, and a function that does it."""

    def pressing(place, *keys):
        def act():
            assert window.ask(FOCUS, *place), f"{place} takes no focus"
            for key in keys:
                window.press(key)

        return act

    for nth, (low, high, now) in enumerate(window.ask(SLIDERS)):
        steps = ["ArrowRight", "ArrowLeft"] if now == low else ["ArrowLeft", "ArrowRight"]
        for key in (*steps, "End" if now < high else "Home"):
            yield f"slider {nth}: {key}", pressing((".noUi-handle", nth), key)
    yield "reset", pressing(RESET, "Enter")
    for selector, keys in facts.pressed:
        place = place_of(selector)
        choosing = functools.partial(window.ask, CHOOSE_NEXT, *place)
        act = choosing if "select" in selector else pressing(place, *keys)
        yield f"{selector}: {', '.join(keys)}", act
    if facts.pressed:
        yield "reset again", pressing(RESET, "Enter")


def through(window, facts, called):
    """Move a figure of the page in every way; return what it then shows, move by move."""
    assert window.ask(TURN_TO, called), f"no figure is called {called!r}"
    shown = {"at first": window.ask(NUMBERS)}
    before = shown["at first"]
    for name, act in moves(window, facts):
        act()
        try:
            before = window.wait(OTHER_NUMBERS, before)
        except TimeoutError:
            raise AssertionError(f"nothing changes: {name}") from None
        shown[name] = before
    assert len(shown) > 4
    return {name: json.loads(numbers) for name, numbers in shown.items()}


def difference(one, other):
    """Return how far the numbers of two figures are apart; None if they are no twins."""
    if isinstance(one, dict) and isinstance(other, dict):
        one, other = ([list(each), *each.values()] for each in (one, other))
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        apart = [difference(a, b) for a, b in zip(one, other, strict=True)]
        return None if None in apart else max(apart, default=0.0)
    numbers = all(isinstance(each, int | float) for each in (one, other))
    if numbers and not isinstance(one, bool):
        return abs(one - other) / max(1.0, abs(one))
    return 0.0 if one == other else None
