"""The example of a report on a class: light and dark, on a desk and on a phone."""

import pytest

from tests.browser.axe import violations
from tests.site.built import EDITIONS


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 1300])
def test_it_can_be_read_anywhere_without_script(visit, edition, scheme, width):
    window = visit(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = window.open(f"_static/class-report/{edition.language}.html")
    window.open_all_boxes()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []
    assert [each for each in window.problems if "Content Security Policy" not in each] == []


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
def test_all_columns_of_its_table_fit_a_phone(visit, edition):
    page = visit(viewport={"width": 360, "height": 800}).open(
        f"_static/class-report/{edition.language}.html"
    )
    cut = page.locator(".wide").evaluate_all("all => all.map((e) => e.scrollWidth - e.clientWidth)")
    assert cut == [0]
