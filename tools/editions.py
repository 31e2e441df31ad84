"""The editions of the book, found by their folders.

An edition is `notebooks/<language>` (chapters) and `book/<language>` (pages, `_toc.yml` and
`edition.toml`). Whatever else needs to know a language asks here. Standard library only.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEFAULT = "en"  # where readers go whose language has no edition


@dataclass(frozen=True)
class Edition:
    """One edition.

    Attributes:
        language: Name of its folders, and of the folder of its pages in the site.
        root: Root of the book.
        title: Title of the book.
        tag: Language tag of its pages (BCP 47), "zh-CN".
        sphinx_language: The same for Sphinx, "zh_CN".
        locale: The same for previews of links (Open Graph), "zh_CN".
        phrases: Fixed phrases of its chapters and of the site, by key.
        descriptions: What search engines say about each page, by the page's name: "03_masks".
    """

    language: str
    root: Path
    title: str
    tag: str
    sphinx_language: str
    locale: str
    phrases: dict[str, str]
    descriptions: dict[str, str]

    @property
    def chapters_folder(self) -> Path:
        """Where its notebooks are."""
        return self.root / "notebooks" / self.language

    @property
    def pages_folder(self) -> Path:
        """Where its other pages are."""
        return self.root / "book" / self.language

    @property
    def notebooks(self) -> list[Path]:
        """All of its notebooks, the start page for JupyterLab (`00_…`) first."""
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
        FileNotFoundError: If there is none.
        KeyError: If its `edition.toml` lacks something.
    """
    path = root / "book" / language / "edition.toml"
    about = tomllib.loads(path.read_text(encoding="utf-8"))
    return Edition(
        language=language,
        root=root,
        title=about["title"],
        tag=about["tag"],
        sphinx_language=about["sphinx_language"],
        locale=about["locale"],
        phrases=about["phrases"],
        descriptions=about["descriptions"],
    )


def editions(root: Path = ROOT) -> list[Edition]:
    """Return all editions that stand, the default one first."""
    found = (path.parent.name for path in root.glob("book/*/edition.toml"))
    return [edition(each, root) for each in sorted(found, key=lambda x: (x != DEFAULT, x))]
