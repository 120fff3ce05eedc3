"""Records of calibration as rows of the views `hu_*`: one each, of an analysis several.

A record stays for good, and every process mirrors it: what does not fit its column is None there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, select

from noctis_lab.catalog import schema
from noctis_lab.catalog.hu_columns import HU_VIEWS
from noctis_lab.catalog.hu_records import HuRecord, to_record
from noctis_lab.catalog.instants import to_instant
from noctis_lab.catalog.snapshot import as_timestamp

__all__ = ["iter_rows", "read_new"]

logger = logging.getLogger(__name__)

type Rows = dict[str, list[tuple[Any, ...]]]


def read_new(connection: Connection, after: int) -> tuple[Rows, int]:
    """Return the rows that records after a number give, by view, and the last one's number."""
    table = schema.hu_record
    statement = select(table).where(table.c.record_number > after).order_by(table.c.record_number)
    rows: Rows = {}
    last = after
    for each in connection.execute(statement):
        last = each.record_number
        try:
            found = list(iter_rows(to_record(each)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            words = {"record_id": each.record_id, "error": type(error).__name__}
            logger.warning("a record of calibration is left out: it is none", extra=words)
            continue
        for view, row in found:
            rows.setdefault(view, []).append(row)
    return rows, last


def iter_rows(record: HuRecord) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield the rows of a record, each with its view; what a document lacks is None."""
    own = {
        "StudyInstanceUID": record.StudyInstanceUID,
        "SeriesInstanceUID": record.SeriesInstanceUID,
        "is_withheld": record.is_withheld,
        "scanner": record.scanner,
        "author": record.author,
        "recorded_at": record.recorded_at,
    }
    names = list(HU_VIEWS[record.kind.view])
    yield (
        record.kind.view,
        _row(record.kind.view, {**record.document, **own, names[0]: record.record_id}),
    )
    rois = record.document.get("rois", ())
    for number, roi in enumerate(rois if isinstance(rois, list | tuple) else ()):
        told = {**roi, **own, "analysis_id": record.record_id, "roi_number": number}
        yield "hu_roi", _row("hu_roi", told)


def _row(view: str, values: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(_typed(kind, values.get(name)) for name, kind in HU_VIEWS[view].items())


def _typed(kind: pa.DataType, value: Any) -> Any:
    """Return a value as its column has it, None where it is none of the column's."""
    if value is None:
        return None
    try:
        return pa.scalar(_told(kind, value), kind).as_py()
    except (OverflowError, TypeError, ValueError):  # pyarrow's own are ValueErrors and TypeErrors
        return None


def _told(kind: pa.DataType, value: Any) -> Any:
    if pa.types.is_string(kind):
        return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else None
    if pa.types.is_timestamp(kind):
        at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return as_timestamp(to_instant(at))
    return date.fromisoformat(value) if pa.types.is_date(kind) else value
