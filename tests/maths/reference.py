"""Attention once more, from the formula and one number at a time: what the fast ones must equal."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor


def reference_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    *,
    attn_bias: Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Attend query by query; a forbidden key takes no part at all, instead of a score of -inf."""
    *batch, q_len, head_dim = query.shape
    k_len = key.shape[-2]
    scale = 1 / head_dim**0.5 if scale is None else scale
    full = (*batch, q_len, k_len)
    mask = torch.ones(full, dtype=torch.bool) if mask is None else mask.expand(full)
    attn_bias = query.new_zeros(full) if attn_bias is None else attn_bias.expand(full)
    output = query.new_zeros(*batch, q_len, value.shape[-1])
    weights = query.new_zeros(full)
    for *b, i in itertools.product(*map(range, (*batch, q_len))):
        row = (*b, i)
        seen = [
            j
            for j in range(k_len)
            if mask[(*row, j)]
            and attn_bias[(*row, j)] != -torch.inf
            and (not is_causal or j <= i + k_len - q_len)
        ]
        if seen:
            scores = [
                scale * (query[row] * key[(*b, j)]).sum() + attn_bias[(*row, j)] for j in seen
            ]
            shares = torch.stack(scores).exp()
            for j, weight in zip(seen, shares / shares.sum(), strict=True):
                weights[(*row, j)] = weight
                output[row] = output[row] + weight * value[(*b, j)]
    return output, weights


def bytes_of(*tensors: Tensor) -> list[bytes]:
    """Copy what tensors hold, bit by bit: equal before and after means untouched."""
    return [t.detach().contiguous().view(torch.uint8).numpy(force=True).tobytes() for t in tensors]


def seeded(seed: int) -> torch.Generator:
    """Make a source of random numbers on the device on which tests make their tensors."""
    return torch.Generator(device=torch.get_default_device()).manual_seed(seed)


def input_gradients(output: Tensor, mixture: Tensor, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Go back from a mixture of an output's numbers; take from the inputs what reached them."""
    (output * mixture).sum().backward()
    gradients = [each.grad for each in inputs]
    for each in inputs:
        each.grad = None
    return gradients
