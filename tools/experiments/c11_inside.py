"""Chapter 11: its model with ten seeds, what its heads do; and three seeds of what it lacks."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from tools.experiments.chapters import names_of, spread

TABLE = Path(__file__).with_suffix(".json")
SEEDS = tuple(range(10))  # 0 is the chapter's own
VARIANT_SEEDS = (0, 1, 2)
VARIANTS: dict[str, dict[str, Any]] = {
    "layers=1": {"layers": 1},
    "layers=1, heads=4, width=64": {"layers": 1, "heads": 4, "width": 64},
    "rotary=False": {"rotary": False},
    "heads=1": {"heads": 1},
}
# Cells of the chapter that define something, in their order.
CELLS = (
    "imports",
    "signs",
    "model",
    "fit-definition",
    "measures",
    "scores",
    "without",
    "through-definition",
    "less-definitions",
    "lean-definition",
)


def texts_of(there: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the texts on which the chapter measures."""
    texts, told = there.repeated(256, 48, torch.Generator().manual_seed(99))
    return texts, told


def below(losses: list[tuple[float, float]], bound: float) -> int | None:
    """Return the first step from which five on end are below a bound in the mean."""
    means = torch.tensor([known for known, _ in losses]).unfold(0, 5, 1).mean(dim=1)
    steps = (means < bound).nonzero()
    return int(steps[0]) if len(steps) else None


def rounded(numbers: Any) -> list[float]:
    """Round a few numbers."""
    return [round(float(number), 3) for number in numbers]


def run(there: Any, seed: int) -> dict[str, Any]:
    """Train the chapter's model with one seed; return what it and its heads do."""
    texts, told = texts_of(there)
    model, losses = there.fit(seed)
    with torch.no_grad():
        _, maps = model(texts[:, :-1], need_weights=True)
    previous = [there.previous_scores(weights) for weights in maps]
    induction = [there.induction_scores(weights, texts[:, :-1]) for weights in maps]
    finder = int(previous[0].argmax())

    def off(*heads: tuple[int, int]) -> list[float]:
        with there.without(model, *heads):
            return rounded(there.goes_on(model, texts, told))

    mixed = there.shuffled(texts, told, torch.Generator().manual_seed(3))
    first = sum(unknown for _, unknown in losses[-20:]) / 20
    return {
        "seed": seed,
        "below 3": below(losses, 3.0),
        "below 1": below(losses, 1.0),
        "right": rounded(there.goes_on(model, texts, told)),
        "first": round(first, 3),
        "previous": [rounded(each) for each in previous],
        "induction": [rounded(each) for each in induction],
        "finder": finder,
        "off": {
            "finder": off((0, finder)),
            "idle": off((0, 1 - finder)),
            "1.0": off((1, 0)),
            "1.1": off((1, 1)),
            "1.0 1.1": off((1, 0), (1, 1)),
        },
        "through": {
            part: round(there.read_without(model, finder, part, texts, told), 3)
            for part in ("query", "key", "value")
        },
        "untold": rounded(there.goes_on(model, *there.untold())),
        "shuffled": rounded(there.goes_on(model, mixed, told)),
        "morning": there.next_signs(model, "早上好早上").get("好", 0.0),
        "two models": rounded(there.two_models(model, texts, told)),
    }


def run_variant(there: Any, name: str, seed: int) -> dict[str, Any]:
    """Train a model that lacks something; return how often it is right, and its loss."""
    model, _ = there.fit(seed, **VARIANTS[name])
    return {"variant": name, "seed": seed, "right": rounded(there.goes_on(model, *texts_of(there)))}


def learned(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of the seeds that have learned to go on within the steps there are."""
    return [row for row in rows if row["right"][0] > 0.97]


def summary(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Return the numbers of the chapter's table: a line for each claim, the least and the most."""
    rows = learned(rows)

    def line(name: str, values: list[float], form: str = ".2f") -> list[str]:
        return [name, spread(values, form)]

    return [
        line("right where it could know", [row["right"][0] for row in rows]),
        line("previous-token score", [max(row["previous"][0]) for row in rows]),
        line("induction score", [each for row in rows for each in row["induction"][1]]),
        line("without the previous-token head", [row["off"]["finder"][0] for row in rows]),
        line("without the other head of layer 0", [row["off"]["idle"][0] for row in rows]),
        line(
            "without one head of layer 1",
            [row["off"][head][0] for row in rows for head in ("1.0", "1.1")],
        ),
        line("without both", [row["off"]["1.0 1.1"][0] for row in rows]),
        *(
            line(f"its notes missing in {name} alone", [r["through"][part] for r in rows])
            for part, name in (("query", "queries"), ("key", "keys"), ("value", "values"))
        ),
        line("pairs never told", [row["untold"][0] for row in rows]),
        line("copies shuffled", [row["shuffled"][0] for row in rows]),
    ]


def variant_summary(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Return a line for each variant."""
    return [
        [f"`{name}`", spread([row["right"][0] for row in rows if row["variant"] == name], ".2f")]
        for name in VARIANTS
    ]


def written(rows: list[dict[str, Any]], variants: list[dict[str, Any]]) -> str:
    """Return the table, a line for each run."""
    lines = [
        ",\n".join(json.dumps(row, ensure_ascii=False) for row in part) for part in (rows, variants)
    ]
    return f'{{"rows": [\n{lines[0]}\n],\n"variants": [\n{lines[1]}\n]}}\n'


def table() -> str:
    """Train everything; return the table."""
    there, rows = SimpleNamespace(**names_of("11_inside", CELLS)), []
    for seed in SEEDS:
        rows.append(run(there, seed))
        print(json.dumps(rows[-1], ensure_ascii=False), flush=True)
    variants = []
    for name in VARIANTS:
        for seed in VARIANT_SEEDS:
            variants.append(run_variant(there, name, seed))
            print(json.dumps(variants[-1], ensure_ascii=False), flush=True)
    for line in (*summary(rows), *variant_summary(variants)):
        print("|", " | ".join(line), "|")
    return written(rows, variants)
