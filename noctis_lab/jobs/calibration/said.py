"""What people have recorded of scanners, as charts take it: baselines and events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

import numpy as np

from noctis_lab.analysis.calibration.charts.baselines import (
    Baseline,
    Estimator,
    ScannerEvent,
    baselines_from_events,
)
from noctis_lab.analysis.calibration.charts.trends import Trend
from noctis_lab.catalog.hu_records import HuKind, HuRecord
from noctis_lab.errors import CannotCalibrate
from noctis_lab.jobs.calibration.scans import at_by_scanner

__all__ = ["BEGIN_ANEW", "ChartEvent", "Said", "baselines_of"]

#: Events after which a scanner's figures may be others: each begins a baseline.
BEGIN_ANEW: Final = frozenset(
    {"service", "tube change", "detector change", "calibration", "software", "move"}
)
_RECORDED: Final = "recorded"
_ESTIMATORS: Final[dict[str, Estimator]] = {
    "moving range": "moving range",
    "standard deviation": "standard deviation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartEvent:
    """Something that happened to the scanner; `at` by its own clock."""

    event_id: str
    event_kind: str
    at: datetime
    note: str | None
    author: str
    begins_baseline: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What people have recorded of scanners."""

    baselines: Mapping[tuple[str | None, str, str], Sequence[HuRecord]]
    events: Mapping[str | None, Sequence[ChartEvent]]

    @classmethod
    def of(cls, records: Iterable[HuRecord]) -> Self:
        """Return what records say, events in order of time; of other kinds nothing."""
        baselines: dict[tuple[str | None, str, str], list[HuRecord]] = {}
        events: dict[str | None, list[ChartEvent]] = {}
        for record in records:
            told = record.document
            if record.kind is HuKind.BASELINE:
                key = record.scanner, str(told.get("protocol")), str(told.get("quantity"))
                baselines.setdefault(key, []).append(record)
            elif record.kind is HuKind.SCANNER_EVENT and (event := _event_of(record)) is not None:
                events.setdefault(record.scanner, []).append(event)
        for noted in events.values():
            noted.sort(key=lambda event: event.at)
        return cls(baselines=baselines, events=events)


def baselines_of(
    trend: Trend, events: Sequence[ChartEvent], records: Sequence[HuRecord]
) -> tuple[tuple[Baseline, ...], dict[int, HuRecord]]:
    """Return the baselines, ascending in time, and by their number those that people have set."""
    stated = {}
    for record in records:  # of two of one moment the later recorded holds
        baseline = _stated(record)
        if baseline is not None:
            stated[baseline.valid_from] = (baseline, record)
    begins = [
        ScannerEvent(kind=event.event_kind, happened_at=np.datetime64(event.at, "us"))
        for event in events
        if event.begins_baseline
    ]
    # Each recorded one ends what is estimated before it, as an event does.
    begins += [ScannerEvent(kind=_RECORDED, happened_at=at) for at in stated]
    estimated = baselines_from_events(trend, begins)
    held = [each for each in estimated if each.valid_from not in stated]
    held += [each for each, _ in stated.values()]
    held.sort(key=lambda each: each.valid_from)
    named = {n: stated[b.valid_from][1] for n, b in enumerate(held) if b.valid_from in stated}
    return tuple(held), named


def _stated(record: HuRecord) -> Baseline | None:
    told = record.document
    at, until = at_by_scanner(told, "valid_from"), told.get("estimated_until")
    center, sigma, count = (told.get(name) for name in ("center", "sigma", "scan_count"))
    if at is None or not isinstance(center, int | float) or not isinstance(sigma, int | float):
        return None
    try:
        return Baseline(
            valid_from=np.datetime64(at, "us"),
            center=float(center),
            sigma=float(sigma),
            scan_count=count if isinstance(count, int) else 0,
            reason=str(told.get("reason")),
            estimator=_ESTIMATORS.get(str(told.get("estimator")), "stated"),
            estimated_until=_until(until),
        )
    except CannotCalibrate:  # none that a chart can hold a scan against
        return None


def _until(told: object) -> np.datetime64 | None:
    at = at_by_scanner({"scanner_time": told}, "")
    return None if at is None else np.datetime64(at, "us")


def _event_of(record: HuRecord) -> ChartEvent | None:
    told = record.document
    at = at_by_scanner(told, "happened_at")
    if at is None:
        return None
    kind, note = str(told.get("event_kind")), told.get("note")
    return ChartEvent(
        event_id=record.record_id,
        event_kind=kind,
        at=at,
        note=note if isinstance(note, str) else None,
        author=record.author,
        begins_baseline=kind in BEGIN_ANEW,
    )
