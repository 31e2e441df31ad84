"""Ways to spoil one file of a copy of the repository: the tools of tools/faults.py."""

import base64
import io
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from PIL import Image, ImageDraw

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"

Plant = Callable[[Path], None]
Cell = Any  # nbformat has no annotations


class DoesNotApply(Exception):  # noqa: N818
    """There is nothing in the file any more that the fault could spoil."""


def replace(pattern: str, replacement: str) -> Plant:
    """Replace the first match of a pattern (multiline, as `re` reads it)."""

    def plant(path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        spoilt, found = re.subn(pattern, replacement, text, count=1, flags=re.MULTILINE)
        if not found or spoilt == text:
            raise DoesNotApply(f"{path.name} has nothing like {pattern!r}")
        path.write_text(spoilt, encoding="utf-8")

    return plant


def append(text: str) -> Plant:
    """Write something at the end of a file."""

    def plant(path: Path) -> None:
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")

    return plant


def append_noise(kilobytes: int) -> Plant:
    """Write something at the end of a page that nobody sees and that does not pack."""
    noise = random.Random(0).randbytes(kilobytes * 1000).hex()
    return append(f"<!-- {noise} -->")


def cell(fits: Callable[[Cell], bool], spoil: Callable[[Cell], None]) -> Plant:
    """Spoil the first cell of a notebook that fits."""

    def plant(path: Path) -> None:
        notebook = nbformat.read(path, as_version=4)
        for each in notebook.cells:
            if fits(each):
                spoil(each)
                nbformat.write(notebook, path)
                return
        raise DoesNotApply(f"{path.name} has no such cell")

    return plant


def prints_a_number(each: Cell) -> bool:
    """Whether a cell prints a number with a fraction."""
    return any(re.search(r"\d\.\d", output.get("text", "")) for output in each.get("outputs", []))


def change_a_digit(each: Cell) -> None:
    """Raise the last digit of a printed number by one."""
    output = next(o for o in each.outputs if re.search(r"\d\.\d", o.get("text", "")))
    output.text = re.sub(
        r"(\d\.\d*)(\d)", lambda m: f"{m[1]}{(int(m[2]) + 1) % 10}", output.text, count=1
    )


def shows_a_picture(live: bool) -> Callable[[Cell], bool]:
    """Whether a cell shows a picture: of a live figure, or one that is drawn by its code."""

    def fits(each: Cell) -> bool:
        shown = [output.get("data", {}) for output in each.get("outputs", [])]
        return any("image/png" in data and (VIEW in data) is live for data in shown)

    return fits


def paint_over(each: Cell) -> None:
    """Blacken a spot of five by five pixels."""
    data = next(o.data for o in each.outputs if "image/png" in o.get("data", {}))
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")
    box = (picture.width // 2, picture.height // 2)
    spot = (*box, box[0] + 4, box[1] + 4)
    inverse = tuple(255 - level for level in picture.getpixel(box))  # type: ignore[union-attr]
    ImageDraw.Draw(picture).rectangle(spot, fill=inverse)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    data["image/png"] = base64.b64encode(buffer.getvalue()).decode()


def remove_outputs(each: Cell) -> None:
    """Show nothing."""
    each.outputs = []


def unrun(each: Cell) -> None:
    """Commit a cell as if it had not run."""
    each.execution_count = None


def add_code(code: str) -> Callable[[Cell], None]:
    """Add lines to a cell, before its last statement."""

    def spoil(each: Cell) -> None:
        each.source = f"{code}\n{each.source}"

    return spoil


def remove_alternative_text(each: Cell) -> None:
    """Leave a picture without words."""
    del each.metadata["mystnb"]["image"]["alt"]


def in_source(pattern: str, replacement: str) -> tuple[Callable[[Cell], bool], Any]:
    """Replace something in the text of the first cell that has it."""

    def spoil(each: Cell) -> None:
        each.source = re.sub(pattern, replacement, each.source, count=1, flags=re.MULTILINE)

    return lambda each: re.search(pattern, each.source, re.MULTILINE) is not None, spoil


def widget_state(pattern: str, replacement: str) -> Plant:
    """Change a trait in the saved state of a notebook's widgets."""

    def plant(path: Path) -> None:
        notebook = nbformat.read(path, as_version=4)
        text = nbformat.writes(nbformat.from_dict({**notebook, "cells": []}))
        spoilt, found = re.subn(pattern, replacement, text, count=1)
        if not found:
            raise DoesNotApply(f"{path.name} has no trait like {pattern!r}")
        notebook.metadata["widgets"] = nbformat.reads(spoilt, as_version=4).metadata["widgets"]
        nbformat.write(notebook, path)

    return plant
