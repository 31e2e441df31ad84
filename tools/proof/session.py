"""A kernel in which cells are run one by one, with hidden questions between them."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from tools.proof import warm

CELL_TIMEOUT = 300  # seconds
SHUTDOWN = 60  # seconds that a kernel gets to clear away what it has made: 5 were too few for one
IN_KERNEL = Path(__file__).with_name("in_kernel.py")

Output = dict[str, Any]


class Session:
    """Runs cells in a kernel and keeps the state of all widgets that they make."""

    def __init__(self, client: NotebookClient) -> None:
        self._client = client

    @property
    def models(self) -> list[str]:
        """Ids of all widget models so far, by order of creation."""
        return [
            model_id
            for model_id, state in self._client.widget_state.items()
            if "_model_name" in state
        ]

    def states(self, model_ids: list[str]) -> dict[str, Any]:
        """Return the state of widget models, as a notebook saves it."""
        client = self._client
        states = {}
        for model_id in model_ids:
            states[model_id] = client._serialize_widget_state(client.widget_state[model_id])
            if buffers := client.widget_buffers.get(model_id):
                states[model_id]["buffers"] = list(buffers.values())
        return states

    async def run(self, source: str, count: int | None = None) -> list[Output]:
        """Run a cell; return its outputs, errors among them.

        Args:
            source: Its text.
            count: Its number in the notebook; without one it leaves no trace in the history.
        """
        cell = nbformat.v4.new_code_cell(source)
        await self._client.async_execute_cell(cell, 0, count, store_history=count is not None)
        return [dict(each) for each in cell.outputs]

    async def ask(self, name: str, *arguments: Any) -> Any:
        """Call a function of in_kernel.py, out of sight of the notebook.

        Raises:
            RuntimeError: If it fails.
        """
        call = ", ".join(map(repr, (name, *arguments)))
        outputs = await self.run(f"__import__('_proof').answer({call})")
        if [output.get("name") for output in outputs] != ["stdout"]:
            raise RuntimeError(f"{name}{arguments} went wrong between two cells: {outputs}")
        return json.loads(outputs[0]["text"])


@asynccontextmanager
async def kernel(
    python: str,
    environment: Mapping[str, str],
    folder: Path,
    workplace: Path,
    *,
    forked: bool = False,
) -> AsyncIterator[Session]:
    """Start a kernel.

    Args:
        python: The program to start it with.
        environment: Variables that it gets beside those of this process.
        folder: An empty folder for what it needs.
        workplace: The folder in which it works.
        forked: Whether it may have imported what notebooks import, where that is possible.
    """
    spec = folder / "kernels" / "proof"
    spec.mkdir(parents=True)
    launch = [python, "-m", "ipykernel_launcher"]
    if forked and warm.POSSIBLE:
        launch = warm.launch(python, environment)
    about = {
        # errors only: a kernel's warnings about itself are none of a notebook
        "argv": [*launch, "-f", "{connection_file}", "--IPKernelApp.log_level=40"],
        "display_name": "proof",
        "language": "python",
        "env": {"IPYTHONDIR": str(folder / "ipython"), **environment},
    }
    (spec / "kernel.json").write_text(json.dumps(about), encoding="utf-8")
    client = NotebookClient(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell()]),
        timeout=CELL_TIMEOUT,
        startup_timeout=120,
        kernel_name="proof",
        record_timing=False,
        coalesce_streams=True,  # where a slow cell's printout is cut depends on the machine
        store_widget_state=True,
        allow_errors=True,
        resources={"metadata": {"path": str(workplace)}},
    )
    manager = client.create_kernel_manager()
    manager.kernel_spec_manager.kernel_dirs = [str(folder / "kernels")]
    manager.shutdown_wait_time = SHUTDOWN
    async with client.async_setup_kernel():
        session = Session(client)
        setup = await session.run(f"exec({IN_KERNEL.read_text(encoding='utf-8')!r}, {{}})")
        if setup:
            raise RuntimeError(f"the kernel cannot be asked: {setup}")
        yield session
