"""The map of the chapters: all of them stand on it, in each edition's own words."""

import re
from dataclasses import replace

import nbformat
import pytest

from tests.tools.forms import differing, forms
from tools.draw_map import ALSO, MAP, ROUTES, SLIM, WIDE, drawn
from tools.editions import editions

EDITIONS = editions()
each_edition = pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)


@each_edition
def test_every_chapter_of_the_book_stands_on_it(edition):
    chapters = [path.stem for path in EDITIONS[0].chapters]
    assert list(edition.map["chapters"]) == chapters
    assert edition.map["routes"].keys() == ROUTES.keys()
    assert edition.map["also"].keys() == ALSO.keys()
    assert max(stop for stops, _ in ROUTES.values() for stop in stops) <= len(chapters)


@each_edition
def test_the_picture_is_drawn_in_the_words_of_the_edition(edition):
    committed = forms(edition.chapters_folder / MAP)
    for then, width in zip(committed, (WIDE, SLIM), strict=True):
        now = drawn(edition, width)
        assert differing(then, now) <= 12, "python -m tools.draw_map"


def test_a_text_without_room_is_named():
    edition = EDITIONS[0]
    chapters = edition.map["chapters"]
    first = next(iter(chapters))
    too_long = {**edition.map, "chapters": {**chapters, first: ["a name", "words " * 12]}}
    with pytest.raises(ValueError, match=r"room up to 328, 'words words .* goes up to"):
        drawn(replace(edition, map=too_long), SLIM)


@each_edition
def test_what_a_route_needs_as_well_is_said_alike(edition):
    """On the map, and beside it in the README, in the introduction and on the start page."""
    (numbers,) = ALSO.values()
    said = re.compile(r"\D{1,9}".join(map(str, numbers)))
    assert said.search(edition.map["also"]["inside"])
    start = nbformat.read(edition.chapters_folder / "00_start.ipynb", as_version=4)
    for text in (
        edition.readme.read_text(encoding="utf-8"),
        (edition.pages_folder / "intro.md").read_text(encoding="utf-8"),
        start.cells[0].source,
    ):
        assert len(said.findall(text)) == 2  # in the map's description, and below it
