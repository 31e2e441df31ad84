"""The page of names is true: each row is tried out, with the names that stand in its cells.

A check gets the cells of its row. It calls `attnlib` and PyTorch as the cells say, and what d2l and
Transformers do as `restated` has it; where a cell states a convention in words, the check measures
it and holds the words against the measurement.
"""

import pytest

from tests.pages import (  # noqa: F401  # their rows come in the order of the page
    names_of_arguments,
    names_of_masks,
    names_of_parameters,
    names_of_transformers,
    names_of_writing,
)
from tests.pages.names_page import CHECKS, COLUMNS, EDITIONS, ROWS, rows


def test_every_row_has_its_check():
    assert len(ROWS) > 20
    assert list(ROWS) == list(CHECKS)


@pytest.mark.parametrize("name", ROWS)
def test_row(name):
    CHECKS[name](*(ROWS[name][column] for column in COLUMNS if column != "the paper"))


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
def test_every_edition_names_the_same_things(edition):
    """What is tried out is the default edition's table: the others have its code, cell by cell."""
    mine = rows(edition.pages_folder / "names.md").values()
    for row, original in zip(mine, ROWS.values(), strict=True):
        assert [each.names() for each in row.values()] == [
            each.names() for each in original.values()
        ]
