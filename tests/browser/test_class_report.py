"""The example of a report on a class: light and dark, on a desk and on a phone."""

import pytest

from tests.browser.axe import violations
from tests.site.built import EDITIONS

# Colours do not depend on the width, nor the layout on the colours: so each is looked at once.
LOOKS = [(320, "dark"), (360, "light"), (1300, "dark"), (1300, "light")]


@pytest.fixture(scope="module", params=EDITIONS, ids=lambda each: each.language)
def window(request, lasting_visit):
    window = lasting_visit()
    window.open(f"_static/class-report/{request.param.language}.html")
    window.open_all_boxes()
    return window


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_it_can_be_read_anywhere_without_script(window, width, scheme):
    window.page.set_viewport_size({"width": width, "height": 800})
    window.page.emulate_media(color_scheme=scheme)
    assert window.page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(window.page) == []
    assert [each for each in window.problems if "Content Security Policy" not in each] == []


def test_all_columns_of_its_table_fit_a_phone(window):
    window.page.set_viewport_size({"width": 360, "height": 800})
    wide = window.page.locator(".wide")
    cut = wide.evaluate_all("all => all.map((e) => e.scrollWidth - e.clientWidth)")
    assert cut == [0]
