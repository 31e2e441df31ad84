"""Put the editions, each built by itself, into one site with one `_static`.

An edition's pages stand in its own folder, with its pictures and the index of its search. What is
the same for all editions (style, fonts, scripts) stands once, at the site's root.
"""

import re
import shutil
from pathlib import Path

# What Sphinx writes for one language: it stays with the edition.
OWN = {"copybutton.js", "documentation_options.js", "language_data.js", "translations.js"}
ADDRESS = re.compile(r'(?P<before>\b(?:src|href)=")_static/(?P<name>[^"?#]+)')
NOT_PUBLISHED = {".buildinfo"}


class MergeError(Exception):
    """The editions do not fit into one site."""


def add(built: Path, site: Path, language: str) -> None:
    """Add an edition to the site.

    Args:
        built: The folder that Sphinx has written.
        site: The folder of the site.
        language: The edition, and the name of its folder in the site.

    Raises:
        MergeError: If a file that all editions share differs from that of another one.
    """
    own = site / language
    for path in sorted(each for each in built.rglob("*") if each.is_file()):
        place = path.relative_to(built)
        if place.name in NOT_PUBLISHED:
            continue
        shared = place.parts[0] == "_static" and place.name not in OWN
        target = (site if shared else own) / place
        if shared and target.is_file() and target.read_bytes() != path.read_bytes():
            raise MergeError(f"{place} of {language} differs from that of another edition")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    for page in own.glob("*.html"):
        page.write_text(readdressed(page.read_text(encoding="utf-8")), encoding="utf-8")


def readdressed(html: str) -> str:
    """Return a page that finds at the site's root what all editions share."""

    def seen(match: re.Match[str]) -> str:
        return match[0] if match["name"] in OWN else f"{match['before']}../_static/{match['name']}"

    return ADDRESS.sub(seen, html)
