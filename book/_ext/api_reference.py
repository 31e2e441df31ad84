"""Let autodoc read the docstrings of ``attnlib`` as they are written: plain text, light on markup.

In them one backtick means code, and an indented block after a blank line is a formula or a table
of what happens, shown as it stands, as is an example with what it prints. Google's headings (Args,
Returns, Raises) are napoleon's work.
"""

import re
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms import SphinxTransform
from sphinx.util import inspect
from sphinx.util.docutils import SphinxDirective
from sphinx.util.inspect import stringify_signature
from sphinx.util.typing import ExtensionMetadata

SECTION = re.compile(r"(Args|Returns|Raises|Attributes|Yields):$")
CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")


def write_for_sphinx(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Turn the docstring `lines` into reStructuredText, in place."""
    written: list[str] = []
    section = literal = example = False
    for line in lines:
        starts_block = line.startswith("    ") and (not written or not written[-1].strip())
        if line.strip() and not line.startswith(" "):
            section, literal = bool(SECTION.match(line)), False
        if starts_block and not section and not literal:
            written += [".. code-block:: none", ""]
            literal = True
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        as_it_stands = literal or example
        written.append(line if as_it_stands else CODE.sub(r"``\1``", line))
    lines[:] = written


def call_of_class(
    app: Sphinx, what: str, name: str, obj: type, options: Any, signature: str, returns: str
) -> tuple[str, str | None] | None:
    """Show how a class is called: by its own ``__init__``, not an inherited ``__new__``."""
    if what != "class" or "__init__" not in vars(obj):
        return None
    return stringify_signature(
        inspect.signature(obj.__init__, bound_method=True),
        unqualified_typehints=app.config.autodoc_typehints_format == "short",
        show_return_annotation=False,
    ), None


class AllChecks(SphinxDirective):
    """Document all checks of `attnlib.checks`, in the order of the exercises."""

    def run(self) -> list[nodes.Node]:
        """Let autodoc write about each of them."""
        from attnlib.checks.engine.registry import all_checks

        source, _ = self.get_source_info()
        lines = [f".. autofunction:: check_{check.name}" for check in all_checks()]
        section = nodes.Element()
        self.state.nested_parse(StringList(lines, source=source), self.content_offset, section)
        return list(section.children)


class Colons(SphinxTransform):
    """Between a name and what it means, autodoc writes two hyphens: a colon here."""

    default_priority = 500

    def apply(self, **kwargs: object) -> None:
        """Run over one document."""
        for field in self.document.findall(nodes.field_body):
            for text in list(field.findall(nodes.Text)):
                if text == " -- ":
                    text.parent.replace(text, nodes.Text(": "))


def without_module_index(app: Sphinx, config: Config) -> None:
    """Leave out Sphinx's list of modules: the page of the library names all there is."""
    config.html_domain_indices = False


def setup(app: Sphinx) -> ExtensionMetadata:
    """Load autodoc and napoleon, and read docstrings before napoleon does (priority 500)."""
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.napoleon")
    app.connect("autodoc-process-docstring", write_for_sphinx, priority=400)
    app.add_transform(Colons)
    app.add_directive("all-checks", AllChecks)
    app.connect("autodoc-process-signature", call_of_class)
    app.connect("config-inited", without_module_index)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
