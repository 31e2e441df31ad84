"""What every live figure shares on the Python side.

A live figure is a box: a drawing (an anywidget whose JavaScript draws and computes) and standard
controls, joined in the browser by `jslink`. It moves without a kernel. For places that cannot show
widgets its output carries a line of text; in the notebooks of the book, which GitHub, print and
pages without JavaScript show too, a picture as well: `make notebooks` takes it in a browser.
How to make another: CONTRIBUTING.md, "A live figure".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import ipywidgets
import traitlets

from attnlib import words

STATIC = Path(__file__).parent / "static"
FONTS = Path(__file__).parent.parent / "fonts"
_IMPORT = re.compile(r'^import\s+\{[^}]*\}\s+from\s+[\'"]\./([\w.]+)[\'"];\n', re.MULTILINE)


def module(name: str | Path) -> str:
    """Return the text of a JavaScript file in `static` with the files it imports in front of it.

    A widget carries one module, in which relative imports mean nothing; as separate files they can
    be imported by tests. No file is put in twice.
    """
    texts: dict[str | Path, str] = {}

    def add(file: str | Path) -> None:
        if file in texts:
            return
        source = (STATIC / file).read_text(encoding="utf-8")
        for imported in _IMPORT.findall(source):
            add(imported)
        texts[file] = _IMPORT.sub("", source)

    add(name)
    return "\n".join(texts.values())


def font_face(file: Path) -> str:
    """Return a rule that brings a Chinese font along; of several each has some characters."""
    font = base64.b64encode(file.read_bytes()).decode()
    return (
        '@font-face { font-family: "attnlib CJK"; font-display: block; '
        "unicode-range: U+2E80-9FFF, U+F900-FAFF, U+FE30-FE4F, U+FF00-FFEF; "
        f'src: url("data:font/woff2;base64,{font}") format("woff2"); }}'
    )


@cache
def style(*names: str) -> str:
    """Return the stylesheet of a figure: the Chinese font, common.css and its own files."""
    face = font_face(FONTS / "NotoSansSC-attnlib.woff2")
    return "\n".join(
        [face, *((STATIC / n).read_text(encoding="utf-8") for n in ("common.css", *names))]
    )


@cache
def font_of_words(language: str) -> str:
    """Return a rule that brings the characters along in which a language has its words."""
    file = FONTS / f"NotoSansSC-{language}.woff2"
    return font_face(file) + "\n" if file.is_file() else ""


def texts(figure: str) -> dict[str, Any]:
    """Return what a figure says, in the language in use, with what all figures say."""
    common, own = words.entry("figures.common"), words.entry(f"figures.{figure}")
    return {**common, **own, "errors": common["errors"] | own.get("errors", {})}


class Drawing(anywidget.AnyWidget):
    """The part that draws. A subclass names its JavaScript and style and adds its own traits."""

    start = traitlets.Dict().tag(sync=True)  # the traits that "reset" puts back, and their values
    limits = traitlets.Dict().tag(sync=True)  # numbers that the JavaScript needs, too
    words = traitlets.Dict().tag(sync=True)
    _css: str  # of each subclass; anywidget makes a trait of it

    # Traits that hold what a chapter has trained: another processor trains other last bits.
    trained: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **traits: Any) -> None:
        self._css = font_of_words(words.language()) + self._css
        super().__init__(**traits)

    @staticmethod
    def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
        """Say what two saved states with other trained traits do otherwise; None if nothing."""
        return "their trained weights" if before != after else None


class LiveFigure(ipywidgets.VBox):
    """A drawing with its controls below it, that shows as a line of text where nothing moves.

    A subclass makes both, and defines `__repr__`, the same each time.

    Args:
        drawing: The drawing.
        controls: Standard controls, each by the trait of the drawing that it moves.

    Attributes:
        drawing: The drawing; its traits follow the reader.
        controls: The controls, in the order in which they stand.
    """

    def __init__(self, drawing: Drawing, controls: Mapping[str, ipywidgets.Widget]) -> None:
        self.drawing = drawing
        self.controls = tuple(controls.values())
        layout = ipywidgets.Layout(width="100%", max_width="760px")
        super().__init__([drawing, *self.controls], layout=layout)
        self.add_class("attn-live")
        for trait, control in controls.items():
            # Of a choice the browser knows the place only: the options stay in Python.
            shared = "index" if control.has_trait("index") else "value"
            ipywidgets.jslink((control, shared), (drawing, trait))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        if hasattr(self, "_handle_displayed"):  # ipywidgets 7
            self._handle_displayed()
        # The drawing knows what a front end wants to be told beside the model (Colab does).
        _, metadata = self.drawing._repr_mimebundle_()
        data = {
            "text/plain": repr(self),
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self.model_id,
            },
        }
        return data, metadata

    def _ipython_display_(self, **_: object) -> None:
        # ipywidgets 7 would display itself here, without our text: IPython takes this for "use
        # the mime bundle". Newer ones have no such method, and nothing changes for them.
        raise NotImplementedError
