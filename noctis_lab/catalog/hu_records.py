"""Records of calibration: appended, never changed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self

from sqlalchemy import func, insert, select

from noctis_lab.catalog import schema
from noctis_lab.catalog.events import add_events
from noctis_lab.catalog.instants import from_instant, to_instant
from noctis_lab.catalog.records import SeriesRow
from noctis_lab.catalog.rows import clean_text, is_withheld_reference
from noctis_lab.catalog.snapshot import in_pieces
from noctis_lab.catalog.store import Catalog
from noctis_lab.events import HU_ALARM_WORDS, Event, HuAlarm, HuRecorded

__all__ = [
    "WORKER",
    "HuKind",
    "HuRecord",
    "find_checks",
    "find_latest",
    "to_record",
    "write_record",
    "write_records",
]


WORKER: Final = "worker"  #: the author of what no person asked for
_OFF: Final = ("warn", "fail")


class HuKind(StrEnum):
    """What a record is of; each has a view of its name, after ``hu_``."""

    ANALYSIS = "analysis"  # its regions are the view `hu_roi`
    REFUSAL = "refusal"  # a series that is no phantom to be analysed, and why; recomputed at will
    SERIES_CHECK = "series_check"
    BASELINE = "baseline"
    SCANNER_EVENT = "scanner_event"
    CURVE = "curve"
    CERTIFICATE = "certificate"  # a phantom's own nominal values
    ALARM = "alarm"  # of one scan on one chart
    ACKNOWLEDGEMENT = "acknowledgement"  # of an alarm, by a person

    @property
    def view(self) -> str:
        """The view's name."""
        return f"hu_{self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HuRecord:
    """One record; `document` holds the columns of its view, an analysis' ``rois`` too.

    Attributes
    ----------
    reference
        `SeriesRow.reference`; None where the record is of no series. So are the two UIDs.
    scanner
        As `hu_analysis.scanner` names one; None where the record is of none.
    """

    record_id: str  # a uuid4's 32 hexadecimal digits
    kind: HuKind
    author: str
    recorded_at: datetime  # aware
    document: Mapping[str, Any]  # JSON values; times as ISO 8601, UTC
    reference: str | None = None
    StudyInstanceUID: str | None = None
    SeriesInstanceUID: str | None = None
    scanner: str | None = None

    @property
    def is_withheld(self) -> bool:
        """Whether it is of a series that a collision keeps from every facility."""
        return self.reference is not None and is_withheld_reference(self.reference)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "record_id": self.record_id,
            "kind": self.kind.value,
            "author": self.author,
            "recorded_at": self.recorded_at.isoformat(timespec="microseconds"),
            "reference": self.reference,
            "StudyInstanceUID": self.StudyInstanceUID,
            "SeriesInstanceUID": self.SeriesInstanceUID,
            "scanner": self.scanner,
            "document": dict(self.document),
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Return what `to_json` wrote."""
        given = dict(fields)
        given["kind"] = HuKind(given["kind"])
        given["recorded_at"] = datetime.fromisoformat(given["recorded_at"])
        return cls(**given)


def write_record(catalog: Catalog, record: HuRecord) -> None:
    """Append a record; one of a known `record_id` changes nothing."""
    write_records(catalog, [record])


def write_records(catalog: Catalog, records: Sequence[HuRecord]) -> None:
    """Append records in one transaction; those of a known `record_id` change nothing."""
    table = schema.hu_record
    values = [_values(record) for record in records]
    with catalog.connections.write() as connection:
        for record, row in zip(records, values, strict=True):
            known = select(table.c.record_number).where(table.c.record_id == record.record_id)
            if connection.execute(known).first() is not None:
                continue
            connection.execute(insert(table).values(row))
            add_events(connection, _events_of(record), to_instant(catalog.clock()))


def _values(record: HuRecord) -> dict[str, Any]:
    document = _storable({**record.document, "SeriesInstanceUID": record.SeriesInstanceUID})
    return {
        "record_id": record.record_id,
        "kind": record.kind.value,
        "reference": record.reference,
        "StudyInstanceUID": record.StudyInstanceUID,
        "scanner": _storable(record.scanner),
        "author": clean_text(record.author),
        "recorded_at": to_instant(record.recorded_at),
        "document": json.dumps(document, separators=(",", ":"), allow_nan=False),
    }


def _events_of(record: HuRecord) -> list[Event]:
    recorded = HuRecorded(
        record_kind=record.kind.value,
        record_id=record.record_id,
        StudyInstanceUID=record.StudyInstanceUID,
    )
    if record.kind is not HuKind.ALARM:
        return [recorded]
    words = {name: str(record.document.get(name) or "") for name in HU_ALARM_WORDS}
    raised = HuAlarm(
        alarm_id=record.record_id,
        StudyInstanceUID=record.StudyInstanceUID or "",
        SeriesInstanceUID=record.SeriesInstanceUID or "",
        scanner=clean_text(record.scanner or ""),
        **_storable(words),
    )
    return [recorded, raised]


def find_latest(catalog: Catalog, kind: HuKind, references: Collection[str]) -> dict[str, HuRecord]:
    """Return each series' newest record of a kind, by reference; those without are left out."""
    table = schema.hu_record
    found: dict[str, HuRecord] = {}
    with catalog.connections.read() as connection:
        for piece in in_pieces(sorted(set(references))):
            newest = (
                select(func.max(table.c.record_number))
                .where(table.c.kind == kind.value, table.c.reference.in_(piece))
                .group_by(table.c.reference)
            )
            statement = select(table).where(table.c.record_number.in_(newest))
            for row in connection.execute(statement):
                found[row.reference] = to_record(row)
    return found


def find_checks(catalog: Catalog, series: Iterable[SeriesRow]) -> dict[str, HuRecord]:
    """Return the newest checks of the scale of those series that are CT, by reference.

    What is off in a study that holds a PET by now is told for information, "unknown", as of one
    that held it when it was checked: a PET often arrives after its CT.
    """
    references = [row.reference for row in series if row.Modality == "CT"]
    found = find_latest(catalog, HuKind.SERIES_CHECK, references)
    off = {key: record for key, record in found.items() if record.document.get("status") in _OFF}
    studies = {record.StudyInstanceUID for record in off.values() if record.StudyInstanceUID}
    with_pet = {uid for uid in studies if _has_pet(catalog, uid)}
    for key, record in off.items():
        if record.StudyInstanceUID in with_pet:
            told = {**record.document, "status": "unknown", "for_information": True}
            found[key] = replace(record, document=told)
    return found


def _has_pet(catalog: Catalog, StudyInstanceUID: str) -> bool:
    study = catalog.find_study(StudyInstanceUID)
    return study is not None and "PT" in study.modalities


def _storable(value: Any) -> Any:
    """Return a JSON value whose texts every database stores: no NUL, no lone surrogate."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {_storable(name): _storable(one) for name, one in value.items()}
    return [_storable(one) for one in value] if isinstance(value, list | tuple) else value


def to_record(row: Any) -> HuRecord:
    """Return the record that a row of `schema.hu_record` holds."""
    document = json.loads(row.document)
    return HuRecord(
        record_id=row.record_id,
        kind=HuKind(row.kind),
        author=row.author,
        recorded_at=from_instant(row.recorded_at),
        document=document,
        reference=row.reference,
        StudyInstanceUID=row.StudyInstanceUID,
        SeriesInstanceUID=document.get("SeriesInstanceUID"),
        scanner=row.scanner,
    )
