"""What engineers do with a layer of positions: average, distribute, stack, trace, fake, move."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from attnlib import (
    LearnedPositionalEncoding,
    RotaryPositionalEncoding,
    SinusoidalPositionalEncoding,
    sinusoidal_encoding,
)

MAKERS: list[Callable[[], nn.Module]] = [
    lambda: SinusoidalPositionalEncoding(6),
    lambda: LearnedPositionalEncoding(11, 6),
    lambda: RotaryPositionalEncoding(6),
]


@pytest.fixture(params=MAKERS, ids=["sinusoidal", "learned", "rotary"])
def layer(request: pytest.FixtureRequest) -> nn.Module:
    """A layer that was never called."""
    made: nn.Module = request.param()
    return made


def zeros_and_ones(length: int) -> Tensor:
    return torch.stack((torch.zeros(length, 6), torch.ones(length, 6)))


def test_nothing_but_parameters_and_no_history(layer: nn.Module) -> None:
    """Whatever a layer was called with, its state is the same, and so is what it gives."""
    x = zeros_and_ones(5)
    expected = layer(x)
    for other in (x.half(), x.double(), x[:, :2], x[:0]):
        layer(other)
    assert list(layer.buffers()) == []
    assert torch.equal(layer(x), expected)
    assert torch.equal(copy.deepcopy(layer)(x), expected)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(x), expected)
    assert layer.half()(x.half()).dtype == torch.float16


@pytest.mark.parametrize("use_buffers", [False, True])
def test_averages_of_weights(layer: nn.Module, use_buffers: bool) -> None:
    # torch averages nothing without a parameter, so a layer that has none gets one beside it.
    model = nn.Sequential(nn.Linear(6, 6), copy.deepcopy(layer))
    average = AveragedModel(model, use_buffers=use_buffers)
    for length in (3, 7, 5):
        model(zeros_and_ones(length))
        average.update_parameters(model)
        average(zeros_and_ones(length + 1))
    x = zeros_and_ones(11)
    torch.testing.assert_close(average(x), model(x))


def test_an_average_of_sinusoids_alone() -> None:
    layer = SinusoidalPositionalEncoding(4)
    average = AveragedModel(layer)
    layer(torch.zeros(1, 3, 4))
    average.update_parameters(layer)
    x = torch.zeros(1, 5, 4)
    assert torch.equal(average(x), layer(x))


def train_two_steps(rank: int, rendezvous: str) -> None:
    dist.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=2)
    try:
        model = nn.Sequential(nn.Linear(6, 6), SinusoidalPositionalEncoding(6))
        model(torch.ones(1, 3 + 4 * rank, 6))  # a first look at the data, before all are made equal
        model = DistributedDataParallel(model)
        for lengths in ((3, 7), (5, 3), (2, 11)):
            x = torch.ones(1, lengths[rank], 6)
            output = model(x)
            expected = model.module[0](x) + sinusoidal_encoding(lengths[rank], 6)
            torch.testing.assert_close(output, expected)
            output.sum().backward()
    finally:
        dist.destroy_process_group()


def test_ranks_of_unequal_lengths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    rendezvous = (tmp_path / "rendezvous").as_uri()
    torch.multiprocessing.spawn(train_two_steps, (rendezvous,), nprocs=2)  # raises what they raise


def test_stacked_modules(layer: nn.Module) -> None:
    models = [nn.Sequential(nn.Linear(6, 6), copy.deepcopy(layer)) for _ in range(2)]
    x = zeros_and_ones(5)
    expected = torch.stack([model(x) for model in models])
    models[1](zeros_and_ones(7))
    parameters, buffers = stack_module_state(models)
    outputs = vmap(lambda p, b: functional_call(models[0], (p, b), (x,)))(parameters, buffers)
    torch.testing.assert_close(outputs, expected)


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize("strict", [False, True])
def test_export_of_a_fresh_module(layer: nn.Module, strict: bool) -> None:
    x = zeros_and_ones(5)
    program = torch.export.export(layer, (x,), strict=strict)  # before its first call
    torch.testing.assert_close(program.module()(x), layer(x))


def test_fake_first_and_real_after(layer: nn.Module) -> None:
    expected = copy.deepcopy(layer)(zeros_and_ones(5))
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert layer(zeros_and_ones(7)).shape == (2, 7, 6)
    output = layer(zeros_and_ones(5))
    assert type(output) is Tensor
    assert torch.equal(output, expected)


@pytest.mark.parametrize("make", [SinusoidalPositionalEncoding, RotaryPositionalEncoding])
def test_made_and_called_on_meta_first(make: type[nn.Module]) -> None:
    x = zeros_and_ones(5)
    cpu = x.device
    with torch.device("meta"):
        layer = make(6)
        assert layer(torch.zeros(2, 7, 6)).is_meta
    layer.to_empty(device=cpu)
    assert torch.equal(layer(x), make(6)(x))


@pytest.mark.usefixtures("as_users_call")
def test_compiled_for_many_lengths(layer: nn.Module) -> None:
    counter = torch._dynamo.testing.CompileCounter()
    compiled = torch.compile(copy.deepcopy(layer), backend=counter, fullgraph=True)
    for length in (2, 3, 5, 7, 11):
        x = zeros_and_ones(length)
        torch.testing.assert_close(compiled(x), layer(x))
    assert counter.frame_count <= 2  # for one length, then for any


def test_inference_first_and_training_after(layer: nn.Module) -> None:
    with torch.inference_mode():
        layer(zeros_and_ones(5))
    x = zeros_and_ones(5).requires_grad_()
    layer(x).pow(2).sum().backward()
    assert x.grad.isfinite().all()
