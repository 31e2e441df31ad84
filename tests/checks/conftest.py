"""Each test begins a session of its own, in English."""

import pytest

from attnlib.checks import session


@pytest.fixture(autouse=True)
def _new_session(monkeypatch):
    monkeypatch.delenv("ATTNLIB_LANGUAGE", raising=False)
    session.forget()
