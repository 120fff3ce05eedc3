"""Alarms as records: what an analysis' scan is outside of, told once."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from noctis_lab.analysis.calibration.charts.control import Alarm
from noctis_lab.analysis.calibration.charts.tolerance import ToleranceBreach
from noctis_lab.catalog.hu_records import WORKER, HuKind, HuRecord
from noctis_lab.catalog.hu_sight import find_in_sight, studies_seen_beyond
from noctis_lab.errors import CannotCalibrate
from noctis_lab.jobs.calibration.charts import CHART_KINDS, ScannerChart, charts_of
from noctis_lab.jobs.calibration.scans import scans_of, to_clock

if TYPE_CHECKING:
    from datetime import datetime

    from noctis_lab.catalog.store import Catalog
    from noctis_lab.ingest.ledger import Ledger

__all__ = ["REARMED_AFTER", "TOLERANCE", "alarms_of", "raise_alarms"]

logger = logging.getLogger(__name__)

TOLERANCE: Final = "tolerance"  #: the rule of an alarm that is of no control limit
#: Scans in a row within a rule's limits that end an excursion. A scanner that is two deviations off
#: passes Shewhart's limits at one scan in six: what is told at each of them is soon not read.
REARMED_AFTER: Final = 10


def raise_alarms(catalog: Catalog, ledger: Ledger, analysis: HuRecord) -> list[HuRecord]:
    """Record what is newly outside of limits on the charts that an analysis is on.

    The charts are those that all people who see the series' study see: what others said of a
    scanner of the same name has no say, and an alarm tells nothing of it. Of a study that two
    facilities hold, that is what both of them see.

    Returns
    -------
    list of HuRecord
        Those that were added; each is an event too.
    """
    if analysis.is_withheld or analysis.StudyInstanceUID is None or analysis.scanner is None:
        return []
    reach = catalog.facilities_of(analysis.StudyInstanceUID)
    records, common = _seen_by_each(catalog, reach, analysis.scanner)
    (scan,) = scans_of([analysis])
    known = {record.record_id for record in records if record.kind is HuKind.ALARM}
    try:
        charts = charts_of(common, protocol=scan.key.protocol)
    except CannotCalibrate as refusal:  # more scans or events than a chart takes
        logger.warning("no alarms are looked for", extra={"refusal": refusal.refusal})
        return []
    seen = _looked_at(records)
    now = catalog.clock()
    found = list(
        alarms_of(
            *(charts, scan.scan_id, known),
            looked_at=seen,
            untold=_seen_beyond(catalog, records, reach),
            recorded_at=now,
        )
    )
    for alarm in found:
        ledger.record_hu(alarm)
    return found


def _seen_beyond(catalog: Catalog, records: Iterable[HuRecord], reach: Collection[str]) -> set[str]:
    """Return the scans that others see too, who would learn from an alarm what they do not see."""
    scans = [each for each in records if each.kind is HuKind.ANALYSIS]
    beyond = studies_seen_beyond(catalog, {each.StudyInstanceUID or "" for each in scans}, reach)
    return {str(each.reference) for each in scans if each.StudyInstanceUID in beyond}


def _seen_by_each(
    catalog: Catalog, reach: Collection[str], scanner: str
) -> tuple[list[HuRecord], list[HuRecord]]:
    """Return the records of a scanner that any of some facilities sees, and those that all see."""
    kinds = (*CHART_KINDS, HuKind.ALARM, HuKind.ACKNOWLEDGEMENT)
    seen = find_in_sight(catalog, kinds, reach or None, scanner=scanner)
    if len(reach) < 2:
        return seen, seen
    each = [find_in_sight(catalog, kinds, [one], scanner=scanner) for one in sorted(reach)]
    ids = set.intersection(*({record.record_id for record in of_one} for of_one in each))
    return seen, [record for record in seen if record.record_id in ids]


def alarms_of(
    charts: Iterable[ScannerChart],
    scan_id: str,
    known: Collection[str],
    *,
    looked_at: Collection[str] = (),
    untold: Collection[str] = (),
    recorded_at: datetime,
) -> Iterator[HuRecord]:
    """Yield the alarms of charts that nobody was told of yet, after a scan has come to them.

    An excursion is told once: of a chart, rule and side one alarm speaks for all scans until
    `REARMED_AFTER` of them in a row are within, or a baseline begins. Once somebody has looked at
    it, the next scan that leaves the limits anew is told again.

    Limits that were made of the same scans judge the scan that has just come, and no earlier one
    again: each new scan moves them a little. A tolerance judges the scan that has come too: it may
    change, and what was good stays so.

    Parameters
    ----------
    scan_id
        The scan's.
    known, looked_at
        `record_id` of alarms that are recorded, and of those that somebody has acknowledged.
    untold
        Scans of which nothing is told; another one of their excursion speaks for them.
    """
    for chart in charts:
        for rule, side, excursion in _excursions(chart):
            told = {
                alarm_id
                for each in _scans_around(chart, excursion)
                if (alarm_id := _alarm_id(chart, each, rule, side)) in known
            }
            tellable = [each for each in excursion if each.scan_id not in untold]
            which = _first_to_tell(tellable, scan_id, is_told=bool(told))
            if which is None or not told <= set(looked_at):
                continue
            alarm_id = _alarm_id(chart, which.scan_id, rule, side)
            if alarm_id not in told:
                words = {"rule": rule, "side": side, **which.words}
                yield _record(chart, which.scan_id, alarm_id, words, recorded_at)


def _first_to_tell(
    excursion: Sequence[_Outside], scan_id: str, *, is_told: bool
) -> _Outside | None:
    if is_told:
        anew = (each for each in excursion if each.scan_id == scan_id and each.is_onset)
    else:
        anew = (each for each in excursion if each.scan_id == scan_id or each.is_anew)
    return next(anew, None)


def _scans_around(chart: ScannerChart, excursion: Sequence[_Outside]) -> Sequence[str]:
    """Return the scans of an excursion and those just before it that an alarm may be of.

    Limits move while they are made: a scan that was told of may be within them by now.
    """
    first, last = excursion[0], excursion[-1]
    begins = max(0, first.place - REARMED_AFTER)
    if first.baseline >= 0:
        numbers = chart.chart.baseline_numbers
        begins = max(begins, int(np.searchsorted(numbers, first.baseline)))
    return chart.chart.trend.scan_ids[begins : last.place + 1]


def _looked_at(records: Sequence[HuRecord]) -> set[str]:
    """Return which alarms were acknowledged, by themselves or by a later one of their chart."""
    said = {
        each.document.get("alarm_id") for each in records if each.kind is HuKind.ACKNOWLEDGEMENT
    }
    before: dict[tuple[object, object], list[str]] = {}
    found: set[str] = set()
    alarms = (each for each in records if each.kind is HuKind.ALARM)
    for alarm in sorted(alarms, key=lambda each: (each.recorded_at, each.record_id)):
        chart = alarm.document.get("protocol"), alarm.document.get("quantity")
        mine = before.setdefault(chart, [])
        mine.append(alarm.record_id)
        if alarm.record_id in said:
            found.update(mine)
    return found


@dataclass(frozen=True, slots=True)
class _Outside:
    """A scan outside of a rule's limits, or of the tolerance."""

    scan_id: str
    place: int  # among the chart's scans
    baseline: int
    is_onset: bool
    is_anew: bool  # the limits are not made of it
    words: dict[str, Any]


def _excursions(chart: ScannerChart) -> Iterator[tuple[str, str, list[_Outside]]]:
    """Yield rule, side, and the scans outside of it that one alarm speaks for, oldest first."""
    for (rule, side), outside in _outside(chart).items():
        excursion: list[_Outside] = []
        for each in outside:
            last = excursion[-1] if excursion else each
            if each.place - last.place > REARMED_AFTER or each.baseline != last.baseline:
                yield rule, side, excursion
                excursion = []
            excursion.append(each)
        yield rule, side, excursion


def _outside(chart: ScannerChart) -> dict[tuple[str, str], list[_Outside]]:
    """Return the scans that are outside, by rule and side, oldest first."""
    places = {each: place for place, each in enumerate(chart.chart.trend.scan_ids)}
    found: dict[tuple[str, str], list[_Outside]] = {}
    for alarm in chart.alarms:
        place = places[alarm.scan_id]
        number = chart.points[place].baseline_number
        is_anew = not alarm.is_retrospective
        found.setdefault((alarm.rule, alarm.side), []).append(
            _Outside(alarm.scan_id, place, number, alarm.is_onset, is_anew, _of_rule(alarm))
        )
    for breach in chart.breaches:
        mine = found.setdefault((TOLERANCE, breach.side), [])
        place = places[breach.scan_id]
        is_onset = not mine or mine[-1].place + 1 < place
        # A tolerance is no baseline's: none that begins ends what is out of it.
        mine.append(_Outside(breach.scan_id, place, -1, is_onset, False, _of_breach(breach)))
    return found


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
