"""The Bokeh figure that every linked plot draws into: its client fills, scales and colours it."""

from __future__ import annotations

from typing import Any, Final

from bokeh.models import (
    BoxZoomTool,
    ColumnDataSource,
    HoverTool,
    PanTool,
    Range1d,
    ResetTool,
    SaveTool,
)
from bokeh.plotting import figure

__all__ = ["FONT", "SMALL", "left_to_client", "plain_axes", "plot_figure"]

FONT: Final = "Inter, system-ui, sans-serif"
SMALL: Final = "11px"


def plot_figure() -> Any:
    """Return an empty figure with what each kind of plot needs, by name.

    Returns
    -------
    bokeh.plotting.figure
        Renderers ``bars`` (left, right, top), ``band`` (x, low, high), ``line`` and ``points``
        (x, y, words), all hidden, and ranges of numbers alone: what is drawn comes as a
        component's own parameter, and its client writes it without the wire.
    """
    plot = figure(
        x_range=Range1d(start=0, end=1),
        y_range=Range1d(start=0, end=1),
        sizing_mode="stretch_both",
        min_width=120,
        min_height=80,
        toolbar_location="right",
        min_border=4,
        min_border_right=12,
        outline_line_color=None,
    )
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    bars = plot.quad(
        left="left", right="right", top="top", bottom=0, name="bars",
        source=ColumnDataSource({"left": [], "right": [], "top": []}, name="bars"),
        line_width=0, visible=False,
    )  # fmt: skip
    plot.varea(
        x="x", y1="low", y2="high", name="band",
        source=ColumnDataSource({"x": [], "low": [], "high": []}, name="band"),
        visible=False,
    )  # fmt: skip
    source = ColumnDataSource({"x": [], "y": [], "words": []}, name="line")
    plot.line(x="x", y="y", name="line", source=source, line_width=1.5, visible=False)
    points = plot.scatter(x="x", y="y", name="points", source=source, size=5, visible=False)
    plot.tools = [
        PanTool(dimensions="width"),
        BoxZoomTool(dimensions="width"),
        ResetTool(),
        SaveTool(),
        HoverTool(
            renderers=[bars], tooltips=[("values", "@left to @right"), ("count", "@top{0}")],
            mode="vline", point_policy="follow_mouse",
        ),
        HoverTool(renderers=[points], tooltips=[("", "@words")], mode="vline"),
    ]  # fmt: skip
    plot.toolbar.active_drag = None
    plain_axes(plot)
    return left_to_client(plot)


def plain_axes(plot: Any) -> None:
    """Take lines and ticks from a figure's axes, and the vertical lines of its grid."""
    for axis in plot.axis:
        axis.update(
            axis_line_color=None,
            major_tick_line_color=None,
            minor_tick_line_color=None,
            major_label_text_font=FONT,
            major_label_text_font_size=SMALL,
            axis_label_text_font=FONT,
            axis_label_text_font_size=SMALL,
            axis_label_text_font_style="normal",
            major_label_standoff=6,
        )
    plot.xgrid.grid_line_color = None


def left_to_client(plot: Any) -> Any:
    """Let what a browser sets, pans and zooms stay in the browser; returns the figure."""
    for model in plot.references():
        model.syncable = False
    return plot
