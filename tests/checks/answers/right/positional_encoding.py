"""Chapter 5: right answers."""

import math

import numpy as np
import torch
import torch.nn.functional as F

import attnlib
from tests.checks.answers.filing import RIGHT, right

INF = float("inf")

RIGHT["first_places"] = [
    [0, 1, 0, 1, 0.01, 1],
    [0, 1, 0, 1, 0.01, 0.99995],
    (0.0, 1.0, 0.0, 1.0, math.sin(0.01), math.cos(0.01)),
    np.array([0, 1, 0, 1, 0.01, 1.0]),
]


@right("sinusoidal_encoding")
def stacked_pairs(length, embed_dim):
    speed = 10_000.0 ** (-torch.arange(0, embed_dim, 2) / embed_dim)
    angle = torch.arange(length)[:, None] * speed
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


@right("sinusoidal_encoding")
def every_other_column(length, embed_dim, base=10000):
    P = torch.zeros(length, embed_dim)
    X = torch.arange(length, dtype=torch.float32).reshape(-1, 1) / torch.pow(
        base, torch.arange(0, embed_dim, 2, dtype=torch.float32) / embed_dim
    )
    P[:, 0::2] = torch.sin(X)
    P[:, 1::2] = torch.cos(X)
    return P


@right("sinusoidal_encoding")
def with_exp_and_log(length, d_model):
    pe = torch.zeros(length, d_model, dtype=torch.float64)
    position = torch.arange(0, length).unsqueeze(1)
    div_term = torch.exp(torch.arange(0, d_model, 2) * -(math.log(10000.0) / d_model))
    pe[:, 0::2] = torch.sin(position * div_term)
    pe[:, 1::2] = torch.cos(position * div_term)
    return pe


@right("sinusoidal_encoding")
def number_by_number(length, embed_dim):
    return torch.tensor(
        [
            [
                (math.cos if j % 2 else math.sin)(p / 10000 ** ((j - j % 2) / embed_dim))
                for j in range(embed_dim)
            ]
            for p in range(length)
        ]
    )


@right("sinusoidal_encoding")
def as_phases(length, embed_dim):
    j = torch.arange(embed_dim)
    angle = torch.arange(length).view(-1, 1) / 10_000 ** (2 * (j // 2) / embed_dim)
    return torch.sin(angle + (j % 2) * math.pi / 2)


@right("shift_back")
def transposed(n, embed_dim):
    blocks = []
    for i in range(embed_dim // 2):
        a = n / 10_000 ** (2 * i / embed_dim)
        blocks.append(torch.tensor([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]]))
    return torch.block_diag(*blocks).T


@right("shift_back")
def inverted(n, embed_dim):
    return torch.linalg.inv(transposed(n, embed_dim).T)


@right("shift_back")
def negative_steps(n, embed_dim):
    return transposed(-n, embed_dim).mT.double()


@right("shift_back")
def entry_by_entry(n, embed_dim):
    R = torch.zeros(embed_dim, embed_dim)
    for i in range(0, embed_dim, 2):
        a = torch.tensor(n * 10000.0 ** (-i / embed_dim))
        R[i, i] = R[i + 1, i + 1] = a.cos()
        R[i, i + 1] = a.sin()
        R[i + 1, i] = -a.sin()
    return R


@right("catches_fast_hands")
def nearly_straight(encoding):
    assert encoding(60, 32)[:, -2][59] < 0.05


@right("catches_fast_hands")
def second_hand(encoding):
    return abs(encoding(2, 4)[1, 2] - 0.01) < 1e-3


@right("catches_fast_hands")
def slowest_wavelength(encoding):
    "After a hundred steps the slowest hand of width 64 has hardly moved."
    cosine = encoding(101, 64)[100, -1]
    assert cosine > 0.999, cosine


@right("catches_fast_hands")
def against_attnlib(encoding):
    torch.testing.assert_close(encoding(9, 8), attnlib.sinusoidal_encoding(9, 8))


@right("half_distance")
def first_below(embed_dim):
    P = attnlib.sinusoidal_encoding(2000, embed_dim)
    products = P @ P[0]
    return (products < products[0] / 2).nonzero()[0].item()


@right("half_distance")
def walking(embed_dim):
    P, n = attnlib.sinusoidal_encoding(300, embed_dim), 0
    while P[n].dot(P[0]) >= embed_dim / 4:
        n += 1
    return n


@right("half_distance")
def by_argmax(embed_dim):
    P = attnlib.sinusoidal_encoding(200, embed_dim).numpy()
    return np.argmax(P @ P[0] < 0.5 * (P[0] @ P[0]))


@right("half_distance")
def sum_of_cosines(embed_dim):
    i = torch.arange(embed_dim // 2)
    n = torch.arange(500)[:, None]
    total = (n / 10_000 ** (2 * i / embed_dim)).cos().sum(1)
    return next(k for k, t in enumerate(total.tolist()) if t < total[0] / 2)
