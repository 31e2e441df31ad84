"""The first cell of a book that nobody has published: it says what to set, and fetches nothing."""

import asyncio

import nbformat

from tests.colab import runtimes
from tests.colab.conftest import first_cell
from tools import publish_as
from tools.editions import editions
from tools.proof.session import kernel


def outputs_of(source, python, environment, folder):
    """Run one cell in an empty folder; return its outputs, and whether it changed a package."""

    async def run():
        (folder / "content").mkdir()
        async with kernel(python, environment, folder, folder / "content") as session:
            before = await session.ask("environment")
            outputs = await session.run(source, 1)
            after = await session.ask("environment")
        return outputs, before["packages"], after["packages"]

    return asyncio.run(run())


def bootstrap(root):
    return first_cell(nbformat.read(editions(root)[0].notebooks[0], as_version=4)).source


def test_without_an_address_the_first_cell_says_what_to_set(kernel_environment, tmp_path):
    source = publish_as.bootstrap_source(bootstrap(runtimes.ROOT), None)
    layer = runtimes.colab().layer(tmp_path / "layer")
    (output,), before, after = outputs_of(source, layer.python, kernel_environment, tmp_path)
    assert output["ename"] == "ModuleNotFoundError"
    assert "take the notebook that carries attnlib" in output["evalue"]
    assert "set BOOK in this cell" in output["evalue"]
    assert after == before


def test_an_address_that_fails_installs_nothing(published, kernel_environment, tmp_path):
    """Not even a package of the same name from an index."""
    layer = runtimes.colab().layer(tmp_path / "layer")
    environment = kernel_environment | {"GIT_CONFIG_COUNT": "0"}
    source = bootstrap(published[0])
    outputs, before, after = outputs_of(source, layer.python, environment, tmp_path)
    assert "transport 'https' not allowed" in "".join(out.get("text", "") for out in outputs)
    assert after == before
