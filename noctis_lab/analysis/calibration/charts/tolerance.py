"""Where a figure must lie, whatever its scanner's habit: apart from control limits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from noctis_lab.analysis.calibration.charts.trends import ChartKey, Trend
from noctis_lab.errors import CannotCalibrate

__all__ = ["ToleranceBand", "ToleranceBreach", "find_breaches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToleranceBand:
    """From where to where a figure may lie, ends included; infinite where nothing is said.

    Control limits say whether a scanner is as it was, a tolerance whether that is good enough. One
    never stands for the other: a scanner can be in control and out of tolerance, and the reverse.

    Attributes
    ----------
    source
        Who says so: a tolerance set, a nominal value's source.

    Raises
    ------
    CannotCalibrate
        ``bad_tolerance``: upside down, not a number, or without either end.
    """

    low: float
    high: float
    source: str

    def __post_init__(self) -> None:
        if not self.low <= self.high or (math.isinf(self.low) and math.isinf(self.high)):
            raise CannotCalibrate(
                "bad_tolerance",
                f"expected a tolerance from low to high, came {self.low:g} to {self.high:g}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ToleranceBreach:
    """A scan outside of a tolerance.

    Attributes
    ----------
    limit
        The end that it passed.
    side
        "high" or "low".
    """

    key: ChartKey
    figure: str
    scan_id: str
    at: np.datetime64
    value: float
    limit: float
    side: str
    source: str


def find_breaches(trend: Trend, band: ToleranceBand) -> tuple[ToleranceBreach, ...]:
    """Return the scans outside of a tolerance, in order; no baseline has a say."""
    outside = np.flatnonzero((trend.values < band.low) | (trend.values > band.high))
    return tuple(_breach(trend, band, int(place)) for place in outside)


def _breach(trend: Trend, band: ToleranceBand, place: int) -> ToleranceBreach:
    value = float(trend.values[place])
    is_high = value > band.high
    return ToleranceBreach(
        key=trend.key,
        figure=trend.figure,
        scan_id=trend.scan_ids[place],
        at=trend.at[place],
        value=value,
        limit=band.high if is_high else band.low,
        side="high" if is_high else "low",
        source=band.source,
    )
