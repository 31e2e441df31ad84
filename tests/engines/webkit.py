"""WebKit, the engine of every browser on an iPhone, as WebKitGTK: driven by WebDriver."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

from tests.engines.window import HEIGHT, PATIENCE, WIDTH, Window
from tools.find_browser import find_webkit


class WebKit(Window):
    """Its only window."""

    def __init__(self, driver):
        self._place = driver
        started = self._send("POST", "/session", capabilities={"alwaysMatch": {}})
        self._place += f"/session/{started['sessionId']}"
        self._send("POST", "/window/rect", width=WIDTH, height=HEIGHT)

    def _send(self, method, path, **parameters):
        body = json.dumps(parameters).encode() if method == "POST" else None
        request = urllib.request.Request(self._place + path, body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=3 * PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(f"{path}: {error.read().decode()}") from None

    def open(self, url):
        self._send("POST", "/url", url=url)

    def evaluate(self, function):
        return self._send("POST", "/execute/sync", script=f"return ({function})()", args=[])

    def act(self, sources):
        self._send("POST", "/actions", actions=sources)

    def close(self):
        self._send("DELETE", "")


@contextmanager
def screen():
    """Start an X server without a screen; yield the name of its display."""
    reading, writing = os.pipe()
    size = f"{WIDTH + 100}x{HEIGHT + 200}x24"
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", size, "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            yield f":{told.readline().strip()}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def webkit(folder):
    """Start a WebKitGTK without a past; `folder` is an empty one for what it keeps.

    Yields:
        Its window.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = find_webkit()
    log = folder / "webkit.log"
    with screen() as display, log.open("w") as output:
        own = {name: str(folder) for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
        process = subprocess.Popen(
            [driver, f"--port={port}"],
            env=os.environ | own | {"DISPLAY": display},
            stdout=output,
            stderr=output,
        )
        try:
            for _ in range(600):
                assert process.poll() is None, log.read_text()
                with socket.socket() as there:
                    if there.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            window = WebKit(f"http://127.0.0.1:{port}")
            yield window
            window.close()
        finally:
            process.terminate()
            process.wait()
