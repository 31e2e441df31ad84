"""Ten invented answer sheets of chapter 3: the class of the page For teachers.

    python -m tests.checks.report.invented      # writes book/_static/class-report, as committed

The report on them, which the page shows and leads to, is written by running all ten as those of any
class are run. A test judges them again, most of them in its own process, and compares.
"""

import hashlib
import sys
import tempfile
from pathlib import Path

import nbformat
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import sync_playwright

from attnlib import words
from attnlib.checks.report import page, running, sheets, summary, table
from tests import machines
from tools import atomic_write
from tools.editions import ROOT, editions
from tools.find_browser import FLAGS, find_browser

PLACE = ROOT / "book" / "_static" / "class-report"
LIMITS = running.Limits()
BEGIN = "import math\nimport os\n\nimport torch\nfrom attnlib import checks"

CAUSAL = (
    "def my_causal_mask(q_len, k_len):\n    return {}\n\n\nchecks.check_causal_mask(my_causal_mask)"
)
PADDING = (
    "def my_padding_mask(valid_lens, k_len):\n    return {}\n\n\n"
    "checks.check_padding_mask(my_padding_mask)"
)
SOFTMAX = (
    "def my_masked_softmax(scores, mask):\n    return {}\n\n\n"
    "checks.check_masked_softmax(my_masked_softmax)"
)
ATTENTION = (
    "def my_masked_attention(query, key, value, mask):\n    {}\n    return {} @ value\n\n\n"
    "checks.check_masked_attention(my_masked_attention)"
)
UNIFORM = (
    "def test_forbidden_is_zero(weights_of):\n    w = weights_of(torch.randn(1, 5, 5), {})\n"
    "    assert {}\n\n\nchecks.check_catches_uniform_rows(test_forbidden_is_zero)"
)
LEAK = """def is_causal(layer, length, width):
    x = torch.randn(1, length, width)
    for j in range(length):
        y = x.clone()
        y[0, j] += 1
        {}
    return True


checks.check_is_causal(is_causal)"""

ROWS = "torch.arange(q_len)[:, None]"
SCORES = "scores = query @ key.mT / math.sqrt(query.shape[-1])"
UNSCALED = "scores = query @ key.mT"
ZEROS = "scores.masked_fill(~mask, -math.inf).softmax(dim=-1).nan_to_num()"
NANS = "scores.masked_fill(~mask, -math.inf).softmax(dim=-1)"
FINITE = "scores.masked_fill(~mask, -1e9).softmax(dim=-1)"
AFTER = "scores.softmax(dim=-1) * mask"

causal = CAUSAL.format(f"torch.arange(k_len) <= {ROWS} + k_len - q_len")
upper_left = CAUSAL.format(f"torch.arange(k_len) <= {ROWS}")
strict = CAUSAL.format(f"torch.arange(k_len) < {ROWS} + k_len - q_len")
padding = PADDING.format("torch.arange(k_len) < valid_lens[:, None, None]")
flat_padding = PADDING.format("torch.arange(k_len) < valid_lens[:, None]")
hidden = PADDING.format("torch.arange(k_len) >= valid_lens[:, None, None]")
uniform = UNIFORM.format("torch.tensor([2])", "(w[..., :3] == 0).all()")
full = UNIFORM.format("torch.tensor([5])", "(w.triu(1) == 0).all()")
leak = LEAK.format(
    "if not torch.equal(layer(x)[0, :j], layer(y)[0, :j]):\n            return False"
)
past = LEAK.format(
    "if layer(y)[0, j + 1 :].ne(layer(x)[0, j + 1 :]).any():\n            return False"
)
softmax, nan_rows, uniform_rows, late = (
    SOFTMAX.format(each) for each in (ZEROS, NANS, FINITE, AFTER)
)
attention, nan_attention, uniform_attention = (
    ATTENTION.format(SCORES, each) for each in (ZEROS, NANS, FINITE)
)
unscaled = ATTENTION.format(UNSCALED, ZEROS)
STUBS = {
    "3.5": "def is_causal(layer, length, width): ...\n\n\nchecks.check_is_causal(is_causal)",
    "3.8": "def my_masked_attention(query, key, value, mask): ...\n\n\n"
    "checks.check_masked_attention(my_masked_attention)",
}

CLASS = {
    "Amara": [causal, padding, uniform, leak, softmax, attention],
    "Bo": [upper_left, padding, full, past, nan_rows, nan_attention],
    "Chloé": [upper_left, hidden, uniform, STUBS["3.5"], uniform_rows, uniform_attention],
    "Daniyar": [causal, padding, uniform, leak, nan_rows, unscaled],
    "Elif": [upper_left, flat_padding, full, STUBS["3.5"], nan_rows, STUBS["3.8"]],
    "Farid": [strict, padding, uniform, leak, late, attention],
    "Goran": [causal, padding, full, past, uniform_rows, uniform_attention],
    "Hana": [causal, padding, uniform, leak, softmax, nan_attention],
    "Ines": [causal, hidden, "os._exit(1)", leak, softmax, attention],
    "Jun": None,  # a file that was cut off on its way
}
TROUBLED = ("Ines", "Jun")  # whose sheets have to be run to see what becomes of them


def write_all(folder: Path) -> sheets.HandedIn:
    """Write the ten sheets, as they would be handed in."""
    for student, answers in CLASS.items():
        cells = [nbformat.v4.new_code_cell(each) for each in (BEGIN, *(answers or [causal]))]
        for order, cell in enumerate(cells):
            cell.id = f"cell-{order}"
        text = nbformat.writes(nbformat.v4.new_notebook(cells=cells))
        path = folder / student / "03_masks.ipynb"
        path.parent.mkdir()
        path.write_text(text if answers else text[: len(text) // 2], encoding="utf-8")
    return sheets.find(folder, ["03_masks"])


def written(runs: list[running.Run], language: str) -> dict[str, str]:
    """Return the report in a language, by ending of the file."""
    report = summary.summarise(sorted(CLASS), runs, ())
    circumstances = page.Circumstances(LIMITS, network_cut=True, memory_limited=True)
    before = words.language()
    words.use(language)
    try:
        return {
            "html": page.write(report, circumstances, f"../../{language}"),
            "csv": table.write(report),
        }
    finally:
        words.use(before)


def stamp(html: bytes) -> str:
    """Return what the picture of a report says of it."""
    return hashlib.sha256(html).hexdigest()


def _picture(html: Path) -> None:
    """Take the picture of a report: its table and its first bars.

    The page asks for the reader's own Chinese font, which is not on every machine.
    """
    path = html.with_suffix(".png")
    with tempfile.TemporaryDirectory() as fonts, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(),
            args=FLAGS,
            env={**machines.environment(Path(fonts), chinese=True)},
        )
        window = browser.new_page(
            viewport={"width": 600, "height": 900}, device_scale_factor=2, color_scheme="light"
        )
        window.goto(html.as_uri())
        bar = window.locator(".bars li").nth(2).bounding_box()  # the first that is left out
        clip = {"x": 0, "y": 0, "width": 600, "height": bar["y"] - 8}
        window.screenshot(path=path, clip=clip, full_page=True)
        browser.close()
    said = PngInfo()
    said.add_text("report", stamp(html.read_bytes()))
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(64, dither=Image.Dither.NONE)
    few.save(path, optimize=True, pnginfo=said)


def main() -> int:
    """Run the class, and write the report on it in each language."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        handed_in = write_all(Path(name))
        runs = list(running.run_all(handed_in.sheets, LIMITS, running.view(), jobs=2))
    for edition in editions():
        for ending, text in written(runs, edition.language).items():
            atomic_write.write(PLACE / f"{edition.language}.{ending}", text)
        _picture(PLACE / f"{edition.language}.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
