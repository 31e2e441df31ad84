"""nbval, stricter, on records: cells are compared with what their one run has shown.

nbval by itself runs each cell again, passes one that was never run, ignores images unless nbdime
renders its report, and never looks at widget state, so a stale figure would stay green. With this
beside it, nothing runs whose record stands (tools/proof), everything that a reader can see is
compared, and nothing may opt out:

    pytest --nbval -p tests.notebooks.strict_nbval notebooks
"""

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile, coalesce_streams

from tests.evidence import say_records
from tools import figure_pictures
from tools.proof import records, runner, trained
from tools.proof.pictures import MEASURED, image_difference

FIGURES = Path(".cache/figures")
VIEW = "application/vnd.jupyter.widget-view+json"


def canonical_state(states: dict[str, dict[str, Any]]) -> list[str]:
    """Write widget models with their random ids numbered by order of creation."""
    text = [json.dumps(state, sort_keys=True) for state in states.values()]
    for order, model_id in enumerate(states):
        text = [line.replace(model_id, f"model {order}") for line in text]
    return [re.sub(r"0x[0-9a-f]{6,}", "0x…", line) for line in text]


def compared_pictures(outputs: list[Any]) -> list[str]:
    """Return the pictures that must be those of the record, those for narrow pages as well.

    Not those of live figures: a run makes none; the committed one has a stamp: see
    `FigurePictures`.
    """
    found = []
    for output in outputs:
        data = output.get("data", {})
        if "image/png" in data and VIEW not in data:
            found.append(data["image/png"])
            if narrow := output.get("metadata", {}).get("narrow"):
                found.append(narrow["png"])
    return found


class StrictCell(IPyNbCell):
    """A code cell as it is committed, against what its run has shown."""

    def runtest(self) -> None:
        if self.options["skip"] or not self.options["check"]:
            self.raise_cell_error("a cell of this book may not opt out of being compared")
        if self.cell.execution_count is None:
            self.raise_cell_error("this cell is committed without having been run")
        shown = self.parent.edition()["cells"][self.cell.id]["outputs"]
        self.test_outputs = coalesce_streams([nbformat.from_dict(output) for output in shown])
        for output in self.test_outputs:
            if output.output_type == "error":
                self.raise_cell_error(output.evalue, "\n".join(output.traceback))
        if not self.compare_outputs(self.test_outputs, coalesce_streams(self.cell.outputs)):
            self.raise_cell_error("Cell outputs differ", "\n".join(self.comparison_traceback))

    def compare_outputs(self, test: list[Any], ref: list[Any], skip_compare: Any = None) -> bool:
        if not super().compare_outputs(test, ref, skip_compare):
            return False
        # nbval has compared everything but the pictures; the number of outputs agrees by now.
        stored, computed = compared_pictures(ref), compared_pictures(test)
        if len(stored) != len(computed):
            self.comparison_traceback = [f"{len(stored)} pictures became {len(computed)}"]
            return False
        measured = MEASURED in self.cell.metadata.get("tags", [])
        for old, new in zip(stored, computed, strict=True):
            if difference := image_difference(old, new, measured=measured):
                FIGURES.mkdir(parents=True, exist_ok=True)
                name = f"{self.path.stem}-{self.cell.id}"
                (FIGURES / f"{name}-stored.png").write_bytes(base64.b64decode(old))
                (FIGURES / f"{name}-computed.png").write_bytes(base64.b64decode(new))
                self.comparison_traceback = [
                    f"the figure has changed: {difference} (see {FIGURES}/{name}-*.png)"
                ]
                return False
        return True


class WidgetState(pytest.Item):
    """The widget state that the page brings to life is the one that the cells have made."""

    def runtest(self) -> None:
        stored = figure_pictures.states(self.parent.nb)
        old, new = canonical_state(stored), canonical_state(self.parent.widgets())
        assert len(old) == len(new), f"{len(old)} widget models are stored, {len(new)} were made"
        for order, (before, after) in enumerate(zip(old, new, strict=True)):
            assert before == after, f"widget model {order} is stale: run `make notebooks`"

    def repr_failure(self, excinfo: Any, style: Any = None) -> str:
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.path.name}::widget state"


class FigurePictures(pytest.Item):
    """The picture of each live figure is of the state that the cells have made, and unaltered."""

    def runtest(self) -> None:
        faults = figure_pictures.faults(self.parent.nb, self.parent.widgets())
        assert not faults, "; ".join(faults)

    def repr_failure(self, excinfo: Any, style: Any = None) -> str:
        return f"{excinfo.value}: run `make notebooks`"

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.path.name}::pictures of live figures"


class StrictNotebook(IPyNbFile):
    """A notebook of which everything that a reader can see is compared."""

    _edition: dict[str, Any] | None = None

    def collect(self) -> Iterator[pytest.Item]:
        for cell in super().collect():
            yield StrictCell.from_parent(
                self,
                name=f"{cell.cell.id}",
                cell_num=cell.cell_num,
                cell=cell.cell,
                options=cell.options,
            )
        yield WidgetState.from_parent(self, name="widget-state")
        yield FigurePictures.from_parent(self, name="figure-pictures")

    def setup(self) -> None:
        self.setup_sanitize_files()  # and no kernel, unlike nbval

    def edition(self) -> dict[str, Any]:
        """Return what the run of this notebook has shown, in its language."""
        if self._edition is None:
            unit = records.unit_of(self.path)
            record = asyncio.run(runner.record(unit, runner.here()))
            self._edition = record.editions[records.language_of(self.path)]
        return self._edition

    def widgets(self) -> dict[str, Any]:
        """Return its widget models; a trained one that does the same counts as the same."""
        return trained.keep(figure_pictures.states(self.nb), self.edition()["widgets"])


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Iterator[None]:
    """Put the strict notebook in the place of nbval's."""
    collected = yield
    return [
        StrictNotebook.from_parent(parent, path=file_path) if isinstance(node, IPyNbFile) else node
        for node in collected
    ]


def pytest_terminal_summary(terminalreporter):
    say_records(terminalreporter)
