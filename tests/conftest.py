"""What every test of the maths relies on: checked shapes, one seed, one thread, one dtype."""

import sys
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest
from hypothesis import settings

MATHS_TESTS = Path(__file__).parent / "maths"
MATHS = ("_shapes", "masks", "functional", "sampling", "chunked", "positional", "cache")
MATHS += ("multihead", "transformer")

# Under pytest, and only there, every call into the maths is held against its annotations. The hook
# works on import, so it has to be installed before anything imports attnlib.
jaxtyping.install_import_hook([f"attnlib.{module}" for module in MATHS], "beartype.beartype")

# The same examples on every machine and in every run: a red test stays red until it is mended.
settings.register_profile("book", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("book")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--device",
        default="cpu",
        help="run the tests of the maths, and these alone, with tensors on this device: cuda",
    )


def pytest_configure(config: pytest.Config) -> None:
    # Before tests are imported: some make tensors then. What they call has its device from these;
    # that it never takes the default one instead, maths/test_tracing.py proves.
    if config.getoption("--device") != "cpu":
        import torch

        torch.set_default_device(config.getoption("--device"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what no device but the processor can run: all tests but those of the maths."""
    around = collection_path in MATHS_TESTS.parents or collection_path == MATHS_TESTS
    inside = MATHS_TESTS in collection_path.parents
    return None if config.getoption("--device") == "cpu" or around or inside else True


@pytest.fixture(autouse=True)
def _same_numbers_every_time() -> None:
    torch = sys.modules.get("torch")  # to import it takes two seconds, and many stages need none
    if torch is None:
        return
    torch.set_num_threads(1)
    torch.set_printoptions(profile="default")  # cells of chapters, run by a test, set their own
    torch.manual_seed(20170612)


@pytest.fixture
def as_users_call() -> Iterator[None]:
    """Call without the checks of annotations, so that a bad argument meets our own error."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
