"""Checks of chapter 7: the parts of a Transformer's block, and how they are put together."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from attnlib.checks.chapters.c02_scaled_dot_product import (
    DIVISORS,
    FAR_SCORES,
    NORMALISERS,
    attend,
)
from attnlib.checks.engine.check import check
from attnlib.checks.engine.inputs import Arguments, Draw, grid
from attnlib.checks.engine.mistakes import WrongAnswers
from attnlib.checks.engine.predictions import Numbers, prediction
from attnlib.checks.engine.reader_tests import Calls, reader_test

# --- 7.1 and 7.2: layer norm ------------------------------------------------------------------


@prediction(
    "7.1",
    wrong={
        "unbiased_variance": [-1.212, -0.173, 0.173, 1.212],
        "divided_by_variance": [-0.28, -0.04, 0.04, 0.28],
        "mean_not_subtracted": ([0.0, 0.698, 0.930, 1.628], [0.0, 1.2, 1.6, 2.8]),
        "not_divided": [-7.0, -1.0, 1.0, 7.0],
        "brought_to_length_one": ([-0.7, -0.1, 0.1, 0.7], [0.0, 0.349, 0.465, 0.814]),
        "brought_between_zero_and_one": [0.0, 0.429, 0.571, 1.0],
        "largest_distance_is_one": [-1.0, -0.143, 0.143, 1.0],
        "shares_given": [0.0, 0.214, 0.286, 0.5],
        "divided_by_range": [-0.5, -0.071, 0.071, 0.5],
        "mean_distance_not_root": [-1.75, -0.25, 0.25, 1.75],
        "squares_not_of_distances": [-0.814, -0.116, 0.116, 0.814],
        "signs_reversed": [1.4, 0.2, -0.2, -1.4],
    },
)
def normalised() -> Numbers:
    """Check exercise 7.1: what layer norm makes of (0, 6, 8, 14).

    Args:
        answer: Four numbers.

    Returns:
        A result that shows itself; `passed` is None as long as a number is `...`.

    >>> check_normalised([-7, -1, 1, 7]).misconception
    'not_divided'
    """
    return [-1.4, -0.2, 0.2, 1.4]


Divided = Callable[[Tensor, Tensor, float], Tensor]  # (centred, variance, eps)


def _by_root(centred: Tensor, variance: Tensor, eps: float) -> Tensor:
    return centred / (variance + eps).sqrt()


def _scaled(normal: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return normal * weight + bias


def _norm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    *,
    dim: int | tuple[int, ...] = -1,
    correction: int = 0,
    keepdim: bool = True,
    centre: bool = True,
    divide: Divided = _by_root,
    scale: Callable[[Tensor, Tensor, Tensor], Tensor] = _scaled,
) -> Tensor:
    """Layer norm, with another step in the place of a right one."""
    mean = x.mean(dim=dim, keepdim=True)
    # By hand: where there is one token only, torch's unbiased variance warns.
    squares = (x - mean).square().sum(dim=dim, keepdim=keepdim)
    variance = squares / (x.numel() / mean.numel() - correction)
    mean = x.mean(dim=dim, keepdim=keepdim)
    centred = x - mean if centre else x
    return scale(divide(centred, variance, eps), weight, bias)


def _above_smallest(x: Tensor) -> Tensor:
    return x - x.amin(dim=-1, keepdim=True)


def _range(x: Tensor) -> Tensor:
    return _above_smallest(x).amax(dim=-1, keepdim=True)


AXES: dict[str, tuple[int | tuple[int, ...], ...]] = {
    "norm_over_length": (-2,),
    "norm_over_batch": (0,),
    "norm_over_phrase": ((-2, -1),),
    "norm_over_everything": ((0, -2, -1), (0, -2)),
}
DIVISIONS: dict[str, tuple[Divided, ...]] = {
    "eps_outside_root": (lambda centred, variance, eps: centred / (variance.sqrt() + eps),),
    "eps_missing": (lambda centred, variance, eps: centred / variance.sqrt(),),
    "divided_by_variance": (
        lambda centred, variance, eps: centred / (variance + eps),
        lambda centred, variance, eps: centred / variance,
    ),
    "not_divided": (lambda centred, variance, eps: centred,),
    "multiplied_by_root": (lambda centred, variance, eps: centred * (variance + eps).sqrt(),),
}
# Another size of the distances from the mean in the place of their standard deviation.
SIZES: dict[str, Callable[[Tensor], Tensor]] = {
    "mean_distance_not_root": lambda centred: centred.abs().mean(dim=-1, keepdim=True),
    "largest_distance_is_one": lambda centred: centred.abs().amax(dim=-1, keepdim=True),
    "divided_by_range": _range,
}
GAINS: dict[str, tuple[Callable[[Tensor, Tensor, Tensor], Tensor], ...]] = {
    "gain_missing": (lambda normal, weight, bias: normal + bias,),
    "shift_missing": (lambda normal, weight, bias: normal * weight,),
    "gain_and_shift_missing": (lambda normal, weight, bias: normal,),
    "shift_before_gain": (lambda normal, weight, bias: (normal + bias) * weight,),
    "gain_and_shift_swapped": (lambda normal, weight, bias: normal * bias + weight,),
    "one_added_to_gain": (lambda normal, weight, bias: normal * (1 + weight) + bias,),
}


def _mean_square(x: Tensor) -> Tensor:
    return x.square().mean(dim=-1, keepdim=True)


def _root_mean_square(x: Tensor, eps: float) -> Tensor:
    return x / (_mean_square(x) + eps).sqrt()


def wrong_norms() -> WrongAnswers:
    """One wrong step; and the pairs that go together in programs."""

    def answer(**change: Any) -> Callable[..., Tensor]:
        return lambda x, weight, bias, eps: _norm(x, weight, bias, eps, **change)

    wrong: WrongAnswers = {id_: tuple(answer(dim=d) for d in dims) for id_, dims in AXES.items()}
    wrong |= {id_: tuple(answer(divide=d) for d in some) for id_, some in DIVISIONS.items()}
    wrong |= {id_: tuple(answer(scale=s) for s in some) for id_, some in GAINS.items()}
    wrong["unbiased_variance"] = answer(correction=1)
    wrong["mean_not_subtracted"] = (
        answer(centre=False),
        lambda x, weight, bias, eps: _scaled(_root_mean_square(x, eps), weight, bias),
    )
    wrong["brought_to_length_one"] = (
        lambda x, weight, bias, eps: _scaled(F.normalize(x, dim=-1), weight, bias),
        lambda x, weight, bias, eps: _scaled(
            F.normalize(x - x.mean(dim=-1, keepdim=True), dim=-1), weight, bias
        ),
        # Without a guard, a token whose features are all equal is 0 / 0.
        lambda x, weight, bias, eps: _scaled(x / x.norm(dim=-1, keepdim=True), weight, bias),
        answer(divide=lambda centred, *_: centred / centred.norm(dim=-1, keepdim=True)),
    )
    # Without eps, and with it.
    for id_, size in SIZES.items():
        wrong[id_] = (
            answer(divide=lambda centred, _, eps, size=size: centred / size(centred)),
            answer(divide=lambda centred, _, eps, size=size: centred / (size(centred) + eps)),
        )
    wrong["brought_between_zero_and_one"] = (
        answer(divide=lambda centred, *_: _above_smallest(centred) / _range(centred)),
        answer(divide=lambda centred, _, eps: _above_smallest(centred) / (_range(centred) + eps)),
    )
    wrong["squares_not_of_distances"] = tuple(
        lambda x, weight, bias, eps, root=root: _scaled(
            (x - x.mean(dim=-1, keepdim=True)) / root(_mean_square(x), eps), weight, bias
        )
        for root in (
            lambda square, eps: (square + eps).sqrt(),
            lambda square, eps: square.sqrt() + eps,
            lambda square, eps: square.sqrt(),
        )
    )
    # Where the shapes still fit, the means of other tokens are subtracted.
    wrong["axis_dropped"] = answer(keepdim=False)
    wrong["unbiased_variance", "axis_dropped"] = answer(correction=1, keepdim=False)
    wrong["softmax_instead"] = lambda x, weight, bias, eps: _scaled(x.softmax(dim=-1), weight, bias)
    # The three that go together in programs: the wrong axis, torch's default variance, eps outside.
    over = {id_: {"dim": dims[0]} for id_, dims in AXES.items()}
    unbiased, outside = {"correction": 1}, {"divide": DIVISIONS["eps_outside_root"][0]}
    unscaled = {"scale": GAINS["gain_and_shift_missing"][0]}
    wrong["unbiased_variance", "eps_outside_root"] = answer(**unbiased, **outside)
    wrong["unbiased_variance", "eps_missing"] = answer(
        **unbiased, divide=DIVISIONS["eps_missing"][0]
    )
    wrong["unbiased_variance", "gain_and_shift_missing"] = answer(**unbiased, **unscaled)
    for id_, change in over.items():
        wrong["unbiased_variance", id_] = answer(**unbiased, **change)
        wrong["eps_outside_root", id_] = answer(**outside, **change)
    return wrong


def _vectors(draw: Draw, batch: int, length: int, width: int) -> Arguments:
    x = draw.integers(batch, length, width)
    return x, draw.integers(width) + 3, draw.integers(width), 0.5


def _small_vectors() -> list[Arguments]:
    """Vectors beside which eps is large, and tokens whose features are all equal."""
    draw = Draw(0)
    cases: list[Arguments] = []
    for size, eps in ((1.0, 1e-5), (0.01, 1e-3), (30.0, 1.0), (0.0, 1e-5)):
        x = size * draw.normal(2, 3, 5) + draw.integers(2, 3, 1)
        cases.append((x, draw.normal(5), draw.normal(5), eps))
    return cases


@check(
    "7.2",
    wrong=wrong_norms(),
    inputs=[
        lambda: [*grid(_vectors, batch=(1, 2), length=(1, 2, 3), width=(2, 3)), *_small_vectors()]
    ],
)
def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Check exercise 7.2: layer norm.

    Args:
        answer: Called as answer(x, weight, bias, eps), with a tensor of shape (batch, length,
            embed_dim), two of shape (embed_dim,) and a small number; returns a tensor of the shape
            of x.

    Returns:
        A result that shows itself.

    >>> def unbiased(x, weight, bias, eps):
    ...     variance = x.var(dim=-1, keepdim=True)
    ...     return (x - x.mean(dim=-1, keepdim=True)) / (variance + eps).sqrt() * weight + bias
    >>> check_layer_norm(unbiased).misconception
    'unbiased_variance'
    """
    return _norm(x, weight, bias, eps)


# --- 7.3: the feed-forward network ------------------------------------------------------------

Step = Callable[[Tensor], Tensor]


def _feed_forward(
    x: Tensor,
    w_1: Tensor,
    b_1: Tensor,
    w_2: Tensor,
    b_2: Tensor,
    *,
    before: Step = lambda x: x,
    between: Step = torch.relu,
    after: Step = lambda x: x,
) -> Tensor:
    return after(between(before(x) @ w_1 + b_1) @ w_2 + b_2)


def _without(*names: str) -> Callable[..., Tensor]:
    def answer(x: Tensor, w_1: Tensor, b_1: Tensor, w_2: Tensor, b_2: Tensor) -> Tensor:
        b_1, b_2 = (0 * b if name in names else b for name, b in (("b_1", b_1), ("b_2", b_2)))
        return _feed_forward(x, w_1, b_1, w_2, b_2)

    return answer


OTHER_ACTIVATIONS: tuple[Step, ...] = (
    F.gelu,
    lambda x: F.gelu(x, approximate="tanh"),
    F.silu,
    F.leaky_relu,
    F.elu,
    F.softplus,
    F.relu6,
    F.hardswish,
    torch.sigmoid,
    torch.tanh,
)
Changes = dict[str, Any]  # steps by name
NETWORKS: dict[str, tuple[Changes, ...]] = {
    "nonlinearity_missing": ({"between": lambda x: x},),
    "nonlinearity_at_end": ({"between": lambda x: x, "after": torch.relu},),
    "nonlinearity_twice": ({"after": torch.relu},),
    "nonlinearity_first": ({"between": lambda x: x, "before": torch.relu}, {"before": torch.relu}),
    "other_activation": tuple({"between": step} for step in OTHER_ACTIVATIONS),
    "signs_dropped": ({"between": torch.abs},),
    "positive_dropped": (
        {"between": lambda x: x.clamp(max=0)},
        {"between": lambda x: (-x).relu()},
    ),
    "squared": ({"between": lambda x: x.square()}, {"between": lambda x: x.relu().square()}),
    "softmax_between": ({"between": lambda x: x.softmax(dim=-1)},),
}


def wrong_networks() -> WrongAnswers:
    """One mistake each; and the input added to it."""

    def answer(change: Changes) -> Callable[..., Tensor]:
        return lambda *arguments: _feed_forward(*arguments, **change)

    def added(change: Changes) -> Callable[..., Tensor]:
        return lambda x, *others: x + _feed_forward(x, *others, **change)

    wrong: WrongAnswers = {id_: tuple(map(answer, some)) for id_, some in NETWORKS.items()}
    wrong |= {
        # Only where there are as many tokens as features; elsewhere the shapes do not fit.
        "transforms_positions": (
            lambda x, *others: _feed_forward(x.mT, *others).mT,
            lambda x, *others: _feed_forward(x.mT, *others),
        ),
        "first_shift_missing": _without("b_1"),
        "second_shift_missing": _without("b_2"),
        "both_shifts_missing": _without("b_1", "b_2"),
        "shift_after_nonlinearity": lambda x, w_1, b_1, w_2, b_2: (
            ((x @ w_1).relu() + b_1) @ w_2 + b_2
        ),
        "input_added": added({}),
        # Only where both widths are the same; elsewhere the shapes do not fit.
        "matrices_transposed": (
            lambda x, w_1, b_1, w_2, b_2: _feed_forward(x, w_1.mT, b_1, w_2.mT, b_2),
            lambda x, w_1, b_1, w_2, b_2: _feed_forward(x, w_1.mT, b_1, w_2, b_2),
            lambda x, w_1, b_1, w_2, b_2: _feed_forward(x, w_1, b_1, w_2.mT, b_2),
        ),
        "hidden_returned": lambda x, w_1, b_1, w_2, b_2: (x @ w_1 + b_1).relu(),
        "tokens_averaged": (
            lambda x, *others: _feed_forward(x.mean(dim=1, keepdim=True).expand_as(x), *others),
        ),
    }
    for id_ in ("nonlinearity_missing", "nonlinearity_at_end", "other_activation"):
        wrong[id_, "input_added"] = tuple(map(added, NETWORKS[id_]))
    wrong["nonlinearity_missing", "both_shifts_missing"] = lambda x, w_1, b_1, w_2, b_2: (
        x @ w_1 @ w_2
    )
    return wrong


def _layers(draw: Draw, batch: int, length: int, width: int, hidden: int) -> Arguments:
    return (
        draw.integers(batch, length, width),
        draw.integers(width, hidden),
        draw.integers(hidden),
        draw.integers(hidden, width),
        draw.integers(width),
    )


def _larger_layers() -> list[Arguments]:
    draw = Draw(0)
    sizes = (
        ((2, 4, 4), (4, 8), (8,), (8, 4), (4,)),
        ((1, 3, 5), (5, 20), (20,), (20, 5), (5,)),
        ((2, 2, 3), (3, 3), (3,), (3, 3), (3,)),
    )
    return [tuple(draw.normal(*shape) for shape in shapes) for shapes in sizes]


@check(
    "7.3",
    wrong=wrong_networks(),
    inputs=[
        lambda: [
            *grid(_layers, batch=(1, 2), length=(1, 2, 3), width=(1, 2, 3), hidden=(1, 4)),
            # As wide as the input: so a transposed matrix gives numbers, and no error.
            *grid(_layers, batch=(1,), length=(1,), width=(2,), hidden=(2,)),
            *_larger_layers(),
        ]
    ],
)
def feed_forward(x: Tensor, w_1: Tensor, b_1: Tensor, w_2: Tensor, b_2: Tensor) -> Tensor:
    """Check exercise 7.3: the feed-forward network, with ReLU.

    Args:
        answer: Called as answer(x, w_1, b_1, w_2, b_2), with tensors of shape (batch, length,
            embed_dim), (embed_dim, hidden), (hidden,), (hidden, embed_dim) and (embed_dim,); rows
            are multiplied from the right; returns a tensor of the shape of x.

    Returns:
        A result that shows itself.

    >>> check_feed_forward(lambda x, w_1, b_1, w_2, b_2: (x @ w_1 + b_1) @ w_2 + b_2).misconception
    'nonlinearity_missing'
    """
    return _feed_forward(x, w_1, b_1, w_2, b_2)


# --- 7.4: pre-norm, with a final norm ---------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """A function of the stream that shows its name."""

    name: str
    function: Step

    def __call__(self, x: Tensor) -> Tensor:
        """Do what the function does."""
        return self.function(x)

    def __repr__(self) -> str:
        return self.name


def _earlier_mean(x: Tensor) -> Tensor:
    return x.cumsum(dim=-2) / torch.arange(1.0, x.shape[-2] + 1)[:, None]


def _own_relu(x: Tensor) -> Tensor:
    return 2 * x.relu() + 1


def _own_norm(order: int) -> Step:
    """Layer norm with a gain of its own, so that no two are mixed up unnoticed."""
    return lambda x: (order + 1) / 2 * F.layer_norm(x, x.shape[-1:])


ATTENTION, FEED_FORWARD = Part("attention", _earlier_mean), Part("feed_forward", _own_relu)
NORMS = [Part(f"norm_{order}", _own_norm(order)) for order in range(5)]

Parts = list[Part]


def _pre_norm(
    x: Tensor,
    parts: Parts,
    norms: Parts,
    *,
    step: Callable[..., Tensor] = lambda x, part, norm, start: x + part(norm(x)),
    end: Callable[[Tensor, Parts], Tensor] = lambda x, norms: norms[-1](x),
) -> Tensor:
    """Parts that read a normalised stream, with another step or end in the place of the right one.

    `step` gets the stream, the part, its norm, and what the stream was at the start.
    """
    start = x
    for part, norm in zip(parts, norms, strict=False):
        x = step(x, part, norm, start)
    return end(x, norms)


def _in_parallel(x: Tensor, parts: Parts, norms: Parts) -> Tensor:
    found = [part(norm(x)) for part, norm in zip(parts, norms, strict=False)]
    return x + torch.stack(found).sum(dim=0)


STEPS: dict[str, Callable[..., Tensor]] = {
    "post_norm": lambda x, part, norm, start: norm(x + part(x)),
    "residual_forgotten": lambda x, part, norm, start: part(norm(x)),
    "residual_after_norm": lambda x, part, norm, start: norm(x) + part(norm(x)),
    "norm_missing": lambda x, part, norm, start: x + part(x),
    "norm_of_what_is_added": lambda x, part, norm, start: x + norm(part(x)),
    "start_added_again": lambda x, part, norm, start: start + part(norm(x)),
    "stream_doubled": lambda x, part, norm, start: 2 * x + part(norm(x)),
    "subtracted": lambda x, part, norm, start: x - part(norm(x)),
    "normalised_twice": lambda x, part, norm, start: norm(x + part(norm(x))),
}


def _orders() -> WrongAnswers:
    """Right steps in a wrong order, or with the norm of another part."""

    def chosen(choice: Callable[[Parts, Parts], tuple[Parts, Parts]]) -> Callable[..., Tensor]:
        return lambda x, parts, norms: _pre_norm(x, *choice(parts, norms))

    return {
        "one_norm_for_all": (
            chosen(lambda parts, norms: (parts, [norms[0]] * len(norms))),
            chosen(lambda parts, norms: (parts, [norms[0]] * len(parts) + norms[-1:])),
        ),
        "parts_reversed": (
            chosen(lambda parts, norms: (parts[::-1], norms)),
            chosen(lambda parts, norms: (parts[::-1], norms[-2::-1] + norms[-1:])),
        ),
        "one_part_only": (
            chosen(lambda parts, norms: (parts[:1], norms)),
            chosen(lambda parts, norms: (parts[:-1], norms)),
        ),
        "norms_shifted": (
            chosen(lambda parts, norms: (parts, norms[1:] + norms[-1:])),
            chosen(lambda parts, norms: (parts, norms[1:] + norms[:1])),
        ),
        "final_norm_each_time": (
            lambda x, parts, norms: _pre_norm(
                x,
                parts,
                norms,
                step=lambda x, part, norm, start: norms[-1](x + part(norm(x))),
                end=lambda x, norms: x,
            ),
        ),
    }


def wrong_streams() -> WrongAnswers:
    """A wrong step, with the final norm and without; wrong orders; parts in parallel."""

    def unnormalised(x: Tensor, norms: Parts) -> Tensor:
        return x

    def answer(**change: Any) -> Callable[..., Tensor]:
        return lambda x, parts, norms: _pre_norm(x, parts, norms, **change)

    wrong: WrongAnswers = {"final_norm_missing": answer(end=unnormalised)}
    wrong |= {id_: answer(step=step) for id_, step in STEPS.items()}
    wrong |= _orders()
    wrong["parts_in_parallel"] = lambda x, parts, norms: norms[-1](_in_parallel(x, parts, norms))
    wrong["parts_in_parallel", "final_norm_missing"] = _in_parallel
    wrong |= {
        (id_, "final_norm_missing"): answer(step=step, end=unnormalised)
        for id_, step in STEPS.items()
        if id_ != "post_norm"
    }
    # Complete as the paper has it, so that nothing is missing there.
    wrong["post_norm"] = (
        answer(step=STEPS["post_norm"]),
        answer(step=STEPS["post_norm"], end=unnormalised),
    )
    wrong["one_norm_for_all", "final_norm_missing"] = lambda x, parts, norms: _pre_norm(
        x, parts, norms[:1] * len(norms), end=unnormalised
    )
    return wrong


def _streams(draw: Draw, batch: int, length: int, width: int, blocks: int) -> Arguments:
    parts = [ATTENTION, FEED_FORWARD] * blocks
    return draw.integers(batch, length, width), parts, NORMS[: len(parts) + 1]


def _larger_streams() -> list[Arguments]:
    parts = [ATTENTION, FEED_FORWARD] * 2
    return [(3 * Draw(n).normal(2, 3, 5), parts, NORMS) for n in range(2)]


@check(
    "7.4",
    wrong=wrong_streams(),
    inputs=[
        lambda: [
            *grid(_streams, batch=(1, 2), length=(1, 2), width=(3, 4), blocks=(1, 2)),
            *_larger_streams(),
        ]
    ],
    shrinks=False,
)
def pre_norm(x: Tensor, parts: Parts, norms: Parts) -> Tensor:
    """Check exercise 7.4: parts that read a normalised stream and add to it; a final norm.

    Args:
        answer: Called as answer(x, parts, norms), with a tensor of shape (batch, length,
            embed_dim), a list of functions such as attention and feed-forward, and a list of as
            many norms and one more, the final one; all take such a tensor and return one. Returns
            a tensor of the shape of x.

    Returns:
        A result that shows itself.

    >>> def post_norm(x, parts, norms):
    ...     for part, norm in zip(parts, norms):
    ...         x = norm(x + part(x))
    ...     return x
    >>> check_pre_norm(post_norm).misconception
    'post_norm'
    """
    return _pre_norm(x, parts, norms)


# --- 7.5: cross-attention ---------------------------------------------------------------------

Inputs = tuple[Tensor, Tensor, Tensor]  # query, key and value, projected
Mask = Callable[[int, int, Tensor], Tensor]  # (q_len, k_len, memory_lens) -> True = may attend


def _padding(q_len: int, k_len: int, memory_lens: Tensor) -> Tensor:
    # Not `padding_mask`: where x is read in memory's place, a length may be larger than k_len.
    return torch.arange(k_len) < memory_lens[:, None, None]


def _everybody(q_len: int, k_len: int, memory_lens: Tensor) -> Tensor:
    return torch.ones(q_len, k_len, dtype=torch.bool)


def _upper_left(q_len: int, k_len: int, memory_lens: Tensor) -> Tensor:
    return torch.ones(q_len, k_len).tril().bool()


def _lower_right(q_len: int, k_len: int, memory_lens: Tensor) -> Tensor:
    return torch.ones(q_len, k_len).tril(k_len - q_len).bool()


def _rows_of_padding(q_len: int, k_len: int, memory_lens: Tensor) -> Tensor:
    return _padding(k_len, q_len, memory_lens).mT


def _cross(
    x: Tensor,
    memory: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    memory_lens: Tensor,
    *,
    mask: Mask = _padding,
    sides: Callable[[Tensor, Tensor], Inputs] = lambda x, memory: (x, memory, memory),
    divisor: Callable[[Tensor, Tensor], float] = lambda query, key: math.sqrt(query.shape[-1]),
    normalise: Callable[[Tensor], Tensor] = lambda scores: scores.softmax(dim=-1),
    fill: float = -math.inf,
) -> Tensor:
    query, key, value = (
        side @ w for side, w in zip(sides(x, memory), (w_q, w_k, w_v), strict=True)
    )
    allowed = mask(query.shape[-2], key.shape[-2], memory_lens)
    return attend(
        query,
        key,
        value,
        divisor=divisor,
        normalise=lambda scores: normalise(scores.masked_fill(~allowed, fill)),
    )


def _masked_afterwards(*arguments: Tensor) -> Tensor:
    x, memory, w_q, w_k, w_v, memory_lens = arguments
    scores = (x @ w_q) @ (memory @ w_k).mT / math.sqrt(w_q.shape[-1])
    return scores.softmax(dim=-1) * _padding(0, memory.shape[1], memory_lens) @ (memory @ w_v)


SIDES: dict[str, Callable[[Tensor, Tensor], Inputs]] = {
    "sides_swapped": lambda x, memory: (memory, x, x),
    "memory_ignored": lambda x, memory: (x, x, x),
    "writer_ignored": lambda x, memory: (memory, memory, memory),
    "values_from_writer": lambda x, memory: (x, memory, x),
    "keys_from_writer": lambda x, memory: (x, x, memory),
}
CROSS_MASKS: dict[str, tuple[Mask, ...]] = {
    "memory_padding_forgotten": (_everybody,),
    "memory_masked_causally": (
        lambda *sizes: _padding(*sizes) & _upper_left(*sizes),
        lambda *sizes: _padding(*sizes) & _lower_right(*sizes),
    ),
    "mask_inverted": (lambda *sizes: ~_padding(*sizes),),
    "queries_masked": (_rows_of_padding,),
    "queries_masked_too": (lambda *sizes: _rows_of_padding(*sizes) & _padding(*sizes),),
    "one_key_too_many": (lambda q, k, lens: torch.arange(k) <= lens[:, None, None],),
    "one_key_too_few": (lambda q, k, lens: torch.arange(k) < lens[:, None, None] - 1,),
    "longest_for_all": (lambda q, k, lens: _padding(q, k, lens.max().expand(len(lens))),),
}


def wrong_cross_attention() -> WrongAnswers:
    """A wrong side, a wrong mask, and the mistakes of chapter 2."""

    def answer(**change: Any) -> Callable[..., Tensor]:
        return lambda *arguments: _cross(*arguments, **change)

    def with_empty_rows(**change: Any) -> tuple[Callable[..., Tensor], ...]:
        # A row without keys is NaN, the mean of all values, or 0.
        return (
            answer(**change),
            answer(**change, fill=-1e9),
            lambda *arguments: _cross(*arguments, **change).nan_to_num(),
        )

    def with_each_mask(**change: Any) -> tuple[Callable[..., Tensor], ...]:
        # Where x is read instead of memory, its mask does not fit, so that there is none; or it is
        # taken for one of x, by the lengths or causally.
        each = (_padding, _everybody, _upper_left, _lower_right)
        return tuple(answer(**change, mask=mask) for mask in each)

    wrong: WrongAnswers = {id_: with_each_mask(sides=sides) for id_, sides in SIDES.items()}
    swapped = SIDES["sides_swapped"]
    wrong["sides_swapped"] = (
        *with_each_mask(sides=swapped),
        *with_empty_rows(sides=swapped, mask=_rows_of_padding),
    )
    for id_, some in CROSS_MASKS.items():
        wrong[id_] = tuple(answer(mask=mask) for mask in some)
    for id_ in ("mask_inverted", "queries_masked", "queries_masked_too", "one_key_too_few"):
        wrong[id_] = tuple(
            function for mask in CROSS_MASKS[id_] for function in with_empty_rows(mask=mask)
        )
    wrong["memory_masked_causally", "memory_padding_forgotten"] = tuple(
        answer(mask=mask) for mask in (_upper_left, _lower_right)
    )
    wrong["scores_zeroed"] = answer(fill=0.0)
    wrong["values_not_projected"] = lambda x, memory, w_q, w_k, w_v, lens: _cross(
        x, memory, w_q, w_k, torch.eye(w_v.shape[0]), lens
    )
    wrong["mask_after_softmax"] = _masked_afterwards
    wrong["query_key_swapped"] = lambda x, memory, w_q, w_k, *others: _cross(
        x, memory, w_k, w_q, *others
    )
    wrong["matrix_used_twice"] = (
        lambda x, memory, w_q, w_k, w_v, lens: _cross(x, memory, w_q, w_k, w_k, lens),
        lambda x, memory, w_q, w_k, w_v, lens: _cross(x, memory, w_q, w_q, w_v, lens),
    )
    wrong["matrices_transposed"] = lambda x, memory, w_q, w_k, w_v, lens: _cross(
        x, memory, w_q.mT, w_k.mT, w_v.mT, lens
    )
    wrong["input_added"] = lambda x, *others: x + _cross(x, *others)
    for id_, divisor in DIVISORS.items():
        wrong[id_] = answer(divisor=divisor)
        wrong["memory_padding_forgotten", id_] = answer(divisor=divisor, mask=_everybody)
    for id_ in ("softmax_over_queries", "softmax_over_batch"):
        wrong[id_] = (
            answer(normalise=NORMALISERS[id_]),
            lambda *arguments, id_=id_: _cross(*arguments, normalise=NORMALISERS[id_]).nan_to_num(),
            answer(normalise=NORMALISERS[id_], fill=-1e9),
        )
        wrong["memory_padding_forgotten", id_] = answer(normalise=NORMALISERS[id_], mask=_everybody)
    return wrong


def _reader_and_writer(draw: Draw, batch: int, q_len: int, k_len: int, width: int) -> Arguments:
    lens = (draw.integers(batch).long() + 2).clamp(1, k_len)
    return (
        draw.integers(batch, q_len, width),
        draw.integers(batch, k_len, width),
        *(draw.integers(width, width) for _ in range(3)),
        lens,
    )


def _larger_readings() -> list[Arguments]:
    draw = Draw(0)
    cases = []
    for batch, q_len, k_len, width in ((2, 3, 5, 4), (3, 4, 4, 5), (2, 5, 3, 4)):
        shapes = ((batch, q_len, width), (batch, k_len, width), *[(width, width)] * 3)
        x, memory, *matrices = (draw.normal(*shape) for shape in shapes)
        lens = torch.arange(batch) % k_len + 1
        cases.append((x, memory, *matrices, lens))
    return cases


def _far_readings() -> list[Arguments]:
    """Scores that lie far apart, none of them hidden."""
    cases = []
    for scores in FAR_SCORES:
        memory = torch.zeros(1, len(scores), 4)
        memory[0, :, 0], memory[0, :, 1] = torch.tensor(scores), torch.arange(len(scores))
        x = torch.zeros(1, 2, 4)
        x[..., 0] = 2.0  # the root of the width
        cases.append((x, memory, *torch.eye(4).expand(3, 4, 4), torch.tensor([len(scores)])))
    return cases


@check(
    "7.5",
    wrong=wrong_cross_attention(),
    inputs=[
        lambda: [
            *grid(_reader_and_writer, batch=(1, 2), q_len=(1, 2), k_len=(1, 2, 3), width=(2, 3)),
            *_larger_readings(),
        ],
        _far_readings,
    ],
)
def cross_attention(
    x: Tensor, memory: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, memory_lens: Tensor
) -> Tensor:
    """Check exercise 7.5: cross-attention with one head.

    Args:
        answer: Called as answer(x, memory, w_q, w_k, w_v, memory_lens): x of shape (batch, length,
            width) writes, memory of shape (batch, memory_len, width) is read; three matrices
            (width, width) by which rows are multiplied from the right; and for each memory how
            many of its tokens are real, at least one. Returns a tensor of the shape of x.

    Returns:
        A result that shows itself.

    >>> check_cross_attention(lambda x, memory, w_q, w_k, w_v, memory_lens: x).passed
    False
    """
    return _cross(x, memory, w_q, w_k, w_v, memory_lens)


# --- 7.6: a test that finds a stream that does not stay itself --------------------------------


def _normal(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:])


def _block(x: Tensor, attention: Step, feed_forward: Step) -> Tensor:
    for part in (attention, feed_forward):
        x = x + part(_normal(x))
    return x


def _block_by_hand(x: Tensor, attention: Step, feed_forward: Step) -> Tensor:
    for part in (attention, feed_forward):
        centred = x - x.mean(dim=-1, keepdim=True)
        read = centred / (centred.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt()
        x = part(read) + x
    return x


def _residual_after_norm(x: Tensor, attention: Step, feed_forward: Step) -> Tensor:
    for part in (attention, feed_forward):
        x = _normal(x)
        x = x + part(x)
    return x


def _parts_never_still(calls: Calls) -> bool:
    """Whether no call has two parts that add nothing."""
    return bool(calls) and not any(
        all(not torch.as_tensor(part(call[0])).any() for part in call[1:3]) for call in calls
    )


def _already_normal(calls: Calls) -> bool:
    """Whether the stream is normal as it comes in, so that a norm does not show."""
    return bool(calls) and all(torch.allclose(c[0], _normal(c[0]), atol=1e-3) for c in calls)


@reader_test(
    "7.6",
    right={"block": _block, "block_by_hand": _block_by_hand},
    wrong=_residual_after_norm,
    signs={"already_normal": _already_normal, "parts_never_still": _parts_never_still},
)
def catches_residual_after_norm(block: Callable[..., Tensor]) -> bool:
    """Check exercise 7.6: a test that finds a residual that is taken after the norm.

    Args:
        answer: Called as answer(block), where block(x, attention, feed_forward) returns the stream
            after a pre-norm block without a final norm; x has the shape (batch, length, embed_dim),
            and the two parts are functions of such a tensor. Raises AssertionError, or returns
            False, if the stream does not pass the norms by.

    Returns:
        A result that shows itself.

    >>> check_catches_residual_after_norm(lambda block: True).misconception
    'test_misses_bug'
    """
    x = 3 * Draw(0).normal(2, 3, 5) + 1
    return torch.allclose(block(x, torch.zeros_like, torch.zeros_like), x)


# --- 7.7: where the parameters are ------------------------------------------------------------


@prediction(
    "7.7",
    wrong={
        "output_matrix_forgotten": ([3, 8, 11, 14], [3, 8, 11, 11]),
        "hidden_width_forgotten": ([4, 2, 6, 10], [4, 1, 5, 9]),
        "one_matrix_of_two": [4, 4, 8, 12],
        "cross_attention_forgotten": [4, 8, 12, 12],
        "decoder_doubled": [4, 8, 12, 24],
        "hidden_squared": ([4, 16, 20, 24], [4, 32, 36, 40]),
        "heads_multiply": ([32, 8, 40, 72], [16, 8, 24, 40]),
        "one_matrix_an_attention": ([1, 8, 9, 10], [1, 2, 3, 4]),
        "cross_attention_without_queries": ([4, 8, 12, 15], [4, 8, 12, 14]),
    },
    tolerance=1e-3,
)
def multiples() -> Numbers:
    """Check exercise 7.7: how many times d² parameters are in the parts of a block.

    Args:
        answer: Four numbers: attention, feed-forward, encoder block, decoder block.

    Returns:
        A result that shows itself; `passed` is None as long as a number is `...`.

    >>> check_multiples([3, 8, 11, 14]).misconception
    'output_matrix_forgotten'
    """
    return [4, 8, 12, 16]
