"""Charts as one long table: a row for each scan and quantity, for files and other programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from noctis_lab.catalog.hu_columns import TREND_COLUMNS
from noctis_lab.catalog.result import Result
from noctis_lab.jobs.calibration.charts import ScannerChart

__all__ = ["trend_table"]


def trend_table(charts: Iterable[ScannerChart]) -> Result:
    """Return charts' points as rows, in the columns of `TREND_COLUMNS`."""
    return Result.from_rows(TREND_COLUMNS, (row for chart in charts for row in _rows(chart)))


def _rows(chart: ScannerChart) -> Iterator[tuple[Any, ...]]:
    band = chart.tolerance
    limits = (None, None) if band is None else (_end(band.low), _end(band.high))
    for point in chart.points:
        held = point.baseline_number
        baseline = None if held < 0 else chart.baselines[held]
        yield (
            chart.scanner,
            chart.name.display,
            chart.protocol,
            chart.quantity,
            chart.unit,
            point.at,
            point.value,
            point.se,
            point.ewma,
            point.ewma_low,
            point.ewma_high,
            point.low,
            point.high,
            None if baseline is None else baseline.center,
            None if baseline is None else baseline.sigma,
            None if baseline is None else baseline.status,
            *limits,
            "\\".join(point.alarms) or None,
            point.is_out_of_tolerance,
            point.is_manual,
            point.StudyInstanceUID,
            point.SeriesInstanceUID,
            point.SOPInstanceUID,
            point.analysis_id,
        )


def _end(limit: float) -> float | None:
    return limit if abs(limit) < float("inf") else None
