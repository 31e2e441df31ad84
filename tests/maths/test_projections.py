"""What engineers put on a projection, or in its place, acts in every attention of the layer."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune

from attnlib import MultiHeadAttention

pytestmark = pytest.mark.usefixtures("as_users_call")

BATCH, LENGTH, EMBED_DIM, HEADS = 2, 5, 6, 3


class Adapter(nn.Module):
    """A low-rank addition, as LoRA makes it."""

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Linear(EMBED_DIM, 2, bias=False)
        self.up = nn.Linear(2, 3 * EMBED_DIM, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.base(x) + self.up(self.down(x))
        return output


class Doubled(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return 2 * weight


def shifting_hook(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
    return output + torch.linspace(-1, 1, 3 * EMBED_DIM)


def with_adapter(layer: MultiHeadAttention) -> None:
    layer.in_proj = Adapter(layer.in_proj)


def with_hook(layer: MultiHeadAttention) -> None:
    layer.in_proj.register_forward_hook(shifting_hook)


def with_pre_hook(layer: MultiHeadAttention) -> None:
    layer.in_proj.register_forward_pre_hook(lambda module, args: (args[0] + 1,))


def with_another_forward(layer: MultiHeadAttention) -> None:
    forward = layer.in_proj.forward
    layer.in_proj.forward = lambda x: 3 * forward(x)


class Negative(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return -super().forward(x)


def with_a_subclass(layer: MultiHeadAttention) -> None:
    layer.in_proj = Negative(EMBED_DIM, 3 * EMBED_DIM)


def with_parametrization(layer: MultiHeadAttention) -> None:
    parametrize.register_parametrization(layer.in_proj, "weight", Doubled())


class TwiceInProducts(Tensor):
    """A weight that knows how to be multiplied, as quantised ones do, and is lost in pieces."""

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if function not in (nn.functional.linear, Tensor.chunk):
            return super().__torch_function__(function, types, args, kwargs or {})
        with torch._C.DisableTorchFunctionSubclass():
            output = function(*args, **kwargs or {})
        return output if function is Tensor.chunk else 2 * output


def with_a_weight_of_its_own_kind(layer: MultiHeadAttention) -> None:
    weight = layer.in_proj.weight.detach().as_subclass(TwiceInProducts)
    layer.in_proj.weight = nn.Parameter(weight)
    assert type(layer.in_proj.weight) is TwiceInProducts


def with_weight_norm(layer: MultiHeadAttention) -> None:
    parametrizations.weight_norm(layer.in_proj)
    with torch.no_grad():
        layer.in_proj.parametrizations.weight.original0.mul_(2)


def with_old_weight_norm(layer: MultiHeadAttention) -> None:
    nn.utils.weight_norm(layer.in_proj)
    with torch.no_grad():
        layer.in_proj.weight_g.mul_(2)


def with_pruning(layer: MultiHeadAttention) -> None:
    prune.l1_unstructured(layer.in_proj, "weight", amount=0.5)


def with_spectral_norm(layer: MultiHeadAttention) -> None:
    parametrizations.spectral_norm(layer.in_proj)
    layer.eval()


CHANGES: list[Callable[[MultiHeadAttention], None]] = [
    with_adapter,
    with_hook,
    with_pre_hook,
    with_another_forward,
    with_a_subclass,
    with_parametrization,
    with_a_weight_of_its_own_kind,
    with_weight_norm,
    with_old_weight_norm,
    with_pruning,
    with_spectral_norm,
]


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_every_path_sees_it(change: Callable[[MultiHeadAttention], None], bias: bool) -> None:
    layer = MultiHeadAttention(EMBED_DIM, HEADS, bias=bias)
    x = torch.randn(BATCH, LENGTH, EMBED_DIM)
    plain, _ = layer(x)
    change(layer)
    changed, _ = layer(x)
    assert not torch.allclose(changed, plain)
    # The same numbers in other tensors: no longer self-attention, as the layer tells.
    for key, value in [(x.clone(), None), (x, x.clone()), (x.clone(), x.clone())]:
        torch.testing.assert_close(layer(x, key, value)[0], changed)


@pytest.mark.parametrize("before", [False, True])
def test_every_path_sees_hooks_on_all_modules(before: bool) -> None:
    """Profilers and counters put hooks on modules of every kind, not on one."""
    layer = MultiHeadAttention(EMBED_DIM, HEADS)
    x = torch.randn(BATCH, LENGTH, EMBED_DIM)
    plain, _ = layer(x)

    def shift_in(module: nn.Module, args: tuple[Any, ...]) -> Any:
        return (args[0] + 1,) if module is layer.in_proj else None

    def shift_out(module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        return shifting_hook(module, args, output) if module is layer.in_proj else None

    hook = (
        nn.modules.module.register_module_forward_pre_hook(shift_in)
        if before
        else nn.modules.module.register_module_forward_hook(shift_out)
    )
    try:
        changed, _ = layer(x)
        assert not torch.allclose(changed, plain)
        torch.testing.assert_close(layer(x, x.clone())[0], changed)
    finally:
        hook.remove()
    torch.testing.assert_close(layer(x, x.clone())[0], plain)


@pytest.mark.filterwarnings("ignore")  # torch deprecates it, and people use it
def test_dynamic_quantisation() -> None:
    layer = MultiHeadAttention(EMBED_DIM, HEADS).cpu()
    x = torch.randn(BATCH, LENGTH, EMBED_DIM, device="cpu")
    plain, _ = layer(x)
    quantised = torch.ao.quantization.quantize_dynamic(layer, {nn.Linear}, dtype=torch.qint8)
    assert type(quantised.in_proj) is not nn.Linear
    output, _ = quantised(x)
    assert not torch.equal(output, plain)
    torch.testing.assert_close(output, plain, atol=0.05, rtol=0.05)
    torch.testing.assert_close(quantised(x, x.clone())[0], output, atol=0.02, rtol=0.02)


def test_a_bare_projection_computes_only_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries need a third of the product, keys and values a third each."""
    layer = MultiHeadAttention(EMBED_DIM, HEADS)
    x = torch.randn(BATCH, LENGTH, EMBED_DIM)
    called: list[Tensor] = []
    widths: list[int] = []
    linear = nn.functional.linear

    def spy(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        widths.append(weight.shape[0])
        return linear(x, weight, bias)

    monkeypatch.setattr(nn.functional, "linear", spy)
    layer(x, x.clone())
    assert widths == [EMBED_DIM] * 4
    widths.clear()
    layer(x)
    assert widths == [3 * EMBED_DIM, EMBED_DIM]
    widths.clear()
    layer.in_proj.register_forward_hook(lambda module, args, output: called.append(output))
    layer(x, x.clone())
    assert widths == [3 * EMBED_DIM] * 3 + [EMBED_DIM]
    assert len(called) == 3
