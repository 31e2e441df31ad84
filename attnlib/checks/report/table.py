"""The report as a table for spreadsheets and other programs: a line for each student and check."""

import csv
import io

from attnlib.checks.report.summary import Class

# Names for programs, the same in every language.
COLUMNS = ("student", "chapter", "exercise", "check", "verdict", "misconception", "sheet")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(report: Class) -> str:
    """Write the table as CSV."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for line in report.lines:
        check, named = line.check, line.misconception or ""
        about = (check.notebook, check.exercise, check.name, line.standing, named)
        rows.writerow([_plain(line.student), *about, _plain(line.sheet)])
    return text.getvalue()


def _plain(text: str) -> str:
    """Keep a spreadsheet from taking a name of a folder for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
