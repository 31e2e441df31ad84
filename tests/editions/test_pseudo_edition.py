"""A second edition costs folders and a catalogue: nothing of it is left in English.

The edition "xx" is derived by a program (`pseudo.py`): whatever reader-facing word is not accented
on its pages does not come from the edition, but from a place where it is hard-wired.
"""

import pytest
from bs4 import BeautifulSoup

from tests.editions.accents import LANGUAGE
from tests.editions.english import left_in_english
from tools.editions import DEFAULT, editions
from tools.site.sources import contents

PAGES = contents(editions()[0])


def seen(window, path):
    """Open a page with all that it has: figures alive, boxes open, tooltips ready."""
    page = window.open(path)
    window.open_all_boxes()
    window.come_near_all_figures()
    page.wait_for_timeout(100)
    return page


@pytest.mark.parametrize("name", PAGES)
def test_a_page_leaves_nothing_in_english(visit, name):
    window = visit()
    page = seen(window, f"{LANGUAGE}/{name}.html")
    assert set(window.states()) <= {"alive"}
    assert left_in_english(page) == []
    assert window.problems == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_leads_to_no_other_edition_but_by_the_switch(site, name):
    page = BeautifulSoup((site / LANGUAGE / f"{name}.html").read_text("utf-8"), "html.parser")
    addresses = [
        each.get("href") or each.get("src")
        for each in page.select("[href], [src]")
        if each.get("rel") != ["alternate"] and not each.find_parent(class_="language-switch")
    ]
    assert len(addresses) > 20
    assert [each for each in addresses if each.startswith(f"../{DEFAULT}/")] == []


@pytest.mark.parametrize("words", ["早上", "qqqq"])
def test_the_search_speaks_the_language_of_its_edition(visit, words):
    window = visit()
    page = window.open(f"{LANGUAGE}/search.html?q={words}")
    page.locator(".search-summary").filter(has_text=r"").wait_for()
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(300)
    assert (page.locator("#search-results li").count() > 0) is (words == "早上")
    excerpts = page.locator("#search-results .context")  # they quote code, too
    assert excerpts.evaluate_all("all => all.map((each) => each.remove()).length > 0") is (
        words == "早上"
    )
    assert left_in_english(page) == []
    links = page.locator("#search-results li a").evaluate_all("all => all.map((a) => a.pathname)")
    assert all(path.startswith(f"/{LANGUAGE}/") for path in links)
    assert window.problems == []


def test_the_copy_button_speaks_it_too(visit):
    window = visit(permissions=["clipboard-write"])
    page = window.open(f"{LANGUAGE}/01_query_key_value.html")
    button = page.locator("button.copybtn").first
    before = button.get_attribute("data-tooltip")
    button.click(force=True)
    page.wait_for_function("() => document.querySelector('.copybtn.success')")
    after = button.get_attribute("data-tooltip")
    assert before != after
    assert left_in_english(page) == []


def test_a_figure_that_cannot_start_says_so_in_the_language_of_its_edition(visit, derived):
    window = visit()
    path = f"{LANGUAGE}/03_masks.html"
    window.page.route(
        f"**/{path}",
        lambda route: route.fulfill(
            response=(answer := route.fetch()),
            body=answer.text().replace('"model_name":"AnyModel"', '"model_name":"Nobody"'),
        ),
    )
    page = window.open(path)
    window.come_near_all_figures()
    assert set(window.states()) == {"failed"}
    note = page.locator("p.live-figure-note").last
    assert note.inner_text() == derived.site["cannot_start"]
    assert left_in_english(page) == []


def test_the_page_for_wrong_addresses_speaks_it(visit, derived):
    page = visit().open("404.html")
    section = page.locator(f"section#{LANGUAGE}")
    assert section.locator("h2").inner_text() == derived.site["not_found"]
    page.evaluate(f"document.documentElement.lang = '{LANGUAGE}'")
    (title,) = left_in_english(page)
    assert title.startswith("title: 404")  # that of the default edition


@pytest.mark.parametrize("name", ["intro", "03_masks"])
def test_the_scan_is_not_blind(visit, name):
    """On the English page of the same name there is English everywhere."""
    page = visit().open(f"{DEFAULT}/{name}.html")
    assert len(left_in_english(page)) > 30


def test_the_scan_sees_every_kind_of_word(visit):
    page = visit().open(f"{LANGUAGE}/faq.html")
    assert left_in_english(page) == []
    planted = {
        "text": "article.insertAdjacentHTML('beforeend', '<p>Hard wired</p>')",
        "alternative text": "article.insertAdjacentHTML('beforeend', '<img alt=\"Hard wired\">')",
        "tooltip": "article.title = 'Hard wired'",
        "name": "article.setAttribute('aria-label', 'Hard wired')",
        "noscript": "article.insertAdjacentHTML('beforeend', '<noscript>Hard wired</noscript>')",
        "template": "article.insertAdjacentHTML('beforeend', '<template>Hard wired</template>')",
        "title": "document.title = 'Hard wired'",
    }
    for count, (kind, planting) in enumerate(planted.items(), 1):
        page.evaluate(f"const article = document.querySelector('article'); {planting}")
        assert len(left_in_english(page)) == count, kind
