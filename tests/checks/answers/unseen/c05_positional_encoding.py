"""Chapter 5: sinusoids. Answers by writers who had not seen the checks."""

import math

import torch

from tests.checks.answers.filed import right, wrong

# --- 5.1 first_places ---

right("first_places")([0.0, 1.0, 0.0, 1.0, math.sin(1 / 100), math.cos(1 / 100)])
right("first_places")((0, 1, 0, 1, 0.01, 1))
right("first_places")(torch.tensor([0.0, 1.0, 0.0, 1.0, 0.01, 0.99995]))

# other layout: all sines first, then all cosines
wrong("first_places", "halves_concatenated")([0, 0, 1, 1, 0.54, 1.0])
# gives angles, not their sines and cosines: all 0 at position 0, 0.01 twice at position 1
wrong("first_places", "cosines_missing")([0, 0, 0, 0, 0.01, 0.01])
# exponent i/d instead of 2i/d: hand 1 turns by 10000^(-1/4) = 0.1
wrong("first_places", "exponent_halved")([0, 1, 0, 1, 0.0998, 0.995])
# gives the first two columns of P_1 (hand 0) instead of the last two
wrong("first_places", "first_hand_given")([0, 1, 0, 1, 0.841, 0.540])
# cosine before sine in each pair
wrong("first_places", "cosine_first")([1, 0, 1, 0, 1.0, 0.01])
# counts positions from 1: P_0 is what is P_1, P_1 what is P_2
wrong("first_places", "position_from_one")([0.841, 0.540, 0.01, 1.0, 0.02, 1.0])
# thinks that the last hand turns by 1/10000 a step at any width
wrong("first_places", "exponent_whole")([0, 1, 0, 1, 0.0001, 1.0])


# --- 5.2 sinusoidal_encoding ---


@right("sinusoidal_encoding")
def encoding_by_exp_and_log(length, embed_dim):
    pe = torch.zeros(length, embed_dim)
    div_term = torch.exp(torch.arange(0, embed_dim, 2).float() * (-math.log(10000.0) / embed_dim))
    angles = torch.outer(torch.arange(length).float(), div_term)
    pe[:, 0::2] = torch.sin(angles)
    pe[:, 1::2] = torch.cos(angles)
    return pe


@right("sinusoidal_encoding")
def encoding_by_complex_numbers(length, embed_dim):
    speed = 10_000.0 ** (-torch.arange(0, embed_dim, 2) / embed_dim)
    angle = torch.arange(length).unsqueeze(1) * speed
    hands = torch.polar(torch.ones_like(angle), angle)  # cos + i sin
    return torch.view_as_real(hands).flip(-1).reshape(length, embed_dim)


@right("sinusoidal_encoding")
def encoding_by_phases(length, embed_dim):
    # a cosine is a sine a quarter turn ahead
    column = torch.arange(embed_dim, dtype=torch.float64)
    position = torch.arange(length, dtype=torch.float64).view(-1, 1)
    angle = position / 10_000 ** (2 * (column // 2) / embed_dim)
    return torch.sin(angle + column % 2 * math.pi / 2)


# exponent i/d instead of 2i/d (i the pair)
@wrong("sinusoidal_encoding", "exponent_halved")
def encoding_half_exponent(length, embed_dim):
    pair = torch.arange(embed_dim // 2)
    angle = torch.arange(length)[:, None] / 10_000 ** (pair / embed_dim)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


# exponent j/d with the column's own number: a cosine has another speed than its sine
@wrong("sinusoidal_encoding", "exponent_per_column")
def encoding_by_column(length, embed_dim):
    column = torch.arange(embed_dim)
    angle = torch.arange(length)[:, None] / 10_000 ** (column / embed_dim)
    return torch.where(column % 2 == 0, angle.sin(), angle.cos())


# all sines first, then all cosines (stacked along the wrong axis) instead of side by side
@wrong("sinusoidal_encoding", "halves_concatenated")
def encoding_in_halves(length, embed_dim):
    speed = 10_000.0 ** (-torch.arange(0, embed_dim, 2) / embed_dim)
    angle = torch.arange(length)[:, None] * speed
    return torch.stack([angle.sin(), angle.cos()], dim=1).flatten(1)


# counts positions from 1
@wrong("sinusoidal_encoding", "position_from_one")
def encoding_from_one(length, embed_dim):
    speed = 10_000.0 ** (-torch.arange(0, embed_dim, 2) / embed_dim)
    angle = torch.arange(1, length + 1)[:, None] * speed
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


# the 2 of 2i/d twice: even columns 0, 2, 4, … are multiplied by 2 once more
@wrong("sinusoidal_encoding", "exponent_doubled")
def encoding_two_twice(length, embed_dim):
    even = torch.arange(0, embed_dim, 2)
    angle = torch.arange(length)[:, None] / 10_000 ** (2 * even / embed_dim)
    result = torch.zeros(length, embed_dim)
    result[:, 0::2] = angle.sin()
    result[:, 1::2] = angle.cos()
    return result


# exponent i/(d/2 - 1) instead of i/(d/2): the last hand turns by exactly 1/10000
@wrong("sinusoidal_encoding", "exponent_to_the_last")
def encoding_last_is_base(length, embed_dim):
    speed = 10_000.0 ** -torch.linspace(0, 1, embed_dim // 2)
    angle = torch.arange(length)[:, None] * speed
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


# takes b^(2i/d) for the wavelength: a factor of 2 pi too much in the angle
@wrong("sinusoidal_encoding", "angles_in_turns")
def encoding_two_pi(length, embed_dim):
    wavelength = 10_000.0 ** (torch.arange(0, embed_dim, 2) / embed_dim)
    angle = 2 * math.pi * torch.arange(length)[:, None] / wavelength
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


# --- 5.3 shift_back ---


def _forward(steps, embed_dim, base=10_000.0, dtype=torch.float32):
    "The chapter's shift_matrix."
    blocks = []
    for pair in range(embed_dim // 2):
        angle = steps / base ** (2 * pair / embed_dim)
        cos, sin = math.cos(angle), math.sin(angle)
        blocks.append(torch.tensor([[cos, -sin], [sin, cos]], dtype=dtype))
    return torch.block_diag(*blocks)


right("shift_back")(lambda steps, embed_dim: _forward(-steps, embed_dim))


@right("shift_back")
def shift_back_by_hand(steps, embed_dim):
    even = torch.arange(0, embed_dim, 2)
    angle = steps * 10_000.0 ** (-even / embed_dim)
    matrix = torch.zeros(embed_dim, embed_dim)
    matrix[even, even] = matrix[even + 1, even + 1] = angle.cos()
    matrix[even, even + 1] = angle.sin()
    matrix[even + 1, even] = -angle.sin()
    return matrix


@right("shift_back")
def shift_back_step_by_step(steps, embed_dim):
    one_back = torch.linalg.inv(_forward(1, embed_dim, dtype=torch.float64))
    return torch.linalg.matrix_power(one_back, steps).float()


# turns back twice (negative steps and transposed), which moves forward
@wrong("shift_back", "shifts_forward")
def shift_back_twice(steps, embed_dim):
    return _forward(-steps, embed_dim).T


# takes the negative of the matrix for its inverse
@wrong("shift_back", "negated")
def shift_back_minus(steps, embed_dim):
    return -_forward(steps, embed_dim)


# takes the reciprocal of each entry for the inverse of the matrix
@wrong("shift_back", "elements_inverted")
def shift_back_reciprocal(steps, embed_dim):
    return 1 / _forward(steps, embed_dim)


# multiplies the matrix for one step back by the number of steps instead of applying it so often
@wrong("shift_back", "multiplied_by_n")
def shift_back_times_steps(steps, embed_dim):
    return steps * _forward(1, embed_dim).T


# a rotation for the layout in halves (all sines, then all cosines), though the columns alternate
@wrong("shift_back", "shift_for_halves")
def shift_back_halves(steps, embed_dim):
    angle = steps * 10_000.0 ** (-torch.arange(0, embed_dim, 2) / embed_dim)
    cos, sin = torch.diag(angle.cos()), torch.diag(angle.sin())
    return torch.cat([torch.cat([cos, sin], dim=1), torch.cat([-sin, cos], dim=1)])


# moves the columns of a vector by so many places instead of turning the hands
@wrong("shift_back", "rows_moved")
def shift_back_rolls(steps, embed_dim):
    return torch.eye(embed_dim).roll(-steps, dims=1)


# loses the minus: blocks [[cos, sin], [sin, cos]], which are no rotation
@wrong("shift_back", "no_rotation")
def shift_back_no_minus(steps, embed_dim):
    blocks = []
    for pair in range(embed_dim // 2):
        angle = steps / 10_000 ** (2 * pair / embed_dim)
        cos, sin = math.cos(angle), math.sin(angle)
        blocks.append(torch.tensor([[cos, sin], [sin, cos]]))
    return torch.block_diag(*blocks)


# --- 5.4 catches_fast_hands ---


@right("catches_fast_hands")
def test_all_speeds(encoding):
    one_step = encoding(2, 32)[1].double()
    speeds = torch.atan2(one_step[0::2], one_step[1::2])
    expected = torch.tensor([10_000 ** (-2 * i / 32) for i in range(16)], dtype=torch.float64)
    assert torch.allclose(speeds, expected, rtol=0.02)


@right("catches_fast_hands")
def test_against_formula(encoding):
    for width in (4, 16, 64):
        table = encoding(50, width)
        for position in (0, 1, 7, 49):
            for column in range(width):
                exponent = (column - column % 2) / width
                angle = position / 10_000**exponent
                number = math.cos(angle) if column % 2 else math.sin(angle)
                found = float(table[position, column])
                assert abs(found - number) < 1e-3, (position, column)


@right("catches_fast_hands")
def test_the_clock(encoding):
    clock = torch.tensor(
        [
            [0.0, 1.0, 0.0, 1.0],
            [0.841, 0.540, 0.010, 1.0],
            [0.909, -0.416, 0.020, 1.0],
        ]
    )
    difference = (encoding(3, 4).float() - clock).abs().max().item()
    assert difference < 5e-3


# misses the bug: asks only that the slowest sine grows, which the too fast hand does as well
@wrong("catches_fast_hands", "test_misses_bug")
def test_slowest_grows(encoding):
    last = encoding(60, 32)[:, -2]
    assert (last[1:] > last[:-1]).all()


# rejects right functions: takes the last column, a cosine near 1, for the slow sine
@wrong("catches_fast_hands", "test_rejects_right")
def test_last_column(encoding):
    last = encoding(60, 32)[:, -1]
    assert last[59] < 0.05


# rejects right functions: the slowest of 16 hands turns by exactly 1/10000 a step (right: 1/5623)
@wrong("catches_fast_hands", "test_rejects_right")
def test_one_ten_thousandth(encoding):
    step = encoding(2, 32)[1, -2].item()
    assert math.isclose(step, 1e-4, rel_tol=0.01)


# misses the bug: looks after a single step, where even the too fast hand has hardly moved
@wrong("catches_fast_hands", "test_misses_bug")
def test_after_one_step(encoding):
    assert encoding(2, 32)[1, -2] < 0.05


# misses the bug: asks only that each hand is slower than the one before
@wrong("catches_fast_hands", "test_misses_bug")
def test_each_slower(encoding):
    speeds = encoding(2, 32)[1, 0::2].asin()
    assert (speeds[1:] < speeds[:-1]).all()


# the wrong way round: asks that the slowest hand has moved far after 60 steps
@wrong("catches_fast_hands", "test_reversed")
def test_has_moved(encoding):
    last = encoding(60, 32)[:, -2]
    assert last[59] > 0.5


# misses the bug: tests width 2, where the only hand has exponent 0 in either formula
@wrong("catches_fast_hands", "one_hand_only")
def test_width_two(encoding):
    table = encoding(60, 2)
    for position in range(60):
        assert abs(table[position, 0] - math.sin(position)) < 1e-4
        assert abs(table[position, 1] - math.cos(position)) < 1e-4


# --- 5.6 half_distance ---


def _products(length, embed_dim):
    "P_p . P_0 for p = 0, 1, …"
    speed = 10_000.0 ** (-torch.arange(0, embed_dim, 2) / embed_dim)
    angle = torch.arange(length)[:, None] * speed
    P = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
    return P @ P[0]


@right("half_distance")
def half_distance_counting(embed_dim):
    speeds = [10_000 ** (-j / embed_dim) for j in range(0, embed_dim, 2)]
    distance = 0
    while sum(math.cos(distance * s) for s in speeds) >= embed_dim / 4:
        distance += 1
    return distance


@right("half_distance")
def half_distance_argmax(embed_dim):
    products = _products(5000, embed_dim)
    below = products / products[0] < 0.5
    return below.int().argmax()  # the first True


@right("half_distance")
def half_distance_middle(embed_dim):
    # only the distance counts, so measure from another place
    even = torch.arange(0, embed_dim, 2, dtype=torch.float64)
    speed = torch.exp(-even / embed_dim * math.log(10_000))

    def place(p):
        return torch.cat([torch.sin(p * speed), torch.cos(p * speed)])

    here = place(100)
    return next(n for n in range(1, 3000) if place(100 + n) @ here < here @ here / 2)


# the last time instead of the first: from where on the product stays below half
@wrong("half_distance", "last_instead_of_first")
def half_distance_last(embed_dim):
    products = _products(2000, embed_dim)
    return (products >= products[0] / 2).nonzero()[-1].item() + 1


# compares with half of the length, not of the squared length
@wrong("half_distance", "root_of_length")
def half_distance_not_squared(embed_dim):
    products = _products(20_000, embed_dim)
    length = math.sqrt(embed_dim / 2)
    return (products < length / 2).nonzero()[0].item()


# off by one: gives the last distance that is not yet below half
@wrong("half_distance", "off_by_one")
def half_distance_one_less(embed_dim):
    products = _products(2000, embed_dim)
    return (products < products[0] / 2).nonzero()[0].item() - 1


# takes d for the squared length (it is d/2): the threshold d/2 is the squared length itself
@wrong("half_distance", "half_of_width")
def half_distance_of_d(embed_dim):
    products = _products(2000, embed_dim)
    return (products < embed_dim / 2).nonzero()[0].item()


# gives the distance at which the product is smallest
@wrong("half_distance", "lowest_instead_of_first")
def half_distance_minimum(embed_dim):
    return _products(2000, embed_dim).argmin().item()


# squares half of the length: a quarter of the squared length instead of half of it
@wrong("half_distance", "half_squared")
def half_distance_quarter(embed_dim):
    products = _products(20_000, embed_dim)
    length = products[0].sqrt()
    return (products < (length / 2) ** 2).nonzero()[0].item()


# ignores its argument: always computes for width 128
@wrong("half_distance", "width_ignored")
def half_distance_always_128(embed_dim):
    products = _products(2000, 128)
    return (products < products[0] / 2).nonzero()[0].item()
