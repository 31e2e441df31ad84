"""The pages that lead to the editions: `index.html`, `404.html` and `sitemap.xml` at the root.

The first page leads to the reader's language, or, without JavaScript, to the default edition. The
page for wrong addresses works at any depth: it loads nothing, and its links start from the path of
the book's address. The list of pages for search engines needs that address; it says of each page
which others are the same in other languages. In an edition's folder, `index.html` leads to its
introduction, and in the place of a chapter that is not translated yet a note leads to its original.
"""

import json
import re
from html import escape, unescape
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from tools.editions import Edition
from tools.site.sources import CONFIGURATION, contents

TITLE = re.compile(r'<meta property="og:title" content="([^"]*)">')

FIRST_PAGE = """<!DOCTYPE html>
<html lang="{tag}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<script>
  // The first of the reader's languages that there is, in full (zh-TW) or in the main (zh).
  (function (pages) {{
    var main = function (tag) {{ return tag.toLowerCase().split('-')[0]; }};
    var known = Object.keys(pages), found;
    (navigator.languages || [navigator.language]).some(function (wanted) {{
      var same = function (tag) {{ return tag.toLowerCase() === wanted.toLowerCase(); }};
      var near = function (tag) {{ return main(tag) === main(wanted); }};
      return (found = known.find(same) || known.find(near));
    }});
    location.replace(pages[found || known[0]]);
  }})({pages});
</script>
<noscript><meta http-equiv="refresh" content="0; url={first}"></noscript>
<link rel="canonical" href="{canonical}">
{alternates}<link rel="icon" href="_static/favicon.svg">
<title>{title}</title>
</head>
<body><main><h1>{title}</h1>
{links}</main></body>
</html>
"""

OWN_PAGE = """<!DOCTYPE html>
<html lang="{tag}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="0; url={page}">
<link rel="canonical" href="{canonical}">
<link rel="icon" href="../_static/favicon.svg">
<title>{title}</title>
</head>
<body><main><h1>{title}</h1><p><a href="{page}">{open}</a></p></main></body>
</html>
"""

NOT_TRANSLATED = """<!DOCTYPE html>
<html lang="{tag}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<link rel="canonical" href="{canonical}">
<link rel="icon" href="../_static/favicon.svg">
<title>{note}</title>
</head>
<body><main><h1>{note}</h1>
<p><a lang="{original}" hreflang="{original}" href="{page}">{title}</a></p></main></body>
</html>
"""

NOT_FOUND = """<!DOCTYPE html>
<html lang="{tag}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<link rel="icon" href="data:,">
<title>404 - {title}</title>
<style>
  :root {{ color-scheme: light dark; }}
  body {{ margin: 15vh auto; padding: 0 1.5rem; max-width: 36rem;
    font: 1.125rem/1.6 system-ui, sans-serif; color: #1b2733; background: #fff; }}
  section + section {{ margin-top: 4rem; }}
  a {{ color: #0b62a8; }}
  @media (prefers-color-scheme: dark) {{
    body {{ color: #dfe4ea; background: #14181e; }}
    a {{ color: #6cb6ff; }}
  }}
</style>
</head>
<body><main data-book="{path}">
<h1>404</h1>
{sections}</main>
<script>
  // Whoever was in an edition sees its language first.
  (function (path) {{
    var section = document.getElementById(location.pathname.slice(path.length).split('/')[0]);
    if (section) section.parentNode.insertBefore(section, document.querySelector('section'));
  }})(document.querySelector('main').dataset.book);
</script>
</body>
</html>
"""


def titles(site: Path, edition: Edition) -> dict[str, str]:
    """Return address and title of an edition's pages, as the table of contents has them.

    Raises:
        ValueError: If a page says nothing of its title.
    """
    found = {}
    for name in contents(edition):
        address = f"{edition.language}/{name}.html"
        title = TITLE.search((site / address).read_text(encoding="utf-8"))
        if title is None:
            raise ValueError(f"{address} has no og:title")
        found[address] = unescape(title[1])
    return found


def first_page(base: str, all_editions: list[Edition]) -> str:
    """Return the page that leads to the reader's language."""
    pages = {each.tag: f"{each.language}/{contents(each)[0]}.html" for each in all_editions}
    default = all_editions[0]
    several = len(all_editions) > 1
    links = [
        f'<p><a lang="{each.tag}" hreflang="{each.tag}" href="{pages[each.tag]}">'
        f"{escape(each.site['open_book'])}</a></p>\n"
        for each in all_editions
    ]
    alternates = [
        f'<link rel="alternate" hreflang="{tag}" href="{escape(base + page)}">\n'
        for tag, page in [*pages.items(), ("x-default", "")]
        if several and (page or base)
    ]
    return FIRST_PAGE.format(
        tag=default.tag,
        title=escape(default.title),
        pages=json.dumps(pages),
        first=pages[default.tag],
        canonical=escape(base or pages[default.tag]),
        alternates="".join(alternates),
        links="".join(links),
    )


def own_page(base: str, edition: Edition) -> str:
    """Return the page in an edition's folder that leads to its introduction."""
    page = f"{contents(edition)[0]}.html"
    return OWN_PAGE.format(
        tag=edition.tag,
        page=page,
        canonical=escape(f"{base}{edition.language}/{page}" if base else page),
        title=escape(edition.title),
        open=escape(edition.site["open_book"]),
    )


def not_translated(site: Path, base: str, edition: Edition, default: Edition) -> dict[str, str]:
    """Return address and text of the notes that lead to chapters of the default edition."""
    names = contents(edition)
    found = {}
    for page, title in titles(site, default).items():
        name = page.removeprefix(f"{default.language}/")
        if name.removesuffix(".html") not in names:
            found[f"{edition.language}/{name}"] = NOT_TRANSLATED.format(
                tag=edition.tag,
                note=escape(edition.site["not_translated"]),
                original=default.tag,
                page=f"../{page}",
                canonical=escape(f"{base}{page}" if base else f"../{page}"),
                title=escape(title),
            )
    return found


def not_found(site: Path, base: str, all_editions: list[Edition]) -> str:
    """Return the page for wrong addresses, which speaks the languages of all editions.

    It is seen at any depth. So its links have the book's path in front: another base is what a
    strict policy forbids.
    """
    path = escape(urlsplit(base).path or "/")
    sections = []
    for edition in all_editions:
        links = "".join(
            f'<li><a href="{path}{address}">{escape(title)}</a></li>\n'
            for address, title in titles(site, edition).items()
        )
        sections.append(
            f'<section id="{edition.language}" lang="{edition.tag}">\n'
            f"<h2>{escape(edition.site['not_found'])}</h2>\n"
            f"<p>{escape(edition.site['not_found_text'])}</p>\n<ul>{links}</ul>\n</section>\n"
        )
    return NOT_FOUND.format(
        tag=all_editions[0].tag,
        path=path,
        title=escape(all_editions[0].title),
        sections="".join(sections),
    )


def sitemap(base: str, all_editions: list[Edition]) -> str:
    """Return the list of all pages for search engines."""
    pages = {each.language: contents(each) for each in all_editions}
    urls = []
    for edition in all_editions:
        for name in pages[edition.language]:
            same = [each for each in all_editions if name in pages[each.language]]
            links = "".join(
                f'<xhtml:link rel="alternate" hreflang="{each.tag}" '
                f'href="{escape(f"{base}{each.language}/{name}.html")}"/>'
                for each in same
                if len(same) > 1
            )
            place = escape(f"{base}{edition.language}/{name}.html")
            urls.append(f"<url><loc>{place}</loc>{links}</url>\n")
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
        f'xmlns:xhtml="http://www.w3.org/1999/xhtml">\n{"".join(urls)}</urlset>\n'
    )


def write(site: Path, all_editions: list[Edition]) -> None:
    """Write the pages at the root of `site`, whose editions are built; the default one is first."""
    root = all_editions[0].root
    config = yaml.safe_load((root / CONFIGURATION).read_text(encoding="utf-8"))
    base = config["html"]["baseurl"]
    (site / "index.html").write_text(first_page(base, all_editions), encoding="utf-8")
    (site / "404.html").write_text(not_found(site, base, all_editions), encoding="utf-8")
    for each in all_editions:
        page = own_page(base, each)
        (site / each.language / "index.html").write_text(page, encoding="utf-8")
        for address, note in not_translated(site, base, each, all_editions[0]).items():
            (site / address).write_text(note, encoding="utf-8")
    if base:
        (site / "sitemap.xml").write_text(sitemap(base, all_editions), encoding="utf-8")
