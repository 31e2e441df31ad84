"""What the page on speed says in its text of the cache, the committed results say, too."""

import json
import re

import pytest

from tools.editions import ROOT, editions

RESULTS = json.loads((ROOT / "benchmarks/results/attention.json").read_text(encoding="utf-8"))
EDITIONS = [each for each in editions() if (each.pages_folder / "speed.md").is_file()]
MOVED = 0.1  # by which a new measurement may differ: the text says about how much


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda each: each.language)
def test_the_numbers_of_the_cache_are_those_that_were_measured(edition):
    page = (edition.pages_folder / "speed.md").read_text(encoding="utf-8")
    section = page.partition("(what-a-cache-saves)=\n")[2].partition("\n(")[0]
    told = [(int(a), float(b)) for a, b in re.findall(r"\| (\d+) \| (\d+\.\d) \|", section)]
    faster = {n: each["anew"] / each["cached"] for n, each in RESULTS["generation"].items()}
    measured = [*faster.items(), *RESULTS["memory of a cache"].items()]
    assert [case for case, _ in told] == [int(case) for case, _ in measured]
    assert [number for _, number in told] == [pytest.approx(m, rel=MOVED) for _, m in measured]
