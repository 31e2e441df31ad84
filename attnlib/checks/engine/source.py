"""What the reader wrote: which function it is, whether it is a stub, what it uses."""

import ast
import dis
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from torch import nn

_WORKING = ("BINARY", "CALL", "COMPARE", "CONTAINS", "FOR", "IMPORT", "STORE_SUBSCR", "UNARY")


def written(answer: Any) -> Any:
    """Return the function that the reader wrote: inside a partial, a module, a decorator."""
    while isinstance(answer, functools.partial):
        answer = answer.func
    if isinstance(answer, nn.Module):
        answer = type(answer).forward
    elif not hasattr(answer, "__code__"):
        answer = type(answer).__call__
    return inspect.unwrap(answer)


def accepts(answer: Callable[..., Any], count: int) -> bool:
    """Say whether the answer can be called with `count` positional arguments."""
    try:
        inspect.signature(answer).bind(*range(count))
    except TypeError:
        return False
    except Exception:  # no signature to be had (some built-ins): the call itself will tell
        return True
    return True


def does_nothing(answer: Callable[..., Any]) -> bool:
    """Say whether the body is a stub: constants and names, but neither calls nor arithmetic."""
    code = getattr(written(answer), "__code__", None)
    if not isinstance(code, CodeType):
        return True  # nothing to look at: believe the None that it returned
    return not any(
        instruction.opname.startswith(_WORKING) for instruction in dis.get_instructions(code)
    )


def raises_as_stub(answer: Callable[..., Any], error: BaseException) -> bool:
    """Say whether an error is the NotImplementedError that stands in the reader's own code.

    torch raises the same, and errors derived from it, for much that has nothing to do with stubs.
    """
    function = written(answer)
    if type(error) is not NotImplementedError or function.__module__.split(".")[0] == "torch":
        return False
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None or last.tb_frame.f_code is not getattr(function, "__code__", None):
        return False
    # Functions that are not written in Python leave no trace of their own: look at the very step.
    return any(
        step.offset == last.tb_lasti and step.opname == "RAISE_VARARGS"
        for step in dis.get_instructions(last.tb_frame.f_code)
    )


def _body(answer: Callable[..., Any]) -> ast.AST | None:
    """Parse what the reader wrote; None where there is no source to be had."""
    function = written(answer)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)).strip())
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    if getattr(function, "__name__", "") != "<lambda>":
        return tree
    lambdas = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    return lambdas[0] if len(lambdas) == 1 else None


def _names(node: ast.AST) -> str:
    """Return the name that a node mentions, or the empty string."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _is_loop(node: ast.AST) -> bool:
    if isinstance(node, ast.While):
        return True
    over = getattr(node, "iter", None) if isinstance(node, ast.For | ast.comprehension) else None
    # `for f in (torch.sin, torch.cos)` goes over two things that are written down.
    return over is not None and not isinstance(over, ast.Tuple | ast.List)


def _mentions(*names: str) -> Callable[[ast.AST], bool]:
    return lambda node: _names(node) in names


def _is_product(node: ast.AST) -> bool:
    if isinstance(node, ast.MatMult):
        return True
    return _names(node) in ("bmm", "matmul", "mm", "transpose", "swapaxes", "mT", "T")


# What an exercise may ask to do without, by the id of what is said about it.
WITHOUT: dict[str, Callable[[ast.AST], bool]] = {
    "uses_loops": _is_loop,
    "uses_sines": _mentions("sin", "cos", "sin_", "cos_"),
    "uses_products": _is_product,
    "uses_softmax": _mentions(
        "softmax", "masked_softmax", "log_softmax", "softmin", "Softmax", "LogSoftmax", "Softmin"
    ),
    "uses_libraries": _mentions("torch", "np", "numpy", "F", "attnlib"),
    "uses_reference": _mentions(
        "scaled_dot_product_attention",
        "attention_weights",
        "chunked_attention",
        "masked_softmax",
        "MultiHeadAttention",
        "MultiheadAttention",
        "multi_head_attention_forward",
    ),
}


def forbidden(answer: Callable[..., Any], rules: tuple[str, ...]) -> tuple[str, str] | None:
    """Find what the exercise asks to do without: the id of the rule, and the line; None if nothing.

    What cannot be read is believed.
    """
    tree = _body(answer)
    if tree is None:
        return None
    for rule in rules:
        for node, line in _with_lines(tree):
            if WITHOUT[rule](node):
                return rule, line
    return None


def _with_lines(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Yield all nodes, each with the first line of the statement or expression around it."""

    def walk(node: ast.AST, around: ast.AST) -> Iterator[tuple[ast.AST, str]]:
        around = node if isinstance(node, ast.stmt) else around
        yield node, ast.unparse(around).split("\n")[0]
        for child in ast.iter_child_nodes(node):
            yield from walk(child, around)

    yield from walk(tree, tree)
