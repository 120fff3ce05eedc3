"""Calibration: what is recorded of scanners, their charts, and what people say of them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response

from noctis_lab.jobs.calibration.comparing import WITHIN_DAYS
from noctis_lab.lab import Lab
from noctis_lab.lab.calibrating.answers import chart_json, comparison_json, row_json
from noctis_lab.web.routes.context import AskedLab, Asking
from noctis_lab.web.routes.series import AskedSeries
from noctis_lab.web.schemas import (
    AcknowledgeAlarm,
    AddCertificates,
    HuPageAnswer,
    NoteScannerEvent,
    RecordedAnswer,
    SetBaseline,
)

__all__ = ["of_series", "router"]

router = APIRouter(prefix="/calibration", tags=["calibration"])
of_series = APIRouter(prefix="/studies/{study_uid}/series/{uid}", tags=["calibration"])

MOST_ROWS = 1_000

AlarmId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="An alarm's id.")]
Words = Annotated[str, Query(min_length=1, max_length=500)]
MaybeWords = Annotated[str | None, Query(min_length=1, max_length=500)]
MaybeUID = Annotated[str | None, Query(pattern=r"^[0-9.]{1,64}$")]
MaybeId = Annotated[str | None, Query(pattern=r"^[0-9a-f]{32}$")]


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows are wanted."""

    offset: int
    limit: int


def _window(
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
) -> Window:
    return Window(offset, limit)


AskedWindow = Annotated[Window, Depends(_window)]


class Records(StrEnum):
    """What is recorded, as addresses name it."""

    CHECKS = "checks"
    ANALYSES = "analyses"
    ROIS = "rois"
    REFUSALS = "refusals"
    BASELINES = "baselines"
    EVENTS = "events"
    CERTIFICATES = "certificates"


_VIEWS = {
    Records.CHECKS: "hu_series_check",
    Records.ANALYSES: "hu_analysis",
    Records.ROIS: "hu_roi",
    Records.REFUSALS: "hu_refusal",
    Records.BASELINES: "hu_baseline",
    Records.EVENTS: "hu_scanner_event",
    Records.CERTIFICATES: "hu_certificate",
}


@router.get("/records/{records}")
async def list_records(
    lab: AskedLab,
    principal: Asking,
    records: Records,
    window: AskedWindow,
    scanner: MaybeWords = None,
    SeriesInstanceUID: MaybeUID = None,
    analysis_id: MaybeId = None,
) -> HuPageAnswer:
    """Return a window of what is recorded, newest first, of studies that one may see.

    What has no such column (a baseline no series) is asked for without it: 422 says which there
    are.
    """
    asked = {
        "scanner": scanner,
        "SeriesInstanceUID": SeriesInstanceUID,
        "analysis_id": analysis_id,
    }
    where = {name: value for name, value in asked.items() if value is not None}

    def answer() -> HuPageAnswer:
        seen = lab.calibration.seen_by(principal)
        view, first = _VIEWS[records], window.offset
        total, rows = seen.page(view, where, offset=first, limit=window.limit)
        return HuPageAnswer(total=total, offset=first, rows=[row_json(row) for row in rows])

    return await asyncio.to_thread(answer)


@router.get("/trend")
async def trend(
    lab: AskedLab, principal: Asking, scanner: Words, protocol: Words, quantity: Words
) -> list[dict[str, Any]]:
    """Return a figure of each series of one scanner and protocol, oldest acquisition first."""

    def answer() -> list[dict[str, Any]]:
        found = lab.calibration.seen_by(principal).trend(scanner, protocol, quantity)
        return [row_json(row) for row in found.to_dict("records")]

    return await asyncio.to_thread(answer)


@router.get("/charts")
async def charts(
    lab: AskedLab,
    principal: Asking,
    scanner: MaybeWords = None,
    protocol: MaybeWords = None,
    quantity: MaybeWords = None,
) -> list[dict[str, Any]]:
    """Return control charts: points with limits, baselines, events, tolerance, and how it stands.

    Without `scanner` they come without their points: the fleet at a glance.
    """

    def answer() -> list[dict[str, Any]]:
        found = lab.calibration.seen_by(principal).charts(scanner, protocol, quantity)
        return [chart_json(chart, with_points=scanner is not None) for chart in found]

    return await asyncio.to_thread(answer)


@router.get("/alarms")
async def alarms(
    lab: AskedLab,
    principal: Asking,
    window: AskedWindow,
    scanner: MaybeWords = None,
    SeriesInstanceUID: MaybeUID = None,
    state: Literal["all", "open", "acknowledged"] = "all",
) -> HuPageAnswer:
    """Return a window of the alarms, newest first, with who acknowledged them."""
    asked = {"scanner": scanner, "SeriesInstanceUID": SeriesInstanceUID}

    def answer() -> HuPageAnswer:
        where = {name: value for name, value in asked.items() if value is not None}
        total, rows = lab.calibration.seen_by(principal).page(
            "hu_alarm",
            where,
            offset=window.offset,
            limit=window.limit,
            is_acknowledged=None if state == "all" else state == "acknowledged",
        )
        return HuPageAnswer(total=total, offset=window.offset, rows=[row_json(row) for row in rows])

    return await asyncio.to_thread(answer)


@router.post("/alarms/{alarm_id}/acknowledge")
async def acknowledge(
    lab: AskedLab, principal: Asking, alarm_id: AlarmId, asked: AcknowledgeAlarm
) -> RecordedAnswer:
    """Say that an alarm was looked at, and what of it; audited. It stays recorded."""
    return await _recorded(
        lambda: lab.calibration.acknowledge(alarm_id, note=asked.note, principal=principal)
    )


@router.post("/events")
async def note_event(lab: AskedLab, principal: Asking, asked: NoteScannerEvent) -> RecordedAnswer:
    """Note that something happened to a scanner: a service, a change of tube; audited."""
    return await _recorded(
        lambda: lab.calibration.note_event(
            asked.scanner,
            asked.event_kind,
            happened_at=_aware(asked.happened_at),
            note=asked.note,
            principal=principal,
        )
    )


@router.post("/baselines")
async def set_baseline(lab: AskedLab, principal: Asking, asked: SetBaseline) -> RecordedAnswer:
    """Set what a figure is held against from a time on; audited. An earlier one stays recorded."""
    return await _recorded(
        lambda: lab.calibration.set_baseline(
            (asked.scanner, asked.protocol, asked.quantity),
            reason=asked.reason,
            valid_from=_aware(asked.valid_from),
            center=asked.center,
            sigma=asked.sigma,
            principal=principal,
        )
    )


@router.post("/certificates")
async def add_certificates(
    lab: AskedLab, principal: Asking, asked: AddCertificates
) -> list[RecordedAnswer]:
    """Record phantoms' own nominal values, which later analyses are held to; audited."""
    ids = await asyncio.to_thread(
        lab.calibration.add_certificates,
        asked.csv,
        scanner=asked.scanner,
        note=asked.note,
        principal=principal,
    )
    return [RecordedAnswer(record_id=each) for each in ids]


@router.get("/comparison")
async def comparison(
    lab: AskedLab,
    principal: Asking,
    first: Words,
    second: Words,
    quantity: Words,
    protocol: MaybeWords = None,
    within_days: Annotated[float, Query(ge=0, le=3650)] = WITHIN_DAYS,
) -> dict[str, Any]:
    """Return how far a second scanner reads from a first one, by Bland and Altman."""

    def answer() -> dict[str, Any]:
        seen = lab.calibration.seen_by(principal)
        found = seen.compare(
            first, second, quantity=quantity, protocol=protocol, within_days=within_days
        )
        return comparison_json(found)

    return await asyncio.to_thread(answer)


@router.get("/export/{table}.{suffix}", response_class=Response)
async def export(
    lab: AskedLab,
    principal: Asking,
    table: Literal["trends", "analyses", "rois"],
    suffix: Literal["csv", "parquet"],
) -> Response:
    """Return what is recorded as a file."""
    data = await asyncio.to_thread(_exported, lab, principal, table, suffix)
    kind = "text/csv; charset=utf-8" if suffix == "csv" else "application/vnd.apache.parquet"
    return Response(
        data,
        media_type=kind,
        headers={"Content-Disposition": f'attachment; filename="calibration-{table}.{suffix}"'},
    )


@of_series.get("/calibration-report", response_class=Response)
async def report(lab: AskedLab, principal: Asking, series: AskedSeries) -> Response:
    """Return the series' newest phantom analysis as an HTML file that stands alone."""
    seen = lab.calibration.seen_by(principal)
    page = await asyncio.to_thread(
        seen.report, series.SeriesInstanceUID, StudyInstanceUID=series.StudyInstanceUID
    )
    return Response(
        page,
        media_type="text/html; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="calibration-report.html"'},
    )


def _exported(
    lab: Lab, principal: Asking, table: Literal["trends", "analyses", "rois"], suffix: str
) -> bytes:
    with tempfile.TemporaryDirectory(prefix="noctis-export-") as folder:
        path = FilePath(folder, f"{table}.{suffix}")
        lab.calibration.seen_by(principal).export(path, table=table)
        return path.read_bytes()


async def _recorded(act: Callable[[], str]) -> RecordedAnswer:
    return RecordedAnswer(record_id=await asyncio.to_thread(act))


def _aware(at: datetime | None) -> datetime | None:
    """Return a time with a zone: one without is the scanner's own clock, which bears none."""
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
