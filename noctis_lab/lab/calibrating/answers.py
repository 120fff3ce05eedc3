"""Charts, comparisons and records as JSON: for pages and other programs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any, Final

import numpy as np

from noctis_lab.analysis.calibration.charts.tolerance import ToleranceBand
from noctis_lab.jobs.calibration.charts import ScannerChart
from noctis_lab.jobs.calibration.comparing import ScannerComparison

__all__ = ["chart_json", "comparison_json", "row_json"]

#: Columns that are instants; other times are by a scanner's own clock, which bears no zone.
_INSTANTS: Final = frozenset({"recorded_at", "acknowledged_at", "happened_at", "valid_from"})


def row_json(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row of a view `hu_…` as JSON values: instants in UTC, no number where there is none.

    Examples
    --------
    >>> row_json({"recorded_at": datetime(2026, 1, 2), "se_hu": float("nan")})
    {'recorded_at': '2026-01-02T00:00:00+00:00', 'se_hu': None}
    """
    return {str(name): _value(value, is_instant=name in _INSTANTS) for name, value in row.items()}


def chart_json(chart: ScannerChart, *, with_points: bool = True) -> dict[str, Any]:
    """Return a chart as JSON values; the times in it are by the scanner's own clock."""
    points = [_all(asdict(point)) for point in chart.points] if with_points else None
    return {
        "scanner": chart.scanner,
        "protocol": chart.protocol,
        "quantity": chart.quantity,
        "unit": chart.unit,
        "status": chart.status,
        "name": asdict(chart.name),
        "key": asdict(chart.key),
        "scan_count": len(chart.points),
        "left_out_count": chart.left_out_count,
        "last": _all(asdict(chart.points[-1])) if chart.points else None,
        "baselines": [_all(asdict(baseline)) for baseline in chart.baselines],
        "tolerance": None if chart.tolerance is None else _band(chart.tolerance),
        "events": [_all(asdict(event)) for event in chart.events],
        "points": points,
    }


def comparison_json(found: ScannerComparison) -> dict[str, Any]:
    """Return a comparison as JSON values."""
    agreement = found.agreement
    named = ("bias", "bias_ci", "sd", "low", "low_ci", "high", "high_ci", "slope", "slope_ci")
    return {
        "first": {**asdict(found.first), "protocol": found.first.protocol},
        "second": {**asdict(found.second), "protocol": found.second.protocol},
        "quantity": found.quantity,
        "unit": found.unit,
        "pairing": agreement.pairs.pairing,
        "unpaired": list(agreement.pairs.unpaired),
        "labels": list(agreement.pairs.labels),
        "means": agreement.means.tolist(),
        "differences": agreement.differences.tolist(),
        **{name: _value(getattr(agreement, name)) for name in named},
    }


def _all(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in values.items()}


def _band(band: ToleranceBand) -> dict[str, Any]:
    return {"low": _value(band.low), "high": _value(band.high), "source": band.source}


def _value(value: Any, *, is_instant: bool = False) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, tuple | list | np.ndarray):
        return [_value(one) for one in value]
    if value is None or value != value or str(value) in ("NaT", "<NA>"):
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return (value.replace(tzinfo=UTC) if is_instant else value).isoformat()
    return value.isoformat() if isinstance(value, date) else value
