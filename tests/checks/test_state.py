"""A check runs in a plain state of torch, and gives the reader's back."""

import contextlib
import random
import sys
import threading

import numpy as np
import pytest
import torch

from attnlib import checks
from attnlib.checks.engine import registry
from attnlib.checks.engine.mistakes import each_id
from tests.checks.answers import filed

filed.load()
NAMES = [check.name for check in registry.all_checks()]


@contextlib.contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    yield
    torch.set_default_dtype(before)


STATES = {
    "inference_mode": torch.inference_mode,
    "float64": lambda: default_dtype(torch.float64),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "no_grad": torch.no_grad,
    "another_device": lambda: torch.device("meta"),
}


def answers(name, state):
    """Return a right and a wrong filed answer of a check, each with what has to be said about it.

    In each state others: all of them in all states take a minute and a half, and found nothing
    more. In a plain state test_answers tries them all.
    """
    turn = list(STATES).index(state)
    right = [(None, answer) for answer in filed.RIGHT[name]]
    wrong = [
        (each_id(ids)[0] if ids else "wrong in a way without a name", answer)
        for ids, answer in filed.WRONG.get(name, [])
        if ids != "never_ends"
    ]
    return [each[turn % len(each)] for each in (right, wrong) if each]


def verdict(name, answer):
    result = getattr(checks, f"check_{name}")(answer)
    return result.passed, result.misconception


@pytest.mark.parametrize("state", STATES)
def test_filed_answers_get_the_same_result_in_any_state(state):
    wrong, tried = [], 0
    with STATES[state]():
        for name in NAMES:
            for said, answer in answers(name, state):
                expected = (True, None) if said is None else (False, said)
                if said == "wrong in a way without a name":
                    expected = (False, None)
                tried += 1
                if verdict(name, answer) != expected:
                    wrong.append((name, getattr(answer, "__name__", answer), expected))
    assert wrong == []
    assert tried > 1.5 * len(NAMES)


@pytest.mark.parametrize("state", STATES)
def test_whoever_always_says_true_is_caught_in_any_state(state):
    with STATES[state]():
        assert verdict("is_causal", lambda *_: True) == (False, "always_true")


def everything():
    """Read all global settings that a check might touch."""
    return {
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn_only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "fill": torch.utils.deterministic.fill_uninitialized_memory,
        "anomaly": torch.is_anomaly_enabled(),
        "warn_always": torch.is_warn_always_enabled(),
        "flash": torch.backends.cuda.flash_sdp_enabled(),
        "math": torch.backends.cuda.math_sdp_enabled(),
        "precision": torch.get_float32_matmul_precision(),
        "print": vars(torch._tensor_str.PRINT_OPTS).copy(),
        "numpy_print": np.get_printoptions(),
        "recursions": sys.getrecursionlimit(),
        "switch": sys.getswitchinterval(),
        "stdout": sys.stdout,
        "torch_random": torch.get_rng_state().tolist(),
        "numpy_random": np.random.get_state()[1].tolist(),
        "python_random": random.getstate(),
    }


def sets_everything(query, key, value):
    """An answer that leaves nothing as it was; it would be right."""
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.autograd.set_detect_anomaly(True)
    torch.set_warn_always(True)
    torch.backends.cuda.enable_flash_sdp(False)
    torch.set_printoptions(precision=9, sci_mode=True)
    np.set_printoptions(precision=2)
    sys.setrecursionlimit(2999)
    for seeded in (torch.manual_seed, np.random.seed, random.seed):
        seeded(7)
    weights = torch.einsum("bqd,bkd->bqk", query, key).div(query.shape[-1] ** 0.5).softmax(-1)
    return torch.einsum("bqk,bkv->bqv", weights, value)


def test_all_is_given_back_whatever_an_answer_sets():
    before = everything()
    assert checks.check_attention(sets_everything).passed
    assert everything() == before


def test_all_is_given_back_whatever_the_reader_has_set():
    original = everything()
    with torch.no_grad(), torch.autocast("cpu"), default_dtype(torch.float64):
        torch.set_printoptions(precision=7)
        torch.use_deterministic_algorithms(True)
        sys.setrecursionlimit(5000)
        try:
            before = everything()
            assert checks.check_attention(sets_everything).passed
            assert everything() == before
        finally:
            torch.set_printoptions(profile="default")
            torch.use_deterministic_algorithms(False)
            sys.setrecursionlimit(original["recursions"])
    assert everything() == original


PLAIN = {
    "grad": True,
    "inference": False,
    "autocast": False,
    "dtype": torch.float32,
    "device": torch.device("cpu"),
    "threads": 1,
    "deterministic": False,
    "warn_only": False,
    "fill": True,
    "anomaly": False,
    "warn_always": False,
    "flash": True,
    "math": True,
    "precision": "highest",
}


def test_each_call_finds_a_plain_state_whatever_the_reader_and_the_last_call_have_set():
    """So a check works in the same way from its first call to its last."""
    seen = []

    def answer(query, key, value):
        now = everything()
        seen.append({name: now[name] for name in PLAIN})
        assert now["recursions"] <= 3000
        torch.set_float32_matmul_precision("medium")
        torch.backends.cuda.enable_math_sdp(False)
        return sets_everything(query, key, value)

    before = everything()
    with torch.inference_mode(), torch.autocast("cpu"), torch.device("meta"):
        settings = {
            torch.set_default_dtype: (torch.float64, before["dtype"]),
            torch.set_num_threads: (2, before["threads"]),
            torch.use_deterministic_algorithms: (True, before["deterministic"]),
            torch.autograd.set_detect_anomaly: (True, before["anomaly"]),
            torch.set_warn_always: (True, before["warn_always"]),
            torch.set_float32_matmul_precision: ("medium", before["precision"]),
            torch.backends.cuda.enable_flash_sdp: (False, before["flash"]),
            torch.backends.cuda.enable_math_sdp: (False, before["math"]),
            sys.setrecursionlimit: (20_000, before["recursions"]),
        }
        torch.utils.deterministic.fill_uninitialized_memory = False
        for write, (odd, _) in settings.items():
            write(odd)
        try:
            assert checks.check_attention(answer).passed
        finally:
            for write, (_, old) in settings.items():
                write(old)
            torch.utils.deterministic.fill_uninitialized_memory = before["fill"]
    assert len(seen) > 2
    assert seen == [PLAIN] * len(seen)
    assert everything() == before


def test_all_is_given_back_when_an_answer_never_ends(monkeypatch):
    monkeypatch.setattr("attnlib.checks.engine.running.SECONDS", 0.3)
    before = everything()

    def answer(query, key, value):
        sets_everything(query, key, value)
        while True:
            pass

    assert checks.check_attention(answer).misconception == "never_ends"
    assert everything() == before


def test_random_answers_get_the_same_result_every_time():
    """Checks begin with the same random numbers, those of numpy and of Python as well."""
    seen = []

    def answer(query, key, value):
        seen.append((torch.rand(1).item(), np.random.rand(), random.random()))
        return query

    for _ in range(2):
        random.random()
        np.random.rand()
        torch.rand(1)
        seen.append("check")
        checks.check_attention(answer)
    half = len(seen) // 2
    assert seen[:half] == seen[half:]


def test_gradients_can_be_taken_while_they_are_off():
    with torch.no_grad():
        assert verdict("is_causal", filed.RIGHT["is_causal"][0]) == (True, None)


def test_it_works_in_a_thread_of_the_reader():
    results = []
    with torch.inference_mode():
        thread = threading.Thread(
            target=lambda: results.append(verdict("attention", sets_everything))
        )
        thread.start()
        thread.join()
    assert results == [(True, None)]
