"""The standard controls of the figures: as wide as the figure, with the description in front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets


def slider(
    description: str, value: float, least: float, most: float, step: float = 1
) -> ipywidgets.Widget:
    """Return a slider: of whole numbers if `step` is one, else with two decimals."""
    layout = ipywidgets.Layout(width="auto")
    bounds: dict[str, Any] = {"value": value, "min": least, "max": most, "step": step}
    if isinstance(step, int):
        return ipywidgets.IntSlider(description=description, layout=layout, **bounds)
    return ipywidgets.FloatSlider(
        description=description, layout=layout, readout_format=".2f", **bounds
    )


def checkbox(description: str, value: bool) -> ipywidgets.Checkbox:
    """Return a box to tick."""
    layout = ipywidgets.Layout(width="auto")
    return ipywidgets.Checkbox(description=description, value=value, layout=layout)


def text_field(description: str, value: str) -> ipywidgets.Text:
    """Return a line to type into; what is typed counts at once."""
    layout = ipywidgets.Layout(width="auto")
    return ipywidgets.Text(description=description, value=value, layout=layout)


def buttons(
    description: str, options: Sequence[str], index: int, *, width: str = "auto"
) -> ipywidgets.ToggleButtons:
    """Return buttons of which one is chosen; they go on in a second row where one is too short."""
    return ipywidgets.ToggleButtons(
        description=description,
        options=options,
        index=index,
        style={"button_width": width, "description_width": "84px"},
        layout=ipywidgets.Layout(
            width="auto", display="flex", flex_flow="row wrap", align_items="baseline"
        ),
    )


def dropdown(
    description: str, options: Sequence[tuple[str, Any]], index: int
) -> ipywidgets.Dropdown:
    """Return a list to choose from; it shares the place of the choice, not its value."""
    layout = ipywidgets.Layout(width="auto", max_width="240px")
    return ipywidgets.Dropdown(description=description, options=options, index=index, layout=layout)
