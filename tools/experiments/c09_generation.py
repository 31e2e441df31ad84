"""Chapter 9: its translator with several seeds, and what mistakes make of it: a few minutes.

Variants are trained without rotary encoding and without a padding mask; each bug of the cache
writes with the trained one. What runs are the chapter's own cells. The chapter shows the tables and
asserts the same claims for its own seed.
"""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tools.experiments.chapters import names_of, spread

TABLE = Path(__file__).with_suffix(".json")
SEEDS = (0, 1, 2)  # 0 is the chapter's own
CELLS = (
    "imports",
    "dates",
    "split",
    "alphabet",
    "model",
    "parameters",
    "train-definition",
    "greedy",
    "by-hand",
    "bugs",
)
UNSEEN = ("nl", "sv", "it", "pl", "ja", "ko")
BROKEN: dict[str, dict[str, Any]] = {
    "no shift": {"steps": 200, "shifted": False},
    "no causal": {"steps": 200, "causal": False},
}


def swapped_digits(written: list[str], isos: list[str]) -> float:
    """Return how many of the wrong dates have the right characters in another order."""
    wrong = [(one, iso) for one, iso in zip(written, isos, strict=True) if one != iso]
    return sum(sorted(one) == sorted(iso) for one, iso in wrong) / max(len(wrong), 1)


def run(there: Any, seed: int) -> dict[str, Any]:
    """Train the chapter's translator and its variants with one seed; return what they write."""
    test = there.test
    texts, isos = map(list, zip(*test, strict=True))
    model, _ = there.fit(seed)
    plain, _ = there.fit(seed, rotary=False)
    unmasked, _ = there.fit(seed, 600, masked=False)
    row: dict[str, Any] = {"seed": seed}
    row["exact"] = {
        "rotary": there.exact(model, test),
        "no rotary": there.exact(plain, test),
        "no padding mask": there.exact(unmasked, test, masked=False),
        "no padding mask, alone": alone(there, unmasked, masked=False),
        "padding mask left out": there.exact(model, test, masked=False),
    }
    row["swapped"] = round(swapped_digits(there.translate(plain, texts), isos), 3)
    row["broken"] = {}
    for name, bug in BROKEN.items():
        how = {key: value for key, value in bug.items() if key == "causal"}
        other, losses = there.fit(seed, **bug)
        share = there.exact(other, test, **how)
        row["broken"][name] = {"loss": round(sum(losses[-20:]) / 20, 4), "exact": share}
    row["unseen"] = {
        name: there.exact(model, there.pairs(there.held, 200, seed=3, formats=[(name, "long")]))
        for name in UNSEEN
    }
    row["bugs"] = {}
    for bug in there.BUGS:
        written, apart = there.write(model, texts[:200], bug)
        hits = sum(map(str.__eq__, written, isos))
        row["bugs"][bug] = {"exact": hits / 200, "apart": round(apart, 5)}
    return row


def alone(there: Any, model: Any, **how: Any) -> float:
    """Return the share that is right where no text has filler: only one length in a batch."""
    by_length: dict[int, list[Any]] = {}
    for text, iso in there.test:
        by_length.setdefault(len(text), []).append((text, iso))
    hits = [there.exact(model, same, **how) * len(same) for same in by_length.values()]
    return float(sum(hits) / len(there.test))


def summary(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Return the numbers of the chapter's tables: the least and the most of the seeds."""
    found = {name: [row["exact"][name] for row in rows] for name in rows[0]["exact"]}
    found |= {f"`{bug}`": [row["bugs"][bug]["exact"] for row in rows] for bug in rows[0]["bugs"]}
    return {name: spread(values, ".2f") for name, values in found.items()}


def written(rows: list[dict[str, Any]]) -> str:
    """Return the table, a line for each seed."""
    lines = ",\n".join(map(json.dumps, rows))
    return f'{{"rows": [\n{lines}\n]}}\n'


def table() -> str:
    """Train everything; return the table."""
    there = SimpleNamespace(**names_of("09_generation", CELLS))
    rows = []
    for seed in SEEDS:
        rows.append(run(there, seed))
        print(json.dumps(rows[-1]), flush=True)
    for name, values in summary(rows).items():
        print("|", name, "|", values, "|")
    return written(rows)
