"""The functions under torch's transformations: vmap, grad, compile, export, autocast, devices."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad
from torch.func import grad, hessian, jacrev, jvp, vjp, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from attnlib import (
    MultiHeadAttention,
    RotaryPositionalEncoding,
    SinusoidalPositionalEncoding,
    alibi_bias,
    alibi_slopes,
    attention_weights,
    causal_mask,
    chunked_attention,
    masked_softmax,
    padding_mask,
    scaled_dot_product_attention,
    sinusoidal_encoding,
    sliding_window_mask,
)

pytestmark = pytest.mark.usefixtures("as_users_call")  # a traced tensor is none to jaxtyping

COPIES, Q_LEN, K_LEN, WIDTH = 2, 5, 7, 3


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, bias: Tensor) -> Tensor:
    return scaled_dot_product_attention(
        query, key, value, mask, attn_bias=bias, is_causal=True, need_weights=True
    )[0]


FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "explicit": attend,
    "fused": lambda q, k, v, m, b: scaled_dot_product_attention(q, k, v, m, attn_bias=b)[0],
    "bias only": lambda q, k, v, m, b: attention_weights(q, k, attn_bias=b) @ v,
    "causal": lambda q, k, v, m, b: attention_weights(q, k, is_causal=True) @ v,
    "softmax": lambda q, k, v, m, b: masked_softmax(q @ k.mT + b, m) @ v,
    "chunked": lambda q, k, v, m, b: chunked_attention(q, k, v, m, is_causal=True, chunk_size=2),
    "window": lambda q, k, v, m, b: chunked_attention(q, k, v, m, window=2, chunk_size=2),
}


def inputs(copies: int | None) -> list[Tensor]:
    """Query, key, value, mask and bias: one of each, or several."""
    lead = () if copies is None else (copies,)
    query, key, value, bias = (
        torch.randn(*lead, *shape, dtype=torch.float64)
        for shape in [(Q_LEN, WIDTH), (K_LEN, WIDTH), (K_LEN, 2), (Q_LEN, K_LEN)]
    )
    mask = torch.rand(*lead, Q_LEN, K_LEN) < 0.6
    return [query, key, value, mask, bias]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    "mapped", [m for m in itertools.product([False, True], repeat=5) if any(m)], ids=str
)
def test_vmap_over_any_of_the_inputs(name: str, mapped: tuple[bool, ...]) -> None:
    one, several = inputs(None), inputs(COPIES)
    arguments = [s if m else o for o, s, m in zip(one, several, mapped, strict=True)]
    in_dims = tuple(0 if m else None for m in mapped)
    output = vmap(FUNCTIONS[name], in_dims)(*arguments)
    expected = torch.stack(
        [
            FUNCTIONS[name](*(a[i] if m else a for a, m in zip(arguments, mapped, strict=True)))
            for i in range(COPIES)
        ]
    )
    torch.testing.assert_close(output, expected)


# torch makes rules for forward mode at their first use, by a function that it has deprecated.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
@pytest.mark.parametrize("window", [None, 2])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("is_causal", [False, True])
def test_functional_derivatives_of_chunked_attention(
    masked: bool, is_causal: bool, window: int | None
) -> None:
    query, key, value, mask, _ = inputs(None)
    mask = mask if masked else None
    near = mask
    if window is not None:
        near = sliding_window_mask(Q_LEN, K_LEN, window=window)
        near = near & mask if masked else near
    mixture = torch.randn(Q_LEN, 2, dtype=torch.float64)

    def chunked(*qkv: Tensor) -> Tensor:
        return chunked_attention(
            *qkv, mask, is_causal=is_causal, scale=0.7, window=window, chunk_size=2
        )

    def whole(*qkv: Tensor) -> Tensor:
        return scaled_dot_product_attention(
            *qkv, near, is_causal=is_causal, scale=0.7, need_weights=True
        )[0]

    def derivatives(attention: Callable[..., Tensor]) -> dict[str, Any]:
        def loss(*qkv: Tensor) -> Tensor:
            return (attention(*qkv) * mixture).pow(2).sum()

        return {
            "grad": grad(loss, (0, 1, 2))(query, key, value),
            "vjp": vjp(attention, query, key, value)[1](mixture),
            "jvp": jvp(attention, (query, key, value), (key[:Q_LEN], key, value))[1],
            "second": jacrev(jacrev(loss))(query, key, value),
            "hessian": hessian(loss, (0, 1, 2))(query, key, value),
            "of each": vmap(grad(loss), (0, None, None))(
                torch.stack((query, key[1:6])), key, value
            ),
        }

    torch.testing.assert_close(derivatives(chunked), derivatives(whole))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("copies", [None, COPIES])
def test_forward_mode_without_functions_of_it(copies: int | None, masked: bool) -> None:
    """Tangents beside tensors that also want a gradient, as `torch.autograd.forward_ad` has it."""
    query, key, value, mask, _ = inputs(copies)
    leaves = [x.requires_grad_() for x in (query, key, value)]
    mask = mask if masked else None

    def tangent(attention: Callable[..., Tensor]) -> Tensor:
        with forward_ad.dual_level():
            moving = [forward_ad.make_dual(x, x.detach().cos()) for x in leaves[:2]]
            return forward_ad.unpack_dual(attention(*moving, value, mask)).tangent

    expected = tangent(lambda *qkvm: attention_weights(*qkvm[:2], qkvm[3]) @ qkvm[2])
    came_out = tangent(lambda *qkvm: chunked_attention(*qkvm, chunk_size=2))
    torch.testing.assert_close(came_out, expected)


def test_second_derivatives_of_chunked_attention() -> None:
    query, key, value, mask, _ = inputs(None)
    leaves = [x.requires_grad_() for x in (query, key, value)]
    assert torch.autograd.gradgradcheck(
        lambda *qkv: chunked_attention(*qkv, mask, chunk_size=3), leaves
    )


@pytest.mark.parametrize(("is_causal", "window"), [(False, None), (True, 2)])
def test_training_of_chunked_attention_compiles(is_causal: bool, window: int | None) -> None:
    leaves = [x.requires_grad_() for x in inputs(COPIES)[:3]]

    def loss(*qkv: Tensor) -> Tensor:
        output = chunked_attention(*qkv, is_causal=is_causal, window=window, chunk_size=2)
        return output.pow(2).sum()

    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(
        torch.autograd.grad(compiled(*leaves), leaves), torch.autograd.grad(loss(*leaves), leaves)
    )


@pytest.mark.parametrize("q_len", [0, 5])
@pytest.mark.parametrize("k_len", [0, 7])
def test_chunked_attention_stays_in_the_graph(q_len: int, k_len: int) -> None:
    leaves = [torch.randn(2, n, 3, requires_grad=True) for n in (q_len, k_len, k_len)]
    output = chunked_attention(*leaves, chunk_size=2)
    assert output.shape == (2, q_len, 3)
    for gradient in torch.autograd.grad(output.sum(), leaves):
        assert gradient.isfinite().all()


# --- second derivatives and NaN, as the docstring says -------------------------------------------


def test_derivatives_beyond_the_first_need_the_weights() -> None:
    query, key, value, _, _ = (
        x.requires_grad_() if x.is_floating_point() else x for x in inputs(COPIES)
    )

    def second(need_weights: bool) -> Tensor:
        output, _ = scaled_dot_product_attention(
            query, key, value[..., [0, 1, 1]], need_weights=need_weights
        )
        (first,) = torch.autograd.grad(output.pow(2).sum(), query, create_graph=True)
        return torch.autograd.grad(first.sum(), query)[0]

    assert second(True).isfinite().all()
    if query.device.type == "cpu":
        with pytest.raises(RuntimeError, match="not implemented"):
            second(False)


def test_nan_in_a_hidden_key_or_value() -> None:
    query, key, value, _, _ = inputs(COPIES)
    mask = padding_mask(torch.tensor([4, 3]), K_LEN)
    expected, _ = scaled_dot_product_attention(query, key, value, mask)
    spoilt = key.clone()
    spoilt[:, -1] = torch.nan
    for options in ({"need_weights": True}, {"need_weights": True, "is_causal": True}):
        output, weights = scaled_dot_product_attention(query, spoilt, value, mask, **options)
        assert output.isfinite().all()
        assert weights.isfinite().all()
    torch.testing.assert_close(
        scaled_dot_product_attention(query, spoilt, value, mask, need_weights=True)[0], expected
    )
    assert scaled_dot_product_attention(query, spoilt, value, mask)[0].isnan().any()


# --- values that are not there to look at ------------------------------------------------------


class Padding(torch.nn.Module):
    def forward(self, valid_lens: Tensor) -> Tensor:
        return padding_mask(valid_lens, 5)


@pytest.mark.parametrize("shape", [(2,), (2, 3)])
def test_padding_mask_where_its_numbers_cannot_be_seen(shape: tuple[int, ...]) -> None:
    lens, others = torch.randint(0, 6, (2, *shape))
    expected = padding_mask(lens, 5)
    compiled = torch.compile(padding_mask, backend="eager", fullgraph=True)
    assert torch.equal(compiled(lens, 5), expected)
    for strict in (False, True):
        program = torch.export.export(Padding(), (others,), strict=strict)
        assert torch.equal(program.module()(lens), expected)
    for mode in ("real", "fake", "symbolic"):
        traced = make_fx(lambda lens: padding_mask(lens, 5), tracing_mode=mode)(others)
        assert torch.equal(traced(lens), expected)
    mapped = vmap(lambda lens: padding_mask(lens, 5))(torch.stack((lens, others)))
    assert torch.equal(mapped, torch.stack((expected, padding_mask(others, 5))))
    with FakeTensorMode():
        assert padding_mask(torch.zeros(shape, dtype=torch.int64), 5).shape == expected.shape
    # Nothing refuses such lengths there; they hide all keys, or none.
    assert compiled(torch.tensor([-1, 9]), 5).sum(dim=-1).tolist() == [[0], [5]]
    with pytest.raises(ValueError, match=r"between 0 and k_len = 5, got \[-1, 9\]$"):
        padding_mask(torch.tensor([-1, 9]), 5)


# --- autocast -----------------------------------------------------------------------------------


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("narrow", ["query", "key", "value", "bias"])
def test_under_autocast_dtypes_may_differ(narrow: str, need_weights: bool) -> None:
    """Some results under autocast are bfloat16 and some float32; its products take both."""
    query, key, value, _, bias = (x.float() for x in inputs(COPIES))
    tensors = {"query": query, "key": key, "value": value, "bias": bias}
    expected = dict(tensors)
    tensors[narrow] = tensors[narrow].bfloat16()

    def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        return scaled_dot_product_attention(
            query, key, value, attn_bias=bias, need_weights=need_weights
        )[0]

    with torch.autocast(tensors["query"].device.type, dtype=torch.bfloat16):
        output = attend(**tensors)
        assert output.dtype == torch.bfloat16
        with pytest.raises(ValueError, match=r"dtype.*torch.float64"):  # which it leaves alone
            attend(**tensors | {narrow: tensors[narrow].double()})
    torch.testing.assert_close(output.float(), attend(**expected), atol=0.03, rtol=0.03)
    with pytest.raises(ValueError, match=r"dtype.*torch.bfloat16"):
        attend(**tensors)


def test_chunked_attention_under_autocast() -> None:
    leaves = [x.float().requires_grad_() for x in inputs(COPIES)[:3]]
    plain = scaled_dot_product_attention(*leaves)[0]
    with torch.autocast(plain.device.type, dtype=torch.bfloat16):
        output = chunked_attention(*leaves, chunk_size=2)
        assert output.dtype == scaled_dot_product_attention(*leaves)[0].dtype == torch.bfloat16
    torch.testing.assert_close(output.float(), plain, atol=0.03, rtol=0.03)
    gradients = torch.autograd.grad(output.float().pow(2).sum(), leaves)
    for mine, theirs in zip(
        gradients, torch.autograd.grad(plain.pow(2).sum(), leaves), strict=True
    ):
        assert mine.dtype == torch.float32
        torch.testing.assert_close(mine, theirs, atol=0.05, rtol=0.05)


# --- devices ------------------------------------------------------------------------------------


def test_the_default_device_decides_only_where_none_is_named() -> None:
    """Inputs lie elsewhere than what is made by default: nothing may be made there and moved."""
    x = torch.randn(2, Q_LEN, 6)
    here = x.device
    lens = torch.tensor([3, 2])
    layer = MultiHeadAttention(6, 3, rotary=RotaryPositionalEncoding(2))
    cases: dict[str, Callable[[], Tensor]] = {
        "causal_mask": lambda: causal_mask(3, 5, device=here),
        "sliding_window_mask": lambda: sliding_window_mask(3, 5, window=2, device=here),
        "padding_mask": lambda: padding_mask(lens, 5),
        "alibi_bias": lambda: alibi_bias(3, 5, device=here),
        "sinusoidal_encoding": lambda: sinusoidal_encoding(5, 3, device=here),
        "as a text": lambda: sinusoidal_encoding(5, 3, device=str(here)),
        "sinusoids": lambda: SinusoidalPositionalEncoding(6)(x),
        "rotary": lambda: RotaryPositionalEncoding(6)(x),
        "weights": lambda: attention_weights(x, x, is_causal=True),
        "masked": lambda: attention_weights(x, x, padding_mask(lens, Q_LEN), is_causal=True),
        "softmax": lambda: masked_softmax(x @ x.mT, padding_mask(lens, Q_LEN)),
        "fused": lambda: scaled_dot_product_attention(x[:, 2:], x, x, is_causal=True)[0],
        "chunked": lambda: chunked_attention(x, x, x, is_causal=True, chunk_size=2),
        "layer": lambda: layer(x, x[:, 1:], is_causal=True, need_weights=True)[1],
    }
    for name, call in cases.items():
        expected = call()
        with torch.device("meta"):
            result = call()
        assert result.device == here, name
        assert torch.equal(result, expected), name
    with torch.device("meta"):
        for made in (causal_mask(3), alibi_slopes(3), alibi_bias(3, 5), sinusoidal_encoding(3, 5)):
            assert made.is_meta
