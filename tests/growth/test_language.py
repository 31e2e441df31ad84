"""Adding a language adds its own folders and one catalogue, and touches no file that is there."""

import re

import pytest

from tests.editions import pseudo
from tests.editions.accents import LANGUAGE
from tests.growth.house import House, assert_passed, listed
from tools.editions import DEFAULT


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("language"))
    pseudo.derive(house.root, runs=False)
    return house


def test_it_adds_what_is_listed_and_touches_nothing(house):
    touched = house.touched()
    assert set(touched.values()) == {"added"}
    folders = re.compile(rf"^(notebooks|book)/{LANGUAGE}/.+")
    places = {folders.sub(rf"\1/{LANGUAGE}/…", name) for name in touched}
    assert sorted(each.replace(LANGUAGE, "<language>") for each in places) == listed("An edition")


def test_it_has_what_the_default_edition_has(house):
    added = [name.replace(f"/{LANGUAGE}", f"/{DEFAULT}") for name in house.touched()]
    added = [name.replace(f"README.{LANGUAGE}", "README") for name in added]
    assert all((house.root / name).is_file() for name in added)
    assert len(added) > 15


def test_what_holds_for_every_language_finds_it_and_passes(house):
    done = house.pytest(
        "tests/words", "tests/notebooks/test_committed.py", "tests/notebooks/test_chapters.py",
        "tests/tools/test_editions.py", "tests/pages/test_api.py", "tests/translations",
        "-k", f"{LANGUAGE} and not has_what",  # names of months have accents
    )  # fmt: skip
    chapters = len(house.editions[0].chapters)
    assert_passed(
        done, ("test_words.py", 1), ("test_committed.py", 8 * chapters),
        ("test_chapters.py", 8 * chapters), ("test_api.py", 1), ("test_in_step.py", 50 * chapters),
    )  # fmt: skip
