"""Readings of one figure, made for tests of control charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from noctis_lab.analysis.calibration.charts.baselines import Baseline
from noctis_lab.analysis.calibration.charts.trends import ChartKey, Reading, Trend, trend_of
from noctis_lab.synthetic import FleetScan

KEY = ChartKey(
    scanner="CT-A",
    phantom_model="CatPhan 504",
    KVP=120.0,
    ConvolutionKernel="Br40",
    SliceThickness=2.0,
)


def day(number: float) -> np.datetime64:
    return np.datetime64("2024-01-01", "us") + np.timedelta64(round(number * 86_400), "s")


def readings(
    values: Sequence[float], days: Sequence[float] | None = None, *, scanner: str = "CT-A"
) -> list[Reading]:
    """One reading a week, unless days are given."""
    at = range(0, 7 * len(values), 7) if days is None else days
    key = replace(KEY, scanner=scanner)
    return [
        Reading(key=key, figure="water_hu", scan_id=f"scan-{place}", at=day(when), value=value)
        for place, (value, when) in enumerate(zip(values, at, strict=True))
    ]


def trend(
    values: Sequence[float], days: Sequence[float] | None = None, *, scanner: str = "CT-A"
) -> Trend:
    return trend_of(readings(values, days, scanner=scanner))


def stated(center: float, sigma: float, *, from_day: float = 0, scans: int = 30) -> Baseline:
    return Baseline(
        valid_from=day(from_day),
        center=center,
        sigma=sigma,
        scan_count=scans,
        reason="acceptance",
    )


def fleet_readings(scans: Sequence[FleetScan], figure: str) -> list[Reading]:
    return [
        Reading(
            key=ChartKey(
                scanner=scan.scanner,
                phantom_model=scan.phantom_model,
                KVP=scan.KVP,
                ConvolutionKernel=scan.ConvolutionKernel,
                SliceThickness=scan.SliceThickness,
            ),
            figure=figure,
            scan_id=scan.scan_id,
            at=np.datetime64(scan.at, "us"),
            value=scan.figures[figure],
        )
        for scan in scans
    ]
