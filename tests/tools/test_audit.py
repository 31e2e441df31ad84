"""An audit that nobody answered is told apart from one that found nothing or something."""

import json
import subprocess
from types import SimpleNamespace

import pytest

from tools import audit

CLEAN = {"name": "numpy", "version": "2.4.6", "vulns": []}
BAD = {"name": "jinja2", "version": "3.1.3", "vulns": [{"id": "PYSEC-2024-404"}]}
SKIPPED = {"name": "torch", "skip_reason": "Dependency not found on PyPI"}
NPM = {"metadata": {"dependencies": {"total": 60}}}
REFUSED = {"message": "405 Method Not Allowed", "statusCode": 405}


@pytest.mark.parametrize(
    ("packages", "clean", "found", "unanswered"),
    [
        ([CLEAN, CLEAN], 2, (), ""),
        ([CLEAN, BAD], 1, ("jinja2 3.1.3: PYSEC-2024-404",), ""),
        ([SKIPPED, SKIPPED], 0, (), "2 of 2: Dependency not found on PyPI"),
        (
            [CLEAN, BAD, SKIPPED],
            1,
            ("jinja2 3.1.3: PYSEC-2024-404",),
            "1 of 3: Dependency not found on PyPI",
        ),
    ],
)
def test_pip_audit(packages, clean, found, unanswered):
    answer = audit.of_pip(json.dumps({"dependencies": packages, "fixes": []}))
    assert answer == audit.Answer(clean, found, unanswered)


def test_npm_audit():
    clean = audit.of_npm(json.dumps(NPM | {"vulnerabilities": {}}))
    assert clean == audit.Answer(60)
    found = audit.of_npm(json.dumps(NPM | {"vulnerabilities": {"a": {"severity": "high"}}}))
    assert found == audit.Answer(59, ("a: high",))
    assert audit.of_npm(json.dumps(REFUSED)) == audit.Answer(0, (), "405 Method Not Allowed")


@pytest.mark.parametrize("read", [audit.of_pip, audit.of_npm])
def test_no_report_is_no_answer(read):
    assert read("Traceback (most recent call last):").unanswered == "it ended without a report"


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([CLEAN], 0, "✓ pip-audit: nothing known against 1 packages"),
        ([SKIPPED], 0, "⚠ pip-audit: SKIPPED"),
        ([BAD, SKIPPED], 1, "✗ jinja2 3.1.3: PYSEC-2024-404"),
    ],
)
def test_the_command_fails_for_a_vulnerability_only(packages, code, said, monkeypatch, capsys):
    pip = json.dumps({"dependencies": packages})

    def answered(command, **_):
        return SimpleNamespace(stdout=json.dumps(REFUSED) if command[0] == "npm" else pip)

    monkeypatch.setattr(subprocess, "run", answered)
    assert audit.main() == code
    printed = capsys.readouterr().out
    assert said in printed
    assert "⚠ npm audit: SKIPPED" in printed
    assert "nothing known against 0" not in printed
