"""Results as a table with what was aimed at, and as a figure."""

import platform
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patheffects import withStroke
from PIL import Image

Results = dict[str, Any]

COLOURS = {  # with a hatch or marker each, so that colour is not the only cue
    "attnlib": ("#0B62A8", "", "o"),
    "raw torch": ("#A9B1BC", "", "s"),
    "nn.MultiheadAttention": ("#B34700", "///", "^"),
    "textbook": ("#00735A", "...", "D"),
    "chunked": ("#86338A", "", "v"),
}

HISTORIES = {  # of benchmarks/history.py
    "fresh": "in a new process",
    "used": "after much memory was freed",
    "keeping": "in a new process that keeps all memory",
}


def name_of(shape: tuple[int, ...]) -> str:
    return ",".join(map(str, shape))


def processor() -> str:
    """Name the processor's model, where the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def write(results: Results, folder: Path) -> None:
    """Print the table, and leave it and the figure in the folder."""
    table = markdown(results)
    print(table)
    (folder / "attention.md").write_text(table + "\n", encoding="utf-8")
    draw(results, folder / "attention.png")


# --- the table ----------------------------------------------------------------------------------


def ratios(results: Results, title: str, above: str, below: str) -> dict[str, float]:
    """Divide the time of one contender by that of another, for each case."""
    return {case: times[above] / times[below] for case, times in results[title].items()}


def row(
    label: str, values: list[float | None], aims: list[float | None], *, at_most: bool
) -> list[str]:
    """Write a row of ratios; a tick or a cross says whether each reaches its aim."""
    cells = []
    for value, aim in zip(values, aims, strict=True):
        if value is None:
            cells.append("")
        elif aim is None:
            cells.append(f"{value:.2f}")
        else:
            reached = value <= aim if at_most else value >= aim
            cells.append(
                f"{value:.2f} ({'≤' if at_most else '≥'} {aim:g}) {'✓' if reached else '✗'}"
            )
    return [label, *cells]


def speed_rows(results: Results) -> list[list[str]]:
    def one(
        label: str, title: str, above: str, below: str, aims: list[float | None], *, at_most: bool
    ) -> list[str]:
        return row(
            label, list(ratios(results, title, above, below).values()), aims, at_most=at_most
        )

    ours, floor, torchs, book = "attnlib", "raw torch", "nn.MultiheadAttention", "textbook"
    none: list[float | None] = [None] * 6
    ones: list[float | None] = [1.0] * 6
    over_floor: list[float | None] = [1.25, 1.25, 1.10, 1.10, 1.05, 1.05]
    over_block: list[float | None] = [1.25, 1.25, 1.05, 1.05, 1.05, 1.05]
    return [
        one("time over raw torch", "inference", ours, floor, over_floor, at_most=True),
        one("… causal", "inference, causal", ours, floor, over_floor, at_most=True),
        one(
            "… over raw torch with three Linears",
            "inference",
            ours,
            "raw torch, three Linears",
            none,
            at_most=True,
        ),
        one(
            "faster than the textbook form",
            "inference",
            book,
            ours,
            [1.2, 1.25, 1.4, 1.9, 2.4, 3.0],
            at_most=False,
        ),
        one(
            "… causal",
            "inference, causal",
            book,
            ours,
            [1.4, 1.8, 1.8, 2.0, 4.5, 5.5],
            at_most=False,
        ),
        one(
            "… causal, forward + backward",
            "training, causal",
            book,
            ours,
            [None, None, 1.5, None, 3.5, 5.0],
            at_most=False,
        ),
        one("faster than `nn.MultiheadAttention`", "inference", torchs, ours, ones, at_most=False),
        one("… causal", "inference, causal", torchs, ours, ones, at_most=False),
        one("… causal, forward + backward", "training, causal", torchs, ours, ones, at_most=False),
        one("… with weights", "with weights", torchs, ours, ones, at_most=False),
        one("… with weights, causal", "with weights, causal", torchs, ours, ones, at_most=False),
        *(
            line
            for before, words in HISTORIES.items()
            for line in (
                one(
                    f"… with weights, {words}",
                    f"with weights, {before} process",
                    torchs,
                    ours,
                    none,
                    at_most=False,
                ),
                [
                    "… and page faults of a call: torch's layer, attnlib",
                    *(
                        f"{times[f'faults of {torchs}']:.0f}, {times[f'faults of {ours}']:.0f}"
                        for times in results[f"with weights, {before} process"].values()
                    ),
                ],
            )
        ),
        one("… half of the tokens padding", "half padding", torchs, ours, ones, at_most=False),
        one(
            "… with biases: torch's native layer",
            "inference",
            f"{torchs}, bias",
            ours,
            none,
            at_most=False,
        ),
        one(
            "… with biases and weights: torch's native layer",
            "with weights",
            f"{torchs}, bias",
            ours,
            none,
            at_most=False,
        ),
        one(
            "half padding: time over raw torch with that mask",
            "half padding",
            ours,
            floor,
            [1.1] * 6,
            at_most=True,
        ),
        one("a block: time over raw torch", "blocks", ours, floor, over_block, at_most=True),
        one("… causal", "blocks, causal", ours, floor, over_block, at_most=True),
        one(
            "a block: faster than `nn.TransformerEncoderLayer`",
            "blocks",
            "nn.TransformerEncoderLayer",
            ours,
            none,
            at_most=False,
        ),
        one(
            "half padding: gained by cutting off hidden keys",
            "half padding",
            ours,
            "attnlib, hidden keys cut off",
            none,
            at_most=False,
        ),
    ]


def other_rows(results: Results) -> list[list[str]]:
    def single(label: str, value: float, aim: float | None, *, at_most: bool = True) -> list[str]:
        return row(label, [value], [aim], at_most=at_most)

    rows = []
    aims = {
        "attnlib, forward": 16.0,
        "attnlib, forward and backward": 110.0,
        "chunked, forward": 60.0,
    }
    for case, growth in results["memory"].items():
        rows.append(
            single(f"extra MB at length 8192: {case}", growth["megabytes"][-1], aims.get(case))
        )
        aim = None if case.startswith("textbook") or "as a mask" in case else 1.1
        rows.append(single(f"… growth exponent: {case}", growth["growth_exponent"], aim))
    for case, times in results["chunked"].items():
        aim = None if "causal" in case else 1.9
        rows.append(
            single(
                f"chunked, time over raw torch: length {case}",
                times["chunked"] / times["raw torch"],
                aim,
            )
        )
    for case, times in results["window"].items():
        for mask, words, aim in (
            ("as a mask", "", 15.0 if case == "4096" else None),
            ("as a mask that is there", " made before", None),
        ):
            gained = times[mask] / times["in blocks"]
            label = f"window of 128, faster than by a mask{words}: length {case}"
            rows.append(single(label, gained, aim, at_most=False))
    for way in ("forward", "forward and backward"):
        mask, blocks = (
            results["memory"][f"window of 128{form}, {way}"] for form in (", as a mask", "")
        )
        at = mask["lengths"].index(4096)
        gained = mask["megabytes"][at] / blocks["megabytes"][at]
        label = f"… times less extra memory: length 4096, {way}"
        rows.append(single(label, gained, 10.0 if way == "forward" else None, at_most=False))
    for case, times in results["generation"].items():
        label = f"a cache, times faster than anew: {case} tokens, 256 wide"
        aim = 8.0 if case == "512" else None
        rows.append(single(label, times["anew"] / times["cached"], aim, at_most=False))
    for case, times in results["cached step"].items():
        label = f"a cached step of a block, time over raw torch: {case}"
        rows.append(single(label, times["attnlib"] / times["raw torch"], 1.1))
    for case, megabytes in results["memory of a cache"].items():
        label = f"MB of a cache of 8192 tokens: 8 heads of 64, {case} of keys and values"
        rows.append(single(label, megabytes, None))
    for case, times in results["sinusoids"].items():
        rows.append(
            single(
                f"sinusoids cheaper than a table of 10 000 rows: {case}",
                times["table of 10 000"] / times["attnlib"],
                8.0 if case.startswith("d = 64") else None,
                at_most=False,
            )
        )
        rows.append(
            single(
                f"… used again, time over that table's: {case}",
                times["attnlib, again"] / times["table, again"],
                None,
            )
        )
    times = results["import"]["attnlib"]
    rows.append(
        single(
            "import of torch and attnlib over torch",
            times["torch and attnlib"] / times["torch"],
            1.05,
        )
    )
    return rows


def markdown(results: Results) -> str:
    machine = results["machine"]
    shapes = list(results["inference"])
    return "\n".join(
        [
            f"torch {machine['torch']}, python {machine['python']}, {machine['processor']}, "
            f"{machine['threads']} thread; ratios of median CPU times, in turns.",
            "",
            *as_table(["batch,length,embed_dim,heads", *shapes], speed_rows(results)),
            "",
            *as_table(["also", "ratio"], other_rows(results)),
        ]
    )


def as_table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


# --- the figure ---------------------------------------------------------------------------------


def draw(results: Results, file: Path) -> None:
    """Two panels of times relative to raw torch, one of memory against length."""
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        # Below each other, and no wider than a page's text: so it can be read on a phone, too.
        figure, axes = plt.subplots(3, 1, figsize=(7, 11.5), layout="constrained")
        figure.get_layout_engine().set(hspace=0.05)  # else an axis's name lies on the next title
        _draw_times(axes[0], results["inference"], "inference")
        _draw_times(axes[1], results["inference, causal"], "inference, causal")
        _draw_memory(axes[2], results["memory"])
        figure.savefig(file, dpi=140, metadata={"Software": None})
        plt.close(figure)
    Image.open(file).convert("RGB").quantize(64).save(file, optimize=True)  # a page carries it


def _draw_times(ax: plt.Axes, cases: dict[str, dict[str, float]], title: str) -> None:
    names = ["attnlib", "nn.MultiheadAttention", "textbook"]
    width = 0.3
    halo = [withStroke(linewidth=2, foreground="white")]  # the line at 1 strikes no number out
    for offset, name in enumerate(names):
        colour, hatch, _ = COLOURS[name]
        heights = [times[name] / times["raw torch"] for times in cases.values()]
        places = [x + (offset - 1) * width for x in range(len(cases))]
        ax.bar(places, heights, width, color=colour, hatch=hatch, edgecolor="white", label=name)
        for x, height in zip(places, heights, strict=True):
            ax.annotate(
                f"{height:.2f}" if height < 1.995 else f"{height:.1f}",
                (x, height),
                (0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=7,
                path_effects=halo,
            )
    ax.axhline(1, color="#5F6670", linewidth=1, linestyle="--", zorder=2)
    ax.set(
        yscale="log",
        ylim=(0.8, 14),
        yticks=[1, 2, 5, 10],
        title=f"{title}: time, raw torch = 1",
        xlabel="batch, length, embed_dim, heads",
    )
    ax.yaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()
    ax.set_xticks(range(len(cases)), [case.replace(",", ", ") for case in cases], fontsize=8.5)
    ax.legend(frameon=False, loc="upper left")


def _draw_memory(ax: plt.Axes, cases: dict[str, dict[str, Any]]) -> None:
    for way, style in (("forward and backward", "--"), ("forward", "-")):
        for name in ("textbook", "chunked", "attnlib"):
            colour, _, marker = COLOURS[name]
            growth = cases[f"{name}, {way}"]
            ax.plot(
                growth["lengths"],
                growth["megabytes"],
                style,
                color=colour,
                marker=marker,
                label=f"{name}, {way}",
            )
    ax.set(
        xscale="log",
        yscale="log",
        title="extra MB at the peak (4 heads of 64)",
        xlabel="length",
    )
    ax.minorticks_off()
    lengths = next(iter(cases.values()))["lengths"]
    ax.set_xticks(lengths, [str(length) for length in lengths])
    ax.yaxis.set_major_formatter("{x:g}")
    ax.set_ylim(1, 60_000)  # room for the names
    ax.legend(frameon=False, ncols=2, loc="upper left")
