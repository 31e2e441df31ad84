"""What is installed is what was pinned: Python packages exactly, npm archives by checksum."""

import base64
import hashlib
import io
import itertools
import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tools import environment

ROOT = Path(__file__).parent.parent.parent
PIN = re.compile(r"([A-Za-z0-9][\w.-]*)==([\w.!+]+)( ; .+)?")
NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


def lines(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_every_python_package_is_pinned_exactly():
    for line in (*lines("requirements.txt"), *lines("requirements-no-deps.txt")):
        assert PIN.fullmatch(line), line


def test_every_package_that_we_name_is_among_the_pins():
    pinned = {canonicalize_name(PIN.fullmatch(line)[1]) for line in lines("requirements.txt")}
    named = {canonicalize_name(NAME.match(line)[0]) for line in lines("requirements.in")}
    assert len(named) > 20
    assert named <= pinned


def test_nothing_comes_from_a_place_of_its_own():
    """No address in the pins: whoever installs decides which index is asked."""
    files = ("requirements.txt", "requirements-no-deps.txt", "requirements.in")
    for line in itertools.chain(*map(lines, files)):
        assert not re.search(r"://|^-| @ ", line), line


def test_binder_takes_the_pins_of_the_book():
    text = (ROOT / "binder/requirements.txt").read_text(encoding="utf-8")
    options = [line for line in lines("binder/requirements.txt") if line.startswith("-")]
    assert options == [
        "--extra-index-url https://download.pytorch.org/whl/cpu",
        "--constraint ../requirements.txt",
        "--editable .[widgets]",
    ]
    assert "==" not in text, "the pins stand in requirements.txt"
    after = ROOT / "binder/postBuild"
    assert os.access(after, os.X_OK)
    assert "pip install --no-deps --requirement requirements-no-deps.txt" in after.read_text()
    assert (ROOT / "binder/runtime.txt").read_text(encoding="utf-8") == "python-3.11\n"


def test_a_container_takes_the_pins_of_the_book():
    """In Codespaces and VS Code: what `make` sets up, on the Python that Binder has."""
    about = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    python = (ROOT / "binder/runtime.txt").read_text(encoding="utf-8").strip().replace("-", ":")
    assert about["image"].rpartition("/")[2].startswith(f"{python}-")
    assert about["onCreateCommand"] == "make environment"
    assert not {"features", "postCreateCommand", "build", "dockerFile"} & set(about)
    (index,) = about["containerEnv"].values()
    assert f"--extra-index-url {index}" in lines("binder/requirements.txt")
    chosen = about["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert chosen == "${containerWorkspaceFolder}/.venv/bin/python"
    for name in about["customizations"]["codespaces"]["openFiles"]:
        assert (ROOT / name).is_file(), name


def archive(content):
    """Return a package as npm packs it, with one file of this content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        about = json.dumps({"name": "part", "version": "1.0.0"})
        for name, text in {"package.json": about, "index.js": content}.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.fixture
def install(tmp_path):
    """Return a function that installs, as `make web` does, a package held against a checksum."""
    npm = shutil.which("npm", path=environment.BIN)

    def installed(sent, promised):
        (tmp_path / "part-1.0.0.tgz").write_bytes(sent)
        checksum = base64.b64encode(hashlib.sha512(promised).digest()).decode()
        part = {
            "version": "1.0.0",
            "resolved": "file:part-1.0.0.tgz",
            "integrity": f"sha512-{checksum}",
        }
        wanted = {"part": "file:part-1.0.0.tgz"}
        lock = {
            "lockfileVersion": 3,
            "packages": {"": {"dependencies": wanted}, "node_modules/part": part},
        }
        (tmp_path / "package.json").write_text(json.dumps({"dependencies": wanted}))
        (tmp_path / "package-lock.json").write_text(json.dumps(lock))
        command = [npm, *environment.NPM_CI, "--offline", f"--cache={tmp_path / 'cache'}"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    return installed


def test_a_package_that_was_changed_on_its_way_is_refused(install, tmp_path):
    honest, changed = archive("module.exports = 1"), archive("module.exports = 2")
    done = install(changed, promised=honest)
    assert done.returncode != 0
    assert "EINTEGRITY" in done.stderr
    assert not (tmp_path / "node_modules/part/index.js").exists()
    done = install(honest, promised=honest)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "node_modules/part/index.js").read_text() == "module.exports = 1"
