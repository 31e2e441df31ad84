"""Chapter 5: sinusoids. Right answers and wrong ones, as readers write them."""

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F

import attnlib
from tests.checks.answers.filed import RIGHT, WRONG, right, wrong

INF = float("inf")

# --- right ---


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


@wrong("sinusoidal_encoding", "uses_loops")
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


# --- wrong ---


WRONG["first_places"] = [
    ("halves_concatenated", [0, 0, 1, 1, 0.01, 1]),
    ("all_zero_at_place_0", [0, 0, 0, 0, 0.01, 1]),
    ("exponent_halved", [0, 1, 0, 1, 0.1, 0.995]),
    ("first_hand_given", [0, 1, 0, 1, 0.84, 0.54]),
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


@wrong("shift_back", "no_rotation")
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


# --- more of both, tried later: what is plausible, not what is known ---

for said, numbers in (
    ("rounded_to_whole", [0, 1, 0, 1, 0, 1]),
    ("all_one_at_place_0", [1, 1, 1, 1, 0.01, 1]),
    ("cosines_missing", [0, 0, 0, 0, 0.01, 0.01]),
    ("position_from_one", [0.84, 0.54, 0.01, 1, 0.02, 1]),
    ("exponent_sign", [0, 1, 0, 1, -0.51, 0.86]),
    ("cosine_first", [1, 0, 1, 0, 1, 0.01]),
    ("exponent_halved", [0, 1, 0, 1, 0.1, 1]),
    ("exponent_whole", [0, 1, 0, 1, 0.0001, 1]),
    ("halves_concatenated", [0, 0, 1, 1, 0.54, 1]),
    ("first_hand_given", [0, 1, 0, 1, 0.84, 0.54]),
):
    WRONG["first_places"].append((said, numbers))


def _angle(n, d, power=lambda i, d: 10_000.0 ** (i / d)):
    return torch.arange(n)[:, None] / power(torch.arange(0, d, 2), d)


def _pair(angle, f=torch.sin, g=torch.cos):
    return torch.stack([f(angle), g(angle)], dim=-1).flatten(1)


for said, answer in (
    ("exponent_sign", lambda n, d: _pair(torch.arange(n)[:, None] * 10_000.0 ** (torch.arange(0, d, 2) / d))),
    ("base_multiplied", lambda n, d: _pair(_angle(n, d, lambda i, d: 10_000.0 * i / d))),
    ("angles_in_degrees", lambda n, d: _pair(torch.deg2rad(_angle(n, d)))),
    ("position_divided_by_length", lambda n, d: _pair(_angle(n, d) / n)),
    ("cosines_only", lambda n, d: _pair(_angle(n, d), torch.cos, torch.cos)),
    ("sines_only", lambda n, d: _pair(_angle(n, d), torch.sin, torch.sin)),
    ("angles_given", lambda n, d: _angle(n, d).repeat_interleave(2, 1)),
    ("same_speed", lambda n, d: _pair(torch.arange(n)[:, None].repeat(1, d // 2).float())),
    ("exponent_undivided", lambda n, d: _pair(_angle(n, d, lambda i, d: 10_000.0**i))),
    ("columns_added", lambda n, d: _angle(n, d).sin() + _angle(n, d).cos()),
    ("uses_loops", lambda n, d: torch.stack([_pair(_angle(n, d))[p] for p in range(n)])),
    ("other_base", lambda n, d: _pair(_angle(n, d, lambda i, d: 1000.0 ** (i / d)))),
):  # fmt: skip
    wrong("sinusoidal_encoding", said)(answer)
for answer in (
    lambda n, d: _pair(_angle(n, d)),
    lambda n, d: torch.view_as_real(torch.polar(torch.ones(n, d // 2), _angle(n, d))).flip(-1).flatten(1),
    lambda n, d: attnlib.sinusoidal_encoding(n, d),
):  # fmt: skip
    right("sinusoidal_encoding")(answer)

for said, answer in (
    ("elements_inverted", lambda n, d: 1 / _rotation(n, d)),
    ("divided_by_n", lambda n, d: _rotation(1, d) / n),
    ("halfway_back", lambda n, d: _rotation(n / 2, d).T),
    ("twice_as_far", lambda n, d: torch.linalg.inv(_rotation(2 * n, d))),
    ("nothing_moved", lambda n, d: _rotation(n, d) @ _rotation(n, d).T),
    ("rows_moved", lambda n, d: torch.eye(d).roll(n, 0)),
    ("shifts_forward", lambda n, d: _rotation(n, d)),
    ("only_one_step", lambda n, d: torch.linalg.inv(_rotation(1, d))),
    ("negated", lambda n, d: -1 * _rotation(n, d)),
    ("encoding_given", lambda n, d: attnlib.sinusoidal_encoding(n, d)),
    ("wrong_type", lambda n, d: _rotation(n, d).tolist()),
):
    wrong("shift_back", said)(answer)
for answer in (
    lambda n, d: _rotation(n, d).T,
    lambda n, d: torch.linalg.matrix_power(_rotation(1, d).double().T, n),
    lambda n, d: _rotation(-n, d),
    lambda n, d: torch.linalg.solve(_rotation(n, d), torch.eye(d)),
):
    right("shift_back")(answer)


@wrong("catches_fast_hands", "first_rows_only")
def starts_with_0_and_1(encoding):
    assert torch.equal(encoding(1, 6)[0], torch.tensor([0.0, 1, 0, 1, 0, 1]))


@wrong("catches_fast_hands", "one_hand_only")
def one_hand(encoding):
    assert torch.allclose(encoding(9, 2)[:, 0], torch.arange(9.0).sin())


@wrong("catches_fast_hands", "test_misses_bug")
def within_bounds(encoding):
    assert encoding(60, 32).abs().max() <= 1


@wrong("catches_fast_hands", "test_misses_bug")
def squares_add_up(encoding):
    P = encoding(60, 32)
    assert torch.allclose((P**2).sum(-1), torch.full((60,), 16.0))


@wrong("catches_fast_hands", "test_rejects_right")
def exactly_straight(encoding):
    assert encoding(60, 32)[59, -2] == 0


@wrong("catches_fast_hands", "test_reversed")
def must_be_fast(encoding):
    assert encoding(60, 32)[59, -2] > 0.5


@right("catches_fast_hands")
def speed_of_the_last(encoding):
    assert torch.allclose(encoding(2, 32)[1, -2], torch.tensor(10_000 ** (-30 / 32)).sin())


for said, answer in (
    ("width_ignored", lambda d: 46),
    ("last_instead_of_first", lambda d: int((_products(d) >= d / 4).nonzero()[-1])),
    ("returned_product", lambda d: float(_products(d)[int((_products(d) < d / 4).nonzero()[0])])),
    ("below_half_of_one", lambda d: next((n for n, p in enumerate(_products(d)) if p < 0.5), 0)),
    ("below_zero", lambda d: int((_products(d) < 0).nonzero()[0])),
    ("lowest_instead_of_first", lambda d: int(_products(d).argmin())),
    ("off_by_one", lambda d: int((_products(d) < d / 4).nonzero()[0]) + 1),
    ("half_of_width", lambda d: int((_products(d) < d / 2 - 1e-4).nonzero()[0])),
    ("wrong_type", lambda d: (_products(d) < d / 4).nonzero()),
):
    wrong("half_distance", said)(answer)


def _products(d):
    P = attnlib.sinusoidal_encoding(2000, d, dtype=torch.float64)
    return P @ P[0]


right("half_distance")(lambda d: int((_products(d) < d / 4).nonzero()[0]))
right("half_distance")(lambda d: int((_products(d) < _products(d)[0] / 2).int().argmax()))
right("half_distance")(lambda d: (_products(d) < d / 4).nonzero()[0])


# --- catches_fast_hands, more ---


@right("catches_fast_hands")
def third_pair(encoding):
    P = encoding(5, 8)
    assert torch.allclose(P[1, 4], torch.tensor(1 / 10_000 ** (4 / 8)).sin(), atol=1e-5)


@right("catches_fast_hands")
def angle_of_last_pair(encoding):
    P = encoding(2, 16)
    angle = math.atan2(P[1, -2], P[1, -1])
    assert abs(angle - 10_000 ** (-14 / 16)) < 1e-4


@right("catches_fast_hands")
def whole_formula(encoding):
    length, d = 7, 6
    want = torch.zeros(length, d)
    for p in range(length):
        for i in range(d // 2):
            want[p, 2 * i] = math.sin(p / 10_000 ** (2 * i / d))
            want[p, 2 * i + 1] = math.cos(p / 10_000 ** (2 * i / d))
    torch.testing.assert_close(encoding(length, d), want, atol=1e-5, rtol=1e-5)


@right("catches_fast_hands")
def ratio_of_speeds(encoding):
    P = encoding(2, 4)
    first, last = torch.asin(P[1, 0]), torch.asin(P[1, 2])
    return bool(abs(first / last - 100) < 1)


@right("catches_fast_hands")
def slowest_monotone(encoding):
    s = encoding(200, 64)[:, -2]
    assert (s[1:] > s[:-1]).all()
    assert s[-1] < 0.1


@wrong("catches_fast_hands", "test_misses_bug")
def monotone_only(encoding):
    s = encoding(20, 64)[:, -2]
    assert (s[1:] > s[:-1]).all()


@wrong("catches_fast_hands", "test_misses_bug")
def symmetric_products(encoding):
    P = encoding(20, 16)
    assert torch.allclose(P @ P.T, (P @ P.T).T)


@wrong("catches_fast_hands", "first_rows_only")
def first_rows_only2(encoding):
    P = encoding(1, 16)
    assert (P[0, ::2] == 0).all() and (P[0, 1::2] == 1).all()


@wrong("catches_fast_hands", "test_misses_bug")
def first_columns(encoding):
    P = encoding(20, 16)
    assert torch.allclose(P[:, 0], torch.arange(20.0).sin(), atol=1e-5)


@wrong("catches_fast_hands", "test_rejects_right")
def base_confused(encoding):
    assert abs(encoding(2, 4)[1, 2] - 1 / 10_000) < 1e-5


@wrong("catches_fast_hands", "test_reversed")
def slowest_is_still(encoding):
    P = encoding(60, 4)
    assert P[59, -2] < 0.05


@wrong("catches_fast_hands", "test_misses_bug")
def slower_and_slower(encoding):
    P = encoding(2, 32)[1, ::2]
    assert (P[1:] < P[:-1]).all()


@wrong("catches_fast_hands", "test_raises")
def wrong_column(encoding):
    assert encoding(60, 32)[60, -2] < 0.05
