"""From scores to the next token: how probable each is to be drawn."""

import torch
from torch import Tensor

from attnlib._shapes import numbers_outside
from attnlib._typing import Float


def sampling_probabilities(
    logits: Float[Tensor, "*batch vocabulary"],
    *,
    temperature: int | float = 1.0,
    top_k: int | None = None,
    top_p: int | float | None = None,
) -> Float[Tensor, "*batch vocabulary"]:
    """Turn logits into the probabilities that tokens are drawn with.

        probabilities = softmax(logits / temperature), renormalised over the tokens that stay in

    First `temperature` changes the logits; then `top_k` keeps the k largest; then `top_p` keeps,
    of what is left, the most probable tokens that together reach p. The token with which they
    reach it stays in. Tokens as probable as the last that stays in stay in, too: which of them
    comes first in the vocabulary makes no difference.

    At `temperature` 0 all is given to the largest logit, which is what smaller and smaller
    temperatures lead to; several that are equally large share it. Greedy decoding takes the first
    of them: `probabilities.argmax(dim=-1)`.

    Args:
        logits: Scores of the next token, of shape (..., vocabulary). A token of -inf is never
            drawn.
        temperature: Divides the logits: below 1 the probable becomes more probable, above 1 less.
        top_k: How many tokens stay in; all if there are no more.
        top_p: How much probability stays in, at least; above 0 and at most 1.

    Returns:
        Probabilities of shape (..., vocabulary): what `torch.multinomial` draws from. Each row
        sums to 1. They are computed in float32 at least.

    Raises:
        ValueError: If `temperature` is negative or not finite, `top_k` no integer of at least 1,
            `top_p` not above 0 and at most 1, or `logits` have no vocabulary, are not
            floating-point, or have a row without a largest finite number (with NaN, with +inf, or
            all -inf). The last is not looked for while torch traces or maps the function.

    Source: Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", section 3.1
    (top-p); Fan et al. 2018, "Hierarchical Neural Story Generation", section 5.4 (top-k).

    >>> logits = torch.tensor([4.0, 2.0, 1.0, 1.0]).log()
    >>> sampling_probabilities(logits)
    tensor([0.5000, 0.2500, 0.1250, 0.1250])
    >>> sampling_probabilities(logits, top_p=0.6)  # .5 is not enough, .75 is
    tensor([0.6667, 0.3333, 0.0000, 0.0000])
    >>> sampling_probabilities(logits, top_k=3)  # two share the third place
    tensor([0.5000, 0.2500, 0.1250, 0.1250])
    >>> sampling_probabilities(logits, temperature=0.0)
    tensor([1., 0., 0., 0.])
    """
    _check(logits, temperature, top_k, top_p)
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    below = wide - wide.amax(dim=-1, keepdim=True)  # of the largest: 0, whatever divides it
    scores = torch.where(below < 0, below / temperature, 0.0)
    if top_k is not None and top_k < scores.shape[-1]:
        last = below.topk(top_k, dim=-1).values[..., -1:]
        scores = scores.masked_fill(below < last, -torch.inf)
    probabilities = scores.softmax(dim=-1)
    if top_p is not None and top_p < 1.0:  # rounded sums may reach 1 before all are in
        ordered = probabilities.sort(dim=-1, descending=True).values
        before = ordered.cumsum(dim=-1) - ordered  # what is in without this token
        last = ordered.masked_fill(before >= top_p, torch.inf).amin(dim=-1, keepdim=True)
        kept = probabilities.masked_fill(probabilities < last, 0.0)
        probabilities = kept / kept.sum(dim=-1, keepdim=True)
    return probabilities.to(logits.dtype)


def _check(
    logits: Tensor, temperature: int | float, top_k: int | None, top_p: int | float | None
) -> None:
    if logits.ndim < 1 or logits.shape[-1] < 1 or not logits.is_floating_point():
        raise ValueError(
            "logits must be floating-point of shape (..., vocabulary), with one token at least; "
            f"got {logits.dtype} of shape {tuple(logits.shape)}"
        )
    if not 0.0 <= temperature < float("inf"):
        raise ValueError(f"temperature must be a finite number of at least 0, got {temperature}")
    if top_k is not None and (type(top_k) is not int or top_k < 1):
        raise ValueError(f"top_k must be an integer of at least 1, got {top_k}")
    if top_p is not None and not 0.0 < top_p <= 1.0:
        raise ValueError(f"top_p must lie above 0 and be at most 1, got {top_p}")
    most = torch.finfo(logits.dtype).max
    infinite = numbers_outside(-most, most, logits.amax(dim=-1))
    if infinite:
        raise ValueError(f"the largest number in each row of logits must be finite, got {infinite}")
