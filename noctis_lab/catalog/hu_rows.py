"""Records of calibration as rows of the views `hu_*`: one each, of an analysis several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, select

from noctis_lab.catalog import schema
from noctis_lab.catalog.hu_columns import HU_VIEWS
from noctis_lab.catalog.hu_records import HuRecord, to_record
from noctis_lab.catalog.instants import to_instant
from noctis_lab.catalog.snapshot import as_timestamp

__all__ = ["iter_rows", "read_new"]

type Rows = dict[str, list[tuple[Any, ...]]]


def read_new(connection: Connection, after: int) -> tuple[Rows, int]:
    """Return the rows that records after a number give, by view, and the last one's number."""
    table = schema.hu_record
    statement = select(table).where(table.c.record_number > after).order_by(table.c.record_number)
    rows: Rows = {}
    last = after
    for each in connection.execute(statement):
        last = each.record_number
        for view, row in iter_rows(to_record(each)):
            rows.setdefault(view, []).append(row)
    return rows, last


def iter_rows(record: HuRecord) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield the rows of a record, each with its view; what a document lacks is None."""
    own = {
        "StudyInstanceUID": record.StudyInstanceUID,
        "SeriesInstanceUID": record.SeriesInstanceUID,
        "scanner": record.scanner,
        "author": record.author,
        "recorded_at": record.recorded_at,
    }
    names = list(HU_VIEWS[record.kind.view])
    yield (
        record.kind.view,
        _row(record.kind.view, {**record.document, **own, names[0]: record.record_id}),
    )
    for number, roi in enumerate(record.document.get("rois", ())):
        told = {**roi, **own, "analysis_id": record.record_id, "roi_number": number}
        yield "hu_roi", _row("hu_roi", told)


def _row(view: str, values: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(_typed(name, values.get(name)) for name in HU_VIEWS[view])


def _typed(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name.endswith(("_at", "_from")):
        at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return as_timestamp(to_instant(at))
    return date.fromisoformat(value) if name == "AcquisitionDate" else value
