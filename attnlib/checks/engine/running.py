"""Run a reader's answer, whatever it does: it may raise, print, change its input or never end.

The answer runs in a thread of its own, which works in a notebook's main thread and on every
system (signals work in neither). When its time is up, an exception is raised inside it; should it
be stuck outside Python, or catch everything, the thread is left behind and dies with the process.
"""

import contextlib
import copy
import ctypes
import io
import queue
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from attnlib.checks.engine.inputs import Candidate
from attnlib.checks.engine.source import written
from attnlib.checks.engine.state import PlainState, plain_thread

SECONDS = 10.0  # for all calls of one check together; a right answer needs a few hundredths
_SWITCH = 1e-4  # seconds until a thread that waits for its turn may ask for it; usually 5e-3
_PRINTED = 2000  # characters that are kept of what the answer printed


@dataclass
class Outcome:
    """What one call came to: a value, or an error, or neither when its time was up."""

    value: Any = None
    error: BaseException | None = None
    error_line: str = ""  # the line of the answer in which the error arose
    timed_out: bool = False
    mutated: str | None = None  # the name of the first argument that came back changed
    printed: str = ""


class Runner:
    """Runs one answer again and again, in one thread and within one time limit."""

    def __init__(self, answer: Callable[..., Any], names: tuple[str, ...]) -> None:
        self.answer = answer
        self.names = names
        self.deadline = time.monotonic() + SECONDS
        self._state = PlainState()
        self._stopped = False
        self._calls: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._state.__enter__()
        # A thread that an earlier check left behind may never rest, and torch gives way at each of
        # its operations: they must not wait for their turn as long as Python's default.
        self._interval = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._calls.put(None)
        sys.setswitchinterval(self._interval)
        self._state.__exit__()

    def __call__(self, arguments: tuple[Any, ...]) -> Outcome:
        """Call the answer with copies of the arguments."""
        given = tuple(_copy(argument) for argument in arguments)
        printed = _FirstCharacters()
        with _quiet(printed):
            self._calls.put(given)
            try:
                outcome = self._outcomes.get(timeout=max(0.0, self.deadline - time.monotonic()))
            except queue.Empty:
                outcome = Outcome(timed_out=True)
                self._stop()
            except BaseException:  # the reader interrupts the kernel
                self._stop()
                raise
        self._state.again()
        outcome.printed = printed.text
        for name, before, after in zip(self.names, arguments, given, strict=True):
            if isinstance(before, Tensor | list) and not _untouched(before, after):
                outcome.mutated = outcome.mutated or name
        return outcome

    def _work(self) -> None:
        with contextlib.suppress(SystemExit):  # it may arrive between two calls
            self._serve()

    def _serve(self) -> None:
        while (arguments := self._calls.get()) is not None:
            outcome = Outcome()
            # These are the thread's own: nobody else can put back what the last call may have set.
            torch.set_default_device(None)
            torch.set_num_threads(1)
            try:
                with plain_thread():
                    outcome.value = self.answer(*arguments)
            except BaseException as error:  # an answer may raise anything, SystemExit too
                if self._stopped:
                    return
                outcome.error = error
                outcome.error_line = _line_in(self.answer, error)
            self._outcomes.put(outcome)

    def _stop(self) -> None:
        """Raise inside the thread, and again, since the answer may catch it once or twice.

        It is SystemExit, of which a thread dies without a word.
        """
        self._stopped = True
        self._calls.put(None)
        if sys.version_info < (3, 12) and sys.gettrace():
            return  # a traced Python 3.11 stands still until a waiting thread takes its exception
        identity = ctypes.c_ulong(self._thread.ident or 0)
        for patience in (0.05, 0.1, 0.2, 0.4, 0.4):  # seconds
            ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, ctypes.py_object(SystemExit))
            self._thread.join(patience)
            if not self._thread.is_alive():
                return


class _FirstCharacters(io.TextIOBase):
    """Takes in whatever is printed, and keeps as much of it as will be shown."""

    text = ""

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def write(self, text: str) -> int:
        """Keep the first characters, drop the rest."""
        self.text += text[: _PRINTED - len(self.text)]
        return len(text)


@contextlib.contextmanager
def _quiet(printed: _FirstCharacters) -> Iterator[None]:
    """Keep what is printed, drop warnings."""
    with (
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield


def _copy(argument: Any) -> Any:
    if isinstance(argument, Candidate):
        return argument.function
    if isinstance(argument, Tensor):
        return argument.clone()
    return copy.deepcopy(argument) if isinstance(argument, list) else argument


def _untouched(before: Any, after: Any) -> bool:
    if isinstance(before, list):
        return bool(before == after)
    try:
        return bool(before.shape == after.shape and before.equal(after))
    except RuntimeError:  # another dtype or device by now
        return False


def _line_in(answer: Callable[..., Any], error: BaseException) -> str:
    """Find the line of the answer in which the error arose, as its text."""
    code = getattr(written(answer), "__code__", None)
    if code is None:
        return ""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.name == code.co_name]
    return (frames[-1].line or "").strip() if frames else ""
