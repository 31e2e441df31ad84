"""The editions of the book, found by their folders.

An edition is `notebooks/<language>` (chapters) and `book/<language>` (pages, `_toc.yml` and
`edition.toml`). Whatever else needs to know a language asks here. Standard library only.

    python -m tools.editions zh      # the start page of an edition, for JupyterLab
"""

import re
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DEFAULT = "en"  # where readers go whose language has no edition


@dataclass(frozen=True)
class Edition:
    """One edition.

    Attributes:
        language: Name of its folders, and of the folder of its pages in the site.
        root: Root of the book.
        name: What the language calls itself, "中文".
        tag: Language tag of its pages (BCP 47), "zh-CN".
        sphinx_language: The same for Sphinx, "zh_CN".
        locale: The same for previews of links (Open Graph), "zh_CN".
        title: Title of the book.
        subtitle: What stands beside the title, perhaps in another language.
        subtitle_tag: Language tag of the subtitle.
        author: Who wrote it.
        phrases: Fixed phrases of its chapters, by key.
        site: What the site itself says, by key.
        map: The words on the map of its chapters: names of the routes, and for each chapter, of
            the whole book, its short name and what it adds (`draw_map.py`).
        descriptions: What search engines say about each page, by the page's name: "03_masks".
        glossary: How the terms of the glossary are found on its pages (`glossary_links.py`).
        interface: What Sphinx, the theme and the buttons say in English, and what to say instead,
            where their own translation has nothing, or nothing good (`interface_words.py`).
        translation: Rules by which tests hold its language, and hold it in step with the edition
            of which it is a translation (`tests/translations`).
    """

    language: str
    root: Path
    name: str
    tag: str
    sphinx_language: str
    locale: str
    title: str
    subtitle: str
    subtitle_tag: str
    author: str
    phrases: dict[str, str]
    site: dict[str, str]
    map: dict[str, Any]
    descriptions: dict[str, str]
    glossary: dict[str, Any] = field(default_factory=dict)
    interface: dict[str, str] = field(default_factory=dict)
    translation: dict[str, Any] = field(default_factory=dict)

    def naming(self, kind: str, number: str = r"\d+\.\d+") -> str:
        """Return a pattern that finds how a figure, an exercise or a chapter is called.

        Args:
            kind: One of them, as `phrases` has it.
            number: What finds its number.
        """
        return number.join(map(re.escape, self.phrases[kind].split("{number}")))

    @property
    def chapters_folder(self) -> Path:
        """Where its notebooks are."""
        return self.root / "notebooks" / self.language

    @property
    def pages_folder(self) -> Path:
        """Where its other pages are."""
        return self.root / "book" / self.language

    @property
    def readme(self) -> Path:
        """What GitHub shows in its language."""
        name = "README.md" if self.language == DEFAULT else f"README.{self.language}.md"
        return self.root / name

    @property
    def notebooks(self) -> list[Path]:
        """All of its notebooks, the one with which readers start (`00_…`) first."""
        return sorted(self.chapters_folder.glob("[0-9][0-9]_*.ipynb"))

    @property
    def chapters(self) -> list[Path]:
        """Its notebooks without the start page, which only leads to them."""
        return [path for path in self.notebooks if not path.name.startswith("00_")]

    @property
    def pages(self) -> list[Path]:
        """Its other pages."""
        return sorted(self.pages_folder.glob("*.md"))


def edition(language: str, root: Path = ROOT) -> Edition:
    """Read one edition.

    Raises:
        ValueError: If there is none, or if its `edition.toml` lacks something or has too much.
    """
    path = root / "book" / language / "edition.toml"
    if not path.is_file():
        known = ", ".join(each.language for each in editions(root))
        raise ValueError(f"LANGUAGE must be one of {known}, got {language!r}")
    about = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        return Edition(language=language, root=root, **about)
    except TypeError as error:
        where = path.relative_to(root)
        raise ValueError(f"{where} does not hold what an edition has: {error}") from None


def editions(root: Path = ROOT) -> list[Edition]:
    """Return all editions that stand, the default one first."""
    found = (path.parent.name for path in root.glob("book/*/edition.toml"))
    return [edition(each, root) for each in sorted(found, key=lambda x: (x != DEFAULT, x))]


def main() -> int:
    """Print where the start page of an edition is: of the default one unless one is named."""
    try:
        chosen = edition(next(iter(sys.argv[1:]), "") or DEFAULT)
    except ValueError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    print(next(path for path in chosen.notebooks if path.name.startswith("00_")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
