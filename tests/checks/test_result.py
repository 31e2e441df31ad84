"""What a reader sees: text in a terminal, HTML in a notebook, the same on every machine."""

from html.parser import HTMLParser

import torch

from attnlib import checks, words
from attnlib.checks.engine.result import show


class Tags(HTMLParser):
    """Every tag that is opened is closed, in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.words = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def unscaled(query, key, value):
    print("<b>")
    return (query @ key.mT).softmax(-1) @ value


def test_text():
    assert repr(checks.check_causal_mask(lambda q, k: torch.ones(q, k).tril().bool())) == (
        "✗ Exercise 3.2: not yet\n"
        "Queries and keys are aligned at their *first* positions. With fewer queries than keys the "
        "queries are the newest tokens: query i stands at position i + k_len − q_len, and the last "
        "one sees every key.\n"
        "  called with  q_len = 1\n"
        "               k_len = 2\n"
        "  came out     [[True, False]]\n"
        "  expected     [[True, True]]\n"
        "  see          chapter 3, “One new query, many old keys”"
    )


def test_one_line_until_something_was_tried():
    result = checks.check_attention(None)
    assert repr(result) == "○ Exercise 2.2: not attempted yet"
    assert "".join(Tags(result._repr_html_()).words) == repr(result)


def test_html_says_what_the_text_says_and_escapes_what_readers_print():
    result = checks.check_attention(unscaled)
    words = "".join(Tags(result._repr_html_()).words)
    assert "<b>" in words
    assert "<b>" not in result._repr_html_()
    for part in (
        result.headline,
        result.example.came_out,
        result.example.expected,
        str(result.place),
    ):
        assert part in words
    assert result.message.replace("*", "").replace("`", "") in words


def test_places_are_links_where_the_chapter_is_beside(tmp_path, monkeypatch):
    result = checks.check_attention(unscaled)
    monkeypatch.chdir(tmp_path)
    assert "<a " not in result._repr_html_()
    (tmp_path / "02_scaled_dot_product.ipynb").touch()
    assert '<a href="02_scaled_dot_product.ipynb#Why-the-square-root">' in result._repr_html_()


def test_a_verdict_is_never_colour_alone():
    signs = {
        checks.check_attention(torch.nn.functional.scaled_dot_product_attention).headline[0],
        checks.check_attention(unscaled).headline[0],
        checks.check_attention(None).headline[0],
    }
    assert signs == {"✓", "✗", "○"}


def test_predictions_are_not_given_away():
    for wrong in ([1, 2, 3], [1.33, 0.49, 0.18], [0.5]):
        result = checks.check_doubled_query(wrong)
        assert result.passed is False
        assert "0.87" not in repr(result)
        assert "0.867" not in repr(result)
    assert checks.check_doubled_query([0.5, 0.3, 0.2]).misconception is None


def test_values_are_written_briefly():
    assert show(torch.tensor([[1.0, -0.0], [0.123456, 1e-5]])) == "[[1, 0],\n [0.123, 1e-05]]"
    assert show(torch.ones(2, 1, 1)) == "[[[1]],\n\n [[1]]]"
    assert show(torch.zeros(5, 5)) == "tensor (5, 5), float32"
    assert show(torch.tensor([True])) == "[True]"
    assert show([0.5, 2]) == "[0.5, 2]"
    assert show(object()) == "object"
    assert show("x" * 300) == "str"
    assert show(torch.tensor([1234.5, -20000.0])) == "[1234.5, -2e+04]"


def test_english_texts_are_text():
    for id_, entry in words.catalogue("en")["checks"]["misconception"].items():
        text = " ".join(entry["text"].split())
        assert text[0].isupper() or text[0] in "`0123456789", id_
        assert text.endswith((".", "?", "}", ")", "`")), id_
        assert text.count("`") % 2 == 0, id_
        assert text.count("*") % 2 == 0, id_
