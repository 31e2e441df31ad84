"""Chapter 10: the model that repeats, on long texts and with windows; and recall, by seeds."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tools.experiments.chapters import names_of, spread

TABLE = Path(__file__).with_suffix(".json")
SEEDS = (0, 1, 2, 3, 4, 5, 6, 7)  # 0 is the chapter's own
RECALL_SEEDS = (0, 1, 2)
# Cells of the chapter that define something, in their order.
CELLS = ("imports", "largest", "copier", "resonance-defined", "linear", "recall")
NUMBERS = (4, 8, 16, 32)


def run(there: Any, seed: int) -> dict[str, Any]:
    """Train the model that repeats; return how often it goes on rightly, and where it looks."""
    copier = there.fit_copier(seed)

    def right(
        length: int, windows: tuple[int | None, int | None] = (None, None), **of: int
    ) -> float:
        return round(there.copied(copier, length, windows, **of), 3)

    return {
        "seed": seed,
        "48": right(48),
        "384": right(384),
        "window 26": right(384, (26, 26)),
        "layer 0": right(384, (26, None)),
        "layer 1": right(384, (None, 26)),
        "window 48": right(384, (48, 48)),
        "sinks": right(384, (26, 26), sinks=4),
        "looks": sorted(there.look_back(copier)[1].topk(2).indices.tolist()),
        "windows": {
            str(window): right(384, (window, window)) for window in (8, 13, 16, 24, 32, 96)
        },
    }


def recall(there: Any, seed: int) -> dict[str, Any]:
    """Train recall with both kinds of attention; return the shares of values named rightly."""
    kinds = {"softmax": there.fused, "linear": there.linear_attention}
    return {"seed": seed} | {
        name: [round(there.recalled(attend, pairs, seed), 3) for pairs in NUMBERS]
        for name, attend in kinds.items()
    }


def summary(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Return the numbers of the chapter's first table: a line for each seed."""
    shown = ("48", "384", "window 26", "layer 0", "layer 1", "window 48", "sinks")
    return [[str(row["seed"]), *(f"{row[name]:.2f}" for name in shown)] for row in rows]


def recall_summary(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Return the numbers of the second: a line for each kind of attention."""
    return [
        [name, *(spread([row[name][place] for row in rows], ".2f") for place in range(4))]
        for name in ("softmax", "linear")
    ]


def written(rows: list[dict[str, Any]], recalls: list[dict[str, Any]]) -> str:
    """Return the table, a line for each run."""
    lines = [",\n".join(json.dumps(row) for row in part) for part in (rows, recalls)]
    return f'{{"rows": [\n{lines[0]}\n],\n"recall": [\n{lines[1]}\n]}}\n'


def table() -> str:
    """Train everything; return the table."""
    there = SimpleNamespace(**names_of("10_long_inputs", CELLS))
    rows, recalls = [], []
    for seed in SEEDS:
        rows.append(run(there, seed))
        print(json.dumps(rows[-1]), flush=True)
    for seed in RECALL_SEEDS:
        recalls.append(recall(there, seed))
        print(json.dumps(recalls[-1]), flush=True)
    for line in (*summary(rows), *recall_summary(recalls)):
        print("|", " | ".join(line), "|")
    return written(rows, recalls)
