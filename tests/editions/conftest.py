"""The book with a second edition that a program has derived (`python -m tests.editions.pseudo`)."""

import shutil

import pytest

from attnlib import words
from attnlib.checks.engine import latest
from tests.browser.conftest import Visit, browser, contexts, playwright, serving  # noqa: F401
from tests.editions import built, pseudo
from tests.editions.accents import LANGUAGE
from tools.editions import DEFAULT, ROOT, edition


@pytest.fixture(scope="session")
def site():
    return built.built_site()


@pytest.fixture(scope="session")
def derived(site):
    """Return what the derived edition says of itself."""
    return edition(LANGUAGE, built.COPY)


@pytest.fixture(scope="session")
def server(site):
    yield from serving(site=site)


@pytest.fixture
def visit(contexts, server):  # noqa: F811
    """Return a function that opens a window on the site."""
    visits = []

    def opened(**options):
        visits.append(Visit(contexts, server, **options))
        return visits[-1]

    yield opened
    for each in visits:
        each.close()


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
