"""attnlib.widgets.multi_head: the example, traits and errors."""

import base64
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

import attnlib
from attnlib.widgets import MultiHeadView
from attnlib.widgets import live_figure as shared
from attnlib.widgets import multi_head as module
from tests.widgets.facts import Facts, close

NAN = float("nan")


def layer_weights(heads: int = 5, q_len: int = 3, k_len: int = 7, **options: object):
    """Weights of a real layer, without the batch axis."""
    layer = attnlib.MultiHeadAttention(8 * heads, heads)
    query, key = torch.randn(1, q_len, 8 * heads), torch.randn(1, k_len, 8 * heads)
    _, weights = layer(query, key, need_weights=True, **options)
    return weights[0]


def check(shown):
    weights, _ = module.example()
    close(shown["weights"], weights[:, shown["query"]])
    close(shown["mean"], weights.mean(dim=0)[shown["query"]])


FLOATS = base64.b64encode(struct.pack("<4f", 0.5, 0.5, NAN, 1)).decode()
PAIR = {"head_names": [""], "query_tokens": ["a", "b"], "key_tokens": ["a", "b"], "mask": []}
FACTS = Facts(
    kind=MultiHeadView,
    check=check,
    # Each head looks elsewhere.
    opening=lambda shown: len({row.index(max(row)) for row in shown["weights"]}) == 4,
    tapped=[
        ".attn-heads-token >> nth=0",
        ".attn-heads-title input >> nth=1",
        ".attn-heads-map >> nth=2",
    ],
    pressed=[
        (".attn-heads-token[tabindex='0']", ["ArrowUp"]),
        (".attn-heads-title input >> nth=0", ["Space"]),
    ],
    bad=[
        ({**PAIR, "weights": FLOATS}, "between 0 and 1, got NaN at head 0, query 1, key 0"),
        ({"weights": "<b>"}, "weights must be 196 float32 numbers in base64, got <b>"),
        ({"weights": FLOATS}, "weights must be 196 float32 numbers in base64, got 4"),
        ({"query_tokens": []}, "query_tokens must be a list of one or more texts"),
        ({"key_tokens": ["a"] * 200}, "key_tokens must be at most 64"),
        ({"mask": ["01"]}, "mask must be empty or 7 texts of 7 digits 0 or 1"),
        ({"shown": [True, None]}, "shown must be 5 booleans"),
    ],
    marked=lambda text: MultiHeadView(
        torch.eye(3).expand(2, 3, 3), [text, "<b>", "&amp;"], head_names=[text, "&lt;"]
    ),
    special=lambda: [
        MultiHeadView(layer_weights(*shape)) for shape in ((1, 1, 1), (5, 1, 9), (3, 20, 4))
    ],
    largest=lambda: MultiHeadView(
        torch.randn(12, 64, 64).softmax(dim=-1), [f"token {i}" for i in range(64)]
    ),
)


# --- the example


def test_it_opens_with_four_heads_that_do_different_jobs():
    figure = MultiHeadView()
    assert repr(figure) == "MultiHeadView(weights of shape (4, 7, 7), query=4)"
    tokens = [*"我爱你，你爱我"]
    assert figure.drawing.query_tokens == figure.drawing.key_tokens == tokens
    before, after, same, first = figure.weights
    assert before[1:].argmax(axis=1).tolist() == [0, 1, 2, 3, 4, 5]
    assert after[:-1].argmax(axis=1).tolist() == [1, 2, 3, 4, 5, 6]
    assert first.argmax(axis=1).tolist() == [0] * 7
    equal = np.array([[a == b for a in tokens] for b in tokens])
    assert (same[equal] > 0.4).all()
    assert (same[~equal] < 0.02).all()
    # Whoever asks for a position that does not exist looks everywhere alike.
    np.testing.assert_allclose(before[0], 1 / 7, atol=1e-6)
    np.testing.assert_allclose(after[-1], 1 / 7, atol=1e-6)
    # What the figure is about: the mean cannot be told from four half-hearted heads.
    assert figure.weights.mean(axis=0)[4].max() < 0.25


def test_the_example_is_computed_by_the_layer(monkeypatch):
    weights, _ = module.example()
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(4, 7))
    e4 = torch.tensor(4.0).exp().item()  # 4 against 0: after the division by the root of 8
    assert weights[0, 1, 0].item() == pytest.approx(e4 / (e4 + 6))
    assert weights[2, 0, 0].item() == pytest.approx(e4 / (2 * e4 + 5))

    def another(*a: object, **k: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(module.MultiHeadAttention, "forward", another)
    with pytest.raises(ZeroDivisionError):
        MultiHeadView()


# --- weights from elsewhere


@pytest.mark.parametrize("kind", ["tensor", "batch", "array", "lists", "gradients", "bfloat16"])
def test_weights_arrive_whatever_holds_them(kind):
    weights = layer_weights().detach()
    given = {
        "tensor": weights,
        "batch": weights[None],
        "array": weights.numpy(),
        "lists": weights.tolist(),
        "gradients": weights.clone().requires_grad_(),
        "bfloat16": weights.bfloat16(),
    }[kind]
    figure = MultiHeadView(given)
    tolerance = 4e-3 if kind == "bfloat16" else 1e-6
    np.testing.assert_allclose(figure.weights, weights.numpy(), atol=tolerance)
    assert figure.weights.shape == (5, 3, 7)


def test_the_input_is_not_changed():
    weights = layer_weights().detach()
    before = weights.clone()
    MultiHeadView(weights)
    assert torch.equal(weights, before)


def test_the_text_in_the_trait_is_float32_head_after_head():
    weights = layer_weights(2, 3, 5).detach()
    raw = base64.b64decode(MultiHeadView(weights).drawing.weights)
    numbers = struct.unpack("<30f", raw)
    np.testing.assert_allclose(numbers, weights.flatten(), atol=1e-6)


def test_another_processors_last_bits_do_not_change_the_text():
    weights = np.full((1, 1, 3), 1 / 3)
    assert MultiHeadView(weights).drawing.weights == MultiHeadView(weights + 1e-9).drawing.weights


def test_the_largest_figure_is_small_enough_to_carry():
    weights = layer_weights(12, 64, 64)
    figure = MultiHeadView(weights)
    assert len(figure.drawing.weights) < 270_000
    np.testing.assert_allclose(figure.weights, weights.detach().numpy(), atol=1e-6)


def test_names():
    weights = layer_weights(2, 3, 3)
    assert MultiHeadView(weights).drawing.query_tokens == ["0", "1", "2"]
    assert MultiHeadView(weights).drawing.head_names == ["", ""]
    drawing = MultiHeadView(weights, "早上好", head_names=["a", "b"]).drawing
    assert drawing.query_tokens == drawing.key_tokens == ["早", "上", "好"]
    assert drawing.head_names == ["a", "b"]
    longer = MultiHeadView(layer_weights(2, 3, 5), "早上好").drawing
    assert longer.key_tokens == ["0", "1", "2", "3", "4"]
    assert MultiHeadView(weights, ["\n", " a", ""]).drawing.query_tokens == ["␣", " a", ""]


def test_the_query_at_the_start():
    weights = layer_weights()
    assert MultiHeadView(weights).drawing.query == 2  # the last: it may see most
    assert MultiHeadView(weights, query=-2).drawing.query == 1
    figure = MultiHeadView(weights, query=0)
    assert (figure.drawing.query, figure.drawing.start["query"]) == (0, 0)
    (slider,) = figure.controls
    assert (slider.value, slider.min, slider.max, slider.description) == (0, 0, 2, "query")


def test_a_single_query_needs_no_slider():
    figure = MultiHeadView(layer_weights(5, 1, 7))
    assert figure.controls == ()
    figure._repr_mimebundle_()


# --- masks


def test_what_no_head_may_see_is_masked():
    causal = attnlib.causal_mask(3, 7)
    figure = MultiHeadView(layer_weights(is_causal=True))
    assert figure.drawing.mask == ["1111100", "1111110", "1111111"]
    assert figure.drawing.mask == MultiHeadView(figure.weights, mask=causal).drawing.mask


def test_a_zero_in_one_head_is_no_mask():
    figure = MultiHeadView([[[0.0, 1.0]], [[0.5, 0.5]]])
    assert figure.drawing.mask == []


def test_a_small_weight_is_no_mask_though_it_is_rounded_to_zero():
    figure = MultiHeadView([[[1e-9, 1.0]]])
    assert figure.drawing.mask == []
    assert figure.weights[0, 0, 0] == 0


def test_a_mask_broadcasts_and_may_have_axes_in_front():
    weights = layer_weights(mask=torch.tensor([True] * 5 + [False] * 2).expand(3, 7))
    for mask in (attnlib.padding_mask(torch.tensor([5]), 7), [True] * 5 + [False] * 2):
        assert MultiHeadView(weights, mask=mask).drawing.mask == ["1111100"] * 3


def test_a_mask_of_the_other_polarity_is_found_out():
    weights = layer_weights(is_causal=True)
    with pytest.raises(ValueError, match=r"mask is False at \(0, 0\).*True = may attend"):
        MultiHeadView(weights, mask=~attnlib.causal_mask(3, 7))


# --- what the browser gets


@pytest.mark.parametrize("head", range(12))
def test_colors_of_heads_are_legible(head):
    css = shared.style("multi_head.css")
    pair = re.search(rf"--attn-series-{head}: light-dark\((#\w+), (#\w+)\)", css)
    light, dark = pair.groups()
    assert f"--attn-series-{head}: {light};" in css
    assert f".attn-heads-{head} {{ --attn-head: var(--attn-series-{head}); }}" in css
    assert css.count(f"light-dark({light}, {dark})") == 1  # no other head has it

    def luminance(color: str) -> float:
        channels = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    papers = re.search(r"--attn-paper: light-dark\((#\w+), (#\w+)\)", css).groups()
    for color, paper in zip((light, dark), papers, strict=True):
        text, ground = luminance(color), luminance(paper)
        assert (max(text, ground) + 0.05) / (min(text, ground) + 0.05) >= 4.5


def test_classes_are_its_own():
    # All figures of a page share one namespace: a general name would restyle another figure.
    css = (shared.STATIC / "multi_head.css").read_text(encoding="utf-8")
    common = (shared.STATIC / "common.css").read_text(encoding="utf-8")
    for name in set(re.findall(r"\.(attn-[\w-]+)", css)):
        assert name.startswith("attn-heads") or f".{name}" in common, name
    # Who borrows its table may restyle it inside a figure of its own alone.
    for path in Path(shared.STATIC).glob("*.css"):
        if path.name != "multi_head.css":
            for rule in path.read_text(encoding="utf-8").splitlines():
                own = ".attn-" + path.stem.replace("_", "-")
                assert "attn-heads" not in rule or own in rule, rule


# --- what does not fit


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": [[0.5, 0.5]]}, r"\(num_heads, q_len, k_len\), got \(1, 2\): a mean over the"),
        ({"weights": torch.ones(2, 3, 4, 4)}, r"q_len, k_len\).*got \(2, 3, 4, 4\)"),
        ({"weights": torch.ones(2, 0, 4)}, r"none of them 0, got \(2, 0, 4\)"),
        ({"weights": [[[1.0], [0.5, 0.5]]]}, "weights must be .* lists of one length: "),
        ({"weights": "早上好"}, "weights must be a tensor"),
        ({"weights": [[[0.5, NAN]]]}, r"between 0 and 1, got nan at \(0, 0, 1\)"),
        ({"weights": [[[2.5, -1.0]]]}, r"between 0 and 1, got 2.5 at \(0, 0, 0\)"),
        ({"weights": [[[0.5, -0.1]]]}, r"got -0.1 at \(0, 0, 1\)"),
        ({"weights": torch.ones(13, 2, 2)}, r"at most 12 heads .* got the shape \(13, 2, 2\)"),
        ({"weights": torch.ones(2, 2, 200)}, r"64 tokens, got the shape \(2, 2, 200\)"),
        ({"query_tokens": "早上好"}, "query_tokens must have 7 entries, got 3"),
        ({"key_tokens": "早上好"}, "key_tokens must have 7 entries, got 3"),
        ({"head_names": ["a"]}, "head_names must have 4 entries, got 1"),
        ({"query": 7}, "query must be from -7 to 6, got 7"),
        ({"query": -8}, "query must be from -7 to 6, got -8"),
        ({"mask": torch.ones(7, 7)}, r"mask must be boolean \(True = may attend\), got float32"),
        ({"mask": [[True], [True, True]]}, "mask must be .* lists of one length: "),
        (
            {"mask": torch.ones(2, 7, dtype=torch.bool)},
            r"mask must broadcast to \(7, 7\), got \(2, 7\)",
        ),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        MultiHeadView(**arguments)


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        ("weights", "早", "weights must be float32 numbers in base64, got '早'"),
        ("weights", "abc", "weights must be float32 numbers in base64"),
        ("weights", "AADAfw==", "between 0 and 1, got nan"),
        ("query", 7, "query must be a whole number from 0 to 6, got 7"),
        ("query", -1, "query must be a whole number from 0 to 6, got -1"),
    ],
)
def test_bad_traits(trait, value, message):
    drawing = MultiHeadView().drawing
    before = getattr(drawing, trait)
    with pytest.raises(ValueError, match=message):
        setattr(drawing, trait, value)
    assert getattr(drawing, trait) == before
