"""What is said of an answer is true of it: nothing in the text contradicts what came out."""

import math
import re

import numpy as np
import pytest
import torch

import attnlib
from attnlib import checks, words
from attnlib.checks.engine import registry
from attnlib.checks.engine.comparing import equal
from attnlib.checks.engine.mistakes import each_variant
from attnlib.checks.engine.predictions import Prediction
from attnlib.checks.engine.reader_tests import ReaderTest, in_double
from attnlib.checks.engine.source import WITHOUT, forbidden

CHECKS = registry.all_checks()
PREDICTIONS = [check for check in CHECKS if isinstance(check, Prediction)]


def text(id_):
    return " ".join(words.catalogue("en")["checks"]["misconception"][id_]["text"].split())


def own_keys(q_len, k_len, upper_left):
    """Where each query stands among the keys."""
    return torch.arange(q_len) + (0 if upper_left else k_len - q_len)


# What the text of a mistake claims about the masks that come out, and must be so in each of them.
CLAIMS = {
    "diagonal_masked": lambda mask, own: not mask.gather(1, own[:, None]).any(),
    "mask_inverted": lambda mask, own: not mask.gather(1, own[:, None]).any(),
    "triangle_mirrored": lambda mask, own: bool(mask.gather(1, own[:, None]).all()),
    "everything_allowed": lambda mask, own: bool(mask.all()),
    "nothing_allowed": lambda mask, own: not mask.any(),
    "only_oneself": lambda mask, own: bool((mask.sum(-1) <= 1).all()),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_text_about_a_causal_mask_is_true_of_it(claim):
    check = next(check for check in CHECKS if check.name == "causal_mask")
    held = 0
    for ids, variant in each_variant(check.wrong):
        if claim in ids:
            for q_len, k_len in check.inputs[0]():
                mask = variant(q_len, k_len)
                if mask.shape == (q_len, k_len):
                    own = own_keys(q_len, k_len, "upper_left" in ids)
                    assert CLAIMS[claim](mask, own), (ids, q_len, k_len, mask)
                    held += 1
    assert held >= 10


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_two_mistakes_are_looked_for_after_the_single_ones(check):
    sizes = [len(ids) for ids, _ in each_variant(check.wrong)]
    assert sizes == sorted(sizes)
    for ids, _ in each_variant(check.wrong):
        assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("upper_left", [False, True])
def test_the_other_triangle_is_not_called_inverted_or_without_diagonal(upper_left):
    result = checks.check_causal_mask(
        lambda q, k: torch.ones(q, k).triu(0 if upper_left else k - q).bool()
    )
    assert result.misconception == "triangle_mirrored"
    assert text("mask_inverted") not in result.message
    assert text("diagonal_masked") not in result.message


def test_complex_numbers_are_not_called_random():
    def left_complex(x):
        angle = torch.arange(x.shape[-2])[:, None] * 10_000.0 ** (
            -torch.arange(0, x.shape[-1], 2) / x.shape[-1]
        )
        pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
        return pairs * torch.polar(torch.ones_like(angle), angle)

    result = checks.check_rotary(left_complex)
    assert result.misconception == "complex_left"
    assert "dropout" not in result.message
    assert "view_as_real" in result.message


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (torch.tensor([math.nan]), torch.tensor([math.nan]), True),
        (torch.tensor([1 + 2j]), torch.tensor([1 + 2j]), True),
        (torch.tensor([1 + 2j]), torch.tensor([1 - 2j]), False),
        (torch.ones(2), torch.ones(3), False),
        ([torch.ones(2), 1], [torch.ones(2), 1], True),
        ([torch.ones(2), 1], [torch.ones(2), 2], False),
        (object, object, True),
        ("a", "b", False),
    ],
)
def test_what_is_called_different_differs(one, other, same):
    assert equal(one, other) is same


def numbers_in(sentence):
    return {float(each) for each in re.findall(r"(?<![\d^(])\d+\.\d+", sentence)}


@pytest.mark.parametrize("check", PREDICTIONS, ids=lambda check: check.name)
def test_what_is_said_of_a_wrong_prediction_gives_no_number_away(check):
    right = {float(number) for number in check.reference()} - {0.0, 1.0, 2.0}
    for ids, _ in each_variant(check.wrong):
        said = numbers_in(text(ids[0]))
        assert not {n for n in said for r in right if abs(n - r) < 0.006}, (ids, said)
        for number in right:
            assert f" {number:g} " not in f" {text(ids[0])} ", ids


def test_a_rounded_prediction_is_not_called_a_mistake_of_the_exponent():
    result = checks.check_first_places([0, 1, 0, 1, 0, 1])
    assert result.misconception == "rounded_to_whole"
    assert "0.01" not in repr(result)
    assert checks.check_first_places([0, 1, 0, 1, 0.0001, 1]).misconception == "exponent_whole"
    assert checks.check_first_places([0, 1, 0, 1, 0.01, 1.0]).passed


def test_the_nearest_of_two_mistakes_is_named():
    assert checks.check_doubled_query([0.86, 0.24, 0.09]).misconception is None
    assert checks.check_doubled_query([0.76, 0.19, 0.05]).misconception == "scale_not_asked"
    # Near enough to two: to the fifth number 0, which is listed first, and to 0.0001.
    assert checks.check_first_places([0, 1, 0, 1, 0.0002, 1]).misconception == "exponent_whole"


def test_what_is_said_of_a_right_answer_fits_its_kind():
    passed = {
        checks.check_spread([2, 1]).message,
        checks.check_causal_mask(
            lambda q, k: torch.ones(q, k, dtype=torch.bool).tril(k - q)
        ).message,
        checks.check_catches_order(
            lambda attention, q, k, v: torch.allclose(
                attention(q, k, v)[0], attention(q, k.flip(-2), v.flip(-2))[0], atol=1e-5
            )
        ).message,
    }
    assert len(passed) == 3
    assert "every input" not in checks.check_spread([2, 1]).message


# --- scores that lie far apart ----------------------------------------------------------------


def softmax_of(weigh):
    """Answers of all checks in which a softmax is taken, made of this one."""

    def attention(query, key, value, mask=None):
        scores = torch.einsum("...qd,...kd->...qk", query, key) / query.shape[-1] ** 0.5
        return torch.einsum("...qk,...kv->...qv", weigh(scores), value)

    def multi_head(x, w_q, w_k, w_v, w_o, h):
        q, k, v = ((x @ w).unflatten(-1, (h, -1)).transpose(1, 2) for w in (w_q, w_k, w_v))
        return attention(q, k, v).transpose(1, 2).flatten(2) @ w_o

    return {"attention": attention, "multi_head": multi_head}


@pytest.mark.parametrize("name", ["attention", "multi_head"])
def test_exponentials_without_the_largest_score_taken_off_overflow(name):
    def by_hand(scores):
        return scores.exp() / scores.exp().sum(-1, keepdim=True)

    def stable(scores):
        e = (scores - scores.amax(-1, keepdim=True)).exp()
        return e / e.sum(-1, keepdim=True)

    check = getattr(checks, f"check_{name}")
    assert check(softmax_of(by_hand)[name]).misconception == "exponential_overflows"
    assert check(softmax_of(stable)[name]).passed


def _divided(weights, guard):
    return weights / (weights.sum(-1, keepdim=True) + guard)


@pytest.mark.parametrize(
    ("answer", "misconception"),
    [
        (lambda s, m: _divided(s.softmax(-1) * m, 1e-9), "divided_afterwards"),
        (lambda s, m: _divided(s.exp() * m, 1e-9), "exponential_overflows"),
        (lambda s, m: s.masked_fill(~m, -100.0).softmax(-1) * m, "fill_beaten"),
        (lambda s, m: s.masked_fill(~m, -math.inf).softmax(-1).nan_to_num(), None),
    ],
)
def test_masked_softmax_is_tried_on_far_scores(answer, misconception):
    result = checks.check_masked_softmax(answer)
    assert (result.passed, result.misconception) == (misconception is None, misconception)

    def attention(query, key, value, mask):
        return answer(query @ key.mT / math.sqrt(query.shape[-1]), mask) @ value

    result = checks.check_masked_attention(attention)
    assert (result.passed, result.misconception) == (misconception is None, misconception)


# --- what an exercise asks to do without ------------------------------------------------------


def with_loops(length, embed_dim):
    table = torch.zeros(length, embed_dim)
    for p in range(length):
        for i in range(0, embed_dim, 2):
            angle = torch.tensor(p / 10_000 ** (i / embed_dim))
            table[p, i], table[p, i + 1] = angle.sin(), angle.cos()
    return table


def two_functions(length, embed_dim):
    angle = torch.arange(length)[:, None] / 10_000 ** (torch.arange(0, embed_dim, 2) / embed_dim)
    return torch.stack([f(angle) for f in (torch.sin, torch.cos)], dim=-1).flatten(1)


def test_loops_are_seen_kindly():
    result = checks.check_sinusoidal_encoding(with_loops)
    assert (result.passed, result.misconception) == (False, "uses_loops")
    assert result.message.startswith("The numbers are right.")
    assert "for p in range(length)" in result.message
    assert checks.check_sinusoidal_encoding(two_functions).passed


def while_counting(n):
    while n:
        n -= 1


def product_sign(a, b):
    return a @ b


def product_name(a, b):
    return torch.bmm(a, b)


def turned(a):
    return a.mT


def cosine(x):
    return x.cos()


def exponential(x):
    return np.exp(x)


def whole_softmax(scores):
    return scores.softmax(-1)


def whole_answer(q, k, v):
    return torch.nn.functional.scaled_dot_product_attention(q, k, v)


USES = {  # rules, and the line that is shown
    while_counting: ({"uses_loops"}, "while n:"),
    product_sign: ({"uses_products"}, "return a @ b"),
    product_name: ({"uses_products", "uses_libraries"}, "return torch.bmm(a, b)"),
    turned: ({"uses_products"}, "return a.mT"),
    cosine: ({"uses_sines"}, "return x.cos()"),
    exponential: ({"uses_libraries"}, "return np.exp(x)"),
    whole_softmax: ({"uses_softmax"}, "return scores.softmax(-1)"),
    whole_answer: ({"uses_reference", "uses_libraries"}, "return torch.nn.functional"),
}


@pytest.mark.parametrize("rule", WITHOUT)
def test_what_a_task_asks_to_do_without_is_found_and_shown(rule):
    for answer, (rules, line) in USES.items():
        found = forbidden(answer, (rule,))
        if rule in rules:
            assert found[0] == rule
            assert found[1].startswith(line)
        else:
            assert found is None, answer


def test_what_cannot_be_read_is_believed():
    names = {"torch": torch}
    exec("def unread(q, k, v):\n    return (q @ k.mT / q.shape[-1] ** .5).softmax(-1) @ v", names)
    assert checks.check_attention(names["unread"]).passed
    assert checks.check_attention(torch.nn.functional.scaled_dot_product_attention).passed


def test_a_wrong_answer_is_told_its_mistake_first():
    result = checks.check_attention(lambda q, k, v: (q @ k.mT).softmax(-1) @ v)
    assert result.misconception == "scale_missing"


# --- tests of readers -------------------------------------------------------------------------


def test_right_functions_calculate_in_double_and_return_what_was_given():
    """A reader's test may compare them with its own sums, to the last digit of a float32."""
    x = torch.rand(7, 4001)
    exact = (x.double() @ x.double().mT).float()
    assert not torch.equal(x @ x.mT, exact)
    assert torch.equal(in_double(lambda a: a @ a.mT)(x), exact)
    product, same = in_double(lambda a: (a @ a.mT, a))(x)
    assert torch.equal(product, exact)
    assert torch.equal(same, x)
    assert in_double(lambda layer: layer)(torch.nn.Linear) is torch.nn.Linear


def split_and_compare(layer_class):
    """A test with the snippet's own words: split, classes, default tolerances."""
    assert isinstance(layer_class, type)
    torch.manual_seed(0)
    part = torch.randn(1, 7, 4)
    weights = []
    for heads in (1, 3):
        layer = layer_class(4 * heads, heads)
        with torch.no_grad():
            for projection in (layer.w_q, layer.w_k):
                projection.weight.copy_(torch.eye(4 * heads))
            x = part.repeat(1, 1, heads)
            query, key = layer.split(layer.w_q(x)), layer.split(layer.w_k(x))
            everyone = torch.ones(1, 7, 7, dtype=torch.bool)
            weights.append(layer(x, everyone)[1])
            expected = (query @ key.mT / 2).softmax(-1)
            assert torch.allclose(weights[-1], expected)
    assert torch.allclose(weights[0][:, 0], weights[1][:, 0])


def test_the_class_is_a_class_and_can_split():
    assert checks.check_catches_embed_dim_scale(split_and_compare).passed


def moved_and_causal(attention):
    """Default tolerance, and causality, which the snippet has."""
    torch.manual_seed(0)
    rotary = attnlib.RotaryPositionalEncoding(16)
    q, k, v = torch.randn(3, 1, 6, 16)
    here = attention(q, k, v, rotary)
    later = v.clone()
    later[:, -1] += 1
    assert torch.equal(attention(q, k, later, rotary)[:, :-1], here[:, :-1])
    there = attention(q, k, v, lambda x: rotary(x, offset=10))
    assert torch.allclose(here, there, atol=1e-5)


def test_a_test_may_use_what_the_snippet_has():
    assert checks.check_catches_turned_values(moved_and_causal).passed


@pytest.mark.parametrize(
    "check", [c for c in CHECKS if isinstance(c, ReaderTest)], ids=lambda c: c.name
)
def test_a_rejected_right_function_is_named_with_the_reason(check):
    result = check(lambda *_: False)
    assert result.misconception == "test_rejects_right"
    first = check.inputs[0]()[0][0]
    assert first.label in result.message
    assert words.say(f"checks.{first.called}.why") in result.message
    assert result.example is None, "there is nothing to work out"
    assert "row sums" not in check(lambda *_: True).message


def test_an_error_in_a_test_says_on_what_it_arose():
    result = checks.check_catches_unused_keys(lambda attention: attention(1))
    assert result.misconception == "test_raises"
    assert "With attention as in this chapter the test stopped with an error" in result.message
    assert "TypeError" in result.message
