"""Plant faults, one by one, in a copy of the repository: the stage that guards must go red.

    python -m tools.faults                    # all
    python -m tools.faults digit link         # only these

A guard that stays green, a fault that no longer applies and a guard that is red without any fault
are failures. The copy has the environment, the built site and the records of this tree: so run
`make test` first.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tools import planting
from tools.planting import DoesNotApply, Plant, cell

ROOT = Path(__file__).resolve().parent.parent
SITE = "book/_build/html"
LIMIT = 900  # seconds


def pytest(*arguments: str) -> tuple[str, ...]:
    """Return a command that runs some tests."""
    return ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line", *arguments)


def nbval(path: str) -> tuple[str, ...]:
    """Return a command that compares a notebook with its record."""
    return pytest("--nbval", "-p", "tests.notebooks.strict_nbval", path)


FIRST, MASKS = "notebooks/en/01_query_key_value.ipynb", "notebooks/en/03_masks.ipynb"
COMMITTED = pytest("tests/notebooks/test_committed.py")
RECORDS = pytest("tests/notebooks/test_records.py", "-k", "01_query_key_value or 03_masks")
SITE_TESTS = pytest("tests/site")


@dataclass(frozen=True)
class Fault:
    """A fault, and the guard that must catch it.

    Attributes:
        name: Its name.
        where: The file that is spoilt; the first one that fits the pattern.
        plant: How.
        guard: The command that must fail.
        says: A pattern that the guard must print: it fails for this fault, not for another.
    """

    name: str
    where: str
    plant: Plant
    guard: tuple[str, ...]
    says: str


FAULTS = (
    Fault(
        "digit",
        MASKS,
        cell(planting.prints_a_number, planting.change_a_digit),
        nbval(MASKS),
        "FAILED.*03_masks",
    ),
    Fault(
        "pixel",
        MASKS,
        cell(planting.shows_a_picture(live=False), planting.paint_over),
        nbval(MASKS),
        "FAILED.*03_masks",
    ),
    Fault(
        "stale-picture",
        MASKS,
        cell(planting.shows_a_picture(live=True), planting.paint_over),
        nbval(MASKS),
        "FAILED.*live-figure",
    ),
    Fault(
        "missing-output",
        MASKS,
        cell(planting.prints_a_number, planting.remove_outputs),
        nbval(MASKS),
        "FAILED.*03_masks",
    ),
    Fault(
        "cell-not-run",
        MASKS,
        cell(planting.prints_a_number, planting.unrun),
        nbval(MASKS),
        "FAILED.*03_masks",
    ),
    Fault(
        "trait",
        MASKS,
        planting.widget_state(r'"scores": \[\s*\[\s*[\d.]+', '"scores": [ [ 9.0'),
        nbval(MASKS),
        "FAILED.*widget-state",
    ),
    Fault(
        "opted-out",
        MASKS,
        cell(planting.prints_a_number, planting.add_code("# NBVAL_IGNORE_OUTPUT")),
        nbval(MASKS),
        "FAILED.*03_masks",
    ),
    Fault(
        "changed-result",
        "attnlib/masks.py",
        planting.replace(r"(return .*)<=(.*)$", r"\1<\2"),
        nbval(MASKS),
        "FAILED.*03_masks",
    ),
    Fault(
        "glyph-warning",
        FIRST,
        cell(
            lambda each: each.cell_type == "code" and "plt.show()" in each.source,
            lambda each: each.update(
                source=each.source.replace("plt.show()", 'plt.title("\\u1f3b")\nplt.show()', 1)
            ),
        ),
        nbval(FIRST),
        "FAILED.*01_query_key_value",
    ),
    Fault(
        "file-left-behind",
        FIRST,
        cell(
            lambda each: each.id == "imports",
            planting.add_code('open("left.txt", "w").close()'),
        ),
        RECORDS,
        "test_nothing_is_left_beside_the_notebook",
    ),
    Fault(
        "wrong-solution",
        FIRST,
        cell(*planting.in_source(r"^    return \[sum\(w \* value", "    return [sum(value")),
        RECORDS,
        "test_solutions_pass_their_checks_in_their_notebook",
    ),
    Fault(
        "first-cell-differs",
        FIRST,
        cell(lambda each: each.id == "bootstrap", planting.add_code("import math")),
        COMMITTED,
        "test_the_bootstrap_cell",
    ),
    Fault(
        "no-alternative-text",
        MASKS,
        cell(planting.shows_a_picture(live=False), planting.remove_alternative_text),
        COMMITTED,
        "test_every_picture_has_an_alternative_text",
    ),
    Fault(
        "english-in-code",
        MASKS,
        cell(planting.prints_a_number, planting.add_code('print("these are English words")')),
        COMMITTED,
        "test_code_prints_no_prose",
    ),
    Fault(
        "maths",
        "attnlib/functional.py",
        planting.replace(r"softmax\(dim=-1\)", "softmax(dim=-2)"),
        pytest("tests/maths/test_functional.py"),
        "FAILED",
    ),
    Fault(
        "javascript-number",
        "attnlib/widgets/static/common.js",
        planting.replace(r"Math\.exp\(", "1.001 * Math.exp(2 * "),
        ("node", "--test", "tests/widgets/static/*.test.mjs"),
        "not ok|✖",
    ),
    Fault(
        "import-points-back",
        "attnlib/masks.py",
        planting.append("\n\ndef late():\n    from attnlib import widgets\n"),
        pytest("tests/house/test_import_graph.py"),
        "test_imports_point_one_way",
    ),
    Fault(
        "unpinned",
        "requirements.txt",
        planting.replace(r"^matplotlib==", "matplotlib>="),
        pytest("tests/house/test_packages.py"),
        "test_every_python_package_is_pinned_exactly",
    ),
    Fault(
        "newer-than-colab",
        "pyproject.toml",
        planting.replace(r"ipywidgets>=[\d.]+", "ipywidgets>=8"),
        pytest("tests/colab/test_versions.py"),
        "test_what_colab_has_is_enough",
    ),
    Fault(
        "type",
        "attnlib/words/__init__.py",
        planting.append("\n\nwrong: int = language()\n"),
        ("mypy",),
        "Incompatible types",
    ),
    Fault(
        "lint",
        "attnlib/masks.py",
        planting.append("\n\nimport os\n"),
        ("ruff", "check"),
        "F401|E402",
    ),
    Fault(
        "lost-fact",
        "attnlib/words/en.toml",
        planting.replace(r"^passed = .*$", 'passed = "done"'),
        pytest("tests/words", "tests/checks/test_result.py"),
        "FAILED",
    ),
    Fault(
        "hard-wired-english",
        "attnlib/checks/engine/result.py",
        planting.replace(r'say\("label.called"\)', '"called with"'),
        pytest("tests/editions/test_what_checks_say.py"),
        "FAILED.*test_of_every_known_mistake",
    ),
    Fault(
        "broken-link",
        f"{SITE}/**/faq.html",
        planting.replace(r'(<article.*?|<main.*?)?href="([\w./]+)\.html#', r'\1href="\2.html#no-'),
        SITE_TESTS,
        "FAILED tests/site/test_links",
    ),
    Fault(
        "foreign-request",
        f"{SITE}/**/faq.html",
        planting.replace("</body>", '<script src="https://example.org/x.js"></script></body>'),
        SITE_TESTS,
        "FAILED tests/site",
    ),
    Fault(
        "no-alt-in-page",
        f"{SITE}/**/03_masks.html",
        planting.replace(r'<img alt="[^"]{20,}"', "<img"),
        SITE_TESTS,
        "FAILED tests/site",
    ),
)


class Copy:
    """A copy of the working tree in which faults are planted, and mended again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, root / name)
        for name in (SITE, ".cache/records", "book/_static/vendor"):
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, root / name, dirs_exist_ok=True)
        for name in (".venv", "node_modules"):
            (root / name).symlink_to(ROOT / name)
        subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)

    def run(self, command: tuple[str, ...]) -> tuple[int, str]:
        """Run a command in the copy, with the library of the copy."""
        environment = {**os.environ, "PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"}
        environment |= {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "COLD": "", "CI": ""}
        done = subprocess.run(
            command,
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT,
        )
        return done.returncode, done.stdout

    def try_out(self, fault: Fault) -> str | None:
        """Plant a fault, run its guard, mend it; return what is wrong with the guard, or None."""
        path = next(iter(sorted(self.root.glob(fault.where))), None)
        if path is None:
            return f"there is no {fault.where}"
        whole = path.read_bytes()
        try:
            fault.plant(path)
            if path.read_bytes() == whole:
                return "the fault changes nothing"
            code, output = self.run(fault.guard)
        except (DoesNotApply, StopIteration, KeyError) as error:
            return f"it no longer applies: {error}"
        finally:
            path.write_bytes(whole)
        if code == 0:
            return "the guard stayed green"
        if not re.search(fault.says, output):
            return f"the guard failed, but says nothing like {fault.says!r}:\n{output[-1500:]}"
        return None


def main() -> int:
    """Plant the faults named on the command line, or all; 0 if each was caught."""
    wanted = sys.argv[1:] or [fault.name for fault in FAULTS]
    known = {fault.name: fault for fault in FAULTS}
    if unknown := [name for name in wanted if name not in known]:
        sys.exit(f"no such fault: {', '.join(unknown)}; there are: {', '.join(known)}")
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder).resolve())
        for guard in dict.fromkeys(known[name].guard for name in wanted):
            code, output = copy.run(guard)
            if code != 0:
                missed.append(f"red without any fault: {' '.join(guard)}")
                print(f"✗ {missed[-1]}\n{output[-3000:]}", flush=True)
        for name in wanted:
            started = time.monotonic()
            wrong = copy.try_out(known[name])
            seconds = time.monotonic() - started
            shown = [part for part in known[name].guard if "/" in part] or known[name].guard
            verdict = "caught" if wrong is None else "MISSED"
            print(f"{name:<20} {verdict}  {seconds:4.0f} s  {' '.join(shown)}", flush=True)
            if wrong is not None:
                missed.append(f"{name}: {wrong}")
    print(f"\nfaults: {len(wanted)} planted, {len(missed)} missed")
    for each in missed:
        print(f"✗ {each}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
