"""The strictest Content-Security-Policy under which a page of the book works.

CONTRIBUTING.md, "Under a Content-Security-Policy", says it in words. Tests serve every page with
it.
"""

import base64
import hashlib
import re

INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)([^>]*)>(.*?)</script>", re.DOTALL)
INLINE_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)


def sha256(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def policy(html: str) -> str:
    """Return the value of the header for one page."""
    scripts = {sha256(code) for kind, code in INLINE_SCRIPT.findall(html) if "json" not in kind}
    styles = {sha256(css) for css in INLINE_STYLE.findall(html)}
    return "; ".join(
        [
            "default-src 'none'",
            # blob: is how a figure's own code, which its widget carries, is started as a module.
            # Light or dark is set before the page is painted.
            f"script-src 'self' blob: {' '.join(sorted(scripts))}",
            # The theme hides its buttons where scripts are off.
            f"style-src-elem 'self' {' '.join(sorted(styles))}",
            "style-src-attr 'unsafe-inline'",  # the formulas that KaTeX has set
            "img-src 'self' data:",
            "font-src 'self' data:",
            "connect-src 'self'",  # the search fetches the pages that it has found
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )
