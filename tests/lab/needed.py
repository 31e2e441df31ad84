"""Which cells of a notebook another one relies on, told by the names that they bind and read."""

import ast
import builtins
import re


def parsed(source):
    """Parse a cell, its magics left out."""
    return ast.parse(re.sub(r"(?m)^(\s*)%.*$", r"\1pass", source))


def stored(node):
    """Return the names to which something inside a node is assigned, loops included."""
    names = (each for each in ast.walk(node) if isinstance(each, ast.Name))
    return {each.id for each in names if isinstance(each.ctx, ast.Store)}


def bound_by(node):
    """Return the names that a statement binds at the top level of its cell."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.split(".")[0] for alias in node.names}
    return stored(node)


def bound(source):
    """Return the names that a cell binds at its top level."""
    return set().union(*map(bound_by, parsed(source).body))


def read(source):
    """Return the names that a cell takes from outside; what it binds before is its own."""
    names, known = set(), set(dir(builtins))
    for node in parsed(source).body:
        used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        own = {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)}
        if isinstance(node, ast.Assign):
            used = {each.id for each in ast.walk(node.value) if isinstance(each, ast.Name)}
            own |= stored(node.value)
        elif not isinstance(node, ast.AugAssign):
            own |= stored(node)
        names |= used - own - known
        known |= bound_by(node)
    return names


def needed(source, before):
    """List the cells before, by their places, on which a source relies, directly or through others.

    >>> needed("print(y)", ["x = 1", "z = 2", "y = x"])
    [0, 2]
    """
    chosen = set()
    wanted = [(name, len(before)) for name in read(source)]
    while wanted:
        name, end = wanted.pop()
        for order in reversed(range(end)):
            if name in bound(before[order]):
                if order not in chosen:
                    chosen.add(order)
                    wanted += [(each, order) for each in read(before[order])]
                break
    return sorted(chosen)
