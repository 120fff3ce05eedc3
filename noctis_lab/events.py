"""Typed facts that processes tell each other through the catalogue's `event` table."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import ClassVar, Final

__all__ = [
    "EVENTS",
    "HU_ALARM_WORDS",
    "ChildRestarted",
    "Event",
    "HuAlarm",
    "HuRecorded",
    "InstanceConflict",
    "InstanceRejected",
    "InstanceStored",
    "MeasurementChanged",
    "QuarantineSettled",
    "SenderRefused",
    "SeriesFlushed",
    "SeriesSummarised",
    "parse_event",
]


_ENCODER = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact; `kind` is its name in the table. UIDs and titles only, never patient data."""

    kind: ClassVar[str] = "event"

    def to_json(self) -> str:
        """Return the fields as a JSON object."""
        # One is written with every instance: asdict, which copies deeply, takes four times as long.
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return _ENCODER.encode(values)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStored(Event):
    """An instance was admitted."""

    kind: ClassVar[str] = "instance-stored"
    StudyInstanceUID: str
    SeriesInstanceUID: str
    SOPInstanceUID: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceConflict(Event):
    """A known SOPInstanceUID came with other content and was quarantined."""

    kind: ClassVar[str] = "instance-conflict"
    StudyInstanceUID: str
    SOPInstanceUID: str
    quarantine_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRejected(Event):
    """Bytes that could not be admitted were quarantined."""

    kind: ClassVar[str] = "instance-rejected"
    quarantine_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineSettled(Event):
    """What was kept aside is so no more: `outcome` is accepted or discarded."""

    kind: ClassVar[str] = "quarantine-settled"
    quarantine_id: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderRefused(Event):
    """An unknown or blocked sender asked for an association."""

    kind: ClassVar[str] = "sender-refused"
    calling_aet: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSummarised(Event):
    """The worker wrote a series' facts and thumbnail."""

    kind: ClassVar[str] = "series-summarised"
    StudyInstanceUID: str
    SeriesInstanceUID: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFlushed(Event):
    """The worker wrote a quiet series to Parquet."""

    kind: ClassVar[str] = "series-flushed"
    SeriesInstanceUID: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildRestarted(Event):
    """The supervisor restarted a process that had died."""

    kind: ClassVar[str] = "child-restarted"
    process: str
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementChanged(Event):
    """Somebody made, changed or deleted a measurement."""

    kind: ClassVar[str] = "measurement-changed"
    StudyInstanceUID: str
    SeriesInstanceUID: str
    MeasurementUID: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HuRecorded(Event):
    """Something of calibration was recorded; `record_kind` is a `HuKind`.

    StudyInstanceUID is None where it is of a scanner, not of a series.
    """

    kind: ClassVar[str] = "hu-recorded"
    record_kind: str
    record_id: str
    StudyInstanceUID: str | None


#: Fields of `HuAlarm` that are columns of the view `hu_alarm`.
HU_ALARM_WORDS: Final = ("scanner_display", "protocol", "quantity", "rule", "side")


@dataclass(frozen=True, slots=True, kw_only=True)
class HuAlarm(Event):
    """A scan is outside of a control limit or a tolerance: `rule` says which, `side` on which side.

    `scanner` is as the records name it, `scanner_display` for people.
    """

    kind: ClassVar[str] = "hu-alarm"
    alarm_id: str
    StudyInstanceUID: str
    SeriesInstanceUID: str
    scanner: str
    scanner_display: str
    protocol: str
    quantity: str
    rule: str
    side: str


EVENTS: dict[str, type[Event]] = {cls.kind: cls for cls in Event.__subclasses__()}


def parse_event(kind: str, fields: str) -> Event:
    """Return the event that `to_json` wrote.

    Raises
    ------
    KeyError
        `kind` is none of `EVENTS`.
    """
    return EVENTS[kind](**json.loads(fields))
