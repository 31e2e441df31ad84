"""What the runner asks a kernel between two cells.

This file travels as text into the kernel, which may belong to another environment and another
Python: standard library only. It registers itself as a module, so that it leaves no name behind
among those of the notebook.
"""

import importlib.metadata
import json
import random
import sys
import types
from typing import Any

_before: dict[str, Any] = {}  # states of the random generators before the latest cell
_after: dict[str, Any] = {}


def _random_states() -> dict[str, Any]:
    states: dict[str, Any] = {"random": random.getstate()}
    if numpy := sys.modules.get("numpy"):
        states["numpy"] = numpy.random.get_state()
    if torch := sys.modules.get("torch"):
        states["torch"] = torch.get_rng_state()
    return states


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
    random.setstate(_before["random"])
    if "numpy" in _before:
        sys.modules["numpy"].random.set_state(_before["numpy"])
    if "torch" in _before:
        sys.modules["torch"].set_rng_state(_before["torch"])
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
    print(json.dumps(globals()[name](*arguments)))


_module = types.ModuleType("_proof")
_module.__dict__.update({name: each for name, each in globals().items() if name[:2] != "__"})
sys.modules["_proof"] = _module
