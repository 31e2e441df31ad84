"""QueryKeyValueExplorer: the example, the plane, arguments and traits."""

import numpy as np
import pytest
import torch
import traitlets

from attnlib.functional import scaled_dot_product_attention
from attnlib.widgets import QueryKeyValueExplorer
from attnlib.widgets import query_key_value as module
from tests.widgets.facts import Facts, close


def two_by(n: int) -> list[list[float]]:
    return [[float(i), 1.0] for i in range(n)]


def check(shown):
    query = torch.tensor([shown["query"]], dtype=torch.float64)
    phrase = [module.TOKENS.index(token) for token in module.PHRASES[shown["phrase"]]]
    keys, values = (
        torch.tensor(v, dtype=torch.float64)[phrase] for v in (module.KEYS, module.VALUES)
    )
    output, weights = scaled_dot_product_attention(
        query, keys, values, scale=1.0, need_weights=True
    )
    close(shown["scores"], (query @ keys.mT)[0])
    close(shown["weights"], weights[0])
    close(shown["output"], output[0])


def special():
    """One vector of length 0, two that are equal, twelve in a line: names too long as well."""
    for vectors in ([[0, 0]], [[1, 1], [1, 1]], two_by(12)):
        tokens = [f"token-number-{i}" for i in range(len(vectors))]
        yield QueryKeyValueExplorer(tokens, vectors, vectors, (0, 0))
    yield QueryKeyValueExplorer("ab", [[1, 0], [0, 1]], [[1, 0], [0, 1]], phrases=["a", "b", "ba"])


def marked(text):
    return QueryKeyValueExplorer([text, "<b>上</b>", "&amp;"], query_token=text)


FACTS = Facts(
    kind=QueryKeyValueExplorer,
    check=check,
    opening=lambda shown: shown["weights"].index(max(shown["weights"])) == 0,  # not 上 itself
    tapped=[".attn-plane >> nth=0", ".widget-toggle-button >> nth=1"],
    pressed=[(".attn-handle", ["ArrowLeft"])],
    bad=[
        ({"query_x": None}, "query_x must be a finite number, got null"),
        (
            {"key_vectors": [[1, 1], [2], [1, -1], [0, 0]]},
            "key_vectors[1] must be 2 finite numbers",
        ),
        ({"value_vectors": [[1, None]] * 4}, "value_vectors[0] must be 2 finite numbers"),
        ({"tokens": []}, "tokens must be a list of one or more texts, got []"),
        ({"tokens": ["a"] * 200}, "tokens must be at most 12"),
        ({"reach": 0}, "reach and step must be above 0, got 0 and 0.05"),
        (
            {"phrases": [[0, 1], [4]]},
            "phrases must be lists of numbers from 0 to 3, got [[0,1],[4]]",
        ),
        ({"phrase": 2}, "phrase must be a whole number from 0 to 1, got 2"),
        ({"start": {}}, "start must have the traits query_x, query_y, phrase"),
    ],
    marked=marked,
    special=lambda: list(special()),
    largest=lambda: QueryKeyValueExplorer(
        [f"token {i}" for i in range(12)], *[torch.randn(12, 2)] * 2
    ),
)


def test_it_opens_with_the_example_of_the_book():
    figure = QueryKeyValueExplorer()
    drawing = figure.drawing
    assert repr(figure) == "QueryKeyValueExplorer('早上好 / 爱好', query=(1, 1), scale=1)"
    assert drawing.tokens == ["早", "上", "好", "爱"]
    assert (drawing.phrases, drawing.phrase) == ([[0, 1, 2], [3, 2]], 0)
    x = torch.tensor([[2.0, 1], [1, 2], [0, 1], [1, -1]])
    assert drawing.key_vectors == (x @ torch.tensor([[0.0, 1], [1, -1]])).tolist()
    assert drawing.value_vectors == (x @ torch.tensor([[1.0, 1], [-1, 1]])).tolist()
    query = x[1] @ torch.tensor([[1.0, -1], [0, 1]])
    assert [drawing.query_x, drawing.query_y] == query.tolist()
    assert drawing.start == {"query_x": query[0], "query_y": query[1], "phrase": 0}
    assert (drawing.scale, drawing.query_token) == (1.0, "上")


def test_phrases_are_chosen_by_their_tokens():
    figure = QueryKeyValueExplorer()
    choice = figure.controls[0]
    assert (choice.description, choice.options, choice.index) == ("phrase", ("早上好", "爱好"), 0)
    four = (module.TOKENS, module.KEYS, module.VALUES)
    other = QueryKeyValueExplorer(*four, phrases=["好", ["爱", "早"], "爱好上早"])
    assert other.drawing.phrases == [[2], [3, 0], [3, 2, 1, 0]]
    twins = QueryKeyValueExplorer("aa", [[1, 0], [0, 1]], [[1, 0], [0, 1]])
    assert twins.drawing.phrases == [[0, 1]]


def test_the_example_is_known_by_its_numbers():
    three = (list("早上好"), torch.tensor(module.KEYS[:3]), module.VALUES[:3])
    again = QueryKeyValueExplorer(*three, query=[1.0, 1.0])
    assert again.drawing.query_token == "上"
    assert again.drawing.phrases == [[0, 1, 2]]
    assert len(again.controls) == 2, "there is nothing to choose"
    assert QueryKeyValueExplorer(query=(2, -1)).drawing.query_token == ""
    assert QueryKeyValueExplorer(query=(2, -1), query_token="早").drawing.query_token == "早"


def test_sliders_carry_the_query_and_hold_the_plane():
    figure = QueryKeyValueExplorer(query=(-1.5, 2))
    _, x, y = figure.controls
    assert (x.description, y.description) == ("query x", "query y")
    assert (x.value, y.value) == (-1.5, 2.0)
    assert (x.min, x.max, x.step) == (-3.0, 3.0, 0.05)


@pytest.mark.parametrize(
    ("largest", "reach", "step"),
    [(0, 3, 0.05), (2, 3, 0.05), (2.6, 5, 0.1), (4.1, 5, 0.1), (5, 10, 0.2), (0.3, 0.5, 0.01)],
)
def test_the_plane_holds_keys_and_query_with_a_margin(largest, reach, step):
    drawing = QueryKeyValueExplorer(["a"], [[largest, 0]], [[1, 1]], (0, 0)).drawing
    assert (drawing.reach, drawing.step) == pytest.approx((reach, step))


def test_tensors_and_arrays_are_taken_and_not_changed():
    keys = torch.tensor(module.KEYS, dtype=torch.float32, requires_grad=True)
    values = np.array(module.VALUES)
    before = keys.detach().clone(), values.copy()
    figure = QueryKeyValueExplorer(keys=keys, values=values, query=torch.tensor([1, 1]))
    assert figure.drawing.key_vectors == [[float(a) for a in key] for key in module.KEYS]
    assert torch.equal(keys, before[0])
    assert np.array_equal(values, before[1])


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tokens": []}, "tokens must be 1 to 12 names, got 0"),
        ({"tokens": ["a"] * 200}, "tokens must be 1 to 12 names, got 200"),
        ({"tokens": "早上"}, r"keys must be numbers of shape \(2, 2\), got shape \(4, 2\)"),
        ({"keys": [[1, 1], [2, -1]]}, r"keys must be .* \(4, 2\), got shape \(2, 2\)"),
        ({"values": [[1, 1, 1]] * 4}, r"values must be .* \(4, 2\), got shape \(4, 3\)"),
        ({"keys": [[1, 1], [2], [1, -1]]}, r"keys must be .* \(4, 2\), got \[\[1, 1\], \[2\]"),
        ({"keys": [["a", "b"]] * 4}, "keys must be numbers .*got .*'a'"),
        ({"keys": [[1, NAN], *[[1, -1]] * 3]}, "keys must be finite, got .*nan"),
        ({"values": [[1, INF], *[[1, -1]] * 3]}, "values must be finite, got .*inf"),
        ({"query": (1, 1, 1)}, r"query must be numbers of shape \(2,\), got shape \(3,\)"),
        ({"query": 1}, r"query must be .* got shape \(\)"),
        ({"query": (NAN, 1)}, "query must be finite, got"),
        ({"scale": 0}, "scale must be above 0, got 0"),
        ({"scale": NAN}, "scale must be finite, got nan"),
        ({"scale": "x"}, "scale must be a number, got 'x'"),
        ({"phrases": []}, "phrases must be one or more, got none"),
        ({"phrases": ["早", ""]}, "phrases must hold one or more of .* got ''"),
        ({"phrases": ["早晚"]}, "phrases must hold one or more of .* got '早晚'"),
        ({"query_token": "晚"}, "query_token must be one of .*, or '', got '晚'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        QueryKeyValueExplorer(**arguments)


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        ("key_vectors", [[1.0, NAN]] * 3, "key_vectors must be finite"),
        ("value_vectors", [[1.0], [2.0, 3.0]], r"value_vectors must be .* \(2, 2\)"),
        ("query_x", INF, "query_x must be finite, got inf"),
        ("scale", NAN, "scale must be finite, got nan"),
        ("phrase", 2, "phrase must be below 2"),
    ],
)
def test_bad_traits(trait, value, message):
    drawing = QueryKeyValueExplorer().drawing
    before = getattr(drawing, trait)
    with pytest.raises((ValueError, traitlets.TraitError), match=message):
        setattr(drawing, trait, value)
    assert getattr(drawing, trait) == before
