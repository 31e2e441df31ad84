"""Derive an edition "xx" from the default one: its words with accents, its code as it is.

    python -m tests.editions.pseudo

It stands in a copy of the working tree; building that copy shows which words do not come from the
edition's own folders and its catalogue of words. What stands there is left alone while all of which
it was made is unchanged (not with `COLD=1`, nor in CI).
"""

import gettext
import json
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydata_sphinx_theme
import sphinx
import sphinx_book_theme

from book._ext.interface_words import COPY_WORDS, SAID_IN_SCRIPT, SPHINX
from tests.editions import outputs
from tests.editions.accents import LANGUAGE, accented, accented_markdown, every_text
from tests.editions.built import COPY, SITE
from tools.build_book import build_site
from tools.digest import digest as digest_of
from tools.editions import DEFAULT, ROOT, Edition, editions
from tools.proof import records
from tools.reuse import cold
from tools.site import is_complete
from tools.translations import KEY, digest, said_by, with_hash, without_address
from tools.working_copy import copy_files, files

VENDOR = "book/_static/vendor"  # built, and not among the files of the working tree
MADE_OF = COPY / ".made-of"  # the hash of all that it was made of; written last
# Catalogues of words with which Sphinx and the theme come, in some language that they know well.
CATALOGUES = [
    Path(sphinx.__file__).parent / "locale/de/LC_MESSAGES/sphinx.mo",
    Path(pydata_sphinx_theme.__file__).parent / "locale/de/LC_MESSAGES/sphinx.mo",
    Path(sphinx_book_theme.__file__).parent
    / "theme/sphinx_book_theme/static/locales/de/LC_MESSAGES/booktheme.mo",
]
IN_TEMPLATE = re.compile(r"""\b_\((["'])(.+?)\1\)""")
IN_TEMPLATE_BLOCK = re.compile(r"{% trans %}(.+?){% endtrans %}")
IN_PATTERN = re.compile(r"\\\w|\(\?<?[=!:]")  # what means something else than itself
SAYS = ["writers", "builders/html", "domains"]  # rooms of Sphinx whose words get onto pages


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
    files += [each for room in SAYS for each in (SPHINX / room).rglob("*.py")]
    for path in files:
        text = path.read_text(encoding="utf-8")
        words |= {words for _, words in IN_TEMPLATE.findall(text)}
        words |= set(IN_TEMPLATE_BLOCK.findall(text))
    for path in (SPHINX / "themes/basic/static").glob("*.js"):
        words |= set(SAID_IN_SCRIPT.findall(path.read_text(encoding="utf-8")))
    return words - {""}


def pattern_words(thing: Any) -> Any:
    """Return the patterns by which terms of the glossary are found, keys and all, with accents."""
    if isinstance(thing, dict):
        settings = {"ending", "meant", "not_meant"}
        return {
            key if key in settings else accented(key): pattern_words(each)
            for key, each in thing.items()
        }
    return every_text(thing, lambda text: accented(text, IN_PATTERN))


def edition_toml(root: Path) -> dict[str, Any]:
    """Return what the edition says of itself."""
    text = (root / "book" / DEFAULT / "edition.toml").read_text(encoding="utf-8")
    about = every_text(tomllib.loads(text), accented)
    about |= {"tag": LANGUAGE, "sphinx_language": LANGUAGE, "locale": f"{LANGUAGE}_XX"}
    about["subtitle_tag"] = "zh-Hans"
    about["glossary"] = pattern_words(tomllib.loads(text)["glossary"])
    about["interface"] = {words: accented(words) for words in sorted(interface_words(root))}
    return about


def notebook(text: str) -> str:
    """Return a notebook of the edition, with the outputs of the default one."""
    book = json.loads(text)
    for cell in book["cells"]:
        source = "".join(cell["source"])
        if original := said_by(cell):
            cell["metadata"][KEY] = digest(original)
        if cell["cell_type"] == "markdown":
            cell["source"] = accented_markdown(source)
            continue
        cell["source"] = source.replace(f'words.use("{DEFAULT}")', f'words.use("{LANGUAGE}")')
        picture = cell["metadata"].get("mystnb", {}).get("image", {})
        if "alt" in picture:
            picture["alt"] = accented(picture["alt"])
    return json.dumps(book, ensure_ascii=False, indent=1) + "\n"


def catalogue(root: Path) -> dict[str, Any]:
    """Return the words of figures and checks."""
    path = root / "attnlib" / "words" / f"{DEFAULT}.toml"
    return every_text(tomllib.loads(path.read_text(encoding="utf-8")), accented)


def derive(root: Path, runs: bool = True) -> None:
    """Write the edition into the book at `root`; unless it runs, its outputs are in English."""
    said = root / "attnlib" / "words" / f"{LANGUAGE}.toml"
    write_toml(said, catalogue(root))
    chapters, pages = root / "notebooks" / LANGUAGE, root / "book" / LANGUAGE
    chapters.mkdir()
    for path in (root / "notebooks" / DEFAULT).glob("*.ipynb"):
        text = notebook(path.read_text(encoding="utf-8"))
        (chapters / path.name).write_text(text, encoding="utf-8")
    for path in (root / "notebooks" / DEFAULT).glob("*.png"):
        shutil.copy(path, chapters)
    if runs:
        outputs.run(root, sorted(chapters.glob("*.ipynb")), said)
    shutil.copytree(root / "book" / DEFAULT, pages)
    for path in pages.glob("*.md"):
        original = path.read_text(encoding="utf-8")
        text = accented_markdown(original).replace(
            f"notebooks/{DEFAULT}/", f"notebooks/{LANGUAGE}/"
        )
        path.write_text(with_hash(text, original), encoding="utf-8")
    original = without_address((root / "README.md").read_text(encoding="utf-8"))
    text = with_hash(accented_markdown(original), original, is_readme=True)
    (root / f"README.{LANGUAGE}.md").write_text(text, encoding="utf-8")
    write_toml(pages / "edition.toml", edition_toml(root))
    toc = (pages / "_toc.yml").read_text(encoding="utf-8")
    said = re.sub(r"(?m)(caption: )(.+)$", lambda match: match[1] + accented(match[2]), toc)
    (pages / "_toc.yml").write_text(said, encoding="utf-8")


def catalogue_of(each: Edition) -> Path:
    """Return the file with an edition's words of figures and checks."""
    return each.root / "attnlib" / "words" / f"{each.language}.toml"


def leave_out_others(root: Path) -> None:
    """Take all editions but the default one out of the book at `root` (tests/site builds all)."""
    for each in editions(root):
        if each.language != DEFAULT:
            shutil.rmtree(each.chapters_folder)
            shutil.rmtree(each.pages_folder)
            catalogue_of(each).unlink()
            each.readme.unlink(missing_ok=True)


def made_of() -> str:
    """Hash what the derived edition and its site are made of: not other editions, nor tests.

    What this program has loaded of the tests counts: it is part of the program.
    """
    others = [each for each in editions() if each.language != DEFAULT]
    rooms = [ROOT / "tests"]
    for each in others:
        rooms += [each.chapters_folder, each.pages_folder, catalogue_of(each), each.readme]
    tree = {ROOT / name for name in files()}
    inputs = {path for path in tree if not any(path.is_relative_to(room) for room in rooms)}
    loaded = {Path(getattr(module, "__file__", None) or "/") for module in sys.modules.values()}
    built = records.files_below(ROOT / VENDOR)
    return digest_of(sys.version, records.digest_of_files(inputs | (tree & loaded) | {*built}))


def stands(made: str) -> bool:
    """Whether the site in the copy is one that was made of this."""
    known = MADE_OF.read_text(encoding="utf-8") if MADE_OF.is_file() else ""
    return is_complete(SITE) and known == made and not cold()


def main() -> int:
    """Copy the working tree, derive the edition, and build it beside the default one."""
    where = SITE.relative_to(ROOT)
    if stands(made := made_of()):
        print(f"sites: proved 0, reused 1\nboth editions stand in {where}")
        return 0
    shutil.rmtree(COPY, ignore_errors=True)
    copy_files(COPY)
    leave_out_others(COPY)
    shutil.copytree(ROOT / VENDOR, COPY / VENDOR)
    derive(COPY)
    if not build_site(COPY, quiet=True):
        return 1
    MADE_OF.write_text(made, encoding="utf-8")
    print(f"{outputs.counts()}\nsites: proved 1, reused 0\nboth editions are in {where}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
