"""Derive an edition "xx" from the default one: its words with accents, its code as it is.

It stands in a copy of the working tree; building that copy shows which words do not come from the
edition's own folders and its catalogue of words.
"""

import gettext
import json
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydata_sphinx_theme
import sphinx
import sphinx_book_theme

from book._ext.interface_words import COPY_WORDS, SAID_IN_SCRIPT, SPHINX
from tests.editions.accents import accented, accented_markdown, every_text
from tools.editions import DEFAULT, ROOT

LANGUAGE = "xx"
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", ".cache", ".*_cache", "_build", "node_modules", "dist", "__pycache__", "mine"
)
# Catalogues of words with which Sphinx and the theme come, in some language that they know well.
CATALOGUES = [
    Path(sphinx.__file__).parent / "locale/de/LC_MESSAGES/sphinx.mo",
    Path(pydata_sphinx_theme.__file__).parent / "locale/de/LC_MESSAGES/sphinx.mo",
    Path(sphinx_book_theme.__file__).parent
    / "theme/sphinx_book_theme/static/locales/de/LC_MESSAGES/booktheme.mo",
]
IN_TEMPLATE = re.compile(r"""\b_\((["'])(.+?)\1\)""")
IN_TEMPLATE_BLOCK = re.compile(r"{% trans %}(.+?){% endtrans %}")
NO_WORDS = re.compile(r"\d\d_\w+")  # the name of a file
WIDGETS = "application/vnd.jupyter.widget-state+json"


def toml(table: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the lines of a TOML file that holds this table."""
    for key, value in table.items():
        if not isinstance(value, dict):
            yield f"{json.dumps(key)} = {json.dumps(value, ensure_ascii=False)}"
    for key, value in table.items():
        if isinstance(value, dict):
            name = (*path, key)
            yield f"[{'.'.join(map(json.dumps, name))}]"
            yield from toml(value, name)


def write_toml(path: Path, table: dict[str, Any]) -> None:
    path.write_text("\n".join(toml(table)) + "\n", encoding="utf-8")


def interface_words(root: Path) -> set[str]:
    """Return what Sphinx, the theme and the book's templates say through a catalogue of words."""
    words = set(COPY_WORDS.values())
    for path in CATALOGUES:
        with path.open("rb") as file:
            words |= {key for key in gettext.GNUTranslations(file)._catalog if isinstance(key, str)}
    folders = [root / "book/_templates", Path(pydata_sphinx_theme.__file__).parent / "theme"]
    files = [path for folder in folders for path in folder.rglob("*.html")]
    files += [*(SPHINX / "writers").glob("*.py"), *(SPHINX / "builders/html").glob("*.py")]
    for path in files:
        text = path.read_text(encoding="utf-8")
        words |= {words for _, words in IN_TEMPLATE.findall(text)}
        words |= set(IN_TEMPLATE_BLOCK.findall(text))
    for path in (SPHINX / "themes/basic/static").glob("*.js"):
        words |= set(SAID_IN_SCRIPT.findall(path.read_text(encoding="utf-8")))
    return words - {""}


def edition_toml(root: Path) -> dict[str, Any]:
    """Return what the edition says of itself."""
    text = (root / "book" / DEFAULT / "edition.toml").read_text(encoding="utf-8")
    about = every_text(tomllib.loads(text), accented)
    about |= {"tag": LANGUAGE, "sphinx_language": LANGUAGE, "locale": f"{LANGUAGE}_XX"}
    about |= {"subtitle_tag": "zh-Hans", "glossary": {}}
    about["interface"] = {words: accented(words) for words in sorted(interface_words(root))}
    return about


class Catalogue:
    """The words of figures and checks, and where they stand in outputs of cells."""

    def __init__(self, path: Path) -> None:
        self.words = tomllib.loads(path.read_text(encoding="utf-8"))
        self.pairs: list[tuple[re.Pattern[str], str]] = []
        texts: list[str] = []
        every_text(self.words, lambda text: texts.append(text) or text)
        for text in sorted(set(texts), key=len, reverse=True):
            if re.search(r"[A-Za-z]{2}", text) and not NO_WORDS.fullmatch(text):
                self.pairs.append((self.pattern(text), text))

    @staticmethod
    def pattern(text: str) -> re.Pattern[str]:
        """Return what finds a text with any facts in the place of its {facts}."""
        pieces = re.split(r"\{\w+\}", " ".join(text.split()))
        return re.compile("(.+?)".join(map(re.escape, pieces)), re.DOTALL)

    def accented(self) -> Any:
        """Return the catalogue of the edition."""
        return every_text(self.words, lambda t: t if NO_WORDS.fullmatch(t) else accented(t))

    def in_state(self, text: str) -> str:
        """Return a text of a widget's state with accents if it comes from the catalogue."""
        for pattern, _ in self.pairs:
            if found := pattern.fullmatch(" ".join(text.split())):
                return self.kept_facts(text, found)
        return text

    def in_output(self, text: str) -> str:
        """Return what a check has printed with accents where it comes from the catalogue."""
        for pattern, source in self.pairs:
            if len(source) > 3 and "attnlib-check" in text:
                text = pattern.sub(lambda found: self.kept_facts(found[0], found), text)
        return text

    @staticmethod
    def kept_facts(text: str, found: re.Match[str]) -> str:
        facts = [re.escape(fact) for fact in found.groups() if fact]
        kept = "|".join(["<[^>]*>", r"\{\w+\}", "`[^`]*`", *facts])
        return accented(text, re.compile(kept))


def notebook(text: str, catalogue: Catalogue) -> str:
    """Return a notebook of the edition."""
    book = json.loads(text)
    for cell in book["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            cell["source"] = accented_markdown(source)
            continue
        cell["source"] = source.replace(f'words.use("{DEFAULT}")', f'words.use("{LANGUAGE}")')
        picture = cell["metadata"].get("mystnb", {}).get("image", {})
        if "alt" in picture:
            picture["alt"] = accented(picture["alt"])
        for output in cell["outputs"]:
            if "text/html" in (data := output.get("data", {})):
                data["text/html"] = catalogue.in_output("".join(data["text/html"]))
    for model in book["metadata"].get("widgets", {}).get(WIDGETS, {}).get("state", {}).values():
        if model["model_name"] == "LinkModel":
            continue  # it holds names of traits
        said = {
            key: value
            for key, value in model["state"].items()
            if not key.startswith("_") or key == "_options_labels"
        }
        model["state"] |= every_text(said, catalogue.in_state)
    return json.dumps(book, ensure_ascii=False, indent=1) + "\n"


def derive(root: Path) -> None:
    """Write the edition into the book at `root`."""
    words = root / "attnlib" / "words"
    catalogue = Catalogue(words / f"{DEFAULT}.toml")
    write_toml(words / f"{LANGUAGE}.toml", catalogue.accented())
    chapters, pages = root / "notebooks" / LANGUAGE, root / "book" / LANGUAGE
    chapters.mkdir()
    for path in (root / "notebooks" / DEFAULT).glob("*.ipynb"):
        text = notebook(path.read_text(encoding="utf-8"), catalogue)
        (chapters / path.name).write_text(text, encoding="utf-8")
    shutil.copytree(root / "book" / DEFAULT, pages)
    for path in pages.glob("*.md"):
        text = accented_markdown(path.read_text(encoding="utf-8"))
        text = text.replace(f"notebooks/{DEFAULT}/", f"notebooks/{LANGUAGE}/")
        path.write_text(text, encoding="utf-8")
    write_toml(pages / "edition.toml", edition_toml(root))
    toc = (pages / "_toc.yml").read_text(encoding="utf-8")
    said = re.sub(r"(?m)(caption: )(.+)$", lambda match: match[1] + accented(match[2]), toc)
    (pages / "_toc.yml").write_text(said, encoding="utf-8")


def copy_of_the_book(target: Path) -> None:
    """Copy the working tree, and derive the edition in the copy."""
    shutil.copytree(ROOT, target, ignore=NOT_COPIED, dirs_exist_ok=True)
    derive(target)


if __name__ == "__main__":  # to look at it: python -m tests.editions.pseudo FOLDER
    import sys

    copy_of_the_book(Path(sys.argv[1]))
