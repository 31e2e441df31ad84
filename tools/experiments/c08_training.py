"""Chapter 8: its reader and variants of it, three seeds; and the puzzle alone with eight more."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tools.experiments.chapters import names_of, spread

TABLE = Path(__file__).with_suffix(".json")
SEEDS = (5, 6, 7)  # 5 is the chapter's own; width and start were chosen with 0 to 4
MORE_SEEDS = (0, 1, 2, 3, 4, 10, 11, 12)  # for the puzzle alone
VARIANTS = ("attention", "no_positions", "bag", "random_start")
# Cells of the chapter that define something, in their order.
CELLS = (
    "imports",
    "phrases",
    "ambiguous",
    "split",
    "look-up",
    "vocabulary",
    "reader",
    "company",
    "fit",
    "measure",
)
WORDS = {"音乐": 1, "快乐": 1, "银行": 1, "行人": 0, "重新": 0}


class Bag(nn.Module):
    """Looks at all alike: the mean of the phrase, in the place of attention."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.value = nn.Linear(embed_dim, embed_dim)

    def forward(self, x: Tensor, need_weights: bool = False) -> tuple[Tensor, None]:  # noqa: ARG002
        """Return the same for each place."""
        return self.value(x.mean(dim=1, keepdim=True)).expand_as(x), None


def reader_of(there: Any, variant: str, vocabulary: Any, train: list[str], seed: int) -> Any:
    """Return the chapter's reader, or a variant of it, before training."""
    if variant == "random_start":
        torch.manual_seed(seed)
        reader = there.Reader(vocabulary)
        with torch.no_grad():  # as long as those from company: only what they say differs
            reader.embed.weight.copy_(2 * functional.normalize(reader.embed.weight, dim=1))
        return reader
    reader = there.new_reader(vocabulary, train, seed)
    if variant == "no_positions":
        reader.attention.rotary = None
    if variant == "bag":
        reader.attention = Bag(reader.embed.embedding_dim)
    return reader


def run(names: dict[str, Any], seed: int) -> dict[str, Any]:
    """Train the chapter's reader and its variants with one seed; return what they read."""
    there = SimpleNamespace(**names)
    train, held = there.split(seed)
    asked = there.questions(held)
    look_up = there.LookUp(there.count(train))
    vocabulary = there.Vocabulary(train)
    guesses = {
        "majority": {(p, i): look_up.read(p, i, ()) for p, i in asked},
        "back-off": {(p, i): look_up.read(p, i) for p, i in asked},
    }
    fitted = {}
    for variant in VARIANTS:
        reader = reader_of(there, variant, vocabulary, train, seed)
        fitted[variant] = there.fit(reader, vocabulary, train)
        guesses[variant] = there.answers(fitted[variant], vocabulary, asked)
    guesses["together"] = {
        q: guesses["back-off" if look_up.knows(*q) else "attention"][q] for q in asked
    }
    row: dict[str, Any] = {"seed": seed, "questions": len(asked)}
    row["accuracy"] = {name: round(there.right(guess), 4) for name, guess in guesses.items()}
    never = [q for q in asked if not look_up.knows(*q)]
    row["never"] = {
        name: round(there.right({q: guess[q] for q in never}), 4) for name, guess in guesses.items()
    }
    row["leaked"] = leaked(there, seed)
    row["words"] = {
        word: {
            "questions": len(about := _about(held, asked, word, place)),
            **{
                name: sum(there.phrases[p][i] == guess[p, i] for p, i in about)
                for name, guess in guesses.items()
            },
        }
        for word, place in WORDS.items()
    }
    return row | puzzles(fitted["attention"], vocabulary)


def leaked(there: Any, seed: int) -> dict[str, float]:
    """Return accuracies after the careless split."""
    train, held = there.split(seed, strict=False)
    asked = there.questions(held)
    look_up, vocabulary = there.LookUp(there.count(train)), there.Vocabulary(train)
    reader = there.fit(there.new_reader(vocabulary, train, seed), vocabulary, train)
    return {
        "back-off": round(there.right({(p, i): look_up.read(p, i) for p, i in asked}), 4),
        "attention": round(there.right(there.answers(reader, vocabulary, asked)), 4),
    }


def _about(held: list[str], asked: list[Any], word: str, place: int) -> list[Any]:
    there = set(asked)
    questions = ((phrase, phrase.index(word) + place) for phrase in held if word in phrase)
    return [question for question in questions if question in there]


@torch.no_grad()
def puzzle(reader: Any, vocabulary: Any, phrase: str, place: int) -> dict[str, Any]:
    """Return the probability of hào at a place, and the most that a head gives to 爱 from there."""
    ids = torch.tensor([vocabulary.ids(phrase)])
    found, weights = reader(ids, need_weights=True)
    p = reader.answer(found, ids)[0, place + 1].softmax(dim=-1)
    looks = weights[0, :, place + 1, phrase.index("爱") + 1].max().item()
    return {"hào": round(p[vocabulary.answer["好", "hào"]].item(), 2), "on 爱": round(looks, 2)}


def puzzles(reader: Any, vocabulary: Any) -> dict[str, Any]:
    """Return what the reader says of the puzzle, and of a longer phrase with it."""
    return {
        phrase: puzzle(reader, vocabulary, phrase, place)
        for phrase, place in (("爱好", 1), ("业余爱好者", 3))
    }


def summary(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Return the numbers of the chapter's table: for each reader the spread over the seeds."""
    return [
        [
            spread([row["accuracy"][name] for row in rows], ".2f"),
            spread([row["never"][name] for row in rows], ".2f"),
            spread([row["words"]["音乐"][name] for row in rows], "d"),
            spread([row["words"]["银行"][name] for row in rows], "d"),
        ]
        for name in rows[0]["accuracy"]
    ]


def run_puzzle(names: dict[str, Any], seed: int) -> dict[str, Any]:
    """Train the chapter's reader alone; return what it reads in the puzzle."""
    there = SimpleNamespace(**names)
    train, _ = there.split(seed)
    vocabulary = there.Vocabulary(train)
    reader = there.fit(there.new_reader(vocabulary, train, seed), vocabulary, train)
    return {"seed": seed, **puzzles(reader, vocabulary)}


def written(rows: list[dict[str, Any]], puzzle: list[dict[str, Any]]) -> str:
    """Return the table, a line for each run."""
    lines = [
        ",\n".join(json.dumps(row, ensure_ascii=False) for row in part) for part in (rows, puzzle)
    ]
    return f'{{"rows": [\n{lines[0]}\n],\n"puzzle": [\n{lines[1]}\n]}}\n'


def table() -> str:
    """Train everything; return the table."""
    names, rows = names_of("08_training", CELLS), []
    for seed in SEEDS:
        rows.append(run(names, seed))
        print(json.dumps(rows[-1], ensure_ascii=False), flush=True)
    for line in summary(rows):
        print("|", " | ".join(line), "|")
    return written(rows, [run_puzzle(names, seed) for seed in MORE_SEEDS])
