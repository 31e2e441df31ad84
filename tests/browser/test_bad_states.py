"""What a figure does with traits that Python would have refused, and with names like HTML."""

import base64
import struct

import pytest
import torch

from attnlib.widgets import (
    MaskLab,
    MultiHeadView,
    PositionalEncodingExplorer,
    QueryKeyValueExplorer,
    RotaryExplorer,
    ScalingExplorer,
)
from tests.browser.stage import Stage

NAN = None  # as JSON writes it
FLOATS = base64.b64encode(struct.pack("<4f", 0.5, 0.5, float("nan"), 1)).decode()
PAIR = {"head_names": [""], "query_tokens": ["a", "b"], "key_tokens": ["a", "b"], "mask": []}

# What is wrong, and what the reader is told about it.
BAD = [
    (QueryKeyValueExplorer, {"query_x": NAN}, "query_x must be a finite number, got null"),
    (QueryKeyValueExplorer, {"key_vectors": [[1, 1], [2], [1, -1]]}, "key_vectors[1] must be 2 fi"),
    (QueryKeyValueExplorer, {"value_vectors": [[1, NAN]] * 3}, "value_vectors[0] must be 2 finite"),
    (QueryKeyValueExplorer, {"tokens": []}, "tokens must be a list of one or more texts, got []"),
    (QueryKeyValueExplorer, {"tokens": ["a"] * 200}, "tokens must be at most 12"),
    (QueryKeyValueExplorer, {"start": {}}, "start must have the traits query_x, query_y"),
    (ScalingExplorer, {"hundredths": "NaN 1"}, "hundredths must be 7040 numbers, got 2"),
    (ScalingExplorer, {"exponent": NAN}, "exponent must be a finite number, got null"),
    (ScalingExplorer, {"query": 200}, "query must be a whole number from 1 to 64, got 200"),
    (ScalingExplorer, {"divisor": []}, "divisor must be a finite number, got []"),
    (MaskLab, {"scores": [[1, 2, 3, 4, NAN]] * 5}, "scores[0] must be 5 finite numbers"),
    (MaskLab, {"scores": [[1, 2], [3]]}, "scores must have 5 rows, one for each token, got 2"),
    (MaskLab, {"tokens": []}, "tokens must be a list of one or more texts, got []"),
    (MaskLab, {"tokens": ["a"] * 200}, "tokens must be at most 12 to be told apart here, got 200"),
    (MaskLab, {"painted": [[0, 9, 1]]}, "painted must hold cells [query, key, 0 or 1] below 5"),
    (MaskLab, {"is_causal": "no"}, 'is_causal must be true or false, got "no"'),
    (
        MultiHeadView,
        {**PAIR, "weights": FLOATS},
        "between 0 and 1, got NaN at head 0, query 1, key 0",
    ),
    (MultiHeadView, {"weights": "<b>"}, "weights must be 196 float32 numbers in base64, got <b>"),
    (MultiHeadView, {"weights": FLOATS}, "weights must be 196 float32 numbers in base64, got 4"),
    (MultiHeadView, {"query_tokens": []}, "query_tokens must be a list of one or more texts"),
    (MultiHeadView, {"key_tokens": ["a"] * 200}, "key_tokens must be at most 64"),
    (MultiHeadView, {"mask": ["01"]}, "mask must be empty or 7 texts of 7 digits 0 or 1"),
    (MultiHeadView, {"shown": [True, NAN]}, "shown must be 5 booleans"),
    (PositionalEncodingExplorer, {"dim": NAN}, "dim must be a finite number, got null"),
    (PositionalEncodingExplorer, {"dim": 7}, "dim must be even, got 7"),
    (PositionalEncodingExplorer, {"bases": []}, "bases must be numbers above 0, got []"),
    (PositionalEncodingExplorer, {"columns": [1, [2]]}, "columns must be whole numbers from 0"),
    (PositionalEncodingExplorer, {"first": 200}, "first must be a whole number from 0 to 39"),
    (RotaryExplorer, {"query_vector": [NAN, 1]}, "query_vector must be 2 finite numbers"),
    (RotaryExplorer, {"key_vector": [[1], 2]}, "key_vector must be 2 finite numbers, got [[1],2]"),
    (RotaryExplorer, {"theta": NAN}, "theta must be a finite number, got null"),
    (RotaryExplorer, {"words": None}, "words must be values by name, got null"),
]
MARKUP = '<img src=x onerror="window.hit = 1">'


def attack(words):
    return {name: f"{MARKUP}{text}" for name, text in words.items()}


def with_markup():
    """Each figure, with markup wherever a text can be put in."""
    from attnlib.widgets import (
        mask_lab,
        multi_head,
        positional_encoding,
        query_key_value,
        rotary,
        scaling,
    )

    names = [MARKUP, "<b>上</b>", "&amp;"]
    weights = torch.eye(3).expand(2, 3, 3)
    return [
        QueryKeyValueExplorer(names, words=attack(query_key_value.WORDS), query_token=MARKUP),
        ScalingExplorer(words=attack(scaling.WORDS)),
        MaskLab(names, torch.zeros(3, 3), words=attack(mask_lab.WORDS)),
        MultiHeadView(
            weights, names, names, head_names=[MARKUP, "&lt;"], words=attack(multi_head.WORDS)
        ),
        PositionalEncodingExplorer(words=attack(positional_encoding.WORDS)),
        RotaryExplorer(words=attack(rotary.WORDS)),
    ]


@pytest.fixture(scope="module")
def bad(lasting_visit):
    """One page: every bad figure, then one of each that is whole."""
    kinds = list(dict.fromkeys(kind for kind, _, _ in BAD))
    figures = [kind() for kind, _, _ in BAD] + [kind() for kind in kinds]

    window = lasting_visit()
    Stage(figures, [traits for _, traits, _ in BAD])(window)
    return window


@pytest.mark.parametrize(
    "number", range(len(BAD)), ids=[f"{kind.__name__}-{next(iter(t))}" for kind, t, _ in BAD]
)
def test_the_message_names_what_is_wrong(bad, number):
    figure = bad.page.locator(".live-figure").nth(number)
    message = figure.locator(".live .attn-error")
    assert message.is_visible()
    assert "This figure cannot be drawn: " in message.inner_text()
    assert BAD[number][2] in message.inner_text()
    assert figure.locator(".live .attn-figure > *").count() == 1  # and nothing half drawn


def test_the_others_on_the_page_live_on(bad):
    assert set(bad.states()) == {"alive"}
    whole = bad.page.locator(".live-figure").all()[len(BAD) :]
    assert len(whole) == 6
    for figure in whole:
        root, handle = figure.locator(".attn-figure"), figure.locator(".noUi-handle").first
        before = root.get_attribute("data-numbers")
        handle.press("ArrowLeft")
        bad.page.wait_for_function(
            "([e, before]) => e.dataset.numbers !== before", arg=[root.element_handle(), before]
        )
    assert bad.problems == []


@pytest.fixture(scope="module")
def marked(lasting_visit):
    window = lasting_visit()
    Stage(with_markup())(window)
    return window


def test_names_and_words_are_text(marked):
    assert marked.states() == ["alive"] * 6
    assert marked.page.locator(".live img, .live b, .live script").count() == 0
    assert marked.page.evaluate("window.hit") is None
    for figure in marked.page.locator(".live .attn-figure").all():
        assert MARKUP in figure.locator(".attn-hint").inner_text()
        assert figure.locator(".attn-error").count() == 0
    texts = marked.page.locator(".live-figure").first.locator("tbody th").all_inner_texts()
    assert texts == [MARKUP, "<b>上</b>", "&amp;"]
    assert marked.problems == []


def test_long_names_push_nothing_off_the_page(visit):
    names = [f"a-name-that-is-far-too-long-for-a-token-{i}" for i in range(5)]
    figures = [
        QueryKeyValueExplorer(names, torch.eye(5, 2), torch.eye(5, 2)),
        MaskLab(names, torch.zeros(5, 5)),
        MultiHeadView(torch.eye(5).expand(3, 5, 5), names, head_names=names[:3]),
    ]
    window = visit(viewport={"width": 360, "height": 780})
    page = Stage(figures)(window)
    assert window.states() == ["alive"] * 3
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
