"""Measure everything, print it as a table, write it to benchmarks/results: `make bench`.

About ten minutes. Every figure is a ratio of medians taken in the same run, in turns, of process
CPU time on one thread: so it holds on a busy machine, too, and on another one.
"""

import json
import math
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

import attnlib
from benchmarks import history, memory, report
from benchmarks.clock import compare
from benchmarks.rivals import (
    Attnlib,
    AttnlibBlock,
    RawTorch,
    RawTorchBlock,
    RawTorchThreeLinears,
    TablePositionalEncoding,
    Textbook,
    TorchBlock,
    TorchLayer,
    TorchLayerWithBias,
)

RESULTS = Path(__file__).parent / "results"
LAYERS: dict[str, type[nn.Module]] = {
    "attnlib": Attnlib,
    "raw torch": RawTorch,
    "raw torch, three Linears": RawTorchThreeLinears,
    "nn.MultiheadAttention": TorchLayer,
    "nn.MultiheadAttention, bias": TorchLayerWithBias,
    "textbook": Textbook,
}
BLOCKS: dict[str, type[nn.Module]] = {
    "attnlib": AttnlibBlock,
    "raw torch": RawTorchBlock,
    "nn.TransformerEncoderLayer": TorchBlock,
}
# batch, length, embed_dim, num_heads
SHAPES = [
    (32, 10, 64, 4),
    (2, 4, 100, 5),
    (8, 128, 256, 8),
    (4, 512, 512, 8),
    (1, 2048, 512, 8),
    (1, 4096, 256, 4),
]
LENGTHS = [1024, 2048, 4096, 8192]

Times = dict[str, float]


def layers(names: list[str], embed_dim: int, num_heads: int) -> dict[str, nn.Module]:
    return {name: LAYERS[name](embed_dim, num_heads).eval() for name in names}


def inference(names: list[str], shape: tuple[int, ...], **options: object) -> Times:
    batch, length, embed_dim, num_heads = shape
    x = torch.randn(batch, length, embed_dim)
    with torch.no_grad():
        return compare(
            {
                name: lambda layer=layer: layer(x, **options)
                for name, layer in layers(names, embed_dim, num_heads).items()
            }
        )


def training(names: list[str], shape: tuple[int, ...], **options: object) -> Times:
    batch, length, embed_dim, num_heads = shape
    x = torch.randn(batch, length, embed_dim, requires_grad=True)

    def step(layer: nn.Module) -> None:
        layer.zero_grad()
        x.grad = None
        layer(x, **options).sum().backward()

    return compare(
        {
            name: lambda layer=layer: step(layer.train())
            for name, layer in layers(names, embed_dim, num_heads).items()
        }
    )


def blocks(shape: tuple[int, ...], **options: object) -> Times:
    """Blocks in inference; the plain one is seen to compute the same."""
    batch, length, embed_dim, num_heads = shape
    x = torch.randn(batch, length, embed_dim)
    contenders = {name: kind(embed_dim, num_heads).eval() for name, kind in BLOCKS.items()}
    ours, raw = contenders["attnlib"], contenders["raw torch"]
    raw.load_state_dict(dict(zip(raw.state_dict(), ours.state_dict().values(), strict=True)))
    with torch.no_grad():
        torch.testing.assert_close(ours(x, **options), raw(x, **options), atol=1e-4, rtol=1e-4)
        return compare(
            {name: lambda b=block: b(x, **options) for name, block in contenders.items()}
        )


def half_padding(shape: tuple[int, ...]) -> Times:
    """Half of the tokens are padding; a caller may also cut off the keys that nobody may see.

    The mask is made beforehand, once, as a model makes it for all its layers.
    """
    batch, length, embed_dim, num_heads = shape
    x = torch.randn(batch, length, embed_dim)
    kept = length // 2
    mask = attnlib.padding_mask(torch.full((batch,), kept), length)
    contenders = layers(["attnlib", "raw torch", "nn.MultiheadAttention"], embed_dim, num_heads)

    def cut_off() -> Tensor:
        return attnlib.MultiHeadAttention.forward(contenders["attnlib"], x, x[:, :kept])[0]

    with torch.no_grad():
        torch.testing.assert_close(cut_off(), contenders["attnlib"](x, mask), atol=1e-4, rtol=1e-4)
        calls = {name: lambda f=f: f(x, mask) for name, f in contenders.items()}
        return compare(calls | {"attnlib, hidden keys cut off": cut_off})


def chunked(length: int, *, is_causal: bool, backward: bool) -> Times:
    query, key, value = (
        torch.randn(memory.BATCH, memory.HEADS, length, memory.HEAD_DIM, requires_grad=backward)
        for _ in range(3)
    )

    def run(attend: Callable[..., Tensor]) -> None:
        output = attend(query, key, value, is_causal=is_causal)
        if backward:
            torch.autograd.grad(output.sum(), (query, key, value))

    return compare(
        {
            "chunked": lambda: run(attnlib.chunked_attention),
            "raw torch": lambda: run(nn.functional.scaled_dot_product_attention),
        }
    )


def sinusoids(embed_dim: int, length: int) -> Times:
    """Make a positional encoding and use it once; then use it again."""
    x = torch.randn(1, length, embed_dim)
    used, table = (
        attnlib.SinusoidalPositionalEncoding(embed_dim),
        TablePositionalEncoding(embed_dim),
    )

    def once() -> None:
        attnlib.SinusoidalPositionalEncoding(embed_dim)(x)
        attnlib.positional._kept_sinusoids.cache_clear()

    first = compare(
        {"attnlib": once, "table of 10 000": lambda: TablePositionalEncoding(embed_dim)(x)}
    )
    again = compare({"attnlib, again": lambda: used(x), "table, again": lambda: table(x)})
    return first | again


def importing(rounds: int = 7) -> Times:
    """CPU seconds of a fresh interpreter that imports attnlib after torch, by part."""
    script = (
        "import time; a = time.process_time(); import torch; b = time.process_time(); "
        "import attnlib; print(b - a, time.process_time() - b)"
    )
    runs = []
    for _ in range(rounds):
        out = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
        runs.append([float(seconds) for seconds in out.stdout.split()])
    torch_alone, attnlib_on_top = (sorted(part)[rounds // 2] for part in zip(*runs, strict=True))
    return {"torch": torch_alone, "torch and attnlib": torch_alone + attnlib_on_top}


def memory_growth(contender: str, way: str) -> dict[str, object]:
    megabytes = [memory.in_a_new_process(contender, length, way) for length in LENGTHS]
    exponent = math.log(megabytes[-1] / megabytes[-3]) / math.log(LENGTHS[-1] / LENGTHS[-3])
    return {"lengths": LENGTHS, "megabytes": megabytes, "growth_exponent": exponent}


def measure_all() -> dict[str, object]:
    everyone = list(LAYERS)
    trained = ["attnlib", "raw torch", "nn.MultiheadAttention", "textbook"]
    with_weights = ["attnlib", "nn.MultiheadAttention", "nn.MultiheadAttention, bias"]
    results: dict[str, object] = {
        "machine": {
            "torch": torch.__version__,
            "python": platform.python_version(),
            "processor": report.processor(),
            "threads": torch.get_num_threads(),
        }
    }

    def each(title: str, cases: dict[str, Callable[[], object]]) -> None:
        results[title] = {}
        for name, case in cases.items():
            started = time.monotonic()
            results[title][name] = case()
            print(f"{title}: {name} ({time.monotonic() - started:.0f} s)", file=sys.stderr)

    def per_shape(case: Callable[[tuple[int, ...]], Times]) -> dict[str, Callable[[], Times]]:
        return {report.name_of(shape): lambda s=shape: case(s) for shape in SHAPES}

    # First, as at start-up: later the allocator has memory at hand, and large tables come cheaper.
    each(
        "sinusoids",
        {
            f"d = {embed_dim}, length {length}": lambda d=embed_dim, n=length: sinusoids(d, n)
            for embed_dim in (64, 512)
            for length in (60, 512)
        },
    )
    each("inference", per_shape(lambda s: inference(everyone, s)))
    each("inference, causal", per_shape(lambda s: inference(everyone, s, is_causal=True)))
    each("training, causal", per_shape(lambda s: training(trained, s, is_causal=True)))
    each("with weights", per_shape(lambda s: inference(with_weights, s, need_weights=True)))
    each(
        "with weights, causal",
        per_shape(lambda s: inference(with_weights, s, need_weights=True, is_causal=True)),
    )
    for before in history.HISTORIES:
        each(
            f"with weights, {before} process",
            per_shape(lambda s, b=before: history.in_a_new_process(b, s)),
        )
    each("half padding", per_shape(half_padding))
    each("blocks", per_shape(blocks))
    each("blocks, causal", per_shape(lambda s: blocks(s, is_causal=True)))
    each(
        "chunked",
        {
            f"{length}{', causal' * causal}{', and backward' * backward}": (
                lambda n=length, c=causal, b=backward: chunked(n, is_causal=c, backward=b)
            )
            for causal in (False, True)
            for backward in (False, True)
            for length in (128, 512, 2048)
        },
    )
    each(
        "memory",
        {
            f"{contender}, {way}": lambda c=contender, w=way: memory_growth(c, w)
            for way in ("forward", "forward and backward")
            for contender in memory.CONTENDERS
        },
    )
    each("import", {"attnlib": importing})
    return results


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    results = measure_all()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "attention.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    report.write(results, RESULTS)


if __name__ == "__main__":
    main()
