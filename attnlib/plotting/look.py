"""The look of the whole book: the palette, the font, `style()` and `subplots()`.

Nothing changes the caller's own matplotlib settings; importing the module only makes the package's
font known.
"""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from PIL import Image

from attnlib.plotting.glyphs import complete
from attnlib.plotting.narrow import DENSITY, saved, stacked, without_blank

__all__ = [
    "DENSITY",
    "FAINT",
    "FONT",
    "INK",
    "KEY",
    "LINE",
    "MASKED",
    "OUTPUT",
    "PAPER",
    "QUERY",
    "QUIET",
    "SERIES",
    "SIGNED_MAP",
    "STYLE",
    "VALUE",
    "WEIGHT_MAP",
    "BookFigure",
    "style",
    "subplots",
]

# The palette; on a dark page the widgets take the lighter twins from widgets/static/common.css.
QUERY = "#0B62A8"
KEY = "#B34700"
VALUE = "#00735A"
OUTPUT = "#86338A"
MASKED = "#5F6670"  # always hatched as well
INK = "#1B2733"
QUIET = "#5F6670"  # axis numbers, captions: 5.8 : 1 on white
LINE = "#D3D9E0"  # borders and axes: never the only carrier of a meaning
FAINT = "#E9EDF1"  # grids
PAPER = "#FFFFFF"
WEIGHT_MAP = LinearSegmentedColormap.from_list("attnlib.weights", [PAPER, QUERY])
SIGNED_MAP = LinearSegmentedColormap.from_list("attnlib.signed", ["#CC6010", PAPER, "#2B7FD3"])
# Curves and heads side by side, which have no role of their own. Dashes tell them apart as well.
SERIES = ("#5F36B6", "#7C6702", "#B51446", "#027C7C")

_FONT_FILE = Path(__file__).parent.parent / "fonts" / "NotoSansSC-attnlib.ttf"
fontManager.addfont(_FONT_FILE)
# A list, so that a sign that the package's font lacks is taken from matplotlib's own.
FONT = ["Noto Sans SC attnlib", "DejaVu Sans"]

_CSS_PIXELS_PER_INCH = 100
_NARROW = 328  # CSS pixels of the column on a phone

STYLE: dict[Any, Any] = {
    "font.family": FONT,
    "font.size": 11.0,
    "mathtext.fontset": "cm",
    "text.color": INK,
    "figure.facecolor": PAPER,
    "figure.constrained_layout.h_pad": 0.07,
    "figure.constrained_layout.w_pad": 0.07,
    "figure.dpi": _CSS_PIXELS_PER_INCH,
    "savefig.dpi": _CSS_PIXELS_PER_INCH * DENSITY,
    "savefig.bbox": None,
    "axes.facecolor": PAPER,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.labelsize": 11.0,
    "axes.linewidth": 0.8,
    "axes.titlesize": 12.0,
    "axes.titlelocation": "left",
    "axes.titlepad": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.prop_cycle": cycler(color=[QUERY, KEY, VALUE, OUTPUT]),
    "axes.unicode_minus": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelsize": 10.0,
    "ytick.labelsize": 10.0,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "hatch.linewidth": 0.8,
}


@contextmanager
def style() -> Iterator[None]:
    """Apply the book's look inside a `with` block, and give the caller's settings back after it."""
    # Not rc_context, which puts back all settings: a notebook's backend starts up when the first
    # figure is made, inside the block, and would be switched off again at its end.
    before = {name: mpl.rcParams[name] for name in STYLE}
    mpl.rcParams.update(STYLE)
    try:
        yield
    finally:
        mpl.rcParams.update(before)


class BookFigure(Figure):
    """A figure that a notebook shows sharp on dense screens, at its own size in CSS pixels.

    Its bytes depend on what is drawn alone: not on the reader's settings, not on the time.
    """

    def savefig(self, *args: Any, **options: Any) -> None:
        """Save the figure as matplotlib does, with a font for each character, where there is one.

        Args:
            *args: As for `Figure.savefig`.
            **options: As for `Figure.savefig`.
        """
        complete(self)
        super().savefig(*args, **options)

    def png(self) -> tuple[bytes, dict[str, int]]:
        """Return the PNG and its size in CSS pixels, `{"width": ..., "height": ...}`."""
        drawn, small = io.BytesIO(), io.BytesIO()
        with style(), warnings.catch_warnings():
            # Whatever has no glyph has been named by `complete`, once and with what to do.
            warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from ")
            self.savefig(drawn, format="png", pil_kwargs={"compress_level": 0})
        # 256 colours, chosen to fit what was drawn: a third of the size, for notebooks
        # and pages carry every picture. Nothing else goes into the file, no version of matplotlib.
        Image.open(drawn).convert("RGB").quantize(
            256, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
        ).save(small, format="png", optimize=True)
        width, height = (round(inch * _CSS_PIXELS_PER_INCH) for inch in self.get_size_inches())
        return small.getvalue(), {"width": width, "height": height}

    def narrow(self) -> tuple[bytes, dict[str, int]] | None:
        """Return PNG and size for a narrow page, letters as large; None if the figure is narrow.

        Its columns of axes stand below each other there; a single plot is drawn anew, less wide.
        """
        return self._narrowed(*self.png())

    def _narrowed(
        self, picture: bytes, size: dict[str, int]
    ) -> tuple[bytes, dict[str, int]] | None:
        if size["width"] <= _NARROW:
            return None
        cuts = self._cuts()
        if not cuts:
            width, height = self.get_size_inches()
            self.set_size_inches(_NARROW / _CSS_PIXELS_PER_INCH, height)
            try:
                drawn = Image.open(io.BytesIO(self.png()[0]))
            finally:
                self.set_size_inches(width, height)
            return saved(without_blank(drawn))
        return saved(stacked(Image.open(io.BytesIO(picture)), cuts, _NARROW))

    def _cuts(self) -> list[int]:
        """Return where columns of axes end, in CSS pixels; nowhere if something belongs to all."""
        if self.legends or self.texts:
            return []
        with style():
            self.draw_without_rendering()
            drawn = [(ax, box) for ax in self.axes if (box := ax.get_tightbbox()) is not None]
        cuts, end = [], 0.0
        for ax, box in sorted(drawn, key=lambda each: each[1].x0):
            # A colour bar stays with what it explains.
            if 0 < end < box.x0 and ax.get_label() != "<colorbar>":
                cuts.append(round((end + box.x0) / 2 / self.dpi * _CSS_PIXELS_PER_INCH))
            end = max(end, box.x1)
        return cuts

    def __repr__(self) -> str:
        width, height = (round(inch * _CSS_PIXELS_PER_INCH) for inch in self.get_size_inches())
        return f"<Figure {width}×{height} with {len(self.axes)} axes>"

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        png, size = self.png()
        data = {"text/plain": repr(self), "image/png": base64.b64encode(png).decode()}
        metadata: dict[str, Any] = {"image/png": size}
        if narrow := self._narrowed(png, size):
            metadata["narrow"] = {"png": base64.b64encode(narrow[0]).decode(), **narrow[1]}
        return data, metadata

    def _ipython_display_(self) -> None:
        # Notebooks register a PNG printer for all figures, which crops them and draws them at one
        # pixel per CSS pixel. It would win over the mime bundle; this hook comes before it.
        from IPython.display import display  # a notebook has it; attnlib does not require it

        data, metadata = self._repr_mimebundle_()
        display(data, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]


def subplots(
    nrows: int = 1, ncols: int = 1, *, width: float = 6.4, height: float = 3.0, **options: Any
) -> tuple[BookFigure, Any]:
    """`plt.subplots` in the book's look.

    Args:
        nrows: Rows of axes.
        ncols: Columns of axes.
        width: Width in units of 100 CSS pixels; a page shows at most 6.4 in full.
        height: Height in the same unit.
        **options: Passed on to `plt.subplots`.

    Returns:
        The figure, and one `Axes` or an array of them.
    """
    from matplotlib import pyplot as plt  # here: a second to load, and not every caller needs it

    with style():
        options = {"layout": "constrained", "figsize": (width, height)} | options
        return plt.subplots(nrows, ncols, FigureClass=BookFigure, **options)  # type: ignore[return-value]
