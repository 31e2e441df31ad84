"""The state of Python and torch in which every check runs, whatever the reader has set.

A session may have another default dtype or device, inference mode, autocast, a print format of its
own: a right answer is right in all of them. Everything is given back as it was afterwards.
"""

import contextlib
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

_RECURSIONS = 3000  # a limit beyond that ends in a crash of the kernel, not in an error


@dataclass(frozen=True)
class _Setting:
    """One global setting, and its value while a check runs."""

    read: Callable[[], Any]
    write: Callable[[Any], object]
    plain: Callable[[Any], Any]


def _to(value: Any) -> Callable[[Any], Any]:
    return lambda before: value


def _stays(before: Any) -> Any:
    return before


def _write_deterministic(value: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(value[0], warn_only=value[1])


_deterministic: Any = torch.utils.deterministic
_cuda: Any = torch.cuda


def _write_fill(value: bool) -> None:
    _deterministic.fill_uninitialized_memory = value


def _write_anomaly(value: tuple[bool, bool]) -> None:
    torch.autograd.set_detect_anomaly(*value)


def _write_recursions(limit: int) -> None:
    with contextlib.suppress(RecursionError):  # deeper than that already
        sys.setrecursionlimit(limit)


def _numpy() -> Any:
    return sys.modules.get("numpy")  # not imported for its settings


_SETTINGS = (
    _Setting(torch.get_default_dtype, torch.set_default_dtype, _to(torch.float32)),
    _Setting(torch.get_num_threads, torch.set_num_threads, _to(1)),
    _Setting(
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        _write_deterministic,
        _to((False, False)),
    ),
    _Setting(lambda: _deterministic.fill_uninitialized_memory, _write_fill, _to(True)),
    _Setting(
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        _write_anomaly,
        _to((False, True)),
    ),
    _Setting(torch.is_warn_always_enabled, torch.set_warn_always, _to(False)),
    _Setting(
        torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, _to("highest")
    ),
    _Setting(
        torch.backends.cuda.flash_sdp_enabled, torch.backends.cuda.enable_flash_sdp, _to(True)
    ),
    _Setting(torch.backends.cuda.math_sdp_enabled, torch.backends.cuda.enable_math_sdp, _to(True)),
    _Setting(sys.getrecursionlimit, _write_recursions, lambda limit: min(limit, _RECURSIONS)),
    # What an answer prints looks as the reader has chosen.
    _Setting(
        lambda: vars(torch._tensor_str.PRINT_OPTS).copy(),
        lambda options: vars(torch._tensor_str.PRINT_OPTS).update(options),
        _stays,
    ),
    _Setting(
        lambda: _numpy().get_printoptions() if _numpy() else None,
        lambda options: options and _numpy().set_printoptions(**options),
        _stays,
    ),
)


@dataclass(frozen=True)
class _Random:
    """Where random numbers come from, so that each check begins at the same place."""

    read: Callable[[], Any]
    write: Callable[[Any], object]
    seed: Callable[[], object]


_RANDOM = (
    # Not torch.manual_seed, which seeds every accelerator as well.
    _Random(
        torch.get_rng_state, torch.set_rng_state, lambda: torch.default_generator.manual_seed(0)
    ),
    _Random(random.getstate, random.setstate, lambda: random.seed(0)),
    _Random(
        lambda: _numpy().random.get_state() if _numpy() else None,
        lambda state: state and _numpy().random.set_state(state),
        lambda: _numpy() and _numpy().random.seed(0),
    ),
    _Random(
        lambda: _cuda.get_rng_state_all() if _cuda.is_initialized() else [],
        lambda states: states and _cuda.set_rng_state_all(states),
        lambda: None,
    ),
)


class PlainState:
    """A context in which torch and Python are as they start; then they are the reader's again."""

    def __init__(self) -> None:
        self._contexts = contextlib.ExitStack()

    def __enter__(self) -> "PlainState":
        with _without_warnings():
            self._before = [setting.read() for setting in _SETTINGS]
            self._random = [source.read() for source in _RANDOM]
        self._contexts.enter_context(plain_thread())
        self.again()
        for source in _RANDOM:
            source.seed()
        return self

    def again(self) -> None:
        """Put back what an answer may have set."""
        with _without_warnings():
            for setting, before in zip(_SETTINGS, self._before, strict=True):
                if setting.read() != setting.plain(before):
                    setting.write(setting.plain(before))

    def __exit__(self, *_: object) -> None:
        self._contexts.close()
        with _without_warnings():
            for setting, before in zip(_SETTINGS, self._before, strict=True):
                if setting.read() != before:  # to write may cost seconds: torch loads its compiler
                    setting.write(before)
            for source, state in zip(_RANDOM, self._random, strict=True):
                source.write(state)


@contextlib.contextmanager
def plain_thread() -> Iterator[None]:
    """What each thread has for itself: gradients on, no inference mode, no autocast, the CPU."""
    # A device as a context slows every operation down: only where another one is the default.
    elsewhere = torch.get_default_device() != torch.device("cpu")
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast("cpu", enabled=False),
        torch.device("cpu") if elsewhere else contextlib.nullcontext(),
    ):
        yield


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
