"""What is plotted of a scan's other modules: uniformity, resolution and noise."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, DataRange1d, LinearColorMapper
from bokeh.models.annotations import ColorBar, LabelSet, Span

from noctis_lab.analysis.calibration.edge import Mtf
from noctis_lab.analysis.calibration.spectrum import NoiseSpectrum
from noctis_lab.analysis.calibration.uniformity import Uniformity
from noctis_lab.views.calibration.ink import caption, ink, plain_figure
from noctis_lab.views.calibration.numbers import signed
from noctis_lab.views.plots.figure import FONT, left_to_client

__all__ = ["mtf_plot", "noise_plot", "profile_plot", "uniformity_plot"]

_LEAST_SCALE_HU: Final = 5.0
#: Place of a region → where it lies on the map, in shares of its reach.
_PLACES: Final = {
    "center": (0.0, 0.0), "right": (1.0, 0.0), "bottom": (0.0, -1.0), "left": (-1.0, 0.0),
    "top": (0.0, 1.0),
}  # fmt: skip
_RING_PX: Final = 34  # "+12.0" of 11 px is some 30 wide
_COLOURS: Final = 65  # that stand in until a client paints; an odd number has one for zero


def uniformity_plot(found: Uniformity, distance_mm: float) -> Any:
    """Return the map of a plain module less its middle, HU, as images are shown: top is anterior.

    Colours are symmetric about zero.
    """
    reach = float(found.map_mm[-1]) + float(found.map_mm[1] - found.map_mm[0]) / 2
    limit = max(_LEAST_SCALE_HU, float(np.nanmax(np.abs(found.map_hu))))
    plot = plain_figure(
        DataRange1d(range_padding=0), DataRange1d(range_padding=0), match_aspect=True,
        min_border_left=8,
    )  # fmt: skip
    plot.axis.visible = False
    plot.grid.visible = False
    caption(plot, "Less its middle, HU")
    colours = ink(
        LinearColorMapper(palette=["#808080"] * _COLOURS, low=-limit, high=limit,
                          nan_color=(0, 0, 0, 0)),
        palette="div",
    )  # fmt: skip
    plot.image(
        image=[found.map_hu[::-1]], x=-reach, y=-reach, dw=2 * reach, dh=2 * reach,
        color_mapper=colours, name="map",
    )  # fmt: skip
    middle = found.means["center"]
    source = ColumnDataSource(
        {
            "x": [_PLACES[place][0] * distance_mm for place in found.means],
            "y": [_PLACES[place][1] * distance_mm for place in found.means],
            "words": [signed(mean - middle) if place != "center" else signed(mean)
                      for place, mean in found.means.items()],
        }
    )  # fmt: skip
    rings = plot.scatter(
        x="x", y="y", size=_RING_PX, source=source, fill_alpha=0.55, line_width=1.5
    )
    ink(rings.glyph, line_color="text-1", fill_color="surface-1")
    labels = LabelSet(
        x="x", y="y", text="words", source=source, text_align="center", text_baseline="middle",
        text_font=value(FONT), text_font_size="11px",
    )  # fmt: skip
    plot.add_layout(ink(labels, text_color="text-1"))
    bar = ColorBar(
        color_mapper=colours, width=8, margin=4, padding=4, major_tick_line_color=None,
        major_label_text_font=FONT, major_label_text_font_size="11px", bar_line_color=None,
    )  # fmt: skip
    ink(bar, major_label_text_color="text-3", background_fill_color="surface-1")
    plot.add_layout(bar, "right")
    return left_to_client(plot)


def profile_plot(found: Uniformity) -> Any:
    """Return the map's middle row and column, HU against mm from the axis."""
    middle = len(found.map_mm) // 2
    rows = {"right to left": found.map_hu[middle], "top to bottom": found.map_hu[:, middle]}
    values = np.concatenate(list(rows.values()))
    reach = 1.2 * max(_LEAST_SCALE_HU / 2, float(np.nanmax(np.abs(values))))
    ends = float(found.map_mm[0]), float(found.map_mm[-1])
    plot = plain_figure(ends, (-reach, reach), has_tools=True)
    caption(plot, "Row, column (dashed), HU")
    plot.xaxis.axis_label = "mm"
    plot.add_layout(ink(Span(dimension="width", location=0), line_color="line-strong"))
    for (_, line), token, dash in zip(
        rows.items(), ("text-1", "c2"), ("solid", "dashed"), strict=True
    ):
        drawn = plot.line(x=found.map_mm, y=line, line_width=1.5, line_dash=dash)
        ink(drawn.glyph, line_color=token)
    return left_to_client(plot)


def mtf_plot(found: Mtf) -> Any:
    """Return the modulation transfer function with its 95 % band and where it is 50, 10 %."""
    x, y, se = found.frequency_mm, found.mtf, np.nan_to_num(found.mtf_se)
    plot = plain_figure((0.0, float(x[-1])), (0.0, 1.08), has_tools=True)
    caption(plot, f"MTF, {found.source}")
    plot.xaxis.axis_label = "mm\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT ONE}"
    band = plot.varea(x=x, y1=y - 1.96 * se, y2=y + 1.96 * se, fill_alpha=0.16)
    ink(band.glyph, fill_color="c1")
    ink(plot.line(x=x, y=y, line_width=1.75).glyph, line_color="c1")
    falls = [(f, part) for f, part in ((found.f50, 0.5), (found.f10, 0.1)) if np.isfinite(f)]
    source = ColumnDataSource(
        {
            "x": [f for f, _ in falls],
            "y": [part for _, part in falls],
            "words": [f"{100 * part:.0f} % at {f:.2f}" for f, part in falls],
        }
    )
    points = plot.scatter(x="x", y="y", size=7, source=source)
    ink(points.glyph, fill_color="surface-1", line_color="text-1")
    labels = LabelSet(
        x="x", y="y", text="words", source=source, x_offset=9, y_offset=2, text_font=value(FONT),
        text_font_size="11px",
    )  # fmt: skip
    plot.add_layout(ink(labels, text_color="text-2"))
    return left_to_client(plot)


def noise_plot(found: NoiseSpectrum) -> Any:
    """Return the noise power spectrum with its 95 % band."""
    x, y, se = found.frequency_mm, found.nps, np.nan_to_num(found.nps_se)
    top = 1.1 * float(np.nanmax(y + 1.96 * se)) or 1.0
    plot = plain_figure((0.0, float(x[-1])), (0.0, top), has_tools=True)
    caption(plot, "Noise power, HU\N{SUPERSCRIPT TWO} mm\N{SUPERSCRIPT TWO}")
    plot.xaxis.axis_label = "mm\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT ONE}"
    band = plot.varea(x=x, y1=y - 1.96 * se, y2=y + 1.96 * se, fill_alpha=0.16)
    ink(band.glyph, fill_color="c1")
    ink(plot.line(x=x, y=y, line_width=1.75).glyph, line_color="c1")
    return left_to_client(plot)
