"""A window of a browser, as far as the tour of the book needs one, whatever drives the browser.

Firefox is driven by WebDriver BiDi and WebKitGTK by WebDriver, the protocols of the W3C; what keys
and mouse do is written the same way in both.
"""

import json
import time

WIDTH, HEIGHT = 1300, 900
PATIENCE = 30  # seconds, after which what was waited for does not come
KEYS = {  # names that Playwright knows -> what the protocols send
    "ArrowLeft": "\ue012",
    "ArrowUp": "\ue013",
    "ArrowRight": "\ue014",
    "Backspace": "\ue003",
    "ArrowDown": "\ue015",
    "End": "\ue010",
    "Home": "\ue011",
    "Enter": "\ue006",
    "Space": " ",
}


class Window:
    """What every window can do; a subclass says how it opens, asks, and acts."""

    def open(self, url):
        """Go to an address and wait until the page is loaded."""
        raise NotImplementedError

    def evaluate(self, function):
        """Return what a function without arguments, in JavaScript, returns: a string."""
        raise NotImplementedError

    def act(self, sources):
        """Let keyboard and mouse do something: "actions" of WebDriver."""
        raise NotImplementedError

    def ask(self, function, *arguments):
        """Call a function, in JavaScript, in the page; return what it returns."""
        given = json.dumps(arguments)
        return json.loads(self.evaluate(f"() => JSON.stringify(({function})(...{given}) ?? null)"))

    def wait(self, function, *arguments):
        """Call a function until it returns something true; return that."""
        ends = time.monotonic() + PATIENCE
        while not (value := self.ask(function, *arguments)):
            if time.monotonic() > ends:
                raise TimeoutError(f"{function}{arguments} has not come true")
            time.sleep(0.02)
        return value

    def press(self, key):
        """Press a key, where the focus is."""
        strokes = [{"type": kind, "value": KEYS[key]} for kind in ("keyDown", "keyUp")]
        self.act([{"type": "key", "id": "keys", "actions": strokes}])

    def drag(self, start, end):
        """Pull with the mouse from one point of the window to another."""

        def move(part):
            x, y = (round(a + (b - a) * part) for a, b in zip(start, end, strict=True))
            return {"type": "pointerMove", "x": x, "y": y, "duration": 20}

        path = [move(0), {"type": "pointerDown", "button": 0}]
        path += [move(part / 4) for part in range(1, 5)]
        path.append({"type": "pointerUp", "button": 0})
        mouse = {"pointerType": "mouse"}
        self.act([{"type": "pointer", "id": "mouse", "parameters": mouse, "actions": path}])
