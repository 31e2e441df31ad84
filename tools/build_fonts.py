"""Make the Chinese fonts of the library and of the book; the results are committed.

    python tools/build_fonts.py            # maintainer's step (`make fonts`): fetches Noto Sans SC
    python tools/build_fonts.py --check    # no network: does every character have its glyph?

These fonts come out, each an exact subset of Noto Sans SC (SIL Open Font License):

- `attnlib/fonts/NotoSansSC-attnlib.ttf`, for matplotlib: the Chinese characters that figures use,
  and Latin, so that a label is set in one typeface;
- `attnlib/fonts/NotoSansSC-attnlib.woff2`, the same without Latin: the widgets carry it with them,
  and where they speak Chinese also `NotoSansSC-<language>.woff2`, with what they say;
- `book/_static/fonts/NotoSansSC-400.woff2`: the Chinese characters of the whole book;
- `book/_static/fonts/NotoSansSC-700.woff2`: those of headings and of what is set in bold.

Of these two each edition gets what its pages show: `tools/site/fonts.py`.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import sphinx.locale
from fontTools import subset
from fontTools.ttLib import TTFont

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "@expo-google-fonts/noto-sans-sc@0.4.3"
INTEGRITY = (
    "sha512-"
    "9rAwdFTFHbO/u6Cs0gj2jZbW74TGIiaFNQnXYH2s5wA1bzVkwbaviL4t8YUV642eGYjg86eH6DkAEQmfNHDncQ=="
)

FIGURE_FONT = Path("attnlib/fonts/NotoSansSC-attnlib.ttf")
WIDGET_FONT = Path("attnlib/fonts/NotoSansSC-attnlib.woff2")
DEFAULT = "en"  # language of the words that stand in for all others
BOOK_FONTS = {
    "Regular": Path("book/_static/fonts/NotoSansSC-400.woff2"),
    "Bold": Path("book/_static/fonts/NotoSansSC-700.woff2"),
}
# A name of its own: an installed Noto Sans SC must not change a figure by a pixel.
FIGURE_FAMILY = "Noto Sans SC attnlib"

# Ideographs, their punctuation and full-width forms. Curly quotes and dashes, which Chinese shares
# with Latin, come from the Latin font.
CHINESE = re.compile(
    "[\u2e80-\u2fdf\u2ff0-\u312f\u31a0-\u31ef\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\ufe30-\ufe4f\uff01-\uffee\U00020000-\U0003ffff]"
)
FULL_WIDTH = "\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f\uff5e"
PUNCTUATION = f"、。〈〉《》「」『』【】〔〕{FULL_WIDTH}"
# What a reader or a coming chapter is likely to put on a label.
COMMON = "早上好爱好你我他今天气很注意力晚安中文字词的是不了"
# Signs that Chinese fonts make a full square wide (· ’ × → ≤ …) are left to matplotlib's own font.
LATIN = (
    "".join(map(chr, range(0x20, 0x7F)))
    + "".join(map(chr, [*range(0xC0, 0xD7), *range(0xD8, 0xF7), *range(0xF8, 0x100)]))
    + "āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜü"  # pinyin
    + "ΓΔΘΛΠΣΦΨΩαβγδεζηθικλμνξπρστυφχψω"
    + "–−°²³"
)


def chinese(texts: Iterable[str]) -> set[str]:
    """The Chinese characters of some texts."""
    return {character for text in texts for character in CHINESE.findall(text)}


def _files(*patterns: str) -> list[Path]:
    """Files of the project by patterns relative to its root; nothing built or fetched."""
    built = ("_build", "vendor", ".ipynb_checkpoints", "node_modules")
    found = {path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
    return sorted(p for p in found if not set(built) & set(p.relative_to(ROOT).parts))


def _cells(code_only: bool) -> Iterable[str]:
    """The sources of the notebooks' cells, and unless `code_only` what they printed as well."""
    for path in _files("notebooks/**/*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code" or not code_only:
                yield "".join(cell["source"])
            if not code_only:
                yield cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
            for output in [] if code_only else cell.get("outputs", []):
                yield "".join(output.get("text", ""))
                yield "".join(output.get("data", {}).get("text/plain", ""))


def figure_characters() -> set[str]:
    """What figures and widgets may have to show in each language: the library or a cell has it."""
    files = _files("attnlib/**/*.py", "attnlib/**/*.js", f"attnlib/words/{DEFAULT}.toml")
    library = (path.read_text(encoding="utf-8") for path in files)
    return chinese(library) | chinese(_cells(code_only=True)) | set(COMMON + PUNCTUATION)


def _said(table: dict[str, Any]) -> Iterator[str]:
    """The texts of a table of words, without those that only a damaged figure says."""
    for key, entry in table.items():
        if isinstance(entry, dict) and key != "errors":
            yield from _said(entry)
        elif isinstance(entry, str):
            yield entry


def characters_of_languages(part: str) -> dict[str, set[str]]:
    """Language -> the characters of what `figures`, or `plots`, say in it and in no other one."""
    found = {}
    for path in _files("attnlib/words/*.toml"):
        said = tomllib.loads(path.read_text(encoding="utf-8"))[part]
        if more := chinese(_said(said)) - figure_characters():
            found[path.stem] = more
    return found


# A heading, the title of a box, the first row of a table, what stands between two pairs of
# asterisks. Where pages show more in bold, tests/browser names it.
BOLD = re.compile(r"^#.*$|^:::.*$|^\|.*(?=\n\| *:?-)|\*\*[^*]+\*\*", re.MULTILINE)
TERM = re.compile(r"^\S.*$", re.MULTILINE)  # in a glossary: what is explained is not indented
LABELS = ("Parameters", "Returns", "Return type", "Raises", "Yields")  # Sphinx's, of docstrings


def bold_characters() -> set[str]:
    """What the pages may have to show in bold."""
    pages = [(path.name, path.read_text(encoding="utf-8")) for path in _files("book/**/*.md")]
    cells = (
        "".join(cell["source"])
        for path in _files("notebooks/**/*.ipynb")
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "markdown"
    )
    bold = (each for text in (*(page for _, page in pages), *cells) for each in BOLD.findall(text))
    terms = (each for name, text in pages if name == "glossary.md" for each in TERM.findall(text))
    files = _files("book/**/*.toml", "_config.yml")
    about = [path.read_text(encoding="utf-8") for path in files]
    return chinese(bold) | chinese(terms) | chinese(about) | chinese(_labels())


def _labels() -> Iterator[str]:
    """What Sphinx writes before the parts of a docstring, in the language of each edition."""
    folder = str(Path(str(sphinx.locale.__file__)).parent)
    for path in _files("book/*/edition.toml"):
        language = tomllib.loads(path.read_text(encoding="utf-8"))["sphinx_language"]
        translation, _ = sphinx.locale.init([folder], language)
        yield from map(translation.gettext, LABELS)


def book_characters() -> set[str]:
    """What the pages of the book may have to show."""
    texts = (
        path.read_text(encoding="utf-8")
        for path in _files(
            "book/**/*.md",
            "book/**/*.yml",
            "book/**/*.toml",
            "book/**/*.bib",
            "book/**/*.py",
            "README*.md",
            "_config.yml",
            "attnlib/**/*.py",
            "attnlib/**/*.js",
            "attnlib/**/*.toml",
        )
    )
    return chinese(texts) | chinese(_cells(code_only=False))


def on_previews() -> set[str]:
    """What the pictures say with which links to the editions are shown."""
    about = [tomllib.loads(p.read_text(encoding="utf-8")) for p in _files("book/*/edition.toml")]
    return chinese(t for each in about for t in (each["title"], each["site"]["tagline"]))


def wanted() -> dict[Path, set[str]]:
    """The characters that each committed font must have."""
    figures, book = figure_characters(), book_characters()
    plots = set[str]().union(*characters_of_languages("plots").values(), on_previews())
    own = characters_of_languages("figures")
    return {
        **{WIDGET_FONT.with_stem(f"NotoSansSC-{each}"): own[each] for each in own},
        FIGURE_FONT: figures | plots | set(LATIN),
        WIDGET_FONT: figures,
        BOOK_FONTS["Regular"]: book,
        BOOK_FONTS["Bold"]: bold_characters(),
    }


def missing() -> dict[Path, str]:
    """Font -> the characters of committed text that it lacks; empty if all is well."""
    lacking = {}
    for path, characters in wanted().items():
        has = TTFont(ROOT / path).getBestCmap() if (ROOT / path).is_file() else {}
        lacks = sorted(c for c in characters if ord(c) not in has)
        if lacks:
            lacking[path] = "".join(lacks)
    return lacking


def fetch(folder: Path) -> dict[str, bytes]:
    """Download the pinned package, check what came, and return the files needed from it."""
    subprocess.run(
        ["npm", "pack", PACKAGE, "--silent", "--pack-destination", str(folder)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (archive,) = folder.glob("*.tgz")
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != INTEGRITY:
        sys.exit(f"{PACKAGE} has the integrity sha512-{digest}, expected {INTEGRITY}")
    members = {
        "Regular": "package/400Regular/NotoSansSC_400Regular.ttf",
        "Bold": "package/700Bold/NotoSansSC_700Bold.ttf",
        "licence": "package/LICENSE_FONT",
    }
    files = {}
    with tarfile.open(archive) as tar:
        for name, member in members.items():
            stream = tar.extractfile(member)
            assert stream is not None
            files[name] = stream.read()
    return files


def make(source: bytes, characters: set[str], target: Path, family: str | None = None) -> None:
    """Write the subset of `source` that shows `characters`; the same input gives the same bytes."""
    # lazy=False and no new time stamp: two runs write identical files.
    font = TTFont(io.BytesIO(source), lazy=False, recalcTimestamp=False)
    lacks = sorted(c for c in characters if ord(c) not in font.getBestCmap())
    if lacks:
        sys.exit(f"Noto Sans SC has no glyph for {''.join(lacks)!r}, wanted for {target}")
    options = subset.Options()
    options.name_IDs = ["*"]  # keeps the copyright and licence records
    options.layout_features = []  # no ligatures, no vertical forms
    options.drop_tables += ["vhea", "vmtx", "BASE"]
    options.hinting = False
    options.notdef_outline = True
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=sorted(map(ord, characters)))
    subsetter.subset(font)
    if family:
        for record in font["name"].names:
            if record.nameID in (1, 4, 16):
                record.string = family
            elif record.nameID in (3, 6, 25):
                record.string = family.replace(" ", "")
    font.flavor = "woff2" if target.suffix == ".woff2" else None
    (ROOT / target).parent.mkdir(parents=True, exist_ok=True)
    font.save(ROOT / target)
    print(f"{target}: {len(characters)} characters, {(ROOT / target).stat().st_size / 1000:.1f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="only say what the fonts lack")
    if parser.parse_args().check:
        lacking = missing()
        for path, characters in lacking.items():
            print(f"{path} has no glyph for {characters!r}: run `make fonts`", file=sys.stderr)
        sys.exit(1 if lacking else 0)
    with tempfile.TemporaryDirectory() as folder:
        files = fetch(Path(folder))
    need = wanted()
    make(files["Regular"], need[FIGURE_FONT], FIGURE_FONT, FIGURE_FAMILY)
    for path in need.keys() - {FIGURE_FONT, *BOOK_FONTS.values()}:
        make(files["Regular"], need[path], path, FIGURE_FAMILY)
    for weight, path in BOOK_FONTS.items():
        make(files[weight], need[path], path)
    for folder_ in (FIGURE_FONT.parent, BOOK_FONTS["Regular"].parent):
        (ROOT / folder_ / "OFL.txt").write_bytes(files["licence"])


if __name__ == "__main__":
    main()
