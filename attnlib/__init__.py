"""attnlib: attention, small enough to read.

Importing it loads torch, but neither matplotlib nor ipywidgets: pictures are in
`attnlib.plotting`, live figures in `attnlib.widgets`.
"""

from attnlib.cache import KeyValueCache
from attnlib.chunked import chunked_attention
from attnlib.functional import attention_weights, masked_softmax, scaled_dot_product_attention
from attnlib.masks import causal_mask, padding_mask, sliding_window_mask
from attnlib.multihead import MultiHeadAttention, merge_heads, split_heads
from attnlib.positional import (
    LearnedPositionalEncoding,
    RotaryPositionalEncoding,
    SinusoidalPositionalEncoding,
    alibi_bias,
    alibi_slopes,
    sinusoidal_encoding,
)
from attnlib.sampling import sampling_probabilities
from attnlib.transformer import BlockWeights, FeedForward, TransformerBlock

__all__ = [
    "BlockWeights",
    "FeedForward",
    "KeyValueCache",
    "LearnedPositionalEncoding",
    "MultiHeadAttention",
    "RotaryPositionalEncoding",
    "SinusoidalPositionalEncoding",
    "TransformerBlock",
    "alibi_bias",
    "alibi_slopes",
    "attention_weights",
    "causal_mask",
    "chunked_attention",
    "masked_softmax",
    "merge_heads",
    "padding_mask",
    "sampling_probabilities",
    "scaled_dot_product_attention",
    "sinusoidal_encoding",
    "sliding_window_mask",
    "split_heads",
]
