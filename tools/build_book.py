"""Build all editions that stand into one site, `book/_build/html`: `make book`.

    python -m tools.build_book                # one edition after the other
    python -m tools.build_book --jobs 2       # two at a time

Each edition is laid out flat (`tools/site/sources.py`), built by Jupyter Book with warnings as
errors unless its pages stand (`stamps.py`), and added to the site (`merge.py`). Notebooks to
download carry the library (`self_contained.py`). What concerns the whole site comes last: fonts and
icons are cut to what the pages show (`lean_assets.py`), then come the pages that lead to the
editions (`front_pages.py`).
"""

import argparse
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools import self_contained
from tools.editions import ROOT, Edition, editions
from tools.site import STAMP, front_pages, lean_assets, merge, sources, stamps

JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"
WARNINGS_ARE_ERRORS = ("-W", "-n", "--keep-going")


def in_authors_words(line: str, pages: dict[str, Path], folder: Path, root: Path) -> str:
    """Return a line of the build's output that names the file which its author knows."""
    for name, path in pages.items():
        line = line.replace(str(folder / name), str(path.relative_to(root)))
    return line.replace(str(folder), folder.name)


def build(edition: Edition, all_editions: list[Edition], work: Path, quiet: bool) -> Path | None:
    """Build one edition; return the folder of its pages, None if there was a warning."""
    folder, output = work / "source" / edition.language, work / "built" / edition.language
    pages = sources.lay_out(edition, all_editions, folder)
    made_of = stamps.made_of(edition, all_editions, folder)
    if stamps.stands(output, made_of):
        return output / "_build" / "html"
    shutil.rmtree(output, ignore_errors=True)
    command = [sys.executable, "-c", JUPYTER_BOOK, "build", str(folder)]
    command += ["--config", str(folder / sources.CONFIGURATION)]
    command += ["--toc", str(folder / sources.CONTENTS)]
    command += ["--path-output", str(output), *WARNINGS_ARE_ERRORS]
    kept: list[str] = []
    with subprocess.Popen(
        command,
        cwd=edition.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            line = in_authors_words(line, pages, folder, edition.root)
            kept.append(line)
            if not quiet:
                print(line, end="", flush=True)
    if quiet and process.returncode:
        print("".join(kept), end="", flush=True)
    if process.returncode:
        return None
    stamps.stamp(output, made_of)
    return output / "_build" / "html"


def build_site(root: Path, jobs: int = 1, quiet: bool = False) -> bool:
    """Build the site of the book at `root`; return whether all went well.

    Args:
        root: Root of the book.
        jobs: How many editions are built at a time.
        quiet: Whether the output of a build is shown only if it fails.
    """
    work = root / "book" / "_build"
    site = work / "html"
    for old in (site, work / "source"):
        shutil.rmtree(old, ignore_errors=True)
    all_editions = editions(root)
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        built = list(
            pool.map(lambda each: build(each, all_editions, work, quiet or jobs > 1), all_editions)
        )
    if failed := [e.language for e, at in zip(all_editions, built, strict=True) if at is None]:
        print(f"✗ not built: {', '.join(failed)} (warnings are errors)", file=sys.stderr)
        return False
    try:
        for edition, folder in zip(all_editions, built, strict=True):
            assert folder is not None
            merge.add(folder, site, edition.language)
    except merge.MergeError as error:
        print(f"✗ {error}", file=sys.stderr)
        return False
    wheel = self_contained.build_wheel(root)
    for edition in all_editions:
        self_contained.write_downloads(edition, wheel, site / edition.language)
    lean_assets.cut(site, root / "book" / "_static" / "book.css")
    front_pages.write(site, all_editions)
    (site / STAMP).touch()
    return True


def main() -> int:
    """Build the book of this folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1, help="editions that are built at a time")
    parser.add_argument("--quiet", action="store_true", help="show only builds that fail")
    arguments = parser.parse_args()
    return 0 if build_site(ROOT, arguments.jobs, arguments.quiet) else 1


if __name__ == "__main__":
    sys.exit(main())
