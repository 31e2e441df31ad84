"""axe-core finds nothing on any page, light and dark, on a desk and on a phone."""

import pytest

from tests.site.built import ROOT, pages

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


def violations(page):
    page.evaluate(AXE.read_text(encoding="utf-8"))
    result = page.evaluate("axe.run()")
    assert result["passes"], "axe has looked at nothing"
    return [
        f"{rule['id']}: {rule['help']} -- {node['html'][:200]} -- {node['failureSummary'][:300]}"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]


# Colours do not depend on the width, nor the layout on the colours: two windows see it all.
@pytest.mark.parametrize(("width", "scheme"), [(1300, "light"), (360, "dark")])
@pytest.mark.parametrize("path", [page for page in pages() if page != "index.html"])
def test_axe(visit, path, width, scheme):
    window = visit(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = window.open(path)
    window.come_near_all_figures()
    window.open_all_boxes()
    assert not violations(page)
