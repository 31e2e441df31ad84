"""Live figures: they move in JupyterLab, in Colab and in a page without a kernel."""

from attnlib.widgets.alibi import AlibiExplorer
from attnlib.widgets.cache_lab import CacheLab
from attnlib.widgets.head_ablation import HeadAblation
from attnlib.widgets.induction import InductionLab
from attnlib.widgets.live_figure import LiveFigure
from attnlib.widgets.mask_lab import MaskLab
from attnlib.widgets.multi_head import MultiHeadView
from attnlib.widgets.positional_encoding import PositionalEncodingExplorer
from attnlib.widgets.query_key_value import QueryKeyValueExplorer
from attnlib.widgets.reading import PhraseReader
from attnlib.widgets.rotary import RotaryExplorer
from attnlib.widgets.scaling import ScalingExplorer
from attnlib.widgets.signal_through_depth import SignalThroughDepth
from attnlib.widgets.tiles import Tiles
from attnlib.widgets.translator import DateTranslator

__all__ = [
    "AlibiExplorer",
    "CacheLab",
    "DateTranslator",
    "HeadAblation",
    "InductionLab",
    "LiveFigure",
    "MaskLab",
    "MultiHeadView",
    "PhraseReader",
    "PositionalEncodingExplorer",
    "QueryKeyValueExplorer",
    "RotaryExplorer",
    "ScalingExplorer",
    "SignalThroughDepth",
    "Tiles",
]
