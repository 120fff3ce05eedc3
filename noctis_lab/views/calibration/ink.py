"""Bokeh figures without colours of their own: each part says which token it takes, clients paint.

So one figure serves both themes, and a notebook's cell as well as a page.
"""

from __future__ import annotations

from typing import Any, Final

from bokeh.models import HoverTool, Range1d, TapTool
from bokeh.models.annotations import Title
from bokeh.plotting import figure

from noctis_lab.views.plots.figure import FONT, SMALL, plain_axes

__all__ = ["INK", "caption", "ink", "plain_figure", "tap_and_hover"]

#: What clients find a part's tokens by: ``ink:line_color=c1``.
INK: Final = "ink:"


def ink(model: Any, **tokens: str) -> Any:
    """Say which token each colour of a part is of; returns the part.

    Examples
    --------
    >>> from bokeh.models import Span
    >>> ink(Span(dimension="width", location=0), line_color="c1").tags
    ['ink:line_color=c1']
    """
    model.tags = [*model.tags, *(f"{INK}{name}={token}" for name, token in tokens.items())]
    return model


def plain_figure(
    x: tuple[float, float] | Any,
    y: tuple[float, float] | Any,
    *,
    has_tools: bool = False,
    **settings: Any,
) -> Any:
    """Return an empty figure in the pages' plain style.

    Parameters
    ----------
    x, y
        From where to where, or ranges of Bokeh's.
    has_tools
        Whether it can be panned and zoomed, with a toolbar while the mouse is over it.
    **settings
        Of Bokeh's ``figure``.
    """
    ranges: dict[str, Any] = {
        "x_range": Range1d(start=x[0], end=x[1]) if isinstance(x, tuple) else x,
        "y_range": Range1d(start=y[0], end=y[1]) if isinstance(y, tuple) else y,
    }
    given: dict[str, Any] = {
        "sizing_mode": "stretch_both",
        "min_width": 120,
        "min_height": 80,
        "min_border": 4,
        "min_border_right": 14,
        "outline_line_color": None,
        "tools": "pan,box_zoom,reset,save" if has_tools else "",
        "toolbar_location": "right" if has_tools else None,
    }
    settings = ranges | given | settings
    plot = figure(**settings)
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.toolbar.active_drag = None
    ink(plot, background_fill_color="surface-1", border_fill_color="surface-1")
    plain_axes(plot)
    for axis in plot.axis:
        ink(axis, major_label_text_color="text-3", axis_label_text_color="text-3")
    ink(plot.ygrid[0], grid_line_color="line")
    return plot


def tap_and_hover(plot: Any, renderers: list[Any], words: str = "@words") -> None:
    """Let points say what they are under the mouse, and be clicked: clients open their scan."""
    plot.add_tools(
        HoverTool(renderers=renderers, tooltips=[("", words)]),
        TapTool(renderers=renderers),
    )
    for renderer in renderers:
        renderer.nonselection_glyph = None
        renderer.selection_glyph = None


def caption(plot: Any, text: str) -> None:
    """Write what a plot's axis is of as a short caption above its top left."""
    title = Title(text=text, text_font=FONT, text_font_size=SMALL, text_font_style="normal")
    plot.add_layout(ink(title, text_color="text-3"), "above")
