"""What every test of the maths relies on: checked shapes, one seed, one thread, one dtype."""

from collections.abc import Iterator

import jaxtyping
import pytest
import torch
from hypothesis import settings

MATHS = ("_shapes", "masks", "functional", "chunked", "positional", "multihead")

# Under pytest, and only there, every call into the maths is held against its annotations. The hook
# works on import, so it has to be installed before anything imports attnlib.
jaxtyping.install_import_hook([f"attnlib.{module}" for module in MATHS], "beartype.beartype")

# The same examples on every machine and in every run: a red test stays red until it is mended.
settings.register_profile("book", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("book")


@pytest.fixture(autouse=True)
def _same_numbers_every_time() -> None:
    torch.set_num_threads(1)
    torch.set_printoptions(profile="default")  # cells of chapters, run by a test, set their own
    torch.manual_seed(20170612)


@pytest.fixture
def as_users_call() -> Iterator[None]:
    """Call without the checks of annotations, so that a bad argument meets our own error."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
