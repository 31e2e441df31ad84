"""The house's doors open one way: maths, then checks and plotting, then widgets."""

import ast
import subprocess
import sys
from pathlib import Path

import jaxtyping
import pytest
import torch

import attnlib

PACKAGE = Path(attnlib.__file__).parent

# Each room may import from those before it (and from its own files), never from those after it.
ROOMS = [
    ["_typing"],
    ["_shapes"],
    ["masks", "cache", "sampling"],
    ["functional"],
    ["chunked", "positional"],
    ["multihead"],
    ["transformer"],
    [""],  # attnlib/__init__.py: the maths under one name
    ["words"],
    ["checks", "plotting"],
    ["widgets"],
]
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}
MATHS = [room for room, level in LEVEL.items() if level <= LEVEL[""]]


def room_of(module: str) -> str:
    """Name the room of a dotted module name: `attnlib.widgets.mask` is in `widgets`."""
    return module.split(".")[1] if "." in module else ""


def module_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str, module: str, *, is_package: bool = False) -> set[str]:
    """List what a module imports, anywhere in it, as absolute dotted names."""
    here = module.split(".") if is_package else module.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = here[: len(here) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            if origin == "attnlib":  # a name in the package may be one of its rooms
                found.update(
                    f"{origin}.{alias.name}" if alias.name in LEVEL else origin
                    for alias in node.names
                )
            else:
                found.add(origin)
    return found


def arrows_back(module: str, names: set[str]) -> list[str]:
    """List the imports that point to a later room."""
    room = room_of(module)
    return [
        f"{module} imports {name}"
        for name in sorted(names)
        if name.split(".")[0] == "attnlib"
        and room_of(name) != room
        and LEVEL[room_of(name)] >= LEVEL[room]
    ]


def test_every_file_belongs_to_a_room() -> None:
    assert {room_of(module_of(file)) for file in PACKAGE.rglob("*.py")} <= set(LEVEL)


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=module_of)
def test_imports_point_one_way(file: Path) -> None:
    names = imports(
        file.read_text(encoding="utf-8"), module_of(file), is_package=file.stem == "__init__"
    )
    assert arrows_back(module_of(file), names) == []
    if room_of(module_of(file)) in MATHS:
        outside = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names)
        # Of a shape that stands in an annotation only tests want more than torch.
        annotations = {"jaxtyping"} if file.name == "_typing.py" else set()
        assert outside <= {"attnlib", "torch"} | annotations


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("attnlib.masks", "from attnlib import functional"),
        ("attnlib.masks", "from attnlib import causal_mask"),
        ("attnlib.functional", "def f():\n    import attnlib.plotting"),
        ("attnlib.chunked", "from attnlib.positional import alibi_bias"),
        ("attnlib.plotting", "from attnlib.widgets.mask import Mask"),
        ("attnlib.plotting", "from . import widgets"),
        ("attnlib.checks.chapter_1", "from ..widgets import Mask"),
        ("attnlib.checks.chapter_1", "from attnlib import plotting"),
    ],
)
def test_an_arrow_that_points_back_is_found(module: str, source: str) -> None:
    assert len(arrows_back(module, imports(source, module))) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("attnlib.functional", "import torch\nfrom attnlib.masks import causal_mask"),
        ("attnlib.plotting", "from attnlib import causal_mask"),
        ("attnlib.widgets.mask", "from attnlib import plotting\nfrom .base import Live"),
    ],
)
def test_an_arrow_that_points_ahead_is_let_through(module: str, source: str) -> None:
    assert arrows_back(module, imports(source, module)) == []


def test_importing_attnlib_loads_no_pictures() -> None:
    script = (
        "import sys, attnlib, attnlib.multihead; "
        "print({'matplotlib', 'ipywidgets', 'anywidget', 'IPython'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (run.stdout.strip(), run.stderr) == ("set()", "")


def test_checks_load_with_themselves_only() -> None:
    """`import attnlib` brings no checks, and they bring neither pictures nor notebooks."""
    script = (
        "import sys, attnlib; print('attnlib.checks' in sys.modules); import attnlib.checks; "
        "print({'matplotlib', 'ipywidgets', 'anywidget', 'IPython'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (run.stdout.split(), run.stderr) == (["False", "set()"], "")


def test_a_check_does_not_load_the_compiler() -> None:
    """It would cost each reader's first check some seconds."""
    script = (
        "import sys; from attnlib import checks; "
        "print(checks.check_causal_mask(lambda q_len, k_len: 1).passed); "
        "print({'torch._inductor', 'torch._dynamo'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (run.stdout.split(), run.stderr) == (["False", "set()"], "")


def test_what_is_public_is_exported() -> None:
    """Every public function and class of the maths, and nothing else, under `attnlib`."""
    defined = {
        node.name
        for room in MATHS[:-1]  # all but attnlib/__init__.py itself
        if not room.startswith("_")
        for node in ast.parse((PACKAGE / f"{room}.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    }
    assert set(attnlib.__all__) == defined
    assert attnlib.__all__ == sorted(attnlib.__all__)


def test_annotations_are_checked_while_testing() -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="batch length embed_dim"):
        attnlib.split_heads(torch.zeros(3), 1)
