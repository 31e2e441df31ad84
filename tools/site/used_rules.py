"""Cut a stylesheet to the rules that some page of the site can need.

The theme brings all of Bootstrap along. A selector that asks for a class or an id which no page
carries and no script names can match nothing, now or later. What stands inside of `:is(…)` and
`:not(…)`, elements and attributes are not looked at: such selectors stay.
"""

import re
from collections.abc import Iterable

import tinycss2
from tinycss2.ast import AtRule, Node, QualifiedRule

NESTED = {"media", "supports", "layer", "container"}

CARRIED = re.compile(r"""\b(?:class|id)=(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""")
WORD = re.compile(r"[A-Za-z_][\w-]*")
# A name that a script puts together: "bs-tooltip-" + side, `bs-tooltip-${side}`.
BEGINNING = re.compile(r"""["'`]([A-Za-z_][\w-]*-)(?=["'`]|\$\{)""")


class Names:
    """The classes and ids that elements of the site have, or may get from a script."""

    def __init__(self, pages: Iterable[str], scripts: Iterable[str]) -> None:
        self._whole: set[str] = set()
        self._beginnings: tuple[str, ...] = ()
        for page in pages:
            for parts in CARRIED.findall(page):
                self._whole.update("".join(parts).split())
        for script in scripts:
            self._whole.update(WORD.findall(script))
            self._beginnings += tuple(BEGINNING.findall(script))

    def have(self, asked_for: Iterable[str]) -> bool:
        """Tell whether there may be elements with all of these names."""
        return all(name in self._whole or name.startswith(self._beginnings) for name in asked_for)


def selectors(prelude: list[Node]) -> list[list[Node]]:
    """Return the selectors of a rule, which commas part."""
    found: list[list[Node]] = [[]]
    for token in prelude:
        if token == ",":
            found.append([])
        else:
            found[-1].append(token)
    return found


def asks_for(selector: list[Node]) -> list[str]:
    """Return the classes and ids that elements must have."""
    pairs = zip([None, *selector], selector, strict=False)
    return [
        token.value
        for before, token in pairs
        if token.type == "hash" or (token.type == "ident" and before == ".")
    ]


def used_rules(css: str, names: Names) -> str:
    """Return a stylesheet without the rules whose selectors can match nothing."""
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    return _written(rules, names)


def _written(rules: list[Node], names: Names) -> str:
    text = ""
    for rule in rules:
        if isinstance(rule, QualifiedRule):
            kept = [each for each in selectors(rule.prelude) if names.have(asks_for(each))]
            if kept:
                prelude = ",".join(tinycss2.serialize(each).strip() for each in kept)
                text += f"{prelude}{{{tinycss2.serialize(rule.content)}}}"
        elif isinstance(rule, AtRule) and rule.lower_at_keyword in NESTED and rule.content:
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            if inside := _written(inner, names):
                text += f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{inside}}}"
        else:
            text += rule.serialize()
    return text
