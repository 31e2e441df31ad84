"""A chapter with all that a chapter must have, and little else."""

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools.editions import DEFAULT, edition

NUMBER = len(edition(DEFAULT).chapters) + 1
NAME, TITLE = f"{NUMBER:02}_hard_look_up", "A hard look-up"

CHECKS = '''"""Checks of chapter NUMBER: the hard look-up."""

import torch
from torch import Tensor

from attnlib.checks.engine.check import check
from attnlib.checks.engine.inputs import grid
from attnlib.checks.engine.predictions import Numbers, prediction


@prediction("NUMBER.1", wrong={"soft_weights_given": [0.67, 0.24, 0.09]})
def hard_row() -> Numbers:
    """Check exercise NUMBER.1: the hard weights of 上.

    Args:
        answer: The weights of 早, 上 and 好: a list of three numbers.

    Returns:
        A result that shows itself; `passed` is None as long as a weight is `...`.

    >>> check_hard_row([1, 0, 0]).passed
    True
    """
    return [1.0, 0.0, 0.0]


@check(
    "NUMBER.2",
    wrong={"hard_over_queries": lambda scores: _one_hot(scores, -2)},
    inputs=[lambda: grid(lambda draw, n, m: (draw.normal(n, m),), n=(2, 3), m=(3, 5))],
)
def hard_weights(scores: Tensor) -> Tensor:
    """Check exercise NUMBER.2: hard weights.

    Args:
        answer: Called as answer(scores), with a tensor of shape (q_len, k_len); returns one too.

    Returns:
        A result that shows itself.

    >>> check_hard_weights(lambda scores: None)
    ○ Exercise NUMBER.2: not attempted yet
    """
    return _one_hot(scores, -1)


def _one_hot(scores: Tensor, dim: int) -> Tensor:
    return (scores == scores.amax(dim=dim, keepdim=True)).to(scores.dtype)


@check(
    "NUMBER.3",
    wrong={},
    inputs=[
        lambda: grid(
            lambda draw, n, m: (draw.normal(n, 2), draw.normal(m, 2), draw.normal(m, 3)),
            n=(1, 2),
            m=(3, 5),
        )
    ],
)
def hard_look_up(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Check exercise NUMBER.3: the hard look-up.

    Args:
        answer: Called as answer(query, key, value); returns a tensor of shape (q_len, width).

    Returns:
        A result that shows itself.

    >>> check_hard_look_up(lambda query, key, value: None)
    ○ Exercise NUMBER.3: not attempted yet
    """
    return value[(query @ key.mT).argmax(dim=-1)]
'''.replace("NUMBER", str(NUMBER))

WORDS = """
[checks.misconception.soft_weights_given]
text = "These are soft weights: a hard look-up takes all from one place."

[checks.misconception.hard_over_queries]
text = "The largest score was looked for among the queries of each key, not among the keys."
"""

ANSWERS = '''"""Chapter NUMBER: the hard look-up. Right answers and wrong ones."""

import torch

from tests.checks.answers.filed import RIGHT, right, wrong

RIGHT["hard_row"] = [[1, 0, 0], (1.0, 0.0, 0.0), torch.tensor([1, 0, 0]), [True, False, False]]


@right("hard_weights")
def one_hot(scores):
    return torch.nn.functional.one_hot(scores.argmax(-1), scores.shape[-1]).to(scores.dtype)


@right("hard_weights")
def equal_to_the_largest(scores):
    return (scores == scores.max(-1, keepdim=True).values).float()


@right("hard_weights")
def scattered(scores):
    return torch.zeros_like(scores).scatter(-1, scores.argmax(-1, keepdim=True), 1.0)


@right("hard_weights")
def very_cold(scores):
    return (1e6 * (scores - scores.amax(-1, keepdim=True))).softmax(-1)


@wrong("hard_weights", "hard_over_queries")
def along_the_columns(scores):
    return torch.zeros_like(scores).scatter(-2, scores.argmax(-2, keepdim=True), 1.0)


@right("hard_look_up")
def taken(query, key, value):
    return value[(query @ key.T).argmax(-1)]


@right("hard_look_up")
def mixed(query, key, value):
    return scattered(query @ key.T) @ value


@right("hard_look_up")
def in_a_loop(query, key, value):
    return torch.stack([value[(key @ row).argmax()] for row in query])


@right("hard_look_up")
def sorted_first(query, key, value):
    return value[(query @ key.T).argsort(-1)[:, -1]]
'''.replace("NUMBER", str(NUMBER))

IMPORTS = """import torch

import attnlib
from attnlib import checks
from attnlib.widgets import QueryKeyValueExplorer

torch.set_num_threads(1)
keys = torch.tensor([[1.0, 1.0], [2.0, -1.0], [1.0, -1.0]])
query = torch.tensor([[1.0, 1.0]])"""
FIGURE = """QueryKeyValueExplorer(
    ["早", "上", "好"], keys.tolist(), keys.tolist(), query=query[0].tolist()
)"""
BY_HAND = """def hard(scores):
    return (scores == scores.amax(dim=-1, keepdim=True)).float()


cold = attnlib.masked_softmax(1e6 * query @ keys.T)
torch.testing.assert_close(hard(query @ keys.T), cold)"""
ROW = "my_row = [..., ..., ...]\n\nchecks.check_hard_row(my_row)"
WEIGHTS = "def my_weights(scores): ...\n\n\nchecks.check_hard_weights(my_weights)"
LOOK_UP = "def my_look_up(query, key, value): ...\n\n\nchecks.check_hard_look_up(my_look_up)"
SOLVED = """```python
def my_weights(scores):
    return (scores == scores.amax(dim=-1, keepdim=True)).float()
```"""
LOOKED_UP = """```python
def my_look_up(query, key, value):
    return my_weights(query @ key.mT) @ value
```"""
FOLD = '<details><summary style="cursor: pointer">'
PAPER = "[Attention Is All You Need](https://arxiv.org/abs/1706.03762)"


def notebook(phrases, bootstrap):
    """Return the chapter in the language whose phrases these are, without outputs."""
    say = phrases.__getitem__

    def text(name, source):
        return new_markdown_cell(source, id=name)

    def code(name, source, **metadata):
        return new_code_cell(source, id=name, metadata=metadata)

    def box(phrase, said):
        return f"> **{say(phrase)}.**\n>\n> {said}"

    def exercise(number, kind, stub, solution):
        name = f"exercise-{NUMBER}-{number}"
        called = say("exercise").format(number=f"{NUMBER}.{number}")
        head = f"### {called} ★ {say(kind)}\n\nTry it."
        folds = [(say("hint"), "Look at the largest."), (say("solution"), solution)]
        folded = "\n\n".join(
            f"{FOLD}{fold}</summary>\n\n{said}\n\n</details>" for fold, said in folds
        )
        cells = [text(f"{name}-task", head)]
        cells += [code(name, stub)] if stub else []
        return [*cells, text(f"{name}-solution", folded)]

    caption = say("figure").format(number=f"{NUMBER}.1")
    picture = {"alt": "Live figure: the keys of 早, 上 and 好 as arrows with the query (1, 1)."}
    predict = box("predict", "What comes out?")
    opening = f"**早上好: what if only one key counts?**\n\n{say('able')}\n\n- look\n- see\n- take"
    cells = [
        text(
            "title",
            f"# {NUMBER}. {TITLE}\n\n{opening}\n\n{say('need')} [1](01_query_key_value.ipynb).",
        ),
        bootstrap,
        code("imports", IMPORTS),
        text("first", f"## First\n\n{predict}"),
        code("first-scores", "query @ keys.T"),
        text("second", predict),
        code("by-hand", BY_HAND),
        text("third", predict),
        code("largest", "(query @ keys.T).argmax().item()"),
        text("try-it", box("try", "Pull.")),
        code("live-figure", FIGURE, mystnb={"image": picture}),
        text("live-figure-caption", f"**{caption}.** One key, one query."),
        text("live-answers", "The output follows."),
        text("what-goes-wrong", f"## {say('what_goes_wrong')}\n\nTies."),
        text("exercises", f"## {say('exercises')}"),
        *exercise(1, "kind_predict", ROW, "All from the first."),
        *exercise(2, "kind_code", WEIGHTS, SOLVED),
        *exercise(3, "kind_code", LOOK_UP, LOOKED_UP),
        *exercise(4, "kind_bug", "", "The axis."),
        *exercise(5, "kind_think", "", "No gradient."),
        code("exercises-progress", "checks.progress()"),
        text(
            "recap",
            f"## {say('recap')}\n\n| {say('this_book')} | {say('elsewhere')} |\n|---|---|\n"
            f"| hard | argmax |\n\n{PAPER}.\n\n**{say('next')}** more.",
        ),
    ]
    return new_notebook(cells=cells)
