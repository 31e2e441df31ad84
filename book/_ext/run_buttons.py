"""The buttons above a chapter: where to run it, and what to download.

The theme makes links to Colab and Binder from the book's address (`repository` in
``_config.yml``). While there is no address they would be dead. With and without one the menu offers
the chapter as a file that carries the library, to be uploaded wherever there is a Jupyter, and says
how to run it on one's own computer. The services' logos are left out: the names say all, and two
pictures are saved on each page.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.typing import ExtensionMetadata

HOW_TO_RUN = "three-ways-to-read"  # anchor of a heading of the introduction
LABEL = "launch-buttons"
DOWNLOAD = "download-source-button"


def without_dead_links(app: Sphinx, config: Config) -> None:
    """Take the launch buttons out of the theme's options while the book has no address."""
    if not config.html_theme_options.get("repository_url"):
        config.html_theme_options.pop("launch_buttons", None)


def add_own_entries(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add what needs no address to the menu of a chapter, which may not exist yet."""
    buttons = context.get("header_buttons", [])
    if context.get("page_source_suffix") != ".ipynb":
        return
    menu = next((group for group in buttons if group.get("label") == LABEL), None)
    if menu is None:
        menu = {"type": "group", "icon": "fas fa-rocket", "label": LABEL, "buttons": []}
        buttons.insert(0, menu)
    says = app.config.edition["site"]
    menu["tooltip"] = says["run_chapter"]
    for button in menu["buttons"]:
        button.pop("icon", None)
    # The file behind it carries the library: tools/self_contained.py.
    downloads = [each for group in buttons for each in group.get("buttons", [])]
    notebook = next(each for each in downloads if each.get("label") == DOWNLOAD)
    notebook["tooltip"] = says["notebook_hint"]
    as_file = {
        "type": "link",
        "text": says["notebook"],
        "tooltip": says["notebook_hint"],
        "url": notebook["url"],
    }
    here = {
        "type": "link",
        "text": says["own_computer"],
        "tooltip": says["own_computer_hint"],
        "url": f"{context['pathto'](context['root_doc'])}#{HOW_TO_RUN}",
    }
    menu["buttons"] += [as_file, here]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the two steps."""
    app.setup_extension("edition_settings")
    app.connect("config-inited", without_dead_links, priority=100)
    app.connect("html-page-context", add_own_entries, priority=510)  # the theme's come at 501
    return {"parallel_read_safe": True, "parallel_write_safe": True}
