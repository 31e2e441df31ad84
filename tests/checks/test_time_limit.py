"""An answer that does not end is left behind; a reader who does not want to wait interrupts it."""

import subprocess
import sys
import threading
import time

import pytest

from attnlib.checks import check_attention as check
from attnlib.checks.engine import running
from tests.checks.answers.c02_scaled_dot_product import einsum_attention as right


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(running, "SECONDS", 0.5)


def spins(query, key, value):
    while True:
        pass


ENDED = threading.Event()


@pytest.fixture
def ends():
    """Let the answer that catches everything end with the test."""
    ENDED.clear()
    yield
    ENDED.set()
    time.sleep(0.2)  # until its thread has seen it


def spins_and_catches(query, key, value):
    while not ENDED.is_set():
        try:
            while not ENDED.is_set():
                pass
        except BaseException:
            pass


def sleeps(query, key, value):
    time.sleep(60)


def fast_at_first(query, key, value):
    while query.shape[0] > 1:
        pass
    return right(query, key, value)


@pytest.mark.parametrize("answer", [spins, spins_and_catches, sleeps, fast_at_first])
def test_an_answer_may_never_end(monkeypatch, ends, answer):
    with monkeypatch.context() as patient:
        patient.setattr(running, "SECONDS", 1.0)
        started = time.monotonic()
        result = check(answer)
    assert (result.passed, result.misconception) == (False, "never_ends")
    assert time.monotonic() - started < 30, "nobody waited for the answer"
    assert check(right).passed, "the next check is not disturbed"


TRACED = """
import sys, time
from attnlib import checks
from attnlib.checks.engine import running
running.SECONDS = 0.5
sys.settrace(lambda frame, event, argument: None)
print(checks.check_attention(lambda query, key, value: time.sleep(60)).misconception)
"""


def test_a_debugger_does_not_make_it_wait():
    """Python 3.11 loops in a traced function while another thread has an exception to come."""
    started = time.monotonic()
    run = subprocess.run([sys.executable, "-c", TRACED], capture_output=True, text=True, check=True)
    assert run.stdout == "never_ends\n"
    assert time.monotonic() - started < 40


def test_what_spins_is_ended(short):
    before = set(threading.enumerate())
    check(spins)
    time.sleep(0.1)
    assert set(threading.enumerate()) <= before


def test_an_interrupt_of_the_reader_goes_through(monkeypatch):
    class Interrupted:
        def __init__(self):
            self.queue = __import__("queue").SimpleQueue()

        def get(self, timeout):
            raise KeyboardInterrupt

        def put(self, item):
            pass

    original = running.Runner.__init__

    def with_interrupt(self, *arguments):
        original(self, *arguments)
        self._outcomes = Interrupted()

    monkeypatch.setattr(running.Runner, "__init__", with_interrupt)
    with pytest.raises(KeyboardInterrupt):
        check(sleeps_a_little)


def sleeps_a_little(query, key, value):
    time.sleep(0.05)
    return query


def test_a_check_takes_its_turns_quickly():
    """Or else it would wait 5 ms at each operation for a thread that an earlier one left behind."""
    intervals = []
    before = sys.getswitchinterval()

    def answer(query, key, value):
        intervals.append(sys.getswitchinterval())
        return right(query, key, value)

    assert check(answer).passed
    assert max(intervals) < before / 10
    assert sys.getswitchinterval() == before
