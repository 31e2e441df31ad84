"""Each test begins a session of its own, in English, with the maths as readers call it."""

import jaxtyping
import pytest

from attnlib import words
from attnlib.checks.engine import latest


@pytest.fixture(autouse=True, scope="module")
def _annotations_are_not_checked():
    # A check calls the maths some hundred thousand times: where annotations are checked, that is
    # half of its time. tests/maths holds them.
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(autouse=True)
def _new_session():
    words.use("en")
    latest.forget()
    yield
    words.use("en")
