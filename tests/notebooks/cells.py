"""The cells of a chapter by their ids, in each edition that has it."""

import nbformat

from tools.editions import editions


def cells_of(stem):
    """Return language -> cell id -> cell, of the chapter whose file has this stem."""
    return {
        each.language: {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}
        for each in editions()
        for path in each.chapters
        if path.stem == stem
    }
