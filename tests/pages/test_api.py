"""The page of the library names what is public: what its build shows, tests/site looks at."""

import re

import pytest

import attnlib
from tools.editions import editions


@pytest.mark.parametrize("edition", editions(), ids=lambda each: each.language)
def test_every_public_name_of_the_maths_is_on_the_page(edition):
    text = (edition.pages_folder / "api.md").read_text(encoding="utf-8")
    maths = text.partition(".. currentmodule:: attnlib\n")[2].partition(".. currentmodule:: ")[0]
    named = re.findall(r"^\.\. auto(?:function|class):: (\w+)$", maths, re.MULTILINE)
    assert sorted(named) == sorted(attnlib.__all__)
