"""Checks of chapter 6: rotary encoding and ALiBi."""

from typing import Any

from torch import Tensor

from attnlib.checks.catching import catching
from attnlib.checks.check import Check
from attnlib.checks.inputs import Arguments, Draw, grid
from attnlib.checks.mistakes.alibi import wrong_biases
from attnlib.checks.mistakes.rotary import (
    Turn,
    concatenate,
    halves,
    turn,
    wrong_rotary_attention,
    wrong_turns,
)
from attnlib.checks.mistakes.scaled_dot_product import attend
from attnlib.checks.result import Result
from attnlib.checks.scaled_dot_product import tensors
from attnlib.functional import scaled_dot_product_attention
from attnlib.positional import RotaryPositionalEncoding, alibi_bias


def check_rotary_halves(answer: Any) -> Result:
    """Check exercise 6.2: rotary encoding, half-split.

    Args:
        answer: Called as answer(x), with a tensor of shape (batch, length, head_dim) or (batch,
            num_heads, length, head_dim), the width even; returns x with entries i and
            i + head_dim / 2 turned as a pair, positions from 0, base 10 000.

    Returns:
        A result that shows itself.

    >>> rotary = attnlib.RotaryPositionalEncoding
    >>> check_rotary_halves(lambda x: rotary(x.shape[-1])(x)).misconception
    'interleaved'
    """
    return ROTARY_HALVES(answer)


def check_rotary(answer: Any) -> Result:
    """Check exercise 6.7: rotary encoding, interleaved.

    Args:
        answer: Called as answer(x), with a tensor of shape (batch, length, head_dim) or (batch,
            num_heads, length, head_dim), the width even; returns x with neighbouring entries turned
            as a pair, positions from 0, base 10 000.

    Returns:
        A result that shows itself.

    >>> check_rotary(lambda x: x).misconception
    'nothing_turned'
    """
    return ROTARY(answer)


def check_alibi_bias(answer: Any) -> Result:
    """Check exercise 6.3: the bias of ALiBi.

    Args:
        answer: Called as answer(num_heads, q_len, k_len), the first a power of two and q_len not
            larger than k_len; returns a tensor of shape (num_heads, q_len, k_len), to be added to
            the scores: minus the slope times the distance, ahead as behind. The last query stands
            at the last key.

    Returns:
        A result that shows itself.

    >>> check_alibi_bias(lambda heads, q_len, k_len: -attnlib.alibi_bias(heads, q_len, k_len))
    ✗ Exercise 6.3: not yet
    The sign is reversed: as a bonus, distance makes the farthest key the most attractive. The \
slope has to be subtracted once for each step.
      called with  num_heads = 1
                   q_len = 1
                   k_len = 2
      came out     [[[0.00391, 0]]]
      expected     [[[-0.00391, 0]]]
      see          chapter 6, “ALiBi: a penalty for distance”
    """
    return ALIBI_BIAS(answer)


def check_catches_turned_values(answer: Any) -> Result:
    """Check exercise 6.4: a test that finds values that were turned.

    Args:
        answer: Called as answer(attention), where attention(query, key, value, rotary) returns the
            output, and turns by calling rotary(x) on tensors (batch, length, head_dim); raises
            AssertionError, or returns False, if the output depends on where the text stands.

    Returns:
        A result that shows itself.

    >>> check_catches_turned_values(lambda attention: True).misconception
    'test_misses_bug'
    """
    return CATCHES_TURNED_VALUES(answer)


def check_rotary_attention(answer: Any) -> Result:
    """Check exercise 6.8: attention with rotary encoding, without a mask.

    Args:
        answer: Called as answer(query, key, value), with tensors of shape (batch, q_len, head_dim),
            (batch, k_len, head_dim) and (batch, k_len, value_dim), all widths even, and as many
            queries as keys; returns the output. Interleaved, positions from 0, base 10 000.

    Returns:
        A result that shows itself.

    >>> attention = torch.nn.functional.scaled_dot_product_attention
    >>> check_rotary_attention(lambda q, k, v: attention(q, k, v)).misconception
    'nothing_turned'
    """
    return ROTARY_ATTENTION(answer)


def _three_axes(draw: Draw, batch: int, length: int, pairs: int) -> Arguments:
    return (draw.integers(batch, length, 2 * pairs),)


def _turn_cases() -> list[Arguments]:
    draw = Draw(0)
    return [
        *grid(_three_axes, batch=(1, 2), length=(1, 2, 3), pairs=(1, 2, 3)),
        (draw.normal(2, 11, 16),),
    ]


def _four_axes() -> list[Arguments]:
    draw = Draw(1)
    return [(draw.integers(1, 2, 2, 2),), (draw.integers(1, 3, 2, 4),), (draw.normal(2, 3, 5, 8),)]


ROTARY_HALVES = Check(
    name="rotary_halves",
    exercise="6.2",
    names=("x",),
    reference=lambda x: RotaryPositionalEncoding(x.shape[-1], interleaved=False)(x),
    wrong=wrong_turns({"pair": halves, "join": concatenate}, other="interleaved"),
    stages=(_turn_cases, _four_axes),
)

ROTARY = Check(
    name="rotary",
    exercise="6.7",
    names=("x",),
    reference=lambda x: RotaryPositionalEncoding(x.shape[-1])(x),
    wrong=wrong_turns({}, other="half_split"),
    stages=(_turn_cases, _four_axes),
)


ALIBI_BIAS = Check(
    name="alibi_bias",
    exercise="6.3",
    names=("num_heads", "q_len", "k_len"),
    reference=alibi_bias,
    wrong=wrong_biases(),
    stages=(
        lambda: [
            (num_heads, q_len, k_len)
            for k_len in (1, 2, 4)
            for q_len in range(1, min(k_len, 3) + 1)
            for num_heads in (1, 2, 8)
        ],
    ),
)


def _turned_attention(query: Tensor, key: Tensor, value: Tensor, rotary: Turn) -> Tensor:
    return scaled_dot_product_attention(rotary(query), rotary(key), value, is_causal=True)[0]


def _turned_without_mask(query: Tensor, key: Tensor, value: Tensor, rotary: Turn) -> Tensor:
    return attend(rotary(query), rotary(key), value)


def _values_turned_too(query: Tensor, key: Tensor, value: Tensor, rotary: Turn) -> Tensor:
    return _turned_attention(query, key, rotary(value), rotary)


CATCHES_TURNED_VALUES = catching(
    "catches_turned_values",
    "6.4",
    ("attention",),
    right=(_turned_attention, _turned_without_mask),
    bugs=(_values_turned_too,),
)


def _alike(draw: Draw, batch: int, length: int, pairs: int, v_pairs: int) -> Arguments:
    return tensors(draw, batch, length, length, 2 * pairs, 2 * v_pairs)


ROTARY_ATTENTION = Check(
    name="rotary_attention",
    exercise="6.8",
    names=("query", "key", "value"),
    reference=lambda q, k, v: attend(turn(q), turn(k), v),
    wrong=wrong_rotary_attention(),
    stages=(
        lambda: [
            *grid(_alike, batch=(1, 2), length=(1, 2, 3, 5), pairs=(1, 2), v_pairs=(1, 2)),
            tuple(Draw(n).normal(2, 7, 8) for n in range(3)),
        ],
    ),
)

CHECKS = (ROTARY_HALVES, ROTARY, ALIBI_BIAS, CATCHES_TURNED_VALUES, ROTARY_ATTENTION)
