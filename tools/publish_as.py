"""Write the book's public address wherever it stands.

    make publish-as REPO=owner/name             # at the tag of the version in pyproject.toml
    make publish-as REPO=owner/name REF=v1.0.0
    python -m tools.publish_as --nowhere        # take the address back

The address stands once, in `_config.yml` (`repository`). From there come the links of the rendered
book; the first cell of each notebook and a part of each README are copies, which have to work where
nothing but this one file exists, and a test holds them equal. Until the book is published the
address is empty: one that only looks real could be registered by a stranger, and every notebook
would install what the stranger put there.
"""

import argparse
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import nbformat
import yaml

from tools import atomic_write
from tools.editions import ROOT, Edition, editions

OWNER = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}")  # what GitHub allows
NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}(?<!\.git)")
REF = re.compile(r"(?!.*\.\.)(?!.*\.lock$)[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?")

IN_CONFIG = {
    "url": re.compile(r'(?m)(^repository:\n(?:  .*\n)*?  url: )".*"$'),
    "branch": re.compile(r'(?m)(^repository:\n(?:  .*\n)*?  branch: )".*"$'),
    "baseurl": re.compile(r'(?m)(^html:\n(?:  .*\n)*?  baseurl: )".*"$'),
}
IN_NOTEBOOK = re.compile(r'(?m)^(    BOOK = )"[^"]*"(?=$|  #)')
IN_README = re.compile(r"(?s)(<!-- address: .*? -->\n).*?(<!-- /address -->\n)")


@dataclass(frozen=True)
class Address:
    """Where the book is published: a repository on GitHub, at a tag."""

    owner: str
    name: str
    ref: str

    @classmethod
    def parse(cls, repo: str, ref: str) -> Self:
        """Read `owner/name` and a tag; raise a ValueError that names what is wrong with them."""
        owner, _, name = repo.partition("/")
        if not OWNER.fullmatch(owner) or not NAME.fullmatch(name):
            raise ValueError(
                f"REPO must be the owner and name of a GitHub repository, as in REPO=owner/name "
                f"(no address, no .git), got {repo!r}"
            )
        if not REF.fullmatch(ref):
            raise ValueError(
                f"REF must be a tag without slashes or spaces, as in REF=v1.0.0, got {ref!r}"
            )
        return cls(owner, name, ref)

    @property
    def url(self) -> str:
        """The repository."""
        return f"https://github.com/{self.owner}/{self.name}"

    @property
    def pip(self) -> str:
        """What the first cell of a notebook installs `attnlib` from."""
        return f"git+{self.url}@{self.ref}"

    @property
    def site(self) -> str:
        """The rendered book on GitHub Pages."""
        own_page = self.name.lower() == f"{self.owner.lower()}.github.io"
        return f"https://{self.owner.lower()}.github.io/{'' if own_page else f'{self.name}/'}"

    def colab(self, notebook: str) -> str:
        """Open a notebook (its path in the repository) in Colab."""
        tree = f"{self.owner}/{self.name}/blob/{self.ref}"
        return f"https://colab.research.google.com/github/{tree}/{notebook}"

    def binder(self, notebook: str) -> str:
        """Open a notebook (its path in the repository) in Binder, in JupyterLab."""
        tree = f"{self.owner}/{self.name}/{self.ref}"
        return f"https://mybinder.org/v2/gh/{tree}?urlpath=lab/tree/{notebook}"


def address_of(root: Path = ROOT) -> Address | None:
    """Return the address that stands in `_config.yml`; None if the book is not published."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    repository = config["repository"]
    if not repository["url"]:
        return None
    owner, name = repository["url"].removeprefix("https://github.com/").split("/")
    return Address.parse(f"{owner}/{name}", repository["branch"])


def config_text(text: str, address: Address | None) -> str:
    """Return `_config.yml` with this address."""
    values = {
        "url": address.url if address else "",
        "branch": address.ref if address else "",
        "baseurl": address.site if address else "",
    }
    for key, value in values.items():
        text, found = IN_CONFIG[key].subn(rf'\g<1>"{value}"', text)
        if found != 1:
            raise ValueError(f"_config.yml must have one line for {key} in its place, has {found}")
    return text


def bootstrap_source(source: str, address: Address | None) -> str:
    """Return the source of a notebook's first code cell with this address."""
    source, found = IN_NOTEBOOK.subn(rf'\g<1>"{address.pip if address else ""}"', source)
    if found != 1:
        raise ValueError(f'the cell must have one line `    BOOK = "…"`, has {found}')
    return source


def notebook_text(text: str, address: Address | None) -> str:
    """Return a notebook with this address in its bootstrap cell, otherwise unchanged."""
    notebook = nbformat.reads(text, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = bootstrap_source(cell.source, address)
            break
    return f"{nbformat.writes(notebook)}\n"


def links_of(edition: Edition, address: Address, several: bool) -> str:
    """Return a line of the README: where an edition can be read and run."""

    def place(path: Path) -> str:
        return path.relative_to(edition.root).as_posix()

    book = address.binder(place(edition.chapters_folder / "00_start.ipynb"))
    colab = " · ".join(
        f"[{int(path.stem[:2])}]({address.colab(place(path))})" for path in edition.chapters
    )
    name, says = f"{edition.name}: " if several else "", edition.site
    return (
        f"{name}**[{says['read_online']}]({address.site}{edition.language}/)** · "
        f"{says['in_colab']}: {colab} · [{says['in_binder']}]({book})\n"
    )


def readme_text(
    text: str, address: Address | None, edition: Edition, all_editions: list[Edition]
) -> str:
    """Return the README of an edition with the links that this address allows."""
    if address is None:
        links = f"{edition.site['no_address']}\n"
    else:
        start = edition.chapters_folder / "00_start.ipynb"
        book = address.binder(start.relative_to(edition.root).as_posix())
        lines = [links_of(each, address, len(all_editions) > 1) for each in all_editions]
        links = (
            f"[![Tests]({address.url}/actions/workflows/book.yml/badge.svg)]({address.url}/actions/workflows/book.yml)\n"
            f"[![Binder](https://mybinder.org/badge_logo.svg)]({book})\n\n" + "\n".join(lines)
        )
    text, found = IN_README.subn(lambda match: f"{match[1]}{links}{match[2]}", text)
    if found != 1:
        where = edition.readme.relative_to(edition.root)
        raise ValueError(f"{where} must have one part between address marks, has {found}")
    return text


def expected(root: Path, address: Address | None) -> dict[Path, str]:
    """Return what each file that names the address must hold."""
    found = editions(root)
    notebooks = [path for each in found for path in each.notebooks]
    texts = {path: path.read_text(encoding="utf-8") for path in notebooks}
    config = root / "_config.yml"
    readmes = {each.readme: each for each in found if each.readme.is_file()}
    return {
        config: config_text(config.read_text(encoding="utf-8"), address),
        **{
            path: readme_text(path.read_text(encoding="utf-8"), address, each, found)
            for path, each in readmes.items()
        },
        **{path: notebook_text(text, address) for path, text in texts.items()},
    }


def publish(root: Path, address: Address | None) -> list[Path]:
    """Write the address everywhere; return the files that changed.

    All new texts are made before the first is written, so that an odd file stops it all; a run that
    is interrupted between two files is finished by the next one.
    """
    changed = []
    for path, text in expected(root, address).items():
        if path.read_text(encoding="utf-8") != text:
            atomic_write.write(path, text)
            changed.append(path)
    return changed


def check_release(tag: str, address: Address | None, version: str) -> int:
    """Say whether `tag` is what the notebooks install from and what the wheel is called."""
    stands = address.ref if address else "no address"
    if tag == stands == version:
        print(f"✓ {tag} is the version of attnlib and the tag that the notebooks install from")
        return 0
    print(
        f"✗ TAG must be the version of pyproject.toml ({version}) and the tag of the book's "
        f"address ({stands}), got {tag!r}",
        file=sys.stderr,
    )
    return 1


def main() -> int:
    """Read the command line and say what comes next."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "version"
    ]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repo", nargs="?", default="", help="owner/name on GitHub")
    parser.add_argument("ref", nargs="?", default="", help=f"a tag (v{version})")
    parser.add_argument("--nowhere", action="store_true", help="take the address back")
    parser.add_argument("--check", metavar="TAG", help="is this the tag of the address?")
    arguments = parser.parse_args()
    if arguments.check is not None:
        return check_release(arguments.check, address_of(), f"v{version}")
    try:
        wanted = (arguments.repo, arguments.ref or f"v{version}")
        address = None if arguments.nowhere else Address.parse(*wanted)
        changed = publish(ROOT, address)
    except ValueError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 2
    for path in changed:
        print(f"▸ {path.relative_to(ROOT)}")
    if address is None:
        print("✓ the book has no public address")
    else:
        print(
            f"✓ the book's address is {address.url} at {address.ref}. Next: commit, then\n"
            f"  git tag {address.ref} && git push {address.url} HEAD:main {address.ref}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
