"""Shapes in annotations, `Float[Tensor, "length head_dim"]`: they say what goes in and comes out.

Where jaxtyping is installed, the annotations are its own, and our tests hold every call against
them. A reader's runtime needs no such package: there they are annotations, and nothing more.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING or find_spec("jaxtyping"):
    from jaxtyping import Bool, Float, Int, Integer, Shaped
else:
    Bool = Float = Int = Integer = Shaped = Annotated

__all__ = ["Bool", "Float", "Int", "Integer", "Shaped"]
