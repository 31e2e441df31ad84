"""The derived site stands while all of which it was made is unchanged, and no longer."""

import pytest

from tests.editions import pseudo
from tools.editions import DEFAULT, ROOT, editions
from tools.proof import records


@pytest.fixture
def inputs(monkeypatch):
    """What counts for the hash."""
    found = set()
    monkeypatch.setattr(records, "digest_of_files", lambda paths: found.update(paths) or "")
    pseudo.made_of()
    return {path.relative_to(ROOT).as_posix() for path in found}


def test_all_that_it_is_made_of_counts(inputs):
    named = f"notebooks/{DEFAULT}/03_masks.ipynb", f"book/{DEFAULT}/_toc.yml", "README.md"
    assert {*named, f"attnlib/words/{DEFAULT}.toml"} <= inputs
    assert {"book/_ext/boxes.py", "tools/build_book.py", "requirements.txt"} <= inputs
    assert {f"tests/editions/{name}.py" for name in ("pseudo", "outputs", "accents")} <= inputs
    assert any(name.startswith(pseudo.VENDOR) for name in inputs)


def test_other_editions_and_tests_do_not(inputs):
    others = {each.language for each in editions()} - {DEFAULT}
    rooms = [f"{room}/{each}/" for room in ("notebooks", "book") for each in others]
    assert [name for name in inputs if name.startswith((*rooms, "tests/site/test_"))] == []
    assert not inputs & {f"README.{each}.md" for each in others}
    assert not inputs & {f"attnlib/words/{each}.toml" for each in others}


@pytest.fixture
def made(monkeypatch, tmp_path):
    """A whole site that was made of "this"."""
    monkeypatch.setattr(pseudo, "SITE", tmp_path)
    monkeypatch.setattr(pseudo, "MADE_OF", tmp_path / "made-of")
    for name in ("COLD", "CI"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".complete").touch()
    (tmp_path / "made-of").write_text("this", encoding="utf-8")
    return tmp_path


def test_it_stands_while_nothing_has_changed(made):
    assert pseudo.stands("this")


def test_what_was_made_of_something_else_does_not_stand(made):
    assert not pseudo.stands("that")


@pytest.mark.parametrize("missing", [".complete", "made-of"])
def test_what_was_interrupted_does_not_stand(made, missing):
    (made / missing).unlink()
    assert not pseudo.stands("this")


@pytest.mark.parametrize(("name", "value"), [("COLD", "1"), ("CI", "true")])
def test_nothing_is_reused_cold(made, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert not pseudo.stands("this")
