"""The book with a second edition that a program has derived, built once for all tests."""

import shutil

import pytest

from attnlib import words
from attnlib.checks.engine import latest
from tests.browser.conftest import Visit, browser, serving  # noqa: F401
from tests.editions import pseudo
from tests.editions.accents import LANGUAGE
from tools.build_book import build_site
from tools.editions import DEFAULT, ROOT, edition


@pytest.fixture(scope="session")
def copy(tmp_path_factory):
    """Return the root of a copy of the book with both editions, built."""
    root = tmp_path_factory.mktemp("editions") / "book"
    pseudo.copy_of_the_book(root)
    assert build_site(root, jobs=2, quiet=True), "the derived edition cannot be built: see above"
    return root.resolve()


@pytest.fixture(scope="session")
def site(copy):
    return copy / "book" / "_build" / "html"


@pytest.fixture(scope="session")
def derived(copy):
    """Return what the derived edition says of itself."""
    return edition(LANGUAGE, copy)


@pytest.fixture(scope="session")
def server(site):
    yield from serving(site=site)


@pytest.fixture
def visit(browser, server):  # noqa: F811
    """Return a function that opens a window on the site."""
    visits = []

    def opened(**options):
        visits.append(Visit(browser, server, **options))
        return visits[-1]

    yield opened
    for each in visits:
        each.context.close()


@pytest.fixture(scope="module")
def derived_words(tmp_path_factory):
    """Let the library find the catalogue of the derived language, and speak it."""
    folder = tmp_path_factory.mktemp("words")
    shutil.copy(words.FOLDER / f"{DEFAULT}.toml", folder)
    pseudo.write_toml(folder / f"{LANGUAGE}.toml", pseudo.catalogue(ROOT))
    before = words.language()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "FOLDER", folder)
        words.use(LANGUAGE)
        assert words.language() == LANGUAGE
        yield
        words.use(before)
    latest.forget()
