"""The gallery of famous bugs: every line that catches a bug does, and lets right code pass."""

import pytest
import torch

from tests.tools.forms import differing, forms
from tools.draw_bugs import PICTURES, RIGHT, namespace, pictures, sections
from tools.editions import editions

EDITIONS = editions()
SECTIONS = sections(EDITIONS[0])


def test_every_bug_has_its_right_twin_and_its_picture():
    assert set(SECTIONS) == set(RIGHT)
    files = {f"{slug}.png" for slug in RIGHT}
    assert {path.name for path in PICTURES.glob("*.png")} == files
    assert len(SECTIONS) >= 8


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
def test_every_edition_shows_the_same_code(edition):
    assert sections(edition) == SECTIONS


@pytest.mark.parametrize("slug", SECTIONS)
def test_the_line_catches_the_bug(slug, as_users_call):
    bug, line = SECTIONS[slug]
    names = namespace()
    exec(bug, names)
    with pytest.raises(AssertionError):
        exec(line, names)


@pytest.mark.parametrize("slug", SECTIONS)
def test_the_line_lets_right_code_pass(slug, as_users_call):
    import attnlib

    _, line = SECTIONS[slug]
    right, _ = RIGHT[slug]
    exec(line, namespace() | {"weights": right, "split": attnlib.split_heads})


@pytest.mark.parametrize("slug", SECTIONS)
def test_the_pictures_are_those_of_the_code(slug, as_users_call):
    for stored, drawn in zip(forms(PICTURES / f"{slug}.png"), pictures(slug), strict=True):
        assert differing(stored, drawn) <= 12


def test_the_code_is_short():
    for bug, line in SECTIONS.values():
        assert len(bug.strip().splitlines()) <= 9
        assert sum(bool(each.strip()) for each in line.splitlines()) <= 2


def test_pictures_are_drawn_with_one_seed():
    before = torch.get_rng_state()
    first = pictures("dropout-that-never-sleeps")
    torch.set_rng_state(before)
    assert pictures("dropout-that-never-sleeps") == first
