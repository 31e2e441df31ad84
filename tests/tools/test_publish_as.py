"""The book's address: one place, copies that agree with it, and no way to write half of it."""

import shutil
import subprocess
import sys

import nbformat
import pytest
import yaml

from tools import publish_as
from tools.editions import ROOT, editions
from tools.publish_as import Address

EDITIONS = editions()
CHAPTER = EDITIONS[0].chapters[2].relative_to(ROOT)
FIRST = Address.parse("founders/good-morning", "v0.1.0")
SECOND = Address.parse("A-1/b.c_d", "v2.0.0-rc.1")


@pytest.fixture
def copy(tmp_path):
    """What an address is written into, without one, and with one edition more."""
    for path in (ROOT / "_config.yml", *(edition.readme for edition in EDITIONS)):
        shutil.copy(path, tmp_path)
    for edition in EDITIONS:
        for folder in (edition.chapters_folder, edition.pages_folder):
            shutil.copytree(folder, tmp_path / folder.relative_to(ROOT))
    twin = EDITIONS[0].language, "yy"
    for folder in ("notebooks", "book"):
        shutil.copytree(tmp_path / folder / twin[0], tmp_path / folder / twin[1])
    publish_as.publish(tmp_path, None)
    return tmp_path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_copies_agree_with_the_one_place():
    """If not: `make publish-as` with the address of _config.yml, or `publish_as --nowhere`."""
    address = publish_as.address_of(ROOT)
    for path, text in publish_as.expected(ROOT, address).items():
        assert path.read_text(encoding="utf-8") == text, path.relative_to(ROOT)


def test_a_second_address_leaves_nothing_of_the_first(copy):
    empty = contents(copy)
    publish_as.publish(copy, SECOND)
    direct = contents(copy)
    publish_as.publish(copy, FIRST)
    assert b"founders/good-morning" in (copy / "README.md").read_bytes()
    publish_as.publish(copy, SECOND)
    assert contents(copy) == direct
    assert publish_as.publish(copy, SECOND) == []
    publish_as.publish(copy, None)
    assert contents(copy) == empty


def test_the_address_is_read_as_it_was_written(copy):
    assert publish_as.address_of(copy) is None
    changed = publish_as.publish(copy, SECOND)
    assert publish_as.address_of(copy) == SECOND
    assert {path.name for path in changed} >= {"_config.yml", "README.md", CHAPTER.name}
    config = yaml.safe_load((copy / "_config.yml").read_text(encoding="utf-8"))
    assert config["repository"] == {"url": "https://github.com/A-1/b.c_d", "branch": "v2.0.0-rc.1"}
    assert config["html"]["baseurl"] == "https://a-1.github.io/b.c_d/"
    notebooks = [path for edition in editions(copy) for path in edition.notebooks]
    assert len(notebooks) > 2 * 6
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        assert 'BOOK = "git+https://github.com/A-1/b.c_d@v2.0.0-rc.1"' in notebook.cells[1].source


def test_the_readme_leads_to_every_edition(copy):
    publish_as.publish(copy, SECOND)
    readmes = [edition.readme for edition in editions(copy) if edition.readme.is_file()]
    assert len(readmes) == len(EDITIONS)
    for readme in (path.read_text(encoding="utf-8") for path in readmes):
        for edition in editions(copy):
            assert f"(https://a-1.github.io/b.c_d/{edition.language}/)" in readme
            for chapter in edition.chapters:
                assert SECOND.colab(f"notebooks/{edition.language}/{chapter.name}") in readme


def test_only_the_first_cell_of_a_notebook_changes(copy):
    path = copy / CHAPTER
    before = nbformat.read(path, as_version=4)
    publish_as.publish(copy, FIRST)
    after = nbformat.read(path, as_version=4)
    cells = zip(before.cells, after.cells, strict=True)
    assert [new.id for old, new in cells if old != new] == ["bootstrap"]
    assert before.metadata == after.metadata


def test_links_open_the_notebook_where_it_is():
    path = CHAPTER.as_posix()
    assert FIRST.colab(path) == (
        "https://colab.research.google.com/github/founders/good-morning/blob/v0.1.0/" + path
    )
    assert FIRST.binder(path) == (
        "https://mybinder.org/v2/gh/founders/good-morning/v0.1.0?urlpath=lab/tree/" + path
    )
    assert Address.parse("Ada/ada.github.io", "v1").site == "https://ada.github.io/"


@pytest.mark.parametrize(
    "repo",
    [
        *(
            "",
            "name",
            "owner/",
            "/name",
            "owner/name/more",
            "owner/name.git",
            "owner/..",
            "own er/n",
        ),
        *(
            "https://github.com/owner/name",
            "-owner/name",
            "owner-/name",
            'owner/na"me',
            "owner/näme",
        ),
        *("owner/name@v1", "owner/name\n", "own--er/name"),
    ],
)
def test_a_bad_repository_is_named(repo):
    with pytest.raises(ValueError, match="REPO must be") as raised:
        Address.parse(repo, "v1")
    assert repr(repo) in str(raised.value)


@pytest.mark.parametrize(
    "ref", ["", " ", "a/b", "a..b", "v1.lock", "v1.", "-v1", "v 1", "v1\n", "v~1"]
)
def test_a_bad_tag_is_named(ref):
    with pytest.raises(ValueError, match="REF must be") as raised:
        Address.parse("owner/name", ref)
    assert repr(ref) in str(raised.value)


def test_an_odd_notebook_stops_it_before_anything_is_written(copy):
    path = copy / CHAPTER
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].source = "import attnlib"
    nbformat.write(notebook, path)
    before = contents(copy)
    with pytest.raises(ValueError, match="must have one line `    BOOK"):
        publish_as.publish(copy, FIRST)
    assert contents(copy) == before


def test_the_command_says_what_is_wrong():
    done = subprocess.run(
        [sys.executable, "-m", "tools.publish_as", "only-a-name"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("✗ REPO must be")
    assert "'only-a-name'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("tag", "address", "version", "code"),
    [
        ("v0.1.0", FIRST, "v0.1.0", 0),
        ("v0.2.0", FIRST, "v0.2.0", 1),
        ("v0.1.0", FIRST, "v0.2.0", 1),
        ("v0.1.0", None, "v0.1.0", 1),
    ],
)
def test_a_release_has_one_name(tag, address, version, code, capsys):
    assert publish_as.check_release(tag, address, version) == code
    assert ("TAG must be" in capsys.readouterr().err) is bool(code)
