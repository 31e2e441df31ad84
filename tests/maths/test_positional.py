import copy
import math
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from attnlib import (
    LearnedPositionalEncoding,
    RotaryPositionalEncoding,
    SinusoidalPositionalEncoding,
    alibi_bias,
    alibi_slopes,
    scaled_dot_product_attention,
    sinusoidal_encoding,
)
from attnlib.positional import _angles
from tests.maths.reference import bytes_of, seeded

# What is promised: see test_docstrings.py.
SIGNATURES = """
sinusoidal_encoding(length, embed_dim, *, base=10000.0, offset=0, device=None, dtype=None)
SinusoidalPositionalEncoding(embed_dim, *, dropout=0.0, base=10000.0)
SinusoidalPositionalEncoding.forward(self, x, offset=0)
LearnedPositionalEncoding(max_len, embed_dim)
LearnedPositionalEncoding.forward(self, x, offset=0)
RotaryPositionalEncoding(head_dim, *, base=10000.0, interleaved=True)
RotaryPositionalEncoding.forward(self, x, offset=0)
alibi_slopes(num_heads)
alibi_bias(num_heads, q_len, k_len=None, *, device=None)
"""

FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


# --- sinusoids ----------------------------------------------------------------------------------


@pytest.mark.parametrize("embed_dim", [1, 2, 7, 32])
@pytest.mark.parametrize("base", [10_000.0, 100.0, 0.5])
def test_sinusoids_equal_the_formula(embed_dim: int, base: float) -> None:
    encoding = sinusoidal_encoding(13, embed_dim, base=base, dtype=torch.float64)
    assert encoding.shape == (13, embed_dim)
    for p in range(13):
        for column in range(embed_dim):
            i = column // 2
            angle = p / base ** (2 * i / embed_dim)
            expected = math.sin(angle) if column % 2 == 0 else math.cos(angle)
            assert encoding[p, column].item() == pytest.approx(expected, abs=1e-12)


def test_sinusoids_have_base_ten_thousand_unless_told() -> None:
    assert torch.equal(sinusoidal_encoding(5, 6), sinusoidal_encoding(5, 6, base=10_000.0))


def test_sinusoids_stay_exact_far_out() -> None:
    """Position 100 003 in float32: angles computed in float32 would be off by 0.002."""
    encoding = sinusoidal_encoding(1, 2, offset=100_003)
    expected = torch.tensor([[math.sin(100_003), math.cos(100_003)]])
    torch.testing.assert_close(encoding, expected, atol=1e-7, rtol=0)


def test_sinusoids_turn_when_they_shift() -> None:
    """Moving on by n turns each pair by n / base^(2i / d), from wherever it starts."""
    n, d = 5, 14
    encoding = sinusoidal_encoding(31, d, dtype=torch.float64).unflatten(-1, (d // 2, 2))
    angle = n / 10_000 ** (torch.arange(0, d, 2, dtype=torch.float64) / d)
    sin, cos = encoding[..., 0], encoding[..., 1]
    moved = torch.stack(
        (sin * angle.cos() + cos * angle.sin(), cos * angle.cos() - sin * angle.sin()), dim=-1
    )
    torch.testing.assert_close(moved[:-n], encoding[n:])


def test_sinusoids_see_distance_only() -> None:
    encoding = sinusoidal_encoding(17, 6, dtype=torch.float64)
    products = encoding @ encoding.T
    for n in range(17):
        diagonal = products.diagonal(n)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))
    torch.testing.assert_close(products.diagonal(0), torch.full((17,), 3.0, dtype=torch.float64))


@given(
    length=st.integers(0, 17),
    embed_dim=st.integers(1, 13),
    offset=st.integers(0, 11),
)
def test_an_offset_is_a_slice(length: int, embed_dim: int, offset: int) -> None:
    whole = sinusoidal_encoding(offset + length, embed_dim)
    assert torch.equal(sinusoidal_encoding(length, embed_dim, offset=offset), whole[offset:])


@pytest.mark.parametrize("dtype", FLOATS)
def test_sinusoids_come_where_and_as_they_are_wanted(dtype: torch.dtype) -> None:
    assert sinusoidal_encoding(3, 5, dtype=dtype).dtype == dtype
    assert sinusoidal_encoding(3, 5).dtype == torch.float32
    assert sinusoidal_encoding(3, 5, device="meta").is_meta
    torch.set_default_dtype(torch.float64)
    try:
        assert sinusoidal_encoding(3, 5).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("embed_dim", [7, 32])
@pytest.mark.parametrize("dtype", FLOATS)
def test_sinusoids_are_added(embed_dim: int, dtype: torch.dtype) -> None:
    layer = SinusoidalPositionalEncoding(embed_dim)
    for x in (
        torch.randn(2, 5, embed_dim),
        torch.randn(5, embed_dim),
        torch.zeros(2, 0, embed_dim),
    ):
        x = x.to(dtype)
        before = bytes_of(x)
        output = layer(x)
        assert bytes_of(x) == before
        assert output.dtype == dtype
        encoding = sinusoidal_encoding(x.shape[-2], embed_dim, dtype=dtype)
        assert torch.equal(output, x + encoding)


def test_sinusoids_of_any_length_leave_no_trace() -> None:
    layer = SinusoidalPositionalEncoding(6, base=100.0)
    untouched = copy.deepcopy(vars(layer))
    for length, offset in [(3, 0), (2, 1), (1, 3), (0, 7), (53, 0), (2, 2**24)]:
        output = layer(torch.zeros(length, 6), offset=offset)
        assert torch.equal(output, sinusoidal_encoding(length, 6, base=100.0, offset=offset))
    assert str(vars(layer)) == str(untouched)
    assert layer.state_dict() == {}
    assert list(layer.parameters()) == list(layer.buffers()) == []


def test_inference_first_and_training_after() -> None:
    layer = SinusoidalPositionalEncoding(6)
    with torch.inference_mode():
        layer(torch.zeros(5, 6))
    x = torch.zeros(5, 6, requires_grad=True)
    layer(x).pow(2).sum().backward()
    torch.testing.assert_close(x.grad, 2 * sinusoidal_encoding(5, 6))


def test_dropout_of_the_sum_in_training_only() -> None:
    layer = SinusoidalPositionalEncoding(6, dropout=0.5)
    x = torch.full((1009, 6), 3.0)
    expected = x + sinusoidal_encoding(1009, 6)
    output = layer(x)
    kept = output != 0
    assert 0.45 < kept.double().mean() < 0.55
    torch.testing.assert_close(output[kept], 2 * expected[kept])
    assert torch.equal(layer.eval()(x), expected)
    assert torch.equal(SinusoidalPositionalEncoding(6)(x), expected)


# --- learned ------------------------------------------------------------------------------------


def test_learned_vectors_are_added_and_learned() -> None:
    layer = LearnedPositionalEncoding(7, 3)
    x = torch.randn(2, 5, 3)
    output = layer(x, offset=2)
    torch.testing.assert_close(output, x + layer.weight[2:7])
    output.sum().backward()
    assert layer.weight.grad.tolist() == [[0.0] * 3] * 2 + [[2.0] * 3] * 5
    assert torch.equal(layer(x), x + layer.weight[:5])
    assert layer(torch.zeros(7, 3)).shape == (7, 3)
    assert layer(torch.zeros(2, 0, 3), offset=7).shape == (2, 0, 3)


def test_one_position_of_one_feature_is_enough() -> None:
    layer = LearnedPositionalEncoding(1, 1)
    assert torch.equal(layer(torch.zeros(1, 1)), layer.weight)


def test_learned_vectors_start_small() -> None:
    weight = LearnedPositionalEncoding(211, 101).weight
    assert weight.mean().item() == pytest.approx(0, abs=0.001)
    assert weight.std().item() == pytest.approx(0.02, rel=0.03)


# --- rotary -------------------------------------------------------------------------------------


def rotary_by_formula(x: Tensor, offset: int, base: float, *, interleaved: bool) -> Tensor:
    """Turn pair by pair: one number at a time, as a rotation of the plane."""
    length, d = x.shape
    turned = torch.empty_like(x)
    for p in range(length):
        for i in range(d // 2):
            a, b = (2 * i, 2 * i + 1) if interleaved else (i, i + d // 2)
            angle = (offset + p) / base ** (2 * i / d)
            turned[p, a] = x[p, a] * math.cos(angle) - x[p, b] * math.sin(angle)
            turned[p, b] = x[p, a] * math.sin(angle) + x[p, b] * math.cos(angle)
    return turned


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize(("offset", "base"), [(0, 10_000.0), (3, 100.0), (-2, 10_000.0)])
def test_rotary_equals_the_formula(interleaved: bool, offset: int, base: float) -> None:
    x = torch.randn(5, 14, dtype=torch.float64)
    layer = RotaryPositionalEncoding(14, base=base, interleaved=interleaved)
    expected = rotary_by_formula(x, offset, base, interleaved=interleaved)
    torch.testing.assert_close(layer(x, offset=offset), expected)
    heads = torch.stack((x, 2 * x)).expand(3, 2, 5, 14)
    turned = layer(heads, offset=offset)
    torch.testing.assert_close(turned, torch.stack((expected, 2 * expected)).expand(3, 2, 5, 14))


def test_rotary_is_interleaved_with_base_ten_thousand_from_position_zero_unless_told() -> None:
    x = torch.randn(5, 6, dtype=torch.float64)
    expected = rotary_by_formula(x, 0, 10_000.0, interleaved=True)
    torch.testing.assert_close(RotaryPositionalEncoding(6)(x), expected)


@given(
    seed=st.integers(0, 2**32 - 1),
    interleaved=st.booleans(),
    n=st.integers(0, 97),
    m=st.integers(0, 97),
    shift=st.integers(0, 97),
)
def test_rotary_scores_see_distance_only(
    seed: int, interleaved: bool, n: int, m: int, shift: int
) -> None:
    generator = seeded(seed)
    query, key = torch.randn(2, 1, 6, generator=generator, dtype=torch.float64)
    layer = RotaryPositionalEncoding(6, interleaved=interleaved)

    def score(n: int, m: int) -> Tensor:
        return (layer(query, offset=n) * layer(key, offset=m)).sum()

    torch.testing.assert_close(score(n + shift, m + shift), score(n, m))
    torch.testing.assert_close(score(n, m), score(n - m, 0))
    torch.testing.assert_close(layer(query, offset=n).norm(), query.norm())  # turned, not scaled


def test_the_two_layouts_differ_by_the_known_permutation_only() -> None:
    x = torch.randn(2, 5, 6, dtype=torch.float64)
    order = [0, 2, 4, 1, 3, 5]  # even columns first, then odd ones
    interleaved = RotaryPositionalEncoding(6, interleaved=True)
    halves = RotaryPositionalEncoding(6, interleaved=False)
    torch.testing.assert_close(halves(x[..., order]), interleaved(x)[..., order])
    assert not torch.allclose(halves(x), interleaved(x))


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("dtype", FLOATS)
def test_rotary_follows_the_input(dtype: torch.dtype, interleaved: bool) -> None:
    x = torch.randn(2, 3, 5, 6).to(dtype)
    before = bytes_of(x)
    layer = RotaryPositionalEncoding(6, interleaved=interleaved)
    turned = layer(x, offset=4099)
    assert bytes_of(x) == before
    assert turned.dtype == dtype
    exact = layer(x.double(), offset=4099)
    tolerance = max(8 * torch.finfo(dtype).eps, 0 if dtype == torch.float64 else 2e-3)
    torch.testing.assert_close(turned.double(), exact, atol=tolerance, rtol=tolerance)
    assert layer(x.to("meta")).is_meta
    assert layer(x[:, :, :0]).shape == (2, 3, 0, 6)
    assert layer.state_dict() == {}


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("position", [100_000, 2**24])
def test_rotary_stays_exact_far_out(position: int, interleaved: bool) -> None:
    """In float32 an angle would be off by 0.01 at position 100 000, and by 1.9 at 2^24."""
    x = torch.randn(3, 14).clamp(-1, 1)
    turned = RotaryPositionalEncoding(14, interleaved=interleaved)(x, offset=position)
    expected = rotary_by_formula(x.double(), position, 10_000.0, interleaved=interleaved)
    torch.testing.assert_close(turned.double(), expected, atol=1e-6, rtol=0)


def test_angles_are_computed_where_there_is_float64() -> None:
    assert _angles(0, 3, 4, 100.0, torch.device("mps")).device.type == "cpu"  # Apple's GPUs
    assert _angles(0, 3, 4, 100.0, torch.device("meta")).is_meta


@pytest.mark.parametrize("interleaved", [False, True])
def test_rotary_gradcheck(interleaved: bool) -> None:
    x = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    layer = RotaryPositionalEncoding(4, interleaved=interleaved)
    assert torch.autograd.gradcheck(lambda x: layer(x, offset=2), (x,))


# --- ALiBi --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("num_heads", "exponents"),
    [
        (1, [8]),
        (2, [4, 8]),
        (3, [4, 8, 2]),
        (4, [2, 4, 6, 8]),
        (5, [2, 4, 6, 8, 1]),
        (7, [2, 4, 6, 8, 1, 3, 5]),
        (8, [1, 2, 3, 4, 5, 6, 7, 8]),
        (11, [1, 2, 3, 4, 5, 6, 7, 8, 0.5, 1.5, 2.5]),
    ],
)
def test_alibi_slopes_as_published(num_heads: int, exponents: list[float]) -> None:
    expected = torch.tensor([2.0**-exponent for exponent in exponents])
    torch.testing.assert_close(alibi_slopes(num_heads), expected, atol=0, rtol=1e-7)


@pytest.mark.parametrize(("q_len", "k_len"), [(5, None), (5, 7), (7, 5), (1, 5), (0, 3), (3, 0)])
def test_alibi_bias_equals_the_formula(q_len: int, k_len: int | None) -> None:
    bias = alibi_bias(3, q_len, k_len)
    k_len = q_len if k_len is None else k_len
    assert bias.shape == (3, q_len, k_len)
    for h, slope in enumerate(alibi_slopes(3)):
        for i in range(q_len):
            for j in range(k_len):
                assert bias[h, i, j] == -slope * abs((q_len - 1 - i) - (k_len - 1 - j))


def test_alibi_needs_distances_only_up_to_a_shift_of_each_row() -> None:
    """Softmax forgets what is added to a whole row: so slope · j does as well, if causal."""
    query, key, value = (torch.randn(2, 3, 5, 7) for _ in range(3))
    by_distance = alibi_bias(3, 5)
    by_key = (alibi_slopes(3)[:, None] * torch.arange(5)).unsqueeze(1).expand(3, 5, 5)
    outputs = [
        scaled_dot_product_attention(query, key, value, attn_bias=bias, is_causal=True)[0]
        for bias in (by_distance, by_key)
    ]
    torch.testing.assert_close(*outputs)


def test_alibi_follows_the_device() -> None:
    assert alibi_bias(3, 5, device="meta").is_meta


# --- all of them --------------------------------------------------------------------------------

LAYERS = [
    SinusoidalPositionalEncoding(6),
    LearnedPositionalEncoding(11, 6),
    RotaryPositionalEncoding(6),
    RotaryPositionalEncoding(6, interleaved=False),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_copies_round_trips_and_moves(layer: nn.Module) -> None:
    x = torch.randn(2, 5, 6)
    expected = layer(x)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(other(x), expected)
    saved = layer.state_dict()
    assert list(saved) == [name for name, _ in layer.named_parameters()]
    other.load_state_dict(saved)
    assert torch.equal(other(x), expected)
    for dtype in FLOATS:
        assert copy.deepcopy(layer).to(dtype)(x.to(dtype)).dtype == dtype
    half = copy.deepcopy(layer).half()(x.half())
    torch.testing.assert_close(half.float(), expected, atol=0.01, rtol=0.01)
    assert copy.deepcopy(layer).to("meta")(x.to("meta")).is_meta
    strided = x.mT.contiguous().mT
    assert not strided.is_contiguous()
    assert torch.equal(layer(strided), expected)


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_compiles_without_a_break(layer: nn.Module) -> None:
    x = torch.randn(2, 5, 6)
    expected = layer(x)
    torch.compiler.reset()  # torch compiles a function anew so many times, in all tests together
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), expected)


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_inputs_that_do_not_fit_are_named(layer: nn.Module) -> None:
    width = "head_dim" if isinstance(layer, RotaryPositionalEncoding) else "embed_dim"
    for shape in [(6,), (5, 7), (2, 5, 4)]:
        message = rf"^x must be .* length, {width} = 6\), got .* \({shape[0]},"
        with pytest.raises(ValueError, match=message):
            layer(torch.rand(shape))
    with pytest.raises(ValueError, match=r"^x must be floating-point .*, got torch.int64 of shape"):
        layer(torch.ones(5, 6, dtype=torch.int64))


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize("layer", LAYERS[:2], ids=lambda layer: type(layer).__name__)
def test_a_table_has_no_rows_before_the_first(layer: nn.Module) -> None:
    with pytest.raises(ValueError, match=r"^offset must not be negative, got -1$"):
        layer(torch.zeros(5, 6), offset=-1)


@pytest.mark.usefixtures("as_users_call")
def test_learned_positions_end() -> None:
    layer = LearnedPositionalEncoding(11, 6)
    with pytest.raises(ValueError, match=r"length 12 \(offset 0 \+ 12\), .* max_len = 11$"):
        layer(torch.zeros(12, 6))
    with pytest.raises(ValueError, match=r"length 12 \(offset 7 \+ 5\), .* max_len = 11$"):
        layer(torch.zeros(5, 6), offset=7)
    for max_len, embed_dim in [(0, 6), (11, 0)]:
        with pytest.raises(ValueError, match=rf"^max_len .*, got {max_len} and {embed_dim}$"):
            LearnedPositionalEncoding(max_len, embed_dim)


@pytest.mark.usefixtures("as_users_call")
def test_encodings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^length must not be negative, got -1$"):
        sinusoidal_encoding(-1, 6)
    for make in (lambda d: sinusoidal_encoding(5, d), SinusoidalPositionalEncoding):
        with pytest.raises(ValueError, match=r"embed_dim, .* at least 1 .*, got width 0 and"):
            make(0)
    with pytest.raises(ValueError, match=r"^head_dim must be even, got 3$"):
        RotaryPositionalEncoding(3)
    for head_dim in (0, -2):
        with pytest.raises(ValueError, match=rf"head_dim\) must .* 1 .*, got width {head_dim} and"):
            RotaryPositionalEncoding(head_dim)
    for base in (0.0, -1.0, math.nan):
        for make in (SinusoidalPositionalEncoding, RotaryPositionalEncoding):
            with pytest.raises(ValueError, match=rf"base positive, got width 6 and base {base}$"):
                make(6, base=base)
    for make in (alibi_slopes, lambda heads: alibi_bias(heads, 5)):
        with pytest.raises(ValueError, match=r"^num_heads must be at least 1, got 0$"):
            make(0)
    with pytest.raises(ValueError, match=r"^q_len and k_len must .*, got 5 and -1$"):
        alibi_bias(3, 5, -1)
