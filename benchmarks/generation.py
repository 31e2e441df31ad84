"""Texts written token by token: with a cache, without one, and beside plain torch.

python -m benchmarks.generation 8 2      # prints megabytes: heads, heads of keys and values
"""

import os
import subprocess
import sys

import torch
from torch import Tensor

from attnlib import KeyValueCache, MultiHeadAttention, RotaryPositionalEncoding, TransformerBlock
from benchmarks.clock import compare
from benchmarks.memory import OWN_PAGES, extra_megabytes
from benchmarks.rivals import RawTorchStep

EMBED_DIM, HEADS, DEPTH = 256, 4, 2
TOKENS = 512
KEPT = 8192  # tokens in the cache whose memory is measured


def generation(tokens: int) -> dict[str, float]:
    """Write so many tokens: each from those before it, computed anew or kept."""
    rotary = RotaryPositionalEncoding(EMBED_DIM // HEADS)
    blocks = [
        TransformerBlock(EMBED_DIM, HEADS, 4 * EMBED_DIM, rotary=rotary).eval()
        for _ in range(DEPTH)
    ]
    start = torch.randn(1, 1, EMBED_DIM)

    def next_token(x: Tensor, caches: list[KeyValueCache | None]) -> Tensor:
        for block, cache in zip(blocks, caches, strict=True):
            x, _ = block(x, is_causal=True, cache=cache)
        return x[:, -1:]

    def anew() -> Tensor:
        text = start
        for _ in range(tokens):
            text = torch.cat([text, next_token(text, [None] * DEPTH)], dim=1)
        return text

    def cached() -> Tensor:
        caches = [
            KeyValueCache(1, HEADS, tokens, EMBED_DIM // HEADS, dtype=start.dtype)
            for _ in range(DEPTH)
        ]
        text = [start]
        for _ in range(tokens):
            text.append(next_token(text[-1], caches))
        return torch.cat(text, dim=1)

    with torch.no_grad():
        torch.testing.assert_close(cached(), anew(), atol=1e-3, rtol=1e-3)
        return compare({"cached": cached, "anew": anew}, fewest_rounds=3)


def step(past: int, *, rotary: bool) -> dict[str, float]:
    """Pass one token through a block beside so many kept ones, in attnlib and in plain torch."""
    head_dim = EMBED_DIM // HEADS
    turns = RotaryPositionalEncoding(head_dim) if rotary else None
    ours = TransformerBlock(EMBED_DIM, HEADS, 4 * EMBED_DIM, rotary=turns).eval()
    raw = RawTorchStep(EMBED_DIM, HEADS, TOKENS, rotary=rotary).eval()
    raw.load_state_dict(dict(zip(raw.state_dict(), ours.state_dict().values(), strict=True)))
    cache = KeyValueCache(1, HEADS, TOKENS, head_dim)
    x, new = torch.randn(1, past, EMBED_DIM), torch.randn(1, 1, EMBED_DIM)

    def attnlibs() -> Tensor:
        cache.truncate(past)  # the same step again
        output, _ = ours(new, is_causal=True, cache=cache)
        return output

    with torch.no_grad():
        ours(x, is_causal=True, cache=cache)
        for i in range(past):
            raw(x[:, i : i + 1], i)
        torch.testing.assert_close(attnlibs(), raw(new, past), atol=1e-4, rtol=1e-4)
        return compare({"attnlib": attnlibs, "raw torch": lambda: raw(new, past)})


def held_in_a_new_process(num_heads: int, num_kv_heads: int) -> float:
    """Measure there, in megabytes, what a cache and a step beside it take."""
    command = [sys.executable, "-m", "benchmarks.generation", str(num_heads), str(num_kv_heads)]
    run = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | OWN_PAGES
    )
    return float(run.stdout)


def held(num_heads: int, num_kv_heads: int) -> float:
    """Fill a cache, take one step; return the megabytes at the peak above those before."""
    torch.set_num_threads(1)
    head_dim = 64
    attention = MultiHeadAttention(num_heads * head_dim, num_heads, num_kv_heads=num_kv_heads)

    def run(tokens: int) -> None:
        cache = KeyValueCache(1, num_kv_heads, tokens, head_dim)
        while cache.length < tokens:
            new = torch.randn(1, min(64, tokens - cache.length), num_heads * head_dim)
            with torch.no_grad():
                attention(new, is_causal=True, cache=cache)

    run(130)  # loads what is loaded once
    return extra_megabytes(lambda: run(KEPT))


if __name__ == "__main__":
    print(held(*map(int, sys.argv[1:])))
