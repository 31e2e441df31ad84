"""Trained models in the widget state of a notebook: compared by what they do, never bit by bit.

Another processor, with other vector instructions, trains the same model to other last bits. The
committed weights stay wherever both read, translate or continue alike; each drawing says for its
model what that means (`Drawing.trained`, `Drawing.difference`).
"""

from collections import defaultdict
from collections.abc import Mapping
from importlib import import_module
from typing import Any

States = Mapping[str, dict[str, Any]]


def _drawing_of(state: Mapping[str, Any]) -> Any:
    """Return the class of a drawing of ours from its saved state; None for anything else."""
    module, _, name = str(state.get("_anywidget_id", "")).rpartition(".")
    return getattr(import_module(module), name) if module.startswith("attnlib.") else None


def _same(before: dict[str, Any], after: dict[str, Any]) -> bool:
    try:
        return _drawing_of(after).difference(before, after) is None
    except (KeyError, TypeError, ValueError):  # what was committed is damaged
        return False


def keep(stored: States, fresh: States) -> dict[str, dict[str, Any]]:
    """Return the fresh states, with the stored weights of each model that does the same.

    Args:
        stored: Widget models as they are committed, by id.
        fresh: As a run has made them. The n-th drawing of a class is compared with the n-th there.
    """
    committed = defaultdict(list)
    for model in stored.values():
        committed[model["state"].get("_anywidget_id")].append(model["state"])
    kept = {}
    for name, model in fresh.items():
        now = model["state"]
        twins = committed[now.get("_anywidget_id")]
        before = twins.pop(0) if twins else {}
        traits = getattr(_drawing_of(now), "trained", ()) if before else ()
        if any(before.get(trait) != now[trait] for trait in traits) and _same(before, now):
            model = {**model, "state": now | {trait: before[trait] for trait in traits}}
        kept[name] = model
    return kept
