"""The menu above a chapter: where it can be run, with and without a public address."""

import shutil

import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from tests.site.built import EDITIONS, ROOT, address, edition_of, pages, soup
from tools.publish_as import Address, address_of

CHAPTER = "03_masks"
EDITION = EDITIONS[0]
RUNNABLE = [address(path.stem, each.language) for each in EDITIONS for path in each.notebooks]


def entries(page):
    """Return the menu's entries: what they say and where they lead."""
    links = page.select(".dropdown-launch-buttons a")
    return {link.get_text(strip=True): link["href"] for link in links}


def wanted(address, edition, name):
    notebook = f"notebooks/{edition.language}/{name}.ipynb"
    links = (
        {"Binder": address.binder(notebook), "Colab": address.colab(notebook)} if address else {}
    )
    return links | {
        edition.site["notebook"]: f"_sources/{name}.ipynb",
        edition.site["own_computer"]: "intro.html#three-ways-to-read",
    }


@pytest.mark.parametrize("page", RUNNABLE)
def test_a_chapter_says_where_it_runs(page):
    name = page.split("/")[1].removesuffix(".html")
    assert entries(soup(page)) == wanted(address_of(), edition_of(page), name)
    downloads = soup(page).select(".dropdown-download-buttons a")
    assert any(link["href"].endswith(".ipynb") for link in downloads)


def test_other_pages_have_nothing_to_run():
    others = [page for page in pages() if page not in RUNNABLE]
    assert others
    assert not [page for page in others if entries(soup(page))]


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
def test_how_to_run_it_is_told_where_the_menu_says(edition):
    assert soup(f"{edition.language}/intro.html").find(id="three-ways-to-read")


@pytest.fixture
def build(tmp_path):
    """Return a function that builds one chapter with this address and parses its page."""

    def built(address):
        source, target = tmp_path / "source", tmp_path / "site"
        source.mkdir()
        shutil.copy(EDITION.chapters_folder / f"{CHAPTER}.ipynb", source)
        intro = f"# Book\n\n## Three ways to read\n\n```{{toctree}}\n/{CHAPTER}\n```\n"
        (source / "intro.md").write_text(intro, encoding="utf-8")
        theme = {
            "launch_buttons": {
                "notebook_interface": "jupyterlab",
                "binderhub_url": "https://mybinder.org",
                "colab_url": "https://colab.research.google.com",
            },
            "repository_url": address.url if address else "",
            "repository_branch": address.ref if address else "",
            "path_to_docs": f"notebooks/{EDITION.language}",
        }
        settings = {
            "extensions": ["myst_nb", "sphinx_book_theme", "run_buttons"],
            "html_theme": "sphinx_book_theme",
            "html_theme_options": theme,
            "html_context": {"default_mode": "auto"},
            "master_doc": "intro",
            "edition": {"site": EDITION.site, "tag": EDITION.tag},
            "nb_execution_mode": "off",
            "myst_enable_extensions": ["colon_fence", "dollarmath"],
            "suppress_warnings": ["myst.xref_missing", "myst.header"],
        }
        with docutils_namespace():
            app = Sphinx(source, None, target, tmp_path / "trees", "html", settings, status=None)
            app.build()
        text = (target / f"{CHAPTER}.html").read_text(encoding="utf-8")
        return BeautifulSoup(text, "html.parser")

    return built


@pytest.mark.parametrize("address", [None, Address.parse("founders/good-morning", "v1.2.3")])
def test_the_menu_follows_the_address(build, monkeypatch, address):
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    page = build(address)
    assert entries(page) == wanted(address, EDITION, CHAPTER)
    assert not page.select(".dropdown-launch-buttons img")
