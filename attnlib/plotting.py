"""Figures: arrays and an optional `ax` in, `Axes` out. No maths, no model, no `plt.show()`.

The look of the whole book lives here: the palette, `style()` and `subplots()`. Nothing changes the
caller's own matplotlib settings; importing the module only makes the package's font known.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.patches import Rectangle
from PIL import Image

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

_FONT_FILE = Path(__file__).parent / "fonts" / "NotoSansSC-attnlib.ttf"
fontManager.addfont(_FONT_FILE)
# A list, so that a sign that the package's font lacks is taken from matplotlib's own.
FONT = ["Noto Sans SC attnlib", "DejaVu Sans"]

DENSITY = 2  # PNG pixels per CSS pixel
_CSS_PIXELS_PER_INCH = 100

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

    def png(self) -> tuple[bytes, dict[str, int]]:
        """Return the PNG and its size in CSS pixels, `{"width": ..., "height": ...}`."""
        drawn, small = io.BytesIO(), io.BytesIO()
        with style():
            self.savefig(drawn, format="png")
        # 256 colours, chosen to fit what was drawn: a third of the size, for notebooks
        # and pages carry every picture. Nothing else goes into the file, no version of matplotlib.
        Image.open(drawn).convert("RGB").quantize(
            256, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
        ).save(small, format="png", optimize=True)
        width, height = (round(inch * _CSS_PIXELS_PER_INCH) for inch in self.get_size_inches())
        return small.getvalue(), {"width": width, "height": height}

    def __repr__(self) -> str:
        width, height = (round(inch * _CSS_PIXELS_PER_INCH) for inch in self.get_size_inches())
        return f"<Figure {width}×{height} with {len(self.axes)} axes>"

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
        png, size = self.png()
        data = {"text/plain": repr(self), "image/png": base64.b64encode(png).decode()}
        return data, {"image/png": size}

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


def plot_attention(
    weights: Any,
    *,
    query_labels: Sequence[str] | None = None,
    key_labels: Sequence[str] | None = None,
    mask: Any = None,
    ax: Axes | None = None,
    title: str | None = None,
    query_title: str = "query",
    key_title: str = "key",
    number_format: str = ".2f",
    show_numbers: bool | None = None,
    vmin: float = 0.0,
    vmax: float = 1.0,
) -> Axes:
    """Draw a matrix of attention weights: a row for each query, a column for each key.

    Args:
        weights: Shape `(q_len, k_len)`; an array, a tensor or nested lists. Scores can be drawn
            too: give `vmin` and `vmax`.
        query_labels: `q_len` names for the rows; their numbers if left out.
        key_labels: `k_len` names for the columns; the query labels if these fit, else numbers.
        mask: Boolean, shape `(q_len, k_len)`, True = may attend; the other cells are hatched.
        ax: Where to draw; a new figure if left out.
        title: Text above the matrix.
        query_title: Name of the rows.
        key_title: Name of the columns.
        number_format: Format of the number in each cell.
        show_numbers: Write the numbers? If left out: when there are at most 12 rows and columns.
            Without them a colour bar is drawn.
        vmin: Value that is white.
        vmax: Value that is full blue.

    Returns:
        The axes.

    Raises:
        ValueError: If `weights` is not a non-empty matrix of finite numbers, or if labels or mask
            do not fit it.
    """
    matrix = _matrix("weights", weights)
    q_len, k_len = matrix.shape
    rows = _labels("query_labels", query_labels, q_len)
    if key_labels is None and query_labels is not None and q_len == k_len:
        key_labels = query_labels
    columns = _labels("key_labels", key_labels, k_len)
    if not vmin < vmax:
        raise ValueError(f"vmin must be below vmax, got {vmin} and {vmax}")
    allowed = np.ones(matrix.shape, dtype=bool)
    if mask is not None:
        allowed = _array("mask", mask)
        if allowed.dtype != bool:
            raise ValueError(f"mask must be boolean (True = may attend), got {allowed.dtype}")
        if allowed.shape != matrix.shape:
            raise ValueError(
                f"mask must have the shape of weights, {matrix.shape}, got {allowed.shape}"
            )
    if show_numbers is None:
        show_numbers = max(q_len, k_len) <= 12

    # Side of a cell in units of 100 CSS pixels: the figure must fit a page of 6.4, and a screen.
    beside = 0.85 if show_numbers else 1.45
    cell = min(0.78, (6.4 - beside) / k_len, 7.0 / q_len)
    if ax is None:
        _, ax = subplots(
            width=max(k_len * cell + beside, 1.6),
            height=max(q_len * cell + (1.05 if title else 0.75), 1.4),
        )
    with style():
        border: dict[str, Any] = {"edgecolor": LINE, "linewidth": 1.2 if show_numbers else 0}
        cells = ax.pcolormesh(matrix, cmap=WEIGHT_MAP, vmin=vmin, vmax=vmax, **border)
        for row, column in np.argwhere(~allowed):
            ax.add_patch(Rectangle((column, row), 1, 1, hatch="////", fc=FAINT, ec=MASKED, lw=0))
            ax.add_patch(Rectangle((column, row), 1, 1, facecolor="none", **border))
        if show_numbers:
            for (row, column), number in np.ndenumerate(matrix):
                masked = not allowed[row, column]
                ax.text(
                    column + 0.5,
                    row + 0.5,
                    format(number, number_format).replace("-", "−"),
                    ha="center",
                    va="center",
                    fontfamily=FONT,
                    fontsize=12 if cell > 0.6 else 9,
                    color=MASKED if masked else _legible_on(cells.to_rgba(number)),
                    # The hatching would cut the digits: they stand on a plain patch.
                    bbox={"boxstyle": "round,pad=0.25", "fc": PAPER, "ec": "none"}
                    if masked
                    else None,
                )
        else:
            bar = ax.figure.colorbar(cells, ax=ax, fraction=0.046, pad=0.03)
            bar.outline.set_visible(False)
        for spine in ax.spines.values():
            spine.set_visible(False)
        ax.grid(False)
        ax.set(xlim=(0, k_len), ylim=(q_len, 0), aspect="equal")
        ax.tick_params(length=0, top=False, bottom=False, labeltop=True, labelbottom=False)
        short = cell > 0.6 and max(map(len, rows + columns)) <= 2
        for axis, labels in ((ax.xaxis, columns), (ax.yaxis, rows)):
            every = math.ceil(len(labels) / 16)  # more names than that would run into each other
            axis.set_ticks(
                np.arange(len(labels))[::every] + 0.5,
                labels[::every],
                fontfamily=FONT,
                fontsize=15 if short else 10,
                color=INK,
            )
        ax.xaxis.set_label_position("top")
        ax.set_xlabel(f"{key_title} →", color=KEY, fontfamily=FONT, fontsize=11, labelpad=5)
        ax.set_ylabel(f"← {query_title}", color=QUERY, fontfamily=FONT, fontsize=11, labelpad=5)
        if title:
            ax.set_title(title, loc="left", fontfamily=FONT, fontsize=12, color=INK, pad=10)
    return ax


def _array(name: str, values: Any) -> np.ndarray[Any, Any]:
    """Copy `values` into an array, a tensor of any device and dtype too."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.double().numpy() if values.is_floating_point() else values.numpy()
    try:
        array = np.array(values)
    except ValueError as error:
        raise ValueError(f"{name} must not be ragged: all its rows need the same length") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold numbers, got {array.dtype}")
    return array


def _matrix(name: str, values: Any) -> np.ndarray[Any, Any]:
    array = _array(name, values).astype(float)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"{name} must be a matrix (q_len, k_len) that is not empty, got shape {array.shape}"
        )
    if not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(f"{name} must be finite, got {array[row, column]} at ({row}, {column})")
    return array


def _labels(name: str, labels: Sequence[str] | None, count: int) -> list[str]:
    labels = [str(i) for i in range(count)] if labels is None else [str(label) for label in labels]
    if len(labels) != count:
        raise ValueError(f"{name} must have {count} entries, got {len(labels)}: {labels}")
    return labels


def _legible_on(background: Any) -> str:
    """Black or white, whichever has the higher contrast (WCAG): at least 4.58 : 1 on any colour."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in background[:3]]
    luminance = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return "#000000" if luminance > 0.1791 else "#FFFFFF"
