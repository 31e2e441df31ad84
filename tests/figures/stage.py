"""A page of the book with figures of our own on it, whole or broken on purpose."""

import json
import re

from ipywidgets.embed import dependency_state, embed_data

from tests.site.built import SITE, address

PAGE = address("01_query_key_value")
STATE = re.compile(
    r'(<script type="application/vnd\.jupyter\.widget-state\+json">)(.*?)(</script>)', re.DOTALL
)
ARTICLE = re.compile(r"(<article[^>]*>)(.*?)(</article>)", re.DOTALL)
# Its entries lead to parts of the article.
CONTENTS = re.compile(r'(<nav id="pst-page-toc-nav"[^>]*>)(.*?)(</nav>)', re.DOTALL)
HEADING = re.compile(r"<h1>.*?</h1>", re.DOTALL)
FIGURE = re.compile(r'<div class="live-figure"[^>]*>.*?</script>\s*</div>', re.DOTALL)
MODEL_ID = re.compile(r'"model_id": "\w+"')


def serve(window, change, page=PAGE, site=SITE):
    """Let the window get a page with `change(html)` applied, and go there."""
    html = change((site / page).read_text(encoding="utf-8"))
    window.page.route(
        "**/" + page, lambda route: route.fulfill(body=html, content_type="text/html")
    )
    return window.open(page)


def with_state(html, bundle):
    """Return the page with another saved state of its widgets."""
    text = json.dumps(bundle).replace("</", "<\\/")
    return STATE.sub(lambda match: match[1] + text + match[3], html)


def with_figures_alone(html, figures):
    """Return the page with these figures below its heading, and nothing else in its article."""
    within = "\n".join([HEADING.search(html)[0], *figures])
    html, contents = CONTENTS.subn(r"\1\3", html)
    html, articles = ARTICLE.subn(lambda match: match[1] + within + match[3], html)
    assert contents == articles == 1
    return html


class Stage:
    """Some widgets as figures of one page, in their order, and without its text.

    Args:
        widgets: What to show.
        spoilt: For each widget, what to write into the state of its drawing (the anywidget), even
            if Python would have refused it; no control is joined to these traits then.
    """

    def __init__(self, widgets, spoilt=()):
        bundle = embed_data(
            views=widgets, state=dependency_state(widgets, drop_defaults=False), drop_defaults=False
        )
        self.state, self.views = bundle["manager_state"], bundle["view_specs"]
        models = self.state["state"]
        for widget, traits in zip(widgets, spoilt, strict=False):
            drawing = widget.drawing.model_id
            models[drawing]["state"].update(traits)
            mine = [[f"IPY_MODEL_{drawing}", name] for name in traits]
            for name in [n for n, model in models.items() if model["state"].get("target") in mine]:
                del models[name]

    def __call__(self, window, **page):
        """Show the page in a window and return it, with all figures alive or failed."""

        def change(html):
            html = with_state(html, self.state)
            figure = FIGURE.search(html)[0]
            ids = [f'"model_id": "{view["model_id"]}"' for view in self.views]
            return with_figures_alone(html, [MODEL_ID.sub(each, figure) for each in ids])

        shown = serve(window, change, **page)
        window.come_near_all_figures()
        return shown


def nudge(slider, times=1):
    """Move a slider by keyboard: to the left, or to the right where it stands at its least."""
    now, least = (float(slider.get_attribute(f"aria-value{name}")) for name in ("now", "min"))
    for _ in range(times):
        slider.press("ArrowRight" if now == least else "ArrowLeft")


FRAMES = """() => new Promise(drawn => setTimeout(
    () => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(drawn))),
    50,
))"""


def follow(page):
    """Wait until a figure has drawn what was just done to it, however slow the machine is.

    A figure gathers changes until the next frame; the page itself counts frames, a clock does not.
    """
    page.evaluate(FRAMES)


def put_back(page):
    """Press the reset button of the only figure of a page."""
    page.locator(".live .attn-button").click()
    follow(page)
    return page


def shown(page):
    """Return the numbers that the only figure of a page shows."""
    return json.loads(page.locator(".live .attn-figure").get_attribute("data-numbers"))
