"""The page of names is true: each row is tried out, with the names that stand in its cells.

A check gets the cells of its row. It calls `attnlib` and PyTorch as the cells say, and what d2l and
Transformers do as `restated` has it; where a cell states a convention in words, the check measures
it and holds the words against the measurement.
"""

import pytest

from tests.pages import names_of_arguments, names_of_masks, names_of_parameters  # noqa: F401
from tests.pages.names_page import CHECKS, COLUMNS, ROWS


def test_every_row_has_its_check():
    assert len(ROWS) > 20
    assert list(ROWS) == list(CHECKS)


@pytest.mark.parametrize("name", ROWS)
def test_row(name):
    CHECKS[name](*(ROWS[name][column] for column in COLUMNS if column != "the paper"))
