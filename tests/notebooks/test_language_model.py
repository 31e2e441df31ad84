"""Chapter 11's language model, of the book's own parts, says what Hugging Face's program says.

Both read the same file. The chapter's cells run here word for word, up to the one that writes.
"""

import contextlib
import importlib.util
import io
from pathlib import Path

import gguf
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

import attnlib
from tests.notebooks.cells import cells_of

CELLS = cells_of("11_inside")["en"]
NAMES = ("data-packages", "weights-file", "weights", "smollm", "load", "tokenizer", "write")

PROMPTS = (
    "The capital of France is",
    "Good morning! Today we",
    "Once upon a time there was a",
    "def fibonacci(n):\n    ",
    "In 1969, two men",
    "Water boils at 100 degrees",
    "早上好",
    "Question: what is attention?\nAnswer:",
    "one two three one two",
    "The cat sat on the mat. The cat sat on",
)
TEXTS = (
    *PROMPTS,
    "",
    " ",
    "  two  spaces\tand a tab\n\n\nand lines ",
    "1234567 and 3.14159, 2026-11-17",
    "It's what they've said: we'll see!",
    "naïve café, Straße, Ελληνικά",
    "注意力 is attention 🙂👍🏽",
    "\N{ZERO WIDTH SPACE}\u0301 a combining accent",
)


@pytest.fixture(scope="module")
def chapter():
    """Return what the chapter's cells have bound."""
    bound = {"torch": torch, "nn": nn, "F": F, "attnlib": attnlib}
    with contextlib.redirect_stdout(io.StringIO()):
        for name in NAMES:
            exec(compile(CELLS[name].source, name, "exec"), bound)
    return bound


@pytest.fixture(scope="module")
def theirs(chapter):
    """Return Hugging Face's model and tokenizer of the same file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        transformers = importlib.import_module("transformers")
        transformers.utils.logging.disable_progress_bar()
        file = Path(chapter["path"])
        how = {"pretrained_model_name_or_path": file.parent, "gguf_file": file.name}
        model = transformers.AutoModelForCausalLM.from_pretrained(**how, dtype=torch.float32)
        return model.eval(), transformers.AutoTokenizer.from_pretrained(**how)


def test_an_older_gguf_is_named(chapter, monkeypatch):
    monkeypatch.delattr(gguf.ReaderField, "contents")
    with pytest.raises(ImportError, match=r"install gguf==[\d.]+, and restart"):
        exec(CELLS["weights-file"].source, dict(chapter))


@torch.no_grad()
def test_the_weights_can_be_loaded_twice(chapter):
    again = dict(chapter)
    exec(CELLS["load"].source, again)
    tokens = chapter["tokens_of"]("Good morning")
    torch.testing.assert_close(again["smollm"](tokens)[0], chapter["smollm"](tokens)[0])


@pytest.mark.parametrize("text", TEXTS)
def test_texts_are_cut_into_the_same_tokens(text, chapter, theirs):
    tokens = chapter["tokens_of"](text)[0].tolist()
    assert tokens == theirs[1](text).input_ids


@pytest.mark.parametrize("text", [*TEXTS, "½ ² Ⅷ", "".join(map(chr, range(32, 0x3000)))])
def test_no_text_is_changed_by_the_way_to_tokens_and_back(text, chapter):
    tokens = chapter["tokens_of"](text)[0].tolist()
    assert chapter["tokenizer"].decode(tokens) == text


@pytest.mark.parametrize("prompt", PROMPTS)
@torch.no_grad()
def test_scores_are_the_same(prompt, chapter, theirs):
    tokens = chapter["tokens_of"](prompt)
    ours, maps = chapter["smollm"](tokens, need_weights=True)
    torch.testing.assert_close(ours, theirs[0](tokens).logits, atol=1e-3, rtol=0)
    assert len(maps) == 30


@pytest.mark.parametrize("prompt", PROMPTS)
@torch.no_grad()
def test_a_text_goes_on_in_the_same_way(prompt, chapter, theirs):
    """With a cache each: the book's, which the caller owns, and theirs."""
    tokens = chapter["tokens_of"](prompt)
    whole = theirs[0].generate(
        tokens,
        attention_mask=torch.ones_like(tokens),
        max_new_tokens=6,
        do_sample=False,
        pad_token_id=0,
    )
    new = whole[0, tokens.shape[1] :].tolist()
    assert len(new) == 6
    assert chapter["write"](prompt, 6, temperature=0) == chapter["tokenizer"].decode(new)
