"""An answer may do what it likes: the check survives it, says what it did, and leaves no trace."""

import functools
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from attnlib import checks
from attnlib.checks.engine import registry
from attnlib.checks.engine.comparing import TOLERANCE
from attnlib.checks.engine.source import does_nothing


def right(query, key, value):
    scores = torch.einsum("bqd,bkd->bqk", query, key) / query.shape[-1] ** 0.5
    return torch.einsum("bqk,bkv->bqv", scores.softmax(-1), value)


def check(answer):
    return checks.check_attention(answer)


def stub_pass(query, key, value):
    pass


def stub_text(query, key, value):
    """Say what it will do."""


def stub_dots(query, key, value): ...


def stub_returns(query, key, value):
    return ...


def stub_later(query, key, value):
    output = None
    return output  # noqa: RET504


def stub_raises(query, key, value):
    raise NotImplementedError("your turn")


@pytest.mark.parametrize(
    "stub",
    [None, ..., stub_pass, stub_text, stub_dots, stub_returns, stub_later, stub_raises,
     lambda *_: None, lambda *_: ..., nn.Identity, functools.partial(stub_dots),
     torch.no_grad()(stub_dots)],
)  # fmt: skip
def test_a_stub_is_not_attempted(stub):
    if stub is nn.Identity:
        stub = type("Empty", (nn.Module,), {"forward": lambda self, q, k, v: None})()
    result = check(stub)
    assert result.passed is None
    assert result.misconception is None
    assert "not attempted" in repr(result)


def test_a_missing_return_is_no_stub():
    def forgets(query, key, value):
        output = query @ key.mT
        output.softmax(-1)

    module = type("Forgets", (nn.Module,), {"forward": lambda self, q, k, v: forgets(q, k, v)})()
    called = type("Called", (), {"__call__": lambda self, q, k, v: forgets(q, k, v)})()
    for answer in (forgets, functools.partial(forgets), torch.no_grad()(forgets), module, called):
        assert check(answer).misconception == "no_return"
        assert not does_nothing(answer)


class OddError(Exception):
    def __str__(self):
        raise RuntimeError("no text either")


class NoTensor:
    shape = property(lambda self: 1 / 0)

    def __repr__(self):
        raise ValueError("no repr")


def raising(error):
    def answer(query, key, value):
        raise error

    return answer


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        SystemExit(3),
        KeyboardInterrupt(),
        RecursionError(),
        OddError(),
        GeneratorExit(),
    ],
)
def test_an_answer_may_raise_anything(error):
    result = check(raising(error))
    assert (result.passed, result.misconception) == (False, "raises")
    assert type(error).__name__ in result.message
    assert "raise error" in result.message


def test_endless_recursion_is_an_error_like_others():
    def answer(query, key, value):
        return answer(query, key, value)

    assert check(answer).misconception == "raises"


@pytest.mark.parametrize(
    ("value", "misconception"),
    [
        (1.5, "wrong_type"),
        ("text", "wrong_type"),
        ([[1.0]], "wrong_type"),
        (np.zeros((1, 1, 1)), "wrong_type"),
        (NoTensor(), "wrong_type"),
        (check, "wrong_type"),
        ((x for x in ()), "wrong_type"),
        ((torch.zeros(1, 1, 1), None), "returned_pair"),
        (torch.zeros(7), "wrong_shape"),
        (torch.zeros(0), "wrong_shape"),
        (torch.tensor(1.0), "wrong_shape"),
    ],
)
def test_an_answer_may_return_anything(value, misconception):
    result = check(lambda *_: value)
    assert (result.passed, result.misconception) == (False, misconception)
    assert repr(result)
    assert result._repr_html_()


def test_dtypes():
    assert check(lambda *t: right(*t).double()).passed
    assert check(lambda *t: right(*t).bfloat16().float()).passed in (True, False)
    assert check(lambda *t: right(*t).to(torch.complex64)).misconception == "complex_left"
    assert check(lambda *t: right(*t) > 0).misconception == "wrong_dtype"
    assert check(lambda *t: right(*t).int()).passed is False
    assert check(lambda *t: right(*t).to_sparse()).passed
    assert check(lambda *t: right(*t).to("meta")).passed is False
    assert check(lambda *t: nn.Parameter(right(*t))).passed


def test_what_is_not_finite_differs():
    assert check(lambda *t: right(*t) * float("nan")).misconception == "nan"
    assert check(lambda *t: right(*t) + float("inf")).passed is False


@pytest.mark.parametrize("value", [1, "fn", [right], torch.zeros(2)])
def test_not_a_function(value):
    assert check(value).misconception == "not_a_function"


def test_arguments_must_fit():
    assert check(lambda query, key: query).misconception == "wrong_signature"
    assert check(lambda *, query, key, value: query).misconception == "wrong_signature"
    assert "fn(query, key, value)" in check(lambda: 0).message
    assert check(
        lambda query, key, value, mask=None, *, scale=None: right(query, key, value)
    ).passed


def test_in_place_on_the_input_is_named_and_does_no_harm():
    def mutates(query, key, value):
        key.zero_()
        return right(query, key, value)

    def resizes(query, key, value):
        output = right(query, key, value)
        value.resize_(0)
        return output

    assert check(mutates).misconception == "values_averaged"
    assert "changes its input: `key`" in check(mutates).message
    assert check(resizes).misconception == "input_mutated"
    assert check(right).passed


def test_what_is_printed_is_kept_back(capsys):
    def talks(query, key, value):
        print("早上好", query.shape)
        print("trouble", file=sys.stderr)
        warnings.warn("careful", stacklevel=1)
        return query

    result = check(talks)
    assert capsys.readouterr() == ("", "")
    assert "早上好" in result.printed
    assert "trouble" in repr(result)
    assert len(check(lambda *_: print("x" * 10**6)).printed) <= 2000


def test_it_works_outside_the_main_thread():
    results = []
    thread = threading.Thread(target=lambda: results.extend([check(right), check(unfinished)]))
    thread.start()
    thread.join()
    assert [result.passed for result in results] == [True, False]


def unfinished(query, key, value):
    return query @ key


def test_random_numbers_of_the_reader_stay_as_they_were():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    check(lambda q, k, v: torch.nn.functional.dropout(right(q, k, v), 0.5))
    assert torch.rand(2).equal(expected)


def test_default_dtype_stays_as_it_was():
    def doubles(query, key, value):
        torch.set_default_dtype(torch.float64)
        return right(query, key, value)

    assert check(doubles).passed
    assert torch.get_default_dtype() == torch.float32


def test_the_same_answer_gets_the_same_result():
    def dropping(query, key, value):
        return torch.nn.functional.dropout(right(query, key, value), 0.3)

    assert check(dropping).misconception == "dropout_active"
    assert repr(check(dropping)) == repr(check(dropping))
    assert repr(check(lambda q, k, v: q * 2)) == repr(check(lambda q, k, v: q * 2))


class Misspelt(nn.Module):
    def forwrad(self, query, key, value):
        return right(query, key, value)


class TypoInHelper:
    def __call__(self, query, key, value):
        return self.step(query)

    def step(self, query):
        raise NotImplementedError("a helper that is not written yet")


@pytest.mark.parametrize(
    "answer",
    [
        lambda q, k, v: (q * 10).long().softmax(-1),
        Misspelt(),
        lambda q, k, v: torch.empty(1, device="meta").item(),
        lambda q, k, v: input("how many keys? "),
        TypoInHelper(),
    ],
)
def test_only_the_error_of_a_stub_itself_means_not_attempted(answer, monkeypatch):
    def no_terminal(prompt=""):
        raise type("StdinNotImplementedError", (NotImplementedError, RuntimeError), {})("no input")

    monkeypatch.setattr("builtins.input", no_terminal)
    result = check(answer)
    assert (result.passed, result.misconception) == (False, "raises"), result


def test_an_answer_that_is_not_written_for_some_inputs_was_attempted():
    """Whoever leaves one case open has done the others."""
    open_cases = []

    def half(query, key, value):
        if query.shape[-1] > 1:
            open_cases.append(query.shape)
            raise NotImplementedError("one feature, for now")
        return query.no_such_method()

    result = check(half)
    assert (result.passed, result.misconception) == (False, "raises")
    assert open_cases


def test_what_differs_only_now_and_then_is_called_random_too():
    calls = []

    def sometimes(query, key, value):
        calls.append(1)
        return right(query, key, value) + (len(calls) % 3 == 0)

    assert check(sometimes).misconception == "dropout_active"


def test_what_fails_only_now_and_then_is_not_called_random():
    seen = []

    def tiring(query, key, value):
        seen.append(query.sum().item())
        if seen.count(seen[-1]) in (2, 4):  # it returns the first time, raises, returns, raises
            raise RuntimeError("again?")
        return right(query, key, value) + 0.125

    assert check(tiring).misconception != "dropout_active"
    assert max(map(seen.count, seen)) >= 4


def test_a_plainer_example_still_shows_the_mistake_that_was_recognised():
    attention = next(each for each in registry.all_checks() if each.name == "attention")
    cases = sum(1 for make in attention.inputs for _ in make())
    seen, plainer = [], []

    def unscaled_or_99(query, key, value):
        if len(seen) < cases:
            seen.append((query, key, value))
        elif not any(map(same, seen, [(query, key, value)] * cases)):
            plainer.append(query)
            return torch.full_like(right(query, key, value), 99.0)
        return (query @ key.mT).softmax(-1) @ value

    result = check(unscaled_or_99)
    assert result.misconception == "scale_missing"
    assert plainer
    assert "99" not in result.example.came_out


def test_a_plainer_example_shows_a_difference_that_can_be_seen():
    def off_by_much_or_by_little(query, key, value):
        return right(query, key, value) + (1.0 if query.abs().max() > 1 else 5 * TOLERANCE)

    result = check(off_by_much_or_by_little)
    assert not result.passed
    assert (result.example.came_out, result.example.expected) == ("[[[1]]]", "[[[0]]]")


def test_an_error_beside_a_known_mistake_is_not_its_example():
    def unscaled_or_an_error(query, key, value):
        if key.shape[-2] == 1:
            raise RuntimeError("one key")
        return (query @ key.mT).softmax(-1) @ value

    result = check(unscaled_or_an_error)
    assert result.misconception == "scale_missing"
    assert "RuntimeError" not in result.example.came_out


def same(some, others):
    return all(map(torch.equal, some, others))


def test_a_stub_may_say_what_is_to_be_done_and_raise():
    class Stub(nn.Module):
        def forward(self, query, key, value):
            scores = query.shape
            raise NotImplementedError(f"scores of {scores}")

    assert check(Stub()).passed is None
    assert checks.check_catches_wrong_root(stub_of_a_test).passed is None
    assert checks.check_catches_wrong_root(softmax_of_integers).misconception == "test_raises"


def stub_of_a_test(attention):
    raise NotImplementedError


def softmax_of_integers(attention):
    attention(*(torch.ones(1, 2, 3).long() for _ in range(3)))
    torch.softmax(torch.ones(2).long(), -1)


PRINTS = """
import resource
from attnlib import checks
from attnlib.checks.engine import running
running.SECONDS = 1.0
checks.check_attention(lambda q, k, v: q)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

def talks(query, key, value):
    while True:
        print("早上好" * 100_000)

result = checks.check_attention(talks)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(result.misconception, len(result.printed), grown < 100_000)  # kB
"""


def test_prints_without_end_are_not_kept():
    run = subprocess.run(
        [sys.executable, "-c", PRINTS], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert run.stdout == "never_ends 2000 True\n", run


@pytest.mark.parametrize(
    "value",
    ["x" * 10**7, [[0.0] * 10**5] * 10**4, {n: n for n in range(10**5)}, [[[1] * 9] * 9] * 9],
)
def test_what_is_large_is_named_not_written_down(value):
    result = check(lambda *_: value)
    assert result.misconception == "wrong_type"
    assert len(repr(result)) < 1000


def test_a_long_error_is_cut():
    def answer(query, key, value):
        raise ValueError("no " * 10**6)

    assert len(repr(check(answer))) < 1500
