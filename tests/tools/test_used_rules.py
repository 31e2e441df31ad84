"""Stylesheets lose the rules that can match nothing, and no others."""

import pytest

from tools.site.used_rules import Names, used_rules

NAMES = Names(
    ["<p class=\"note wide\" id=start><b class='x'>badge</b>"],
    ['e.classList.add("open"); tip.className = "tip-" + side; at = `row-${n}`'],
)


@pytest.mark.parametrize(
    "css",
    [
        ".note{a:b}",
        "#start .x>p{a:b}",
        "p.wide:hover::before{a:b}",
        ".open .tip-left{a:b}",  # names that a script gives, whole or in parts
        ".row-3{a:b}",
        'b,a[href=".none"]{a:b}',  # elements, attributes
        "p:not(.none) :is(.none, b){a:b}",  # may match all the same
        "@media (width > 3px){.note{a:b}}",
        "@font-face{font-family:none}",
        "@keyframes none{0%{a:b}}",
        ':root{--a:url("x,y")}',
    ],
)
def test_what_may_match_stays(css):
    assert used_rules(css, NAMES) == css


@pytest.mark.parametrize(
    ("css", "left"),
    [
        (".badge{a:b}", ""),  # a word of the text is no class
        ("#none,.note .none,.none.note{a:b}", ""),
        (".none,.note{a:b}", ".note{a:b}"),
        ("@media print{.none{a:b}.x{c:d}}", "@media print{.x{c:d}}"),
        ("@media print{@supports (a:b){.none{a:b}}}", ""),
        ("/* a */.note{a:b}", ".note{a:b}"),
    ],
)
def test_what_cannot_match_goes(css, left):
    assert used_rules(css, NAMES) == left
