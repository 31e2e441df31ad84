"""The cells of a chapter: by their ids in each edition that has it, or those with live figures."""

import nbformat

from tools.editions import editions

VIEW = "application/vnd.jupyter.widget-view+json"


def cells_of(stem):
    """Return language -> cell id -> cell, of the chapter whose file has this stem."""
    return {
        each.language: {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}
        for each in editions()
        for path in each.chapters
        if path.stem == stem
    }


def with_figures_alone(notebook):
    """Return a notebook of its first cell and of those that show live figures.

    What nbconvert makes of a cell does not depend on the others.
    """
    first, *others = notebook.cells
    shows = [c for c in others if any(VIEW in o.get("data", {}) for o in c.get("outputs", []))]
    return nbformat.from_dict({**notebook, "cells": [first, *shows]})
