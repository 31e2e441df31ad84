"""Colab shows third-party widgets once their manager is enabled; anywidget does that by itself.

The names are those of Colab's package that anywidget uses.
"""

from types import SimpleNamespace

MANAGER = (
    "https://ssl.gstatic.com/colaboratory-static/widgets/colab-cdn-widget-manager/manager.min.js"
)
_widgets = SimpleNamespace(_installed_url=None)


def enable_custom_widget_manager() -> None:
    """Tell the page from where to load the manager."""
    _widgets._installed_url = MANAGER
