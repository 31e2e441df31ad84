"""What the tests of the page need to know about a live figure: `FACTS` in its own test file.

Tests that hold for every figure find all of them here: whoever adds one names it nowhere else.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import nbformat

import attnlib.widgets
from attnlib.widgets import LiveFigure
from tools import editions, figure_pictures

KINDS: list[type[LiveFigure]] = [
    each
    for each in vars(attnlib.widgets).values()
    if isinstance(each, type) and issubclass(each, LiveFigure) and each is not LiveFigure
]


@dataclass(frozen=True)
class Facts:
    """What is to be tested of a figure, beside what is of all.

    Attributes:
        kind: Its class; without arguments it is the figure of its chapter.
        check: Compares what the figure shows, `data-numbers`, with attnlib.
        opening: Does it open in a state that says something?
        tapped: What a finger can press, beside sliders and reset: selectors.
        pressed: What keys can do, beside moving sliders: what to focus, and which keys to press.
        bad: Traits that Python would have refused, and what the reader is told about them.
        marked: Makes a figure with this text for each name that one can give it.
        special: Figures in states that are rare, yet right: they must be drawn.
        largest: Makes the figure as large as it can be.
    """

    kind: type[LiveFigure]
    check: Callable[[dict[str, Any]], None]
    opening: Callable[[dict[str, Any]], bool]
    tapped: Sequence[str]
    pressed: Sequence[tuple[str, Sequence[str]]]
    bad: Sequence[tuple[dict[str, Any], str]]
    marked: Callable[[str], LiveFigure]
    special: Callable[[], Sequence[LiveFigure]]
    largest: Callable[[], LiveFigure]

    @property
    def name(self) -> str:
        return file_of(self.kind)


def file_of(kind: type[LiveFigure]) -> str:
    """Return the name that the files of a figure share, "mask_lab"."""
    return kind.__module__.rpartition(".")[2]


def facts_of(kind: type[LiveFigure]) -> Facts:
    """Return the facts from the figure's own test file."""
    found: Facts = importlib.import_module(f"tests.widgets.test_{file_of(kind)}").FACTS
    assert found.kind is kind
    return found


def all_facts() -> list[Facts]:
    """Return the facts of all figures."""
    return [facts_of(kind) for kind in KINDS]


def chapter_state(kind: type[LiveFigure]) -> dict[str, Any]:
    """Return what a figure of this class carries in its chapter, out of a committed notebook."""
    for edition in editions.editions():
        for path in edition.notebooks:
            for model in figure_pictures.states(nbformat.read(path, as_version=4)).values():
                if model["state"].get("_anywidget_id", "").startswith(f"{kind.__module__}."):
                    found: dict[str, Any] = model["state"]
                    return found
    raise AssertionError(f"no chapter shows a {kind.__name__}")


def close(shown: Any, expected: Any) -> None:
    """Compare numbers of the page with those of attnlib."""
    import torch

    torch.testing.assert_close(
        torch.tensor(shown, dtype=torch.float64),
        torch.as_tensor(expected, dtype=torch.float64),
        atol=1e-5,
        rtol=0,
    )
