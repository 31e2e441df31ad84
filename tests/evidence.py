"""A pytest plugin: a test that has passed is not repeated while all that it read is unchanged.

    pytest -p tests.evidence --evidence=browser tests/browser
    python -m tests.evidence -p tests.evidence --evidence=browser tests/browser

The second command is for a whole stage: where every test of it stands, pytest does not even start.

What a test reads is watched, not declared: files that Python opens, and pages that a browser asks
for, in the test itself and in the fixtures it uses. A test that starts another program is taken to
have read the whole repository (with `--blind-to-prose`: without the text of the chapters, for
stages that do not judge it), unless it is marked `watched`: then the program reads nothing but what
the test itself has read, or what counts for every test: names of all files, contents of attnlib, of
tools, of the test's own folder, of all modules loaded, of the site's `_static`, Python, the pins
and the browser. What a module reads while its tests are collected counts for each of
them, unless it sets `COLLECTS_NAMES = True`: then it only decides which tests there are.

With `--all-or-none` all tests are repeated unless none has to be, and nothing is measured then: the
coverage that all of them reach together is theirs together.

`make test COLD=1`, and CI, repeat everything.
"""

import functools
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser

from tests.editions.built import SITE as DERIVED
from tools import atomic_write, environment, working_copy
from tools.digest import digest
from tools.find_browser import find_browser
from tools.proof import records, runner
from tools.reuse import cold

ROOT = records.ROOT
SITE = ROOT / "book" / "_build" / "html"
# What the tests of a folder look at.
SITES = dict.fromkeys(("site", "browser", "copies", "figures", "engines"), SITE)
SITES["editions"] = DERIVED
KEPT = ROOT / ".cache" / "evidence"
OURS = {".venv", "node_modules", ".cache", ".git", ".pytest_cache", ".hypothesis", ".mypy_cache"}
BROWSER = re.compile("playwright|chrom", re.IGNORECASE)  # the program, and its driver
EVERYTHING = "*"  # stands for the whole repository among what a test has read
ALL_BUT_PROSE = "* but the text of the chapters"
CHAPTER = re.compile(r"notebooks/[^/]+/[^/]+\.ipynb")
CODE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)  # solutions are run

_reading: list[set[str]] = []
_site = SITE


@contextmanager
def reading() -> Iterator[set[str]]:
    """Watch what is read meanwhile."""
    found: set[str] = set()
    _reading.append(found)
    try:
        yield found
    finally:  # what serves pages is a thread of its own: another one may have come meanwhile
        del _reading[next(place for place, each in enumerate(_reading) if each is found)]
        innermost().update(found)


def innermost():
    """Return the set to which what is read now is added; one for nobody where nobody watches.

    Looked up once: what serves pages is a thread of its own, and the last watch may end meanwhile.
    """
    return next(iter(_reading[-1:]), set())


def note(path):
    found = innermost()
    if not _reading or not isinstance(path, str | os.PathLike | bytes):
        return
    path = os.path.abspath(os.fsdecode(path))  # noqa: PTH100  (links stay as they are)
    if path.endswith(".pyc"):
        try:
            path = importlib.util.source_from_cache(path)
        except ValueError:
            return
    if path.startswith(f"{ROOT}{os.sep}"):
        name = path[len(str(ROOT)) + 1 :].replace(os.sep, "/")
        if name.partition("/")[0] not in OURS or path.startswith(f"{DERIVED}{os.sep}"):
            found.add(name)


def watch(event, arguments):
    if event == "open":
        if isinstance(arguments[1], str) and set(arguments[1]) & set("wax"):
            return
        note(arguments[0])
    # What a browser reads is told by its requests, below.
    elif event == "subprocess.Popen" and not BROWSER.search(str(arguments[0])):
        innermost().add(EVERYTHING)


sys.addaudithook(watch)


def remembered(function=None, **options):
    """Stand in for functools.cache: who gets a kept result has read what it was made of."""
    if function is None:
        return functools.partial(remembered, **options)
    if not str(function.__module__).startswith("tests."):
        return _real_cache(function, **options)
    sources = {}

    @functools.wraps(function)
    def called(*arguments, **names):
        call = (arguments, tuple(names.items()))
        if call not in sources:
            with reading() as found:
                sources[call] = (function(*arguments, **names), found)
        else:
            innermost().update(sources[call][1])
        return sources[call][0]

    called.cache_clear = sources.clear
    return called


def _real_cache(function, **options):
    return _lru_cache(**({"maxsize": None} | options))(function)


_lru_cache = functools.lru_cache
functools.cache = remembered


def asked_for(request):
    """Note the file of the site behind a request, from whatever port it comes."""
    url = urlsplit(request.url)
    if url.scheme == "file":
        note(unquote(url.path))
    elif url.hostname == "127.0.0.1":
        note(str(_site / unquote(url.path).lstrip("/")))


def watching(opening):
    @functools.wraps(opening)
    def opened(self, *arguments, **options):
        window = opening(self, *arguments, **options)
        window.on("request", asked_for)
        return window

    return opened


Browser.new_context = watching(Browser.new_context)
Browser.new_page = watching(Browser.new_page)


@functools.cache
def content(name):
    if name == EVERYTHING:
        return records.digest_of_files(ROOT / each for each in names_of_ours())
    if name == ALL_BUT_PROSE:
        chapters = [each for each in names_of_ours() if CHAPTER.fullmatch(each)]
        others = [ROOT / each for each in names_of_ours() if each not in chapters]
        return digest(records.digest_of_files(others), *map(without_prose, chapters))
    path = ROOT / name
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def without_prose(name):
    """Return a chapter as text, with nothing but code in its Markdown cells."""
    notebook = json.loads((ROOT / name).read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = CODE.findall("".join(cell["source"]))
    return json.dumps(notebook)


@functools.cache
def names_of_ours():
    return working_copy.files()


def browser_version():
    done = subprocess.run([find_browser(), "--version"], capture_output=True, text=True)
    return done.stdout


def modules_of_ours():
    """Return the names of the files of all modules loaded."""
    found = set()
    for module in list(sys.modules.values()):
        path = Path(getattr(module, "__file__", None) or "/")
        if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] not in OURS:
            found.add(path.relative_to(ROOT).as_posix())
    return sorted(found)


def counts_for_all(folders, modules):
    """Hash what every test of these folders depends on."""
    files = [*records.files_below(records.LIBRARY), *records.files_below(ROOT / "tools")]
    for folder in folders:
        files += records.files_below(folder)
    files += [ROOT / name for name in modules]
    files += [*environment.PINS, ROOT / "package-lock.json", ROOT / "pyproject.toml"]
    names = [*names_of_ours()]
    for site in {SITES[folder.name] for folder in folders if folder.name in SITES}:
        files += [path for path in (site / "_static").rglob("*") if path.is_file()]
        names += sorted(str(path.relative_to(site)) for path in site.rglob("*") if path.is_file())
        names.append(browser_version())
    return digest(sys.version, *names, records.digest_of_files(set(files)))


def pytest_addoption(parser):
    parser.addoption("--evidence", help="reuse and keep the evidence under this name")
    parser.addoption(
        "--blind-to-prose",
        action="store_true",
        help="programs that these tests start do not depend on the text of chapters",
    )
    parser.addoption("--all-or-none", action="store_true", help="repeat all tests, or none")


def pytest_configure(config):
    config.addinivalue_line("markers", "watched: the programs it starts read what the test reads")
    if name := config.getoption("--evidence"):
        together = config.getoption("--all-or-none")
        evidence = Evidence(name, config.getoption("--blind-to-prose"), together)
        config.pluginmanager.register(evidence, "evidence-of-tests")


def load(name):
    """Return the evidence of a stage, or none if it was altered."""
    try:
        kept = json.loads((KEPT / f"{name}.json").read_text(encoding="utf-8"))
        return json.loads(kept["body"]) if digest(kept["body"]) == kept["digest"] else {}
    except (OSError, ValueError, KeyError):
        return {}


class Evidence:
    """What the tests of one stage have read when they passed."""

    def __init__(self, name, blind_to_prose, together):
        self.name, self.blind_to_prose, self.together = name, blind_to_prose, together
        self.tests, self.base, self.about = {}, "", {}
        self.collected, self.fixtures, self.collecting = {}, {}, set()
        self.proved = self.reused = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector):
        with reading() as found:
            report = yield
        if isinstance(collector, pytest.Module):
            by_name = getattr(collector.obj, "COLLECTS_NAMES", False) if report.passed else False
            self.collected[collector.nodeid] = set() if by_name else found
            self.collecting |= found
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config, items):
        global _site
        folders = {item.path.parent for item in items}
        _site = next((SITES[each.name] for each in folders if each.name in SITES), SITE)
        modules = modules_of_ours()
        self.base = digest(counts_for_all(sorted(folders), modules), str(self.blind_to_prose))
        self.about = {
            "arguments": list(config.invocation_params.args),
            "folders": sorted(folder.relative_to(ROOT).as_posix() for folder in folders),
            "modules": modules,
            "blind": self.blind_to_prose,
        }
        self.wanted = {item.nodeid for item in items}
        kept = load(self.name)
        if kept.get("base") != self.base or cold():
            return
        standing = {
            test: reads
            for test, reads in kept["tests"].items()
            if all(content(path) == digest for path, digest in reads.items())
        }
        again = [item for item in items if item.nodeid not in standing]
        if self.together and again:
            return
        if self.together and (coverage := config.pluginmanager.get_plugin("_cov")):
            config.pluginmanager.unregister(coverage)
        known = [item for item in items if item.nodeid in standing]
        self.tests.update({item.nodeid: standing[item.nodeid] for item in known})
        self.reused = len(known)
        config.hook.pytest_deselected(items=known)
        items[:] = again

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        with reading() as found:
            result = yield
        self.fixtures[fixturedef] = found
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        self.passed, self.used = True, []
        with reading() as found:
            result = yield
        module = item.getparent(pytest.Module)
        reads = found | (self.collected.get(module.nodeid, set()) if module else set())
        for fixture in self.used:
            reads |= self.fixtures.get(fixture, set())
        if item.get_closest_marker("watched"):
            reads -= {EVERYTHING}
        if self.blind_to_prose and EVERYTHING in reads:  # chapters may have been copied for it
            reads = {each for each in reads if not CHAPTER.fullmatch(each)} - {EVERYTHING}
            reads.add(ALL_BUT_PROSE)
        if self.passed:
            self.proved += 1
            self.tests[item.nodeid] = {path: content(path) for path in sorted(reads)}
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item):
        self.used = list(item._request._fixture_defs.values())

    def pytest_runtest_logreport(self, report):
        if report.failed or report.skipped:
            self.passed = False

    def pytest_sessionfinish(self, session, exitstatus):
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self.reused:
            session.exitstatus = pytest.ExitCode.OK
        if session.config.option.collectonly or not self.base:
            return
        KEPT.mkdir(parents=True, exist_ok=True)
        whole = self.wanted == set(self.tests)
        found = {path: content(path) for path in sorted(self.collecting)}
        about = self.about | {"base": self.base, "whole": whole, "collecting": found}
        body = json.dumps(about | {"tests": self.tests})
        text = json.dumps({"digest": digest(body), "body": body})
        atomic_write.write(KEPT / f"{self.name}.json", text)

    def pytest_terminal_summary(self, terminalreporter):
        terminalreporter.line(f"tests: proved {self.proved}, reused {self.reused}")
        say_records(terminalreporter)


def say_records(terminalreporter):
    """Say how many runs of notebooks were needed, for the summary of tools/prove.py."""
    counts = runner.COUNTS
    if counts.proved or counts.reused:
        terminalreporter.line(f"records: proved {counts.proved}, reused {counts.reused}")


def standing(arguments):
    """Return how many tests pytest would reuse with these arguments if it is all; 0 if not."""
    (name,) = (each.partition("=")[2] for each in arguments if each.startswith("--evidence="))
    kept = load(name)
    if cold() or not kept.get("whole") or kept["arguments"] != arguments:
        return 0
    folders = [ROOT / each for each in kept["folders"]]
    try:
        base = digest(counts_for_all(folders, kept["modules"]), str(kept["blind"]))
    except FileNotFoundError:
        return 0
    reads = {pair for each in kept["tests"].values() for pair in each.items()}
    reads |= kept["collecting"].items()
    unchanged = all(content(path) == digest for path, digest in reads)
    return len(kept["tests"]) if base == kept["base"] and unchanged else 0


if __name__ == "__main__":
    if reused := standing(sys.argv[1:]):
        print(f"tests: proved 0, reused {reused}")
    else:
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *sys.argv[1:]])
