"""A copy of the repository to spoil or to add to: what a test or a fault does in it is not kept.

It has the files of the working tree as git lists them, those that nobody has committed among them.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AS_SOMEBODY = ("-c", "user.name=copy", "-c", "user.email=copy", "-c", "core.autocrlf=false")
LIMIT = 900  # seconds


def files() -> list[str]:
    """Return the names of the files of the working tree, as git lists them."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    listed = set(filter(None, done.stdout.decode().split("\0")))
    return sorted(name for name in listed if (ROOT / name).is_file())


def copy_files(root: Path) -> None:
    """Copy the files of the working tree into the folder `root`."""
    for name in files():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, root / name)


class WorkingCopy:
    """A copy of the working tree.

    Args:
        root: An empty folder.
        built: What is built here, and is copied along where it is there.
        linked: What is installed here, and is linked.
    """

    def __init__(
        self, root: Path, built: Sequence[str] = (), linked: Sequence[str] = (".venv",)
    ) -> None:
        self.root = root.resolve()
        copy_files(self.root)
        for name in built:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, self.root / name, dirs_exist_ok=True)
        self._git("init", "--quiet")
        self._git("add", "--all")
        self._git("commit", "--quiet", "--no-verify", "--message", "as it was")
        for name in linked:
            if (ROOT / name).exists():
                (self.root / name).symlink_to(ROOT / name)
        (self.root / ".git/info/exclude").write_text("\n".join(linked), encoding="utf-8")

    def _git(self, *command: str) -> str:
        return subprocess.run(
            ["git", *AS_SOMEBODY, *command],
            cwd=self.root,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        ).stdout

    def touched(self) -> dict[str, str]:
        """Return the files that are not as they were: "added", "changed" or "removed"."""
        kinds = {"??": "added", "D": "removed"}
        lines = self._git("status", "--porcelain", "-z", "--untracked-files=all").split("\0")
        return {line[3:]: kinds.get(line[:2].strip(), "changed") for line in lines if line}

    def restore(self, name: str) -> None:
        """Bring back one file as it was."""
        self._git("checkout", "--quiet", "--", name)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the copy, with the library of the copy; its output in one text."""
        environment = {**os.environ, "PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"}
        environment |= {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
        environment |= {"COLD": "", "CI": ""}  # what the copy has proven, it may use
        return subprocess.run(
            command,
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=LIMIT,
        )
