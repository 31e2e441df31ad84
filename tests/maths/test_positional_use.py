"""What engineers do with a layer of positions: average, distribute, stack, trace, fake, move."""

import copy
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call, stack_module_state, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

import attnlib.positional
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


def train_a_few_steps(rank: int, rendezvous: str) -> None:
    dist.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=2)
    try:
        model = nn.Sequential(nn.Linear(6, 6), SinusoidalPositionalEncoding(6))
        # The first rank, which hands its state to the others, has seen a longer text than they.
        model(torch.ones(1, 7 - 4 * rank, 6))
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
    # Raises what they raise.
    torch.multiprocessing.spawn(train_a_few_steps, (rendezvous,), nprocs=2)


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


# --- tables that are kept outside of the modules ------------------------------------------------


@pytest.fixture
def no_tables() -> Iterator[Callable[[], int]]:
    """Start without kept tables; what is handed over counts how many there are."""
    kept = attnlib.positional._kept_sinusoids
    kept.cache_clear()
    yield lambda: kept.cache_info().currsize
    kept.cache_clear()


def on_the_processor(length: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """A table is kept only for the processor, whatever device tests run on."""
    return torch.zeros(1, length, 6, device="cpu", dtype=dtype)


def test_a_table_is_made_once_for_all_layers(
    no_tables: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    original = attnlib.positional.sinusoidal_encoding

    def spy(length: int, *args: object, **options: object) -> Tensor:
        made.append(length)
        table: Tensor = original(length, *args, **options)
        return table

    monkeypatch.setattr(attnlib.positional, "sinusoidal_encoding", spy)
    x = on_the_processor(5)
    for layer in (SinusoidalPositionalEncoding(6), SinusoidalPositionalEncoding(6)):
        for offset in (0, 3, 1):
            expected = original(5, 6, offset=offset, device="cpu")
            assert torch.equal(layer(x, offset=offset)[0], expected)
    assert made == [8]  # the next power of two
    SinusoidalPositionalEncoding(6)(on_the_processor(9))
    SinusoidalPositionalEncoding(6)(on_the_processor(8))
    SinusoidalPositionalEncoding(6)(on_the_processor(1))
    SinusoidalPositionalEncoding(6)(on_the_processor(0))
    assert made == [8, 16, 1, 2]
    assert no_tables() == 4


def test_another_base_width_or_dtype_has_another_table(no_tables: Callable[[], int]) -> None:
    for dtype in (torch.float32, torch.float64):
        for base in (10_000.0, 100.0):
            output = SinusoidalPositionalEncoding(6, base=base)(on_the_processor(5, dtype))
            expected = sinusoidal_encoding(5, 6, base=base, device="cpu", dtype=dtype)
            torch.testing.assert_close(output[0], expected)
    assert no_tables() == 4
    output = SinusoidalPositionalEncoding(4)(torch.zeros(5, 4, device="cpu"))
    assert torch.equal(output, sinusoidal_encoding(5, 4, device="cpu"))


@pytest.mark.parametrize("interleaved", [False, True])
def test_rotations_take_the_same_tables(no_tables: Callable[[], int], interleaved: bool) -> None:
    SinusoidalPositionalEncoding(6)(on_the_processor(8))
    layer = RotaryPositionalEncoding(6, interleaved=interleaved)
    for dtype, tables in ((torch.float32, 1), (torch.float64, 2)):
        x = torch.randn(2, 6, 6, device="cpu", dtype=dtype)
        for offset in (0, 2):
            computed = vmap(lambda x, o=offset: layer(x, offset=o))(x)  # where none is taken
            assert torch.equal(layer(x, offset=offset), computed)
            assert no_tables() == tables
    # Positions before the first are in no table; and turning back undoes a turn.
    back = layer(x, offset=-2)
    assert no_tables() == 2
    torch.testing.assert_close(back.norm(dim=-1), x.norm(dim=-1))
    products = [(layer(x, offset=o) @ layer(x, offset=o + 1).mT) for o in (-2, 4)]
    torch.testing.assert_close(*products)  # distances are seen, wherever they lie


def test_tables_stay_few_and_small(
    no_tables: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = SinusoidalPositionalEncoding(6)
    for length in (1, 3, 5, 9, 17, 33, 65):
        layer(on_the_processor(length))
    assert no_tables() == attnlib.positional.TABLES == 4
    assert attnlib.positional.LARGEST_TABLE * 4 * 4 == 64 * 2**20  # in float32, as documented
    attnlib.positional._kept_sinusoids.cache_clear()
    monkeypatch.setattr(attnlib.positional, "LARGEST_TABLE", 8 * 6)
    for length in (9, 16):
        assert torch.equal(
            layer(on_the_processor(length))[0], sinusoidal_encoding(length, 6, device="cpu")
        )
    assert no_tables() == 0
    layer(on_the_processor(8))
    assert no_tables() == 1


def test_a_copy_of_a_layer_carries_no_table(no_tables: Callable[[], int]) -> None:
    layer = SinusoidalPositionalEncoding(6)
    before = len(pickle.dumps(layer))
    layer(on_the_processor(5))
    assert no_tables() == 1
    assert len(pickle.dumps(layer)) == before


def test_tables_made_in_inference_serve_a_training_under_any_default(
    no_tables: Callable[[], int],
) -> None:
    layer = SinusoidalPositionalEncoding(6)
    with torch.inference_mode(), torch.device("meta"):
        layer(on_the_processor(5))
    assert no_tables() == 1
    x = on_the_processor(5).requires_grad_()
    # Products with the sum keep the rows for the way back: a tensor of inference could not be kept.
    rows = attnlib.positional._sinusoids_for(x, 0, 10_000.0)
    assert not rows.is_inference()
    (x * rows).sum().backward()
    assert torch.equal(x.grad[0], sinusoidal_encoding(5, 6, device="cpu"))


class Listening(Tensor):
    """A kind of tensor of somebody else's, which may do anything."""


def faked(layer: nn.Module, x: Tensor) -> None:
    with FakeTensorMode() as mode:
        layer(mode.from_tensor(x))


def real_in_a_fake_mode(layer: nn.Module, x: Tensor) -> None:
    with FakeTensorMode(allow_non_fake_inputs=True):
        layer(x)


def traced(layer: nn.Module, x: Tensor) -> None:
    assert torch.jit.trace(layer, (x,), check_trace=False)(on_the_processor(7)).shape == (1, 7, 6)


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.filterwarnings("ignore")  # torch deprecates jit, and it warns of every shape
@pytest.mark.parametrize(
    "use",
    [
        lambda layer, x: vmap(layer)(x),
        lambda layer, x: torch.func.grad(lambda x: layer(x).sum())(x),
        lambda layer, x: torch.func.functionalize(layer)(x),
        lambda layer, x: make_fx(layer)(x),
        lambda layer, x: make_fx(layer, tracing_mode="symbolic")(x),
        lambda layer, x: torch.compile(layer, backend="eager", fullgraph=True)(x),
        lambda layer, x: torch.export.export(layer, (x,)),
        lambda layer, x: layer(x.to("meta")),
        lambda layer, x: layer(x.as_subclass(Listening)),
        faked,
        real_in_a_fake_mode,
        traced,
    ],
    ids=[
        "vmap",
        "grad",
        "functionalize",
        "make_fx",
        "symbolic",
        "compile",
        "export",
        "meta",
        "subclass",
        "fake",
        "real in a fake mode",
        "jit",
    ],
)
def test_no_table_is_kept_or_taken_where_torch_does_not_just_compute(
    use: Callable[[nn.Module, Tensor], object], no_tables: Callable[[], int]
) -> None:
    torch.compiler.reset()
    layer = SinusoidalPositionalEncoding(6)
    use(layer, on_the_processor(5))
    assert no_tables() == 0
    layer(on_the_processor(5))
    hits = attnlib.positional._kept_sinusoids.cache_info().hits
    use(layer, on_the_processor(5))
    assert attnlib.positional._kept_sinusoids.cache_info().hits == hits
    assert type(layer(on_the_processor(5))) is Tensor


def test_parameters_are_inputs_like_others(no_tables: Callable[[], int]) -> None:
    SinusoidalPositionalEncoding(6)(nn.Parameter(on_the_processor(5)))
    assert no_tables() == 1
