"""Control charts of scanners, from what is recorded: per scanner, protocol and quantity."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from noctis_lab.analysis.calibration.charts.baselines import Baseline
from noctis_lab.analysis.calibration.charts.control import (
    Alarm,
    ControlChart,
    RuleTrack,
    control_chart,
)
from noctis_lab.analysis.calibration.charts.rules import EWMA, SHEWHART
from noctis_lab.analysis.calibration.charts.standing import standing_of
from noctis_lab.analysis.calibration.charts.tolerance import ToleranceBand, ToleranceBreach
from noctis_lab.analysis.calibration.charts.trends import ChartKey, Trend, trend_of
from noctis_lab.catalog.hu_records import HuKind, HuRecord
from noctis_lab.catalog.hu_sight import find_in_sight
from noctis_lab.catalog.store import Catalog
from noctis_lab.errors import CannotCalibrate
from noctis_lab.jobs.calibration.said import ChartEvent, Said, baselines_of
from noctis_lab.jobs.calibration.scans import (
    Measured,
    PhantomScan,
    require_quantity,
    scans_of,
    unit_of,
)

__all__ = [
    "CHART_KINDS",
    "ChartBaseline",
    "ChartPoint",
    "ScannerChart",
    "ScannerName",
    "charts_of",
    "find_charts",
    "find_scans",
    "find_trend",
]

#: What charts are drawn from.
CHART_KINDS: Final = (HuKind.ANALYSIS, HuKind.BASELINE, HuKind.SCANNER_EVENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerName:
    """By what people know a scanner, as its newest scan says; None where it does not.

    Attributes
    ----------
    display
        Its station's name, or else its model's, or else what the records call it.
    """

    display: str
    Manufacturer: str | None
    ManufacturerModelName: str | None
    StationName: str | None
    DeviceSerialNumber: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartPoint:
    """One scan on a chart.

    Attributes
    ----------
    at
        When it was acquired, by the scanner's own clock: without a zone.
    value, se
        In the chart's unit; `se` None where it cannot be told.
    SOPInstanceUID
        The plane to open: the middle one of what was measured. Figures that are of no insert open
        that of the first insert; None where the analysis names none.
    analysis_id
        Under which it is recorded.
    is_manual
        A person has placed regions or named the phantom.
    ewma, ewma_low, ewma_high
        The moving average and its limits at this scan; None where no limits hold.
    low, high
        Shewhart's limits.
    baseline_number
        Which of the chart's `baselines` it is held against, −1 for none.
    alarms
        Names of the rules that it is outside of: "shewhart", "ewma".
    is_out_of_tolerance
        Whatever its control limits.
    """

    at: datetime
    value: float
    se: float | None
    StudyInstanceUID: str
    SeriesInstanceUID: str
    SOPInstanceUID: str | None
    analysis_id: str
    is_manual: bool
    ewma: float | None
    ewma_low: float | None
    ewma_high: float | None
    low: float | None
    high: float | None
    baseline_number: int
    alarms: tuple[str, ...]
    is_out_of_tolerance: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartBaseline:
    """What scans are held against from a time on.

    Attributes
    ----------
    valid_from
        By the scanner's own clock.
    center, sigma
        None where it is of too few scans.
    status
        "pending", "no spread", "provisional" (under 20 scans) or "established".
    reason
        What a person said, or "first scans", or the kind of the event that began it.
    baseline_id, author
        Of one that a person has set; None where it is estimated from scans.
    """

    valid_from: datetime
    center: float | None
    sigma: float | None
    scan_count: int
    status: str
    is_provisional: bool
    estimator: str
    reason: str
    baseline_id: str | None
    author: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerChart:
    """A figure of one scanner and protocol over time, and how it stands.

    Attributes
    ----------
    scanner, protocol, quantity
        As `CalibrationRecords.trend` takes them.
    key
        What the protocol is of: phantom, kVp, kernel and slice thickness.
    unit
        "HU", "mm", "°", "1/mm", or empty.
    points
        Oldest first.
    alarms, breaches
        Scans outside of a rule's limits, and of the tolerance; those with `is_onset`, and the first
        of breaches that follow one another, are what people are told.
    tolerance
        Where the figure must lie: the newest scan's accepted range, None where it was held to
        none. Apart from control limits.
    left_out_count
        Scans without a time, or with no finite value.
    status
        "in control", "drifting", "step", "out of tolerance", "provisional" or "no verdict".
    chart
        The same as arrays.
    """

    scanner: str
    protocol: str
    quantity: str
    key: ChartKey
    name: ScannerName
    unit: str
    points: tuple[ChartPoint, ...]
    baselines: tuple[ChartBaseline, ...]
    tolerance: ToleranceBand | None
    alarms: tuple[Alarm, ...]
    breaches: tuple[ToleranceBreach, ...]
    events: tuple[ChartEvent, ...]
    left_out_count: int
    status: str
    chart: ControlChart


def find_charts(
    catalog: Catalog,
    facilities: Collection[str] | None = None,
    *,
    scanner: str | None = None,
    protocol: str | None = None,
    quantity: str | None = None,
) -> tuple[ScannerChart, ...]:
    """Draw the charts that people of some facilities may see.

    Baselines are those that were recorded; before the first of them, and from each event on that
    may have made the scanner another (`said.BEGIN_ANEW`), they are estimated from the first 20
    scans.

    Parameters
    ----------
    facilities
        None for every one. Scans, baselines and events out of their sight have no say.
    scanner, protocol
        Only those.
    quantity
        Only that, and any figure of an analysis can be asked for; None for those of `CHARTED` that
        were measured and every insert.

    Returns
    -------
    tuple of ScannerChart
        By scanner, protocol, then quantity in the order of an analysis' own.

    Raises
    ------
    CannotCalibrate
        ``no_such_quantity``; ``too_many_scans``, ``too_many_events``: more than a chart takes.
    """
    if quantity is not None:
        require_quantity(quantity)
    records = find_in_sight(catalog, CHART_KINDS, facilities, scanner=scanner)
    return charts_of(records, protocol=protocol, quantity=quantity)


def charts_of(
    records: Sequence[HuRecord], *, protocol: str | None = None, quantity: str | None = None
) -> tuple[ScannerChart, ...]:
    """Draw the charts of records; as `find_charts`, which finds them."""
    said = Said.of(records)
    charts: list[ScannerChart] = []
    for key, scans in sorted(_by_key(scans_of(records), protocol).items(), key=_in_order):
        wanted = dict.fromkeys(q for scan in scans for q in scan.quantities)
        for each in wanted if quantity is None else (quantity,):
            drawn = _draw(key, each, scans, said)
            if drawn is not None:
                charts.append(drawn)
    return tuple(charts)


def find_scans(
    catalog: Catalog,
    facilities: Collection[str] | None,
    *,
    scanner: str,
    protocol: str | None = None,
) -> list[PhantomScan]:
    """Return a scanner's scans that people of some facilities see; `protocol`: of that one only."""
    records = find_in_sight(catalog, (HuKind.ANALYSIS,), facilities, scanner=scanner)
    return [scan for scan in scans_of(records) if protocol in (None, scan.key.protocol)]


def find_trend(
    catalog: Catalog,
    facilities: Collection[str] | None,
    *,
    scanner: str,
    protocol: str,
    quantity: str,
) -> Trend | None:
    """Return a figure of one scanner and protocol in order of time, None where no scan has it.

    Raises
    ------
    CannotCalibrate
        ``no_such_quantity``; ``too_many_scans``.
    """
    require_quantity(quantity)
    scans = find_scans(catalog, facilities, scanner=scanner, protocol=protocol)
    readings = [each for scan in scans if (each := scan.reading(quantity)) is not None]
    return trend_of(readings) if readings else None


def _draw(
    key: ChartKey, quantity: str, scans: Sequence[PhantomScan], said: Said
) -> ScannerChart | None:
    measured = {scan.scan_id: found for scan in scans if (found := scan.measured(quantity))}
    if not measured:
        return None
    by_id = {scan.scan_id: scan for scan in scans}
    readings = [by_id[scan_id].reading(quantity) for scan_id in measured]
    trend = trend_of(reading for reading in readings if reading is not None)
    events = tuple(said.events.get(key.scanner, ()))
    held, named = baselines_of(
        trend, events, said.baselines.get((key.scanner, key.protocol, quantity), ())
    )
    chart = control_chart(trend, held, tolerance=_tolerance(trend, measured))
    return ScannerChart(
        scanner=key.scanner,
        protocol=key.protocol,
        quantity=quantity,
        key=key,
        name=_name_of(key.scanner, scans[-1].record.document),
        unit=unit_of(quantity),
        points=_points(chart, by_id, measured),
        baselines=tuple(_shown(each, named.get(number)) for number, each in enumerate(held)),
        tolerance=chart.tolerance,
        alarms=chart.alarms,
        breaches=chart.breaches,
        events=events,
        left_out_count=len(trend.left_out),
        status=standing_of(chart),
        chart=chart,
    )


def _by_key(
    scans: Iterable[PhantomScan], protocol: str | None
) -> dict[ChartKey, list[PhantomScan]]:
    found: dict[ChartKey, list[PhantomScan]] = {}
    for scan in scans:
        if protocol is None or scan.key.protocol == protocol:
            found.setdefault(scan.key, []).append(scan)
    return found


def _in_order(item: tuple[ChartKey, object]) -> tuple[str, str]:
    return item[0].scanner, item[0].protocol


def _tolerance(trend: Trend, measured: Mapping[str, Measured]) -> ToleranceBand | None:
    """Return the newest scan's: certificates and sets change, and the last word holds.

    None where that scan was held to nothing: limits that a person gave for one analysis judge none
    that came after it.
    """
    if not trend.scan_ids:
        return None
    found = measured[trend.scan_ids[-1]]
    if found.low is None and found.high is None:
        return None
    try:
        return ToleranceBand(
            low=-math.inf if found.low is None else found.low,
            high=math.inf if found.high is None else found.high,
            source=found.source or "",
        )
    except CannotCalibrate:
        return None


def _points(
    chart: ControlChart, scans: Mapping[str, PhantomScan], measured: Mapping[str, Measured]
) -> tuple[ChartPoint, ...]:
    tracks = {track.rule.name: track for track in chart.tracks}
    ewma, shewhart = _columns(tracks[EWMA.name]), _columns(tracks[SHEWHART.name])
    outside: dict[str, list[str]] = {}
    for alarm in chart.alarms:
        outside.setdefault(alarm.scan_id, []).append(alarm.rule)
    breached = {breach.scan_id for breach in chart.breaches}
    found = []
    times = chart.trend.at.tolist()
    for place, scan_id in enumerate(chart.trend.scan_ids):
        figure, record = measured[scan_id], scans[scan_id].record
        found.append(
            ChartPoint(
                at=times[place],
                value=figure.value,
                se=_real(figure.se),
                StudyInstanceUID=record.StudyInstanceUID or "",
                SeriesInstanceUID=record.SeriesInstanceUID or "",
                SOPInstanceUID=figure.SOPInstanceUID,
                analysis_id=record.record_id,
                is_manual=record.document.get("is_manual") is True,
                ewma=ewma[0][place],
                ewma_low=ewma[1][place],
                ewma_high=ewma[2][place],
                low=shewhart[1][place],
                high=shewhart[2][place],
                baseline_number=int(chart.baseline_numbers[place]),
                alarms=tuple(outside.get(scan_id, ())),
                is_out_of_tolerance=scan_id in breached,
            )
        )
    return tuple(found)


def _columns(track: RuleTrack) -> list[list[float | None]]:
    return [
        [_real(value) for value in column.tolist()]
        for column in (track.statistic, track.low, track.high)
    ]


def _shown(baseline: Baseline, record: HuRecord | None) -> ChartBaseline:
    return ChartBaseline(
        valid_from=baseline.valid_from.tolist(),
        center=_real(baseline.center),
        sigma=_real(baseline.sigma),
        scan_count=baseline.scan_count,
        status=baseline.status,
        is_provisional=baseline.status in ("pending", "provisional"),
        estimator=baseline.estimator,
        reason=baseline.reason,
        baseline_id=None if record is None else record.record_id,
        author=None if record is None else record.author,
    )


def _name_of(scanner: str, told: Mapping[str, Any]) -> ScannerName:
    words = {
        name: value if isinstance(value := told.get(name), str) and value else None
        for name in (
            *("Manufacturer", "ManufacturerModelName", "StationName", "DeviceSerialNumber"),
        )
    }
    return ScannerName(
        display=words["StationName"] or words["ManufacturerModelName"] or scanner, **words
    )


def _real(value: float) -> float | None:
    return None if math.isnan(value) else value
