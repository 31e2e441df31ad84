"""Lay out an edition as Jupyter Book wants to build it: all pages in one flat folder.

In the repository the chapters of an edition are in `notebooks/<language>` and its other pages in
`book/<language>`. In the site they stand side by side, so that addresses are short and stay.
"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

from tools.editions import Edition
from tools.translations import without_hash

# Where a page names a file: links and pictures, directives, HTML.
PLACES = [
    re.compile(r"(?P<before>\]\()(?P<file>[^)\s#]+)"),
    re.compile(
        r"(?m)(?P<before>^[`:]{3,}\{(?:image|figure|include|literalinclude)\} +)(?P<file>\S+)"
    ),
    re.compile(r"""(?P<before>\b(?:src|href)=["'])(?P<file>[^"'#]+)"""),
]
LINK = re.compile(r"\]\((?P<file>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
# Where a page lists the chapters of its edition, and those that only the default one has.
LISTED = re.compile(r"(?m)^<!-- chapters(?P<missing> of the default edition)? -->$")
CONFIGURATION = "_config.yml"
CONTENTS = "_toc.yml"


def table_of_contents(edition: Edition) -> dict[str, Any]:
    """Return the table of contents of an edition, as Jupyter Book reads it.

    A part whose chapters are `notebooks` has all notebooks of the edition, by their numbers.
    """
    toc = yaml.safe_load((edition.pages_folder / CONTENTS).read_text(encoding="utf-8"))
    for part in toc["parts"]:
        if part["chapters"] == "notebooks":
            part["chapters"] = [{"file": path.stem} for path in edition.notebooks]
    return dict(toc)


def contents(edition: Edition) -> list[str]:
    """Return the names of the pages of an edition, as its table of contents has them."""
    toc = table_of_contents(edition)
    chapters = [each["file"] for part in toc["parts"] for each in part["chapters"]]
    return [toc["root"], *chapters]


def flat(edition: Edition) -> dict[str, Path]:
    """Return the pages of an edition: the name in the flat folder -> the file of the author.

    Raises:
        ValueError: If two pages would stand in one place.
    """
    found: dict[str, Path] = {}
    for path in [*edition.notebooks, *edition.pages]:
        if twin := next((each for each in found.values() if each.stem == path.stem), None):
            raise ValueError(
                f"pages of an edition must have names of their own: {twin} and {path} "
                f"would both become {edition.language}/{path.stem}.html"
            )
        found[path.name] = path
    return found


def addresses(others: list[Edition]) -> dict[Path, str]:
    """Return where the pages of other editions are in the site, as a page of this one sees it."""
    return {
        path.resolve(): f"../{each.language}/{path.stem}.html"
        for each in others
        for path in flat(each).values()
    }


def relocated(
    text: str, origin: Path, pages: dict[str, Path], folder: Path, elsewhere: dict[Path, str]
) -> str:
    """Return a page's text with the names of files as they are seen from the flat folder.

    Args:
        text: What the page says.
        origin: Its file in the repository.
        pages: All pages of its edition, see `flat`.
        folder: The flat folder.
        elsewhere: Pages of other editions and their addresses, see `addresses`.
    """
    moved = {path.resolve(): name for name, path in pages.items()}

    def seen(match: re.Match[str]) -> str:
        file = origin.parent / unquote(match["file"])
        if not file.is_file():
            return match[0]  # an address, or a mistake: the build says so
        address = moved.get(file.resolve()) or os.path.relpath(file.resolve(), folder.resolve())
        return match["before"] + Path(address).as_posix()

    def led_out(match: re.Match[str]) -> str:
        address = elsewhere.get((origin.parent / unquote(match["file"])).resolve())
        # The class tells MyST that this is an address, and no file to look for.
        return f"]({address}{match['anchor'] or ''}){{.external}}" if address else match[0]

    text = LINK.sub(led_out, text)
    for place in PLACES:
        text = place.sub(seen, text)
    return text


def relocated_notebook(text: str, change: Callable[[str], str]) -> str:
    """Return a notebook with its Markdown cells changed; the same text if nothing changes."""
    notebook = json.loads(text)
    same = True
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            source = "".join(cell["source"])
            cell["source"] = change(source)
            same = same and cell["source"] == source
    return text if same else json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def title_of(notebook: Path) -> str:
    """Return the heading of a chapter without its number."""
    first = json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]
    return re.sub(r"^# \d+\. ", "", "".join(first["source"]).partition("\n")[0])


def with_chapters(text: str, edition: Edition, default: Edition) -> str:
    """Return the text of a page with the lists of chapters that it asks for, each described.

    Raises:
        ValueError: If the edition does not describe one of them.
    """

    def described(name: str) -> str:
        if name not in edition.descriptions:
            raise ValueError(f"book/{edition.language}/edition.toml must describe {name}")
        return edition.descriptions[name]

    def seen_from_a_page(path: Path) -> str:
        return Path(os.path.relpath(path, edition.pages_folder)).as_posix()

    def listed(match: re.Match[str]) -> str:
        own = edition.chapters
        chapters = default.chapters[len(own) :] if match["missing"] else own
        return "\n".join(
            f"{int(path.stem[:2])}. [{title_of(path)}]({seen_from_a_page(path)})\\\n"
            f"   {described(path.stem)}"
            for path in chapters
        )

    return LISTED.sub(listed, text)


def settings(edition: Edition, all_editions: list[Edition], folder: Path) -> dict[str, Any]:
    """Return the configuration of an edition: what all editions share, and what is its own."""
    root = edition.root
    shared: dict[str, Any] = yaml.safe_load((root / CONFIGURATION).read_text(encoding="utf-8"))

    def there(path: str) -> str:
        return Path(os.path.relpath(root / path, folder)).as_posix()

    site = shared["html"]["baseurl"]
    shared |= {"title": edition.title, "author": edition.author}
    shared["html"]["baseurl"] = f"{site}{edition.language}/" if site else ""
    shared["html"]["favicon"] = there(shared["html"]["favicon"])
    shared["repository"]["path_to_book"] = f"notebooks/{edition.language}"
    extensions = shared["sphinx"]["local_extensions"]
    shared["sphinx"]["local_extensions"] = {each: there(extensions[each]) for each in extensions}
    config = shared["sphinx"]["config"]
    for key in ("templates_path", "html_static_path", "bibtex_bibfiles"):
        config[key] = [there(path) for path in config[key]]
    config["language"] = edition.sphinx_language
    config["html_extra_path"] = [there(f"book/{edition.language}/social.png")]
    config["html_theme_options"]["search_bar_text"] = edition.site["search"]
    config["edition"] = {
        "language": edition.language,
        "tag": edition.tag,
        "locale": edition.locale,
        "subtitle": edition.subtitle,
        "subtitle_tag": edition.subtitle_tag,
        "phrases": edition.phrases,
        "site": edition.site,
        "descriptions": edition.descriptions,
        "glossary": edition.glossary,
        "interface": edition.interface,
    }
    config["editions"] = [
        {
            "language": each.language,
            "name": each.name,
            "tag": each.tag,
            "pages": contents(each),
            "address": f"{site}{each.language}/" if site else f"../{each.language}/",
        }
        for each in all_editions
    ]
    return shared


def lay_out(edition: Edition, all_editions: list[Edition], folder: Path) -> dict[str, Path]:
    """Write the flat folder of an edition; return its pages, see `flat`."""
    pages = flat(edition)
    elsewhere = addresses([each for each in all_editions if each != edition])
    folder.mkdir(parents=True)
    for name, path in pages.items():
        text = path.read_text(encoding="utf-8")

        def change(part: str, origin: Path = path) -> str:
            return relocated(part, origin, pages, folder, elsewhere)

        text = with_chapters(without_hash(text), edition, all_editions[0])
        text = relocated_notebook(text, change) if path.suffix == ".ipynb" else change(text)
        (folder / name).write_text(text, encoding="utf-8")
    for name, table in (
        (CONTENTS, table_of_contents(edition)),
        (CONFIGURATION, settings(edition, all_editions, folder)),
    ):
        written = yaml.safe_dump(table, allow_unicode=True, sort_keys=False)
        (folder / name).write_text(written, encoding="utf-8")
    return pages
