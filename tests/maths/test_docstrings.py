"""What is promised of the maths: signatures, examples that run, docstrings without a gap."""

import doctest
import inspect
import operator
import re

import pytest
import torch
from torch import nn

import attnlib

# An example may use torch and all of attnlib; the seed makes it repeatable.
NAMES = {name: getattr(attnlib, name) for name in attnlib.__all__} | {"torch": torch}


@pytest.mark.parametrize("name", attnlib.__all__)
def test_examples_run(name: str) -> None:
    documented = inspect.unwrap(getattr(attnlib, name))
    (example,) = doctest.DocTestFinder(recurse=False).find(documented, name, globs=dict(NAMES))
    assert example.examples, f"{name} has no example"
    report: list[str] = []
    doctest.DocTestRunner().run(example, out=report.append)
    assert report == []


@pytest.mark.parametrize("name", attnlib.__all__)
def test_no_part_is_missing(name: str) -> None:
    documented = inspect.unwrap(getattr(attnlib, name))
    text = inspect.getdoc(documented)
    first, second, *_ = text.split("\n\n")
    assert re.fullmatch(r"[A-Z][^\n]*\.", first), "one line says what it does"
    assert second.startswith("    "), "a formula follows"
    parts = ["Args:", "Raises:"] + ([] if inspect.isclass(documented) else ["Returns:"])
    for part in parts:
        assert f"\n{part}\n" in text
    assert "\nSource: " in text
    parameters = [p for p in inspect.signature(documented).parameters if p != "self"]
    arguments = text.split("Args:\n")[1].split("\n\n")[0]
    assert re.findall(r"^    (\w+):", arguments, re.MULTILINE) == parameters
    if inspect.isclass(documented):
        assert issubclass(documented, nn.Module)


CONTRACT = """
causal_mask(q_len, k_len=None, *, device=None)
padding_mask(valid_lens, k_len)
sliding_window_mask(q_len, k_len=None, *, window, device=None)
masked_softmax(scores, mask=None)
attention_weights(query, key, mask=None, *, attn_bias=None, is_causal=False, scale=None)
scaled_dot_product_attention(query, key, value, mask=None, *, attn_bias=None, is_causal=False, \
scale=None, dropout_p=0.0, need_weights=False)
chunked_attention(query, key, value, mask=None, *, is_causal=False, scale=None, chunk_size=128)
split_heads(x, num_heads)
merge_heads(x)
MultiHeadAttention(embed_dim, num_heads, *, bias=False, dropout=0.0, rotary=None)
MultiHeadAttention.forward(self, query, key=None, value=None, mask=None, *, attn_bias=None, \
is_causal=False, need_weights=False)
sinusoidal_encoding(length, embed_dim, *, base=10000.0, offset=0, device=None, dtype=None)
SinusoidalPositionalEncoding(embed_dim, *, dropout=0.0, base=10000.0)
SinusoidalPositionalEncoding.forward(self, x, offset=0)
LearnedPositionalEncoding(max_len, embed_dim)
LearnedPositionalEncoding.forward(self, x, offset=0)
RotaryPositionalEncoding(head_dim, *, base=10000.0, interleaved=True)
RotaryPositionalEncoding.forward(self, x, offset=0)
alibi_slopes(num_heads)
alibi_bias(num_heads, q_len, k_len=None, *, device=None)
"""


@pytest.mark.parametrize("promised", CONTRACT.split("\n")[1:-1])
def test_signatures_are_as_promised(promised: str) -> None:
    name = promised.split("(")[0]
    signature = inspect.signature(operator.attrgetter(name)(attnlib))
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    assert name + str(inspect.Signature(bare)) == promised
