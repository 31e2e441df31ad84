"""Right answers pass, wrong ones are told what they are: those of readers, and the known ones."""

import pytest

from attnlib import checks, words
from attnlib.checks.engine import registry, source
from attnlib.checks.engine.comparing import difference
from attnlib.checks.engine.mistakes import each_id, each_variant
from attnlib.checks.engine.predictions import Prediction
from attnlib.checks.engine.reader_tests import ReaderTest
from attnlib.checks.engine.running import Outcome
from attnlib.checks.engine.texts import say
from tests.checks.answers import filed
from tests.checks.answers.filed import RIGHT, WRONG

filed.load()
BY_NAME = {check.name: check for check in registry.all_checks()}
NAMES = sorted(BY_NAME)
FUNCTIONS = [name for name in NAMES if type(BY_NAME[name]) not in (Prediction, ReaderTest)]


def public(name):
    """Return the function that readers call."""
    return getattr(checks, f"check_{name}")


def name_of(answer):
    return getattr(answer, "__name__", str(answer))


def cases(check):
    return [case for make in check.inputs for case in make()]


def test_every_check_is_public_and_has_answers():
    assert [
        name.removeprefix("check_") for name in checks.__all__ if name.startswith("check_")
    ] == NAMES
    assert set(RIGHT) == set(NAMES)
    assert set(WRONG) <= set(NAMES)


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
            continue  # see test_time_limit, with a shorter limit
        result = public(name)(answer)
        assert result.passed is False, (name_of(answer), result)
        first, *others = each_id(misconception)
        assert result.misconception == first, (name_of(answer), result)
        for id_ in others:
            assert say(f"misconception.{id_}.text") in result.message, (name_of(answer), result)


@pytest.mark.parametrize("name", NAMES)
def test_known_wrong_answers_are_named(name):
    check = BY_NAME[name]
    said = {}
    for ids, function in each_variant(check.wrong):
        result = check(function if check.names else function())
        assert (result.passed, result.misconception) == (False, ids[0]), (ids, result)
        texts = [words.catalogue("en")["checks"]["misconception"][id_]["text"] for id_ in ids]
        for text in texts:
            assert " ".join(text.split()) in result.message, (ids, result)
        if check.names:
            assert result.example.came_out != result.example.expected, (ids, result)
        said.setdefault(result.message, set()).add(ids)
    assert all(len(ids) == 1 for ids in said.values()), "two mistakes are told the same"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_known_wrong_answers_are_wrong_by_far(name):
    """Where a reordered sum is off by 1e-6 and the tolerance is 1e-3, a mistake is off by 0.05."""
    check = BY_NAME[name]
    far = max(check.tolerance, 0.05)
    right = [(case, check.reference(*case)) for case in cases(check)]

    def is_far(function, case, expected):
        try:
            outcome = Outcome(value=function(*case))
        except Exception:
            return False
        return difference(expected, outcome, far) is not None

    for ids, function in each_variant(check.wrong):
        # Whether anywhere: the last cases are the largest.
        found = any(is_far(function, case, expected) for case, expected in reversed(right))
        assert found, f"{ids} is close to the right answer"


@pytest.mark.parametrize("name", [name for name in NAMES if BY_NAME[name].names])
def test_a_check_can_fail(name):
    """Whatever returns the same for all inputs, or the input itself, is not passed."""
    check = BY_NAME[name]
    constant = [None, True, 0, 3.0, "早上好", [], [0.0], object()]
    if name in FUNCTIONS:
        constant.append(check.reference(*cases(check)[-1]))
    for value in constant:
        result = check(lambda *_, value=value: value)
        # A test that never complains has nothing to return: None is an answer there.
        assert result.passed is not True, (value, result)
    assert check(lambda *inputs: inputs[0]).passed is not True
    assert check(lambda *_: 1 / 0).passed is False


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "is_causal"])
def test_a_check_without_a_known_mistake_still_fails(name):
    """The right answer spoiled a little, in each of its cases, is not passed."""
    check = BY_NAME[name]
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


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(FUNCTIONS)))
def test_references_pass_their_own_check(name):
    """The numbers of a prediction, and the test that stands as the body of the check of a test."""
    check = BY_NAME[name]
    answer = check.reference if check.names else check.reference()
    assert check(answer).passed is True, check(answer)


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_the_same_every_time(name):
    for make in BY_NAME[name].inputs:
        for one, other in zip(make(), make(), strict=True):
            for a, b in zip(one, other, strict=True):
                assert repr(a) == repr(b) or callable(a)


@pytest.mark.parametrize("name", NAMES)
def test_the_chapter_of_a_check_is_that_of_its_exercise(name):
    check = BY_NAME[name]
    assert check.notebook.split("_")[0] == f"{check.order[0]:02}"
    assert registry.notebook(check.order[0]) == check.notebook


def test_every_message_is_used_and_leads_somewhere():
    known = set(words.catalogue("en")["checks"]["misconception"])
    used = {
        id_ for check in BY_NAME.values() for ids, _ in each_variant(check.wrong) for id_ in ids
    }
    used |= {id_ for check in BY_NAME.values() for id_ in getattr(check, "signs", None) or ()}
    used |= {id_ for check in BY_NAME.values() for id_ in (*check.without, *(check.shows or ()))}
    assert set(source.WITHOUT) <= used
    general = {
        "wrong_value", "wrong_prediction", "nan", "raises", "never_ends", "wrong_type",
        "wrong_shape", "wrong_dtype", "complex_left", "mask_not_boolean", "returned_pair",
        "no_return", "not_a_function", "wrong_signature", "input_mutated", "dropout_active",
        "test_misses_bug", "test_rejects_right", "test_reversed", "test_raises",
    }  # fmt: skip
    assert used | general == known


def test_every_candidate_has_a_name_and_a_reason():
    used = {
        case[0].called.removeprefix("candidate.")
        for name in NAMES
        for case in cases(BY_NAME[name])
        if hasattr(case[0] if case else None, "called")
    }
    assert used == set(words.catalogue("en")["checks"]["candidate"])
    for name in NAMES:
        if isinstance(BY_NAME[name], ReaderTest):
            rights = [case[0] for case in cases(BY_NAME[name]) if case[0].right]
            assert len(rights) >= 2
            for candidate in rights:
                assert say(f"{candidate.called}.why").endswith(".")
