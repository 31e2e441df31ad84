"""Each test begins a session of its own, in English."""

import pytest

from attnlib import words
from attnlib.checks.engine import latest


@pytest.fixture(autouse=True)
def _new_session():
    words.use("en")
    latest.forget()
    yield
    words.use("en")
