"""Run as a program: `python -m attnlib.checks report FOLDER`."""

import argparse
import math
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from attnlib import words
from attnlib.checks.engine.registry import all_checks
from attnlib.checks.report.texts import say

_NEEDED = ("nbclient", "ipykernel", "jinja2", "psutil")  # of `attnlib[report]`


def _arguments() -> argparse.Namespace:
    """Read the command line."""
    from attnlib.checks.report.running import Limits

    whole = argparse.ArgumentParser(prog="python -m attnlib.checks")
    parser = whole.add_subparsers(dest="command", required=True).add_parser(
        "report", description=f"{say('about')} {say('no_sandbox')}", help=say("about")
    )
    few = max(1, min(4, (os.cpu_count() or 2) // 2))
    parser.add_argument("folder", metavar="FOLDER", type=Path, help=say("folder"))
    parser.add_argument("--out", type=Path, default=Path(), help=say("out"))
    parser.add_argument("--book", default="", help=say("book"))
    known = ", ".join(words.languages())
    parser.add_argument("--language", default="", help=say("language", known=known))
    for name, default in (
        ("seconds", Limits.seconds),
        ("cell_seconds", Limits.cell_seconds),
        ("memory", Limits.memory),
        ("jobs", few),
    ):
        option = "--" + name.replace("_", "-")
        help_ = say(name, default=f"{default:g}")
        parser.add_argument(option, type=type(default), default=default, help=help_)
    given = whole.parse_args()
    for name in ("seconds", "cell_seconds", "memory", "jobs"):
        got = getattr(given, name)
        if math.isnan(got) or got <= 0:
            option = "--" + name.replace("_", "-")
            parser.error(say("not_positive", name=option, got=f"{got:g}"))
    if given.language not in ("", *words.languages()):
        parser.error(say("no_language", known=known, got=given.language))
    return given


def main() -> int:
    """Write the report on a class."""
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        print(say("missing", missing=", ".join(missing)), file=sys.stderr)
        return 2
    from attnlib.checks.report import page, running, sheets, summary, table

    given = _arguments()
    if given.language:
        words.use(given.language)
    chapters = sorted({check.notebook for check in all_checks()})
    try:
        handed_in = sheets.find(given.folder, chapters)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    limits = running.Limits(given.seconds, given.cell_seconds, given.memory)
    view = running.view()
    runs = []
    for run in running.run_all(handed_in.sheets, limits, view, given.jobs):
        runs.append(run)
        about = {"done": len(runs), "all": len(handed_in.sheets), "sheet": run.sheet.name}
        print(say("ran", ending=page.ending(run, limits), **about), flush=True)
    report = summary.summarise(handed_in.students, runs, handed_in.without)
    circumstances = page.Circumstances(limits, bool(view), running.LIMITS_MEMORY)
    given.out.mkdir(parents=True, exist_ok=True)
    texts = {
        "report.html": page.write(report, circumstances, given.book),
        # Spreadsheets take a file for UTF-8 only where it says so.
        "report.csv": "\N{BYTE ORDER MARK}" + table.write(report),
    }
    for name, text in texts.items():
        (given.out / name).write_text(text, encoding="utf-8", newline="\n")
    print(say("written", files=", ".join(str(given.out / name) for name in texts)))
    print(say("no_sandbox"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
