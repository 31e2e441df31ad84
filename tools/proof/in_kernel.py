"""What the runner asks a kernel between two cells.

This file travels as text into the kernel, which may belong to another environment and another
Python: standard library only. It registers itself as a module, so that it leaves no name behind
among those of the notebook.
"""

import importlib.metadata
import inspect
import io
import json
import os
import pickle
import random
import sys
import time
import types
from typing import Any

LARGEST = 20_000_000  # bytes: what a cell has computed is smaller, what it has read may be more
# Their versions differ between runtimes on which Python and torch are the same.
VARYING = ("numpy", "matplotlib", "PIL", "ipywidgets", "anywidget", "IPython")
OF_OURS = ("attnlib.plotting", "attnlib.widgets")  # they call those
ONLY_SHOWS = "attnlib.plotting.progress"  # how far a cell is

_before: dict[str, Any] = {}  # states of the random generators before the latest cell
_after: dict[str, Any] = {}
_since = time.process_time()  # when the last question was answered


def _random_states() -> dict[str, Any]:
    states: dict[str, Any] = {"random": random.getstate()}
    if numpy := sys.modules.get("numpy"):
        states["numpy"] = numpy.random.get_state()
    if torch := sys.modules.get("torch"):
        states["torch"] = torch.get_rng_state()
    return states


def _set_random_states(states: dict[str, Any]) -> None:
    random.setstate(states["random"])
    if "numpy" in states:
        sys.modules["numpy"].random.set_state(states["numpy"])
    if "torch" in states:
        sys.modules["torch"].set_rng_state(states["torch"])


def _module_of(name: str, value: Any) -> str:
    """Return the module behind a name; the name itself where it may be that of an import."""
    if isinstance(value, types.ModuleType):
        return value.__name__
    return (getattr(value, "__module__", None) or "") if callable(value) else name


def _varies(module: str) -> bool:
    if module == ONLY_SHOWS:
        return False
    return module.partition(".")[0] in VARYING or module.startswith(OF_OURS)


def names_in(code: types.CodeType) -> set[str]:
    """Return the names that a function takes from outside, and those of attributes and modules."""
    inner = (each for each in code.co_consts if isinstance(each, types.CodeType))
    return set(code.co_names).union(*map(names_in, inner))


def calls_what_varies(names: set[str]) -> bool:
    """Whether these names, or the functions and classes of the notebook behind them, do so."""
    known, seen = sys.modules["__main__"].__dict__, set[str]()
    while wanted := names - seen:
        seen |= wanted
        for name in wanted:
            value = known.get(name)
            module = _module_of(name, value)
            if _varies(module):
                return True
            if module == "__main__":
                parts = [value, *vars(value).values()] if isinstance(value, type) else [value]
                parts = [inspect.unwrap(each) for each in parts if callable(each)]
                codes = [each.__code__ for each in parts if isinstance(each, types.FunctionType)]
                names = names.union(*map(names_in, codes))
    return False


class _AtMost(io.BytesIO):
    """Refuses to grow beyond a size: a whole language model is read again sooner."""

    def write(self, text: Any) -> int:
        if self.tell() + len(text) > LARGEST:
            raise OverflowError
        return super().write(text)


def keep(path: str, bound: list[str], read: list[str], long: float) -> bool:
    """Keep what names hold after a cell that has computed for long.

    Args:
        path: Where.
        bound: Names that the cell has bound.
        read: Those that it reads: what they hold it may have changed.
        long: Seconds of the processor.

    Returns:
        Whether it was kept; not if something of it cannot be, or may depend on more than Python
        and torch.
    """
    if time.process_time() - _since < long:
        return False
    if calls_what_varies({*read}):
        return False
    known = sys.modules["__main__"].__dict__
    code = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
    if any(isinstance(known.get(name), code) for name in bound):
        return False
    names = [each for each in (*bound, *read) if each in known]
    held = {name: known[name] for name in names if not isinstance(known[name], code)}
    states = _random_states()
    if "numpy" in states:  # as plain numbers, which any version reads
        kind, numbers, *rest = states["numpy"]
        states["numpy"] = (kind, numbers.tolist(), *rest)
    text = _AtMost()
    try:
        pickle.dump((held, states), text)
    except (pickle.PicklingError, AttributeError, TypeError, OverflowError):
        return False
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(text.getvalue())
    return True


def take(path: str) -> bool:
    """Put in place what another kernel has kept; return whether it can be read here."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            held, states = pickle.load(file)
    except (pickle.UnpicklingError, AttributeError, ImportError, EOFError):
        return False
    sys.modules["__main__"].__dict__.update(held)
    _set_random_states(states)
    return True


def mark() -> int:
    """Remember the random generators as they are between two cells.

    Returns:
        How often anything has asked the catalogue of words so far.
    """
    global _before, _after
    _before, _after = _after, _random_states()
    return asked()


def asked() -> int:
    """Return how often anything has asked the catalogue of words so far."""
    words = sys.modules.get("attnlib.words")
    return sum(words.catalogue.cache_info()[:2]) if words else 0


def rewind(language: str) -> None:
    """Go back to before the latest cell, in this language."""
    _set_random_states(_before)
    use(language)


def use(language: str) -> None:
    """Choose the language of all that is said."""
    sys.modules["attnlib.words"].use(language)


def environment() -> dict[str, Any]:
    """Return Python's version, the packages, and where those that matter come from."""
    packages: dict[str, str] = {}
    for each in importlib.metadata.distributions():  # as in sys.path: the first one is the one used
        packages.setdefault(each.name, each.version)
    loaded = {name: sys.modules.get(name) for name in ("attnlib", "numpy")}
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "packages": dict(sorted(packages.items())),
        "loaded": {
            name: [str(module.__file__), str(getattr(module, "__version__", ""))]
            for name, module in loaded.items()
            if module
        },
    }


def attempt(call: str, bound: bool) -> dict[str, Any]:
    """Evaluate a call of a check, `checks.check_name(answer)`, among the notebook's names.

    Args:
        call: The call, as it stands in a cell.
        bound: Whether the solution has defined the answer. A prediction is prose: the numbers that
            the check holds for right are tried then.
    """
    names = sys.modules["__main__"].__dict__
    if not bound:
        name, _, answer = call.removeprefix("checks.check_").removesuffix(")").partition("(")
        registry = sys.modules["attnlib.checks.engine.registry"]
        (check,) = (each for each in registry.all_checks() if each.name == name)
        names = names | {answer: check.reference()}
    result = eval(call, names)
    return {"passed": result.passed, "said": repr(result)}


def progress() -> dict[str, Any]:
    """Return what `checks.progress()` holds for done, and what it says."""
    report = sys.modules["attnlib.checks"].progress()
    return {"done": report.done, "said": repr(report)}


def answer(name: str, *arguments: Any) -> None:
    """Print what a function of this module returns, as JSON."""
    global _since
    print(json.dumps(globals()[name](*arguments)))
    _since = time.process_time()


_module = types.ModuleType("_proof")
_module.__dict__.update({name: each for name, each in globals().items() if name[:2] != "__"})
sys.modules["_proof"] = _module
