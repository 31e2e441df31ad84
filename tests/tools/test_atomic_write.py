"""No file is ever half-written: a writer is killed many times over, and meets a full disk."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import atomic_write

ROOT = Path(__file__).parent.parent.parent
KILLS = 25
LONG = 400_000

# Writes one text after another, as fast as it can; each is one character, repeated.
WRITER = f"""
import itertools, sys
from pathlib import Path
from tools import atomic_write
path = Path(sys.argv[1])
for character in itertools.cycle("早上好"):
    atomic_write.write(path, character * {LONG} + "\\n")
"""


def is_whole(text):
    return text == text[0] * LONG + "\n"


def test_a_killed_writer_leaves_a_whole_file(tmp_path):
    path = tmp_path / "chapter.ipynb"
    atomic_write.write(path, "早" * LONG + "\n")
    chance = random.Random(7)
    seen, half = set(), 0
    for _ in range(KILLS):
        before = path.stat().st_ino
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=ROOT) as writer:
            while path.stat().st_ino == before:  # until it has begun to write
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.05))
            writer.kill()
        text = path.read_text(encoding="utf-8")
        assert is_whole(text), len(text)
        seen.add(text[0])
        unfinished = tmp_path / "chapter.ipynb.unfinished"
        half += unfinished.exists() and not is_whole(unfinished.read_text("utf-8", "ignore") or " ")
    assert len(seen) > 1  # it was caught at different moments,
    assert half  # and some of them in the middle of writing
    atomic_write.write(path, "the next writer is not disturbed")
    assert [each.name for each in tmp_path.iterdir()] == ["chapter.ipynb"]


# A limit on the size of files stops a write in its middle, as a full disk does.
FULL = """
import resource, signal, sys
from pathlib import Path
from tools import atomic_write
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
atomic_write.write(Path(sys.argv[1]), "x" * 200_000)
"""


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "chapter.ipynb"
    path.write_text("as it was")
    command = [sys.executable, "-c", FULL, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "OSError" in done.stderr
    assert path.read_text() == "as it was"
    assert [each.name for each in tmp_path.iterdir()] == ["chapter.ipynb"]


def test_permissions_and_line_ends_stay(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a")
    path.chmod(0o640)
    atomic_write.write(path, "b\r\nc\n")
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.read_bytes() == b"b\r\nc\n"


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere/a\.txt"):
        atomic_write.write(tmp_path / "nowhere" / "a.txt", "b")
