"""Zip the built book, to be read from a disk without any server: `make offline`.

The archive holds one folder; its `index.html` opens the book. The same pages give the same bytes.

    python tools/offline_book.py
"""

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "book" / "_build" / "html"
TARGET = ROOT / "dist" / "good-morning-attention.zip"
FOR_SERVERS = {"404.html", "sitemap.xml", "robots.txt", ".nojekyll", ".buildinfo", ".complete"}


def pack(site: Path, target: Path) -> int:
    """Write the archive of `site` to `target` in one step; return how many files it holds.

    Raises:
        FileNotFoundError: If the book is not built.
    """
    if not (site / ".complete").is_file():
        raise FileNotFoundError("the book is not built completely: run `make book`")
    files = sorted(path for path in site.rglob("*") if path.is_file())
    files = [path for path in files if path.relative_to(site).as_posix() not in FOR_SERVERS]
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".zip.unfinished")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files:
            entry = zipfile.ZipInfo(f"{target.stem}/{path.relative_to(site).as_posix()}")
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    unfinished.replace(target)
    return len(files)


def main() -> None:
    try:
        count = pack(SITE, TARGET)
    except FileNotFoundError as error:
        sys.exit(f"✗ {error}")
    size = TARGET.stat().st_size / 1e6
    print(f"▸ {TARGET.relative_to(ROOT)}: {count} files, {size:.1f} MB")


if __name__ == "__main__":
    main()
