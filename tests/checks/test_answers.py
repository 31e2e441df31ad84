"""Right answers pass, wrong ones are told what they are: those of readers, and the known ones."""

import importlib

import pytest

from attnlib import checks, words
from attnlib.checks.calling import Outcome
from attnlib.checks.check import each_id
from attnlib.checks.comparing import difference
from attnlib.checks.progress import ALL_CHECKS
from attnlib.checks.wording import say, section
from tests.checks.answers.filing import RIGHT, WRONG

CHAPTERS = (
    "query_key_value",
    "scaled_dot_product",
    "masks",
    "leaks",
    "multi_head",
    "positional_encoding",
    "relative_positions",
)
for kind in ("right", "wrong"):
    for chapter in CHAPTERS:
        importlib.import_module(f"tests.checks.answers.{kind}.{chapter}")

BY_NAME = {check.name: check for check in ALL_CHECKS}
NAMES = sorted(BY_NAME)


def public(name):
    """Return the function that readers call."""
    return getattr(checks, f"check_{name}")


def name_of(answer):
    return getattr(answer, "__name__", str(answer))


def variants(check):
    """Yield each known wrong answer of a check with the ids that have to be named."""
    for ids, spellings in check.wrong.items():
        for function in spellings if isinstance(spellings, tuple) else (spellings,):
            yield each_id(ids), function


def test_every_check_is_public_and_has_answers():
    assert [
        name.removeprefix("check_") for name in checks.__all__ if name.startswith("check_")
    ] == NAMES
    assert set(RIGHT) == set(NAMES)
    assert len(BY_NAME) == len(ALL_CHECKS)


@pytest.mark.parametrize("name", NAMES)
def test_right_answers_pass(name):
    assert len(RIGHT[name]) >= 4
    for answer in RIGHT[name]:
        result = public(name)(answer)
        assert result.passed is True, (name_of(answer), result)
        assert result.misconception is None


@pytest.mark.parametrize("name", sorted(WRONG))
def test_wrong_answers_of_readers_are_told_what_they_are(name):
    for misconception, answer in WRONG[name]:
        if misconception == "never_ends":
            continue  # see test_calling, with a shorter limit
        result = public(name)(answer)
        assert result.passed is False, (name_of(answer), result)
        first, *others = each_id(misconception)
        assert result.misconception == first, (name_of(answer), result)
        for id_ in others:
            assert say(f"misconception.{id_}.text") in result.message, (name_of(answer), result)


@pytest.mark.parametrize("name", NAMES)
def test_known_wrong_answers_are_named(name):
    check = BY_NAME[name]
    seen = {}
    for ids, function in variants(check):
        result = check(function if check.names else function())
        assert (result.passed, result.misconception) == (False, ids[0]), (ids, result)
        texts = [words.catalogue("en")["checks"]["misconception"][id_]["text"] for id_ in ids]
        for text in texts:
            assert " ".join(text.split()) in result.message, (ids, result)
        if check.names:
            assert result.example.came_out != result.example.expected, (ids, result)
        seen.setdefault(result.message, set()).add(ids)
    assert all(len(ids) == 1 for ids in seen.values()), "two mistakes are told the same"


@pytest.mark.parametrize("name", NAMES)
def test_known_wrong_answers_are_wrong_by_far(name):
    """Where a reordered sum is off by 1e-6 and the tolerance is 1e-3, a mistake is off by 0.05."""
    check = BY_NAME[name]
    far = max(check.tolerance, 0.05) if check.tolerance < 0.006 else 1.5 * check.tolerance
    cases = [case for stage in check.stages for case in stage()]
    for ids, function in variants(check):
        distances = []
        for case in cases:
            try:
                outcome = Outcome(value=function(*case))
            except Exception as error:
                outcome = Outcome(error=error)
            if outcome.error is None:
                distances.append(difference(check.reference(*case), outcome, far))
        assert any(distances), f"{ids} is close to the right answer"


@pytest.mark.parametrize("name", NAMES)
def test_a_check_can_fail(name):
    """Whatever returns the same for all inputs, or the input itself, is not passed."""
    check = BY_NAME[name]
    reference = check.reference(*check.stages[-1]()[-1])
    constant = [None, True, 0, 3.0, "早上好", [], [0.0], object(), reference]
    for value in constant:
        if not check.names:
            continue
        result = check(lambda *_, value=value: value)
        # A test that never complains has nothing to return: None is an answer there.
        assert result.passed is not True, (value, result)
    assert check(lambda *inputs: inputs[0]).passed is not True or not check.names
    assert check(lambda *_: 1 / 0).passed is not True


@pytest.mark.parametrize("name", NAMES)
def test_a_check_without_a_known_mistake_still_fails(name):
    """The right answer spoiled a little, in each of its cases, is not passed."""
    check = BY_NAME[name]
    if not check.names or isinstance(check.reference(*check.stages[0]()[0]), bool):
        return
    for factor in (1.02, 0.98):

        def spoiled(*arguments, factor=factor):
            value = check.reference(*arguments)
            if isinstance(value, list):
                return [factor * x for x in value]
            return (
                ~value
                if getattr(value, "dtype", None) is not None
                and value.dtype.is_floating_point is False
                else factor * value
            )

        assert check(spoiled).passed is False


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_the_same_every_time(name):
    for stage in BY_NAME[name].stages:
        for one, other in zip(stage(), stage(), strict=True):
            for a, b in zip(one, other, strict=True):
                assert repr(a) == repr(b) or callable(a)


def test_every_message_is_used_and_leads_somewhere():
    known = set(words.catalogue("en")["checks"]["misconception"])
    used = {id_ for check in ALL_CHECKS for ids, _ in variants(check) for id_ in ids}
    general = {
        "wrong_value", "wrong_prediction", "nan", "raises", "never_ends", "wrong_type",
        "wrong_shape", "wrong_dtype", "mask_not_boolean", "returned_pair", "no_return",
        "not_a_function", "wrong_signature", "input_mutated", "dropout_active",
    }  # fmt: skip
    assert used | general == known
    for id_ in used - {
        "returned_weights",
        "returned_share",
        "off_by_one",
        "not_whole",
        "share_ignored",
    }:
        assert id_.startswith("test_") or section(id_) is not None, id_
