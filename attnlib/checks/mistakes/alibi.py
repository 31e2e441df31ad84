"""Mistakes of chapter 6: ALiBi's slopes and distances."""

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import torch
from torch import Tensor

from attnlib.checks.check import WrongAnswers
from attnlib.masks import causal_mask


def slopes_of(num_heads: int) -> Tensor:
    """Slopes for a number of heads that is a power of two."""
    return 2.0 ** (-8 * torch.arange(1, num_heads + 1) / num_heads)


def bias(
    num_heads: int,
    q_len: int,
    k_len: int,
    *,
    slopes: Callable[[int], Tensor] = slopes_of,
    penalty: Callable[[Tensor], Tensor] = lambda behind: -behind.abs(),
    upper_left: bool = False,
) -> Tensor:
    """ALiBi's bias, with other slopes, another penalty or another alignment.

    `penalty` gets how far each key is behind each query.
    """
    query = torch.arange(q_len)[:, None] + (0 if upper_left else k_len - q_len)
    behind = query - torch.arange(k_len)
    return slopes(num_heads)[:, None, None] * penalty(behind)


PENALTIES: dict[str, tuple[Callable[[Tensor], Tensor], ...]] = {
    "sign_reversed": (lambda behind: behind.abs(),),
    "distance_signed": (lambda behind: -behind, lambda behind: behind),
    "future_not_penalised": (lambda behind: -behind.clamp(min=0),),
    "mask_in_bias": (
        lambda behind: torch.where(behind < 0, -math.inf, -behind.abs()),
        lambda behind: torch.where(behind < 0, -1e9, -behind.abs()),
    ),
    "distance_squared": (lambda behind: -(behind**2),),
}
SLOPES: dict[str, tuple[Callable[[int], Tensor], ...]] = {
    "slopes_from_one": (lambda n: 2.0 ** (-8 * torch.arange(n) / n),),
    "slopes_for_eight_heads": (lambda n: 2.0 ** -torch.arange(1.0, n + 1),),
    "slopes_grow": (lambda n: 1 / slopes_of(n),),
    "slopes_not_halved": (lambda n: 2.0 ** (-torch.arange(1.0, n + 1) / n),),
    "slopes_missing": (lambda n: torch.ones(n),),
    "slopes_shared": (lambda n: slopes_of(n)[:1].expand(n), lambda n: torch.full((n,), 0.5)),
    "slopes_reversed": (lambda n: slopes_of(n).flip(0),),
    "slopes_linear": (
        lambda n: 1 / torch.arange(1.0, n + 1),
        lambda n: torch.arange(1.0, n + 1) / n,
    ),
}


def wrong_biases() -> WrongAnswers:
    """One mistake each; and the sign together with the slopes."""

    def answer(**change: Any) -> Callable[..., Tensor]:
        return lambda num_heads, q_len, k_len: bias(num_heads, q_len, k_len, **change)

    wrong: WrongAnswers = {}
    wrong |= {id_: tuple(answer(penalty=p) for p in some) for id_, some in PENALTIES.items()}
    wrong |= {id_: tuple(answer(slopes=s) for s in some) for id_, some in SLOPES.items()}
    wrong["upper_left"] = answer(upper_left=True)
    wrong["mask_in_bias"] = (
        *(answer(penalty=penalty) for penalty in PENALTIES["mask_in_bias"]),
        lambda n, q_len, k_len: bias(n, q_len, k_len).masked_fill(~causal_mask(q_len, k_len), -1e9),
    )
    wrong["grows_with_key"] = (
        lambda n, q_len, k_len: slopes_of(n)[:, None, None] * torch.arange(k_len).expand(q_len, -1),
        lambda n, q_len, k_len: (
            slopes_of(n)[:, None, None] * torch.arange(1 - k_len, 1).expand(q_len, -1)
        ),
    )
    wrong["head_axis_missing"] = lambda n, q_len, k_len: bias(n, q_len, k_len)[0]
    wrong["batch_axis_added"] = lambda n, q_len, k_len: bias(n, q_len, k_len)[None]
    wrong["heads_last"] = lambda n, q_len, k_len: bias(n, q_len, k_len).permute(1, 2, 0)
    for id_, some in PENALTIES.items():
        wrong[id_, "upper_left"] = tuple(answer(penalty=p, upper_left=True) for p in some)
    for id_, several in SLOPES.items():
        wrong["sign_reversed", id_] = tuple(
            answer(penalty=p, slopes=s) for p, s in product(PENALTIES["sign_reversed"], several)
        )
    return wrong
