"""Bring `tests/colab/runtime.txt` up to date with the packages that Colab lists.

    make colab-pins                              # fetch the list of today
    make colab-pins FREEZE=pip-freeze.txt        # read a downloaded one

Colab publishes what its runtime holds in the repository googlecolab/backend-info. Each package of
our list takes its version from there; a package that the list has lost keeps its version and is
named, so that somebody looks at it.
"""

import argparse
import datetime
import re
import sys
import urllib.request
from pathlib import Path
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from tools import atomic_write

PINS = Path(__file__).resolve().parent.parent / "tests" / "colab" / "runtime.txt"
LIST = "https://raw.githubusercontent.com/googlecolab/backend-info/main/pip-freeze.txt"
LINE = re.compile(r"(?m)^([A-Za-z0-9][\w.-]*)==([^\s;]+)$")
FROM_FILE = re.compile(r"(?m)^([A-Za-z0-9][\w.-]*) @ \S*/[\w.]+-([^-/\s]+)-[^/\s]+\.whl")
DATE = re.compile(r"listed on (\d{4}-\d{2}-\d{2})")


def versions(freeze: str) -> dict[str, str]:
    """Read a `pip freeze`, packages installed from a file among them (torch is, on Colab)."""
    found: dict[str, str] = {
        canonicalize_name(name): version for name, version in LINE.findall(freeze)
    }
    for name, version in FROM_FILE.findall(freeze):
        found[canonicalize_name(name)] = unquote(version).partition("+")[0]
    return found


def refreshed(text: str, freeze: str, today: str) -> tuple[str, list[str]]:
    """Return the list with the versions of `freeze` and today's date, and what there is to say.

    Raises:
        ValueError: If `freeze` is no list of packages that Colab could run with.
    """
    listed = versions(freeze)
    if missing := {"numpy", "torch", "ipywidgets", "matplotlib"} - set(listed):
        raise ValueError(
            f"FREEZE must be Colab's `pip freeze`, it lacks {', '.join(sorted(missing))}"
        )
    news = []

    def line(match: re.Match[str]) -> str:
        name, old = match.groups()
        new = listed.get(canonicalize_name(name), old)
        if canonicalize_name(name) not in listed:
            news.append(f"{name}: Colab's list has it no more, {old} is kept")
        elif new != old:
            news.append(f"{name}: {old} → {new}")
        return f"{name}=={new}"

    return DATE.sub(f"listed on {today}", LINE.sub(line, text)), news


def main() -> int:
    """Read Colab's list and write ours."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("freeze", nargs="?", help=f"a file; without it, {LIST}")
    source = parser.parse_args().freeze
    try:
        if source:
            freeze = Path(source).read_text(encoding="utf-8")
        else:
            with urllib.request.urlopen(LIST, timeout=60) as answer:
                freeze = answer.read().decode()
        today = datetime.date.today().isoformat()
        text, news = refreshed(PINS.read_text(encoding="utf-8"), freeze, today)
    except (OSError, ValueError) as error:
        print(f"✗ {source or LIST}: {error}", file=sys.stderr)
        return 1
    atomic_write.write(PINS, text)
    print("\n".join([*(f"▸ {each}" for each in news), f"✓ {PINS.name} is of {today}"]))
    print("  `make test-colab` tells whether the book runs on it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
