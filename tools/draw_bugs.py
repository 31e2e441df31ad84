"""Draw the pictures of the gallery of famous bugs from the code on its own page.

    python -m tools.draw_bugs      # writes book/_static/bugs/*.png; a second run changes nothing

Each section of bugs.md (that of the default edition) holds a wrong function and the line that
catches it. Beside them stands here the right function, and on what both are drawn.
"""

import math
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import attnlib
from tools.editions import ROOT, Edition, editions
from tools.palette import with_narrow

PICTURES = ROOT / "book" / "_static" / "bugs"

QUERY = torch.tensor([[2.0, -1.0], [1.0, 1.0], [0.0, 1.0]])
KEY = torch.tensor([[1.0, 1.0], [2.0, -1.0], [1.0, -1.0]])
CAUSAL = attnlib.causal_mask(3)
X = torch.tensor([[[2.0, 1.0, 0.0, 1.0], [1.0, 2.0, 1.0, 0.0], [0.0, 1.0, 2.0, 1.0]]])
FIRST_SEES_NOBODY = CAUSAL & torch.tensor([[False], [True], [True]])
LABELS = torch.tensor([[4, -100, 7, 2, -100], [1, 3, 5, -100, -100]])
TOKENS = torch.tensor([[4, 7, 2, 2, 2], [5, 3, 6, 4, 2]])  # 2 is the end, and fills up
ENDS = (TOKENS == 2).cumsum(-1) <= 1  # what is text, with its end


def namespace() -> dict[str, Any]:
    """Return the names that the page's code may use."""
    return {
        "math": math,
        "torch": torch,
        "nn": nn,
        "attnlib": attnlib,
        "query": QUERY,
        "key": KEY,
        "causal": CAUSAL,
        "labels": LABELS,
        "tokens": TOKENS,
    }


def sections(edition: Edition) -> dict[str, tuple[str, str]]:
    """Return the wrong code and the line that catches it, by the section's anchor."""
    found = {}
    page = (edition.pages_folder / "bugs.md").read_text(encoding="utf-8")
    for section in re.split(r"\n(?=\([\w-]+\)=\n## )", page)[1:]:
        bug, line = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
        found[section[1 : section.index(")")]] = (bug, line)
    return found


def _causal(query: Tensor, key: Tensor) -> Tensor:
    return attnlib.attention_weights(query, key, is_causal=True)


def _heads(x: Tensor) -> Tensor:
    heads = attnlib.split_heads(x, 2)
    return attnlib.attention_weights(heads, heads, is_causal=True)[0, 0]


def _rotary(query: Tensor, key: Tensor) -> Tensor:
    turn = attnlib.RotaryPositionalEncoding(8)
    return attnlib.attention_weights(turn(query), turn(key))


def _near(query: Tensor, key: Tensor, window: int) -> Tensor:
    near = attnlib.sliding_window_mask(3, window=window)
    return attnlib.attention_weights(query, key, near, is_causal=True)


def _normal(x: Tensor) -> Tensor:
    normal = nn.functional.layer_norm(x, x.shape[-1:])
    return attnlib.attention_weights(normal, normal, is_causal=True)


def _alibi(query: Tensor, key: Tensor) -> Tensor:
    bias = -0.5 * (torch.arange(3)[:, None] - torch.arange(3)).abs()
    return attnlib.attention_weights(query, key, attn_bias=bias, is_causal=True)


def _of_mean(labels: Tensor) -> Tensor:
    asks = (labels != -100).float()
    return asks / asks.sum()


def _in_turn(query: Tensor, key: Tensor) -> Tensor:
    turn = attnlib.RotaryPositionalEncoding(2)
    return attnlib.attention_weights(turn(query), turn(key), is_causal=True)


def _with_the_end(tokens: Tensor) -> Tensor:
    asks = ((tokens == 2).cumsum(-1) <= 1).float()
    return asks / asks.sum()


def _looked_at(query: Tensor, key: Tensor) -> Tensor:
    return attnlib.attention_weights(query, key).mean(dim=0)[None]


# What is right, and the arguments with which both are drawn.
RIGHT: dict[str, tuple[Callable[..., Tensor], tuple[Any, ...]]] = {
    "mask-inverted": (attnlib.attention_weights, (QUERY, KEY, CAUSAL)),
    "empty-row-filled-with-a-finite-number": (
        attnlib.attention_weights,
        (QUERY, KEY, FIRST_SEES_NOBODY),
    ),
    "causal-mask-aligned-upper-left": (_causal, (QUERY[-1:], KEY)),
    "softmax-over-the-queries": (attnlib.attention_weights, (QUERY, KEY)),
    "scale-by-the-width-of-all-heads": (
        lambda query, key, num_heads: attnlib.attention_weights(query, key),  # noqa: ARG005
        (QUERY, KEY, 8),
    ),
    "heads-split-by-view-alone": (_heads, (X,)),
    "dropout-that-never-sleeps": (
        lambda query, key, training: attnlib.attention_weights(query, key),  # noqa: ARG005
        (QUERY, KEY, False),
    ),
    "rotary-layouts-mixed": (_rotary, (torch.ones(6, 8), torch.ones(6, 8).cumsum(-1) / 4)),
    "alibi-with-the-sign-reversed": (_alibi, (QUERY, KEY)),
    "layer-norm-over-the-length": (_normal, (X[0],)),
    "cross-attention-the-wrong-way-round": (attnlib.attention_weights, (QUERY, KEY)),
    "memory-masked-causally": (attnlib.attention_weights, (QUERY, KEY)),
    "padding-in-the-denominator": (_of_mean, (LABELS,)),
    "an-end-that-nobody-is-asked-for": (_with_the_end, (TOKENS,)),
    "positions-that-start-again": (_in_turn, (QUERY, KEY)),
    "a-window-one-too-long": (_near, (QUERY, KEY, 2)),
    "online-softmax-rescaled-the-wrong-way": (attnlib.attention_weights, (QUERY, KEY)),
    "shared-keys-dealt-out-in-turn": (attnlib.attention_weights, (QUERY, KEY)),
    "averaged-over-the-wrong-side": (_looked_at, (QUERY, KEY)),
    "switched-off-in-the-scores": (lambda query, key: torch.zeros(3, 3), (QUERY, KEY)),  # noqa: ARG005
}
MASKS = {
    "mask-inverted": (CAUSAL, CAUSAL),
    "empty-row-filled-with-a-finite-number": (FIRST_SEES_NOBODY, FIRST_SEES_NOBODY),
    "causal-mask-aligned-upper-left": (None, torch.tensor([[True, False, False]])),
    "heads-split-by-view-alone": (CAUSAL, CAUSAL),
    "alibi-with-the-sign-reversed": (CAUSAL, CAUSAL),
    "layer-norm-over-the-length": (CAUSAL, CAUSAL),
    "memory-masked-causally": (None, CAUSAL),
    "padding-in-the-denominator": (LABELS != -100, LABELS != -100),
    "an-end-that-nobody-is-asked-for": (ENDS, TOKENS != 2),
    "positions-that-start-again": (CAUSAL, CAUSAL),
    "a-window-one-too-long": (CAUSAL & attnlib.sliding_window_mask(3, window=2), CAUSAL),
}
READ, WRITTEN = ["早", "上", "好"], ["a", "b", "c"]
# Of rows and columns, right and wrong, where they are not those of one text.
SIDES = {
    "cross-attention-the-wrong-way-round": ((WRITTEN, READ), (READ, WRITTEN)),
    "memory-masked-causally": ((WRITTEN, READ), (WRITTEN, READ)),
    "averaged-over-the-wrong-side": ((["Σ / 3"], READ), (["Σ / 3"], READ)),
}
# Their rows are phrases, their columns places.
NO_PAIRS = {"padding-in-the-denominator", "an-end-that-nobody-is-asked-for"}


def pictures(slug: str) -> tuple[bytes, bytes]:
    """Draw right and wrong weights side by side, and below each other for phones, as PNGs."""
    import matplotlib.pyplot as plt

    from attnlib.plotting import plot_attention, subplots

    torch.manual_seed(0)
    names = namespace()
    exec(sections(editions()[0])[slug][0], names)
    right, arguments = RIGHT[slug]
    tables = [function(*arguments) for function in (right, names["weights"])]
    figure, axes = subplots(1, 2, height={1: 2.0, 2: 2.4}.get(tables[0].shape[0], 3.4))
    tokens = {1: ["好"], 3: READ}
    one_text = [tuple(map(tokens.get, table.shape)) for table in tables]
    sides = SIDES.get(slug, one_text)
    for ax, table, title, mask, (rows, columns) in zip(
        axes, tables, ("✓", "✗"), MASKS.get(slug, (None, None)), sides, strict=True
    ):
        plot_attention(
            table,
            query_labels=rows,
            key_labels=columns,
            mask=mask,
            ax=ax,
            title=title,
            query_title="batch" if slug in NO_PAIRS else None,
            key_title="length" if slug in NO_PAIRS else None,
        )
    narrow = figure.narrow()
    assert narrow is not None  # it is as wide as a page
    drawn = figure.png()[0], narrow[0]
    plt.close(figure)
    return drawn


def main() -> None:
    """Write all pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for slug in RIGHT:
        (PICTURES / f"{slug}.png").write_bytes(with_narrow(*pictures(slug)))


if __name__ == "__main__":
    main()
