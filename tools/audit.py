"""Ask the databases of known vulnerabilities about every pinned package: `make audit`.

pip-audit reads our requirements, npm audit package-lock.json. Where a database does not answer, the
question stays open: that is said, and is no failure. A vulnerability is one. A package of which
nothing is known to be wrong counts as clean only if the database has spoken of it: pip-audit by
itself ends well when it has been told nothing at all.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

PIP = [
    *(sys.executable, "-m", "pip_audit", "--progress-spinner=off", "--timeout=15"),
    *("--no-deps", "--disable-pip", "--format=json"),
    *("--requirement", "requirements.txt", "--requirement", "requirements-no-deps.txt"),
]
NPM = ["npm", "audit", "--json", "--fetch-retries=0"]


@dataclass(frozen=True)
class Answer:
    """What a database said: how many packages it knew, what is wrong, what it left open."""

    clean: int
    found: tuple[str, ...] = ()
    unanswered: str = ""


def of_pip(output: str) -> Answer:
    """Read the report of pip-audit; none means that it has not been answered."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        return Answer(0, unanswered="it ended without a report")
    found = tuple(
        f"{each['name']} {each['version']}: {', '.join(bug['id'] for bug in each['vulns'])}"
        for each in packages
        if each.get("vulns")
    )
    skipped = [each for each in packages if "skip_reason" in each]
    why = f"{len(skipped)} of {len(packages)}: {skipped[0]['skip_reason']}" if skipped else ""
    return Answer(len(packages) - len(skipped) - len(found), found, why)


def of_npm(output: str) -> Answer:
    """Read the report of npm audit; one without a list of vulnerabilities is no answer."""
    try:
        report = json.loads(output)
    except ValueError:
        return Answer(0, unanswered="it ended without a report")
    if "vulnerabilities" not in report:
        return Answer(0, unanswered=report.get("message", "its report has no list"))
    found = tuple(f"{name}: {each['severity']}" for name, each in report["vulnerabilities"].items())
    return Answer(report["metadata"]["dependencies"]["total"] - len(found), found)


def main() -> int:
    """Ask both; 1 if one has found something."""
    found = False
    for name, command, read in (("pip-audit", PIP, of_pip), ("npm audit", NPM, of_npm)):
        print(f"▸ {name}", flush=True)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        answer = read(done.stdout)
        for each in answer.found:
            print(f"✗ {each}")
        if answer.unanswered:
            print(f"⚠ {name}: SKIPPED, its database does not answer here ({answer.unanswered})")
        if answer.clean:
            print(f"✓ {name}: nothing known against {answer.clean} packages")
        found = found or bool(answer.found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
