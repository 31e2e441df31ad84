"""Prove the book: run every stage of `make test` and end with one summary.

A stage that fails shows its whole output and the others still run, so that one run names all there
is to mend. Logs are kept in `.cache/prove/`.

    python tools/prove.py                     # all stages
    python tools/prove.py unit notebooks      # only these
"""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".cache" / "prove"
PYTEST = ["python", "-m", "pytest", "--quiet", "--durations=15"]
LIMIT = 1800  # seconds, after which a stage is taken to stand still; the browser needs about 800
NOT_MINE = "--ignore-glob=*/mine/*"  # what `make reset` has kept for a reader

STAGES: dict[str, list[str]] = {
    "format": ["ruff", "format", "--check"],
    "lint": ["ruff", "check"],
    "types": ["mypy"],
    "maths": [*PYTEST, "--cov=attnlib", "tests/maths"],
    "library": [*PYTEST, "tests/house", "tests/plotting", "tests/widgets", "tests/words"],
    "tools": [*PYTEST, "tests/tools"],
    "checks": [*PYTEST, "tests/checks"],  # under a tracer, answers that never end are left running
    "javascript": ["node", "--test", "tests/widgets/static/*.test.mjs", "tests/tools/*.test.mjs"],
    "records": [*PYTEST, "tests/notebooks", "tests/pages"],
    "notebooks": [*PYTEST, "--nbval", "-p", "tests.notebooks.strict_nbval", "notebooks", NOT_MINE],
    "colab": [*PYTEST, "tests/colab"],
    "book": ["make", "--no-print-directory", "book"],
    "site": [*PYTEST, "tests/site"],
    "browser": [*PYTEST, "tests/browser"],
}


def run(name: str, command: list[str]) -> tuple[bool, str]:
    """Run one stage; return whether it passed and the last line it printed."""
    print(f"▸ {name:<11}", end=" ", flush=True)
    started = time.monotonic()
    log = LOGS / f"{name}.log"
    with log.open("w", encoding="utf-8") as output:
        try:
            code = subprocess.run(
                command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, timeout=LIMIT
            ).returncode
        except subprocess.TimeoutExpired:
            code = 1
            output.write(f"\nended after {LIMIT} s: it stood still\n")
    text = log.read_text(encoding="utf-8", errors="replace").strip()
    last = text.splitlines()[-1].strip("= ") if text else ""
    seconds = time.monotonic() - started
    print(f"{'passed' if code == 0 else 'FAILED'}  {seconds:4.0f} s  {last[:90]}", flush=True)
    if code != 0:
        print(f"\n{'─' * 100}\n$ {' '.join(command)}\n{text}\n{'─' * 100}\n", flush=True)
    return code == 0, f"{name} ({seconds:.0f} s)"


def main() -> int:
    """Run the stages named on the command line, or all; 0 if every one passed."""
    wanted = sys.argv[1:] or list(STAGES)
    if unknown := [name for name in wanted if name not in STAGES]:
        sys.exit(f"no such stage: {', '.join(unknown)}; there are: {', '.join(STAGES)}")
    LOGS.mkdir(parents=True, exist_ok=True)
    os.environ.update(OMP_NUM_THREADS="1", PYTHONHASHSEED="0", PYTHONUTF8="1")
    started = time.monotonic()
    results = {name: run(name, STAGES[name]) for name in wanted}
    passed = [label for ok, label in results.values() if ok]
    failed = [label for ok, label in results.values() if not ok]
    print(f"\nproved in {time.monotonic() - started:.0f} s: {', '.join(passed) or 'nothing'}")
    if failed:
        print(f"FAILED: {', '.join(failed)}")
    print(f"stages: {len(passed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
