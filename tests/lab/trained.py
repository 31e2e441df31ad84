"""What the run of a notebook has trained, put in the place of the cells that train it."""

from tools.proof import long_cells, records, runner

TAKE = """import pickle
with open({path!r}, "rb") as _kept:
    globals().update(pickle.load(_kept)[0])
"""


def take_what_was_trained(name, code):
    """Let the long cells among these bind what they have bound in the run of their notebook.

    Where no record of that run stands they are left as they are, and train.
    """
    record = runner.standing(records.unit(name), runner.here())
    for cell in code if record else ():
        path = long_cells.place_of(record.runtime, name, record.key, cell.id)
        if path.is_file():
            cell.source = long_cells.definitions(cell.source) + "\n" + TAKE.format(path=str(path))
