"""Heads of queries that share one of keys and values: grouped queries, as torch has them."""

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from attnlib import causal_mask, scaled_dot_product_attention

SHARED = [  # heads of queries, of keys; axes in front
    (4, 2, (3,)),
    (4, 1, (3,)),
    (6, 6, (3,)),
    (4, 2, ()),
    (4, 2, (2, 3)),
]


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("heads", "kv_heads", "front"), SHARED)
def test_shared_heads_are_those_of_torch(heads, kv_heads, front, masked, is_causal, need_weights):
    query = torch.randn(*front, heads, 3, 8, dtype=torch.double, requires_grad=True)
    key, value = (
        torch.randn(*front, kv_heads, 5, width, dtype=torch.double, requires_grad=True)
        for width in (8, 2)
    )
    mask = torch.tensor([True, True, False, True, True]) if masked else None
    allowed = causal_mask(3, 5) if is_causal else torch.ones(3, 5, dtype=torch.bool)
    allowed = allowed & mask if masked else allowed
    output, weights = scaled_dot_product_attention(
        query,
        key,
        value,
        None if mask is None else mask[None],
        is_causal=is_causal,
        need_weights=need_weights,
        enable_gqa=True,
    )
    repeated = [x.repeat_interleave(heads // kv_heads, dim=-3) for x in (key, value)]
    expected = F.scaled_dot_product_attention(query, *repeated, attn_mask=allowed)
    torch.testing.assert_close(output, expected)
    inputs = (query, key, value)
    for mine, torchs in zip(
        torch.autograd.grad(output.sum(), inputs),
        torch.autograd.grad(expected.sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(mine, torchs)
    if need_weights:
        assert weights.shape == (*front, heads, 3, 5)
        torch.testing.assert_close(weights @ repeated[1], expected)


@pytest.mark.parametrize(
    ("q_shape", "k_shape", "said"),
    [
        (
            (1, 4, 3, 8),
            (1, 3, 5, 8),
            r"divide those of .*\(1, 4, 3, 8\).*\(1, 3, 5, 8\)",
        ),
        ((1, 4, 3, 8), (1, 0, 5, 8), "divide"),
        ((1, 2, 3, 8), (1, 4, 5, 8), "divide"),
        ((2, 4, 3, 8), (1, 2, 5, 8), "alike before the heads"),
        ((3, 8), (5, 8), "enable_gqa wants"),
    ],
)
def test_heads_that_cannot_be_shared_are_refused(q_shape, k_shape, said):
    key = torch.randn(k_shape)
    with pytest.raises(ValueError, match=said):
        scaled_dot_product_attention(torch.randn(q_shape), key, key, enable_gqa=True)


def test_fewer_heads_of_keys_are_shared_only_where_asked_for():
    key = torch.randn(1, 2, 5, 8)
    with pytest.raises(ValueError, match="leading axes"):
        scaled_dot_product_attention(torch.randn(1, 4, 3, 8), key, key)
