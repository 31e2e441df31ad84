"""attnlib.plotting: what is drawn, that it is the same each time, and what bad input gets."""

import base64
import io
import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import Rectangle
from PIL import Image

from attnlib import plotting, words

mpl.use("agg")
from matplotlib import pyplot as plt

ROOT = Path(__file__).resolve().parent.parent.parent
WEIGHTS = [[0.017, 0.867, 0.116], [0.665, 0.245, 0.090], [0.787, 0.106, 0.107]]


def png(ax: Axes) -> bytes:
    figure = ax.figure
    assert isinstance(figure, plotting.BookFigure)
    return figure.png()[0]


def numbers(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def contrast(first: object, second: object) -> float:
    """Contrast as WCAG 2 defines it."""

    def luminance(color: object) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in to_rgb(color)  # type: ignore[arg-type]
        ]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


# --- what is drawn


def test_every_cell_has_its_number_and_every_row_and_column_its_name():
    ax = plotting.plot_attention(WEIGHTS, query_labels="早上好", key_labels="abc", title="t")
    expected = [f"{w:.2f}" for row in WEIGHTS for w in row]
    assert numbers(ax) == expected
    assert [label.get_text() for label in ax.get_yticklabels()] == ["早", "上", "好"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]
    assert (ax.get_ylabel(), ax.get_xlabel(), ax.get_title(loc="left")) == ("← query", "key →", "t")


def test_the_first_query_is_at_the_top_left_and_cells_have_the_color_of_their_weight():
    ax = plotting.plot_attention([[1.0, 0.0], [0.25, 0.75]])
    ax.figure.canvas.draw()
    text = {t.get_text(): t.get_position() for t in ax.texts}
    assert text["1.00"] == (0.5, 0.5)
    assert text["0.75"] == (1.5, 1.5)
    assert ax.yaxis_inverted()
    assert [to_hex(c) for c in ax.collections[0].get_facecolors()[[0, 1]]] == [
        plotting.QUERY.lower(),
        "#ffffff",
    ]


def test_other_words_take_the_place_of_query_and_key():
    ax = plotting.plot_attention(WEIGHTS, query_title="q", key_title="k", number_format=".3f")
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("← q", "k →")
    assert numbers(ax)[0] == "0.017"


def test_key_labels_are_the_query_labels_only_where_these_fit():
    square = plotting.plot_attention(WEIGHTS, query_labels="早上好")
    assert [label.get_text() for label in square.get_xticklabels()] == ["早", "上", "好"]
    wide = plotting.plot_attention(np.ones((2, 3)) / 3, query_labels="早上")
    assert [label.get_text() for label in wide.get_xticklabels()] == ["0", "1", "2"]


def test_masked_cells_are_hatched_and_only_these():
    mask = torch.ones(3, 3).tril().bool()
    ax = plotting.plot_attention(torch.eye(3), mask=mask)
    hatched = [p for p in ax.patches if isinstance(p, Rectangle) and p.get_hatch()]
    assert [p.get_xy() for p in hatched] == [(1, 0), (2, 0), (2, 1)]
    assert {to_hex(p.get_edgecolor()) for p in hatched} == {plotting.MASKED.lower()}
    assert len(numbers(ax)) == 9


def test_negative_scores_have_a_real_minus_sign():
    ax = plotting.plot_attention([[-1.0, 5.0]], vmin=-1, vmax=5, number_format=".0f")
    assert numbers(ax) == ["−1", "5"]


def test_numbers_are_legible_on_every_shade():
    ax = plotting.plot_attention(np.linspace(0, 1, 144).reshape(12, 12))
    ax.figure.canvas.draw()
    cells = ax.collections[0].get_facecolors()
    assert len(cells) == len(ax.texts) == 144
    for text, cell in zip(ax.texts, cells, strict=True):
        assert contrast(text.get_color(), cell[:3]) >= 4.5, text.get_text()


def test_a_table_of_numbers_has_the_color_of_each_group():
    ax = plotting.plot_numbers([[7, 11], [13, 2]], groups=[[0, 1], [1, 3]], row_labels="早上")
    assert numbers(ax) == ["7", "11", "13", "2"]
    assert [to_hex(patch.get_facecolor()) for patch in ax.patches] == [
        plotting.SERIES[i].lower() for i in (0, 1, 1, 3)
    ]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["早", "上"]
    assert not plotting.plot_numbers([[1]], groups=[[0]]).get_yticklabels()


def test_numbers_are_legible_on_the_tint_of_their_group():
    ax = plotting.plot_numbers([[0, 1, 2, 3]], groups=[[0, 1, 2, 3]])
    for text, patch in zip(ax.texts, ax.patches, strict=True):
        *color, alpha = patch.get_facecolor()
        tint = [alpha * channel + 1 - alpha for channel in color]
        assert contrast(text.get_color(), tint) >= 4.5


def test_series_are_the_heads_and_none_has_the_color_of_a_role():
    roles = {plotting.QUERY, plotting.KEY, plotting.VALUE, plotting.OUTPUT, plotting.MASKED}
    assert not roles & set(plotting.SERIES)
    css = (ROOT / "attnlib/widgets/static/common.css").read_text().lower()
    for index, color in enumerate(plotting.SERIES):
        assert f"--attn-series-{index}: {color.lower()};" in css


@pytest.mark.parametrize(
    "name", ["QUERY", "KEY", "VALUE", "OUTPUT", "MASKED", "INK", "QUIET", "SERIES"]
)
def test_the_palette_is_legible_on_paper(name):
    colors = getattr(plotting, name)
    for color in [colors] if isinstance(colors, str) else colors:
        assert contrast(color, plotting.PAPER) >= 4.5


def test_a_large_matrix_gets_a_color_bar_instead_of_numbers():
    ax = plotting.plot_attention(np.full((13, 29), 1 / 29))
    assert numbers(ax) == []
    assert len(ax.figure.axes) == 2
    assert len(ax.get_xticklabels()) <= 16
    assert numbers(plotting.plot_attention(np.full((13, 2), 0.5), show_numbers=True)) != []


@pytest.mark.parametrize("shape", [(1, 1), (1, 12), (12, 1), (12, 12), (64, 64), (3, 200)])
def test_no_figure_is_wider_than_the_page(shape):
    ax = plotting.plot_attention(np.zeros(shape), title="t")
    _, size = ax.figure.png()
    assert size["width"] <= 640
    assert size["height"] <= 900


def test_drawing_into_the_callers_axes():
    figure, (left, right) = plotting.subplots(1, 2)
    assert plotting.plot_attention(WEIGHTS, ax=right) is right
    assert not left.texts
    assert figure.axes == [left, right]
    _, plain = plt.subplots()  # any figure will do
    assert plotting.plot_attention(WEIGHTS, ax=plain) is plain


@pytest.mark.parametrize(
    "weights",
    [
        WEIGHTS,
        np.array(WEIGHTS, dtype=np.float32),
        torch.tensor(WEIGHTS, dtype=torch.bfloat16),
        torch.tensor(WEIGHTS, requires_grad=True),
    ],
    ids=["lists", "float32", "bfloat16", "with gradient"],
)
def test_lists_arrays_and_tensors_are_drawn_alike(weights):
    shown = [float(n) for n in numbers(plotting.plot_attention(weights))]
    assert shown == pytest.approx(np.ravel(WEIGHTS), abs=0.011)


def test_inputs_are_not_changed():
    weights, mask = torch.tensor(WEIGHTS), torch.ones(3, 3).tril().bool()
    before, mask_before = weights.clone(), mask.clone()
    labels = ["早", "上", "好"]
    png(plotting.plot_attention(weights, mask=mask, query_labels=labels))
    assert torch.equal(weights, before)
    assert torch.equal(mask, mask_before)
    assert labels == ["早", "上", "好"]


# --- font, style, bytes


def test_chinese_is_drawn_without_a_glyph_warning():
    text = "早上好，注意力!「爱好」hǎo → ×√∞ ² 0.67"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = plotting.plot_attention(WEIGHTS, query_labels="早上好", title=text)
        picture = png(ax)
        figure, axes = plotting.subplots()
        with plotting.style():
            axes.plot([1, 2], label=text)
            axes.set(title=text, xlabel=text, ylabel=text)
            axes.legend()
        figure.png()
    other = png(plotting.plot_attention(WEIGHTS, query_labels="早上上", title=text))
    assert picture != other, "every character was drawn as the same box"


def test_fonts_have_every_character_of_the_committed_text():
    check = subprocess.run(
        [sys.executable, ROOT / "tools" / "build_fonts.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stderr


def test_the_licence_stands_beside_the_font():
    for folder in ("attnlib/fonts", "book/_static/fonts"):
        licence = (ROOT / folder / "OFL.txt").read_text()
        assert licence.startswith("Copyright 2014-2021 Adobe")
        assert "SIL OPEN FONT LICENSE Version 1.1" in licence


def test_a_second_run_gives_the_same_bytes():
    def draw() -> bytes:
        mask = np.tri(3, dtype=bool)
        return png(
            plotting.plot_attention(WEIGHTS, mask=mask, query_labels="早上好", title="早上好")
        )

    first = draw()
    with mpl.rc_context({"font.size": 30, "savefig.dpi": 50, "hatch.linewidth": 9}):
        assert draw() == first, "the caller's settings leaked in"
    assert b"Software" not in first
    assert b"matplotlib" not in first
    assert draw() == first


def test_the_callers_settings_stay_as_they_were():
    before = dict(mpl.rcParams)
    png(plotting.plot_attention(WEIGHTS))
    plotting.subplots()
    with plotting.style():
        assert mpl.rcParams["font.family"] == plotting.FONT
    assert dict(mpl.rcParams) == before


def test_the_callers_settings_come_back_after_an_error():
    before = dict(mpl.rcParams)
    with pytest.raises(ZeroDivisionError), plotting.style():
        raise ZeroDivisionError
    assert dict(mpl.rcParams) == before


def test_settings_made_inside_the_block_stay():
    # The inline backend of notebooks switches "interactive" on when the first figure is made.
    with mpl.rc_context({"interactive": False}):
        with plotting.style():
            mpl.rcParams["interactive"] = True
        assert mpl.rcParams["interactive"]


def test_a_notebook_gets_a_sharp_picture_with_its_size_and_a_constant_text():
    ax = plotting.plot_attention(WEIGHTS, query_labels="早上好")
    data, metadata = ax.figure._repr_mimebundle_()
    size = metadata["image/png"]
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert picture.size == (2 * size["width"], 2 * size["height"])
    assert data["text/plain"] == f"<Figure {size['width']}×{size['height']} with 1 axes>"


def narrow(figure):
    """Return the picture that a figure has for narrow pages, and its width and height there."""
    found = figure._repr_mimebundle_()[1]["narrow"]
    picture = Image.open(io.BytesIO(base64.b64decode(found["png"])))
    assert picture.size == pytest.approx((2 * found["width"], 2 * found["height"]), abs=1)
    return np.asarray(picture.convert("L")), found["width"], found["height"]


def test_on_a_narrow_page_columns_of_axes_stand_below_each_other():
    figure, axes = plotting.subplots(1, 3, height=2)
    for i, ax in enumerate(axes):
        ax.plot([0, 1], [0, i])
        ax.set_title("ABC"[i])
    picture, width, height = narrow(figure)
    assert width <= 328
    assert height == pytest.approx(600, abs=9)
    # Nothing is cut through, nothing is lost: the ink of the wide picture is all there.
    wide = np.asarray(Image.open(io.BytesIO(figure.png()[0])).convert("L"))
    assert (picture < 128).sum() == pytest.approx((wide < 128).sum(), rel=1e-3)
    assert (picture[:, 0] > 200).all()


def test_columns_that_fit_stay_beside_each_other():
    figure, _ = plotting.subplots(1, 4, height=2)
    assert narrow(figure)[2] == pytest.approx(400, abs=9)


def test_a_narrow_page_shows_nothing_blank():
    """Square cells need less height where there is less width; a missing panel needs none."""
    figure, ax = plotting.subplots(width=6, height=3)
    plotting.plot_numbers([[1, 2, 3, 4]], groups=np.zeros((1, 4), int), ax=ax)
    picture, _, height = narrow(figure)
    assert height < 120
    assert [bool(row.min() < 250) for row in (picture[:8], picture[-8:])] == [False, False]
    figure, axes = plotting.subplots(2, 2, height=4, width=7)
    axes[1, 1].axis("off")
    assert narrow(figure)[2] == pytest.approx(600, abs=30)


def test_a_colour_bar_stays_with_its_axes():
    figure, axes = plotting.subplots(1, 2, height=2)
    image = axes[0].imshow([[0, 1]])
    figure.colorbar(image, ax=axes[0])
    assert 200 < narrow(figure)[2] <= 400


def test_a_single_plot_is_drawn_anew_for_a_narrow_page_with_letters_as_large():
    figure, ax = plotting.subplots(height=2)
    ax.set_title("Gg", loc="left")
    picture, width, height = narrow(figure)
    assert (width, height) == (328, pytest.approx(200, abs=5))
    assert figure.get_size_inches().tolist() == [6.4, 2]
    wide = np.asarray(Image.open(io.BytesIO(figure.png()[0])).convert("L"))
    letters = [np.flatnonzero((each[:60, :200] < 90).any(axis=1)) for each in (picture, wide)]
    assert len(letters[0]) == len(letters[1]) > 10


def test_a_narrow_figure_needs_no_other_form():
    figure, _ = plotting.subplots(width=3, height=2)
    assert "narrow" not in figure._repr_mimebundle_()[1]


def test_what_belongs_to_all_axes_is_not_cut():
    figure, _ = plotting.subplots(1, 2, height=2)
    figure.suptitle("of both")
    assert narrow(figure)[1] == 328


def test_the_picture_of_a_notebook_is_the_sharp_one(monkeypatch):
    published = []
    monkeypatch.setattr(
        "IPython.display.display", lambda data, **options: published.append((data, options))
    )
    formatter = DisplayFormatter()
    # What %matplotlib inline does: its printer would win over a mime bundle.
    formatter.formatters["image/png"].for_type(mpl.figure.Figure, lambda _: b"crude")
    figure = plotting.plot_attention(WEIGHTS).figure
    assert formatter.format(figure) == ({}, {}), "the notebook's own printer ran"
    ((data, options),) = published
    width, height = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).size
    assert options["raw"]
    assert options["metadata"]["image/png"] == {"width": width // 2, "height": height // 2}


def test_the_small_picture_looks_like_the_drawn_one():
    ax = plotting.plot_attention(np.random.default_rng(0).random((29, 31)), title="早上好")
    ax.figure.draw_without_rendering()
    ax.figure.set_layout_engine("none")  # each layout moves things by a fraction of a pixel
    drawn = io.BytesIO()
    with plotting.style():
        ax.figure.savefig(drawn, format="png")
    pictures = (Image.open(drawn), Image.open(io.BytesIO(png(ax))))
    before, after = (np.asarray(picture.convert("RGB"), dtype=int) for picture in pictures)
    assert np.abs(before - after).max() <= 8
    assert len(png(ax)) < 0.6 * len(drawn.getvalue())


# --- bad input


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([0.2, 0.8], r"weights must be a matrix .* got shape \(2,\)"),
        (np.zeros((2, 3, 3)), r"got shape \(2, 3, 3\)"),
        (np.zeros((0, 3)), r"not empty, got shape \(0, 3\)"),
        ([[0.5, float("nan")]], r"weights must be finite, got nan at \(0, 1\)"),
        ([[0.5], [float("-inf")]], r"weights must be finite, got -inf at \(1, 0\)"),
        ([[0.5, 0.5], [1.0]], "weights must not be ragged"),
        ([["a"]], "weights must hold numbers"),
    ],
)
def test_weights_that_are_no_matrix(weights, message):
    with pytest.raises(ValueError, match=message):
        plotting.plot_attention(weights)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"query_labels": "早上"}, "query_labels must have 3 entries, got 2"),
        ({"key_labels": "早上好好"}, "key_labels must have 3 entries, got 4"),
        ({"mask": np.ones((3, 2), dtype=bool)}, r"mask must have the shape .*\(3, 3\).*\(3, 2\)"),
        ({"mask": np.ones((3, 3))}, "mask must be boolean .* got float64"),
        ({"vmin": 1.0}, "vmin must be below vmax, got 1.0 and 1.0"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        plotting.plot_attention(WEIGHTS, **options)
    assert not plt.get_fignums(), "a figure was left behind"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": [[0, 1]]}, r"groups must have shape \(2, 2\), got \(1, 2\)"),
        ({"groups": [[0, 1], [2, 4]]}, "groups must be integers from 0 to 3"),
        ({"groups": [[0, -1], [2, 3]]}, "groups must be integers from 0 to 3"),
        ({"groups": [[0.0, 1.0], [2.0, 3.0]]}, "groups must be integers from 0 to 3"),
        ({"groups": [[0, 1], [2, 3]], "row_labels": "早上好"}, "row_labels must have 2 entries"),
    ],
)
def test_groups_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        plotting.plot_numbers([[7, 11], [13, 2]], **options)
    assert not plt.get_fignums(), "a figure was left behind"


# --- what comes from outside is written as it stands


MARKUP = ["$$", "$x$", "$\\frac{$", "a_b^c"]


@pytest.mark.parametrize("text", [*MARKUP, "$5 $6"])
def test_labels_and_titles_are_literal_text(text):
    ax = plotting.plot_attention(
        np.eye(3), query_labels=[text, "a", "b"], query_title=text, key_title=text
    )
    titles = plotting.plot_numbers([[1]], groups=[[0]], row_labels=[text], title=f"{text}!")
    for axes in (ax, titles):
        png(axes)
        for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            assert not label.get_parse_math()
    assert ax.get_yticklabels()[0].get_text() == text
    assert ax.get_xlabel() == f"{text} →"
    assert not ax.xaxis.label.get_parse_math()
    assert titles.get_title(loc="left") == f"{text}!"
    assert not titles._left_title.get_parse_math()


def test_the_words_for_query_and_key_are_those_of_the_language(monkeypatch):
    monkeypatch.setattr(
        words, "catalogue", lambda _: {"plots": {"query": "ASKS", "key": "ANSWERS"}}
    )
    ax = plotting.plot_attention([[1.0]])
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("← ASKS", "ANSWERS →")
    ax = plotting.plot_attention([[1.0]], query_title="row", key_title="")
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("← row", " →")


def test_a_title_that_is_a_formula_is_set_as_one():
    ax = plotting.plot_attention([[1.0]], title=r"$\mathrm{softmax}(QK^\mathsf{T})$")
    assert ax._left_title.get_parse_math()
    plain = plotting.plot_attention([[1.0]], title=r"$\mathrm{softmax}(QK^\mathsf{T})$ ")
    assert png(ax) != png(plain)
    for title in ("$$", "$a$ and $b$", "$"):
        ax = plotting.plot_attention([[1.0]], title=title)
        assert not ax._left_title.get_parse_math()
        png(ax)
