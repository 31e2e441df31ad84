"""What axe-core finds wrong on a page for readers who do not see or point as others do."""

from tests.site.built import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


def violations(page, *, colours=True):
    """Return what is wrong, a line each; contrasts are what takes axe longest."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    # Preloading, for the rule about locked orientation, would put a style of axe's into the page.
    rules = {"color-contrast": {"enabled": colours}}
    options = {"resultTypes": ["violations"], "preload": False, "rules": rules}
    result = page.evaluate("(options) => axe.run(options)", options)
    assert result["passes"], "axe has looked at nothing"
    return [
        f"{rule['id']}: {rule['help']} -- {node['html'][:200]} -- {node['failureSummary'][:300]}"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]
