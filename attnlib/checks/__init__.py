"""Checks of a reader's own answers: each names the misconception.

`check_<name>(answer)` takes the answer to an exercise, mostly a function, and returns a result that
shows itself: passed, not yet, or not attempted. It never raises for a wrong answer, whatever that
does. `progress()` lists the exercises of the chapter at hand.
"""

from attnlib.checks.leaks import check_catches_uniform_rows, check_is_causal
from attnlib.checks.masks import (
    check_causal_mask,
    check_masked_attention,
    check_masked_softmax,
    check_padding_mask,
)
from attnlib.checks.multi_head import (
    check_catches_embed_dim_scale,
    check_merge_heads,
    check_multi_head,
    check_number_of_weights,
    check_split_heads,
)
from attnlib.checks.positional_encoding import (
    check_catches_fast_hands,
    check_first_places,
    check_half_distance,
    check_shift_back,
    check_sinusoidal_encoding,
)
from attnlib.checks.progress import Progress, progress
from attnlib.checks.query_key_value import (
    check_catches_unused_keys,
    check_doubled_query,
    check_smallest_factor,
    check_soft_lookup,
)
from attnlib.checks.relative_positions import (
    check_alibi_bias,
    check_catches_turned_values,
    check_rotary,
    check_rotary_attention,
    check_rotary_halves,
)
from attnlib.checks.result import Result
from attnlib.checks.scaled_dot_product import (
    check_attention,
    check_catches_order,
    check_catches_wrong_root,
    check_spread,
)

__all__ = [
    "Progress",
    "Result",
    "check_alibi_bias",
    "check_attention",
    "check_catches_embed_dim_scale",
    "check_catches_fast_hands",
    "check_catches_order",
    "check_catches_turned_values",
    "check_catches_uniform_rows",
    "check_catches_unused_keys",
    "check_catches_wrong_root",
    "check_causal_mask",
    "check_doubled_query",
    "check_first_places",
    "check_half_distance",
    "check_is_causal",
    "check_masked_attention",
    "check_masked_softmax",
    "check_merge_heads",
    "check_multi_head",
    "check_number_of_weights",
    "check_padding_mask",
    "check_rotary",
    "check_rotary_attention",
    "check_rotary_halves",
    "check_shift_back",
    "check_sinusoidal_encoding",
    "check_smallest_factor",
    "check_soft_lookup",
    "check_split_heads",
    "check_spread",
    "progress",
]
