"""Firefox, driven by WebDriver BiDi, which it speaks by itself."""

import json
import subprocess
import time
from contextlib import contextmanager

import websocket

from tests.engines.window import HEIGHT, PATIENCE, WIDTH, Window
from tools.find_browser import find_firefox

SILENT = {  # it does not ask, tell or fetch anything of its own accord
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.systemAddon.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.prefetch-next": False,  # the next page is none of this one's
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}


class Firefox(Window):
    """Its only window."""

    def __init__(self, address):
        self._socket = websocket.create_connection(address, PATIENCE, suppress_origin=True)
        self._number = 0
        self._send("session.new", capabilities={})
        # Of its own, since that of the start never takes the focus: keys would press no button.
        self._tab = self._send("browsingContext.create", type="tab")["context"]
        size = {"width": WIDTH, "height": HEIGHT}
        self._send("browsingContext.setViewport", context=self._tab, viewport=size)

    def _send(self, method, **parameters):
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps(command))
        while (answer := json.loads(self._socket.recv())).get("id") != self._number:
            pass
        if answer["type"] == "error":
            raise RuntimeError(f"{method}: {answer['message']}")
        return answer["result"]

    def open(self, url):
        self._send("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def evaluate(self, function):
        done = self._send(
            "script.callFunction",
            functionDeclaration=function,
            target={"context": self._tab},
            awaitPromise=False,
        )
        if done["type"] == "exception":
            raise RuntimeError(done["exceptionDetails"]["text"])
        return done["result"]["value"]

    def act(self, sources):
        self._send("input.performActions", context=self._tab, actions=sources)

    def close(self):
        self._send("browser.close")
        self._socket.close()


@contextmanager
def firefox(folder):
    """Start a Firefox without a past; `folder` is an empty one for what it keeps.

    Yields:
        Its window.
    """
    settings = "".join(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in SILENT.items())
    (folder / "user.js").write_text(settings, encoding="utf-8")
    command = [find_firefox(), "--headless", "--no-remote", "--profile", str(folder)]
    log = folder / "firefox.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--remote-debugging-port=0"], stdout=output, stderr=output
        )
    told = folder / "WebDriverBiDiServer.json"
    try:
        for _ in range(600):
            assert process.poll() is None, log.read_text()
            if told.is_file() and (text := told.read_text()):
                break
            time.sleep(0.1)
        about = json.loads(text)
        window = Firefox(f"ws://{about['ws_host']}:{about['ws_port']}/session")
        yield window
        window.close()
        process.wait(30)
    finally:
        process.kill()
        process.wait()
