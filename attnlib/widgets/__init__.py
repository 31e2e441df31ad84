"""Live figures: they move in JupyterLab, in Colab and in a page without a kernel."""

from attnlib.widgets.live_figure import LiveFigure
from attnlib.widgets.multi_head import MultiHeadView
from attnlib.widgets.query_key_value import QueryKeyValueExplorer

__all__ = ["LiveFigure", "MultiHeadView", "QueryKeyValueExplorer"]
