"""A copy of the repository to which something is added, as CONTRIBUTING.md says.

An addition touches the files that are listed there and no others; what holds for every figure,
check, function, chapter or language then finds it by itself.
"""

import re
import sys

from tools.editions import DEFAULT, editions
from tools.working_copy import ROOT, WorkingCopy

MOST = {"figure": 8, "chapter": 10, "check": 4, "function": 4}
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


class House(WorkingCopy):
    """A copy, and what adding to its files takes."""

    @property
    def editions(self):
        return editions(self.root)

    def append(self, name, text):
        path = self.root / name
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")

    def insert(self, name, text, before):
        """Insert a text before the only place, or the last one, that reads so."""
        path = self.root / name
        head, found, tail = path.read_text(encoding="utf-8").rpartition(before)
        assert found, f"{name} has no {before!r}"
        path.write_text(head + text + found + tail, encoding="utf-8")

    def write(self, name, text):
        (self.root / name).write_text(text, encoding="utf-8")

    def say(self, table):
        """Add to the catalogue of every language; that the words are English, no test minds."""
        for edition in self.editions:
            self.append(f"attnlib/words/{edition.language}.toml", table)

    def pytest(self, *arguments):
        """Run tests in the copy."""
        command = (sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider")
        return self.run(*command, *arguments)

    def touched_for_one_edition(self):
        """Return what was touched, without the files of other editions than the default one."""
        others = [edition.language for edition in self.editions if edition.language != DEFAULT]
        elsewhere = re.compile(rf"/({'|'.join(others)})(/|\.toml$)") if others else None
        return sorted(
            name for name in self.touched() if elsewhere is None or not elsewhere.search(name)
        )


def listed(section):
    """Return the files in the table of one section of CONTRIBUTING.md."""
    (text,) = re.findall(
        rf"^##+ {re.escape(section)}\n(.*?)(?=^##|\Z)", CONTRIBUTING, re.MULTILINE | re.DOTALL
    )
    table = re.search(r"^\| \| \|\n.*?(?=\n\n)", text, re.MULTILINE | re.DOTALL)
    return sorted(re.findall(r"^\| `([^`]+)`", table[0], re.MULTILINE))


def assert_touched(house, kind, section, names):
    """Hold the files of an addition against the list; names are those which it chose itself.

    Args:
        house: With the addition.
        kind: What was added, as `MOST` has it.
        section: Where its list stands in CONTRIBUTING.md.
        names: For each name in a path, what the list says for it.
    """
    touched = house.touched_for_one_edition()
    assert len(touched) <= MOST[kind], touched
    for name, placeholder in names.items():
        touched = [path.replace(name, placeholder) for path in touched]
    assert sorted(touched) == listed(section)


def assert_passed(done, *found):
    """Hold that tests passed, among them those with these words in their names."""
    assert done.returncode == 0, done.stdout[-4000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith("PASSED")]
    for name, least in found:
        assert sum(name in line for line in lines) >= least, f"fewer than {least} of {name}"
