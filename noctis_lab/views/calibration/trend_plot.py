"""A control chart as a figure: scans as points, the EWMA as a line, limits and tolerance apart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
from bokeh.models import ColumnDataSource, DatetimeTickFormatter, Line, Quad, Scatter, Segment
from bokeh.models.annotations import BoxAnnotation, Label, Span
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.charts.control import ControlChart, RuleTrack
from noctis_lab.analysis.calibration.charts.rules import EWMA, SHEWHART
from noctis_lab.jobs.calibration.charts import ChartPoint, ScannerChart
from noctis_lab.views.calibration.address import scan_address
from noctis_lab.views.calibration.ink import caption, ink, plain_figure, tap_and_hover
from noctis_lab.views.calibration.quantities import Quantity, quantity_of
from noctis_lab.views.plots.figure import FONT, left_to_client

__all__ = ["empty_plot", "shared_range", "trend_plot"]

_LONG_MS: Final = 400 * 86_400e3  # months alone would not tell the year
_MOST_EVENTS: Final = 20
_MOST_REACHES: Final = 2.5
_ROOM: Final = 0.06
_MARGIN: Final = 0.5  # of the tolerance, that is shown beyond it
_FIRM_FILL, _PROVISIONAL_FILL = 0.11, 0.06


def shared_range(charts: Sequence[ControlChart], *, is_signed: bool = False) -> tuple[float, float]:
    """Return from where to where a value axis reaches that many charts share.

    Values, established limits and tolerances are in view, but one chart that is far off does not
    flatten all others: nothing farther from their middle than two and a half times the usual
    reach is. Zero is amid the axis where it means that nothing is off.
    """
    extents = [extent for chart in charts if (extent := _extent(chart)) is not None]
    if not extents:
        return -1.0, 1.0
    middle = float(np.median([(low + high) / 2 for low, high in extents]))
    reaches = [max(high - middle, middle - low) for low, high in extents]
    most = _MOST_REACHES * float(np.median(reaches))
    low = max(min(low for low, _ in extents), middle - most)
    high = min(max(high for _, high in extents), middle + most)
    if is_signed:
        high = max(abs(low), abs(high))
        low = -high
    room = _ROOM * (high - low) or max(abs(high) * 0.1, 1e-3)
    return low - room, high + room


def _extent(chart: ControlChart) -> tuple[float, float] | None:
    ends = chart.trend.values.tolist()
    for number, baseline in enumerate(chart.baselines):
        if baseline.status == "established" and (chart.baseline_numbers == number).any():
            reach = SHEWHART.width * baseline.sigma
            ends += [baseline.center - reach, baseline.center + reach]
    band = chart.tolerance
    if band is not None and np.isfinite([band.low, band.high]).all():
        beyond = _MARGIN * (band.high - band.low) / 2
        ends += [band.low - beyond, band.high + beyond]
    return (min(ends), max(ends)) if ends else None


def trend_plot(
    drawn: ScannerChart,
    *,
    x: tuple[datetime, datetime] | None = None,
    y: tuple[float, float] | None = None,
    is_card: bool = False,
) -> Any:
    """Return the figure of a control chart.

    Parameters
    ----------
    drawn
        The chart; its events are drawn too.
    x, y
        From where to where the axes reach, times by the scanner's clock; by default all of it.
    is_card
        One of many small ones: no caption and no tools.

    Returns
    -------
    bokeh.plotting.figure
        Its renderers ``points …`` have the columns ``href`` (the scan's page) and ``words``.
    """
    chart, quantity = drawn.chart, quantity_of(drawn.quantity)
    begins, ends = _span(chart) if x is None else (_ms_of(x[0]), _ms_of(x[1]))
    low, high = shared_range([chart]) if y is None else y
    plot = plain_figure((begins, ends), (low, high), has_tools=not is_card, x_axis_type="datetime")
    plot.xaxis.formatter = DatetimeTickFormatter(
        hours="%d %b",
        days="%d %b",
        years="%Y",
        months="%b" if ends - begins < _LONG_MS else "%b %Y",
    )
    plot.xaxis.ticker.desired_num_ticks = 5
    plot.yaxis.ticker.desired_num_ticks = 4 if is_card else 5
    if not is_card:
        caption(plot, quantity.caption)
    _draw_tolerance(plot, chart)
    _draw_limits(plot, chart, ends)
    _draw_ewma(plot, chart)
    for event in drawn.events[-_MOST_EVENTS:]:
        if begins <= _ms_of(event.at) <= ends:
            _draw_event(plot, event.event_kind, _ms_of(event.at))
    _draw_points(plot, drawn, quantity, (low, high))
    return left_to_client(plot)


def empty_plot() -> Any:
    """Return the figure of a chart without scans: nothing at all."""
    plot = plain_figure((0.0, 1.0), (0.0, 1.0))
    plot.axis.visible = False
    plot.grid.visible = False
    plot.add_glyph(ColumnDataSource({"x": [], "y": []}), Scatter(x="x", y="y"))
    return left_to_client(plot)


def _ms_of(at: datetime) -> float:
    return _ms(np.datetime64(at, "ms"))


def _ms(at: np.datetime64) -> float:
    return float(at.astype("datetime64[ms]").astype(np.int64))


def _span(chart: ControlChart) -> tuple[float, float]:
    if not len(chart.trend):
        return 0.0, 1.0
    first, last = _ms(chart.trend.at[0]), _ms(chart.trend.at[-1])
    room = max(0.03 * (last - first), 86_400e3)
    return first - room, last + room


def _draw_tolerance(plot: Any, chart: ControlChart) -> None:
    """Hatch what is not accepted: the forbidden side, so that limits and tolerance differ."""
    band = chart.tolerance
    if band is None:
        return
    for end, is_top in ((band.high, True), (band.low, False)):
        if not np.isfinite(end):
            continue
        box = BoxAnnotation(
            fill_alpha=0.5, line_color=None, level="underlay",
            hatch_pattern="/", hatch_scale=7, hatch_weight=1.4,
        )  # fmt: skip
        if is_top:
            box.bottom = end
        else:
            box.top = end
        plot.add_layout(ink(box, fill_color="surface-2", hatch_color="line-strong"))
        edge = Span(dimension="width", location=end, line_width=1, level="underlay")
        plot.add_layout(ink(edge, line_color="text-3"))


def _track(chart: ControlChart, name: str) -> RuleTrack | None:
    return next((track for track in chart.tracks if track.rule.name == name), None)


def _draw_limits(plot: Any, chart: ControlChart, ends: float) -> None:
    """Draw what a scanner usually does: 3σ about its centre, for as long as a baseline holds."""
    begins = [_ms(baseline.valid_from) for baseline in chart.baselines]
    until = [*begins[1:], ends]
    for is_firm in (True, False):
        rows = [
            (max(left, _first(chart, number)), right, b.center, SHEWHART.width * b.sigma)
            for number, (b, left, right) in enumerate(
                zip(chart.baselines, begins, until, strict=True)
            )
            if b.has_limits and (b.status != "provisional") is is_firm and left < right
        ]
        if not rows:
            continue
        left, right, center, reach = (np.array(values) for values in zip(*rows, strict=True))
        low, high = center - reach, center + reach
        fill = Quad(
            left="left", right="right", bottom="low", top="high", line_color=None,
            fill_alpha=_FIRM_FILL if is_firm else _PROVISIONAL_FILL,
        )  # fmt: skip
        columns = {"left": left, "right": right, "low": low, "high": high}
        plot.add_glyph(ColumnDataSource(columns), ink(fill, fill_color="c1"))
        ends_of = np.concatenate([low, high]), np.concatenate([left, left])
        _segments(plot, *ends_of, np.concatenate([right, right]), "dashed" if is_firm else "dotted")
        _segments(plot, center, left, right, "solid")


def _segments(
    plot: Any,
    y: NDArray[np.float64],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    dash: str,
) -> None:
    source = ColumnDataSource({"y": y, "left": left, "right": right})
    line = Segment(x0="left", x1="right", y0="y", y1="y", line_width=1.1, line_dash=dash)
    plot.add_glyph(source, ink(line, line_color="c1"))


def _first(chart: ControlChart, number: int) -> float:
    mine = np.flatnonzero(chart.baseline_numbers == number)
    return _ms(chart.trend.at[mine[0]]) if mine.size else 0.0


def _draw_ewma(plot: Any, chart: ControlChart) -> None:
    track = _track(chart, EWMA.name)
    if track is None:
        return
    at = chart.trend.at.astype("datetime64[ms]").astype(np.int64).astype(float)
    # The statistic begins anew with each baseline: no line leads from one to the next.
    breaks = np.flatnonzero(np.diff(chart.baseline_numbers)) + 1
    source = ColumnDataSource(
        {
            name: np.insert(values, breaks, np.nan)
            for name, values in (
                ("x", at), ("z", track.statistic), ("low", track.low), ("high", track.high),
            )
        }
    )  # fmt: skip
    for name in ("low", "high"):
        limit = Line(x="x", y=name, line_width=1, line_dash="dotted")
        plot.add_glyph(source, ink(limit, line_color="c2"))
    plot.add_glyph(source, ink(Line(x="x", y="z", line_width=1.75), line_color="c2"))


def _draw_event(plot: Any, kind: str, at: float) -> None:
    span = Span(dimension="height", location=at, line_width=1.2, line_dash="dotted")
    plot.add_layout(ink(span, line_color="text-2"))
    label = Label(
        x=at, y=4, x_offset=6, y_units="screen", text=kind.capitalize(),
        text_font=FONT, text_font_size="11px", background_fill_alpha=0.8,
    )  # fmt: skip
    plot.add_layout(ink(label, text_color="text-1", background_fill_color="surface-1"))


def _draw_points(
    plot: Any, drawn: ScannerChart, quantity: Quantity, y: tuple[float, float]
) -> None:
    """Draw the scans: the last one larger, alarms as triangles, what breaks a tolerance crossed."""
    kinds = [
        "broken" if point.is_out_of_tolerance else "alarm" if point.alarms else "plain"
        for point in drawn.points
    ]
    if kinds and kinds[-1] == "plain":
        kinds[-1] = "last"
    looks: tuple[tuple[str, str, float, str], ...] = (
        ("plain", "circle", 4, "text-2"),
        ("last", "circle", 7, "text-1"),
        ("alarm", "triangle", 10, "warn"),
        ("broken", "x", 9, "fail"),
    )
    renderers = []
    for kind, marker, size, token in looks:
        mine = [p for p, own in zip(drawn.points, kinds, strict=True) if own == kind]
        if not mine:
            continue
        edge = "surface-1" if kind == "alarm" else token
        width = 2 if kind == "broken" else 1
        glyph = Scatter(x="x", y="y", marker=marker, size=size, line_width=width)
        source = ColumnDataSource(data=_columns(mine, quantity, y))
        renderers.append(
            plot.add_glyph(source, ink(glyph, fill_color=token, line_color=edge),
                           name=f"points {kind}")
        )  # fmt: skip
    tap_and_hover(plot, renderers)


def _columns(
    points: Sequence[ChartPoint], quantity: Quantity, y: tuple[float, float]
) -> dict[str, list[Any]]:
    # What is beyond the axis stands at its end; its words tell the value.
    inset = _ROOM / 2 * (y[1] - y[0])
    low, high = y[0] + inset, y[1] - inset
    return {
        "x": [_ms_of(point.at) for point in points],
        "y": [min(max(point.value, low), high) for point in points],
        "href": [scan_address(point.SeriesInstanceUID, point.StudyInstanceUID) for point in points],
        "words": [_words(point, quantity) for point in points],
    }


def _words(point: ChartPoint, quantity: Quantity) -> str:
    rules = [f"{_RULES.get(rule, rule)} alarm" for rule in point.alarms]
    outside = ["outside tolerance"] if point.is_out_of_tolerance else []
    return " · ".join((f"{point.at:%Y-%m-%d}", quantity.write(point.value), *rules, *outside))


_RULES: Final = {"ewma": "EWMA", "shewhart": "Shewhart"}
