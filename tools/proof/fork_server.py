"""Starts kernels that have imported the packages of notebooks already: each is a fork of it.

    python fork_server.py SOCKET

It belongs to the Python of a runtime: standard library only. Importing torch and matplotlib costs
more than half of what a short notebook does, and is the same each time. Nothing of `attnlib` is
imported, no name is bound, and no thread runs yet, so that a fork is a kernel that has just
started. Each request is one line of JSON on a connection, which stays open while its kernel lives:
who closes it ends the kernel.
"""

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import warnings
from typing import Any, NoReturn

PACKAGES = (
    "torch",
    "numpy.random",
    "matplotlib.pyplot",
    "ipywidgets",
    "anywidget",
    "ipykernel.kernelapp",
)


def become_kernel(request: dict[str, Any]) -> None:
    """Be the kernel that was asked for, from its first to its last moment."""
    os.setsid()  # it is ended with all that it starts
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    # It ends when its parent does, which is not the process that asked for it.
    parent = f"--IPKernelApp.parent_handle={os.getppid()}"
    sys.argv = ["ipykernel_launcher", *request["arguments"], parent]
    sys.modules["numpy.random"].seed()  # as Python itself does after a fork
    sys.modules["ipykernel.kernelapp"].launch_new_instance()


class Server:
    """Who forks, and knows which connection belongs to which kernel."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.kernels: dict[socket.socket, int] = {}  # by the connection that asked for it
        self.events = selectors.DefaultSelector()
        ended, self.wake = socket.socketpair()
        for each in (ended, self.wake):
            each.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.wake.fileno())
        self.events.register(ended, selectors.EVENT_READ, self.collect)
        self.events.register(listener, selectors.EVENT_READ, self.accept)
        self.events.register(sys.stdin, selectors.EVENT_READ, self.end)

    def serve(self) -> NoReturn:
        """Do what is asked for, until `end`."""
        while True:
            for key, _ in self.events.select():
                key.data(key.fileobj)

    def accept(self, listener: socket.socket) -> None:
        """Fork a kernel for whoever connects."""
        connection, _ = listener.accept()
        with connection.makefile() as lines:
            request = json.loads(lines.readline())
        if pid := os.fork():
            self.kernels[connection] = pid
            self.events.register(connection, selectors.EVENT_READ, self.kill)
            return
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.events.close()
        for each in (self.listener, self.wake, connection, *self.kernels):
            each.close()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        become_kernel(request)
        sys.exit()  # and not at once: what is to happen at the end happens

    def collect(self, ended: socket.socket) -> None:
        """Close the connections of kernels that have ended."""
        ended.recv(1024)
        for connection, pid in list(self.kernels.items()):
            if os.waitpid(pid, os.WNOHANG)[0]:
                self.forget(connection)

    def forget(self, connection: socket.socket) -> None:
        """Close the connection of a kernel that has ended."""
        del self.kernels[connection]
        self.events.unregister(connection)
        connection.close()

    def kill(self, connection: socket.socket) -> None:
        """End the kernel of a connection that was closed at its other end."""
        pid = self.kernels[connection]
        for end in (os.killpg, os.kill):  # it may not lead a group yet
            with contextlib.suppress(ProcessLookupError):
                end(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.forget(connection)

    def end(self, _: object) -> NoReturn:
        """Who started the server has ended, or wants it to."""
        for connection in list(self.kernels):
            self.kill(connection)
        sys.exit()


def main() -> None:
    """Import the packages, and serve."""
    del sys.path[0]  # the folder of this file
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    with warnings.catch_warnings(record=True) as said:
        for each in PACKAGES:
            importlib.import_module(each)
    if said:  # no notebook would show it any more
        sys.exit(f"what notebooks import warns: {[str(each.message) for each in said]}")
    if (threads := len(os.listdir("/proc/self/task"))) > 1:  # noqa: PTH208
        sys.exit(f"what notebooks import has started {threads - 1} threads: no fork has them")
    gc.freeze()
    listener.listen()
    print("ready", flush=True)
    Server(listener).serve()


if __name__ == "__main__":
    main()
