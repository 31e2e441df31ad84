"""Editions come together in one site: what they share stands once, and may not differ."""

import pytest

from tools.build_book import in_authors_words
from tools.site import merge

PAGE = """<link href="_static/book.css?v=1"><script src="_static/documentation_options.js"></script>
<img src="_images/a.png"><a href="02.html#_static/">_static/</a>"""


@pytest.fixture
def built(tmp_path):
    """Return a function that writes what Sphinx would have built of an edition."""

    def write(language, **files):
        folder = tmp_path / "built" / language
        texts = {"_static/book.css": "b {}", "_images/a.png": language, "01.html": PAGE} | files
        texts |= {"_static/documentation_options.js": language, ".buildinfo": "x"}
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        return folder

    return write


def files(site):
    return sorted(path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file())


def test_what_is_shared_stands_once(built, tmp_path):
    site = tmp_path / "site"
    for language in ("en", "yy"):
        merge.add(built(language), site, language)
    own = ["01.html", "_images/a.png", "_static/documentation_options.js"]
    assert files(site) == [
        "_static/book.css",
        *(f"{e}/{name}" for e in ("en", "yy") for name in own),
    ]
    page = (site / "yy/01.html").read_text(encoding="utf-8")
    assert page == PAGE.replace("_static/book", "../_static/book")
    assert (site / "yy/_static/documentation_options.js").read_text(encoding="utf-8") == "yy"


def test_shared_files_that_differ_are_named(built, tmp_path):
    merge.add(built("en"), tmp_path / "site", "en")
    other = built("yy", **{"_static/book.css": "b { color: red }"})
    with pytest.raises(merge.MergeError, match=r"_static/book\.css of yy differs"):
        merge.add(other, tmp_path / "site", "yy")


def test_warnings_name_the_file_that_the_author_knows(tmp_path):
    pages = {"03_masks.ipynb": tmp_path / "notebooks/yy/03_masks.ipynb"}
    folder = tmp_path / "book/_build/source/yy"
    line = f"{folder}/03_masks.ipynb:120: WARNING: a bad link"
    said = in_authors_words(line, pages, folder, tmp_path)
    assert said == "notebooks/yy/03_masks.ipynb:120: WARNING: a bad link"
    assert in_authors_words(f"source: {folder}", pages, folder, tmp_path) == "source: yy"
