"""The HU scale of one scan: measured against nominal with its line, and what each insert is off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, FactorRange
from bokeh.models.annotations import LabelSet, Span
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.fit import LinearFit, confidence_band, fit_line
from noctis_lab.views.calibration.ink import caption, ink, plain_figure, tap_and_hover
from noctis_lab.views.calibration.numbers import between, number, number_of, signed, text_of
from noctis_lab.views.plots.figure import FONT, left_to_client

__all__ = ["Insert", "insert_names", "inserts_of", "residual_plot", "scale_plot"]

_BAND_POINTS: Final = 64
_ROOM: Final = 0.1
_BOUND: Final = 0.5  # clipped by so much, its true value may be anything lower
_ASLANT: Final = 0.5  # rad
_BOTTOM, _TOP = -1.2, 1.6  # of the farthest bar's end: above it there is room for values
_LEAST_LABEL_GAP: Final = 0.045  # of the axis: names of points that are nearer would overlap


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """A region of an analysis, HU; `low` and `high` None where nothing is accepted or refused."""

    material: str
    value: float
    se: float | None
    sd: float | None
    nominal: float | None
    low: float | None
    high: float | None
    verdict: str
    clipped: float
    source: str
    SOPInstanceUID: str

    @property
    def is_on_line(self) -> bool:
        """Whether the line goes by it: it has a nominal, and less than half of it is clipped."""
        return self.nominal is not None and self.clipped < _BOUND


def inserts_of(rois: Sequence[Mapping[str, Any]]) -> tuple[Insert, ...]:
    """Return an analysis' regions, rows of `hu_roi`, in the order of their values."""
    found = [
        Insert(
            material=str(roi["material"]),
            value=float(roi["value_hu"]),
            se=number_of(roi["se_hu"]),
            sd=number_of(roi["sd_hu"]),
            nominal=number_of(roi["nominal_hu"]),
            low=number_of(roi["nominal_low_hu"]),
            high=number_of(roi["nominal_high_hu"]),
            verdict=str(roi["verdict"]),
            clipped=number_of(roi["clipped_fraction"]) or 0.0,
            source=text_of(roi["nominal_source"]),
            SOPInstanceUID=text_of(roi["SOPInstanceUID"]),
        )
        for roi in rois
        if number_of(roi["value_hu"]) is not None
    ]
    return tuple(sorted(found, key=lambda one: one.value))


def scale_plot(inserts: Sequence[Insert], planes: Mapping[str, int] | None = None) -> Any:
    """Return measured against nominal, with the line and its 95 % band; None without nominals.

    Parameters
    ----------
    planes
        SOPInstanceUID → index of the image that a click on a point shows.
    """
    known = [one for one in inserts if one.nominal is not None]
    if not known:
        return None
    nominal = np.array([one.nominal for one in known], np.float64)
    measured = np.array([one.value for one in known], np.float64)
    low, high = min(nominal.min(), measured.min()), max(nominal.max(), measured.max())
    room = _ROOM * (high - low) or 100.0
    ends = (low - room, high + room)
    plot = plain_figure(ends, ends, has_tools=True)
    caption(plot, "Measured against nominal, HU")
    ink(plot.xgrid[0], grid_line_color="line")
    on_line = np.array([one.is_on_line for one in known])
    # Of one material several inserts may be: a line needs four different ones.
    if len(set(nominal[on_line].tolist())) >= 4:
        fit = fit_line(nominal[on_line], measured[on_line])
        _draw_line(plot, fit, nominal[on_line], ends)
    source = ColumnDataSource(
        {
            "x": nominal,
            "y": measured,
            "name": [_shown_name(one) for one in known],
            "words": [_words(one) for one in known],
            "plane": _planes(known, planes),
        }
    )
    points = plot.scatter(
        x="x", y="y", size=7, line_width=1.75, source=source, name="points inserts"
    )
    ink(points.glyph, fill_color="surface-1", line_color="text-1")
    _label(plot, known, ends)
    tap_and_hover(plot, [points])
    return left_to_client(plot)


def residual_plot(inserts: Sequence[Insert], planes: Mapping[str, int] | None = None) -> Any:
    """Return measured less nominal of each insert over its accepted range; None without nominals.

    The axis is of HU with zero in view; bars reach from the accepted range's low end to its high.
    """
    known = [one for one in inserts if one.nominal is not None]
    if not known:
        return None
    names = insert_names(known)
    off = [one.value - (one.nominal or 0.0) for one in known]
    lows = [(one.low or 0.0) - (one.nominal or 0.0) for one in known]
    highs = [(one.high or 0.0) - (one.nominal or 0.0) for one in known]
    most = max(map(abs, (*off, *lows, *highs)))
    words = [signed(one) for one in off]
    across = FactorRange(factors=names, range_padding=0.1)
    plot = plain_figure(across, (_BOTTOM * most, _TOP * most), has_tools=True)
    caption(plot, "Measured minus nominal, HU. Grey: accepted")
    plot.yaxis.ticker.desired_num_ticks = 4
    plot.xaxis.major_label_orientation = _ASLANT  # side by side, the names of seven would touch
    source = ColumnDataSource(
        {
            "x": names, "y": off, "low": lows, "high": highs,
            "words": [_words(one) for one in known],
            "plane": _planes(known, planes),
            "begins": [value - 1.96 * (one.se or 0) for value, one in zip(off, known, strict=True)],
            "ends": [value + 1.96 * (one.se or 0) for value, one in zip(off, known, strict=True)],
        }
    )  # fmt: skip
    bars = plot.vbar(x="x", top="high", bottom="low", width=0.5, source=source, fill_alpha=0.6)
    ink(bars.glyph, fill_color="surface-4", line_color="text-3")
    zero = Span(dimension="width", location=0, line_width=1.4)
    plot.add_layout(ink(zero, line_color="c1"))
    spread = plot.segment(x0="x", x1="x", y0="begins", y1="ends", source=source, line_width=1.5)
    ink(spread.glyph, line_color="text-1")
    drawn = []
    for verdict, marker, token in (("fail", "x", "fail"), ("", "circle", "text-1")):
        rows = [
            place for place, one in enumerate(known) if (one.verdict == "fail") is bool(verdict)
        ]
        part = {name: [values[row] for row in rows] for name, values in source.data.items()}
        points = plot.scatter(
            x="x", y="y", size=9 if verdict else 7, marker=marker, line_width=2,
            source=ColumnDataSource(data=part), name=f"points {verdict or 'residuals'}",
        )  # fmt: skip
        ink(points.glyph, fill_color="surface-1", line_color=token)
        drawn.append(points)
    # In a row above all bars: beside its point a value would lie on an edge or on the line.
    top = ColumnDataSource({"x": names, "y": [_TOP * most] * len(names), "label": words})
    labels = LabelSet(
        x="x", y="y", text="label", source=top, text_align="center", text_baseline="top",
        text_font=value(FONT), text_font_size="11px",
    )  # fmt: skip
    plot.add_layout(ink(labels, text_color="text-2"))
    tap_and_hover(plot, drawn)
    return left_to_client(plot)


def _draw_line(
    plot: Any, fit: LinearFit, nominal: NDArray[np.float64], ends: tuple[float, float]
) -> None:
    at = np.linspace(*ends, _BAND_POINTS)
    line, half = fit.slope * at + fit.intercept, confidence_band(fit, nominal, at)
    source = ColumnDataSource({"x": at, "y": line, "low": line - half, "high": line + half})
    band = plot.varea(x="x", y1="low", y2="high", source=source, fill_alpha=0.16)
    ink(band.glyph, fill_color="c1")
    ink(plot.line(x="x", y="y", source=source, line_width=1.75).glyph, line_color="c1")
    if not fit.agrees:  # bone inserts may mislead the plain line: the robust one stands beside it
        robust = fit.robust_slope * at + fit.robust_intercept
        other = plot.line(x=at, y=robust, line_width=1.5, line_dash="dashed")
        ink(other.glyph, line_color="c2")


def _label(plot: Any, known: Sequence[Insert], ends: tuple[float, float]) -> None:
    """Name the points, to the right below or the left above by turns where they are near."""
    gap = _LEAST_LABEL_GAP * (ends[1] - ends[0])
    is_left, last = False, -np.inf
    sides: dict[bool, list[Insert]] = {False: [], True: []}
    for one in {one.material: one for one in known}.values():
        is_crowded = one.value - last < 3 * gap or one.value > ends[1] - 4 * gap
        is_left = not is_left if is_crowded else False
        sides[is_left].append(one)
        last = one.value
    for left, mine in sides.items():
        source = ColumnDataSource(
            {
                "x": [one.nominal for one in mine],
                "y": [one.value for one in mine],
                "name": [_shown_name(one) for one in mine],
            }
        )
        labels = LabelSet(
            x="x", y="y", text="name", source=source, text_font=value(FONT), text_font_size="11px",
            x_offset=-9 if left else 9, y_offset=3 if left else -12,
            text_align="right" if left else "left",
        )  # fmt: skip
        plot.add_layout(ink(labels, text_color="text-2"))


def _planes(known: Sequence[Insert], planes: Mapping[str, int] | None) -> list[str]:
    return [str((planes or {}).get(one.SOPInstanceUID, "")) for one in known]


def _shown_name(one: Insert) -> str:
    return one.material[:1].upper() + one.material[1:]


def insert_names(known: Sequence[Insert]) -> list[str]:
    """Return a name for each; of several of one material each has its number."""
    seen: dict[str, int] = {}
    names = []
    for one in known:
        name = _shown_name(one)
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return names


def _words(one: Insert) -> str:
    accepted = (
        "" if one.low is None or one.high is None else f", accepted {between(one.low, one.high)}"
    )
    return f"{_shown_name(one)}: {number(one.value)} HU{accepted}"
