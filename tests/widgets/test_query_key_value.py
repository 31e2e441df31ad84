"""QueryKeyValueExplorer: the example, the plane, arguments and traits."""

import numpy as np
import pytest
import torch

from attnlib.functional import scaled_dot_product_attention
from attnlib.widgets import QueryKeyValueExplorer
from attnlib.widgets import query_key_value as module
from tests.widgets.facts import Facts, close


def two_by(n: int) -> list[list[float]]:
    return [[float(i), 1.0] for i in range(n)]


def check(shown):
    query = torch.tensor([shown["query"]], dtype=torch.float64)
    keys, values = (torch.tensor(v, dtype=torch.float64) for v in (module.KEYS, module.VALUES))
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


def marked(text):
    return QueryKeyValueExplorer([text, "<b>上</b>", "&amp;"], query_token=text)


FACTS = Facts(
    kind=QueryKeyValueExplorer,
    check=check,
    opening=lambda shown: shown["weights"].index(max(shown["weights"])) == 0,  # not 上 itself
    tapped=[".attn-plane >> nth=0"],
    pressed=[(".attn-handle", ["ArrowLeft"])],
    bad=[
        ({"query_x": None}, "query_x must be a finite number, got null"),
        ({"key_vectors": [[1, 1], [2], [1, -1]]}, "key_vectors[1] must be 2 finite numbers"),
        ({"value_vectors": [[1, None]] * 3}, "value_vectors[0] must be 2 finite numbers"),
        ({"tokens": []}, "tokens must be a list of one or more texts, got []"),
        ({"tokens": ["a"] * 200}, "tokens must be at most 12"),
        ({"reach": 0}, "reach and step must be above 0, got 0 and 0.05"),
        ({"start": {}}, "start must have the traits query_x, query_y"),
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
    assert repr(figure) == "QueryKeyValueExplorer('早上好', query=(1, 1), scale=1)"
    assert drawing.tokens == ["早", "上", "好"]
    x = torch.tensor([[2.0, 1], [1, 2], [0, 1]])
    assert drawing.key_vectors == (x @ torch.tensor([[0.0, 1], [1, -1]])).tolist()
    assert drawing.value_vectors == (x @ torch.tensor([[1.0, 1], [-1, 1]])).tolist()
    query = x[1] @ torch.tensor([[1.0, -1], [0, 1]])
    assert [drawing.query_x, drawing.query_y] == query.tolist()
    assert drawing.start == {"query_x": query[0], "query_y": query[1]}
    assert (drawing.scale, drawing.query_token) == (1.0, "上")


def test_the_example_is_known_by_its_numbers():
    again = QueryKeyValueExplorer(list("早上好"), torch.tensor(module.KEYS), query=[1.0, 1.0])
    assert again.drawing.query_token == "上"
    assert QueryKeyValueExplorer(query=(2, -1)).drawing.query_token == ""
    assert QueryKeyValueExplorer(query=(2, -1), query_token="早").drawing.query_token == "早"


def test_sliders_carry_the_query_and_hold_the_plane():
    figure = QueryKeyValueExplorer(query=(-1.5, 2))
    x, y = figure.controls
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
    assert figure.drawing.key_vectors == [[1.0, 1.0], [2.0, -1.0], [1.0, -1.0]]
    assert torch.equal(keys, before[0])
    assert np.array_equal(values, before[1])


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tokens": []}, "tokens must be 1 to 12 names, got 0"),
        ({"tokens": ["a"] * 200}, "tokens must be 1 to 12 names, got 200"),
        ({"tokens": "早上"}, r"keys must be numbers of shape \(2, 2\), got shape \(3, 2\)"),
        ({"keys": [[1, 1], [2, -1]]}, r"keys must be .* \(3, 2\), got shape \(2, 2\)"),
        ({"values": [[1, 1, 1]] * 3}, r"values must be .* \(3, 2\), got shape \(3, 3\)"),
        ({"keys": [[1, 1], [2], [1, -1]]}, r"keys must be .* \(3, 2\), got \[\[1, 1\], \[2\]"),
        ({"keys": [["a", "b"]] * 3}, "keys must be numbers .*got .*'a'"),
        ({"keys": [[1, NAN], [2, -1], [1, -1]]}, "keys must be finite, got .*nan"),
        ({"values": [[1, INF], [2, -1], [1, -1]]}, "values must be finite, got .*inf"),
        ({"query": (1, 1, 1)}, r"query must be numbers of shape \(2,\), got shape \(3,\)"),
        ({"query": 1}, r"query must be .* got shape \(\)"),
        ({"query": (NAN, 1)}, "query must be finite, got"),
        ({"scale": 0}, "scale must be above 0, got 0"),
        ({"scale": NAN}, "scale must be finite, got nan"),
        ({"scale": "x"}, "scale must be a number, got 'x'"),
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
    ],
)
def test_bad_traits(trait, value, message):
    drawing = QueryKeyValueExplorer().drawing
    before = getattr(drawing, trait)
    with pytest.raises(ValueError, match=message):
        setattr(drawing, trait, value)
    assert getattr(drawing, trait) == before
