"""Measure everything, print it as a table, write it to benchmarks/results: `make bench`.

`python -m benchmarks window "generation: 512"` measures what stands under a title, or one case of
it, where something was added; on a machine like the one on which the rest was measured.

About a quarter of an hour. Every figure is a ratio of medians taken in the same run, in turns, of
process CPU time on one thread: so it holds on a busy machine, too, and on another one.
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
from benchmarks import generation, history, memory, report
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
        output, _ = ours(x, **options)
        torch.testing.assert_close(output, raw(x, **options), atol=1e-4, rtol=1e-4)
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


def window(length: int, *, backward: bool) -> Times:
    """Attend to the last 128 keys: in blocks, or by a mask, made for each call or once."""
    query, key, value = (
        torch.randn(memory.BATCH, memory.HEADS, length, memory.HEAD_DIM, requires_grad=backward)
        for _ in range(3)
    )
    mask = attnlib.causal_mask(length) & attnlib.sliding_window_mask(length, window=memory.WINDOW)

    def run(attend: Callable[..., Tensor], *more: Tensor) -> Tensor:
        output = attend(query, key, value, *more)
        if backward:
            torch.autograd.grad(output.sum(), (query, key, value))
        return output.detach()

    def fused(*given: Tensor) -> Tensor:
        return attnlib.scaled_dot_product_attention(*given)[0]

    torch.testing.assert_close(run(memory.windowed), run(fused, mask), atol=1e-5, rtol=1e-5)
    return compare(
        {
            "in blocks": lambda: run(memory.windowed),
            "as a mask": lambda: run(memory.masked),
            "as a mask that is there": lambda: run(fused, mask),
        }
    )


def sections() -> dict[str, dict[str, Callable[[], object]]]:
    """Name all that is measured: cases by their titles."""
    everyone = list(LAYERS)
    trained = ["attnlib", "raw torch", "nn.MultiheadAttention", "textbook"]
    with_weights = ["attnlib", "nn.MultiheadAttention", "nn.MultiheadAttention, bias"]

    def per_shape(case: Callable[[tuple[int, ...]], Times]) -> dict[str, Callable[[], object]]:
        return {report.name_of(shape): lambda s=shape: case(s) for shape in SHAPES}

    return {
        # First, as at start-up: later the allocator has memory at hand, and tables come cheaper.
        "sinusoids": {
            f"d = {embed_dim}, length {length}": lambda d=embed_dim, n=length: sinusoids(d, n)
            for embed_dim in (64, 512)
            for length in (60, 512)
        },
        "inference": per_shape(lambda s: inference(everyone, s)),
        "inference, causal": per_shape(lambda s: inference(everyone, s, is_causal=True)),
        "training, causal": per_shape(lambda s: training(trained, s, is_causal=True)),
        "with weights": per_shape(lambda s: inference(with_weights, s, need_weights=True)),
        "with weights, causal": per_shape(
            lambda s: inference(with_weights, s, need_weights=True, is_causal=True)
        ),
        **{
            f"with weights, {before} process": per_shape(
                lambda s, b=before: history.in_a_new_process(b, s)
            )
            for before in history.HISTORIES
        },
        "half padding": per_shape(half_padding),
        "blocks": per_shape(blocks),
        "blocks, causal": per_shape(lambda s: blocks(s, is_causal=True)),
        "chunked": {
            f"{length}{', causal' * causal}{', and backward' * backward}": (
                lambda n=length, c=causal, b=backward: chunked(n, is_causal=c, backward=b)
            )
            for causal in (False, True)
            for backward in (False, True)
            for length in (128, 512, 2048)
        },
        "window": {
            f"{length}{', and backward' * backward}": (
                lambda n=length, b=backward: window(n, backward=b)
            )
            for backward in (False, True)
            for length in (1024, 4096)
        },
        "generation": {
            str(tokens): lambda n=tokens: generation.generation(n) for tokens in (128, 512)
        },
        "cached step": {
            f"{past} tokens kept{', rotary' * rotary}": (
                lambda n=past, r=rotary: generation.step(n, rotary=r)
            )
            for rotary in (False, True)
            for past in (16, 256)
        },
        "memory": {
            f"{contender}, {way}": lambda c=contender, w=way: memory_growth(c, w)
            for way in ("forward", "forward and backward")
            for contender in memory.CONTENDERS
        },
        "memory of a cache": {
            str(heads): lambda n=heads: generation.held_in_a_new_process(8, n)
            for heads in (8, 4, 2, 1)
        },
        "import": {"attnlib": importing},
    }


def main(titles: list[str]) -> None:
    """Measure all, or what is under some titles; then the rest stays as it was written."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / "attention.json"
    results: dict[str, dict[str, object]] = {}
    if titles:
        results = json.loads(file.read_text(encoding="utf-8"))
    results["machine"] = {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": report.processor(),
        "threads": torch.get_num_threads(),
    }
    for title, cases in sections().items():
        for name, case in cases.items():
            if titles and not {title, f"{title}: {name}"} & set(titles):
                continue
            started = time.monotonic()
            results.setdefault(title, {})[name] = case()
            file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            print(f"{title}: {name} ({time.monotonic() - started:.0f} s)", file=sys.stderr)
    report.write(results, RESULTS)


if __name__ == "__main__":
    main(sys.argv[1:])
