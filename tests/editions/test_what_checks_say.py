"""What checks and figures' errors say in the derived language has no English in it."""

import re

import pytest
import torch

from attnlib import checks, words
from attnlib.checks.engine import latest, registry
from attnlib.checks.engine.mistakes import each_variant
from tests.checks.answers import filed
from tests.editions.accents import LANGUAGE
from tests.editions.english import CODE, english
from tools.editions import DEFAULT

filed.load()
BY_NAME = {check.name: check for check in registry.all_checks()}


pytestmark = pytest.mark.usefixtures("derived_words")


# Python's own, which messages and examples quote.
PYTHON = {"torch", "tensor", "float", "int", "bool", "complex", "tuple", "ValueError", "fn"}
PYTHON |= {"nan", "None"}
# Functions that an exercise hands over, by their names in code.
PYTHON |= {"attention", "feed_forward", "norm_"}


def left(result):
    """Return the English words of a result, but not names of arguments and Python's own."""
    names = BY_NAME[result.check.removeprefix("check_")].names
    quoted = "|".join([*PYTHON, *(names or ())])
    return english(re.sub(rf"\b(?:{quoted})\d*\b", "", CODE.sub("", str(result))))


def known_mistakes():
    """Return a check and a wrong answer for each single mistake, and for one pair of them."""
    found = {}
    for check in BY_NAME.values():
        for ids, answer in each_variant(check.wrong):
            found.setdefault(ids if len(ids) == 1 else "two", (check, answer))
    return found


MISTAKES = known_mistakes()


def test_of_every_known_mistake():
    assert len(MISTAKES) > 100
    for ids, (check, answer) in MISTAKES.items():
        result = check(answer if check.names else answer())
        assert (result.passed, left(result)) == (False, []), ids


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_of_right_answers_and_of_none(name):
    check, right = BY_NAME[name], filed.RIGHT[name][0]
    assert check(right).passed is True
    assert left(check(right)) == []
    assert left(check(None)) == []


def changes_its_input(query, key, value):
    key.zero_()
    return attention(query, key, value)


def attention(query, key, value):
    return (query @ key.mT).softmax(-1) @ value


def raises(query, key, value):
    raise ValueError("17")


WRONG = {
    "raises": raises,
    "wrong_type": lambda *_: 1.5,
    "returned_pair": lambda *_: (torch.zeros(1, 1, 1), None),
    "no_return": lambda query, key, value: print(query),
    "wrong_shape": lambda *_: torch.zeros(7),
    "wrong_dtype": lambda *t: attention(*t) > 0,
    "complex_left": lambda *t: attention(*t).to(torch.complex64),
    "nan": lambda *t: attention(*t) * torch.nan,
    None: lambda *t: attention(*t) * 1.01,
    "wrong_signature": lambda query, key: query,
    "not_a_function": 17,
}


@pytest.mark.parametrize("misconception", WRONG)
def test_of_answers_that_are_no_answer(misconception):
    result = checks.check_attention(WRONG[misconception])
    assert result.misconception == misconception
    assert left(result) == []


def test_of_the_progress():
    latest.forget()
    assert english(str(checks.progress())) == []
    checks.check_attention(attention)
    checks.check_causal_mask(None)
    assert english(str(checks.progress())) == []


def test_the_scan_is_not_blind():
    words.use(DEFAULT)
    try:
        for misconception, answer in WRONG.items():
            assert left(checks.check_attention(answer)), misconception
    finally:
        words.use(LANGUAGE)
