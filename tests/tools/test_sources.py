"""An edition is laid out flat: links to other files still lead there."""

import json
from dataclasses import replace

import pytest
import yaml

from tools.editions import editions
from tools.site import sources

EDITION = editions()[0]


@pytest.fixture
def book(tmp_path):
    """A small edition "yy", its flat folder, and what lies beside it."""
    edition = replace(EDITION, language="yy", root=tmp_path)
    for path in ("notebooks/yy/03_masks.ipynb", "book/yy/faq.md", "book/yy/intro.md"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("{}", encoding="utf-8")
    for path in ("book/_static/a.png", "benchmarks/table.md", "book/xx/faq.md"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    return edition, tmp_path / "book" / "_build" / "source" / "yy"


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("[a](../../notebooks/yy/03_masks.ipynb)", "[a](03_masks.ipynb)"),
        ("[a](../../notebooks/yy/03_masks.ipynb#padding)", "[a](03_masks.ipynb#padding)"),
        ("[a](faq.md#masks) and [b](../yy/intro.md)", "[a](faq.md#masks) and [b](intro.md)"),
        ("![a](../_static/a.png)", "![a](../../../_static/a.png)"),
        ("```{image} ../_static/a.png", "```{image} ../../../_static/a.png"),
        ("```{include} ../../benchmarks/table.md", "```{include} ../../../../benchmarks/table.md"),
        ('<img src="../_static/a.png">', '<img src="../../../_static/a.png">'),
        ("[another edition](../xx/faq.md#a)", "[another edition](../xx/faq.html#a){.external}"),
        ("[here](faq.md) [b](../xx/faq.md)", "[here](faq.md) [b](../xx/faq.html){.external}"),
        ("[a](https://example.org/faq.md)", "[a](https://example.org/faq.md)"),
        ("[a](#masks) [b](nowhere.md)", "[a](#masks) [b](nowhere.md)"),
        ("`keys[i](x)`", "`keys[i](x)`"),
    ],
)
def test_files_are_named_as_the_flat_folder_sees_them(book, written, seen):
    edition, folder = book
    origin = edition.pages_folder / "intro.md"
    elsewhere = sources.addresses([replace(edition, language="xx")])
    assert sources.relocated(written, origin, sources.flat(edition), folder, elsewhere) == seen


def heading(text):
    return json.dumps({"cells": [{"cell_type": "markdown", "source": [f"{text}\n", "\n", "A"]}]})


def test_chapters_are_listed_with_what_the_edition_says_of_each(book, tmp_path):
    edition, _ = book
    default = replace(edition, language="xx")
    for path, text in {
        "notebooks/yy/03_masks.ipynb": "# 3. Masken",
        "notebooks/xx/03_masks.ipynb": "# 3. Masks",
        "notebooks/xx/04_heads.ipynb": "# 4. Several heads",
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(heading(text), encoding="utf-8")
    edition = replace(edition, descriptions={"03_masks": "Wer.", "04_heads": "Viele."})
    text = "A\n\n<!-- chapters -->\n\nB\n\n<!-- chapters of the default edition -->\n"
    assert sources.with_chapters(text, edition, default) == (
        "A\n\n3. [Masken](../../notebooks/yy/03_masks.ipynb)\\\n   Wer.\n\n"
        "B\n\n4. [Several heads](../../notebooks/xx/04_heads.ipynb)\\\n   Viele.\n"
    )
    edition = replace(edition, descriptions={"03_masks": "Wer."})
    with pytest.raises(ValueError, match=r"book/yy/edition.toml must describe 04_heads"):
        sources.with_chapters(text, edition, default)


def test_a_notebook_without_such_links_stays_as_it_is():
    text = json.dumps({"cells": [{"cell_type": "markdown", "source": ["a\n", "b"]}]}, indent=2)
    assert sources.relocated_notebook(text, lambda part: part) == text
    changed = sources.relocated_notebook(text, str.upper)
    assert json.loads(changed)["cells"][0]["source"] == "A\nB"


def test_two_pages_in_one_place_are_refused(book):
    edition, _ = book
    (edition.pages_folder / "03_masks.md").touch()
    with pytest.raises(ValueError, match=r"names of their own: .*03_masks\.ipynb.*03_masks\.md"):
        sources.flat(edition)


@pytest.mark.parametrize(
    ("base", "own"), [("", ""), ("https://a.example/b/", "https://a.example/b/en/")]
)
def test_an_edition_adds_to_what_all_share(tmp_path, base, own):
    shared = yaml.safe_load((EDITION.root / "_config.yml").read_text(encoding="utf-8"))
    shared["html"]["baseurl"] = base
    (tmp_path / "_config.yml").write_text(yaml.safe_dump(shared), encoding="utf-8")
    mine = replace(EDITION, root=tmp_path)
    folder = tmp_path / "book/_build/source/en"
    found = sources.settings(mine, [EDITION], folder)
    assert found["title"] == EDITION.title
    assert found["html"]["baseurl"] == own
    assert found["repository"]["path_to_book"] == "notebooks/en"
    config = found["sphinx"]["config"]
    assert config["html_static_path"] == ["../../../_static"]
    assert config["edition"]["phrases"] == EDITION.phrases
    (listed,) = config["editions"]
    assert listed["address"] == (own or "../en/")
    assert listed["pages"][:2] == ["intro", "00_start"]
