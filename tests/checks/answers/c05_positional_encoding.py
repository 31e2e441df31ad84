"""Chapter 5: wrong answers."""

import math

import numpy as np
import torch
import torch.nn.functional as F

import attnlib
from tests.checks.answers.filing import WRONG, wrong

INF = float("inf")

WRONG["first_places"] = [
    ("halves_concatenated", [0, 0, 1, 1, 0.01, 1]),
    ("all_zero_at_place_0", [0, 0, 0, 0, 0.01, 1]),
    ("exponent_halved", [0, 1, 0, 1, 0.1, 0.995]),
    ("same_speed", [0, 1, 0, 1, 0.84, 0.54]),
    (None, [0, 1, 0, 1, 0.5, 0.5]),
]


def _table(length, exponents, layout, first=0, base=10_000.0):
    angle = (torch.arange(length) + first)[:, None] / base**exponents
    sin, cos = angle.sin(), angle.cos()
    return torch.cat([sin, cos], 1) if layout == "cat" else torch.stack([sin, cos], -1).flatten(1)


@wrong("sinusoidal_encoding", "exponent_halved")
def i_over_d(length, embed_dim):
    return _table(length, torch.arange(embed_dim // 2) / embed_dim, "stack")


@wrong("sinusoidal_encoding", "exponent_doubled")
def twice_two(length, embed_dim):
    return _table(length, 2 * torch.arange(0, embed_dim, 2) / embed_dim, "stack")


@wrong("sinusoidal_encoding", "halves_concatenated")
def cat_halves(length, embed_dim):
    return _table(length, torch.arange(0, embed_dim, 2) / embed_dim, "cat")


@wrong("sinusoidal_encoding", "exponent_halved")
def two_at_once(length, embed_dim):
    return _table(length, torch.arange(embed_dim // 2) / embed_dim, "cat")


@wrong("sinusoidal_encoding", "position_from_one")
def one_based(length, embed_dim):
    return _table(length, torch.arange(0, embed_dim, 2) / embed_dim, "stack", first=1)


@wrong("sinusoidal_encoding", "exponent_to_the_last")
def tensor2tensor(length, embed_dim):
    half = embed_dim // 2
    return _table(length, torch.arange(half) / max(half - 1, 1), "stack")


@wrong("sinusoidal_encoding", "exponent_per_column")
def by_columns(length, embed_dim):
    P = torch.zeros(length, embed_dim)
    for j in range(embed_dim):
        f = math.cos if j % 2 else math.sin
        for p in range(length):
            P[p, j] = f(p / 10000 ** (j / embed_dim))
    return P


@wrong("sinusoidal_encoding", "other_base")
def base_1000(length, embed_dim):
    return _table(length, torch.arange(0, embed_dim, 2) / embed_dim, "stack", base=1000.0)


@wrong("sinusoidal_encoding", "cosine_first")
def cos_even(length, embed_dim):
    return attnlib.sinusoidal_encoding(length, embed_dim).unflatten(1, (-1, 2)).flip(2).flatten(1)


@wrong("sinusoidal_encoding", "axes_swapped")
def columns_are_positions(length, embed_dim):
    return attnlib.sinusoidal_encoding(length, embed_dim).T


@wrong("sinusoidal_encoding", "wrong_shape")
def leading_one(length, embed_dim):
    return attnlib.sinusoidal_encoding(length, embed_dim)[None]


@wrong("sinusoidal_encoding", None)
def random_table(length, embed_dim):
    return torch.zeros(length, embed_dim)


def _rotation(n, embed_dim):
    angle = n * 10_000.0 ** (-torch.arange(0, embed_dim, 2) / embed_dim)
    blocks = [torch.tensor([[a.cos(), -a.sin()], [a.sin(), a.cos()]]) for a in angle]
    return torch.block_diag(*blocks)


@wrong("shift_back", "shifts_forward")
def forward_again(n, embed_dim):
    return _rotation(n, embed_dim)


@wrong("shift_back", "negated")
def minus_rotation(n, embed_dim):
    return -_rotation(n, embed_dim)


@wrong("shift_back", "only_one_step")
def one_step(n, embed_dim):
    return _rotation(1, embed_dim).T


@wrong("shift_back", None)
def reciprocal(n, embed_dim):
    return _rotation(n, embed_dim).abs()


@wrong("catches_fast_hands", "test_misses_bug")
def diagonals_even(encoding):
    products = encoding(60, 32) @ encoding(60, 32).T
    assert max(products.diagonal(n).std().item() for n in range(50)) < 1e-3


@wrong("catches_fast_hands", "test_misses_bug")
def first_row(encoding):
    assert encoding(3, 4)[0].tolist() == [0, 1, 0, 1]


@wrong("half_distance", "off_by_one")
def last_above(embed_dim):
    P = attnlib.sinusoidal_encoding(2000, embed_dim)
    n = 0
    while P[n + 1] @ P[0] >= embed_dim / 4:
        n += 1
    return n


@wrong("half_distance", "root_of_length")
def half_the_norm(embed_dim):
    P = attnlib.sinusoidal_encoding(2000, embed_dim)
    below = P @ P[0] < P[0].norm() / 2
    return below.nonzero()[0].item() if below.any() else 0


@wrong("half_distance", "half_of_width")
def half_of_embed_dim(embed_dim):
    P = attnlib.sinusoidal_encoding(2000, embed_dim)
    return (P @ P[0] < embed_dim / 2 - 1e-6).nonzero()[0].item()


@wrong("half_distance", "wrong_type")
def boolean_table(embed_dim):
    P = attnlib.sinusoidal_encoding(100, embed_dim)
    return P @ P[0] < embed_dim / 4


@wrong("sinusoidal_encoding", "exponent_per_column")
def twice_the_column(length, embed_dim):
    j = torch.arange(embed_dim)
    angle = torch.arange(length)[:, None] / 10000.0 ** (2 * j / embed_dim)
    return torch.where(j % 2 == 0, angle.sin(), angle.cos())


@wrong("sinusoidal_encoding", "exponent_quartered")
def two_below_the_line(length, embed_dim):
    return _table(length, torch.arange(embed_dim // 2) / (2 * embed_dim), "stack")


@wrong("sinusoidal_encoding", ("cosine_first", "halves_concatenated"))
def cosines_then_sines(length, embed_dim):
    P = _table(length, torch.arange(0, embed_dim, 2) / embed_dim, "cat")
    return torch.cat(P.chunk(2, dim=1)[::-1], dim=1)


@wrong("sinusoidal_encoding", "other_base")
def base_2(length, embed_dim):
    return _table(length, torch.arange(0, embed_dim, 2) / embed_dim, "stack", base=2.0)


@wrong("sinusoidal_encoding", "position_from_one")
def first_row_cut_off(length, embed_dim):
    return attnlib.sinusoidal_encoding(length + 1, embed_dim)[1:]
