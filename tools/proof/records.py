"""Records: what came of a notebook on a runtime, kept under the hash of all that it depends on.

A record whose key is the current one is evidence, and its notebook need not run again. One that was
altered on the disk, or whose key has changed, is none.
"""

import json
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nbformat

from tools import atomic_write
from tools.digest import digest
from tools.editions import DEFAULT, Edition, editions
from tools.proof.solutions import solutions

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".cache" / "records"
LANGUAGE = re.compile(r'^words\.use\("([\w-]+)"\)', re.MULTILINE)  # in the first cell
LIBRARY = ROOT / "attnlib"


def digest_of_files(paths: Iterable[Path]) -> str:
    """Hash files by their names and contents."""
    parts: list[str | bytes] = []
    for path in sorted(paths):
        parts += [path.relative_to(ROOT).as_posix(), path.read_bytes()]
    return digest(*parts)


def files_below(folder: Path) -> list[Path]:
    """List the files of a folder of ours, without what Python leaves there."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    ]


@dataclass(frozen=True)
class Unit:
    """A notebook in all of its languages: code cells are the same but for the line of the language.

    Attributes:
        name: Its name, "03_masks".
        texts: The notebook in each language, the default one first.
    """

    name: str
    texts: dict[str, nbformat.NotebookNode]

    def __post_init__(self) -> None:
        first, *others = self.texts.values()
        for other in others:
            if comparable(other) != comparable(first):
                raise ValueError(f"the code cells of {self.name} differ between its languages")

    @property
    def code(self) -> list[tuple[str, str]]:
        """Id and source of each code cell, in the first language."""
        return code_cells(next(iter(self.texts.values())))


def code_cells(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    """Return id and source of each code cell."""
    return [(cell.id, cell.source) for cell in notebook.cells if cell.cell_type == "code"]


def comparable(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    """Return id and source of each code cell, without the language of the first."""
    return [(name, LANGUAGE.sub("", source)) for name, source in code_cells(notebook)]


def paths_of(path: Path) -> dict[str, Path]:
    """Return a notebook and its twins, which are of its name in other editions, by language."""
    path = path.resolve()
    all_there = {each.language: each.chapters_folder / path.name for each in editions()}
    if path in all_there.values():
        return {language: each for language, each in all_there.items() if each.is_file()}
    cells = nbformat.read(path, as_version=4).cells
    said = LANGUAGE.search("\n".join(cell.source for cell in cells if cell.cell_type == "code"))
    return {said[1] if said else DEFAULT: path}


def unit_of(path: Path) -> Unit:
    """Return the unit to which a notebook belongs."""
    there = paths_of(path)
    return Unit(path.stem, {lang: nbformat.read(each, 4) for lang, each in there.items()})


def language_of(path: Path) -> str:
    """Return the language of a notebook within its unit."""
    return next(lang for lang, each in paths_of(path).items() if each == path.resolve())


def units(root: Path = ROOT) -> list[Unit]:
    """Return all notebooks of the book, or of a copy of it."""
    there = editions(root)
    names = {path.stem for edition in there for path in edition.notebooks}
    return [_unit(name, there) for name in sorted(names)]


def unit(name: str) -> Unit:
    """Return one notebook of the book in all of its languages, by the name of its files."""
    return _unit(name, editions())


def _unit(name: str, there: Sequence[Edition]) -> Unit:
    paths = {each.language: each.chapters_folder / f"{name}.ipynb" for each in there}
    texts = {lang: nbformat.read(path, 4) for lang, path in paths.items() if path.is_file()}
    return Unit(name, texts)


def key_of(unit: Unit, runtime: str, contents: str, solves: bool = True) -> str:
    """Hash all on which the outcome of a run depends.

    Args:
        unit: The notebook.
        runtime: Name of the runtime.
        contents: What the runtime is made of: Python and the packages.
        solves: Whether the solutions run, too.
    """
    said = [str(solutions(text)) for text in unit.texts.values()] if solves else []
    return digest(
        str(list(unit.texts)),
        str(comparable(next(iter(unit.texts.values())))),
        *said,
        runtime,
        contents,
        digest_of_files(files_below(LIBRARY)),
        digest_of_files(Path(__file__).parent.glob("*.py")),
    )


@dataclass(frozen=True)
class Record:
    """What came of a notebook on a runtime.

    Attributes:
        key: Hash of all that it depends on.
        notebook: Name of the notebook.
        runtime: Name of the runtime.
        before: The environment when the kernel had started: Python, packages, what was loaded.
        after: The same after the last cell.
        left: Names of the files in the folder, which held the notebook alone.
        editions: For each language its `cells` (by id: `execution_count`, `outputs`), and its
            `widgets` (by id of the model), all ids numbered by order of creation.
        solutions: For each language, what became of each check when the solutions had run.
        progress: For each language, what `checks.progress()` then said; none without checks.
    """

    key: str
    notebook: str
    runtime: str
    before: dict[str, Any]
    after: dict[str, Any]
    left: list[str]
    editions: dict[str, dict[str, Any]]
    solutions: dict[str, list[dict[str, Any]]]
    progress: dict[str, dict[str, Any]]

    @property
    def failed(self) -> bool:
        """Whether a cell of the notebook failed."""
        outputs = [
            output
            for edition in self.editions.values()
            for cell in edition["cells"].values()
            for output in cell["outputs"]
        ]
        return any(output["output_type"] == "error" for output in outputs)


def place_of(runtime: str, name: str, key: str) -> Path:
    """Return where the record with this key is kept."""
    return FOLDER / runtime / f"{name}-{key[:16]}.json"


def save(record: Record) -> None:
    """Keep a record, whole or not at all, instead of those of its notebook with other keys."""
    path = place_of(record.runtime, record.notebook, record.key)
    path.parent.mkdir(parents=True, exist_ok=True)
    body = json.dumps(asdict(record), ensure_ascii=False)
    atomic_write.write(path, json.dumps({"digest": digest(body), "body": body}, ensure_ascii=False))
    for old in path.parent.glob(f"{record.notebook}-{'?' * 16}.json"):
        if old != path:
            old.unlink(missing_ok=True)
            shutil.rmtree(old.with_suffix(""), ignore_errors=True)  # see long_cells.py


def load(runtime: str, name: str, key: str) -> Record | None:
    """Return the record with this key, or None if there is none, or one that was altered."""
    try:
        kept = json.loads(place_of(runtime, name, key).read_text(encoding="utf-8"))
        if digest(kept["body"]) != kept["digest"]:
            return None
        record = Record(**json.loads(kept["body"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record if record.key == key else None
