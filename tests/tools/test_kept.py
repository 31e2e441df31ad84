"""What a site is cut to is made once, and again where anything has changed or may not be reused."""

import os
import time

import pytest

from tools.site import kept


@pytest.fixture
def made(monkeypatch, tmp_path):
    """Return a function that asks for a file of some parts, and whether it had to be made."""
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "site")
    for name in ("COLD", "CI", "PROVING_SINCE"):
        monkeypatch.delenv(name, raising=False)

    def ask(*parts):
        calls = []
        found = kept.kept(lambda: calls.append(1) or b"cut " + "".join(parts).encode(), *parts)
        assert found == b"cut " + "".join(parts).encode()
        return bool(calls)

    return ask


def age(seconds):
    (path,) = kept.FOLDER.iterdir()
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def test_it_is_made_once_for_what_it_is_made_of(made):
    assert [made("a", "b"), made("a", "b"), made("ab", ""), made("a", "c")] == [1, 0, 1, 1]


def test_other_programs_make_it_anew(made, monkeypatch):
    assert made("a")
    monkeypatch.setattr(kept, "_programs", "others")
    assert made("a")
    names = {path.name for path in kept.PROGRAMS}
    assert {"fonts.py", "lean_assets.py", "kept.py", "palette.py", "requirements.txt"} <= names


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[:-1] + b"?", lambda _: b"", lambda w: w[9:]]
)
def test_what_was_altered_is_made_anew(made, damage):
    assert made("a")
    path = age(1)
    path.write_bytes(damage(path.read_bytes()))
    assert [made("a"), made("a")] == [1, 0]


@pytest.mark.parametrize("cold", [{"COLD": "1"}, {"CI": "true"}])
def test_where_nothing_may_be_reused_only_this_proof_counts(made, cold, monkeypatch):
    assert made("a")
    age(60)
    for name, value in cold.items():
        monkeypatch.setenv(name, value)
    assert [made("a"), made("a")] == [1, 1]
    monkeypatch.setenv("PROVING_SINCE", str(time.time() - 30))
    assert not made("a")
    age(60)
    assert [made("a"), made("a")] == [1, 0]


def test_what_is_old_goes(made):
    assert made("a")
    age(kept.LONGEST - 9)
    kept.forget_old()
    assert not made("a")
    path = age(kept.LONGEST + 9)
    assert made("a"), "nor is it used"
    os.utime(path, (time.time() - kept.LONGEST - 9,) * 2)
    kept.forget_old()
    assert not path.exists()
