"""Alarms as records: what an analysis' scan is outside of, told once."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from noctis_lab.analysis.calibration.charts.control import Alarm
from noctis_lab.analysis.calibration.charts.tolerance import ToleranceBreach
from noctis_lab.catalog.hu_records import WORKER, HuKind, HuRecord
from noctis_lab.catalog.hu_sight import find_in_sight
from noctis_lab.errors import CannotCalibrate
from noctis_lab.jobs.calibration.charts import CHART_KINDS, ScannerChart, charts_of
from noctis_lab.jobs.calibration.scans import scans_of, to_clock

if TYPE_CHECKING:
    from datetime import datetime

    from noctis_lab.catalog.store import Catalog
    from noctis_lab.ingest.ledger import Ledger

__all__ = ["TOLERANCE", "alarms_of", "raise_alarms"]

logger = logging.getLogger(__name__)

TOLERANCE = "tolerance"  #: the rule of an alarm that is of no control limit


def raise_alarms(catalog: Catalog, ledger: Ledger, analysis: HuRecord) -> list[HuRecord]:
    """Record what is newly outside of limits on the charts that an analysis is on.

    The charts are those that people who see the series' study see: what others said of a scanner of
    the same name has no say, and an alarm tells nothing of it.

    Returns
    -------
    list of HuRecord
        Those that were added; each is an event too.
    """
    if analysis.is_withheld or analysis.StudyInstanceUID is None or analysis.scanner is None:
        return []
    reach = catalog.facilities_of(analysis.StudyInstanceUID) or None
    records = find_in_sight(catalog, (*CHART_KINDS, HuKind.ALARM), reach, scanner=analysis.scanner)
    (scan,) = scans_of([analysis])
    known = {record.record_id for record in records if record.kind is HuKind.ALARM}
    try:
        charts = charts_of(records, protocol=scan.key.protocol)
    except CannotCalibrate as refusal:  # more scans or events than a chart takes
        logger.warning("no alarms are looked for", extra={"refusal": refusal.refusal})
        return []
    found = list(alarms_of(charts, scan.scan_id, known, recorded_at=catalog.clock()))
    for alarm in found:
        ledger.record_hu(alarm)
    return found


def alarms_of(
    charts: Iterable[ScannerChart],
    scan_id: str,
    known: Collection[str],
    *,
    recorded_at: datetime,
) -> Iterator[HuRecord]:
    """Yield the alarms of charts that nobody was told of yet, after a scan has come to them.

    An excursion is told once. Limits that were made of the same scans judge the scan that has just
    come, and no earlier one again: each new scan moves them a little. A tolerance judges the scan
    that has come too: it may change, and what was good stays so.

    Parameters
    ----------
    scan_id
        The scan's.
    known
        `record_id` of alarms that are recorded.
    """
    for chart in charts:
        for rule, side, run in _excursions(chart):
            ids = [_alarm_id(chart, scan, rule, side) for scan, _, _ in run]
            if set(ids).isdisjoint(known):
                fresh = (n for n, (scan, anew, _) in enumerate(run) if anew or scan == scan_id)
                which = next(fresh, None)
                if which is not None:
                    scan, _, words = run[which]
                    told = {"rule": rule, "side": side, **words}
                    yield _record(chart, scan, ids[which], told, recorded_at)


type _Outside = tuple[str, bool, dict[str, Any]]  # scan, whether limits are not of it, in words


def _excursions(chart: ScannerChart) -> Iterator[tuple[str, str, list[_Outside]]]:
    """Yield rule, side, and the scans that follow one another outside of it, oldest first."""
    runs: dict[tuple[str, str], list[_Outside]] = {}
    for alarm in chart.alarms:
        key = alarm.rule, alarm.side
        if alarm.is_onset and key in runs:
            yield *key, runs.pop(key)
        outside = alarm.scan_id, not alarm.is_retrospective, _of_rule(alarm)
        runs.setdefault(key, []).append(outside)
    places = {each: place for place, each in enumerate(chart.chart.trend.scan_ids)}
    last = -1
    for breach in chart.breaches:
        key, place = (TOLERANCE, breach.side), places[breach.scan_id]
        if place != last + 1 and key in runs:
            yield *key, runs.pop(key)
        runs.setdefault(key, []).append((breach.scan_id, False, _of_breach(breach)))
        last = place
    for key, run in runs.items():
        yield *key, run


def _record(
    chart: ScannerChart, scan_id: str, alarm_id: str, told: dict[str, Any], recorded_at: datetime
) -> HuRecord:
    which = chart.points[chart.chart.trend.scan_ids.index(scan_id)]
    return HuRecord(
        record_id=alarm_id,
        kind=HuKind.ALARM,
        author=WORKER,
        recorded_at=recorded_at,
        document={
            "SOPInstanceUID": which.SOPInstanceUID,
            "analysis_id": which.analysis_id,
            "scanner_display": chart.name.display,
            "protocol": chart.protocol,
            "quantity": chart.quantity,
            "scanner_time": to_clock(which.at),
            "value": which.value,
            **told,
        },
        reference=scan_id,
        StudyInstanceUID=which.StudyInstanceUID,
        SeriesInstanceUID=which.SeriesInstanceUID,
        scanner=chart.scanner,
    )


def _of_breach(breach: ToleranceBreach) -> dict[str, Any]:
    return {
        "statistic": breach.value,
        "limit_value": breach.limit,
        "is_provisional": False,
        "tolerance_source": breach.source,
    }


def _of_rule(alarm: Alarm) -> dict[str, Any]:
    return {
        "statistic": alarm.value,
        "limit_value": alarm.limit,
        "center": alarm.center,
        "sigma": alarm.sigma,
        "scan_number": alarm.scan_number,
        "is_provisional": alarm.is_provisional,
    }


def _alarm_id(chart: ScannerChart, scan_id: str, rule: str, side: str) -> str:
    """Return the same id for the same point of a chart, so that two processes tell it once."""
    parts = (chart.scanner, chart.protocol, chart.quantity, scan_id, rule, side)
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]
