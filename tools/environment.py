"""Set up what the book needs: `.venv` with the pins, then the web assets of its pages.

Runs under the system's Python, before anything is installed: standard library only, and syntax that
an old Python can still read, so that it can say that it is too old. Every step ends by writing a
stamp; a step without a valid stamp was interrupted or is out of date, and is done again.

    python3 tools/environment.py            # the virtual environment
    python3 tools/environment.py --web      # and the web assets (needs the environment's node)
"""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        "Python %d.%d is too old for this book: install Python 3.11 or newer, then run "
        "`make book PYTHON=python3.11` (or its name on your system)." % sys.version_info[:2]
    )

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
import venv
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
# Of nbconvert's, in JupyterLab as well: "Save and Export Notebook As".
JUPYTER = {
    "TemplateExporter": {"extra_template_basedirs": [str(ROOT / "tools" / "nbconvert")]},
    "HTMLExporter": {"template_name": "stills"},
}
VENDOR = ROOT / "book" / "_static" / "vendor"
PINS = (ROOT / "requirements.txt", ROOT / "requirements-no-deps.txt")
DISK_NEEDED = 3_000_000_000  # bytes; the CPU build of torch and its neighbours take about 2 GB

# What the lock file names, each archive held against its checksum, and no code of theirs run.
NPM_CI = ("ci", "--ignore-scripts", "--no-audit", "--no-fund")

# What a failed installer printed -> what the reader should do about it.
CAUSES = [
    (
        r"No space left on device|ENOSPC|Errno 28|Disk quota exceeded",
        "The disk is full: free about 3 GB, then run the same command again.",
    ),
    (
        r"Temporary failure in name resolution|Name or service not known|NewConnectionError"
        r"|Failed to establish a new connection|Max retries exceeded|Network is unreachable"
        r"|ConnectTimeout|ReadTimeout|ProxyError|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET"
        r"|ENETUNREACH|ETIMEDOUT|nodename nor servname|Connection refused"
        r"|\(from versions: none\)",  # what pip says when no index has answered at all
        "The package index cannot be reached: connect to the network (or set your proxy), then "
        "run the same command again; what is already there is kept.",
    ),
    (
        r"No matching distribution found for (\S+)",
        "A pinned package has no build for this Python and system: use Python 3.11 to 3.13 on "
        "Linux, macOS or Windows (see requirements.txt).",
    ),
    (
        r"EINTEGRITY|THESE PACKAGES DO NOT MATCH THE HASHES",
        "A package is not the one that the lock file names: it was damaged on its way, or somebody "
        "has changed it. Run the same command again; if it stays, do not trust that package.",
    ),
    (
        r"Permission denied|EACCES",
        "A file of this folder cannot be written: check that it belongs to you, then run the "
        "same command again.",
    ),
]


def say(message: str) -> None:
    print(f"▸ {message}", flush=True)


def fail(sentence: str) -> NoReturn:
    sys.exit(f"✗ {sentence}")


def digest(*parts: Path | str) -> str:
    """Hash of files (by content) and strings, to tell whether a step is up to date."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part.read_bytes() if isinstance(part, Path) else str(part).encode())
    return sha.hexdigest()


def run_shown(command: list[str], what: str, interesting: str) -> None:
    """Run `command`; show its interesting lines as they come, and name the cause if it fails."""
    environment = dict(os.environ, PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}")
    lines = []
    try:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except FileNotFoundError:
        fail(f"{what} failed: `{command[0]}` was not found.")
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if re.match(interesting, line.strip()):
                print(f"    {line.strip()[:100]}", flush=True)
    if process.returncode == 0:
        return
    output = "".join(lines)
    sys.stderr.write("".join(lines[-25:]))
    for pattern, sentence in CAUSES:
        if re.search(pattern, output):
            fail(f"{what} failed. {sentence}")
    fail(f"{what} failed; the last lines above say why.")


def leave_the_environment() -> None:
    """Go on under the Python below `.venv`, which must not be asked to rebuild itself.

    Where a rebuild was interrupted, `.venv` may be no environment any more, only a folder with a
    link to Python in it: so the place of the program counts, not what it takes itself for.
    """
    if Path(sys.executable).parent.resolve() == BIN:
        base = os.path.realpath(sys._base_executable)  # type: ignore[attr-defined]
        os.execv(base, [base, *sys.argv])


def set_up_python() -> None:
    """Make `.venv` with exactly what is pinned, and `attnlib` importable in it."""
    stamp = VENV / ".ready"
    wanted = digest(*PINS, ROOT / "pyproject.toml", sys.version, sys.base_prefix, str(ROOT))
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    started = time.monotonic()
    try:
        import ensurepip  # noqa: F401  (Debian splits it from Python)
    except ImportError:
        fail(
            "This Python has no `venv`: install it (Debian and Ubuntu: `sudo apt install "
            "python3-venv`), then run the same command again."
        )
    free = shutil.disk_usage(ROOT).free
    if free < DISK_NEEDED and not stamp.is_file():
        fail(
            f"The disk is too full: {free / 1e9:.1f} GB are free at {ROOT} and about "
            f"{DISK_NEEDED / 1e9:.0f} GB are needed; free some, then run the same command again."
        )
    if VENV.exists() and not stamp.is_file():
        # Half-installed packages can look whole to pip; starting afresh is the only safe repair.
        say("an earlier installation was interrupted: starting it afresh")
        shutil.rmtree(VENV)
    if stamp.is_file():
        say("requirements have changed: updating .venv")
        stamp.unlink()
    else:
        say(f"making .venv with Python {sys.version.split()[0]}")
    # The environment is laid anew even when it exists: that is cheap, and mends a moved folder.
    try:
        venv.create(VENV, with_pip=True, symlinks=os.name != "nt")
    except (OSError, subprocess.CalledProcessError) as error:
        fail(f"The virtual environment .venv could not be made: {error}.")
    pip = [str(BIN / "python"), "-m", "pip", "--disable-pip-version-check"]
    say("installing the pinned packages (about 5 minutes the first time, 2 GB)")
    shown = r"Downloading|Using cached|Installing collected"
    run_shown(
        [*pip, "install", "--progress-bar", "off", "--requirement", PINS[0].name],
        "Installing the Python packages",
        shown,
    )
    alone = ("--no-deps", "--no-build-isolation", "--requirement", PINS[1].name, "--editable", ".")
    run_shown(
        [*pip, "install", "--progress-bar", "off", *alone],
        "Installing attnlib and the weights that chapter 11 reads",
        shown,
    )
    stamp.write_text(wanted)
    say(f"Python packages ready ({time.monotonic() - started:.0f} s)")


def set_up_jupyter() -> None:
    """Let pages that Jupyter makes of notebooks show the picture of each live figure."""
    target = VENV / "etc" / "jupyter" / "jupyter_config.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(JUPYTER, indent=2) + "\n")


def set_up_web() -> None:
    """Fetch the locked npm packages, and build from them what the pages load."""
    node_stamp = ROOT / "node_modules" / ".ready"
    locked = digest(ROOT / "package.json", ROOT / "package-lock.json")
    npm = str(BIN / "npm")
    if not node_stamp.is_file() or node_stamp.read_text() != locked:
        say("fetching the web packages of package-lock.json")
        node_stamp.unlink(missing_ok=True)
        # `npm ci` begins by deleting node_modules, so an interrupted one leaves nothing behind.
        run_shown([npm, *NPM_CI], "npm ci", r"added \d")
        node_stamp.write_text(locked)
    sources = sorted(path for path in (ROOT / "book" / "web").rglob("*") if path.is_file())
    built = digest(locked, ROOT / "tools" / "build_web.mjs", *sources)
    vendor_stamp = VENDOR / ".ready"
    if not vendor_stamp.is_file() or vendor_stamp.read_text() != built:
        say("building the web assets of the pages")
        run_shown([str(BIN / "node"), "tools/build_web.mjs"], "Building the web assets", r".*kB")
        vendor_stamp.write_text(built)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--web", action="store_true", help="set up the web assets too")
    arguments = parser.parse_args()
    leave_the_environment()
    try:
        set_up_python()
        set_up_jupyter()
        if arguments.web:
            set_up_web()
    except KeyboardInterrupt:
        fail("Interrupted: run the same command again, it picks up from there.")
    except OSError as error:
        if error.errno == 28:
            fail("The disk is full: free about 3 GB, then run the same command again.")
        raise
