"""The example of a report on a class leads into the book; each misconception finds its place."""

import pytest
from bs4 import BeautifulSoup

from attnlib import words
from attnlib.checks.engine.registry import notebook
from attnlib.checks.report.page import anchor
from tests.site.built import EDITIONS, FOLLOW, SITE, address, identified


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
def test_the_links_of_the_example_lead_somewhere(edition):
    place = SITE / "_static" / "class-report" / f"{edition.language}.html"
    links = BeautifulSoup(place.read_text(encoding="utf-8"), "html.parser").select("a")
    assert len(links) >= 8
    for link in links:
        path, _, fragment = link["href"].partition("#")
        target = (place.parent / path).resolve()
        assert target.is_file(), path
        assert fragment in identified(target.relative_to(SITE).as_posix()), link["href"]


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
def test_each_section_that_helps_has_the_anchor_that_a_report_names(edition):
    import attnlib.checks  # noqa: F401  (fills the registry)

    named = words.catalogue(edition.language)["checks"]["misconception"].values()
    sections = {entry["see"] for entry in named if "see" in entry}
    assert len(sections) > 20
    lost = []
    for see in sections:
        chapter, _, heading = see.partition(": ")
        name = notebook(int(chapter))
        place = address(name, edition.language)
        page = identified(address(name) if place in FOLLOW else place)
        if anchor(heading) not in page:
            lost.append(see)
    assert lost == []
